//! Connections that wait for their next request (RFC 9112 §9.3).
//!
//! A server may close an idle connection at any time, and the news may still be on its way when the
//! next request is sent. So a connection is looked at before it is used; and if it turns out to be
//! closed before a single byte of the response has come, the request is made again on a new one,
//! once, provided that making it twice does no harm.

use crate::exchange::Connection;
use crate::origin::Origin;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The idle connections of a client.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<Origin, Vec<Idle>>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// How many connections are kept, and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolLimits {
    pub(crate) per_origin: usize,
    pub(crate) age: Duration,
}

impl Pool {
    /// A connection to that origin which is still open: the one used last, for it is the least
    /// likely to be closed.
    pub(crate) fn take(&self, origin: &Origin, limits: PoolLimits) -> Option<Connection> {
        loop {
            let idle = self.lock().get_mut(origin)?.pop()?;
            let Idle {
                mut connection,
                since,
            } = idle;
            if since.elapsed() < limits.age && connection.is_alive() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(crate) fn put(&self, origin: Origin, connection: Connection, limits: PoolLimits) {
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

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Origin, Vec<Idle>>> {
        // A panic elsewhere doesn't make the connections in here worse.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
