//! One attempt to have a request responded to: a connection to a server, and what has been sent
//! and received on it.

mod splice;

use super::codec::{Codec, Protocol, write_environment};
use super::failure::Failure;
use super::forward::{Message, Plan};
use super::group::Lease;
use super::idle::Moment;
use super::pipes::SplicePipe;
use super::process::Running;
use super::registry::Registry;
use super::retry::Outcome;
use super::socket::Socket;
use super::variables::Variables;
use crate::poller::Poller;
use crate::poller::alarm::Alarm;
use http::Version;
use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tinyhttp_message::connection::{RequestContent, Response};
use tinyhttp_message::{
    ClientConnection, ContentEncoder, Event, FieldStorage, Limits, MisuseError,
};

/// Bytes for the server that may wait until its socket takes them. Beyond that, no content is taken
/// from the client.
pub(crate) const UP: usize = 32 * 1024;

/// Bytes that are reserved for the head of a request.
const HEAD: usize = 512;

/// Bytes that are reserved for a request as variables.
const ENVIRONMENT: usize = 1024;

/// Bounds on the heads of responses. Applications set many cookies, and long policies.
const LIMITS: Limits = Limits {
    request_line: 8 * 1024,
    head: 64 * 1024,
    fields: FIELDS,
};

/// Fields of a response that are read at most.
pub(crate) const FIELDS: usize = 512;

/// A connection to a server, for one request.
#[derive(Debug)]
pub(crate) struct Attempt {
    socket: Socket,
    pub(crate) lease: Lease,
    http: ClientConnection,
    codec: Codec,
    /// The program at the other end of the socket, if it is one.
    program: Option<Running>,
    content: ContentEncoder,
    output: Vec<u8>,
    /// Bytes of `output` that have been sent.
    at: usize,
    /// What large content of the request goes through, while it does.
    pipe: Option<Box<SplicePipe>>,
    /// Bytes that were received and not used.
    pub(crate) input: Vec<u8>,
    pub(crate) outcome: Outcome,
    /// The whole request is in `output`.
    pub(crate) is_written: bool,
    watch: Watch,
}

/// What the poller is asked, and has reported.
#[derive(Debug, Default)]
struct Watch {
    /// Something may be there to read.
    is_readable: bool,
    /// The server sends nothing beyond what can be read.
    has_ended: bool,
    /// The socket takes nothing anymore, but a response may have come.
    is_deaf: bool,
    /// The socket has taken bytes since that was last asked.
    has_taken: bool,
    /// Why the connection was not established.
    refusal: Option<io::Error>,
    /// The number of the address of a new connection; `None` for one that was idle before.
    address: Option<usize>,
}

impl Attempt {
    /// Takes an idle connection to the server or begins a new one, and writes the head of the
    /// request. `may_take_idle` is whether an idle connection may be taken, `turn` counts the
    /// addresses of the server that have been tried, `registry` is this server's.
    ///
    /// # Errors
    /// [`Failure::Connect`].
    pub(crate) fn begin(
        plan: &Plan,
        lease: Lease,
        content: RequestContent,
        may_take_idle: bool,
        turn: usize,
        registry: &Registry,
        moment: Moment,
    ) -> Result<Self, (Failure, Lease)> {
        let mut lease = lease;
        let may_take = may_take_idle && plan.upgrade.is_none();
        let idle = match may_take {
            true => lease.take_idle(&registry.open, moment),
            false => None,
        };
        match idle {
            _ if plan.protocol != Protocol::FastCgi => {}
            Some(_) => lease.serve(moment.now),
            None => lease.starve(moment.now),
        }
        let mut program = None;
        let connected = match (idle, &plan.message) {
            (Some(socket), _) => Ok(Some((socket, None))),
            (
                None,
                Message::Environment {
                    variables,
                    program: Some(launch),
                },
            ) => launch.start(variables, &registry.open).map(|started| {
                let (socket, running) = started?;
                program = Some(running);
                Some((socket, Some(0)))
            }),
            (None, _) => {
                registry.add(&plan.group);
                let connected = lease.connect(turn, &registry.open);
                connected.map(|(socket, address)| Some((socket, Some(address))))
            }
        };
        let (socket, address) = match connected {
            Ok(Some(connected)) => connected,
            Ok(None) => return Err((Failure::Busy, lease)),
            Err(error) => return Err((Failure::Connect(error), lease)),
        };
        let mut http = ClientConnection::new(LIMITS);
        if plan.upgrade.is_some() {
            http = http.with_upgrade();
        }
        let is_program = program.is_some();
        let mut attempt = Attempt {
            socket,
            lease,
            http,
            codec: Codec::new(plan.protocol),
            program,
            content: ContentEncoder::Suppressed,
            output: Vec::new(),
            at: 0,
            pipe: None,
            input: Vec::new(),
            // A program that was started is not run again.
            outcome: Outcome {
                has_sent: is_program,
                has_lost_content: is_program,
                ..Outcome::default()
            },
            is_written: content == RequestContent::None,
            watch: Watch {
                address,
                ..Watch::default()
            },
        };
        if let Err(error) = attempt.write_head(plan, content) {
            let error = io::Error::other(error);
            return Err((Failure::Connect(error), attempt.lease));
        }
        Ok(attempt)
    }

