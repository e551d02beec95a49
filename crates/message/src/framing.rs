//! The length of a message's content, and whether the connection is kept after it (RFC 9112 §6,
//! §9).
//!
//! # Theory
//!
//! This file is the **only** reader of Content-Length, Transfer-Encoding and Connection, for both
//! roles. The rules, in the order of RFC 9112 §6.3:
//!
//! 1. A response to HEAD, and any 1xx, 204 or 304 response, has no content, whatever its fields
//!    say. After a 2xx response to CONNECT the connection is a tunnel.
//! 2. Transfer-Encoding with Content-Length: refused.
//! 3. Transfer-Encoding that is exactly `chunked`: the chunks tell the length. Any other: refused.
//! 4. Content-Length: that number of bytes. Repeated, or other than plain digits: refused. A client
//!    accepts identical repetitions.
//! 5. Neither: a request has no content; a response lasts until the server closes.
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::framing::{BodyLength, CloseReason, request_framing};
//! use http::Version;
//!
//! let host = &b"example.org"[..];
//! let fields = [("Host", host), ("Content-Length", b"5"), ("Connection", b"close")];
//! let framing = request_framing(Version::HTTP_11, fields.into_iter())?;
//! assert_eq!(framing.length, BodyLength::Known(5));
//! assert_eq!(framing.close, Some(CloseReason::PeerAsked));
//! # Ok::<(), tinyhttp_message::ProtocolError>(())
//! ```

#[cfg(test)]
mod tests;

use crate::error::ProtocolError;
use crate::grammar::{decimal, is_same_name};
use crate::target::are_authority;
use http::{Method, StatusCode, Version};
use std::fmt;

/// The way in which the end of the content is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no content; the empty line ends the message.
    Empty,
    /// After this number of bytes, by Content-Length.
    Known(u64),
    /// At the last chunk (RFC 9112 §7.1).
    Chunked,
    /// At the end of the connection; only in responses.
    UntilClose,
}

/// The reason why a connection can't be used for another exchange, named for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer sent `Connection: close`.
    PeerAsked,
    /// This side sends `Connection: close`, because its user asked for it.
    LocalAsked,
    /// HTTP/1.0 without `Connection: keep-alive`.
    Http10,
    /// The end of the content is the end of the connection.
    UntilClose,
    /// The connection becomes a tunnel.
    Tunnel,
    /// The peer broke the protocol, so it is unknown where its next message starts.
    ProtocolError,
    /// The request's content was not read to its end.
    UnreadContent,
    /// The peer closed its side.
    PeerEnded,
    /// The program is shutting down.
    ShuttingDown,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CloseReason::PeerAsked => "the peer asked for it",
            CloseReason::LocalAsked => "this side asked for it",
            CloseReason::Http10 => "HTTP/1.0 closes unless keep-alive is agreed on",
            CloseReason::UntilClose => "the content ends where the connection ends",
            CloseReason::Tunnel => "the connection became a tunnel",
            CloseReason::ProtocolError => "the peer broke the protocol",
            CloseReason::UnreadContent => "the request's content was not read",
            CloseReason::PeerEnded => "the peer ended the connection",
            CloseReason::ShuttingDown => "the program is ending",
        })
    }
}

/// The framing of a request: what follows its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestFraming {
    /// The length of the content; never [`BodyLength::UntilClose`].
    pub length: BodyLength,
    /// Why the connection is closed after this exchange; `None` if it is kept.
    pub close: Option<CloseReason>,
    /// The client waits for `100 Continue` before it sends the content (RFC 9110 §10.1.1).
    pub expects_continue: bool,
    /// The client keeps trailer fields of the response (RFC 9110 §10.1.4).
    pub accepts_trailers: bool,
}

/// The framing of a response: what follows its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseFraming {
    /// The length of the content.
    pub length: BodyLength,
    /// Why the connection is closed after this exchange; `None` if it is kept.
    pub close: Option<CloseReason>,
}

/// Determines the framing of a request from its version and its fields: names in any case, values
/// without surrounding white space.
///
/// Host is checked here too: two readers that disagree about the host of a request are as dangerous
/// as two that disagree about its length.
///
/// # Errors
/// Every fault in the module's list; a missing, repeated or malformed Host (RFC 9112 §3.2); an
/// unknown Expect (RFC 9110 §10.1.1).
pub fn request_framing<'f>(
    version: Version,
    fields: impl Iterator<Item = (&'f str, &'f [u8])>,
) -> Result<RequestFraming, ProtocolError> {
    let found = Found::collect(version, fields, Repeated::Refused)?;
    if found.hosts == 0 && version == Version::HTTP_11 {
        return Err(ProtocolError::MissingHost);
    }
    let length = found.length()?.unwrap_or(BodyLength::Empty);
    if found.unknown_expectation && version == Version::HTTP_11 {
        return Err(ProtocolError::UnknownExpectation);
    }
    Ok(RequestFraming {
        length,
        close: found.close(version),
        // HTTP/1.0 has no interim responses, so its Expect is ignored (RFC 9110 §10.1.1).
        expects_continue: found.expects_continue
            && version == Version::HTTP_11
            && !matches!(length, BodyLength::Empty | BodyLength::Known(0)),
        accepts_trailers: found.accepts_trailers && version == Version::HTTP_11,
    })
}

