//! The life of a connection: from its first byte to its last, an exchange at a time.
//!
//! A connection says what it needs and the worker does it. A worker that owns a ready connection
//! calls [`advance`](Connection::advance) until it returns [`Next::Park`] or [`Next::Close`]. This
//! module knows nothing of workers, threads and handlers.
//!
//! ```text
//!             ┌───────────────────────────────────────────────────────────┐
//!             ▼                                                           │
//!   read ─▶ receive ─▶ Next::Call ─▶ respond ─▶ send ─▶ exchange finished ┤ bytes in hand
//!    ▲         │                                 │                        │
//!    │         │ need more                       │ socket full            │ none
//!    │         ▼                                 ▼                        ▼
//!    └── park, readable ◀──┐               park, writable           park, readable
//!       (head deadline)    └── idle         (write deadline)         (idle deadline)
//! ```
//!
//! 1. **Read** goes into the worker's buffer. A parked connection has no buffer of its own, unless
//!    half a head is in it.
//! 2. **Receive** judges the head and its framing before anything is answered. A request that
//!    breaks the protocol gets its status, and the connection lingers.
//! 3. **Call**: the worker calls the handler, and [`respond`](Connection::respond) takes the
//!    response.
//! 4. **Respond**: responses to pipelined requests gather in the turn's output and are sent in one
//!    write, up to a number of requests; then other ready connections have their turns.
//! 5. **Send** hands over what the socket takes. The rest stays in a `PendingResponse`, and reading
//!    stops meanwhile, so the server keeps at most one response for a client that does not read.
//! 6. **Linger**: closing a socket with unread input makes the kernel reset the connection, and the
//!    client may lose the response that explains it. Therefore this side ends its sending half and
//!    skips what comes, for a moment, unless the client has said that its request was the last and
//!    nothing follows.
//!
//! | module | holds |
//! |---|---|
//! | `state` | what a connection does |
//! | `env` | what all connections share: settings, handler, clock, access log |
//! | `turn` | what a worker lends a connection for one turn |
//! | `input` | received bytes |
//! | `more` | whether more bytes follow |
//! | `transport` | the socket |
//! | `securing` | handshakes, and requests that came the wrong way |
//! | `request_body` | a request's content, while a handler reads it |
//! | `early_hints` | interim responses, while a handler runs |
//! | `skip` | content that a handler has left |
//! | `call` | what a handler is called with |
//! | `dispatch` | from a request's head to its response |
//! | `collect` | receiving content before a handler continues |
//! | `presence` | whether the client of a forwarded request waits for its response |
//! | `timing` | when what happened to a request that is forwarded |
//! | `upload`, `queued` | the content of a request that is forwarded, and its wait for a server |
//! | `forwarding` | a request that is being forwarded |
//! | `exchange`, `relay` | sending it to an upstream server, and relaying the response |
//! | `handover` | sending a file that an upstream server has named |
//! | `overdue` | a forwarded request that has waited for too long |
//! | `tunnel`, `carry` | bytes between a client and an upstream server |
//! | `response` | a response that has not been sent whole |
//! | `send` | sending |
//! | `produce` | content that a closure writes, and what runs after a switch of protocols |
//! | `closing` | lingering, deadlines and aborts |
//! | `watch` | what the poller is asked to report |
//! | `tests` | every state, over a socketpair |

mod state;
mod env;
mod turn;
mod input;
mod more;
mod transport;
#[cfg(feature = "tls")]
mod securing;
mod request_body;
mod early_hints;
mod skip;
mod call;
mod dispatch;
mod collect;
#[cfg(feature = "gateway")]
mod presence;
#[cfg(feature = "gateway")]
mod timing;
#[cfg(feature = "gateway")]
mod upload;
#[cfg(feature = "gateway")]
mod queued;
#[cfg(feature = "gateway")]
mod forwarding;
#[cfg(feature = "gateway")]
mod exchange;
#[cfg(feature = "gateway")]
mod relay;
#[cfg(feature = "gateway")]
mod handover;
#[cfg(feature = "gateway")]
mod overdue;
#[cfg(feature = "gateway")]
mod tunnel;
#[cfg(feature = "gateway")]
mod carry;
mod response;
mod send;
mod produce;
mod closing;
mod watch;
#[cfg(test)]
mod tests;