    fn write_head(
        &mut self,
        plan: &Plan,
        content: RequestContent,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        match &plan.message {
            Message::Head {
                target,
                names_server,
                fields,
            } => {
                let server = &self.lease.server().target;
                let (method, version) = (&plan.method, Version::HTTP_11);
                self.output.reserve(HEAD);
                let output = &mut self.output;
                self.content =
                    self.http
                        .request(method, target, version, content, output, |head| {
                            if *names_server {
                                head.field("Host", server.to_string().as_bytes())?;
                            }
                            head.lines(fields);
                            Ok(())
                        })?;
                Ok(())
            }
            Message::Environment { variables, .. } => {
                self.write_environment(plan, variables, content)
            }
        }
    }

    /// Writes the request as variables. The response will be one of HTTP all the same.
    fn write_environment(
        &mut self,
        plan: &Plan,
        variables: &Variables,
        content: RequestContent,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let length = match content {
            RequestContent::None => 0,
            RequestContent::Known(length) => length,
            RequestContent::Unknown => return Err("the length of the content is unknown".into()),
        };
        // The reader of the response has to know the method. The head itself is not sent.
        let (method, none) = (&plan.method, RequestContent::None);
        let (version, output) = (Version::HTTP_11, &mut self.output);
        output.reserve(ENVIRONMENT);
        self.http
            .request(method, "/", version, none, output, |_| Ok(()))?;
        output.clear();
        if self.program.is_none() {
            write_environment(plan.protocol, length, variables, &mut self.output)?;
        }
        self.content = ContentEncoder::Known(length);
        if self.is_written {
            self.codec.end_of_content(&mut self.output);
        }
        Ok(())
    }

    /// Writes a piece of the request's content.
    ///
    /// # Errors
    /// If it is longer than announced.
    pub(crate) fn write_content(&mut self, piece: &[u8]) -> Result<(), MisuseError> {
        if let Codec::Http = self.codec {
            return self.content.encode(piece, &mut self.output);
        }
        self.content.count(piece.len() as u64)?;
        self.codec.content(piece, &mut self.output);
        Ok(())
    }

    /// Ends the request's content.
    ///
    /// # Errors
    /// If it is shorter than announced.
    pub(crate) fn finish_content(&mut self) -> Result<(), MisuseError> {
        self.is_written = true;
        self.content.finish(&mut self.output)?;
        self.codec.end_of_content(&mut self.output);
        Ok(())
    }

    /// Sends what the socket takes. Returns whether all was sent, or nothing more ever will be: a
    /// server that has responded early closes the connection, and its response is still there to
    /// be read.
    pub(crate) fn flush(&mut self) -> bool {
        self.flush_output() && self.flush_pipe()
    }

