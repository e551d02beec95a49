//! Names for the faults of heads that the parser refused without naming them.

use crate::error::ProtocolError;
use http::{HeaderName, HeaderValue};

/// Names the fault of a start line whose version the parser refused: another version of HTTP, or
/// none.
pub(super) fn diagnose_version(start_line: &[u8]) -> ProtocolError {
    let is_another_version = |word: &[u8]| {
        matches!(word, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && *major != b'1' && minor.is_ascii_digit())
    };
    let mut words = start_line.split(|byte| *byte == b' ');
    if words.any(is_another_version) {
        ProtocolError::UnsupportedVersion
    } else {
        ProtocolError::MalformedStartLine
    }
}

/// Names the fault of a field section that the parser refused; `None` if this finds none.
pub(super) fn diagnose_fields(section: &[u8]) -> Option<ProtocolError> {
    for line in section.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.contains(&b'\r') {
            return Some(ProtocolError::BareCarriageReturn);
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return Some(ProtocolError::LineFolding);
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            if line.is_empty() {
                continue;
            }
            return Some(ProtocolError::InvalidFieldName);
        };
        let (name, value) = line.split_at(colon);
        if name.ends_with(b" ") || name.ends_with(b"\t") {
            return Some(ProtocolError::SpaceBeforeColon);
        }
        if HeaderName::from_bytes(name).is_err() {
            return Some(ProtocolError::InvalidFieldName);
        }
        if HeaderValue::from_bytes(&value[1..]).is_err() {
            return Some(ProtocolError::InvalidFieldValue);
        }
    }
    None
}
