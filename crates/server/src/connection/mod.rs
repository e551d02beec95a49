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
//! 5. **Send** hands over what the socket takes. The rest stays in a [`Outgoing`], and reading stops meanwhile, so a
//!    client that doesn't read can't make the server keep more than one response for it.
//! 6. **Linger**: closing a socket with unread input makes the kernel reset the connection, and the client may lose
//!    the response that told it why. So this side ends its sending half and throws away what comes, for a moment, unless
//!    the client has said itself that its request was the last, and nothing has come behind it.

mod answer;
mod incoming;
mod outgoing;
mod send;

use crate::access_log::Ending;
use crate::clients::Counted;
use crate::deadline::{Deadline, Waiting};
use crate::endpoint::Endpoint;
use crate::poller::{Interest, Poller};
use crate::worker::Worker;
use http::StatusCode;
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown, sockopt};
use send::Pending;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tinyhttp_message::connection::Skipped;
use tinyhttp_message::{CloseReason, Event, FieldStorage, ProtocolError, ServerConnection};

/// Requests that are answered in one turn. Whoever else is ready waits for as long as that takes.
const REQUESTS_PER_TURN: usize = 16;

/// Output that gathers before it is sent, while there are more requests in hand.
const OUTPUT: usize = 32 * 1024;

/// Bytes of a request's content that are read and thrown away so that the connection can be kept.
const DRAIN: u64 = 256 * 1024;

/// Room for input that may be kept empty while a connection is parked.
const ROOM: usize = 512;

/// Bytes that are thrown away in one turn of lingering.
const LINGER_TURN: usize = 1024 * 1024;