    fn flush_output(&mut self) -> bool {
        while self.at < self.output.len() && !self.watch.is_deaf {
            match self.socket.send(&self.output[self.at..]) {
                Ok(sent) => {
                    self.at += sent;
                    (self.outcome.has_sent, self.watch.has_taken) = (true, true);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => self.sending_failed(error),
            }
        }
        match self.is_written {
            // Nothing follows. The connection may wait for long.
            true => self.output = Vec::new(),
            false => self.output.clear(),
        }
        self.at = 0;
        if self.program.is_some() && self.is_written {
            // Programs read as much as CONTENT_LENGTH says, or to the end.
            self.socket.shutdown_write();
        }
        true
    }

    /// Takes note that the socket takes nothing more.
    fn sending_failed(&mut self, error: io::Error) {
        log::debug!(
            "{}: sending failed: {error}",
            self.lease.server().target.label()
        );
        (self.watch.is_deaf, self.watch.is_readable) = (true, true);
        self.watch.refusal = (!self.outcome.has_sent).then_some(error);
    }

    /// Whether the socket has taken bytes since the last call.
    pub(crate) fn has_taken(&mut self) -> bool {
        std::mem::take(&mut self.watch.has_taken)
    }

    /// Whether the server takes no more of the request.
    pub(crate) fn is_deaf(&self) -> bool {
        self.watch.is_deaf
    }

    /// Whether content may be written: what was written before has been sent.
    pub(crate) fn has_room(&self) -> bool {
        self.output.len() - self.at < UP && self.outcome.has_sent && !self.has_piped()
    }

    /// Receives once into `buffer`. Returns the number of bytes; zero at the end; `None` if nothing
    /// has come.
    ///
    /// # Errors
    /// [`Failure::Connect`] if the connection was refused, else [`Failure::Broken`].
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Failure> {
        if let Some(error) = self.watch.refusal.take() {
            return Err(Failure::Connect(error));
        }
        if !self.watch.is_readable {
            return Ok(None);
        }
        match self.socket.recv(buffer) {
            Ok(length) => {
                // A short read has taken all there was; a later report says that more has come.
                let took_all = length < buffer.len() && length > 0 && !self.socket.has_more();
                self.watch.is_readable = !took_all || self.watch.has_ended || self.watch.is_deaf;
                self.outcome.has_received |= length > 0;
                self.lease.feed();
                Ok(Some(length))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.watch.is_readable = false;
                Ok(None)
            }
            // More may be there, but the turn is over.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) if self.outcome.has_sent => Err(Failure::Broken(error)),
            Err(error) => Err(Failure::Connect(error)),
        }
    }

    /// Translates received bytes into those of a response of HTTP.
    ///
    /// # Errors
    /// [`Failure::Foreign`].
    pub(crate) fn decode<'b>(&mut self, bytes: &'b [u8]) -> Result<Cow<'b, [u8]>, Failure> {
        let server = self.lease.server().target.label();
        self.codec.decode(bytes, &server).map_err(Failure::Foreign)
    }

    /// Whether the protocol says that the response has ended, wherever its content ends.
    pub(crate) fn has_ended(&self) -> bool {
        self.codec.has_ended()
    }

    /// Reads the next event from received bytes, and returns how many it used.
    ///
    /// # Errors
    /// [`Failure::Malformed`].
    pub(crate) fn event<'h, 'b: 'h>(
        &mut self,
        input: &'b [u8],
        storage: &'h mut FieldStorage<'b, FIELDS>,
    ) -> Result<(usize, Event<'h, Response<'h>>), Failure> {
        self.http
            .receive(input, storage)
            .map_err(Failure::Malformed)
    }

    /// Takes note that the server has ended its side. `Ok`: the response is complete.
    pub(crate) fn end_of_input(&mut self) -> Result<(), Failure> {
        if !self.codec.may_end_with_connection() && !self.codec.has_ended() {
            return Err(Failure::Closed);
        }
        if let Some(program) = &self.program {
            program.outcome().map_err(|why| match why {
                Some(why) => Failure::Foreign(why),
                None => Failure::TooSlow,
            })?;
        }
        match self.http.end_of_input() {
            Ok(()) => Ok(()),
            Err(_) if self.program.is_some() => {
                let why = "the program has ended before its response was whole";
                Err(Failure::Foreign(why.to_owned()))
            }
            Err(_) => Err(Failure::Closed),
        }
    }

    /// Whether the whole response has been received.
    pub(crate) fn is_complete(&self) -> bool {
        self.http.is_complete()
    }

    /// Where the server listens.
    pub(crate) fn peer(&self) -> Arc<str> {
        self.socket.peer()
    }

    /// Whether the connection was idle before.
    pub(crate) fn is_reused(&self) -> bool {
        self.watch.address.is_none()
    }

    /// Whether the connection has not been established.
    pub(crate) fn is_connecting(&self) -> bool {
        !self.outcome.has_sent
    }

    /// The time that the server has for what it does now.
    pub(crate) fn allowance(&self) -> Duration {
        match self.is_connecting() {
            true => self.lease.settings().connect,
            false => self.lease.settings().response,
        }
    }

    /// Ends an exchange that is complete, and keeps the connection if it can be used again. Returns
    /// what wakes the connections whose requests may go to a server now.
    pub(crate) fn finish(self, registry: &Registry, now: Instant) -> Vec<Alarm> {
        if let Some(program) = &self.program {
            program.finish();
        }
        self.lease.worked(self.watch.address);
        let is_clean = self.input.is_empty() && self.output.is_empty() && self.is_written;
        let is_open = !self.watch.is_deaf && !self.watch.has_ended && !self.socket.has_more();
        if is_clean && is_open && self.codec.is_reusable(self.http.close_reason().is_none()) {
            if let Some(at) = self.lease.keep(self.socket, now) {
                registry.relieve_at(at);
            }
        } else {
            if is_clean {
                self.socket.close_notify();
            }
            // Its process is free before the next request is sent.
            drop(self.socket);
        }
        self.lease.end(now)
    }

    /// Whether the whole request has been sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.is_written && self.at == self.output.len() && !self.watch.is_deaf
    }

    /// The socket of a connection that has become a tunnel, and bytes that came behind the head.
    pub(crate) fn into_tunnel(self) -> (Pipe, Vec<u8>) {
        self.lease.worked(self.watch.address);
        let pipe = Pipe {
            socket: self.socket,
            _lease: self.lease,
        };
        (pipe, self.input)
    }

    /// Takes note of a report of the poller.
    pub(crate) fn reported(&mut self, ended: bool) {
        self.watch.is_readable = true;
        self.watch.has_ended |= ended;
    }

    /// Has the poller report the socket to its owner. `missed`: a report may have been lost.
    ///
    /// # Errors
    /// As [`Socket::arm`].
    pub(crate) fn arm(&mut self, poller: &Poller, owner: usize, missed: bool) -> io::Result<()> {
        let is_waiting = self.at < self.output.len() || self.has_piped();
        let is_blocked = is_waiting && !self.watch.is_deaf;
        self.socket.arm(is_blocked, poller, owner, missed)
    }
}

/// The upstream's end of a tunnel.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) socket: Socket,
    _lease: Lease,
}
