//! The client's side of a connection: requests out, responses in.

use super::fields::content_length;
use super::receiver::{Event, Progress, Receiver};
use crate::content::ContentEncoder;
use crate::encode::HeadWriter;
use crate::error::{MisuseError, ProtocolError};
use crate::framing::{BodyLength, CloseReason, ResponseFraming, response_framing};
use crate::head::{FieldStorage, HeadScanner, Limits, ResponseHead};
use crate::tolerance::Deviations;
use http::{Method, StatusCode, Version};

/// The most interim responses that may come before the final one. Servers send one or two.
const INTERIM_RESPONSES: u8 = 16;

/// The head of a response, in an [`Event::Head`].
#[derive(Debug)]
pub enum Response<'h> {
    /// An interim (1xx) response (RFC 9110 §15.2). Another head follows.
    Interim(ResponseHead<'h>),
    /// The final response.
    Final {
        /// The head.
        head: ResponseHead<'h>,
        /// The length of the content, and what becomes of the connection.
        framing: ResponseFraming,
    },
}

/// The content that a request announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestContent {
    /// None.
    None,
    /// Content of this length, in bytes.
    Known(u64),
    /// Content of unknown length, sent in chunks.
    Unknown,
}

/// The client's side of a connection.
#[derive(Debug)]
pub struct ClientConnection {
    receiver: Receiver,
    method: Method,
    interim: u8,
    /// The faults forgiven in content since the last `take_deviations`; `None` in a strict
    /// connection.
    tolerance: Option<Deviations>,
    /// `101 Switching Protocols` is accepted.
    may_upgrade: bool,
}