/// A client's connection, in the hands of whoever works on it.
pub(crate) struct Connection {
    socket: Arc<OwnedFd>,
    remote: Endpoint,
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
    /// The last read took everything that had come, just now.
    read_all: bool,
    deadline: Deadline,
    /// What was left of it when this turn began.
    left: Duration,
    interest: Interest,
    /// What the poller was last told to look for, if it knows the socket.
    armed: Option<Interest>,
    /// The poller has said that the client has nothing more to say, but for what can be read.
    pub(crate) ended: bool,
    /// The worker that gave this the last turn, or accepted it.
    last_worker: usize,
    _counted: Counted,
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
        remote: Endpoint,
        listener: u16,
        counted: Counted,
        worker: &Worker<'_>,
    ) -> Self {
        Connection {
            socket: Arc::new(socket),
            remote,
            listener,
            protocol: ServerConnection::new(worker.server.settings.limits)
                .with_keep_alive(worker.server.settings.timeouts.announced()),
            input: Vec::new(),
            sending: None,
            drained: 0,
            lingering: false,
            exchanged: false,
            read_all: false,
            deadline: worker.deadline(Waiting::First),
            left: Duration::ZERO,
            interest: Interest::Readable,
            armed: None,
            ended: false,
            last_worker: worker.number,
            _counted: counted,
        }
    }

    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Sees to it that the poller reports when there is what this waits for. `missed`: something was reported that nobody
    /// has looked at.
    pub(crate) fn arm(&mut self, poller: &Poller, missed: bool) -> io::Result<()> {
        // Descriptors are not negative.
        let token = self.socket.as_raw_fd() as u64;
        let armed = self.armed.replace(self.interest);
        if armed.is_none() {
            return poller.add(&self.socket, token, self.interest);
        }
        // Who is watched needs no word, unless something may have come that nobody has looked at.
        let watched = armed == Some(Interest::Readable) && self.interest == Interest::Readable;
        if watched && self.read_all && !missed {
            return Ok(());
        }
        poller.arm(&self.socket, token, self.interest)
    }

    /// Has the poller keep silent until this is parked again, since somebody else waits at the socket.
    fn disarm(&mut self, poller: &Poller) {
        if self.armed == Some(Interest::Readable) {
            // Should it go wrong, another worker is woken up for nothing now and then.
            let token = self.socket.as_raw_fd() as u64;
            let _ = poller.arm(&self.socket, token, Interest::Nothing);
            self.armed = Some(Interest::Nothing);
        }
    }

    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Whether the client has sent something that nobody has looked at. If so, the poller is asked again when this is parked:
    /// a read may end before all that had come, at an urgent byte, say, and then nobody is told of the rest.
    pub(crate) fn has_input(&mut self) -> bool {
        let peeked = recv(&self.socket, &mut [0; 1], RecvFlags::PEEK);
        let has_input = matches!(peeked, Ok((1.., _)));
        self.read_all &= !has_input;
        has_input
    }

    /// Goes on from where the last turn ended.
    pub(crate) fn turn(&mut self, worker: &mut Worker<'_>) -> Next {
        if self.lingering {
            return self.linger();
        }
        self.exchanged = false;
        // What was reported to be readable had come by then, unless another worker was told of it, too, and has taken it. (This
        // one has not: it was told after its own last turn.) Of anything else nobody knows.
        let reported = self.armed.is_some() && self.interest == Interest::Readable;
        worker.arrived(reported && self.last_worker == worker.number);
        self.last_worker = worker.number;
        self.read_all = false;
        self.left = worker.until(self.deadline);
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
            worker.arrived(false);
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
            Ok((length, _)) => {
                self.read_all = length < buffer.len() && !self.ended;
                Some(length)
            }
            Err(Errno::AGAIN) => {
                // Who has ended would have been told so: that was said of an older socket with this number.
                (self.read_all, self.ended) = (true, false);
                None
            }
            Err(Errno::INTR) => None,
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
            if used == 0 && self.is_tls(data) {
                break self.refuse_tls(data, worker);
            }
            if self.protocol.is_answered() && !self.protocol.is_complete() {
                match self.skip_content(&data[used..], worker) {
                    Ok((length, Step::LookAgain)) => used += length,
                    Ok((length, step)) => {
                        used += length;
                        break step;
                    }
                    Err(error) => break self.refuse(error, worker),
                }
                continue;
            }
            let mut storage = FieldStorage::new();
            let (length, event) = match self.protocol.receive(&data[used..], &mut storage) {
                Ok(received) => received,
                Err(error) => break self.refuse(error, worker),
            };
            used += length;
            let step = match event {
                Event::NeedMore => break Step::NeedMore,
                Event::Head(request) => {
                    answered += 1;
                    let (more, step) = self.answer(&request.head, &data[used..], worker);
                    used += more;
                    step
                }
                // Content that has no answer yet is the handler's, which has taken all there was.
                Event::Content(_) => continue,
                Event::End(_) | Event::Paused => self.finish_exchange(),
            };
            if step != Step::LookAgain {
                break step;
            }
            if answered >= REQUESTS_PER_TURN && used < data.len() {
                break Step::Yield;
            }
            if worker.output.len() >= OUTPUT
                && let step @ (Step::Blocked | Step::Broken) = self.flush(false, worker)
            {
                break step;
            }
            if used == data.len() && !self.input.is_empty() {
                break Step::LookAgain;
            }
        };
        let flushed = match stop {
            Step::Blocked | Step::Broken => return (used, stop),
            _ => self.flush(stop == Step::End, worker),
        };
        match flushed {
            Step::LookAgain => (used, stop),
            step => (used, step),
        }
    }

    /// Skips content that the handler has left, and returns the number of bytes used. A client may send
    /// each byte as a chunk of its own: framing counts towards the bound on skipped bytes, and earns no
    /// time, which only content does.
    fn skip_content(
        &mut self,
        data: &[u8],
        worker: &Worker<'_>,
    ) -> Result<(usize, Step), ProtocolError> {
        let Skipped { used, content } = self.protocol.skip_content(data)?;
        let timeouts = worker.server.settings.timeouts;
        self.left = timeouts.after(Waiting::Content, self.left, content as u64);
        self.drained += used as u64;
        if self.protocol.is_complete() {
            return Ok((used, self.finish_exchange()));
        }
        if self.drained > DRAIN {
            self.protocol.close_after(CloseReason::UnreadContent);
            return Ok((used, Step::End));
        }
        Ok((used, Step::NeedMore))
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
        worker.settle(0, Ending::ClientGone);
        let interest = match step {
            Step::NeedMore => {
                let waiting = if self.protocol.is_inside_head() {
                    Waiting::Head
                } else if self.protocol.unread() != Some(0) {
                    Waiting::Content
                } else if self.deadline.waiting == Waiting::First && !self.exchanged {
                    Waiting::First
                } else {
                    Waiting::Idle
                };
                // Half a head keeps the deadline it had, and so does an idle connection that sends empty lines: a sender of
                // single bytes gains nothing.
                if waiting != self.deadline.waiting || self.exchanged {
                    self.deadline = worker.deadline(waiting);
                } else if waiting == Waiting::Content {
                    self.deadline = worker.deadline_after(waiting, self.left, 0);
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
        // Not each time by a little: a head may come byte by byte.
        if self.input.capacity() > ROOM + 2 * self.input.len() {
            self.input.shrink_to_fit();
        }
        Next::Park
    }

    /// Ends the connection: at once if the client has nothing more to say, else by lingering.
    fn end(&mut self, worker: &Worker<'_>) -> Next {
        let reason = self.protocol.close_reason();
        if let Some(reason) = reason {
            log::debug!("{}: closing: {reason}", self.remote);
        }
        // Only who knows that this was the last exchange sends nothing more, if it keeps to the rules.
        let client_knows = matches!(
            reason,
            Some(CloseReason::PeerAsked | CloseReason::Http10 | CloseReason::PeerEnded)
        );
        // What came since the last read would have the kernel throw away the answer that it holds back for the end.
        let says_no_more = self.protocol.is_complete() && self.input.is_empty();
        if client_knows && says_no_more && !self.has_input() {
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
        self.read_all = false;
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
    pub(crate) fn expire(&mut self, waiting: Waiting, worker: &mut Worker<'_>) -> Next {
        log::debug!(
            "{}: closing: the {waiting} deadline has passed",
            self.remote
        );
        if waiting == Waiting::Head {
            self.protocol.close_after(CloseReason::ProtocolError);
            let _ = self.respond_with_error(StatusCode::REQUEST_TIMEOUT, "", worker);
            let flushed = self.flush(true, worker);
            worker.output.clear();
            if flushed == Step::LookAgain {
                return self.end(worker);
            }
        }
        Next::Close
    }

    /// Ends because others are waiting for its place.
    pub(crate) fn make_room(&self, waiting: Waiting) {
        log::debug!(
            "{}: closing: there are too many connections, and this one ({waiting}) has waited for longest",
            self.remote
        );
    }

    /// Ends wherever it is. A response that is on its way must not look complete, and is told to the log.
    pub(crate) fn cut(mut self, ending: Ending, worker: &Worker<'_>) {
        if let Some(pending) = self.sending.take() {
            self.reset();
            pending.record(ending, worker);
        }
    }

    /// Makes the end of this connection one that the client can't take for the end of the content.
    fn reset(&self) {
        // If it fails, the client has gone.
        let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
    }
}
