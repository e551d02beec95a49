//! Text in a line of the log: nothing of it can end the line, or look like another field.

use std::fmt::Write as _;

/// Escapes text as nginx and Apache do: quotes and backslashes with a backslash, everything but
/// printable ASCII as `\xHH`.
pub(super) fn escape(bytes: &[u8], line: &mut String) {
    if let Some(text) = plain(bytes) {
        return line.push_str(text);
    }
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => line.extend(['\\', char::from(byte)]),
            b' '..=b'~' => line.push(char::from(byte)),
            _ => {
                // Writing to a String doesn't fail.
                let _ = write!(line, "\\x{byte:02X}");
            }
        }
    }
}

/// The text, if nothing of it needs to be escaped.
fn plain(bytes: &[u8]) -> Option<&str> {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'"' && *byte != b'\\';
    match bytes.iter().all(is_plain) {
        true => std::str::from_utf8(bytes).ok(),
        false => None,
    }
}

/// Writes a user's name as one word, as Apache does: a space is escaped, `-` means none, `""` an
/// empty name.
pub(super) fn escape_user(user: Option<&[u8]>, line: &mut String) {
    let Some(user) = user else {
        return line.push('-');
    };
    match user {
        b"" => line.push_str("\"\""),
        b"-" => line.push_str("\\x2D"),
        _ => {
            for part in user.split_inclusive(|byte| *byte == b' ') {
                escape(part.strip_suffix(b" ").unwrap_or(part), line);
                if part.ends_with(b" ") {
                    line.push_str("\\x20");
                }
            }
        }
    }
}

/// Escapes text for JSON: everything but printable ASCII as `\uHHHH`.
pub(super) fn escape_json(bytes: &[u8], line: &mut String) {
    if let Some(text) = plain(bytes) {
        return line.push_str(text);
    }
    for character in String::from_utf8_lossy(bytes).encode_utf16() {
        match u8::try_from(character) {
            Ok(byte @ (b'"' | b'\\')) => line.extend(['\\', char::from(byte)]),
            Ok(byte @ b' '..=b'~') => line.push(char::from(byte)),
            _ => {
                // Writing to a String doesn't fail.
                let _ = write!(line, "\\u{character:04x}");
            }
        }
    }
}