/// Determines the framing of a response from the request's method, and from its own status code,
/// version and fields.
///
/// # Errors
/// Every fault in the module's list.
pub fn response_framing<'f>(
    method: &Method,
    status: StatusCode,
    version: Version,
    fields: impl Iterator<Item = (&'f str, &'f [u8])>,
) -> Result<ResponseFraming, ProtocolError> {
    let found = Found::collect(version, fields, Repeated::AllowedIfEqual)?;
    if method == Method::CONNECT && status.is_success() {
        return Ok(ResponseFraming {
            length: BodyLength::UntilClose,
            close: Some(CloseReason::Tunnel),
        });
    }
    if method == Method::HEAD || !may_have_content(status) {
        return Ok(ResponseFraming {
            length: BodyLength::Empty,
            close: found.close(version),
        });
    }
    Ok(match found.length()? {
        Some(length) => ResponseFraming {
            length,
            close: found.close(version),
        },
        None => ResponseFraming {
            length: BodyLength::UntilClose,
            close: Some(CloseReason::UntilClose),
        },
    })
}

/// Whether a response with this status code may have content (RFC 9110 §6.4.1). A response to HEAD
/// never has.
#[must_use]
pub fn may_have_content(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

/// Whether the values of a Connection field contain the option `close`.
pub fn asks_to_close<'f>(mut values: impl Iterator<Item = &'f [u8]>) -> bool {
    values.any(|value| list(value).any(|option| option.eq_ignore_ascii_case(b"close")))
}

/// The treatment of equal Content-Lengths in several lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeated {
    Refused,
    AllowedIfEqual,
}

/// The fields that tell where a message ends, collected in one pass.
#[derive(Default)]
struct Found {
    /// The number, and how many digits it has: an equal number with as many digits is the same
    /// text.
    content_length: Option<(u64, usize)>,
    has_transfer_encoding: bool,
    /// Whether `chunked` is the last coding so far.
    chunked: bool,
    unknown_coding: bool,
    malformed_coding: bool,
    close: bool,
    keep_alive: bool,
    hosts: u32,
    expects_continue: bool,
    unknown_expectation: bool,
    accepts_trailers: bool,
}

