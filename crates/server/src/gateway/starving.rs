//! Requests that may wait for one of few processes of an upstream server.
//!
//! PHP-FPM and others have a process for each connection, idle ones included. If all processes are
//! with kept connections, a request on a new connection waits until one of these is closed. To
//! close them after each request would cost a connection for each; never to close them lets the
//! clients that have them go first forever. So connections are kept until a request has waited for
//! a moment, and those that end then are closed until it has its process.

use crate::lock::Lock;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a request waits before connections are closed for it: long beside a small page, and
/// short enough for its client.
const PATIENCE: Duration = Duration::from_millis(10);

/// The requests of one server that are on new connections and that no byte of a response has come
/// for.
#[derive(Debug, Default)]
pub(super) struct Starving {
    /// Since when each has waited, in the order in which they began.
    since: Lock<VecDeque<Instant>>,
    /// Their number. Most servers have none, and need no lock to find that.
    number: AtomicUsize,
}

impl Starving {
    pub(super) fn add(&self, now: Instant) {
        let mut since = self.since.lock();
        since.push_back(now);
        self.number.store(since.len(), Ordering::SeqCst);
    }

    pub(super) fn remove(&self, began: Instant) {
        let mut since = self.since.lock();
        // Those that began together are alike.
        if let Some(at) = since.iter().position(|other| *other == began) {
            since.remove(at);
        }
        self.number.store(since.len(), Ordering::SeqCst);
    }

    /// From when on connections are closed for the request that has waited for longest; `None` if
    /// none waits.
    pub(super) fn relief(&self) -> Option<Instant> {
        if self.number.load(Ordering::SeqCst) == 0 {
            return None;
        }
        self.since.lock().front().map(|since| *since + PATIENCE)
    }
}
