//! What one worker has to itself, and its loop: wait, take what is ready, give each connection a turn.
//!
//! # What a request costs
//!
//! Under load, a request for a small file over a connection that is kept takes these system calls, as
//! `perf stat -e 'syscalls:*'` counts them (`strace -c` slows everything down, and with it changes who waits for whom):
//!
//! | call | how often | why it can't go |
//! |---|---|---|
//! | `epoll_wait` | once for up to 32 | somebody has to say who is ready |
//! | `recv` | once | the request; no second one that finds nothing, for a short read says that there is no more (unless there was an urgent byte: then it is asked again when the deadline comes) |
//! | `statx` | once; of a file that many ask for, once for all that were reported together | without it an answer could be stale |
//! | `send` | once, with head and content, for all pipelined requests together | the answer |
//!
//! A new connection adds `accept4` and `close`: it is accepted when its first request is there, and when its last answer is out,
//! the end goes into the same packet. Of the CPU time of a kept connection's request, 85 % is in the kernel, and of that two
//! thirds in `send`, which on one machine includes what the client's side of the socket does. A server that sends the same bytes
//! without parsing or looking at anything (example `canned`) takes 0.8 of it.
//!
//! What was tried (CPU for each request, one run after the other on the same machine, whose speed changes from day to day):
//!
//! - *Watching connections, edge-triggered, instead of arming each again*: 0.965 of the time; kept. It pays because one worker
//!   waits and does what it finds: where all wait, two get reports of one connection, and it was 4.3 instead of 3.9 µs.
//! - *All workers waiting at the same descriptor*: 4.5 instead of 3.5 µs. A worker that is woken for one request costs more than
//!   the request; so one waits, and calls others when there is work for them (`ALONE`) and a core ([`Cores`](crate::cores::Cores)).
//! - *One `statx` for several requests*: 4.7 instead of 5.0 µs; kept.
//! - *`TCP_DEFER_ACCEPT`*, and a listener that stays armed: a connection for each request 0.80 of the time; kept. Without it, each
//!   first read found nothing (which `strace` hid).
//! - *Not waking the keeper whenever the only connection ends*: the same, 0.88; kept.
//! - *The end of a connection in the last packet* (`MSG_MORE` before `close`): the same, 0.97; kept.
//! - *Field lines and small content in one piece of memory*: 10,000 files at random, 0.95; kept.
//! - *A line in the access log*: with a wake-up of the writing thread for each, 8.7 µs; with one now and then, 4.5 instead of 4.4.
//! - *100 KiB by `send` from memory*: 19 µs; by `sendfile` from a file in memory: 12; with `MSG_MORE` before it: 38.
//! - *Larger socket buffers, a bound on what isn't sent* (`TCP_NOTSENT_LOWAT`): three times the CPU for a large file.

use crate::access_log::{Ending, Held, Record};
use crate::connection::{Connection, Next};
use crate::cores::Share;
use crate::deadline::{Deadline, NEVER, Ticks, Waiting};
use crate::endpoint::Endpoint;
use crate::inbox::Inbox;
use crate::listener::{Accepted, BACKLOG};
use crate::poller::{EVENTS, Interest, Report, no_events};
use crate::pool::Pool;
use crate::shared::Shared;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::encode::FieldLines;

/// Bytes that are read at once: many small requests, and what a client that waits for its answers can leave with the server.
const BUFFER: usize = 16 * 1024;

/// How much work one worker does alone. What is expected to take longer is a reason to call another. It is what a call
/// costs, many times over, and little beside what a client notices.
const ALONE: Duration = Duration::from_micros(200);

/// Connections that are accepted in one go.
const ACCEPTS: usize = 16;

/// Connections that are closed in one go, for others to come.
const SHED: usize = 32;

/// Tokens of listeners are above all descriptors.
const LISTENER: u64 = 1 << 32;

/// The token of what wakes everyone.
pub(crate) const WAKE: u64 = u64::MAX;

/// A worker's own things. Connections use them during their turns, so that a parked one needs none.
pub(crate) struct Worker<'s> {
    /// No other one has it.
    pub(crate) number: usize,
    pub(crate) server: &'s Shared,
    pub(crate) pool: &'s Arc<Pool>,
    pub(crate) buffer: Box<[u8]>,
    pub(crate) output: Vec<u8>,
    /// What the log will say of the responses in `output`.
    pub(crate) held: Held,
    /// The time when the last reports came, for deadlines.
    now: Instant,
    /// The first request to be looked at had begun to come in by then.
    arrived: Option<Instant>,
    /// The Date field of that time, made once a second.
    pub(crate) date: FieldLines,
    date_of: HttpDate,
    /// Reported, and not looked at yet.
    inbox: Arc<Inbox>,
    /// How long a turn has taken lately.
    usual: Duration,
    /// Something else was waited for, so that the time says nothing.
    held_up: bool,
}

