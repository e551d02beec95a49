//! Paths and names as they stand in a URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// All that RFC 3986 §3.3 doesn't allow in a segment, and with it whatever HTML or a field could
/// take for something else. Sub-delimiters stay as they are, save the quote and the ampersand.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// A normalised path, encoded for a URL.
pub(crate) fn encode_path(path: &[u8]) -> String {
    percent_encode(path, PATH).to_string()
}

/// One name, encoded as a relative reference: a colon in it could be taken for the end of a scheme.
const NAME: &AsciiSet = &SEGMENT.add(b':');

/// Pushes a name, encoded for a URL, to the end of a text.
pub(crate) fn push_name(name: &[u8], out: &mut String) {
    out.extend(percent_encode(name, NAME));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tinyhttp_message::Path;

    proptest! {
        #[test]
        fn encoded_paths_come_back(names in prop::collection::vec(
            prop::collection::vec(1u8.., 1..12).prop_filter("a name", |name| {
                !name.contains(&b'/') && name != b"." && name != b".."
            }), 0..4)
        ) {
            let path = [b"/", &names.join(&b'/')[..]].concat();
            let encoded = encode_path(&path);
            let decoded = Path::normalize(&encoded).unwrap();
            prop_assert_eq!(decoded.as_bytes(), path);
            prop_assert!(!encoded.contains(['"', '\'', '&', '<', '>', '?', '#', '%', ' ', '\\']) || encoded.contains('%'));
            prop_assert!(encoded.is_ascii());
        }
    }
}
