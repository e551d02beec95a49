//! What all workers of a server share.

use super::admission::Admission;
use super::contention::Contention;
use super::inbox::{HandedOver, Inboxes};
use super::lifecycle::Lifecycle;
use super::parked::Parked;
use super::switched::Switched;
use crate::connection::{Connection, Env};
use crate::deadline::Waiting;
use crate::poller::Poller;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The token of the wakeup for all workers.
pub(super) const WAKE: u64 = u64::MAX;

/// The parts of a running server.
pub(crate) struct Shared {
    pub(crate) env: Env,
    pub(crate) admission: Admission,
    pub(crate) lifecycle: Lifecycle,
    pub(super) poller: Arc<Poller>,
    pub(super) parked: Parked<Connection>,
    pub(super) contention: Contention,
    pub(super) inboxes: Inboxes,
    pub(super) handed_over: HandedOver,
    pub(crate) switched: Switched,
    /// The number of workers there have been.
    workers: AtomicUsize,
}

impl Shared {
    /// Makes the parts, and makes the listeners and the wakeup known to the poller.
    ///
    /// # Errors
    /// If the system has no descriptors left.
    pub(crate) fn new(env: Env, admission: Admission) -> io::Result<Self> {
        let shared = Shared {
            env,
            admission,
            lifecycle: Lifecycle::new()?,
            poller: Arc::new(Poller::new()?),
            parked: Parked::new(),
            contention: Contention::new(),
            inboxes: Inboxes::default(),
            handed_over: HandedOver::default(),
            switched: Switched::default(),
            workers: AtomicUsize::new(0),
        };
        shared.poller.add_for_all(shared.lifecycle.wakeup(), WAKE)?;
        shared.admission.listen(&shared.poller)?;
        Ok(shared)
    }

    /// A number for another worker.
    pub(super) fn number_worker(&self) -> usize {
        self.workers.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts an accepted connection.
    pub(super) fn opened(&self) {
        if self.admission.opened() {
            self.lifecycle.notify_idle();
        }
    }

    /// Counts a closed connection.
    pub(super) fn closed(&self) {
        self.admission.closed();
        self.admission.resume(&self.poller);
        if self.lifecycle.is_draining() {
            self.lifecycle.notify();
        }
    }

    /// The number of connections that owe a response: their handler runs, or the client has not
    /// taken it.
    pub(crate) fn in_flight(&self) -> usize {
        let others = self.parked.count(|waiting| {
            !matches!(
                waiting,
                Waiting::Write | Waiting::Receive | Waiting::Upstream
            )
        });
        self.admission.connections().saturating_sub(others)
    }

    /// Whether there is no room for another connection.
    pub(super) fn is_full(&self) -> bool {
        self.admission.is_full(self.env.upstream_descriptors())
    }

    /// How long a poll may take; `None` for any time.
    #[cfg(feature = "gateway")]
    pub(super) fn patience(&self) -> Option<Duration> {
        self.env.upstreams.until_relief()
    }

    #[cfg(not(feature = "gateway"))]
    #[allow(clippy::unused_self)]
    pub(super) fn patience(&self) -> Option<Duration> {
        None
    }

    /// Does what the end of [`patience`](Shared::patience) is for, if it is over.
    pub(super) fn relieve(&self, now: Instant) {
        #[cfg(feature = "gateway")]
        self.env.upstreams.relieve(now);
        #[cfg(not(feature = "gateway"))]
        let _ = (self, now);
    }

    /// Closes connections to upstream servers that have been idle for longest, N at most. Returns
    /// whether there were any.
    pub(super) fn close_idle_upstream(&self, most: usize) -> bool {
        #[cfg(feature = "gateway")]
        return self.env.upstreams.close_idle(most);
        #[cfg(not(feature = "gateway"))]
        {
            let _ = (self, most);
            false
        }
    }

    /// Stops accepting until a connection is closed or the timer comes by.
    pub(super) fn pause_accepting(&self, why: Option<&io::Error>) {
        self.admission.pause(why, &self.poller);
        self.lifecycle.notify();
    }

    /// Closes a listener for good.
    pub(super) fn close_listener(&self, listener: usize) {
        self.admission.listeners[listener].close(&self.poller);
    }

    /// Sleeps for a tick, or for longer if there is nothing to time. Returns whether there is
    /// nothing.
    pub(super) fn sleep(&self, tick: Duration, was_idle: bool) -> bool {
        self.lifecycle.sleep(tick, was_idle, || {
            self.admission.connections() == 0
                && !self.admission.is_paused()
                && !self.lifecycle.is_draining()
        })
    }
}
