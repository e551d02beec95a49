//! One connection's life: from its first byte to its last, an exchange at a time.
//!
//! A worker that has taken a ready connection gives it a [`turn`](Connection::turn), which goes on as long as there is
//! something to do without waiting, and ends in what to wait for next. In between the connection is parked.
//!
//! ```text
//!            ┌──────────────────────────────────────────────────────────┐
//!            ▼                                                          │
//!   read ─▶ receive ─▶ handle ─▶ respond ─▶ send ─▶ exchange finished ──┤ bytes in hand
//!    ▲         │                              │                         │
//!    │         │ need more                    │ socket full             │ none
//!    │         ▼                              ▼                         ▼
//!    └── park, readable ◀──┐            park, writable            park, readable
//!       (head deadline)    └── idle      (write deadline)          (idle deadline)
//! ```
//!
//! 1. **Read** goes into the worker's buffer. A parked connection has no buffer of its own, unless half a head is in it.
//! 2. **Receive** judges the head and its framing before anything is answered. What is wrong with it gets its status,
//!    and the connection lingers.
//! 3. **Handle** may panic; that costs this client a 500.
//! 4. **Respond**: responses to pipelined requests gather in the worker's output and go out in one write, up to a number
//!    of requests; then whoever else is ready comes first.
//! 5. **Send** hands over what the socket takes. The rest stays in a [`Sending`], and reading stops meanwhile, so a
//!    client that doesn't read can't make the server keep more than one response for it.
//! 6. **Linger**: closing a socket with unread input makes the kernel reset the connection, and the client may lose
//!    the response that told it why. So this side ends its sending half and throws away what comes, for a moment.

use crate::access_log::Record;
use crate::body::{Body, Content};
use crate::deadline::{Deadline, Waiting};
use crate::files::error_page;
use crate::handler::Peer;
use crate::incoming::Incoming;
use crate::poller::Interest;
use crate::sending::{Progress, Sending, client_has_gone};
use crate::worker::Worker;
use http::{HeaderMap, Request, Response, StatusCode, header};
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown, sockopt};
use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tinyhttp_message::connection::end_to_end_fields;
use tinyhttp_message::encode::HeadWriter;
use tinyhttp_message::framing;
use tinyhttp_message::{
    CloseReason, ContentEncoder, Error, FieldStorage, RequestHead, ServerConnection, ServerEvent,
};

/// What the Server field says.
const SERVER: &str = concat!("tinyhttp/", env!("CARGO_PKG_VERSION"));

/// Requests that are answered in one turn.
const REQUESTS_PER_TURN: usize = 64;

/// Output that gathers before it is sent, while there are more requests in hand.
const OUTPUT: usize = 64 * 1024;

/// Content up to this size is copied behind its head; larger content is sent from where it is.
const SMALL: usize = 16 * 1024;

/// Bytes of a request's content that are read and thrown away so that the connection can be kept.
const DRAIN: u64 = 256 * 1024;

/// Bytes that are thrown away in one turn of lingering.
const LINGER_TURN: usize = 1024 * 1024;

/// A client's connection, in the hands of whoever works on it.
pub(crate) struct Connection {
    socket: Arc<OwnedFd>,
    remote: SocketAddr,
    /// The listener that it came from.
    listener: u16,
    protocol: ServerConnection,
    /// Bytes received and not used: half a head, or requests that wait for their turn.
    input: Vec<u8>,
    sending: Option<Box<Pending>>,
    /// Bytes of unwanted content so far.
    drained: u64,
    lingering: bool,
    /// An exchange was finished in this turn.
    exchanged: bool,
    deadline: Deadline,
    interest: Interest,
    /// The poller knows the socket.
    pub(crate) registered: bool,
}

