//! What is set for all servers of an upstream.

use super::balance::Balance;
use super::health::{Check, Passive};
#[cfg(feature = "tls")]
use crate::tls::Trust;
use std::time::Duration;

/// What is set for all servers of an upstream.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) balance: Balance,
    pub(crate) passive: Passive,
    pub(crate) check: Option<Check>,
    /// For a connection to be established.
    pub(crate) connect: Duration,
    /// For the response to begin, and to go on.
    pub(crate) response: Duration,
    /// Whether clients get Server-Timing.
    pub(crate) sends_timing: bool,
    /// The time in which a server that is back gets its whole share.
    pub(crate) slow_start: Duration,
    /// Requests that may wait for a server that has as many as it may, and how long.
    pub(crate) queue: (usize, Duration),
    /// The servers have a process for each connection, and do not say how many.
    pub(crate) has_processes: bool,
    /// For a tunnel without a byte in either direction.
    pub(crate) tunnel: Duration,
    /// Which certificates of servers are accepted; `None`: those of the system's authorities.
    #[cfg(feature = "tls")]
    pub(crate) trust: Option<Trust>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            balance: Balance::default(),
            passive: Passive::default(),
            check: None,
            connect: Duration::from_secs(5),
            response: Duration::from_secs(60),
            sends_timing: false,
            slow_start: Duration::ZERO,
            queue: (1024, Duration::from_secs(30)),
            has_processes: false,
            tunnel: Duration::from_secs(3600),
            #[cfg(feature = "tls")]
            trust: None,
        }
    }
}
