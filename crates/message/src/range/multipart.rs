//! The frame of `multipart/byteranges` (RFC 9110 §14.6), and its length before content is read.

use std::fmt;

use http::HeaderValue;

use super::byte_range::ByteRange;
use super::content_range::ContentRange;

/// The delimiter of the parts of a multipart body: 16 hexadecimal digits, valid in the parameter
/// and on the wire alike.
///
/// It must not occur in the content. 64 random bits, new for each response, make that improbable
/// even for content made by an attacker; and clients follow the lengths in each `Content-Range`
/// besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary(u64);

impl Boundary {
    /// Returns the boundary made of these bits, which must come from a random source.
    pub const fn from_random_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The frame of a `multipart/byteranges` body (§14.6): everything but the representation's own
/// bytes.
///
/// The body is, for each part, its head and then its bytes, and at the end the closing delimiter.
/// Its length is known before content is read, so it can be streamed under a `Content-Length`.
///
/// ```
/// use tinyhttp_message::range::{Boundary, MultipartByteranges, Parts, Resolved, resolve};
///
/// let text = b"x".repeat(1000);
/// let Resolved::Partial(Parts::Many(ranges)) = resolve(b"bytes=0-1,-2", 1000) else { panic!() };
/// let multipart = MultipartByteranges::new(Boundary::from_random_bits(7), None, &ranges, 1000);
///
/// let mut body = Vec::new();
/// for part in multipart.parts() {
///     body.extend_from_slice(&part.head);
///     body.extend_from_slice(&text[part.range.first() as usize..=part.range.last() as usize]);
/// }
/// body.extend_from_slice(&multipart.closing_delimiter());
/// assert_eq!(body.len() as u64, multipart.content_length());
/// assert_eq!(multipart.content_type(), "multipart/byteranges; boundary=0000000000000007");
/// ```
#[derive(Clone, Debug)]
pub struct MultipartByteranges {
    boundary: Boundary,
    parts: Vec<Part>,
}

/// One part of a `multipart/byteranges` body.
#[derive(Clone, Debug)]
pub struct Part {
    /// The delimiter and the part's fields, including the empty line.
    pub head: Vec<u8>,
    /// The bytes of the representation that follow.
    pub range: ByteRange,
}

impl MultipartByteranges {
    /// Frames these ranges of a representation of `complete_length` bytes whose media type is
    /// `content_type`.
    pub fn new(
        boundary: Boundary,
        content_type: Option<&HeaderValue>,
        ranges: &[ByteRange],
        complete_length: u64,
    ) -> Self {
        let part = |(index, range): (usize, &ByteRange)| {
            // The line break before a delimiter belongs to it, not to the part before (RFC 2046
            // §5.1.1).
            let mut head = if index == 0 {
                Vec::new()
            } else {
                b"\r\n".to_vec()
            };
            head.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            if let Some(content_type) = content_type {
                head.extend_from_slice(
                    &[b"Content-Type: ", content_type.as_bytes(), b"\r\n"].concat(),
                );
            }
            let content_range = ContentRange::Satisfied {
                range: *range,
                complete_length: Some(complete_length),
            };
            head.extend_from_slice(format!("Content-Range: {content_range}\r\n\r\n").as_bytes());
            Part {
                head,
                range: *range,
            }
        };
        Self {
            boundary,
            parts: ranges.iter().enumerate().map(part).collect(),
        }
    }

    /// The parts, in the order to send.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns the bytes after the last part.
    pub fn closing_delimiter(&self) -> Vec<u8> {
        format!("\r\n--{}--\r\n", self.boundary).into_bytes()
    }

    /// The exact length of the body in bytes (2⁶⁴−1 if it is that or more).
    pub fn content_length(&self) -> u64 {
        let part = |part: &Part| (part.head.len() as u64).saturating_add(part.range.length());
        let end = self.closing_delimiter().len() as u64;
        self.parts.iter().map(part).fold(end, u64::saturating_add)
    }

    /// The `Content-Type` of the response. Its `Content-Range` belongs to the parts alone
    /// (§15.3.7.2).
    pub fn content_type(&self) -> HeaderValue {
        let value = format!("multipart/byteranges; boundary={}", self.boundary);
        // The boundary is hexadecimal, so the value is visible ASCII.
        HeaderValue::try_from(value).expect("visible ASCII is a field value")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn multipart_of_14_6() {
        let ranges = [
            ByteRange::new(500, 999).unwrap(),
            ByteRange::new(7000, 7999).unwrap(),
        ];
        let content_type = HeaderValue::from_static("application/pdf");
        let boundary = Boundary::from_random_bits(0xfeed);
        let multipart = MultipartByteranges::new(boundary, Some(&content_type), &ranges, 8000);
        let heads: Vec<_> = multipart
            .parts()
            .iter()
            .map(|part| part.head.escape_ascii().to_string())
            .collect();
        let fields = r"\r\nContent-Type: application/pdf\r\nContent-Range: bytes";
        assert_eq!(
            heads[0],
            format!(r"--000000000000feed{fields} 500-999/8000\r\n\r\n")
        );
        assert_eq!(
            heads[1],
            format!(r"\r\n--000000000000feed{fields} 7000-7999/8000\r\n\r\n")
        );
        assert_eq!(
            multipart.closing_delimiter(),
            b"\r\n--000000000000feed--\r\n"
        );
    }

    proptest! {
        #[test]
        fn multipart_length_is_exact(
            cuts in prop::collection::btree_set(0..100_000_u64, 4..=32), bits: u64, typed: bool,
        ) {
            let cuts: Vec<_> = cuts.into_iter().collect();
            let ranges: Vec<_> = cuts.chunks_exact(2).map(|pair| ByteRange::new(pair[0], pair[1]).unwrap()).collect();
            let content_type = HeaderValue::from_static("text/html; charset=utf-8");
            let boundary = Boundary::from_random_bits(bits);
            let multipart = MultipartByteranges::new(boundary, typed.then_some(&content_type), &ranges, 100_000);
            let mut body = Vec::new();
            for part in multipart.parts() {
                body.extend_from_slice(&part.head);
                body.resize(body.len() + part.range.length() as usize, b'x');
            }
            body.extend_from_slice(&multipart.closing_delimiter());
            prop_assert_eq!(body.len() as u64, multipart.content_length());
        }
    }
}
