//! Arguments as bytes: paths, data, fields and URLs need not be UTF-8.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What is percent-encoded in a form and a selector: all but the unreserved characters (RFC 3986
/// §2.3).
pub(in crate::get) const UNRESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The text before and behind the first `byte`.
pub(in crate::get) fn split_once(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|other| *other == byte)?;
    Some((&text[..at], &text[at + 1..]))
}

/// The same text with bytes that are not UTF-8 percent-encoded.
pub(in crate::get) fn percent_encoded(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        encoded.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The path in an argument.
pub(in crate::get) fn path(bytes: &[u8]) -> &std::path::Path {
    std::path::Path::new(OsStr::from_bytes(bytes))
}

/// An argument made of bytes.
pub(in crate::get) fn argument(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}

/// Text for messages, in quotes.
pub(in crate::get) fn quoted(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text() {
        let table: &[(&[u8], &str)] = &[
            (b"http://h/a b", "http://h/a b"),
            (b"h/caf\xe9/\xff\xfe?x=\xe9", "h/caf%E9/%FF%FE?x=%E9"),
            ("h/é".as_bytes(), "h/é"),
            (b"\xc3", "%C3"),
        ];
        for (text, want) in table {
            assert_eq!(percent_encoded(text), *want);
        }
    }
}
