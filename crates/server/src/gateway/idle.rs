//! The idle connections to one upstream server, which wait for another request.

use super::capacity::Capacity;
use super::socket::{OpenSockets, Socket};
use super::starving::Starving;
use crate::lock::Lock;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Idle connections that are kept for each server. When this server is full, they make room.
const MOST: usize = 2048;

/// Connections that are looked at under the lock, for which requests wait meanwhile.
const LOOKED_AT: usize = 64;

/// How long an idle connection is kept. Most servers close theirs after 60 s or more.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// Within this time of its last use, an idle connection is used again unless the poller has
/// reported it. After it, a system call more is no loss.
const FRESH: Duration = Duration::from_millis(1);

/// Within this time of a poll that has reported everything, an idle connection is used again unless
/// it was reported: what a server has sent since may still be on its way.
const POLLED: Duration = Duration::from_millis(2);

/// What an idle connection is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// The time of the last reports.
    pub(crate) now: Instant,
    /// When the poller has reported everything last.
    pub(crate) polled: Option<Instant>,
}

/// The idle connections, the one that was used last at the end.
#[derive(Debug, Default)]
pub(crate) struct IdleConnections(Lock<Vec<Idle>>);

#[derive(Debug)]
struct Idle {
    socket: Socket,
    since: Instant,
}

impl IdleConnections {
    /// Takes a connection, of those counted in `open`, that has not been closed, and on which
    /// nothing has come: what has would be taken for the response to the next request.
    pub(super) fn take(&self, open: &Arc<OpenSockets>, moment: Moment) -> Option<Socket> {
        loop {
            // The lock is not held while a socket is looked at or closed.
            let newest = self.take_newest(open)?;
            let idle = moment.now.saturating_duration_since(newest.since);
            if idle >= IDLE_TIME {
                // The others have been idle for longer.
                newest.socket.close_notify();
                self.close_all();
                return None;
            }
            let has_polled = || moment.polled.is_some_and(|at| at.elapsed() < POLLED);
            let is_certain = !newest.socket.is_reported() && (idle < FRESH || has_polled());
            if is_certain || !newest.socket.is_dead() {
                return Some(newest.socket);
            }
        }
    }

    fn take_newest(&self, open: &Arc<OpenSockets>) -> Option<Idle> {
        let mut all = self.0.lock();
        // Servers of one process rarely share an upstream, so it is the last.
        let newest = all.iter().rposition(|it| it.socket.is_counted_in(open));
        newest.map(|at| all.remove(at))
    }

    /// Keeps a connection, unless a request has waited for too long for the process that stays with
    /// it. Returns when it has to be closed for one that has begun to wait.
    pub(super) fn keep(
        &self,
        mut socket: Socket,
        (starving, capacity): (&Starving, &Capacity),
        now: Instant,
    ) -> Option<Instant> {
        socket.release();
        let idle = Idle { socket, since: now };
        let mut all = self.0.lock();
        // Read under the lock, under which a request that begins to wait closes idle ones.
        let due = starving.due();
        if all.len() < MOST && due.is_none_or(|due| now < due) {
            all.push(idle);
            return due;
        }
        if let Some(waited) = starving.relieve(now) {
            // The request that this connection has served is still counted.
            capacity.exhausted(all.len(), waited);
        }
        drop(all);
        drop(idle);
        None
    }

    /// Closes those that were used longest ago, beyond this number.
    pub(super) fn keep_at_most(&self, number: usize) {
        let closed: Vec<Idle> = {
            let mut all = self.0.lock();
            let beyond = all.len().saturating_sub(number);
            all.drain(..beyond).collect()
        };
        closed.iter().for_each(|idle| idle.socket.close_notify());
    }

    /// Closes all.
    pub(super) fn close_all(&self) {
        let all = std::mem::take(&mut *self.0.lock());
        all.iter().for_each(|idle| idle.socket.close_notify());
    }

    /// Closes the connection that has been idle for longest. Returns how many there were.
    pub(super) fn close_one(&self) -> usize {
        let (number, oldest) = {
            let mut all = self.0.lock();
            (all.len(), (!all.is_empty()).then(|| all.remove(0)))
        };
        oldest.inspect(|oldest| oldest.socket.close_notify());
        number
    }

    /// Closes those that have been idle for too long, or were closed by the server. One that moves
    /// meanwhile is looked at the next time.
    pub(super) fn prune(&self) {
        let mut at = 0;
        loop {
            let mut closed: Vec<Idle> = Vec::new();
            let is_last;
            {
                let mut all = self.0.lock();
                let end = all.len().min(at + LOOKED_AT);
                let is_closed = |it: &Idle| it.since.elapsed() >= IDLE_TIME || it.socket.is_dead();
                let dead: Vec<_> = (at..end)
                    .filter(|&number| is_closed(&all[number]))
                    .collect();
                // From the end, so that the numbers stay right.
                closed.extend(dead.iter().rev().map(|&number| all.remove(number)));
                at = end - closed.len();
                is_last = at >= all.len();
            }
            closed.iter().for_each(|idle| idle.socket.close_notify());
            if is_last {
                return;
            }
        }
    }

    /// Since when the connection has been idle that has been so for longest, of those counted in
    /// `open`.
    pub(super) fn oldest(&self, open: &Arc<OpenSockets>) -> Option<Instant> {
        let all = self.0.lock();
        let oldest = all.iter().find(|it| it.socket.is_counted_in(open));
        oldest.map(|oldest| oldest.since)
    }

    /// Closes the connection that has been idle for longest, of those counted in `open`. Returns
    /// whether there was one.
    pub(super) fn close_oldest(&self, open: &Arc<OpenSockets>) -> bool {
        let oldest = {
            let mut all = self.0.lock();
            let oldest = all.iter().position(|it| it.socket.is_counted_in(open));
            oldest.map(|at| all.remove(at))
        };
        oldest.is_some_and(|oldest| {
            oldest.socket.close_notify();
            true
        })
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.lock().len()
    }
}
