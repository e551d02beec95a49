//! The timer thread: it closes connections whose deadline has passed, replaces stuck workers, and
//! leads the server through its shutdown.

use super::pool::Pool;
use super::shared::Shared;
use super::worker::Worker;
use crate::access_log::Ending;
use crate::deadline::{NEVER, Waiting};
use crate::listen::Listener;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often deadlines are checked.
const TICK: Duration = Duration::from_millis(100);

/// How long to keep accepting after shutdown begins, so that requests already in flight are served.
const LAST_CALL: Duration = Duration::from_millis(100);

/// How long a client that connected just before the shutdown may take to send its request.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// Keeps the time until the server has stopped.
pub(crate) fn run(shared: &Shared, pool: &Arc<Pool>) {
    let mut timer = Timer {
        worker: Worker::new(shared, pool),
        shared,
    };
    let mut draining_since = None;
    let mut is_idle = false;
    while !shared.lifecycle.has_stopped() {
        is_idle = shared.sleep(TICK, is_idle);
        // The polling worker may have been stuck in one turn since the last tick; make sure another
        // one polls.
        pool.wake_one();
        timer.worker.update_time();
        timer.worker.replace_stuck_workers();
        timer.sweep();
        shared.admission.resume(&shared.poller);
        if shared.lifecycle.is_draining() {
            let since = *draining_since.get_or_insert_with(|| {
                let listeners = &shared.admission.listeners;
                listeners.iter().for_each(Listener::last_call);
                Instant::now()
            });
            timer.drain(since);
        }
    }
}

struct Timer<'s> {
    worker: Worker<'s>,
    shared: &'s Shared,
}

impl Timer<'_> {
    /// Stops the server if it has been draining `since` then and is done, or should be.
    fn drain(&mut self, since: Instant) {
        let is_last_call = since.elapsed() < LAST_CALL;
        if !is_last_call {
            self.worker.close_listeners();
        }
        self.close_idle();
        let is_done = self.shared.admission.connections() == 0 && !is_last_call;
        if is_done || self.shared.lifecycle.is_overdue() {
            self.shared.lifecycle.stop();
        }
    }

    /// Closes connections whose deadline has passed.
    fn sweep(&mut self) {
        let now = self.shared.env.clock.at(Instant::now());
        let worker = &mut self.worker;
        self.shared.parked.sweep(
            now,
            |_| true,
            |connection, waiting| worker.expire(connection, waiting),
        );
    }

    /// Closes connections without an exchange. One that has just been accepted gets some time for a
    /// request.
    fn close_idle(&self) {
        let close = |until, which| {
            self.shared.parked.sweep(
                until,
                |waiting| waiting == which,
                |mut connection, _| match connection.has_input() {
                    true => self.worker.park_or_close(connection),
                    false => self.worker.abort(connection, Ending::ShutDown),
                },
            );
        };
        close(NEVER, Waiting::Idle);
        // The deadline tells how long ago a client connected.
        let left = self.shared.env.timeouts.idle.saturating_sub(LAST_REQUESTS);
        let until = self.shared.env.clock.at(Instant::now()).after(left);
        close(until, Waiting::First);
    }
}
