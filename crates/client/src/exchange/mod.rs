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
//! So a server may answer before it has read the whole request: an error ends the sending, anything
//! else lets it go on while the response is read. And it may stop reading until its response is
//! read: neither side waits for the other for ever.

mod connection;
mod content;
mod head;
mod outgoing;

pub(crate) use connection::{Connection, Grammar};

use crate::body::Source;
use crate::compose::Outbound;
use crate::deadline::{Clock, Deadline, Timeout};
use crate::error::{Error, Phase};
use crate::trace::{Closed, Event, Recorder};
use crate::transport::Transport;
use head::{Found, HeadReader};
use http::{HeaderMap, StatusCode, Version};
use outgoing::{Outgoing, PIECE};
use rustix::event::PollFlags;
use std::io;
use std::time::{Duration, Instant};
use tinyhttp_message::connection::Response;
use tinyhttp_message::{BodyLength, CloseReason, Deviation, Event as Received, LargeFieldStorage};

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
    outgoing: Option<Outgoing>,
    /// Sending broke. That is only told if no response explains it.
    send_error: Option<io::Error>,
    stopped_sending: bool,
    response_deadline: Option<Deadline>,
    has_first_byte: bool,
    head_is_complete: bool,
    length: BodyLength,
    received: u64,
    trailers: HeaderMap,
    /// The server ended the connection, and the content with it.
    has_ended: bool,
    head: HeadReader,
}

