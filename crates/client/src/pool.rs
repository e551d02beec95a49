//! Connections that wait for their next request (RFC 9112 §9.3).
//!
//! A server may close an idle connection at any time, and its FIN may still be on the way when the
//! next request is sent. So a connection is checked before it is reused. If it closes before the
//! first byte of a response, the request is retried on a new one, once, provided that making it
//! twice does no harm.

use crate::exchange::{Connection, Exchange};
use crate::lock::Lock;
use crate::origin::Origin;
use std::collections::HashMap;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

/// The idle connections of a client.
pub(crate) struct Pool {
    limits: PoolLimits,
    idle: Lock<HashMap<Origin, Vec<Idle>>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// The bounds of the idle connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolLimits {
    pub(crate) per_origin: usize,
    pub(crate) age: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        PoolLimits {
            per_origin: 8,
            age: Duration::from_secs(60),
        }
    }
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits) -> Self {
        Pool {
            limits,
            idle: Lock::default(),
        }
    }

    /// Returns a connection to that origin which is still open: the one used last, which is the
    /// least likely to be closed.
    pub(crate) fn take(&self, origin: &Origin) -> Option<Connection> {
        loop {
            let idle = self.lock().get_mut(origin)?.pop()?;
            let Idle {
                mut connection,
                since,
            } = idle;
            if since.elapsed() < self.limits.age && connection.is_alive() {
                return Some(connection);
            }
        }
    }

    /// Takes back the connection of an exchange that is over, if it can carry another one.
    pub(crate) fn recycle(&self, origin: &Origin, exchange: Exchange) {
        if let Some(connection) = exchange.finish(self.limits.per_origin > 0) {
            self.put(origin.clone(), connection);
        }
    }

    /// Keeps a connection for the next request.
    fn put(&self, origin: Origin, connection: Connection) {
        let limits = self.limits;
        let mut pool = self.lock();
        // Expired connections are removed at each access, which needs no thread.
        pool.retain(|_, idle| {
            idle.retain(|idle| idle.since.elapsed() < limits.age);
            !idle.is_empty()
        });
        let idle = pool.entry(origin).or_default();
        if idle.len() >= limits.per_origin && !idle.is_empty() {
            idle.remove(0);
        }
        if limits.per_origin > 0 {
            idle.push(Idle {
                connection,
                since: Instant::now(),
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Vec<Idle>>> {
        self.idle.lock()
    }
}
