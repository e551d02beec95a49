//! Requests that may wait for one of few processes of an upstream server.
//!
//! PHP-FPM and others have a process for each connection, idle ones included. If all processes are
//! with kept connections, a request on a new connection waits until one of these is closed. To
//! close them after each request would cost a connection for each; never to close them lets the
//! clients that have them go first forever. So connections are kept until a request has waited for
//! a moment, and one is closed for it then. If it goes on waiting (another server may have been
//! given the process), one more is closed after the same time.

use crate::lock::Lock;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a request waits before a connection is closed for it: long beside a small page, and
/// short enough for its client.
pub(super) const PATIENCE: Duration = Duration::from_millis(10);

/// The requests of one server that are on new connections and that no byte of a response has come
/// for.
#[derive(Debug, Default)]
pub(super) struct Starving {
    /// In the order in which connections are to be closed for them.
    requests: Lock<VecDeque<Request>>,
    /// Their number. Most servers have none, and need no lock to find that.
    number: AtomicUsize,
}

#[derive(Debug)]
struct Request {
    since: Instant,
    /// When a connection is to be closed for it.
    due: Instant,
}

impl Starving {
    pub(super) fn add(&self, now: Instant) {
        let mut requests = self.requests.lock();
        requests.push_back(Request {
            since: now,
            due: now + PATIENCE,
        });
        self.number.store(requests.len(), Ordering::SeqCst);
    }

    pub(super) fn remove(&self, since: Instant) {
        let mut requests = self.requests.lock();
        // Those that began together are alike.
        if let Some(at) = requests.iter().position(|other| other.since == since) {
            requests.remove(at);
        }
        self.number.store(requests.len(), Ordering::SeqCst);
    }

    pub(super) fn number(&self) -> usize {
        self.number.load(Ordering::SeqCst)
    }

    /// When the next connection is to be closed; `None` if no request waits.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.number() == 0 {
            return None;
        }
        self.requests.lock().front().map(|request| request.due)
    }

    /// Takes note that a connection is closed for the request that it is due for. Returns for how
    /// long that has waited; `None` if none is due.
    pub(super) fn relieve(&self, now: Instant) -> Option<Duration> {
        let mut requests = self.requests.lock();
        requests.front().filter(|request| request.due <= now)?;
        let mut request = requests.pop_front()?;
        let waited = now.saturating_duration_since(request.since);
        request.due = now + PATIENCE;
        requests.push_back(request);
        Some(waited)
    }
}