/// An exchange that came to nothing.
pub(crate) struct Broken {
    pub(crate) error: Error,
    /// The connection ended, and nothing at all had come back.
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
            outgoing: Some(outgoing),
            send_error: None,
            stopped_sending: false,
            response_deadline: None,
            has_first_byte: false,
            head_is_complete: false,
            length: BodyLength::Empty,
            received: 0,
            trailers: HeaderMap::new(),
            has_ended: false,
            head: HeadReader::default(),
        })
    }

    /// Sends the rest of the request, as far as the server wants it, and reads the response's head.
    pub(crate) fn receive_head(&mut self) -> Result<Head, Broken> {
        loop {
            match self.try_receive_head() {
                Ok(Some(head)) => {
                    self.head_is_complete = true;
                    self.length = head.length;
                    self.response_deadline = None;
                    if self.outgoing.is_some() && !head.status.is_success() {
                        // The server has made up its mind: the rest of the content would be for
                        // nothing.
                        self.stop_sending();
                    }
                    return Ok(head);
                }
                Ok(None) => {}
                Err(error) => {
                    let error = self.give_up(error);
                    let has_ended = matches!(error, Error::NoResponse { .. } | Error::Send { .. });
                    return Err(Broken {
                        unanswered: has_ended && !self.has_first_byte,
                        error,
                    });
                }
            }
        }
    }

    fn try_receive_head(&mut self) -> Result<Option<Head>, Error> {
        let unread = self.connection.input.unread();
        head::check_start(unread, &self.connection.peer)?;
        let repaired = match self.head.find(unread, self.connection.grammar) {
            Ok(Found::Whole(repaired)) => repaired,
            Ok(Found::NeedMore) => {
                if self.fill(None)? == 0 {
                    return Err(self.ended_early());
                }
                return Ok(None);
            }
            Err(source) => {
                return Err(Error::Protocol {
                    peer: self.connection.peer.clone(),
                    source,
                });
            }
        };
        for deviation in repaired
            .iter()
            .flat_map(|repaired| repaired.deviations.iter())
        {
            self.recorder.emit(&Event::Tolerated(deviation));
            if deviation == Deviation::ContentLengthWithTransferEncoding {
                let protocol = &mut self.connection.protocol;
                protocol.close_after(CloseReason::ProtocolError);
            }
        }
        let mut storage = LargeFieldStorage::empty();
        // What was sent is what is shown; what is read may be a repaired copy of it.
        let raw = repaired.as_ref().map(|repaired| &unread[..repaired.length]);
        let unread = repaired.as_ref().map_or(unread, |repaired| &repaired.head);
        let (used, event) = self
            .connection
            .protocol
            .receive(unread, &mut storage)
            .map_err(|source| Error::Protocol {
                peer: self.connection.peer.clone(),
                source,
            })?;
        match event {
            Received::Head(Response::Interim(head)) => {
                let raw = raw.unwrap_or(head.raw());
                let used = repaired.as_ref().map_or(used, |repaired| repaired.length);
                self.head = HeadReader::default();
                self.recorder.emit(&Event::Interim(raw));
                let go_ahead = head.status == StatusCode::CONTINUE;
                if let Some(outgoing) = self.outgoing.as_mut().filter(|_| go_ahead) {
                    outgoing.hold = None;
                }
                self.connection.input.consume(used);
                Ok(None)
            }
            Received::Head(Response::Final { head, framing }) => {
                let raw = raw.unwrap_or(head.raw());
                let used = repaired.as_ref().map_or(used, |repaired| repaired.length);
                self.recorder.emit(&Event::ResponseHead {
                    raw,
                    status: head.status,
                    length: framing.length,
                });
                let head = Head {
                    version: head.version,
                    status: head.status,
                    reason: head.reason.to_owned(),
                    fields: head.fields.to_http().map_err(|source| Error::Protocol {
                        peer: self.connection.peer.clone(),
                        source,
                    })?,
                    raw: raw.to_vec(),
                    length: framing.length,
                };
                self.connection.input.consume(used);
                Ok(Some(head))
            }
            _ => {
                self.connection.input.consume(used);
                if self.fill(None)? == 0 {
                    return Err(self.ended_early());
                }
                Ok(None)
            }
        }
    }

    /// The error for a connection that ended before the head's end.
    fn ended_early(&self) -> Error {
        if self.has_first_byte {
            return Error::Protocol {
                peer: self.connection.peer.clone(),
                source: tinyhttp_message::ProtocolError::UnexpectedEnd,
            };
        }
        self.no_response(None)
    }

    fn no_response(&self, source: Option<io::Error>) -> Error {
        Error::NoResponse {
            peer: self.connection.peer.clone(),
            elapsed: self.begun.elapsed(),
            source,
            not_repeated: None,
        }
    }

    /// Reads at least a byte, into the input or where the caller says, and sends meanwhile; 0 if
    /// the server has ended.
    fn fill(&mut self, mut direct: Option<&mut [u8]>) -> Result<usize, Error> {
        let mut stall = self.clock.deadline(Timeout::Stall);
        // A read that always finds bytes never waits, so the deadline is checked here.
        if stall.has_passed() {
            return Err(self.timed_out(stall));
        }
        loop {
            if self.send_some()? {
                stall = self.clock.deadline(Timeout::Stall);
            }
            let connection = &mut self.connection;
            let space = match direct.as_deref_mut() {
                Some(space) => space,
                None => connection.input.space(),
            };
            match connection.transport.read(space) {
                Ok(read) => {
                    if direct.is_none() {
                        connection.input.filled(read);
                    }
                    if read > 0 && !self.has_first_byte {
                        self.has_first_byte = true;
                        self.recorder.emit(&Event::FirstByte);
                    }
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // TLS tells a connection that was closed without notice from one that has ended.
                // Before the response, and after a length that was announced, that makes no
                // difference.
                Err(error)
                    if error.kind() == io::ErrorKind::UnexpectedEof
                        && self.length != BodyLength::UntilClose =>
                {
                    return Ok(0);
                }
                Err(source) => return Err(self.receive_error(source)),
            }
            let mut until = stall;
            if let Some(deadline) = self.response_deadline {
                until = until.earlier(deadline);
            }
            self.wait(until)?;
        }
    }

    fn wait(&mut self, until: Deadline) -> Result<(), Error> {
        let mut interest = PollFlags::IN;
        let mut patience = until.left();
        if let Some(outgoing) = &mut self.outgoing {
            match outgoing.hold {
                Some(hold) if outgoing.unsent().is_empty() => {
                    let hold = hold.saturating_duration_since(Instant::now());
                    if hold.is_zero() {
                        outgoing.hold = None;
                        return Ok(());
                    }
                    patience = Some(patience.map_or(hold, |patience| patience.min(hold)));
                }
                _ => interest |= PollFlags::OUT,
            }
        }
        match self.connection.transport.wait(interest, patience) {
            Ok(false) if until.has_passed() => Err(self.timed_out(until)),
            Ok(_) => Ok(()),
            Err(source) => Err(self.receive_error(source)),
        }
    }

    fn timed_out(&self, deadline: Deadline) -> Error {
        deadline.error(self.phase(), Some(self.connection.peer.clone()))
    }

    fn phase(&self) -> Phase {
        match (self.head_is_complete, &self.outgoing) {
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

    /// Sends what the socket takes of the request; whether it took anything.
    fn send_some(&mut self) -> Result<bool, Error> {
        let mut progress = false;
        while let Some(outgoing) = &mut self.outgoing {
            let transport = &mut self.connection.transport;
            let result = if !outgoing.unsent().is_empty() {
                transport.write(outgoing.unsent()).and_then(|written| {
                    outgoing.start += written;
                    progress = true;
                    match written {
                        0 => Err(io::ErrorKind::WriteZero.into()),
                        _ => Ok(()),
                    }
                })
            } else if outgoing.hold.is_some() {
                return Ok(progress);
            } else if outgoing.encoder.is_some() {
                // Between two pieces there is time to see whether the server has something to say
                // about them.
                if outgoing.content > 0
                    && transport
                        .wait(PollFlags::IN, Some(Duration::ZERO))
                        .unwrap_or(false)
                {
                    return Ok(progress);
                }
                outgoing.refill()?;
                Ok(())
            } else {
                let content = outgoing.content;
                transport.flush().map(|()| {
                    self.outgoing = None;
                    self.recorder.emit(&Event::RequestSent { content });
                    self.response_deadline = Some(self.clock.deadline(Timeout::Response));
                })
            };
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(progress),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // The server may have answered before it stopped reading: then that answer is
                    // what counts.
                    self.send_error = Some(error);
                    self.stop_sending();
                }
            }
        }
        Ok(progress)
    }

    fn stop_sending(&mut self) {
        self.outgoing = None;
        self.stopped_sending = true;
    }

    /// Ends the exchange with an error: the one that explains most.
    fn give_up(&mut self, error: Error) -> Error {
        let error = match (self.send_error.take(), error) {
            (Some(source), Error::NoResponse { peer, elapsed, .. })
            | (Some(source), Error::Receive { peer, elapsed, .. })
                if !self.head_is_complete =>
            {
                Error::Send {
                    peer,
                    elapsed,
                    source,
                    not_repeated: None,
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

    pub(crate) fn trailers(&self) -> &HeaderMap {
        &self.trailers
    }

    /// From now on, whatever is still to come has to come within that time.
    pub(crate) fn hurry(&mut self, limit: Duration) {
        self.clock = self.clock.hurry(limit);
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
        } else if self.stopped_sending || self.outgoing.is_some() {
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
