//! Which connections are admitted: the listeners, the limits, and whether connections are accepted
//! now.

#[cfg(feature = "files")]
use crate::body::OpenFile;
use crate::endpoint::Endpoint;
use crate::listen::{Clients, Listener};
use crate::lock::Lock;
use crate::poller::{Interest, Poller};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Tokens of listeners are above all descriptors.
pub(super) const LISTENER: u64 = 1 << 32;

/// The listeners and the count of connections.
pub(crate) struct Admission {
    pub(crate) listeners: Vec<Listener>,
    pub(super) clients: Arc<Clients>,
    max_connections: usize,
    connections: AtomicUsize,
    /// The poller does not report the listeners, because there was no room for another connection.
    is_paused: AtomicBool,
    /// Held while `is_paused` changes and the listeners are re-armed.
    change: Lock<()>,
    /// Held by the worker that makes room in a full server, until it has accepted the newcomer.
    pub(super) room: Lock<()>,
}

impl Admission {
    pub(crate) fn new(
        listeners: Vec<Listener>,
        max_connections: usize,
        max_connections_per_client: Option<usize>,
    ) -> Self {
        Admission {
            listeners,
            clients: Clients::new(max_connections_per_client, max_connections),
            max_connections,
            connections: AtomicUsize::new(0),
            is_paused: AtomicBool::new(false),
            change: Lock::new(()),
            room: Lock::new(()),
        }
    }

    pub(super) fn address(&self, listener: usize) -> Endpoint {
        self.listeners[listener].endpoint()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Counts an accepted connection. Returns whether there was none before.
    pub(super) fn opened(&self) -> bool {
        self.connections.fetch_add(1, Ordering::SeqCst) == 0
    }

    /// Counts a closed connection.
    pub(super) fn closed(&self) {
        self.connections.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether there is no room for another connection. `upstream` is the number of descriptors
    /// that exchanges with upstream servers take. A file that is being sent to a slow reader takes
    /// one, too.
    pub(super) fn is_full(&self, upstream: usize) -> bool {
        #[cfg(feature = "files")]
        let files = OpenFile::count();
        #[cfg(not(feature = "files"))]
        let files = 0;
        let connections = self.connections.load(Ordering::Relaxed);
        connections + files + upstream >= self.max_connections
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::SeqCst)
    }

    /// Stops accepting until a connection is closed or the timer comes by.
    pub(super) fn pause(&self, why: Option<&io::Error>, poller: &Poller) {
        let _change = self.change.lock();
        if !self.is_paused.swap(true, Ordering::SeqCst) {
            match why {
                Some(error) => log::warn!("no more connections can be accepted for now: {error}"),
                None => log::warn!(
                    "no more than {} connections are kept; others wait",
                    self.max_connections
                ),
            }
            self.arm(Interest::Nothing, poller);
        }
    }

    /// Accepts again, if that was paused.
    pub(super) fn resume(&self, poller: &Poller) {
        if !self.is_paused.load(Ordering::Relaxed) {
            return;
        }
        let _change = self.change.lock();
        if self.is_paused.swap(false, Ordering::SeqCst) {
            self.arm(Interest::Acceptable, poller);
        }
    }

    /// Makes the listeners known to the poller.
    ///
    /// # Errors
    /// The poller's.
    pub(crate) fn listen(&self, poller: &Poller) -> io::Result<()> {
        self.listeners
            .iter()
            .enumerate()
            .try_for_each(|(number, listener)| {
                listener.if_open(|socket| poller.add(socket, token(number), Interest::Acceptable))
            })
    }

    /// Has the poller report the listeners, or not.
    fn arm(&self, interest: Interest, poller: &Poller) {
        for (number, listener) in self.listeners.iter().enumerate() {
            let arm = |socket: BorrowedFd<'_>| poller.arm(socket, token(number), interest);
            if let Err(error) = listener.if_open(arm) {
                log::error!("a listener could not be armed again: {error}");
            }
        }
    }
}

fn token(listener: usize) -> u64 {
    LISTENER + listener as u64
}