pub(crate) use call::{Call, Collected};
pub(crate) use early_hints::EarlyHints;
pub(crate) use env::Env;
pub(crate) use input::Input;
pub(crate) use request_body::Loan;
pub(crate) use transport::Transport;
pub(crate) use turn::Turn;

use crate::access_log::Ending;
use crate::deadline::{Deadline, Waiting};
use crate::endpoint::Endpoint;
use crate::listen::{ClientPermit, Role};
use crate::poller::Interest;
use state::State;
use std::io;
use tinyhttp_message::{Event, FieldStorage, ServerConnection};

/// Requests that are answered in one turn. Other ready connections wait for that long.
const REQUESTS_PER_TURN: usize = 16;

/// Output that gathers before it is sent, while there are more requests in hand.
const OUTPUT: usize = 32 * 1024;

/// Bytes of a request's content that are skipped so that the connection can be kept.
const DRAIN: u64 = 256 * 1024;

/// Unused memory for input that a parked connection may keep.
const ROOM: usize = 512;

/// Bytes that are skipped in one turn of lingering.
const LINGER_TURN: usize = 1024 * 1024;

/// A client's connection. It is owned by its slot while it is parked, and by a worker during a
/// turn.
pub(crate) struct Connection {
    transport: Transport,
    remote: Endpoint,
    /// The number of the listener that accepted it.
    listener: u16,
    #[cfg(feature = "tls")]
    role: Role,
    protocol: ServerConnection,
    state: State,
    /// Bytes received and not used, outside of a turn: half a head, or requests that wait for their
    /// turn.
    input: Vec<u8>,
    /// Bytes of this request's content that were skipped.
    drained: u64,
    deadline: Deadline,
    /// What the poller was last asked to report, if it knows the socket.
    armed: Option<Interest>,
    /// The last read took everything that had come.
    read_all: bool,
    /// The poller has reported that the client sends nothing beyond what can be read.
    pub(crate) ended: bool,
    /// The worker of the last turn.
    last_worker: usize,
    _permit: ClientPermit,
}

/// What a connection needs next.
pub(crate) enum Next<'i> {
    /// A response to this request: to be given to [`respond`](Connection::respond).
    Call(Call<'i>),
    /// A response to this request, whose content has been received: as after [`Next::Call`].
    Resume(Box<Collected>),
    /// [`run_blocking`](Connection::run_blocking), while another worker takes over.
    Block,
    /// Another call of [`advance`](Connection::advance).
    Continue,
    /// To be parked until its interest is reported or its deadline has passed.
    Park,
    /// To be closed.
    Close,
}

/// How a step within [`Connection::advance`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The state has changed, or there is input to look at.
    Look,
    Block,
    Park,
    Close,
    #[cfg(feature = "gateway")]
    Resume,
}

impl Connection {
    pub(crate) fn new(
        transport: Transport,
        remote: Endpoint,
        (listener, role): (u16, Role),
        permit: ClientPermit,
        turn: &Turn<'_>,
    ) -> Self {
        let keep_alive = turn.env.timeouts.announced();
        Connection {
            transport,
            remote,
            listener,
            #[cfg(feature = "tls")]
            role,
            protocol: ServerConnection::new(turn.env.limits).with_keep_alive(keep_alive),
            state: match role {
                #[cfg(feature = "tls")]
                Role::Secured => State::Securing,
                _ => State::Reading,
            },
            input: Vec::new(),
            drained: 0,
            deadline: turn.deadline(Waiting::First),
            armed: None,
            read_all: false,
            ended: false,
            last_worker: turn.worker,
            _permit: permit,
        }
    }

    /// The number by which the poller reports this connection.
    pub(crate) fn token(&self) -> u64 {
        self.transport.token()
    }

    pub(crate) fn remote(&self) -> Endpoint {
        self.remote
    }

