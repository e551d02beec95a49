//! The client's side: requests out, responses in.

use super::{Receiving, content_length};
use crate::content::{ContentDecoder, ContentEncoder, Piece};
use crate::encode::HeadWriter;
use crate::error::Error;
use crate::framing::{CloseReason, ResponseFraming, response_framing};
use crate::head::{FieldStorage, HeadScanner, Limits, ResponseHead};
use crate::tolerance::Deviation;
use http::{HeaderMap, Method, StatusCode, Version};

/// Interim responses that a client accepts before the final one.
const INTERIM_RESPONSES: u8 = 16;

/// What the bytes from a server were.
#[derive(Debug)]
pub enum ClientEvent<'h> {
    /// Part of something; more input is needed.
    NeedMore,
    /// An interim (1xx) response. The final one is still to come.
    Interim(ResponseHead<'h>),
    /// The final response's head. If its length is [`BodyLength::Empty`](crate::BodyLength::Empty) the response is complete.
    Response {
        /// The head.
        head: ResponseHead<'h>,
        /// What it says of the content and the connection.
        framing: ResponseFraming,
    },
    /// Some of the response's content.
    Content(&'h [u8]),
    /// The response is complete. Trailer fields are here and nowhere else.
    End(HeaderMap),
    /// No response is due; nothing was taken from the input.
    Paused,
}

/// The client's side of a connection.
#[derive(Debug)]
pub struct ClientConnection {
    limits: Limits,
    receiving: Receiving,
    method: Method,
    interim: u8,
    close: Option<CloseReason>,
    is_tolerant: bool,
    deviations: Vec<Deviation>,
}

impl ClientConnection {
    /// A connection on which nothing has been sent.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        ClientConnection {
            limits,
            receiving: Receiving::End,
            method: Method::GET,
            interim: 0,
            close: None,
            is_tolerant: false,
            deviations: Vec::new(),
        }
    }

    /// The same connection, but it forgives what chunks may get wrong (see [`tolerance`](crate::tolerance)). Heads are
    /// [repaired](crate::tolerance::repair) by the caller before they come here.
    #[must_use]
    pub fn tolerant(self) -> Self {
        ClientConnection {
            is_tolerant: true,
            ..self
        }
    }

    /// What was forgiven in the content since the last call.
    pub fn take_deviations(&mut self) -> Vec<Deviation> {
        std::mem::take(&mut self.deviations)
    }

    /// Whether a head is what comes next.
    #[must_use]
    pub fn awaits_head(&self) -> bool {
        matches!(self.receiving, Receiving::Head(_))
    }

    /// Writes the head of a request. `length` says what content follows; `fields` writes the fields, Host among them,
    /// without Content-Length and Transfer-Encoding, which this call sees to itself.
    ///
    /// # Errors
    /// [`Error::OutOfTurn`] while another response is due, or when the connection has to end;
    /// [`Error::TransferEncodingInHttp10`] for content of unknown length there; what `fields` returns.
    pub fn request(
        &mut self,
        method: &Method,
        target: &str,
        version: Version,
        length: RequestContent,
        out: &mut Vec<u8>,
        fields: impl FnOnce(&mut HeadWriter<'_>) -> Result<(), Error>,
    ) -> Result<ContentEncoder, Error> {
        if !matches!(self.receiving, Receiving::End) || self.close.is_some() {
            return Err(Error::OutOfTurn);
        }
        if length == RequestContent::Unknown && version == Version::HTTP_10 {
            return Err(Error::TransferEncodingInHttp10);
        }
        let start = out.len();
        let mut head = HeadWriter::request(out, method, target, version)?;
        if let Err(error) = fields(&mut head) {
            out.truncate(start);
            return Err(error);
        }
        let encoder = match length {
            RequestContent::Known(length) => {
                content_length(&mut head, length);
                ContentEncoder::Known(length)
            }
            RequestContent::Unknown => {
                head.field("Transfer-Encoding", b"chunked")?;
                ContentEncoder::Chunked
            }
            RequestContent::None => {
                // These methods are expected to have content, so its absence is said (RFC 9110 §8.6).
                if [Method::POST, Method::PUT, Method::PATCH].contains(method) {
                    content_length(&mut head, 0);
                }
                ContentEncoder::Suppressed
            }
        };
        head.finish();
        self.method = method.clone();
        self.interim = 0;
        self.receiving = Receiving::Head(HeadScanner::default());
        Ok(encoder)
    }

    /// Looks at the bytes that have arrived and are not used yet: how many are used now, and what they were.
    ///
    /// # Errors
    /// Whatever is wrong with the response; then the connection has to end.
    pub fn receive<'h, 'b: 'h, const N: usize>(
        &mut self,
        input: &'b [u8],
        storage: &'h mut FieldStorage<'b, N>,
    ) -> Result<(usize, ClientEvent<'h>), Error> {
        let received = match &mut self.receiving {
            Receiving::Head(scanner) => {
                receive_response(scanner, &self.method, input, storage, &self.limits)
            }
            Receiving::Content(decoder) => {
                let decoded = decoder.decode(input, &self.limits);
                if let ContentDecoder::Chunked(decoder) = decoder {
                    self.deviations.append(&mut decoder.take_deviations());
                }
                if matches!(decoded, Ok((_, Piece::End(_)))) {
                    self.receiving = Receiving::End;
                }
                decoded.map(|(used, piece)| {
                    let event = match piece {
                        Piece::NeedMore => ClientEvent::NeedMore,
                        Piece::Content(content) => ClientEvent::Content(content),
                        Piece::End(trailers) => ClientEvent::End(trailers),
                    };
                    (used, event)
                })
            }
            Receiving::End => return Ok((0, ClientEvent::Paused)),
            Receiving::Closed => return Ok((input.len(), ClientEvent::NeedMore)),
        };
        let received = match received {
            Ok((_, ClientEvent::Interim(_))) if self.interim == INTERIM_RESPONSES => {
                Err(Error::TooManyInterimResponses)
            }
            other => other,
        };
        match &received {
            Ok((_, ClientEvent::Interim(_))) => {
                self.interim += 1;
                self.receiving = Receiving::Head(HeadScanner::default());
            }
            Ok((_, ClientEvent::Response { framing, .. })) => {
                self.close = self.close.or(framing.close);
                self.receiving = match ContentDecoder::new(framing.length, self.is_tolerant) {
                    Some(decoder) => Receiving::Content(decoder),
                    None => Receiving::End,
                };
            }
            Ok(_) => {}
            Err(_) => {
                self.receiving = Receiving::Closed;
                self.close = Some(CloseReason::ProtocolError);
            }
        }
        received
    }

    /// The server has ended its side. Content that goes on until then is complete now.
    ///
    /// # Errors
    /// [`Error::UnexpectedEnd`] if that was inside a response, or before it.
    pub fn end_of_input(&mut self) -> Result<(), Error> {
        self.close_after(CloseReason::PeerEnded);
        match std::mem::replace(&mut self.receiving, Receiving::Closed) {
            Receiving::End | Receiving::Closed | Receiving::Content(ContentDecoder::UntilClose) => {
                Ok(())
            }
            Receiving::Head(_) | Receiving::Content(_) => Err(Error::UnexpectedEnd),
        }
    }

    /// Whether some of a response's head has arrived.
    #[must_use]
    pub fn is_inside_head(&self) -> bool {
        matches!(&self.receiving, Receiving::Head(scanner) if *scanner != HeadScanner::default())
    }

    /// Whether the whole response has been received.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.receiving, Receiving::End)
    }

    /// Lets the connection end after this exchange. The first reason is the one that stays.
    pub fn close_after(&mut self, reason: CloseReason) {
        self.close.get_or_insert(reason);
    }

    /// Why the connection can't be used for another request, if that is so.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.close
    }
}

/// What content a request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestContent {
    /// None.
    None,
    /// So many bytes.
    Known(u64),
    /// As many as there will be; sent in chunks.
    Unknown,
}

fn receive_response<'h, 'b: 'h, const N: usize>(
    scanner: &mut HeadScanner,
    method: &Method,
    input: &'b [u8],
    storage: &'h mut FieldStorage<'b, N>,
    limits: &Limits,
) -> Result<(usize, ClientEvent<'h>), Error> {
    let Some(length) = scanner.find_end(input, None, limits)? else {
        return Ok((0, ClientEvent::NeedMore));
    };
    let head = ResponseHead::parse_found(&input[..length], storage, limits)?;
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::UnexpectedUpgrade);
    }
    if head.status.is_informational() {
        return Ok((length, ClientEvent::Interim(head)));
    }
    let framing = response_framing(method, head.status, head.version, head.fields.iter())?;
    Ok((length, ClientEvent::Response { head, framing }))
}
