//! A request's content, while a handler reads it.
//!
//! Reading waits for the client, so it needs the socket, and a handler may move the body to another
//! thread. Therefore the socket and the state of the protocol move into a [`RequestBody`] that the
//! connection and the body share; when the handler has returned, the connection takes them back,
//! and reading from a body that was kept fails.

use super::more::More;
use super::transport::{Readiness, Transport};
use crate::body::Trailers;
use crate::deadline::{Timeouts, Waiting};
use crate::lock::Lock;
use std::io::{self, IoSlice, Read};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tinyhttp_message::{Event, FieldStorage, ProtocolError, ServerConnection};

/// Bytes that are read from the socket at once.
const PIECE: usize = 32 * 1024;

/// What reading content needs.
#[derive(Debug)]
pub(crate) struct RequestBody {
    transport: Transport,
    protocol: ServerConnection,
    /// Bytes received and not used, from `at` on.
    input: Vec<u8>,
    at: usize,
    /// The part of `input` that is content which has not been read.
    content: Range<usize>,
    /// Responses to earlier requests, which must be sent before this side waits for the client.
    output: Vec<u8>,
    /// Bytes of `output` that have been sent and removed.
    sent: u64,
    /// Something has been read from the socket.
    has_received: bool,
    timeouts: Timeouts,
    /// The time that is left to wait for the client: the allowance for content.
    left: Duration,
    /// The request is complete, or will never be.
    ended: bool,
    /// Where trailer fields go, if the content can have any.
    trailers: Option<Trailers>,
    /// What is wrong with the content. Reading fails from there on.
    failure: Option<ProtocolError>,
}

/// The connection's reference to a body.
pub(crate) struct Loan(Arc<Lock<Option<RequestBody>>>);

/// What sends interim responses through a body, which has the socket meanwhile.
#[derive(Clone)]
pub(crate) struct Hinting(Arc<Lock<Option<RequestBody>>>);

/// The handler's reference to a body.
struct ContentReader(Arc<Lock<Option<RequestBody>>>);

impl RequestBody {
    pub(super) fn new(
        transport: Transport,
        protocol: ServerConnection,
        input: Vec<u8>,
        output: Vec<u8>,
        timeouts: Timeouts,
    ) -> Self {
        RequestBody {
            transport,
            protocol,
            input,
            at: 0,
            content: 0..0,
            output,
            sent: 0,
            has_received: false,
            timeouts,
            left: timeouts.content,
            ended: false,
            trailers: None,
            failure: None,
        }
    }

    /// Keeps the trailer fields that follow the content.
    pub(super) fn keep_trailers(&mut self, trailers: Trailers) {
        self.trailers = Some(trailers);
    }

    /// The state of the protocol, and the input that has not been used.
    pub(super) fn into_parts(mut self) -> (ServerConnection, Vec<u8>) {
        self.input.drain(..self.at);
        (self.protocol, self.input)
    }

    /// Takes the output that has not been sent, and the number of bytes that have been.
    pub(super) fn take_output(&mut self) -> (Vec<u8>, u64) {
        (std::mem::take(&mut self.output), self.sent)
    }

    /// Whether something has been read from the socket, in which more may be left.
    pub(super) fn has_received(&self) -> bool {
        self.has_received
    }

    /// Returns a reference for the connection, and a reader of the content.
    pub(super) fn lend(self) -> (Loan, impl Read + Send + 'static) {
        let shared = Arc::new(Lock::new(Some(self)));
        (Loan(Arc::clone(&shared)), ContentReader(shared))
    }

