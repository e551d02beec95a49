//! Members of the lists in negotiation fields, and their parameters (RFC 9110 §5.6.1, §5.6.6).

use super::quality::Quality;

/// The most members of a field that are read, over all its lines.
pub const MAX_MEMBERS: usize = 64;

pub(super) fn is_weight(parameter: &[u8]) -> bool {
    matches!(parameter, [b'q' | b'Q', b'=', ..])
}

pub(super) fn weight(parameter: &[u8]) -> Option<Quality> {
    let qvalue = parameter.get(2..).filter(|_| is_weight(parameter))?;
    Quality::parse(qvalue)
}

/// The non-empty members of a list field's lines, at most [`MAX_MEMBERS`].
pub(super) fn members<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> impl Iterator<Item = &'a [u8]> {
    let split = lines
        .into_iter()
        .flat_map(|line| split_unquoted(line, b','));
    split.filter(|member| !member.is_empty()).take(MAX_MEMBERS)
}

/// Splits at a separator outside quoted strings, in which a backslash escapes (§5.6.4), and trims.
pub(super) fn split_unquoted(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let separates = move |byte: &u8| {
        if *byte == b'"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && *byte == b'\\' && !escaped;
        *byte == separator && !quoted
    };
    text.split(separates).map(<[u8]>::trim_ascii)
}
