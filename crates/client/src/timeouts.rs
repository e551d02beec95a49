//! The timeouts of a fetch: one for each step, and one for all of them.

use std::fmt;
use std::time::Duration;

/// The maximum duration of each step of a fetch; `None`: no limit.
///
/// `connect` covers all addresses of a host together, and `total` everything from the first look-up
/// to the last byte of the content, redirects and retries included: no step has a deadline after
/// that of `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Finding the addresses of the host; 30 s unless changed.
    pub resolve: Option<Duration>,
    /// Reaching one of them; 30 s unless changed.
    pub connect: Option<Duration>,
    /// Agreeing on keys (TLS), or on a tunnel with a proxy; 30 s unless changed.
    pub handshake: Option<Duration>,
    /// From the request's last byte to the first one of the response; unlimited unless changed.
    pub response: Option<Duration>,
    /// No byte in either direction; 120 s unless changed.
    pub stall: Option<Duration>,
    /// Everything together; unlimited unless changed.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            resolve: Some(Duration::from_secs(30)),
            connect: Some(Duration::from_secs(30)),
            handshake: Some(Duration::from_secs(30)),
            response: None,
            stall: Some(Duration::from_secs(120)),
            total: None,
        }
    }
}

impl Timeouts {
    /// Sets the timeouts of the steps up to a connection.
    pub(crate) fn set_connect(&mut self, limit: Duration) {
        self.resolve = Some(limit);
        self.connect = Some(limit);
        self.handshake = Some(limit);
    }
}

/// The name of a timeout, which [`Error::Timeout`](crate::Error::Timeout) tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timeout {
    /// [`Timeouts::resolve`].
    Resolve,
    /// [`Timeouts::connect`].
    Connect,
    /// [`Timeouts::handshake`].
    Handshake,
    /// [`Timeouts::response`].
    Response,
    /// [`Timeouts::stall`].
    Stall,
    /// [`Timeouts::total`].
    Total,
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Timeout::Resolve => "resolve",
            Timeout::Connect => "connect",
            Timeout::Handshake => "handshake",
            Timeout::Response => "response",
            Timeout::Stall => "stall",
            Timeout::Total => "total",
        })
    }
}
