//! One server of an upstream: its addresses, its idle connections, and its health.

use super::health::Health;
use super::idle::IdleConnections;
use super::settings::Settings;
use super::socket::{Address, Securing};
use super::starving::Starving;
use super::target::Target;
use crate::lock::Lock;
#[cfg(feature = "tls")]
use crate::tls::Trust;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// How the connections to each target are secured.
#[cfg(feature = "tls")]
pub(super) fn securing(targets: &[Target], settings: &Settings) -> Vec<Option<Securing>> {
    let system = || {
        Trust::system().unwrap_or_else(|error| {
            log::error!("no upstream server can be verified: {error}");
            Trust::nothing()
        })
    };
    let mut trust = settings.trust.clone();
    let secured = |target: &Target| {
        let name = target.server_name()?;
        let trust = trust.get_or_insert_with(system);
        // The target has been checked when it was read.
        Securing::new(trust, name)
            .inspect_err(|error| log::error!("{target}: {error}"))
            .ok()
    };
    targets.iter().map(secured).collect()
}

#[cfg(not(feature = "tls"))]
pub(super) fn securing(targets: &[Target], _: &Settings) -> Vec<Option<Securing>> {
    targets.iter().map(|_| None).collect()
}

/// One server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) target: Target,
    /// How connections are secured.
    pub(crate) securing: Option<Securing>,
    addresses: Lock<Arc<[Address]>>,
    /// The address of the last connection that was established.
    pub(super) preferred: AtomicUsize,
    pub(super) idle: IdleConnections,
    /// Requests under way.
    pub(super) active: AtomicUsize,
    /// Requests that may wait for a process.
    pub(super) starving: Starving,
    pub(super) health: Lock<Health>,
}

impl Server {
    pub(super) fn new(target: Target, securing: Option<Securing>) -> Self {
        Server {
            target,
            securing,
            addresses: Lock::new(Arc::new([])),
            preferred: AtomicUsize::new(0),
            idle: IdleConnections::default(),
            active: AtomicUsize::new(0),
            starving: Starving::default(),
            health: Lock::default(),
        }
    }

    /// Looks up the addresses, which may block. If the name has none for now, the last known ones
    /// stay.
    pub(crate) fn look_up(&self) {
        match self.target.resolve() {
            Ok(found) if !found.is_empty() => {
                let mut addresses = self.addresses.lock();
                if **addresses != *found {
                    *addresses = found.into();
                }
            }
            Ok(_) => log::warn!("the upstream name {} has no address", self.target),
            Err(error) => log::warn!("the upstream name {} has no address: {error}", self.target),
        }
    }

    /// Whether it may get another request.
    pub(super) fn has_room(&self) -> bool {
        let limit = self.target.limit();
        limit.is_none_or(|limit| self.active.load(Ordering::Relaxed) < limit)
    }

    /// Closes as many idle connections as are too many beside those in use.
    pub(super) fn make_room(&self) {
        if let Some(limit) = self.target.limit() {
            let active = self.active.load(Ordering::Relaxed);
            self.idle.keep_at_most(limit.saturating_sub(active));
        }
    }

    pub(crate) fn addresses(&self) -> Arc<[Address]> {
        Arc::clone(&self.addresses.lock())
    }

    /// Closes the idle connections if a request has waited for a process for too long. Returns when
    /// that will be so, if requests wait.
    pub(crate) fn relieve(&self, now: Instant) -> Option<Instant> {
        let due = self.starving.relief()?;
        if now < due {
            return Some(due);
        }
        self.idle.close_all();
        None
    }
}