/// A response that the socket has not taken whole, and what the log will say of it.
struct Pending {
    sending: Sending,
    /// Bytes before the content: its head, and whole responses to earlier requests.
    before_content: u64,
    /// The last of it ends an exchange; otherwise it belongs to exchanges that count as finished.
    ends_exchange: bool,
    record: Option<Record<'static>>,
    since: Instant,
}

/// How a turn ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// To be parked until its interest is there.
    Park,
    /// Over.
    Close,
}

/// How work on the bytes in hand ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// They are used up, but for part of something.
    NeedMore,
    /// There are new bytes in `input` to look at.
    LookAgain,
    /// The response doesn't go out at once.
    Blocked,
    /// This was the last exchange.
    End,
    /// Enough for one turn.
    Yield,
    /// There is nobody left to talk to.
    Broken,
}

impl Connection {
    pub(crate) fn new(
        socket: OwnedFd,
        remote: SocketAddr,
        listener: u16,
        worker: &Worker<'_>,
    ) -> Self {
        Connection {
            socket: Arc::new(socket),
            remote,
            listener,
            protocol: ServerConnection::new(worker.server.settings.limits),
            input: Vec::new(),
            sending: None,
            drained: 0,
            lingering: false,
            exchanged: false,
            deadline: worker.deadline(Waiting::Idle),
            interest: Interest::Readable,
            registered: false,
        }
    }

    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    pub(crate) fn interest(&self) -> Interest {
        self.interest
    }

    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Goes on from where the last turn ended.
    pub(crate) fn turn(&mut self, worker: &mut Worker<'_>) -> Next {
        if self.lingering {
            return self.linger();
        }
        self.exchanged = false;
        let mut look = self.interest == Interest::Writable;
        if let Some(pending) = self.sending.take() {
            match self.send(pending, worker) {
                Step::LookAgain => {}
                step => return self.end_turn(step, worker),
            }
        }
        loop {
            let step = if look && !self.input.is_empty() {
                let hand = std::mem::take(&mut self.input);
                let (used, step) = self.exchanges(&hand, worker);
                self.keep(hand, used);
                step
            } else {
                self.read(worker)
            };
            match step {
                Step::LookAgain => look = true,
                step => return self.end_turn(step, worker),
            }
        }
    }

    /// Keeps what is not used. Whatever came in meanwhile comes after it.
    fn keep(&mut self, mut hand: Vec<u8>, used: usize) {
        if used < hand.len() {
            hand.drain(..used);
            hand.append(&mut self.input);
            self.input = hand;
        }
    }

    fn read(&mut self, worker: &mut Worker<'_>) -> Step {
        let mut buffer = std::mem::take(&mut worker.buffer);
        let received = match recv(&self.socket, &mut buffer[..], RecvFlags::empty()) {
            Ok((length, _)) => Some(length),
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => {
                worker.buffer = buffer;
                return Step::Broken;
            }
        };
        let step = match received {
            None => Step::NeedMore,
            Some(0) => self.end_of_input(),
            Some(length) if self.input.is_empty() => {
                let (used, step) = self.exchanges(&buffer[..length], worker);
                if used < length {
                    // What a handler left in `input` came behind these bytes, and there is none if they are not used.
                    self.input.extend_from_slice(&buffer[used..length]);
                }
                step
            }
            Some(length) => {
                let mut hand = std::mem::take(&mut self.input);
                hand.extend_from_slice(&buffer[..length]);
                let (used, step) = self.exchanges(&hand, worker);
                self.keep(hand, used);
                step
            }
        };
        worker.buffer = buffer;
        step
    }

    fn end_of_input(&mut self) -> Step {
        if let Err(error) = self.protocol.end_of_input() {
            log::debug!("{}: {error}", self.remote);
        }
        Step::Broken
    }

