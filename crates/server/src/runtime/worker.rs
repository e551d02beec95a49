//! A worker and its loop: poll for reports, give each ready connection its turn.
//!
//! What a request costs, and which alternatives were measured and rejected, is in
//! `docs/performance.md`.

use super::admission::LISTENER;
use super::blocking::{Blocking, end_of_work, hand_over, park_or_close};
use super::call::{respond, resume};
use super::contention::CpuSample;
use super::eviction::make_room;
use super::inbox::{Inbox, Ready};
use super::pace::Paces;
use super::pool::Pool;
use super::shared::{Shared, WAKE};
use crate::access_log::Ending;
use crate::connection::{Connection, Input, Next, Transport, Turn};
use crate::deadline::{NEVER, Waiting};
use crate::endpoint::Endpoint;
use crate::listen::{Accepted, BACKLOG};
use crate::poller::{EVENTS, Report, descriptor, no_events};
#[cfg(feature = "gateway")]
use crate::poller::{UPSTREAM, WOKEN};
use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tinyhttp_message::FieldStorage;

/// The work that one worker does alone. If more is expected, another one is woken. It is many times
/// what waking a worker costs, and little beside what a client notices.
const ALONE: Duration = Duration::from_micros(200);

/// Connections that are accepted in one go.
const ACCEPTS: usize = 16;

/// A thread that gives connections their turns. What it owns is lent to each of them, so that a
/// parked connection needs no buffer.
pub(crate) struct Worker<'s> {
    shared: &'s Shared,
    pool: &'s Arc<Pool>,
    turn: Turn<'s>,
    input: Input,
    inbox: Arc<Inbox>,
    /// How long a turn has taken lately.
    usual: Duration,
    /// The worker was blocked during its batch, so that the time it took means nothing.
    was_blocked: Cell<bool>,
    paces: Paces,
}

impl<'s> Worker<'s> {
    pub(crate) fn new(shared: &'s Shared, pool: &'s Arc<Pool>) -> Self {
        Worker {
            shared,
            pool,
            turn: Turn::new(&shared.env, shared.number_worker()),
            input: Input::new(),
            inbox: shared.inboxes.add(),
            usual: Duration::ZERO,
            was_blocked: Cell::new(false),
            paces: Paces::default(),
        }
    }

