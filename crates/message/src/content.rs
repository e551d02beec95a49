//! Content on its way in and out, delimited as [`framing`](crate::framing) decided.
//!
//! # Theory
//!
//! [`ContentDecoder`] finds the end of received content. [`ContentEncoder`] keeps sent content to
//! what its head announced: with a Content-Length, a byte too many would be read as the start of
//! the next message, and a byte too few would make the peer wait for it.
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::{ContentEncoder, MisuseError};
//!
//! let (mut encoder, mut out) = (ContentEncoder::Known(5), Vec::new());
//! encoder.encode(b"hello", &mut out)?;
//! assert_eq!(encoder.encode(b"!", &mut out), Err(MisuseError::ContentLengthMismatch));
//! encoder.finish(&mut out)?;
//! assert_eq!(out, b"hello");
//! # Ok::<(), MisuseError>(())
//! ```

use crate::chunked::{CHUNK_END, ChunkedDecoder, ChunkedEvent, LAST_CHUNK, encode_chunk};
use crate::encode::HeadWriter;
use crate::error::{MisuseError, ProtocolError};
use crate::framing::BodyLength;
use crate::head::Limits;
use crate::hop_by_hop::{is_framing_field, is_hop_by_hop};
use crate::tolerance::Deviations;
use http::header::{self, HeaderMap, HeaderName};

/// A piece of a message's content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'b> {
    NeedMore,
    Content(&'b [u8]),
    End(HeaderMap),
}

impl Piece<'_> {
    /// The number of content bytes in the piece.
    pub(crate) fn length(&self) -> usize {
        match self {
            Piece::Content(content) => content.len(),
            Piece::NeedMore | Piece::End(_) => 0,
        }
    }
}

/// Decodes content up to its end.
#[derive(Debug)]
pub(crate) enum ContentDecoder {
    Known(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
}

impl ContentDecoder {
    /// Returns the decoder for content of this length; `None` for no content. A tolerant decoder
    /// forgives faults of chunks.
    pub(crate) fn new(length: BodyLength, is_tolerant: bool) -> Option<Self> {
        match length {
            BodyLength::Empty | BodyLength::Known(0) => None,
            BodyLength::Known(length) => Some(ContentDecoder::Known(length)),
            BodyLength::Chunked => Some(ContentDecoder::Chunked(match is_tolerant {
                true => ChunkedDecoder::tolerant(),
                false => ChunkedDecoder::new(),
            })),
            BodyLength::UntilClose => Some(ContentDecoder::UntilClose),
        }
    }

    pub(crate) fn decode<'b>(
        &mut self,
        input: &'b [u8],
        limits: &Limits,
    ) -> Result<(usize, Piece<'b>), ProtocolError> {
        match self {
            ContentDecoder::Known(0) => Ok((0, Piece::End(HeaderMap::new()))),
            ContentDecoder::Chunked(decoder) => {
                let (used, event) = decoder.decode(input, limits)?;
                let piece = match event {
                    ChunkedEvent::NeedMore => Piece::NeedMore,
                    ChunkedEvent::Content(content) => Piece::Content(content),
                    ChunkedEvent::End(trailers) => Piece::End(trailers),
                };
                Ok((used, piece))
            }
            _ if input.is_empty() => Ok((0, Piece::NeedMore)),
            ContentDecoder::Known(left) => {
                let length =
                    usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= length as u64;
                Ok((length, Piece::Content(&input[..length])))
            }
            ContentDecoder::UntilClose => Ok((input.len(), Piece::Content(input))),
        }
    }

    /// Returns the faults that were forgiven since the last call.
    pub(crate) fn take_deviations(&mut self) -> Deviations {
        match self {
            ContentDecoder::Chunked(decoder) => decoder.take_deviations(),
            ContentDecoder::Known(_) | ContentDecoder::UntilClose => Deviations::default(),
        }
    }

    /// The bytes of content that have not been received; `None` if that is not known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            ContentDecoder::Known(left) => Some(*left),
            ContentDecoder::Chunked(_) | ContentDecoder::UntilClose => None,
        }
    }
}

/// Writes content as its head announced it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentEncoder {
    /// The message has no content, and content given is dropped: a response to HEAD, a 204, a 304,
    /// or a request without content.
    Suppressed,
    /// Content-Length was announced; this number of bytes is still to be written.
    Known(u64),
    /// Each call writes a chunk.
    Chunked,
    /// The content ends with the connection.
    UntilClose,
}

impl ContentEncoder {
    /// Appends a piece of content to `out`.
    ///
    /// # Errors
    /// [`MisuseError::ContentLengthMismatch`] for more content than announced; nothing is written
    /// then.
    pub fn encode(&mut self, content: &[u8], out: &mut Vec<u8>) -> Result<(), MisuseError> {
        match self {
            ContentEncoder::Suppressed => return Ok(()),
            ContentEncoder::Chunked => encode_chunk(content, out),
            ContentEncoder::Known(_) | ContentEncoder::UntilClose => {
                self.count(content.len() as u64)?;
                out.extend_from_slice(content);
            }
        }
        Ok(())
    }

