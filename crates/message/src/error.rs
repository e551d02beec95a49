//! The two kinds of errors: faults of the peer's messages, and misuse by the caller.
//!
//! # Theory
//!
//! A [`ProtocolError`] is found in received bytes. None is repaired in a request: two programs that
//! repair differently disagree about where a message ends, and a third can hide a request in the
//! gap (RFC 9112 §11.2). A server reports it with [`ProtocolError::status`] and closes the
//! connection.
//!
//! A [`MisuseError`] is found in what the caller asks to send, before anything is written. The peer
//! has no part in it: a server responds with 500, a client reports it to its own caller.
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::encode::HeadWriter;
//! use tinyhttp_message::{FieldStorage, Limits, MisuseError, ProtocolError, RequestHead};
//!
//! let mut storage = FieldStorage::new();
//! let received = RequestHead::parse(b"GET /\r\n\r\n", &mut storage, &Limits::default());
//! assert_eq!(received.unwrap_err(), ProtocolError::MalformedStartLine);
//! assert_eq!(ProtocolError::MalformedStartLine.status(), 400);
//!
//! let mut out = Vec::new();
//! let mut head = HeadWriter::response(&mut out, http::StatusCode::OK);
//! assert_eq!(head.field("a b", b"c"), Err(MisuseError::InvalidFieldName));
//! ```

use http::StatusCode;
use std::fmt;

/// A fault of a received message: the peer's mistake.
///
/// [`ProtocolError::status`] is the status code with which a server responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The request line is longer than [`Limits::request_line`](crate::Limits::request_line) bytes
    /// (RFC 9112 §3).
    RequestLineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The head is longer than [`Limits::head`](crate::Limits::head) bytes.
    HeadTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The head or the trailer section has more fields than
    /// [`Limits::fields`](crate::Limits::fields).
    TooManyFields {
        /// The limit, a number of fields.
        limit: usize,
    },
    /// A start line without its three parts, or with one that the grammar refuses (RFC 9112 §3,
    /// §4).
    MalformedStartLine,
    /// A version other than HTTP/1.0 and HTTP/1.1 (RFC 9110 §2.5, §15.6.6).
    UnsupportedVersion,
    /// A request target in none of the forms that its method allows (RFC 9112 §3.2).
    MalformedTarget,
    /// A path that can't be normalised: a broken percent-encoding, an encoded NUL, or `..` above
    /// the root (RFC 3986 §5.2.4).
    MalformedPath,
    /// A line that ends in LF without CR (RFC 9112 §2.2).
    BareLineFeed,
    /// A CR that isn't followed by LF (RFC 9112 §2.2).
    BareCarriageReturn,
    /// A line that starts with white space and so continues the line before it (RFC 9112 §5.2).
    LineFolding,
    /// White space between a field name and its colon (RFC 9112 §5.1).
    SpaceBeforeColon,
    /// A field name that isn't a token, or a line without a colon (RFC 9110 §5.1).
    InvalidFieldName,
    /// A control byte in a field value (RFC 9110 §5.5).
    InvalidFieldValue,
    /// An HTTP/1.1 request without Host (RFC 9112 §3.2).
    MissingHost,
    /// A request with more than one Host (RFC 9112 §3.2).
    RepeatedHost,
    /// A Host that isn't `uri-host [":" port]` (RFC 9110 §7.2).
    MalformedHost,
    /// A Content-Length that isn't a plain decimal number, or is too large to count (RFC 9110
    /// §8.6).
    InvalidContentLength,
    /// More than one Content-Length, of which two readers could choose different ones (RFC 9112
    /// §6.3).
    RepeatedContentLength,
    /// Content-Length and Transfer-Encoding in one message (RFC 9112 §6.1).
    ContentLengthWithTransferEncoding,
    /// A Transfer-Encoding that does not end in exactly one `chunked` (RFC 9112 §6.3).
    TransferEncodingNotChunked,
    /// A transfer coding other than `chunked` (RFC 9112 §6.1).
    UnknownTransferCoding,
    /// A Transfer-Encoding in an HTTP/1.0 message (RFC 9112 §6.1).
    TransferEncodingInHttp10,
    /// An Expect that isn't `100-continue` (RFC 9110 §10.1.1).
    UnknownExpectation,
    /// A chunk size that is not hexadecimal digits, exceeds 64 bits, or is followed by other bytes
    /// (RFC 9112 §7.1).
    InvalidChunkSize,
    /// More than 4 KiB of chunk extensions in a message (RFC 9112 §7.1.1).
    ChunkExtensionsTooLong,
    /// Chunks so small that their framing exceeds its bound: 64 KiB beyond twice the content.
    TooMuchFraming,
    /// Chunk data that isn't followed by CRLF (RFC 9112 §7.1).
    MissingChunkEnd,
    /// The peer closed the connection inside a message (RFC 9112 §8).
    UnexpectedEnd,
    /// More than 16 interim (1xx) responses before the final one (RFC 9110 §15.2).
    TooManyInterimResponses,
    /// A 101 response to a request without Upgrade (RFC 9110 §15.2.2).
    UnexpectedUpgrade,
}

