//! What can be wrong with a message, and the status code that says so.

use http::StatusCode;
use std::fmt;

/// A message that must not be accepted, or that must not be sent.
///
/// None of these is repaired: two programs that repair differently disagree about where a message ends, and whoever
/// sits between them can hide a request in the gap (RFC 9112 §11.2). [`Error::status`] is the answer a server owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The request line is longer than [`Limits::request_line`](crate::Limits::request_line) bytes (RFC 9112 §3).
    RequestLineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The head is longer than [`Limits::head`](crate::Limits::head) bytes.
    HeadTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The head or the trailer section has more fields than [`Limits::fields`](crate::Limits::fields).
    TooManyFields {
        /// The limit.
        limit: usize,
    },
    /// The start line doesn't have its three parts, or one of them isn't what the grammar says (RFC 9112 §3, §4).
    MalformedStartLine,
    /// A version other than HTTP/1.0 and HTTP/1.1 (RFC 9110 §2.5, §15.6.6).
    UnsupportedVersion,
    /// A request target that isn't of a form its method may have (RFC 9112 §3.2).
    MalformedTarget,
    /// A path that can't name anything here: a broken percent-encoding, an encoded `/` or NUL, or `..` above the root.
    MalformedPath,
    /// A line that ends in LF alone (RFC 9112 §2.2).
    BareLineFeed,
    /// A CR that isn't followed by LF (RFC 9112 §2.2).
    BareCarriageReturn,
    /// A line that continues the one before it by starting with white space (RFC 9112 §5.2).
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
    /// A Content-Length that isn't a plain decimal number, or is too large to count (RFC 9110 §8.6).
    InvalidContentLength,
    /// More than one Content-Length, so that two readers might each choose another (RFC 9112 §6.3).
    RepeatedContentLength,
    /// Content-Length and Transfer-Encoding in one message (RFC 9112 §6.1).
    ContentLengthWithTransferEncoding,
    /// A Transfer-Encoding whose last and only `chunked` isn't where it must be (RFC 9112 §6.3).
    TransferEncodingNotChunked,
    /// A transfer coding other than `chunked` (RFC 9112 §6.1).
    UnknownTransferCoding,
    /// A Transfer-Encoding in an HTTP/1.0 message (RFC 9112 §6.1).
    TransferEncodingInHttp10,
    /// An Expect that isn't `100-continue` (RFC 9110 §10.1.1).
    UnknownExpectation,
    /// A chunk size that isn't hexadecimal digits, overflows, or is followed by junk (RFC 9112 §7.1).
    InvalidChunkSize,
    /// More chunk extensions than anyone needs (RFC 9112 §7.1.1).
    ChunkExtensionsTooLong,
    /// Chunks so small that most of the request's content is framing.
    TooMuchFraming,
    /// Chunk data that isn't followed by CRLF (RFC 9112 §7.1).
    MissingChunkEnd,
    /// The peer ended the connection inside a message (RFC 9112 §8).
    UnexpectedEnd,
    /// More interim (1xx) responses than a peer in its right mind sends (RFC 9110 §15.2).
    TooManyInterimResponses,
    /// A 101 response that nobody asked for (RFC 9110 §15.2.2).
    UnexpectedUpgrade,
    /// To be sent: more or less content than the head announced.
    ContentLengthMismatch,
    /// To be sent: a head or content at a time when the exchange has no place for it.
    OutOfTurn,
}

impl Error {
    /// The status code with which a server answers a request that has this error, before it closes.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Error::RequestLineTooLong { .. } => StatusCode::URI_TOO_LONG,
            Error::HeadTooLarge { .. } | Error::TooManyFields { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Error::UnsupportedVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Error::UnknownTransferCoding => StatusCode::NOT_IMPLEMENTED,
            Error::UnknownExpectation => StatusCode::EXPECTATION_FAILED,
            Error::ContentLengthMismatch | Error::OutOfTurn => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::RequestLineTooLong { limit } => {
                write!(f, "the request line is longer than {limit} bytes")
            }
            Error::HeadTooLarge { limit } => write!(f, "the head is longer than {limit} bytes"),
            Error::TooManyFields { limit } => write!(f, "there are more than {limit} fields"),
            Error::MalformedStartLine => f.write_str("the start line is malformed"),
            Error::UnsupportedVersion => f.write_str("only HTTP/1.x is spoken here"),
            Error::MalformedTarget => f.write_str("the request target is malformed"),
            Error::MalformedPath => f.write_str("the path is malformed"),
            Error::BareLineFeed => f.write_str("a line ends in LF without CR"),
            Error::BareCarriageReturn => f.write_str("a CR is not followed by LF"),
            Error::LineFolding => {
                f.write_str("a line starts with white space (line folding is obsolete)")
            }
            Error::SpaceBeforeColon => {
                f.write_str("there is white space between a field name and its colon")
            }
            Error::InvalidFieldName => {
                f.write_str("a field name is not a token followed by a colon")
            }
            Error::InvalidFieldValue => f.write_str("a field value contains a control byte"),
            Error::MissingHost => f.write_str("the Host field is missing"),
            Error::RepeatedHost => f.write_str("there is more than one Host field"),
            Error::MalformedHost => {
                f.write_str("the Host field is not a host with an optional port")
            }
            Error::InvalidContentLength => f.write_str("Content-Length is not a decimal number"),
            Error::RepeatedContentLength => f.write_str("there is more than one Content-Length"),
            Error::ContentLengthWithTransferEncoding => {
                f.write_str("Content-Length and Transfer-Encoding must not be used together")
            }
            Error::TransferEncodingNotChunked => {
                f.write_str("Transfer-Encoding does not end in exactly one chunked")
            }
            Error::UnknownTransferCoding => {
                f.write_str("a transfer coding other than chunked is not implemented")
            }
            Error::TransferEncodingInHttp10 => {
                f.write_str("Transfer-Encoding does not exist in HTTP/1.0")
            }
            Error::UnknownExpectation => f.write_str("the only expectation known is 100-continue"),
            Error::InvalidChunkSize => f.write_str("a chunk size is malformed"),
            Error::ChunkExtensionsTooLong => f.write_str("the chunk extensions are too long"),
            Error::TooMuchFraming => f.write_str("the chunks of the content are too small"),
            Error::MissingChunkEnd => f.write_str("chunk data is not followed by CRLF"),
            Error::UnexpectedEnd => f.write_str("the connection ended inside a message"),
            Error::TooManyInterimResponses => f.write_str("there are too many interim responses"),
            Error::UnexpectedUpgrade => {
                f.write_str("the server switches protocols without being asked")
            }
            Error::ContentLengthMismatch => {
                f.write_str("the content is not as long as its head says")
            }
            Error::OutOfTurn => f.write_str("it is not this side's turn to send that"),
        }
    }
}

impl std::error::Error for Error {}