    /// Counts content that the caller sends without passing it through here, as with `sendfile`.
    ///
    /// # Errors
    /// [`MisuseError::ContentLengthMismatch`] for more content than announced;
    /// [`MisuseError::OutOfTurn`] for chunks, which can't be sent without their size.
    pub fn count(&mut self, length: u64) -> Result<(), MisuseError> {
        match self {
            ContentEncoder::Known(left) => {
                *left = left
                    .checked_sub(length)
                    .ok_or(MisuseError::ContentLengthMismatch)?;
                Ok(())
            }
            ContentEncoder::Chunked => Err(MisuseError::OutOfTurn),
            ContentEncoder::Suppressed | ContentEncoder::UntilClose => Ok(()),
        }
    }

    /// Ends the content: appends the last chunk if there are chunks.
    ///
    /// # Errors
    /// [`MisuseError::ContentLengthMismatch`] for less content than announced. The connection must
    /// be closed then: the peer would take the next message for the missing bytes.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), MisuseError> {
        match self {
            ContentEncoder::Known(1..) => return Err(MisuseError::ContentLengthMismatch),
            ContentEncoder::Chunked => out.extend_from_slice(LAST_CHUNK),
            _ => {}
        }
        Ok(())
    }

    /// Ends the content with trailer fields (RFC 9110 §6.5), which only chunks can have: after
    /// other content they are dropped, and so is each field that may not be a trailer field
    /// ([`may_be_trailer`]).
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_with(self, trailers: &HeaderMap, out: &mut Vec<u8>) -> Result<(), MisuseError> {
        if self != ContentEncoder::Chunked {
            return self.finish(out);
        }
        // The last chunk without the empty line that ends an empty trailer section.
        out.extend_from_slice(LAST_CHUNK.strip_suffix(CHUNK_END).unwrap_or(LAST_CHUNK));
        for (name, value) in trailers {
            if may_be_trailer(name) {
                HeadWriter::reopen(out).field(name.as_str(), value.as_bytes())?;
            }
        }
        out.extend_from_slice(CHUNK_END);
        Ok(())
    }
}

/// Whether a field may be sent behind the content (RFC 9110 §6.5.1). One that is needed to frame,
/// route, authorise or understand the message comes too late there.
#[must_use]
pub fn may_be_trailer(name: &HeaderName) -> bool {
    let too_late = [
        header::HOST,
        header::AUTHORIZATION,
        header::SET_COOKIE,
        header::COOKIE,
        header::CACHE_CONTROL,
        header::EXPECT,
        header::RANGE,
        header::LOCATION,
        header::VARY,
        header::AGE,
        header::DATE,
        header::EXPIRES,
        header::RETRY_AFTER,
        header::WWW_AUTHENTICATE,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
    ];
    let is_condition = name.as_str().starts_with("if-");
    !(is_framing_field(name) || is_hop_by_hop(name) || is_condition || too_late.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_has_the_announced_length() {
        let mut out = Vec::new();
        let mut known = ContentEncoder::Known(5);
        known.encode(b"abc", &mut out).unwrap();
        assert_eq!(
            known.finish(&mut out),
            Err(MisuseError::ContentLengthMismatch)
        );
        assert_eq!(
            known.encode(b"def", &mut out),
            Err(MisuseError::ContentLengthMismatch)
        );
        known.count(2).unwrap();
        known.finish(&mut out).unwrap();
        assert_eq!(out, b"abc");
    }

    #[test]
    fn trailers_follow_the_last_chunk() {
        let mut trailers = HeaderMap::new();
        for (name, value) in [
            ("etag", "\"a\""),
            ("content-length", "3"),
            ("if-match", "*"),
        ] {
            trailers.insert(name, value.parse().unwrap());
        }
        let table: &[(ContentEncoder, &[u8])] = &[
            (ContentEncoder::Chunked, b"0\r\nETag: \"a\"\r\n\r\n"),
            (ContentEncoder::UntilClose, b""),
            (ContentEncoder::Suppressed, b""),
            (ContentEncoder::Known(0), b""),
        ];
        for (encoder, want) in table {
            let mut out = Vec::new();
            encoder.finish_with(&trailers, &mut out).unwrap();
            assert!(out.eq_ignore_ascii_case(want), "{out:?}");
        }
    }

    #[test]
    fn other_encodings() {
        let table: &[(ContentEncoder, &[u8])] = &[
            (ContentEncoder::Suppressed, b""),
            (ContentEncoder::Chunked, b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
            (ContentEncoder::UntilClose, b"abc"),
        ];
        for (encoder, want) in table {
            let (mut encoder, mut out) = (*encoder, Vec::new());
            for piece in ["ab", "", "c"] {
                encoder.encode(piece.as_bytes(), &mut out).unwrap();
            }
            encoder.finish(&mut out).unwrap();
            assert_eq!(out, *want);
        }
    }
}