impl Found {
    fn collect<'f>(
        version: Version,
        fields: impl Iterator<Item = (&'f str, &'f [u8])>,
        repeated: Repeated,
    ) -> Result<Self, ProtocolError> {
        let mut found = Found::default();
        for (name, value) in fields {
            // The length rules out nearly every field before its name is compared.
            match name.len() {
                2 if is_same_name(name, "TE") => {
                    let mut members = list(value);
                    found.accepts_trailers |=
                        members.any(|member| member.eq_ignore_ascii_case(b"trailers"));
                }
                4 if is_same_name(name, "Host") && repeated == Repeated::Refused => {
                    found.host(value)?;
                }
                6 if is_same_name(name, "Expect") => {
                    for expectation in list(value).filter(|member| !member.is_empty()) {
                        let known = expectation.eq_ignore_ascii_case(b"100-continue");
                        found.expects_continue |= known;
                        found.unknown_expectation |= !known;
                    }
                }
                10 if is_same_name(name, "Connection") => {
                    for option in list(value) {
                        found.close |= option.eq_ignore_ascii_case(b"close");
                        found.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                14 if is_same_name(name, "Content-Length") => {
                    let number = decimal(value).ok_or(ProtocolError::InvalidContentLength)?;
                    let length = (number, value.len());
                    let earlier = found.content_length.replace(length);
                    if earlier
                        .is_some_and(|earlier| repeated == Repeated::Refused || earlier != length)
                    {
                        return Err(ProtocolError::RepeatedContentLength);
                    }
                }
                17 if is_same_name(name, "Transfer-Encoding") => {
                    found.transfer_encoding(value);
                }
                _ => {}
            }
        }
        if found.has_transfer_encoding && version == Version::HTTP_10 {
            return Err(ProtocolError::TransferEncodingInHttp10);
        }
        if found.has_transfer_encoding && found.content_length.is_some() {
            return Err(ProtocolError::ContentLengthWithTransferEncoding);
        }
        Ok(found)
    }

    fn host(&mut self, value: &[u8]) -> Result<(), ProtocolError> {
        self.hosts += 1;
        if self.hosts > 1 {
            return Err(ProtocolError::RepeatedHost);
        }
        match are_authority(value) {
            true => Ok(()),
            false => Err(ProtocolError::MalformedHost),
        }
    }

    /// Several lines are one list, in order. An empty member is refused, since readers disagree
    /// about it.
    fn transfer_encoding(&mut self, value: &[u8]) {
        self.has_transfer_encoding = true;
        for coding in list(value) {
            self.malformed_coding |= self.chunked || coding.is_empty();
            self.chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.unknown_coding |= !self.chunked;
        }
    }

    fn length(&self) -> Result<Option<BodyLength>, ProtocolError> {
        if !self.has_transfer_encoding {
            return Ok(self
                .content_length
                .map(|(number, _)| BodyLength::Known(number)));
        }
        if self.malformed_coding || !self.chunked {
            return Err(ProtocolError::TransferEncodingNotChunked);
        }
        if self.unknown_coding {
            return Err(ProtocolError::UnknownTransferCoding);
        }
        Ok(Some(BodyLength::Chunked))
    }

    fn close(&self, version: Version) -> Option<CloseReason> {
        match (self.close, version) {
            (true, _) => Some(CloseReason::PeerAsked),
            (false, Version::HTTP_10) if !self.keep_alive => Some(CloseReason::Http10),
            _ => None,
        }
    }
}

/// The changes that a user agent made to the framing fields of a response.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RepairedFraming {
    /// The transfer coding `identity` was removed.
    pub(crate) identity: bool,
    /// Content-Length was removed beside Transfer-Encoding.
    pub(crate) ignored_length: bool,
    /// Several equal Content-Lengths were merged.
    pub(crate) repeated_length: bool,
}

/// Repairs the framing fields among a response's field lines, as RFC 9112 §6.3 allows a user agent.
///
/// # Errors
/// [`ProtocolError::RepeatedContentLength`] for Content-Lengths that differ.
pub(crate) fn repair_framing(
    lines: &mut Vec<Vec<u8>>,
    is_http10: bool,
) -> Result<RepairedFraming, ProtocolError> {
    const LENGTH: &[u8] = b"content-length";
    const CODING: &[u8] = b"transfer-encoding";
    let mut repaired = RepairedFraming::default();
    let is_identity = |value: &[u8]| value.eq_ignore_ascii_case(b"identity");
    let codings: Vec<_> = values(lines, CODING).collect();
    let has_coding = !codings.is_empty();
    if has_coding && codings.iter().all(|value| is_identity(value)) {
        lines.retain(|line| value(line, CODING).is_none());
        repaired.identity = true;
    } else if has_coding {
        // HTTP/1.0 has no Transfer-Encoding: its meaning there is unknown.
        if !is_http10 && values(lines, LENGTH).next().is_some() {
            lines.retain(|line| value(line, LENGTH).is_none());
            repaired.ignored_length = true;
        }
        return Ok(repaired);
    }
    let lengths: Vec<Vec<u8>> = values(lines, LENGTH)
        .flat_map(list)
        .map(<[u8]>::to_vec)
        .collect();
    if let [first, rest @ ..] = &lengths[..] {
        if !rest.is_empty() {
            if rest.iter().any(|other| other != first) {
                return Err(ProtocolError::RepeatedContentLength);
            }
            lines.retain(|line| value(line, LENGTH).is_none());
            lines.push([b"Content-Length: ", &first[..]].concat());
            repaired.repeated_length = true;
        }
    }
    Ok(repaired)
}

/// Whether a line, read by itself, is Content-Length or Transfer-Encoding.
pub(crate) fn is_framing_line(line: &[u8]) -> bool {
    let colon = line.iter().position(|byte| *byte == b':');
    colon.is_some_and(|colon| {
        let name = line[..colon].trim_ascii();
        [&b"content-length"[..], b"transfer-encoding"]
            .iter()
            .any(|field| name.eq_ignore_ascii_case(field))
    })
}

/// The values of every field line of this name.
fn values<'l>(lines: &'l [Vec<u8>], name: &'l [u8]) -> impl Iterator<Item = &'l [u8]> {
    lines.iter().filter_map(move |line| value(line, name))
}

/// The value of a field line; `None` if it has another name.
fn value<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let is_it = line[..colon].eq_ignore_ascii_case(name);
    is_it.then(|| line[colon + 1..].trim_ascii())
}

/// The members of a comma-separated list, without surrounding white space.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