/// What a worker has to look at.
pub(crate) enum Ready {
    /// Something that the poller has reported.
    Reported(Report),
    /// A connection that has just been accepted, and most likely brings its first request.
    Fresh(Box<Connection>),
}

impl<'s> Worker<'s> {
    pub(crate) fn new(server: &'s Shared, pool: &'s Arc<Pool>) -> Self {
        let date_of = HttpDate::from(SystemTime::now());
        Worker {
            number: server.number_worker(),
            server,
            pool,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            output: Vec::new(),
            held: Held::default(),
            now: Instant::now(),
            arrived: None,
            date: date_field(date_of),
            date_of,
            inbox: server.inboxes.add(),
            usual: Duration::ZERO,
            held_up: false,
        }
    }

    /// Looks at the clocks: once for all that is ready at a time, and after everything that may have taken long.
    pub(crate) fn look_at_the_clock(&mut self) {
        self.now = Instant::now();
        let date_of = HttpDate::from(SystemTime::now());
        if date_of != self.date_of {
            (self.date, self.date_of) = (date_field(date_of), date_of);
        }
    }

    /// Notes whether the next bytes that are received had begun to come in when the last reports came.
    pub(crate) fn arrived(&mut self, already: bool) {
        self.arrived = already.then_some(self.now);
    }

    /// When a request had begun to come in at the latest. Of what follows the first of them in a turn that isn't known.
    pub(crate) fn arrival(&mut self) -> Instant {
        self.arrived.take().unwrap_or_else(Instant::now)
    }

    /// Does something that may take its time. Others take this worker's place, and what was reported to it.
    pub(crate) fn while_waiting<R>(&mut self, work: impl FnOnce() -> R) -> R {
        self.give_back();
        let was_at_work = self.inbox.is_at_work();
        self.end_of_work();
        let waiting = self.pool.about_to_wait();
        let result = work();
        drop(waiting);
        if was_at_work {
            self.inbox.resume();
        }
        self.held_up = true;
        self.look_at_the_clock();
        result
    }

    /// Works until the server stops.
    pub(crate) fn run(&mut self) {
        let (poller, pool) = (&self.server.poller, self.pool);
        let mut events = no_events();
        while let Some(found) = pool.wait_for_work(|| poller.wait(&mut events)) {
            match found {
                Ok(_) if self.server.has_stopped() => pool.stop(),
                Ok(reports) => {
                    self.look_at_the_clock();
                    let number = self.inbox.fill(reports.map(Ready::Reported), self.now);
                    self.work_off(number);
                    self.end_of_work();
                }
                Err(error) => {
                    log::error!("waiting for connections failed: {error}");
                    pool.stop();
                }
            }
        }
    }

    /// Gives everything that is ready its turn.
    fn work_off(&mut self, reported: usize) {
        let since = self.now;
        let number = reported as u32;
        // As many as can be reported are not all that are ready.
        let much = self.usual * number > ALONE || reported == EVENTS;
        let share = (much && self.server.cores.may_be_idle(since)).then(|| {
            self.pool.call();
            Share::from_now_on()
        });
        self.held_up = false;
        while let Some(ready) = self.inbox.next() {
            match ready {
                Ready::Reported(Report { token: WAKE, .. }) => {}
                Ready::Reported(Report { token, .. }) if token >= LISTENER => {
                    self.accept((token - LISTENER) as usize);
                }
                Ready::Reported(Report { token, ended }) => {
                    if let Some(mut connection) = self.server.parked.take(token as usize) {
                        connection.ended |= ended;
                        self.turn(connection);
                    }
                }
                Ready::Fresh(connection) => self.turn(connection),
            }
        }
        if self.held_up {
            return;
        }
        if share.is_some_and(|share| share.was_small()) {
            self.server.cores.are_busy(Instant::now());
        }
        if number > 0 {
            self.usual = (self.usual * 7 + since.elapsed() / number) / 8;
        }
    }

    pub(crate) fn deadline(&self, waiting: Waiting) -> Deadline {
        let now = self.server.clock.at(self.now);
        let at = now.after(self.server.settings.timeouts.of(waiting));
        Deadline { waiting, at }
    }

    /// The deadline of who had so much left of it, and has moved bytes since.
    pub(crate) fn deadline_after(&self, waiting: Waiting, left: Duration, moved: u64) -> Deadline {
        let left = self.server.settings.timeouts.after(waiting, left, moved);
        let at = self.server.clock.at(self.now).after(left);
        Deadline { waiting, at }
    }

    /// The latest deadline of a reader that has fallen behind its slowest rate.
    pub(crate) fn behind(&self) -> Ticks {
        let left = self.server.settings.timeouts.left_behind();
        self.server.clock.at(self.now).after(left)
    }

