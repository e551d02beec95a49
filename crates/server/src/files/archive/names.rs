//! Names in archives, and of archives.
//!
//! A name on Linux may contain any byte but `/` and NUL. In an archive a backslash is dangerous,
//! because Windows reads it as a separator (`..\..\x` leads out of the target directory), and so
//! are control bytes, which terminals obey when an archive is listed. Such bytes become `%5C`,
//! `%1B` and so on, and a `%` that looks like the beginning of such an escape becomes `%25`, so
//! that different names stay different.

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write;

/// Appends an escaped path or name.
pub(super) fn push_escaped(name: &[u8], out: &mut Vec<u8>) {
    let mut rest = name;
    while let [byte, behind @ ..] = rest {
        let length = match (byte, behind) {
            // C1 control characters in UTF-8: some terminals obey them too.
            (0xc2, [0x80..=0x9f, ..]) => 2,
            (b'%', [high, low, ..]) if looks_like_escape(*high, *low) => 1,
            (0..=0x1f | 0x7f | b'\\', _) => 1,
            _ => 0,
        };
        if length == 0 {
            out.push(*byte);
            rest = behind;
        } else {
            let (escaped, behind) = rest.split_at(length);
            for byte in escaped {
                out.push(b'%');
                out.extend(
                    [byte >> 4, byte & 15].map(|digit| b"0123456789ABCDEF"[usize::from(digit)]),
                );
            }
            rest = behind;
        }
    }
}

/// Whether two characters after a `%` are digits that [`push_escaped`] writes.
fn looks_like_escape(high: u8, low: u8) -> bool {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let (Some(high), Some(low)) = (digit(high), digit(low)) else {
        return false;
    };
    matches!(high << 4 | low, 0..=0x1f | 0x7f | b'\\' | b'%' | 0x80..=0x9f | 0xc2)
}

/// Everything except the `attr-char` of RFC 8187 §3.2.1.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The Content-Disposition of a file to be saved (RFC 6266): its name in ASCII, with `_` for other
/// characters, and in UTF-8.
pub(super) fn disposition(name: &[u8]) -> HeaderValue {
    let mut escaped = Vec::with_capacity(name.len());
    push_escaped(name, &mut escaped);
    let name = String::from_utf8_lossy(&escaped);
    let plain = |byte: &u8| match byte {
        b'"' | b'\\' | b'%' => '_',
        b' '..=b'~' => char::from(*byte),
        _ => '_',
    };
    let mut value = String::from("attachment; filename=\"");
    value.extend(escaped.iter().map(plain));
    // Writing to a string doesn't fail.
    let _ = write!(
        value,
        "\"; filename*=UTF-8''{}",
        utf8_percent_encode(&name, NOT_ATTR_CHAR)
    );
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(name: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_escaped(name, &mut out);
        out
    }

    #[test]
    fn dangerous_bytes_are_escaped_and_others_are_not() {
        let table: [(&[u8], &[u8]); 12] = [
            (b"plain a%20b.txt", b"plain a%20b.txt"),
            (b"..\\..\\evil", b"..%5C..%5Cevil"),
            (b"C:\\x", b"C:%5Cx"),
            (b"a\nb\x1b[31m\x7f\x01", b"a%0Ab%1B[31m%7F%01"),
            (b"100%", b"100%"),
            (b"a%5Cb", b"a%255Cb"),
            (b"a%5cb", b"a%5cb"),
            (b"%25", b"%2525"),
            ("ü€".as_bytes(), "ü€".as_bytes()),
            ("\u{9b}31m".as_bytes(), b"%C2%9B31m"),
            (b"\xff\x9b", b"\xff\x9b"),
            (b"dir/x\\y", b"dir/x%5Cy"),
        ];
        for (name, want) in table {
            assert_eq!(
                String::from_utf8_lossy(&escaped(name)),
                String::from_utf8_lossy(want)
            );
        }
    }

    #[test]
    fn dispositions() {
        let table: [(&[u8], &str); 5] = [
            (b"a.zip", "filename=\"a.zip\"; filename*=UTF-8''a.zip"),
            (
                b"a(1)*,;=@:'.zip",
                "filename=\"a(1)*,;=@:'.zip\"; filename*=UTF-8''a%281%29%2A%2C%3B%3D%40%3A%27.zip",
            ),
            (
                b"\\\"\n.zip",
                "filename=\"_5C__0A.zip\"; filename*=UTF-8''%255C%22%250A.zip",
            ),
            (
                b"\xff.zip",
                "filename=\"_.zip\"; filename*=UTF-8''%EF%BF%BD.zip",
            ),
            (
                "\u{202e}ü.zip".as_bytes(),
                "filename=\"_____.zip\"; filename*=UTF-8''%E2%80%AE%C3%BC.zip",
            ),
        ];
        for (name, want) in table {
            assert_eq!(disposition(name), format!("attachment; {want}"), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn different_names_stay_different(a in "[%C25\\\\AF\n\u{80}é]{0,6}", b in "[%C25\\\\AF\n\u{80}é]{0,6}") {
            prop_assert_eq!(a == b, escaped(a.as_bytes()) == escaped(b.as_bytes()));
        }

        #[test]
        fn any_name_yields_a_field_value(name in prop::collection::vec(any::<u8>(), 0..40)) {
            let value = disposition(&name);
            prop_assert!(value.as_bytes().is_ascii());
            let extended = value.to_str().unwrap().split("UTF-8''").last().unwrap();
            let is_attr_char = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~%".contains(&byte);
            prop_assert!(extended.bytes().all(is_attr_char));
        }
    }
}