impl ClientConnection {
    /// A connection on which nothing has been sent.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        ClientConnection {
            receiver: Receiver::new(limits, Progress::End),
            method: Method::GET,
            interim: 0,
            tolerance: None,
            may_upgrade: false,
        }
    }

    /// Accepts `101 Switching Protocols` (RFC 9110 §15.2.2) as a final response, for requests that
    /// ask for it. The connection is a tunnel then: its close reason is [`CloseReason::Tunnel`].
    /// Otherwise a 101 is an error.
    #[must_use]
    pub fn with_upgrade(self) -> Self {
        ClientConnection {
            may_upgrade: true,
            ..self
        }
    }

    /// Makes the connection forgive faults of chunks (see [`tolerance`](crate::tolerance)). Heads
    /// are [repaired](crate::tolerance::repair) by the caller before they come here.
    #[must_use]
    pub fn tolerant(self) -> Self {
        ClientConnection {
            tolerance: Some(Deviations::default()),
            ..self
        }
    }

    /// Returns the faults that were forgiven in content since the last call.
    pub fn take_deviations(&mut self) -> Deviations {
        self.tolerance
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Whether a response is due and its final head has not arrived.
    #[must_use]
    pub fn awaits_head(&self) -> bool {
        self.receiver.awaits_head()
    }

    /// Writes the head of a request to `out`. `content` says what follows it; `fields` writes the
    /// fields, Host among them, without Content-Length and Transfer-Encoding, which this call adds.
    ///
    /// # Errors
    /// [`MisuseError::OutOfTurn`] while another response is due, and after the last exchange of a
    /// connection; [`MisuseError::ChunkedInHttp10`] for content of unknown length in HTTP/1.0; what
    /// `fields` returns. Nothing is written then.
    pub fn request(
        &mut self,
        method: &Method,
        target: &str,
        version: Version,
        content: RequestContent,
        out: &mut Vec<u8>,
        fields: impl FnOnce(&mut HeadWriter<'_>) -> Result<(), MisuseError>,
    ) -> Result<ContentEncoder, MisuseError> {
        if !self.receiver.is_complete() || self.close_reason().is_some() {
            return Err(MisuseError::OutOfTurn);
        }
        if content == RequestContent::Unknown && version == Version::HTTP_10 {
            return Err(MisuseError::ChunkedInHttp10);
        }
        let start = out.len();
        let mut head = HeadWriter::request(out, method, target, version)?;
        if let Err(error) = fields(&mut head) {
            out.truncate(start);
            return Err(error);
        }
        let encoder = match content {
            RequestContent::Known(length) => {
                content_length(&mut head, length);
                ContentEncoder::Known(length)
            }
            RequestContent::Unknown => {
                head.field("Transfer-Encoding", b"chunked")?;
                ContentEncoder::Chunked
            }
            RequestContent::None => {
                // These methods are expected to have content, so its absence is announced (RFC 9110
                // §8.6).
                if [Method::POST, Method::PUT, Method::PATCH].contains(method) {
                    content_length(&mut head, 0);
                }
                ContentEncoder::Suppressed
            }
        };
        head.finish();
        self.method = method.clone();
        self.interim = 0;
        self.receiver.expect_head();
        Ok(encoder)
    }

    /// Reads the next event from `input`, the received bytes that have not been used, and returns
    /// how many bytes it used.
    ///
    /// # Errors
    /// The fault of the response. The connection has to be closed then.
    pub fn receive<'h, 'b: 'h, const N: usize>(
        &mut self,
        input: &'b [u8],
        storage: &'h mut FieldStorage<'b, N>,
    ) -> Result<(usize, Event<'h, Response<'h>>), ProtocolError> {
        let Some((scanner, limits)) = self.receiver.due_head() else {
            return self.receiver.receive(input, self.tolerance.as_mut());
        };
        let expected = (&self.method, self.may_upgrade);
        let read = read_response(scanner, expected, input, storage, limits);
        match &read {
            Ok(Some((_, Response::Interim(_)))) if self.interim == INTERIM_RESPONSES => {
                self.receiver.fail();
                return Err(ProtocolError::TooManyInterimResponses);
            }
            Ok(Some((_, Response::Interim(_)))) => {
                self.interim += 1;
                self.receiver.expect_head();
            }
            Ok(Some((_, Response::Final { framing, .. }))) => {
                let is_tolerant = self.tolerance.is_some();
                self.receiver
                    .begin(framing.length, framing.close, is_tolerant);
            }
            Ok(None) => {}
            Err(_) => self.receiver.fail(),
        }
        Ok(read?.map_or((0, Event::NeedMore), |(used, head)| {
            (used, Event::Head(head))
        }))
    }

    /// Takes note that the server has closed its side. Content whose end is the connection's end is
    /// complete now.
    ///
    /// # Errors
    /// [`ProtocolError::UnexpectedEnd`] before the end of a response that is due.
    pub fn end_of_input(&mut self) -> Result<(), ProtocolError> {
        self.receiver.end_of_input(true)
    }

    /// Whether a part of a response's head has arrived, and not all of it.
    #[must_use]
    pub fn is_inside_head(&self) -> bool {
        self.receiver.is_inside_head()
    }

    /// Whether no response is due: each request that was sent has its whole response.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.receiver.is_complete()
    }

    /// Makes this exchange the connection's last. The first reason given is the one that is kept.
    pub fn close_after(&mut self, reason: CloseReason) {
        self.receiver.close_after(reason);
    }

    /// Why the connection can't be used for another request; `None` if it can.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.receiver.close_reason()
    }
}

/// Reads a response's head and determines its framing; `None` while its end has not arrived.
/// Expected is a response to this method, and perhaps a 101.
fn read_response<'h, 'b: 'h, const N: usize>(
    scanner: &mut HeadScanner,
    (method, may_upgrade): (&Method, bool),
    input: &'b [u8],
    storage: &'h mut FieldStorage<'b, N>,
    limits: &Limits,
) -> Result<Option<(usize, Response<'h>)>, ProtocolError> {
    let Some(used) = scanner.find_end(input, None, limits)? else {
        return Ok(None);
    };
    let head = ResponseHead::parse_found(&input[..used], storage, limits)?;
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let framing = ResponseFraming {
            length: BodyLength::UntilClose,
            close: Some(CloseReason::Tunnel),
        };
        return match may_upgrade {
            true => Ok(Some((used, Response::Final { head, framing }))),
            false => Err(ProtocolError::UnexpectedUpgrade),
        };
    }
    if head.status.is_informational() {
        return Ok(Some((used, Response::Interim(head))));
    }
    let framing = response_framing(method, head.status, head.version, head.fields.iter())?;
    Ok(Some((used, Response::Final { head, framing })))
}
