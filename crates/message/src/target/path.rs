//! The path of a target, decoded and normalised (RFC 3986 §2.1, §5.2.4).

use crate::error::ProtocolError;
use std::borrow::Cow;

/// A path, percent-decoded and normalised: it starts with `/`, has no empty, `.` or `..` segment,
/// no NUL, and no `/` that was sent encoded. It is bytes, not text, as are file names on Unix.
///
/// An encoded slash (`%2f`) is data in a segment, never a separator, so it stays encoded, as `%2F`.
/// A file name can't contain one: [`Path::has_encoded_slash`] distinguishes such a path from one
/// with the three characters `%2F`, which is sent as `%252F`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<'t> {
    bytes: Cow<'t, [u8]>,
    has_encoded_slash: bool,
}

impl<'t> Path<'t> {
    /// Decodes each segment once and removes the dot segments (RFC 3986 §5.2.4). Several `/` in a
    /// row count as one. Allocates only if the path is not in its normal form.
    ///
    /// # Errors
    /// [`ProtocolError::MalformedPath`] for a `%` without two hexadecimal digits, for an encoded
    /// NUL, for `..` above the root, and for a path that doesn't start with `/`.
    pub fn normalize(raw: &'t str) -> Result<Self, ProtocolError> {
        let bytes = raw.as_bytes();
        if bytes.first() != Some(&b'/') {
            return Err(ProtocolError::MalformedPath);
        }
        if is_normal(bytes) {
            return Ok(Path {
                bytes: Cow::Borrowed(bytes),
                has_encoded_slash: false,
            });
        }
        let mut path = Vec::with_capacity(bytes.len());
        // The start of each segment so far, at its slash: `..` truncates the path there.
        let mut starts = Vec::new();
        let mut ends_in_slash = true;
        let mut has_encoded_slash = false;
        for segment in bytes[1..].split(|byte| *byte == b'/') {
            let start = path.len();
            path.push(b'/');
            has_encoded_slash |= decode(segment, &mut path)?;
            match &path[start + 1..] {
                b"" | b"." => path.truncate(start),
                b".." => path.truncate(starts.pop().ok_or(ProtocolError::MalformedPath)?),
                _ => {
                    starts.push(start);
                    ends_in_slash = false;
                    continue;
                }
            }
            ends_in_slash = true;
        }
        if ends_in_slash {
            path.push(b'/');
        }
        Ok(Path {
            bytes: Cow::Owned(path),
            has_encoded_slash,
        })
    }

    /// Whether a `/` was sent encoded, as part of a name. No file on Unix has such a name.
    #[must_use]
    pub fn has_encoded_slash(&self) -> bool {
        self.has_encoded_slash
    }

    /// The normalised bytes, with the leading `/`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the path ends in `/`, and so names a directory.
    #[must_use]
    pub fn ends_in_slash(&self) -> bool {
        self.bytes.ends_with(b"/")
    }

    /// The names between the slashes, none of them empty.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes
            .split(|byte| *byte == b'/')
            .filter(|segment| !segment.is_empty())
    }

    /// Returns the path with memory of its own, not borrowed from the target.
    #[must_use]
    pub fn into_owned(self) -> Path<'static> {
        Path {
            bytes: Cow::Owned(self.bytes.into_owned()),
            has_encoded_slash: self.has_encoded_slash,
        }
    }
}

/// Whether the path is its own normal form: there is nothing to decode, to join or to remove.
fn is_normal(path: &[u8]) -> bool {
    let mut after_slash = false;
    for &byte in path {
        match byte {
            b'%' | 0 => return false,
            b'/' | b'.' if after_slash => return false,
            _ => after_slash = byte == b'/',
        }
    }
    true
}

/// Decodes a segment, and returns whether it has an encoded slash, which stays encoded.
fn decode(segment: &[u8], into: &mut Vec<u8>) -> Result<bool, ProtocolError> {
    let mut has_encoded_slash = false;
    let mut rest = segment.iter();
    while let Some(&byte) = rest.next() {
        let byte = if byte == b'%' {
            let mut digit = || {
                rest.next()
                    .and_then(|digit| char::from(*digit).to_digit(16))
            };
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(ProtocolError::MalformedPath);
            };
            // Two hexadecimal digits are at most 255.
            (high * 16 + low) as u8
        } else {
            byte
        };
        match byte {
            0 => return Err(ProtocolError::MalformedPath),
            b'/' => {
                has_encoded_slash = true;
                into.extend_from_slice(b"%2F");
            }
            byte => into.push(byte),
        }
    }
    Ok(has_encoded_slash)
}
