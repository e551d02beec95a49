//! Heads to bytes: the reverse of [`head`](crate::head).
//!
//! # Theory
//!
//! A line break in a field name or value would let its author add fields or whole messages
//! (*response splitting*). So everything passes [`HeadWriter::field`], which refuses CR, LF and
//! NUL, even where the types of the `http` crate have refused them before.
//!
//! Names are written in the case used by the RFCs (`Content-Type`, `ETag`). Recipients ignore the
//! case (RFC 9110 §5.1); readers of a trace do not.
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::encode::HeadWriter;
//!
//! let mut out = Vec::new();
//! let mut head = HeadWriter::response(&mut out, http::StatusCode::NOT_FOUND);
//! head.field("content-length", b"0")?;
//! assert!(head.field("x", b"a\r\nb: c").is_err());
//! head.finish();
//! assert_eq!(out, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
//! # Ok::<(), tinyhttp_message::MisuseError>(())
//! ```

use crate::error::MisuseError;
use crate::grammar::{is_token, is_token_byte};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};

/// Writes one head, field by field, to the end of a buffer.
#[derive(Debug)]
pub struct HeadWriter<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> HeadWriter<'o> {
    /// Starts a response with its status line. A server sends its own version, HTTP/1.1, whatever
    /// the request's is (RFC 9110 §2.5).
    pub fn response(out: &'o mut Vec<u8>, status: StatusCode) -> Self {
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\r\n");
        HeadWriter { out }
    }

    /// Starts a request with its request line.
    ///
    /// # Errors
    /// [`MisuseError::InvalidTarget`] for an empty target, and for one with a space, a control byte
    /// or `#`. Nothing is written then.
    pub fn request(
        out: &'o mut Vec<u8>,
        method: &Method,
        target: &str,
        version: Version,
    ) -> Result<Self, MisuseError> {
        if target.is_empty()
            || target
                .bytes()
                .any(|byte| byte <= b' ' || byte == 0x7f || byte == b'#')
        {
            return Err(MisuseError::InvalidTarget);
        }
        let version: &[u8] = if version == Version::HTTP_10 {
            b" HTTP/1.0\r\n"
        } else {
            b" HTTP/1.1\r\n"
        };
        out.extend_from_slice(method.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(target.as_bytes());
        out.extend_from_slice(version);
        Ok(HeadWriter { out })
    }

    /// Writes a field line.
    ///
    /// # Errors
    /// [`MisuseError::InvalidFieldName`] for a name that isn't a token;
    /// [`MisuseError::InvalidFieldValue`] for a value with CR, LF or NUL. Nothing is written then.
    pub fn field(&mut self, name: &str, value: &[u8]) -> Result<(), MisuseError> {
        if !is_value(value) {
            return Err(MisuseError::InvalidFieldValue);
        }
        if !is_token(name.as_bytes()) {
            return Err(MisuseError::InvalidFieldName);
        }
        write_name(name, self.out);
        self.out.extend_from_slice(b": ");
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Writes a field line whose name is known when the program is compiled.
    ///
    /// # Errors
    /// [`MisuseError::InvalidFieldValue`] for a value with CR, LF or NUL. Nothing is written then.
    pub fn named(&mut self, name: FieldName, value: &[u8]) -> Result<(), MisuseError> {
        if !is_value(value) {
            return Err(MisuseError::InvalidFieldValue);
        }
        self.known(name.0, value);
        Ok(())
    }

    /// Writes a field that is known to be valid: its name with colon and space, and its value.
    pub(crate) fn known(&mut self, name: &'static str, value: &[u8]) {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Writes every field of a map.
    ///
    /// # Errors
    /// As [`HeadWriter::field`]. Fields before the invalid one are written.
    pub fn fields(&mut self, map: &HeaderMap) -> Result<(), MisuseError> {
        map.iter()
            .try_for_each(|(name, value)| self.field(name.as_str(), value.as_bytes()))
    }

    /// Writes prepared field lines.
    pub fn lines(&mut self, lines: &FieldLines) {
        self.out.extend_from_slice(&lines.0);
    }

    /// Reopens a finished head at the end of `out`, by removing its empty line, so that more fields
    /// can follow.
    pub fn reopen(out: &'o mut Vec<u8>) -> Self {
        if out.ends_with(b"\r\n\r\n") {
            out.truncate(out.len() - 2);
        }
        HeadWriter { out }
    }

    /// Writes the empty line that ends the head.
    pub fn finish(self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// A field name that was checked when the program was compiled, and is written as it stands.
///
/// ```
/// use tinyhttp_message::encode::{FieldLines, FieldName};
///
/// const ALLOW: FieldName = FieldName::new("Allow: ");
///
/// let lines = FieldLines::new(|head| head.named(ALLOW, b"GET"))?;
/// assert_eq!(lines, FieldLines::new(|head| head.field("allow", b"GET"))?);
/// # Ok::<(), tinyhttp_message::MisuseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldName(&'static str);

impl FieldName {
    /// A name, with the colon and the space behind it.
    ///
    /// # Panics
    /// If the name is no token, or colon and space are missing. In a `const`, that is an error of
    /// the compiler.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        let mut at = 0;
        while at < bytes.len() && is_token_byte(bytes[at]) {
            at += 1;
        }
        assert!(at > 0, "a field name is a token");
        assert!(
            at + 2 == bytes.len() && bytes[at] == b':' && bytes[at + 1] == b' ',
            "colon and space end a field name"
        );
        FieldName(name)
    }
}

/// Whether a value has no CR, LF or NUL.
fn is_value(value: &[u8]) -> bool {
    // Control bytes are rare, and short values are searched for any of them more quickly than for
    // these three. Without a branch for each byte, the compiler compares many at once.
    let is_plain = |part: &[u8]| {
        part.iter()
            .fold(true, |plain, byte| plain & (*byte >= b' '))
    };
    let mut parts = value.chunks_exact(16);
    let is_plain = parts.all(is_plain) && is_plain(parts.remainder());
    is_plain || memchr::memchr3(b'\r', b'\n', 0, value).is_none()
}

/// Prepared field lines, for responses that are sent repeatedly. A clone shares their memory.
///
/// ```
/// use tinyhttp_message::encode::{FieldLines, HeadWriter};
///
/// let lines = FieldLines::new(|head| head.field("content-type", b"text/plain"))?;
/// let mut out = Vec::new();
/// let mut head = HeadWriter::response(&mut out, http::StatusCode::OK);
/// head.lines(&lines);
/// head.finish();
/// assert_eq!(out, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
/// # Ok::<(), tinyhttp_message::MisuseError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldLines(Bytes);

impl FieldLines {
    /// Prepares what `fields` writes.
    ///
    /// # Errors
    /// The error that `fields` returns.
    pub fn new(
        fields: impl FnOnce(&mut HeadWriter<'_>) -> Result<(), MisuseError>,
    ) -> Result<Self, MisuseError> {
        let mut lines = Vec::with_capacity(LINES);
        fields(&mut HeadWriter { out: &mut lines })?;
        // A copy takes less than to shrink the buffer, which would leave a small piece of memory.
        Ok(FieldLines(Bytes::copy_from_slice(&lines)))
    }

    /// Prepares what `fields` writes and a copy of the content that belongs to it, in one
    /// allocation: bytes that are sent together lie together in memory.
    ///
    /// # Errors
    /// The error that `fields` returns.
    pub fn before(
        content: &[u8],
        fields: impl FnOnce(&mut HeadWriter<'_>) -> Result<(), MisuseError>,
    ) -> Result<(Self, Bytes), MisuseError> {
        let mut lines = Vec::with_capacity(LINES + content.len());
        fields(&mut HeadWriter { out: &mut lines })?;
        let end = lines.len();
        lines.extend_from_slice(content);
        let mut lines = Bytes::from(lines.into_boxed_slice());
        let content = lines.split_off(end);
        Ok((FieldLines(lines), content))
    }

    /// Their length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no field lines.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Bytes that are reserved for prepared field lines, so that most are written without moving.
const LINES: usize = 512;

/// Appends a field name with a capital at the start of each word, except for the few that the RFCs
/// write otherwise (`ETag`, `TE`).
pub fn write_name(name: &str, out: &mut Vec<u8>) {
    const OTHERWISE: [&str; 6] = [
        "ETag",
        "TE",
        "DNT",
        "WWW-Authenticate",
        "Content-MD5",
        "Sec-GPC",
    ];
    let known = OTHERWISE
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name));
    if let Some(name) = known {
        return out.extend_from_slice(name.as_bytes());
    }
    let start = out.len();
    out.extend_from_slice(name.as_bytes());
    let mut starts_word = true;
    for byte in &mut out[start..] {
        if starts_word {
            byte.make_ascii_uppercase();
        }
        starts_word = *byte == b'-';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let table = [
            ("content-type", "Content-Type"),
            ("etag", "ETag"),
            ("www-authenticate", "WWW-Authenticate"),
            ("x-a--b", "X-A--B"),
            ("Date", "Date"),
            ("X-eTag", "X-ETag"),
        ];
        for (name, want) in table {
            let mut out = Vec::new();
            write_name(name, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn heads() {
        let mut out = Vec::new();
        let mut head =
            HeadWriter::request(&mut out, &Method::GET, "/a?b", Version::HTTP_10).unwrap();
        let mut map = HeaderMap::new();
        map.append("accept", "x".parse().unwrap());
        map.append("accept", "y".parse().unwrap());
        head.fields(&map).unwrap();
        head.finish();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "GET /a?b HTTP/1.0\r\nAccept: x\r\nAccept: y\r\n\r\n"
        );

        let mut out = Vec::new();
        HeadWriter::response(&mut out, StatusCode::from_u16(299).unwrap()).finish();
        assert_eq!(String::from_utf8(out).unwrap(), "HTTP/1.1 299 \r\n\r\n");
    }

    #[test]
    fn line_breaks_are_refused() {
        let mut out = Vec::new();
        for target in ["", "/a b", "/a\r\nX: y", "/a\n", "/\0", "/a#b"] {
            let refused = HeadWriter::request(&mut out, &Method::GET, target, Version::HTTP_11);
            assert_eq!(
                refused.err(),
                Some(MisuseError::InvalidTarget),
                "{target:?}"
            );
        }
        let mut head = HeadWriter::response(&mut out, StatusCode::OK);
        for name in ["", "a b", "a:", "a\r\nb", "a\n", "\0", "ü"] {
            assert_eq!(
                head.field(name, b""),
                Err(MisuseError::InvalidFieldName),
                "{name:?}"
            );
        }
        let long = "x".repeat(40);
        let long = ["\r", "\n", "\0"].map(|end| [&long, end].concat());
        for value in ["\r", "a\nb", "a\r\nb", "\0", "\t\n"]
            .into_iter()
            .chain(long.iter().map(String::as_str))
        {
            assert_eq!(
                head.named(FieldName::new("A: "), value.as_bytes()),
                Err(MisuseError::InvalidFieldValue),
                "{value:?}"
            );
            assert_eq!(
                head.field("a", value.as_bytes()),
                Err(MisuseError::InvalidFieldValue),
                "{value:?}"
            );
        }
        head.finish();
        assert_eq!(String::from_utf8(out).unwrap(), "HTTP/1.1 200 OK\r\n\r\n");
    }
}