    /// Answers the requests in `data`: how many bytes were used, and why it stopped. Responses gather in the worker's
    /// output; they have been handed over, or are in `sending`, when this returns.
    fn exchanges(&mut self, data: &[u8], worker: &mut Worker<'_>) -> (usize, Step) {
        let mut used = 0;
        let mut answered = 0;
        let stop = loop {
            let mut storage = FieldStorage::new();
            let (length, event) = match self.protocol.receive(&data[used..], &mut storage) {
                Ok(received) => received,
                Err(error) => break self.refuse(error, worker),
            };
            used += length;
            let step = match event {
                ServerEvent::NeedMore => break Step::NeedMore,
                ServerEvent::Request { head, .. } => {
                    answered += 1;
                    let (more, step) = self.answer(&head, &data[used..], worker);
                    used += more;
                    step
                }
                ServerEvent::Content(content) => {
                    self.drained += content.len() as u64;
                    if self.drained > DRAIN {
                        self.protocol.close_after(CloseReason::UnreadContent);
                        break Step::End;
                    }
                    continue;
                }
                ServerEvent::End(_) | ServerEvent::Paused => self.finish_exchange(),
            };
            match step {
                Step::LookAgain if answered >= REQUESTS_PER_TURN && used < data.len() => {
                    break Step::Yield;
                }
                Step::LookAgain if worker.output.len() >= OUTPUT => {
                    if let step @ (Step::Blocked | Step::Broken) = self.flush(worker) {
                        break step;
                    }
                }
                Step::LookAgain if used == data.len() && !self.input.is_empty() => {
                    break Step::LookAgain;
                }
                Step::LookAgain => {}
                step => break step,
            }
        };
        let flushed = match stop {
            Step::Blocked | Step::Broken => return (used, stop),
            _ => self.flush(worker),
        };
        match flushed {
            Step::LookAgain => (used, stop),
            step => (used, step),
        }
    }

    /// Answers one request. Of `rest`, the bytes behind its head, those that its content took are used.
    fn answer(
        &mut self,
        head: &RequestHead<'_>,
        rest: &[u8],
        worker: &mut Worker<'_>,
    ) -> (usize, Step) {
        let since = Instant::now();
        let handler = &worker.server.handler;
        let request = match head.to_http() {
            Ok(request) => request,
            Err(error) => return (0, self.refuse(error, worker)),
        };
        let peer = Peer {
            remote: self.remote,
            local: worker.server.address(self.listener),
        };
        let call = |mut request: Request<Body>| {
            request.extensions_mut().insert(peer);
            catch_unwind(AssertUnwindSafe(|| handler.handle(request))).unwrap_or_else(|_| {
                log::error!("the handler panicked at {} {}", head.method, head.target);
                let mut response = error_response(StatusCode::INTERNAL_SERVER_ERROR, "");
                response.headers_mut().insert(
                    header::CONNECTION,
                    header::HeaderValue::from_static("close"),
                );
                response
            })
        };
        let (used, response) = if self.protocol.is_complete() {
            let _waiting = handler.may_wait().then(|| worker.pool.about_to_wait());
            (0, call(request.map(|()| Body::empty())))
        } else {
            let length = self.protocol.unread();
            match self.with_content(length, rest, worker, |body| call(request.map(|()| body))) {
                Some(response) => (rest.len(), response),
                None => return (rest.len(), Step::Broken),
            }
        };
        let record = worker.server.settings.access_log.is_some().then(|| Record {
            remote: self.remote,
            time: SystemTime::now(),
            duration: Duration::ZERO,
            method: Cow::Borrowed(head.method.as_str()),
            target: Cow::Owned(head.target.to_string()),
            version: head.version,
            status: response.status(),
            sent: 0,
            referer: head.fields.get("referer").map(Cow::Borrowed),
            user_agent: head.fields.get("user-agent").map(Cow::Borrowed),
        });
        (used, self.respond(response, record, since, worker))
    }