    /// How long it is until a deadline.
    pub(crate) fn until(&self, deadline: Deadline) -> Duration {
        deadline.at.since(self.server.clock.at(self.now))
    }

    /// Whether anybody wants to know what was exchanged.
    pub(crate) fn records(&self) -> bool {
        self.server.settings.access_log.is_some()
    }

    /// Logs an exchange that is over.
    pub(crate) fn record(&self, record: &Record<'_>) {
        if let Some(log) = &self.server.settings.access_log {
            // Up to here it says when the exchange began.
            let duration = self.server.clock.elapsed().saturating_sub(record.duration);
            log.record(&Record {
                duration,
                ..record.clone()
            });
        }
    }

    /// Holds the record of a response that was just written to the output, with so much content, until that is sent.
    pub(crate) fn hold(&mut self, record: Option<&Record<'_>>, content: u64) {
        if let Some(record) = record {
            self.held.hold(record, self.output.len(), content);
        }
    }

    /// Logs the responses that are complete now that `taken` bytes of the output have been sent and removed.
    pub(crate) fn output_taken(&mut self, taken: u64) {
        let mut held = std::mem::take(&mut self.held);
        held.advance(taken, |record| self.record(record));
        self.held = held;
    }

    /// Logs all responses that were in the output, of which `taken` bytes have been sent and no more will be.
    pub(crate) fn settle(&mut self, taken: u64, ending: Ending) {
        let mut held = std::mem::take(&mut self.held);
        held.settle(taken, ending, |record| self.record(record));
        self.held = held;
    }

    /// Notes that the worker has done what it took. If the timer counted it as blocked meanwhile, it is so no longer.
    fn end_of_work(&mut self) {
        if self.inbox.end() {
            self.pool.count_unblocked();
        }
    }

    /// Finds workers that have been stuck in one turn for too long (a disk that hangs, say), has others take their places, and
    /// gives those what the stuck ones were going to look at.
    pub(crate) fn replace_stuck_workers(&self) {
        for inbox in self.server.inboxes.all() {
            if inbox.is_stuck(self.now, || self.pool.count_blocked()) {
                self.hand_over(&inbox);
            }
        }
    }

    /// Lets others have what this worker was going to look at.
    fn give_back(&mut self) {
        self.hand_over(&self.inbox);
    }

    fn hand_over(&self, inbox: &Inbox) {
        while let Some(ready) = inbox.next() {
            let given = match ready {
                // These are reported again in any case.
                Ready::Reported(Report { token, .. }) if token >= LISTENER => Ok(()),
                Ready::Reported(Report { token, .. }) => {
                    let poller = &self.server.poller;
                    self.server
                        .parked
                        .with(token as usize, |connection| connection.arm(poller, true))
                        .unwrap_or(Ok(()))
                }
                Ready::Fresh(connection) => {
                    self.park_or_close(connection);
                    Ok(())
                }
            };
            if let Err(error) = given {
                log::debug!("a descriptor could not be armed again: {error}");
            }
        }
    }

    /// Accepts who is waiting. If those are more, or others come, it is reported again.
    fn accept(&mut self, listener: usize) {
        for accepted in 0..ACCEPTS {
            if self.server.is_full() {
                // Of the first it is known that it is there; for the next one the listener reports again.
                if accepted > 0 {
                    break;
                }
                if !self.make_room() {
                    return self.server.pause_accepting(None);
                }
            }
            match self.server.listeners[listener].accept(|| self.server.opened()) {
                Accepted::Connection(socket, remote) => self.welcome(socket, remote, listener),
                Accepted::Gone => {}
                Accepted::Nobody => break,
                Accepted::Closed => return self.server.close_listener(listener),
                Accepted::Exhausted(error) => {
                    if !self.make_room() {
                        return self.server.pause_accepting(Some(&error));
                    }
                }
            }
        }
    }

    fn welcome(&mut self, socket: OwnedFd, remote: Endpoint, listener: usize) {
        let Some(counted) = self.server.clients.count(remote.ip()) else {
            log::debug!("{remote}: closing: this client has too many connections already");
            self.server.closed();
            return;
        };
        // There are far fewer listeners than that.
        let number = listener as u16;
        let connection = Connection::new(socket, remote, number, counted, self);
        self.inbox.add(Ready::Fresh(Box::new(connection)));
    }

