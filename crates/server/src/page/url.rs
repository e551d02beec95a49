//! Encoding paths and names for URLs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// The characters to encode in a segment: those that RFC 3986 §3.3 excludes, and those with a
/// meaning in HTML or header fields, which include the sub-delimiters quote and ampersand.
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

/// The characters to encode in a name that is a relative reference: a colon could end a scheme.
#[cfg(feature = "files")]
const NAME: &AsciiSet = &SEGMENT.add(b':');

/// Appends a name, encoded for a URL.
#[cfg(feature = "files")]
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
        fn decoding_an_encoded_path_yields_the_path(names in prop::collection::vec(
            prop::collection::vec(1u8.., 1..12).prop_filter("a name", |name| {
                !name.contains(&b'/') && name != b"." && name != b".."
            }), 0..4)
        ) {
            let path = [b"/", &names.join(&b'/')[..]].concat();
            let encoded = encode_path(&path);
            let decoded = Path::normalize(&encoded).unwrap();
            prop_assert_eq!(decoded.as_bytes(), path);
            let special = ['"', '\'', '&', '<', '>', '?', '#', ' ', '\\'];
            prop_assert!(!encoded.contains(special));
            prop_assert!(encoded.is_ascii());
        }
    }
}