    /// Works until the server stops.
    pub(crate) fn run(&mut self) {
        let (poller, pool) = (&self.shared.poller, self.pool);
        let mut events = no_events();
        while let Some(found) = pool.wait_for_work(|| {
            let handed_over = self.shared.handed_over.take(EVENTS);
            let reports = match handed_over.is_empty() {
                true => Some(poller.wait(&mut events, self.shared.patience())?),
                // These have waited longer than what is reported now.
                false => None,
            };
            Ok::<_, io::Error>((handed_over, reports))
        }) {
            match found {
                Ok(_) if self.shared.lifecycle.has_stopped() => pool.stop(),
                Ok((handed_over, reports)) => {
                    self.update_time();
                    self.shared.relieve(self.turn.now());
                    let has_polled = reports.is_some();
                    let reports = handed_over.into_iter().chain(reports.into_iter().flatten());
                    let reports = reports.map(Ready::Reported);
                    let number = self.inbox.fill(reports, self.turn.now());
                    // When as many are reported as can be, more are ready.
                    self.note_poll(has_polled && number < EVENTS);
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

    /// Sets the time, and whether the server is shutting down.
    pub(super) fn update_time(&mut self) {
        self.turn.update_time();
        self.turn.is_draining = self.shared.lifecycle.is_draining();
    }

    /// Notes a poll, if that has reported everything.
    #[cfg(feature = "gateway")]
    fn note_poll(&mut self, is_whole: bool) {
        if is_whole {
            self.turn.upstream.polled = Some(self.turn.now());
        }
    }

    #[cfg(not(feature = "gateway"))]
    #[allow(clippy::unused_self)]
    fn note_poll(&mut self, _: bool) {}

    /// Gives everything in the inbox its turn.
    fn work_off(&mut self, reported: usize) {
        let since = self.turn.now();
        let number = reported as u32;
        // When as many are reported as can be, more are ready.
        let much = self.usual * number > ALONE || reported == EVENTS;
        let sample = (much && self.shared.contention.likely_idle(since)).then(|| {
            self.pool.wake_one();
            CpuSample::from_now_on()
        });
        self.was_blocked.set(false);
        while let Some(ready) = self.inbox.next() {
            match ready {
                Ready::Reported(Report { token: WAKE, .. }) => {}
                Ready::Reported(Report { token, .. }) if token >= LISTENER => {
                    self.accept((token - LISTENER) as usize);
                }
                Ready::Reported(report) => self.report(report),
                Ready::Fresh(connection) => self.turn(connection),
            }
        }
        if self.was_blocked.get() {
            return;
        }
        if sample.is_some_and(|sample| sample.was_preempted()) {
            self.shared.contention.backoff(Instant::now());
        }
        if number > 0 {
            self.usual = (self.usual * 7 + since.elapsed() / number) / 8;
        }
    }

    /// Gives the connection that a report is for its turn, if it is parked.
    fn report(&mut self, Report { token, ended }: Report) {
        let owner = descriptor(token);
        let Some(mut connection) = owner.and_then(|owner| self.shared.parked.take(owner)) else {
            return;
        };
        #[cfg(feature = "gateway")]
        if token & (UPSTREAM | WOKEN) != 0 {
            self.turn.upstream.report = Some(ended);
            return self.turn(connection);
        }
        connection.ended |= ended;
        self.turn(connection);
    }

    /// Gives a connection its turn, and parks or closes it then.
    fn turn(&mut self, mut connection: Box<Connection>) {
        let advanced = catch_unwind(AssertUnwindSafe(|| self.advance(&mut connection)));
        match advanced {
            Ok(true) => {
                self.park_or_close(connection);
                self.give_turns();
            }
            Ok(false) => {
                drop(connection);
                self.shared.closed();
                self.give_turns();
            }
            // A handler's panic is dealt with where it is called; any other costs the connection.
            Err(_) => {
                self.give_turns();
                log::error!("a connection is closed: its worker panicked");
                drop(connection);
                self.shared.closed();
                // The buffers may be gone, or hold what was meant for this client.
                self.turn.settle(0, Ending::Failed);
                self.input = Input::new();
                self.turn = Turn::new(&self.shared.env, self.turn.worker);
                self.update_time();
            }
        }
    }

    /// Gives connections their turns that the last one has woken.
    #[cfg(feature = "gateway")]
    fn give_turns(&mut self) {
        for alarm in self.turn.upstream.woken.drain(..) {
            match alarm.into_token(&self.shared.poller) {
                Ok(token) => self.inbox.add(Ready::Reported(Report {
                    token: token | WOKEN,
                    ended: false,
                })),
                Err(alarm) => alarm.ring(),
            }
        }
    }

    #[cfg(not(feature = "gateway"))]
    #[allow(clippy::unused_self)]
    fn give_turns(&mut self) {}

    /// Does what a connection needs until it waits (`true`) or is over.
    fn advance(&mut self, connection: &mut Connection) -> bool {
        let blocking = Blocking {
            shared: self.shared,
            pool: self.pool,
            inbox: &self.inbox,
            was_blocked: &self.was_blocked,
            paces: &self.paces,
        };
        let turn = &mut self.turn;
        connection.begin(turn, &mut self.input);
        loop {
            let mut storage = FieldStorage::new();
            match connection.advance(turn, &mut self.input, &mut storage) {
                Next::Call(call) => respond(&call, connection, turn, &blocking),
                Next::Resume(collected) => resume(*collected, connection, turn, &blocking),
                Next::Block => {
                    let socket = connection.take_if_switched(&self.shared.poller);
                    let timeouts = turn.env.timeouts;
                    let mut run = || connection.run_blocking(&timeouts);
                    blocking.block_in_place(turn, || match socket {
                        Some(socket) => self.shared.switched.hold(socket, run),
                        None => run(),
                    });
                }
                Next::Continue => {}
                Next::Park => return true,
                Next::Close => return false,
            }
        }
    }

    /// Notes that the worker has finished its batch. If the timer counted it as blocked, it is so
    /// no longer.
    fn end_of_work(&self) {
        end_of_work(&self.inbox, self.pool);
    }

    /// Finds workers that have been stuck in one turn for too long (on a disk that hangs, for
    /// example), wakes others in their places, and hands over what the stuck ones have not acted
    /// on.
    pub(super) fn replace_stuck_workers(&self) {
        for inbox in self.shared.inboxes.all() {
            if inbox.is_stuck(self.turn.now(), || self.pool.count_blocked()) {
                hand_over(self.shared, self.pool, &inbox);
            }
        }
    }

    /// Accepts the connections that are waiting. If there are more, the listener is reported again.
    fn accept(&mut self, listener: usize) {
        for accepted in 0..ACCEPTS {
            // Two workers that both saw the newcomer would each make room for it.
            let is_full = self.shared.is_full();
            let _alone = is_full.then(|| self.shared.admission.room.lock());
            if is_full && self.shared.is_full() {
                // None makes room for a newcomer that another worker has accepted. For the next
                // one the listener is reported again.
                let listener = &self.shared.admission.listeners[listener];
                if accepted > 0 || !listener.has_waiting() {
                    break;
                }
                if !make_room(self.shared, &mut self.turn) {
                    return self.shared.pause_accepting(None);
                }
            }
            let listeners = &self.shared.admission.listeners;
            match listeners[listener].accept(|| self.shared.opened()) {
                Accepted::Connection(socket, remote) => self.welcome(socket, remote, listener),
                Accepted::Gone => {}
                Accepted::Empty => break,
                Accepted::Closed => return self.shared.close_listener(listener),
                // The kernel looks for a descriptor before it looks for a connection.
                Accepted::Exhausted(_) if !listeners[listener].has_waiting() => break,
                Accepted::Exhausted(error) => {
                    if !make_room(self.shared, &mut self.turn) {
                        return self.shared.pause_accepting(Some(&error));
                    }
                }
            }
        }
    }

    fn welcome(&mut self, socket: OwnedFd, remote: Endpoint, listener: usize) {
        let Some(permit) = self.shared.admission.clients.count(remote.ip()) else {
            log::debug!("{remote}: closing: this client has too many connections already");
            self.shared.closed();
            return;
        };
        let transport = Transport::plain(socket);
        // There are far fewer listeners than that.
        let number = listener as u16;
        let role = self.shared.admission.listeners[listener].role();
        let connection = Connection::new(transport, remote, (number, role), permit, &self.turn);
        self.inbox.add(Ready::Fresh(Box::new(connection)));
    }

    /// Closes a connection wherever it is.
    pub(super) fn abort(&self, connection: Box<Connection>, ending: Ending) {
        connection.abort(ending, &self.shared.env);
        self.shared.closed();
    }

    /// Ends the wait of a connection whose deadline has passed.
    pub(super) fn expire(&mut self, mut connection: Box<Connection>, waiting: Waiting) {
        let is_in_time = match waiting {
            // A request that has come gets its response, however busy the workers are.
            Waiting::First | Waiting::Idle => connection.has_input(),
            Waiting::Write => connection.has_taken_some(&mut self.turn),
            _ => false,
        };
        let stays = is_in_time
            || matches!(
                connection.expire(waiting, &mut self.turn, &mut self.input),
                Next::Park
            );
        match stays {
            true => self.park_or_close(connection),
            false => {
                // The next connection must not send it.
                self.turn.discard(Ending::TooSlow);
                self.abort(connection, Ending::TooSlow);
            }
        }
    }

    /// Closes the listeners. Clients that wait to be accepted, perhaps with a request, would be
    /// reset: they are accepted, as far as there is room, and handed to other workers.
    pub(super) fn close_listeners(&mut self) {
        for (number, listener) in self.shared.admission.listeners.iter().enumerate() {
            for _ in 0..BACKLOG {
                if self.shared.is_full() {
                    break;
                }
                match listener.accept(|| self.shared.opened()) {
                    Accepted::Connection(socket, remote) => self.welcome(socket, remote, number),
                    Accepted::Gone => {}
                    Accepted::Empty | Accepted::Closed | Accepted::Exhausted(_) => break,
                }
            }
            self.shared.close_listener(number);
        }
        hand_over(self.shared, self.pool, &self.inbox);
    }

    pub(super) fn park_or_close(&self, connection: Box<Connection>) {
        park_or_close(self.shared, connection);
    }
}

/// Closes what is left after the workers have ended: listeners and connections.
pub(crate) fn end(shared: &Shared) {
    for listener in 0..shared.admission.listeners.len() {
        shared.close_listener(listener);
    }
    shared.parked.sweep(
        NEVER,
        |_| true,
        |left, _| left.abort(Ending::ShutDown, &shared.env),
    );
}