    /// Evicts connections to make room for new ones, and returns whether there is room now.
    ///
    /// 1. Those that have been idle for longest.
    /// 2. Those that have their response and still send content that is skipped, or linger.
    /// 3. Those that have sent nothing, or an incomplete head, for longest.
    /// 4. One reader of a response that has fallen behind its slowest rate ([`Timeouts::slowest`]). Its
    ///    response then is visibly incomplete.
    ///
    /// A connection whose handler is running stays, and so does one that reads fast enough.
    ///
    /// [`Timeouts::slowest`]: crate::Timeouts::slowest
    fn make_room(&mut self) -> bool {
        let number = (self.server.connections() / 64).clamp(1, SHED);
        let order = [
            Waiting::Idle,
            Waiting::Content,
            Waiting::Linger,
            Waiting::First,
            Waiting::Head,
        ];
        let has_room = order.into_iter().any(|waiting| {
            let mut room = false;
            for mut connection in self.server.parked.take_oldest(waiting, NEVER, number) {
                let may_ask = matches!(waiting, Waiting::Idle | Waiting::First | Waiting::Head);
                if may_ask && connection.has_input() {
                    self.park_or_close(connection);
                    continue;
                }
                self.evict(connection, waiting);
                room = true;
            }
            room
        });
        has_room || self.evict_reader()
    }

    /// Evicts one reader that has fallen behind its slowest rate, if there is one.
    fn evict_reader(&mut self) -> bool {
        let parked = &self.server.parked;
        let mut evicted = false;
        for mut reader in parked.take_oldest(Waiting::Write, self.behind(), SHED) {
            if !evicted && reader.has_fallen_behind(self) {
                self.evict(reader, Waiting::Write);
                evicted = true;
            } else {
                self.park_or_close(reader);
            }
        }
        evicted
    }

    fn evict(&self, connection: Box<Connection>, waiting: Waiting) {
        connection.make_room(waiting);
        connection.cut(Ending::Evicted, self);
        self.server.closed();
    }

    /// Closes the listeners. Whoever is waiting to be accepted, perhaps with a request, would be reset: they are the last
    /// to come in, as far as there is room, and others look after them.
    pub(crate) fn close_listeners(&mut self) {
        for (number, listener) in self.server.listeners.iter().enumerate() {
            for _ in 0..BACKLOG {
                if self.server.is_full() {
                    break;
                }
                match listener.accept(|| self.server.opened()) {
                    Accepted::Connection(socket, remote) => self.welcome(socket, remote, number),
                    Accepted::Gone => {}
                    Accepted::Nobody | Accepted::Closed | Accepted::Exhausted(_) => break,
                }
            }
            self.server.close_listener(number);
        }
        self.give_back();
    }

    fn turn(&mut self, mut connection: Box<Connection>) {
        // What a handler's panic costs is seen to where it is called; any other panic costs the connection, not the worker.
        let turned = catch_unwind(AssertUnwindSafe(|| connection.turn(self)));
        if turned.is_err() {
            log::error!("a connection is cut: its worker panicked");
            // They may be gone, or hold what was meant for this client.
            self.buffer = vec![0; BUFFER].into_boxed_slice();
            self.output = Vec::new();
            self.settle(0, Ending::Failed);
        }
        match turned {
            Ok(Next::Park) => self.park_or_close(connection),
            Ok(Next::Close) | Err(_) => {
                drop(connection);
                self.server.closed();
            }
        }
    }

    pub(crate) fn park_or_close(&self, connection: Box<Connection>) {
        if let Err(error) = self.park(connection) {
            log::warn!("a connection could not be parked: {error}");
            self.server.closed();
        }
    }

    fn park(&self, connection: Box<Connection>) -> io::Result<()> {
        // Descriptors are not negative.
        let descriptor = connection.socket().as_raw_fd() as usize;
        let deadline = connection.deadline();
        let poller = &self.server.poller;
        let arm = |connection: &mut Connection, missed| connection.arm(poller, missed);
        self.server
            .parked
            .park(descriptor, connection, deadline, arm)
    }
}

/// The Date field (RFC 9110 §6.6.1).
fn date_field(date: HttpDate) -> FieldLines {
    // Of letters, digits, commas, colons and spaces, which every field value may have.
    FieldLines::new(|head| head.field("Date", &date.write())).unwrap_or_default()
}

impl Shared {
    /// Makes a listener known to the poller.
    pub(crate) fn add_listener(&self, listener: usize) -> io::Result<()> {
        self.listeners[listener].if_open(|socket| {
            self.poller
                .add(socket, listener_token(listener), Interest::Acceptable)
        })
    }

    /// Has the poller report listeners, or keep silent about them.
    pub(crate) fn arm_listeners(&self, interest: Interest) {
        for (number, listener) in self.listeners.iter().enumerate() {
            let arm =
                |socket: BorrowedFd<'_>| self.poller.arm(socket, listener_token(number), interest);
            if let Err(error) = listener.if_open(arm) {
                log::error!("a listener could not be armed again: {error}");
            }
        }
    }

    /// Has nothing more to do with a listener.
    pub(crate) fn close_listener(&self, listener: usize) {
        self.listeners[listener].close(&self.poller);
    }
}

fn listener_token(listener: usize) -> u64 {
    LISTENER + listener as u64
}