    /// Lends the socket to a request's content while `handle` runs. `None`: nothing came back.
    fn with_content(
        &mut self,
        length: Option<u64>,
        rest: &[u8],
        worker: &mut Worker<'_>,
        handle: impl FnOnce(Body) -> Response<Body>,
    ) -> Option<Response<Body>> {
        let limits = worker.server.settings.limits;
        let (lent, reader) = Incoming {
            socket: Arc::clone(&self.socket),
            protocol: std::mem::replace(&mut self.protocol, ServerConnection::new(limits)),
            input: rest.to_vec(),
            at: 0,
            content: 0..0,
            output: std::mem::take(&mut worker.output),
            timeouts: worker.server.settings.timeouts,
            ended: false,
        }
        .lend();
        let response = {
            let _waiting = worker
                .server
                .handler
                .may_wait()
                .then(|| worker.pool.about_to_wait());
            handle(Body::reader(reader, length))
        };
        let incoming = lent.take_back()?;
        self.protocol = incoming.protocol;
        worker.output = incoming.output;
        // Nothing was in `input`: all that had come was in the caller's hand.
        self.input = incoming.input;
        self.input.drain(..incoming.at);
        Some(response)
    }

    /// Writes a response's head, and its content as far as that is small.
    fn respond(
        &mut self,
        response: Response<Body>,
        record: Option<Record<'_>>,
        since: Instant,
        worker: &mut Worker<'_>,
    ) -> Step {
        let length = response.body().length();
        let (parts, Body(content)) = response.into_parts();
        if worker.server.is_draining() {
            self.protocol.close_after(CloseReason::ShuttingDown);
        }
        if framing::asks_to_close(
            parts
                .headers
                .get_all(header::CONNECTION)
                .iter()
                .map(http::HeaderValue::as_bytes),
        ) {
            self.protocol.close_after(CloseReason::LocalAsked);
        }
        if self.protocol.unread().is_some_and(|unread| unread > DRAIN) {
            self.protocol.close_after(CloseReason::UnreadContent);
        }
        let date = worker.date.now();
        let written = self
            .protocol
            .respond(parts.status, length, &mut worker.output, |head| {
                common_fields(head, &parts.headers, &date)?;
                end_to_end_fields(head, &parts.headers)
            });
        let mut encoder = match written {
            Ok(encoder) => encoder,
            Err(error) => {
                log::error!("a response could not be written: {error}");
                return Step::Broken;
            }
        };
        let suppressed = encoder == ContentEncoder::Suppressed;
        let before_content = worker.output.len() as u64;
        match content {
            Content::Empty => {}
            _ if suppressed => {}
            Content::Bytes(bytes) if bytes.len() <= SMALL => {
                if encoder
                    .encode(&bytes, &mut worker.output)
                    .and_then(|()| encoder.finish(&mut worker.output))
                    .is_err()
                {
                    return Step::Broken;
                }
            }
            content => {
                if let Some(length) = length.filter(|_| !matches!(content, Content::Reader { .. }))
                    && encoder.count(length).is_err()
                {
                    return Step::Broken;
                }
                let sending = Sending::new(std::mem::take(&mut worker.output), content, encoder);
                let record = record.map(Record::into_owned);
                return self.send(
                    Box::new(Pending {
                        sending,
                        before_content,
                        ends_exchange: true,
                        record,
                        since,
                    }),
                    worker,
                );
            }
        }
        if let Some(record) = record {
            let sent = if suppressed { 0 } else { length.unwrap_or(0) };
            worker.record(&Record {
                duration: since.elapsed(),
                sent,
                ..record
            });
        }
        self.finish_exchange()
    }