    /// The number of the listener that accepted it.
    pub(crate) fn listener(&self) -> usize {
        usize::from(self.listener)
    }

    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Begins a turn.
    pub(crate) fn begin(&mut self, turn: &mut Turn<'_>, input: &mut Input) {
        // A socket that was reported to be readable had its bytes by then, unless another worker
        // got the report, too, and has read them. (This one has not: its last turn was before the
        // report.)
        let reported = self.armed.is_some() && self.interest() == Interest::Readable;
        let is_known = reported && self.last_worker == turn.worker;
        turn.arrived = is_known.then_some(turn.now());
        turn.may_read = self.interest() == Interest::Readable || self.input.is_empty();
        turn.left = turn.until(self.deadline);
        (turn.answered, turn.has_exchanged, turn.needs_more) = (0, false, false);
        self.last_worker = turn.worker;
        self.read_all &= self.is_for_upstream(turn);
        if matches!(self.state, State::Yielding) {
            self.state = State::Reading;
        }
        input.set(std::mem::take(&mut self.input));
    }

    /// Continues until something is needed that only the worker can provide. Must be called again
    /// after [`Next::Call`], [`Next::Block`] and [`Next::Continue`].
    pub(crate) fn advance<'s, 'i: 's>(
        &mut self,
        turn: &mut Turn<'_>,
        input: &'i mut Input,
        storage: &'s mut FieldStorage<'i>,
    ) -> Next<'s> {
        let state = std::mem::replace(&mut self.state, State::Reading);
        let step = match state {
            State::Receiving(collecting) => match self.collect(collecting, turn, input) {
                Ok(next) => return next,
                Err(Step::Look) => self.prepare(turn, input),
                Err(step) => step,
            },
            #[cfg(feature = "gateway")]
            State::Forwarding(forwarding) => match self.exchange(forwarding, turn, input) {
                Step::Look => self.prepare(turn, input),
                step => step,
            },
            #[cfg(feature = "gateway")]
            State::Tunnel(tunnel) => self.carry(tunnel, turn),
            #[cfg(feature = "gateway")]
            State::Resuming(collected) => return Next::Resume(collected),
            state => {
                self.state = state;
                self.prepare(turn, input)
            }
        };
        match step {
            Step::Look => {}
            Step::Park => return self.end_turn(turn, input),
            #[cfg(feature = "gateway")]
            Step::Resume => return Next::Continue,
            Step::Block => {
                self.keep_early_bytes(input);
                return Next::Block;
            }
            Step::Close => {
                turn.discard(Ending::ClientGone);
                return Next::Close;
            }
        }
        let input: &'i Input = input;
        let (used, event) = match self.protocol.receive(input.unused(), storage) {
            Ok(received) => received,
            Err(error) => {
                self.refuse(error, turn);
                return Next::Continue;
            }
        };
        input.consume(used);
        match event {
            Event::NeedMore => turn.needs_more = true,
            Event::Head(request) => {
                turn.answered += 1;
                if let Some(call) = self.call(request.head, input, turn) {
                    return Next::Call(call);
                }
            }
            // Content without a response is read by the handler, which has taken all there was.
            Event::Content(_) => {}
            Event::End(_) | Event::Paused => self.finish_exchange(turn),
        }
        Next::Continue
    }

    /// Does everything that comes before the next request, up to the point where its bytes are in
    /// hand.
    fn prepare(&mut self, turn: &mut Turn<'_>, input: &mut Input) -> Step {
        loop {
            let step = match std::mem::replace(&mut self.state, State::Reading) {
                State::Reading | State::Yielding => match self.find_input(turn, input) {
                    None => Step::Look,
                    Some(step) => return step,
                },
                #[cfg(feature = "tls")]
                State::Securing => self.secure(turn),
                State::Sending(pending) => self.send(pending, turn),
                State::Ending => match self.flush(true, turn) {
                    Step::Look => return self.end(turn, input),
                    step => step,
                },
                State::Lingering => return self.linger(),
                // `advance` takes care of the others.
                state => {
                    self.state = state;
                    return Step::Park;
                }
            };
            if step != Step::Look {
                return step;
            }
        }
    }

    /// Finds input to look at, and skips content that the handler has left. `None`: to be called
    /// again, unless the state has changed.
    fn find_input(&mut self, turn: &mut Turn<'_>, input: &mut Input) -> Option<Step> {
        if input.unused().is_empty() && !self.input.is_empty() {
            input.set(std::mem::take(&mut self.input));
            turn.needs_more = false;
        }
        if turn.needs_more || input.unused().is_empty() {
            if turn.may_read {
                // Responses don't wait for the next request, which may be the end.
                return match self.flush(false, turn) {
                    Step::Look => self.read(turn, input),
                    step => Some(step),
                };
            }
            return Some(match self.flush(false, turn) {
                Step::Look => self.wait(turn),
                step => step,
            });
        }
        if self.protocol.is_answered() && !self.protocol.is_complete() {
            self.skip_content(turn, input);
            return None;
        }
        if self.begins_tls(turn, input) {
            self.refuse_tls(input, turn);
            return None;
        }
        let must_yield = turn.answered >= REQUESTS_PER_TURN;
        if must_yield || turn.output.len() >= OUTPUT {
            let flushed = self.flush(false, turn);
            if flushed != Step::Look {
                return Some(flushed);
            }
        }
        if must_yield {
            self.state = State::Yielding;
            self.deadline = turn.deadline(Waiting::Write);
            return Some(Step::Park);
        }
        Some(Step::Look)
    }

    /// Whether the input is the beginning of a connection and of a TLS handshake (RFC 8446 §5.1:
    /// content type 22). No request begins like that.
    fn begins_tls(&self, turn: &Turn<'_>, input: &Input) -> bool {
        let is_first = self.deadline.waiting == Waiting::First && !turn.has_exchanged;
        is_first && input.unused().first() == Some(&22)
    }

    /// Reads once from the socket.
    fn read(&mut self, turn: &mut Turn<'_>, input: &mut Input) -> Option<Step> {
        (turn.may_read, turn.needs_more) = (false, false);
        match self.received(input.receive(&self.transport)) {
            Ok(length) => {
                turn.needs_more = length.is_none();
                None
            }
            Err(step) => Some(step),
        }
    }

    /// Takes note of the outcome of a read from the socket: the number of bytes, and whether they
    /// filled the buffer. `None`: nothing has come. The connection is to be closed if it has ended
    /// or failed.
    fn received(&mut self, outcome: io::Result<(usize, bool)>) -> Result<Option<usize>, Step> {
        match outcome {
            Ok((0, _)) => {
                if let Err(error) = self.protocol.end_of_input() {
                    log::debug!("{}: {error}", self.remote);
                }
                Err(Step::Close)
            }
            Ok((length, filled)) => {
                self.read_all = !filled && !self.ended;
                Ok(Some(length))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // EAGAIN contradicts `ended`, which was reported of an earlier socket.
                (self.read_all, self.ended) = (true, false);
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.read_all = false;
                Ok(None)
            }
            Err(error) => {
                log::debug!("{}: receiving failed: {error}", self.remote);
                Err(Step::Close)
            }
        }
    }

    /// Ends an exchange whose response has been sent. If the request is not complete, the rest of
    /// its content is skipped first.
    fn finish_exchange(&mut self, turn: &mut Turn<'_>) {
        if !self.protocol.is_complete() && self.protocol.close_reason().is_none() {
            return;
        }
        self.drained = 0;
        turn.has_exchanged = true;
        if self.protocol.finish_exchange().is_some() {
            self.state = State::Ending;
        }
    }

    /// Waits for the client to send more.
    fn wait(&mut self, turn: &Turn<'_>) -> Step {
        let waiting = if self.protocol.is_inside_head() {
            Waiting::Head
        } else if self.protocol.unread() != Some(0) {
            Waiting::Content
        } else if self.deadline.waiting == Waiting::First && !turn.has_exchanged {
            Waiting::First
        } else {
            Waiting::Idle
        };
        // Half a head keeps the deadline it had, and so does an idle connection that sends empty
        // lines: a sender of single bytes gains nothing.
        if waiting != self.deadline.waiting || turn.has_exchanged {
            self.deadline = turn.deadline(waiting);
        } else if waiting == Waiting::Content {
            self.deadline = turn.deadline_after(waiting, turn.left, 0);
        }
        Step::Park
    }

    fn end_turn(&mut self, turn: &mut Turn<'_>, input: &mut Input) -> Next<'static> {
        turn.discard(Ending::ClientGone);
        if !matches!(self.state, State::Lingering) {
            let mut unused = input.save();
            unused.append(&mut self.input);
            self.input = unused;
            // Not each time by a little: a head may come byte by byte.
            if self.input.capacity() > ROOM + 2 * self.input.len() {
                self.input.shrink_to_fit();
            }
        }
        Next::Park
    }
}
