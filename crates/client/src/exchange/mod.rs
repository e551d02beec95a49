//! One exchange: a request goes out, its response comes in, over anything that carries bytes.
//!
//! # Theory
//!
//! [`Exchange`] joins three things that know nothing of each other: a [`Transport`], which never
//! blocks, the grammar ([`ClientConnection`]), and the clock. Both directions are served from one
//! place, [`Exchange::fill`]:
//!
//! ```text
//! fill:  send what the socket takes ─▶ read what is there ─▶ nothing? wait for either direction ─┐
//!          ▲                                                                                     │
//!          └─────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! So a server may respond before it has read the whole request: an error ends the sending, any
//! other status lets it continue while the response is read. And a server may stop reading until
//! its response is read: neither side waits for the other without end.

//!
//! | file | what it does |
//! |---|---|
//! | `connection` | outlives the exchange: the transport, and what was read from it |
//! | `outbound` | writes the request's head |
//! | `outgoing` | holds what has not been sent |
//! | `transfer` | sends and receives bytes, and waits for either |
//! | `head` | finds the response's head, and repairs it |
//! | `receive` | reads the response's head |
//! | `content` | reads the response's content |

mod connection;
mod content;
mod head;
mod outbound;
mod outgoing;
mod receive;
mod transfer;

pub(crate) use connection::{Connection, Forward, Grammar};
pub(crate) use outbound::Outbound;

use crate::body::Source;
use crate::deadline::{Clock, Deadline};
use crate::error::{Error, Phase};
use crate::peer::Peer;
use crate::trace::{Closed, Event, Recorder};
use crate::transport::Transport;
use head::HeadReader;
use http::{HeaderMap, StatusCode, Version};
use outgoing::{Outgoing, PIECE};
use std::io;
use std::time::{Duration, Instant};
use tinyhttp_message::{BodyLength, CloseReason};

/// How long a request that asked for `100 Continue` waits for it (RFC 9110 §10.1.1 leaves that to
/// the client).
const CONTINUE_PATIENCE: Duration = Duration::from_secs(1);

/// A final response's head.
pub(crate) struct Head {
    pub(crate) version: Version,
    pub(crate) status: StatusCode,
    pub(crate) reason: String,
    pub(crate) fields: HeaderMap,
    pub(crate) raw: Vec<u8>,
    pub(crate) length: BodyLength,
}

/// One request and its response.
pub(crate) struct Exchange {
    connection: Connection,
    clock: Clock,
    recorder: Recorder,
    begun: Instant,
    sending: Sending,
    response_deadline: Option<Deadline>,
    has_first_byte: bool,
    head_is_complete: bool,
    length: BodyLength,
    received: u64,
    trailers: HeaderMap,
    /// The server ended the connection, and the content with it.
    has_ended: bool,
    head: HeadReader,
    /// The protocols that the client offered to switch to.
    upgrade: Option<Vec<u8>>,
}

/// The request's way out.
#[derive(Default)]
struct Sending {
    /// The rest of the request; `None` when everything has been sent, or sending has stopped.
    outgoing: Option<Outgoing>,
    /// Why sending failed. It is reported only if no response explains it.
    error: Option<io::Error>,
    /// Whether sending stopped before the end.
    has_stopped: bool,
}

/// An exchange without a response.
pub(crate) struct ExchangeError {
    pub(crate) error: Error,
    /// Whether the connection ended before the first byte of a response.
    pub(crate) unanswered: bool,
}

impl Exchange {
    /// Writes the request's head and begins to send it.
    pub(crate) fn begin(
        mut connection: Connection,
        outbound: &Outbound<'_>,
        source: Source,
        clock: Clock,
        recorder: Recorder,
    ) -> Result<Exchange, Error> {
        let mut buffer = Vec::with_capacity(1024);
        let encoder = outbound
            .write(&mut connection.protocol, &mut buffer)
            .map_err(|source| Error::Request { source })?;
        if outbound.close {
            connection.protocol.close_after(CloseReason::LocalAsked);
        }
        recorder.emit(&Event::Route(&connection.route));
        recorder.emit(&Event::RequestHead(&buffer));
        let hold = outbound
            .expect_continue
            .then(|| Instant::now() + CONTINUE_PATIENCE);
        let mut outgoing = Outgoing {
            source,
            encoder: Some(encoder),
            buffer,
            start: 0,
            content: 0,
            hold,
        };
        // What is at hand goes out with the head, in one write.
        let at_hand = hold.is_none() && matches!(outgoing.source, Source::Ready(..));
        while at_hand && outgoing.encoder.is_some() && outgoing.buffer.len() < PIECE {
            outgoing.refill()?;
        }
        Ok(Exchange {
            connection,
            clock,
            recorder,
            begun: Instant::now(),
            sending: Sending {
                outgoing: Some(outgoing),
                ..Sending::default()
            },
            response_deadline: None,
            has_first_byte: false,
            head_is_complete: false,
            length: BodyLength::Empty,
            received: 0,
            trailers: HeaderMap::new(),
            has_ended: false,
            head: HeadReader::default(),
            upgrade: outbound.upgrade.map(<[u8]>::to_vec),
        })
    }