    /// Answers a request that broke the protocol. Nobody knows where the next one would start, so this is the last.
    fn refuse(&mut self, error: Error, worker: &mut Worker<'_>) -> Step {
        log::debug!("{}: {error}", self.remote);
        self.protocol.close_after(CloseReason::ProtocolError);
        let mut response = error_response(error.status(), &error.to_string());
        response.headers_mut().insert(
            header::CONNECTION,
            header::HeaderValue::from_static("close"),
        );
        let record = worker.server.settings.access_log.is_some().then(|| Record {
            remote: self.remote,
            time: SystemTime::now(),
            duration: Duration::ZERO,
            method: Cow::Borrowed("-"),
            target: Cow::Borrowed("-"),
            version: http::Version::HTTP_11,
            status: error.status(),
            sent: 0,
            referer: None,
            user_agent: None,
        });
        match self.respond(response, record, Instant::now(), worker) {
            Step::LookAgain => Step::End,
            step => step,
        }
    }

    /// Sends what has gathered in the worker's output.
    fn flush(&mut self, worker: &mut Worker<'_>) -> Step {
        if worker.output.is_empty() {
            return Step::LookAgain;
        }
        let mut sending = Sending::new(
            std::mem::take(&mut worker.output),
            Content::Empty,
            ContentEncoder::Suppressed,
        );
        match sending.advance(&self.socket) {
            Ok(Progress::Done) => {
                // The room is kept for the next one.
                worker.output = sending.buffer;
                worker.output.clear();
                Step::LookAgain
            }
            Ok(Progress::Blocked | Progress::Yielded) => {
                let pending = Pending {
                    sending,
                    before_content: 0,
                    ends_exchange: false,
                    record: None,
                    since: Instant::now(),
                };
                self.block(Box::new(pending), true, worker)
            }
            Err(error) => self.broken(&error, false),
        }
    }

    /// Sends a response, or goes on sending it.
    fn send(&mut self, mut pending: Box<Pending>, worker: &mut Worker<'_>) -> Step {
        let before = pending.sending.sent;
        let progress = {
            let may_wait = pending.sending.may_wait();
            if may_wait {
                worker.give_back();
            }
            let _waiting = may_wait.then(|| worker.pool.about_to_wait());
            pending.sending.advance(&self.socket)
        };
        match progress {
            Ok(Progress::Done) => {
                let ends_exchange = pending.ends_exchange;
                self.record(*pending, worker);
                if ends_exchange {
                    self.finish_exchange()
                } else if self.protocol.close_reason().is_some() {
                    Step::End
                } else {
                    Step::LookAgain
                }
            }
            Ok(Progress::Blocked | Progress::Yielded) => {
                let moved = pending.sending.sent > before;
                self.block(pending, moved, worker)
            }
            Err(error) => {
                let until_close = pending.sending.encoder == ContentEncoder::UntilClose;
                self.record(*pending, worker);
                self.broken(&error, until_close)
            }
        }
    }

    fn block(&mut self, pending: Box<Pending>, moved: bool, worker: &Worker<'_>) -> Step {
        // A client that takes nothing keeps the deadline it had.
        if moved || self.deadline.waiting != Waiting::Write {
            self.deadline = worker.deadline(Waiting::Write);
        }
        self.sending = Some(pending);
        Step::Blocked
    }

    fn broken(&mut self, error: &io::Error, looks_complete: bool) -> Step {
        if !client_has_gone(error) {
            log::warn!("{}: the response is cut short: {error}", self.remote);
        }
        if looks_complete {
            // The end of the connection would be taken for the end of the content, so it has to be a reset.
            let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
        }
        Step::Broken
    }

    fn record(&self, pending: Pending, worker: &mut Worker<'_>) {
        if let Some(record) = pending.record {
            let sent = pending.sending.sent.saturating_sub(pending.before_content);
            worker.record(&Record {
                duration: pending.since.elapsed(),
                sent,
                ..record
            });
        }
    }

    /// The response has been handed over. What comes next depends on whether the request is complete, too.
    fn finish_exchange(&mut self) -> Step {
        if !self.protocol.is_complete() && self.protocol.close_reason().is_none() {
            // The rest of its content is thrown away first.
            return Step::LookAgain;
        }
        self.drained = 0;
        self.exchanged = true;
        match self.protocol.finish_exchange() {
            None => Step::LookAgain,
            Some(_) => Step::End,
        }
    }

