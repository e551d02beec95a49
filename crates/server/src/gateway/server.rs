//! One server of an upstream: its addresses, its idle connections, and its health.

use super::capacity::{Capacity, few};
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
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
    /// How many requests have a process at a time.
    pub(super) capacity: Capacity,
    pub(super) health: Lock<Health>,
    /// Its name is being looked up.
    pub(super) is_looked_up: AtomicBool,
    /// Its health is being checked.
    pub(super) is_checked: AtomicBool,
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
            capacity: Capacity::default(),
            health: Lock::default(),
            is_looked_up: AtomicBool::default(),
            is_checked: AtomicBool::default(),
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

    /// Whether it may get another request. One that is late need not find a process that is free.
    pub(super) fn has_room(&self, is_late: bool) -> bool {
        let limit = self.target.limit();
        let active = self.active.load(Ordering::Relaxed);
        // Those on connections that no process has taken wait outside. Should more processes be
        // expected than there are, all would go there, but for this bound.
        let has_process = |number| {
            let outside = self.starving.number().min(few(number));
            active.saturating_sub(outside) < number
        };
        let capacity = self.capacity.known().filter(|_| !is_late);
        limit.is_none_or(|limit| active < limit) && capacity.is_none_or(has_process)
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

    /// Closes idle connections so that a request that is on a new one gets a process. If the number
    /// of processes is known, only those that are too many are closed.
    pub(super) fn make_room_for_process(&self) {
        match self.capacity.known() {
            Some(number) => {
                let others = self.capacity.served() + 1;
                self.idle.keep_at_most(number.saturating_sub(others));
            }
            None => self.idle.close_all(),
        }
    }

    /// Closes an idle connection for each request that has waited for a process for too long.
    /// Returns when that will be so for the next one, unless a connection that ends then is closed.
    pub(crate) fn relieve(&self, now: Instant) -> Option<Instant> {
        loop {
            let due = self.starving.due()?;
            if now < due {
                return Some(due);
            }
            let idle = self.idle.close_one();
            if idle == 0 {
                return None;
            }
            if let Some(waited) = self.starving.relieve(now) {
                self.capacity.exhausted(idle, waited);
            }
        }
    }
}