    /// Fills `into` with as much content as has been received, across chunks, and waits for the
    /// client only if there is none.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            if self.content.is_empty() {
                let must_stop_here = filled > 0 && self.at == self.input.len();
                if self.ended || must_stop_here || !self.next_piece(filled == 0)? {
                    break;
                }
            }
            let length = self.content.len().min(into.len() - filled);
            let end = self.content.start + length;
            into[filled..filled + length].copy_from_slice(&self.input[self.content.start..end]);
            self.content.start = end;
            filled += length;
        }
        Ok(filled)
    }

    /// Looks for more content: `true` unless there is none, or none yet and it must not wait for
    /// it.
    fn next_piece(&mut self, may_wait: bool) -> io::Result<bool> {
        if let Some(error) = self.failure.filter(|_| may_wait) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let mut storage = FieldStorage::new();
        let received = self.protocol.receive(&self.input[self.at..], &mut storage);
        let (used, event) = match received {
            Ok(received) => received,
            Err(error) => {
                // The content in front of the fault is returned first.
                self.failure = Some(error);
                return if may_wait {
                    self.next_piece(true)
                } else {
                    Ok(false)
                };
            }
        };
        self.at += used;
        match event {
            // Content is the last of the bytes that were used for it.
            Event::Content(content) => {
                let length = content.len();
                self.content = self.at - length..self.at;
                let earned = self
                    .timeouts
                    .after(Waiting::Content, self.left, length as u64);
                self.left = earned;
            }
            Event::NeedMore if may_wait => self.receive_more()?,
            Event::NeedMore => return Ok(false),
            Event::End(fields) => {
                self.ended = true;
                if let Some(trailers) = &self.trailers {
                    trailers.set(fields);
                }
            }
            Event::Paused | Event::Head(_) => {
                self.ended = true;
            }
        }
        Ok(true)
    }

    /// Waits for the client, after everything it may be waiting for has been sent.
    fn receive_more(&mut self) -> io::Result<()> {
        self.protocol.continue_if_expected(&mut self.output);
        let mut left = self.timeouts.write;
        while !self.output.is_empty() {
            let slices = [IoSlice::new(&self.output)];
            match self.transport.send(&slices, More::Unknown) {
                Ok(sent) => {
                    self.output.drain(..sent);
                    self.sent += sent as u64;
                    left = self.timeouts.after(Waiting::Write, left, sent as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    left = self.wait(Readiness::Room, left, "take a response")?;
                }
                Err(error) => return Err(error),
            }
        }
        self.has_received = true;
        self.input.drain(..self.at);
        (self.at, self.content) = (0, 0..0);
        let have = self.input.len();
        self.input.resize(have + PIECE, 0);
        let received = self.receive(have);
        self.input
            .truncate(have + received.as_ref().copied().unwrap_or_default());
        if received? == 0 {
            self.ended = true;
            self.protocol
                .end_of_input()
                .map_err(|error| io::Error::new(io::ErrorKind::UnexpectedEof, error))?;
        }
        Ok(())
    }

    /// Receives into the input from `have` on, and waits until something has come.
    fn receive(&mut self, have: usize) -> io::Result<usize> {
        loop {
            match self.transport.recv(&mut self.input[have..]) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) =>
                {
                    self.left = self.wait(Readiness::Input, self.left, "send content")?;
                }
                received => return received,
            }
        }
    }

    /// Waits for as long as is left of an allowance, and returns what is left of it then.
    fn wait(&self, readiness: Readiness, left: Duration, what: &str) -> io::Result<Duration> {
        self.transport.wait(readiness, left).map_err(|error| {
            if error.kind() != io::ErrorKind::TimedOut {
                return error;
            }
            let message = format!("the client did not {what} fast enough");
            io::Error::new(io::ErrorKind::TimedOut, message)
        })
    }
}

impl Hinting {
    /// Sends an interim response behind the output, as far as the socket takes it at once. Waits
    /// while a thread reads from the body.
    pub(super) fn send(&self, head: &[u8]) {
        if let Some(body) = &mut *self.0.lock() {
            body.output.extend_from_slice(head);
            body.sent += body.transport.send_now(&mut body.output);
        }
    }
}

impl Loan {
    /// What sends interim responses while this is lent.
    pub(crate) fn hinting(&self) -> Hinting {
        Hinting(Arc::clone(&self.0))
    }

    /// Sends what the socket takes of earlier responses, so that these do not wait for the handler.
    pub(crate) fn send_ahead(&self) {
        self.hinting().send(&[]);
    }

    /// Takes everything back. Reading from the body fails from now on. Waits while a thread reads
    /// from it.
    pub(crate) fn take_back(self) -> RequestBody {
        // `lend` put it there, and only this takes it out, once.
        self.0.lock().take().expect("what was lent is there")
    }
}

impl Read for ContentReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut *self.0.lock() {
            Some(body) => body.read(into),
            None => Err(io::Error::other(
                "the request has been answered; its content is gone",
            )),
        }
    }
}