    fn no_response(&self, source: Option<io::Error>) -> Error {
        Error::NoResponse {
            peer: self.connection.peer.clone(),
            elapsed: self.begun.elapsed(),
            source,
            not_retried: None,
        }
    }

    fn timed_out(&self, deadline: Deadline) -> Error {
        deadline.error(self.phase(), Some(self.connection.peer.clone()))
    }

    fn phase(&self) -> Phase {
        match (self.head_is_complete, &self.sending.outgoing) {
            (true, _) => Phase::Content,
            (false, Some(_)) => Phase::Send,
            (false, None) => Phase::Response,
        }
    }

    fn receive_error(&self, source: io::Error) -> Error {
        if !self.has_first_byte {
            return self.no_response(Some(source));
        }
        Error::Receive {
            peer: self.connection.peer.clone(),
            elapsed: self.begun.elapsed(),
            received: self.received,
            source,
        }
    }

    /// Ends the exchange with the error that explains most.
    fn give_up(&mut self, error: Error) -> Error {
        let error = match (self.sending.error.take(), error) {
            (Some(source), Error::NoResponse { peer, elapsed, .. })
            | (Some(source), Error::Receive { peer, elapsed, .. })
                if !self.head_is_complete =>
            {
                Error::Send {
                    peer,
                    elapsed,
                    source,
                    not_retried: None,
                }
            }
            (_, error) => error,
        };
        self.recorder.emit(&Event::End {
            received: self.received,
            close: Some(Closed::Failed),
        });
        error
    }

    /// Whether the response has been read to its end.
    pub(crate) fn is_complete(&self) -> bool {
        self.has_ended || self.connection.protocol.is_complete()
    }

    /// The tunnel that a CONNECT has made; `None` if something has come through it already, which
    /// would be lost.
    pub(crate) fn into_transport(self) -> Option<Box<dyn Transport>> {
        let connection = self.connection;
        let is_quiet = connection.input.unread().is_empty();
        is_quiet.then_some(connection.transport)
    }

    /// The connection after `101 Switching Protocols`: where it leads, and what has been received
    /// beyond the head.
    pub(crate) fn into_upgraded(self) -> (Box<dyn Transport>, Peer, Vec<u8>) {
        self.recorder.emit(&Event::End {
            received: 0,
            close: Some(Closed::Protocol(CloseReason::Tunnel)),
        });
        let connection = self.connection;
        let received = connection.input.unread().to_vec();
        (connection.transport, connection.peer, received)
    }

    pub(crate) fn trailers(&self) -> &HeaderMap {
        &self.trailers
    }

    /// Bounds the rest of the exchange to `limit` from now.
    pub(crate) fn tighten(&mut self, limit: Duration) {
        self.clock = self.clock.tighten(limit);
    }

    /// Ends the exchange, and gives the connection back if it can carry another one.
    pub(crate) fn finish(mut self, keep: bool) -> Option<Connection> {
        // The end may have been read without having been looked at.
        while !self.is_complete() {
            if !matches!(self.receive_piece(usize::MAX, &mut |_| {}), Ok(true)) {
                break;
            }
        }
        let close = if !self.is_complete() {
            Some(Closed::Unread)
        } else if self.sending.has_stopped || self.sending.outgoing.is_some() {
            Some(Closed::Unsent)
        } else if let Some(reason) = self.connection.protocol.close_reason() {
            Some(Closed::Protocol(reason))
        } else if !self.connection.input.unread().is_empty() {
            Some(Closed::Surplus)
        } else {
            (!keep).then_some(Closed::NotKept)
        };
        self.recorder.emit(&Event::End {
            received: self.received,
            close,
        });
        self.connection.exchanges += 1;
        close.is_none().then_some(self.connection)
    }
}