impl ProtocolError {
    /// The status code with which a server responds to the faulty request, before it closes the
    /// connection.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            ProtocolError::RequestLineTooLong { .. } => StatusCode::URI_TOO_LONG,
            ProtocolError::HeadTooLarge { .. } | ProtocolError::TooManyFields { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            ProtocolError::UnsupportedVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            ProtocolError::UnknownTransferCoding => StatusCode::NOT_IMPLEMENTED,
            ProtocolError::UnknownExpectation => StatusCode::EXPECTATION_FAILED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProtocolError::RequestLineTooLong { limit } => {
                write!(f, "the request line is longer than {limit} bytes")
            }
            ProtocolError::HeadTooLarge { limit } => {
                write!(f, "the head is longer than {limit} bytes")
            }
            ProtocolError::TooManyFields { limit } => {
                write!(f, "there are more than {limit} fields")
            }
            ProtocolError::MalformedStartLine => f.write_str("the start line is malformed"),
            ProtocolError::UnsupportedVersion => f.write_str("only HTTP/1.x is spoken here"),
            ProtocolError::MalformedTarget => f.write_str("the request target is malformed"),
            ProtocolError::MalformedPath => f.write_str("the path is malformed"),
            ProtocolError::BareLineFeed => f.write_str("a line ends in LF without CR"),
            ProtocolError::BareCarriageReturn => f.write_str("a CR is not followed by LF"),
            ProtocolError::LineFolding => {
                f.write_str("a line starts with white space (line folding is obsolete)")
            }
            ProtocolError::SpaceBeforeColon => {
                f.write_str("there is white space between a field name and its colon")
            }
            ProtocolError::InvalidFieldName => {
                f.write_str("a field name is not a token followed by a colon")
            }
            ProtocolError::InvalidFieldValue => {
                f.write_str("a field value contains a control byte")
            }
            ProtocolError::MissingHost => f.write_str("the Host field is missing"),
            ProtocolError::RepeatedHost => f.write_str("there is more than one Host field"),
            ProtocolError::MalformedHost => {
                f.write_str("the Host field is not a host with an optional port")
            }
            ProtocolError::InvalidContentLength => {
                f.write_str("Content-Length is not a decimal number")
            }
            ProtocolError::RepeatedContentLength => {
                f.write_str("there is more than one Content-Length")
            }
            ProtocolError::ContentLengthWithTransferEncoding => {
                f.write_str("Content-Length and Transfer-Encoding must not be used together")
            }
            ProtocolError::TransferEncodingNotChunked => {
                f.write_str("Transfer-Encoding does not end in exactly one chunked")
            }
            ProtocolError::UnknownTransferCoding => {
                f.write_str("a transfer coding other than chunked is not implemented")
            }
            ProtocolError::TransferEncodingInHttp10 => {
                f.write_str("Transfer-Encoding does not exist in HTTP/1.0")
            }
            ProtocolError::UnknownExpectation => {
                f.write_str("the only expectation known is 100-continue")
            }
            ProtocolError::InvalidChunkSize => f.write_str("a chunk size is malformed"),
            ProtocolError::ChunkExtensionsTooLong => {
                f.write_str("the chunk extensions are too long")
            }
            ProtocolError::TooMuchFraming => f.write_str("the chunks of the content are too small"),
            ProtocolError::MissingChunkEnd => f.write_str("chunk data is not followed by CRLF"),
            ProtocolError::UnexpectedEnd => f.write_str("the connection ended inside a message"),
            ProtocolError::TooManyInterimResponses => {
                f.write_str("there are too many interim responses")
            }
            ProtocolError::UnexpectedUpgrade => {
                f.write_str("the server switches protocols without being asked")
            }
        }
    }
}

impl std::error::Error for ProtocolError {}

/// A message that the caller must not send: the caller's mistake, found before anything is written.
///
/// A server that runs into one responds with 500; a client reports it to the code that made the
/// request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MisuseError {
    /// A request target that is empty, or contains a space, a control byte or `#` (RFC 9112 §3.2).
    InvalidTarget,
    /// A field name that is not a token (RFC 9110 §5.1).
    InvalidFieldName,
    /// A field value with CR, LF or NUL, which would end the field and begin another one (RFC 9110
    /// §5.5).
    InvalidFieldValue,
    /// Content of unknown length in HTTP/1.0, which has no chunks (RFC 9112 §6.1).
    ChunkedInHttp10,
    /// More or less content than the head announced (RFC 9110 §8.6).
    ContentLengthMismatch,
    /// A head or content at a time when the exchange has no place for it.
    OutOfTurn,
}

impl fmt::Display for MisuseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MisuseError::InvalidTarget => "the request target is malformed",
            MisuseError::InvalidFieldName => "a field name is not a token",
            MisuseError::InvalidFieldValue => "a field value contains a control byte",
            MisuseError::ChunkedInHttp10 => "content of unknown length does not exist in HTTP/1.0",
            MisuseError::ContentLengthMismatch => "the content is not as long as its head says",
            MisuseError::OutOfTurn => "it is not this side's turn to send that",
        })
    }
}

impl std::error::Error for MisuseError {}
