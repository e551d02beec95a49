//! How long each step may take. Every timeout has a name, and the error says which one ran out.

use crate::error::{Error, Phase};
use crate::peer::Peer;
use std::fmt;
use std::time::{Duration, Instant};

/// The longest that each step of a fetch may take; `None`: as long as it likes.
///
/// `connect` covers all addresses of a host together, and `total` everything from the first look-up
/// to the last byte of the content, redirects and repetitions included: no step starts a clock of
/// its own that could outlast it.
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

/// Which timeout it was.
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

/// The timeouts of one fetch, counted from its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    timeouts: Timeouts,
    start: Instant,
}

/// When something must have happened, and the name of the timeout that says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Option<Instant>,
    pub(crate) timeout: Timeout,
    pub(crate) limit: Duration,
}

impl Clock {
    pub(crate) fn start(timeouts: Timeouts) -> Self {
        Clock {
            timeouts,
            start: Instant::now(),
        }
    }

    /// The same, but all of it has to be over in that time from now.
    pub(crate) fn hurry(mut self, limit: Duration) -> Self {
        let total = self.start.elapsed() + limit;
        self.timeouts.total = Some(self.timeouts.total.map_or(total, |old| old.min(total)));
        self
    }

    /// The deadline of a step that begins now: its own, or the total one if that comes first.
    pub(crate) fn deadline(&self, timeout: Timeout) -> Deadline {
        let limit = match timeout {
            Timeout::Resolve => self.timeouts.resolve,
            Timeout::Connect => self.timeouts.connect,
            Timeout::Handshake => self.timeouts.handshake,
            Timeout::Response => self.timeouts.response,
            Timeout::Stall => self.timeouts.stall,
            Timeout::Total => None,
        };
        let own = Deadline::new(timeout, Instant::now(), limit);
        let total = Deadline::new(Timeout::Total, self.start, self.timeouts.total);
        own.earlier(total)
    }
}

impl Deadline {
    fn new(timeout: Timeout, from: Instant, limit: Option<Duration>) -> Self {
        Deadline {
            // A limit beyond what the clock can count is no limit.
            at: limit.and_then(|limit| from.checked_add(limit)),
            timeout,
            limit: limit.unwrap_or_default(),
        }
    }

    /// Whichever of the two comes first.
    pub(crate) fn earlier(self, other: Deadline) -> Deadline {
        match (self.at, other.at) {
            (Some(mine), Some(theirs)) if theirs < mine => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }

    /// The time left; `None`: there is no end to it.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.at
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// What to say when it has passed.
    pub(crate) fn error(&self, phase: Phase, peer: Option<Peer>) -> Error {
        Error::Timeout {
            timeout: self.timeout,
            limit: self.limit,
            phase,
            peer,
            attempts: Vec::new(),
        }
    }

    pub(crate) fn has_passed(&self) -> bool {
        self.left() == Some(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_deadline_gives_its_name() {
        let clock = |stall: u64, total: u64| {
            let seconds = |n| (n > 0).then(|| Duration::from_secs(n));
            Clock::start(Timeouts {
                stall: seconds(stall),
                total: seconds(total),
                ..Timeouts::default()
            })
            .deadline(Timeout::Stall)
        };
        let table = [
            (5, 9, Timeout::Stall, true),
            (9, 5, Timeout::Total, true),
            (0, 5, Timeout::Total, true),
            (5, 0, Timeout::Stall, true),
            (0, 0, Timeout::Stall, false),
            (u64::MAX, 0, Timeout::Stall, false),
        ];
        for (stall, total, timeout, ends) in table {
            let deadline = clock(stall, total);
            assert_eq!(
                (deadline.timeout, deadline.left().is_some()),
                (timeout, ends),
                "{stall} {total}"
            );
        }
    }
}