    fn end_turn(&mut self, step: Step, worker: &mut Worker<'_>) -> Next {
        worker.output.clear();
        let interest = match step {
            Step::NeedMore => {
                let waiting = if self.protocol.is_inside_head() {
                    Waiting::Head
                } else if self.protocol.unread() != Some(0) {
                    Waiting::Content
                } else {
                    Waiting::Idle
                };
                // Half a head keeps the deadline it had, and so does an idle connection that sends empty lines: a sender of
                // single bytes gains nothing.
                if waiting != self.deadline.waiting || waiting == Waiting::Content || self.exchanged
                {
                    self.deadline = worker.deadline(waiting);
                }
                Interest::Readable
            }
            Step::Blocked => Interest::Writable,
            Step::Yield | Step::LookAgain => {
                self.deadline = worker.deadline(Waiting::Write);
                Interest::Writable
            }
            Step::Broken => return Next::Close,
            Step::End => return self.end(worker),
        };
        self.interest = interest;
        Next::Park
    }

    /// Ends the connection: at once if the client has nothing more to say, else by lingering.
    fn end(&mut self, worker: &Worker<'_>) -> Next {
        if let Some(reason) = self.protocol.close_reason() {
            log::debug!("{}: closing: {reason}", self.remote);
        }
        if self.protocol.is_complete() && self.input.is_empty() {
            return Next::Close;
        }
        if shutdown(&self.socket, Shutdown::Write).is_err() {
            return Next::Close;
        }
        self.input = Vec::new();
        self.lingering = true;
        self.deadline = worker.deadline(Waiting::Linger);
        self.interest = Interest::Readable;
        Next::Park
    }

    fn linger(&mut self) -> Next {
        let mut scrap = [0; 16 * 1024];
        let mut left = LINGER_TURN;
        loop {
            match recv(&self.socket, &mut scrap, RecvFlags::empty()) {
                Ok((0, _)) => return Next::Close,
                Ok((length, _)) if length < left => left -= length,
                Ok(_) | Err(Errno::AGAIN) => return Next::Park,
                Err(Errno::INTR) => {}
                Err(_) => return Next::Close,
            }
        }
    }

    /// A deadline has passed. Called by whoever keeps the time.
    pub(crate) fn expire(mut self, waiting: Waiting, worker: &mut Worker<'_>) {
        log::debug!(
            "{}: closing: the {waiting} deadline has passed",
            self.remote
        );
        match waiting {
            Waiting::Head => {
                self.protocol.close_after(CloseReason::ProtocolError);
                let mut response = error_response(StatusCode::REQUEST_TIMEOUT, "");
                response.headers_mut().insert(
                    header::CONNECTION,
                    header::HeaderValue::from_static("close"),
                );
                let _ = self.respond(response, None, Instant::now(), worker);
                let _ = self.flush(worker);
            }
            // The kernel would go on offering what it has; a reset frees that at once.
            Waiting::Write => drop(sockopt::set_socket_linger(
                &self.socket,
                Some(Duration::ZERO),
            )),
            Waiting::Content | Waiting::Idle | Waiting::Linger => {}
        }
        if let Some(pending) = self.sending.take() {
            self.record(*pending, worker);
        }
    }
}

fn error_response(status: StatusCode, explanation: &str) -> Response<Body> {
    let (content_type, page) = error_page::render(status, explanation);
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// The fields that every response has, unless the handler has set them itself.
fn common_fields(head: &mut HeadWriter<'_>, fields: &HeaderMap, date: &[u8]) -> Result<(), Error> {
    if !fields.contains_key(header::DATE) {
        head.field("Date", date)?;
    }
    if !fields.contains_key(header::SERVER) {
        head.field("Server", SERVER.as_bytes())?;
    }
    Ok(())
}
