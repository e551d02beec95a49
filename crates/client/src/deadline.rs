//! Deadlines: when each step of one fetch has to be over. The error names the timeout that passed.

use crate::error::{Error, Phase};
use crate::peer::Peer;
use crate::timeouts::{Timeout, Timeouts};
use std::time::{Duration, Instant};

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

    /// Returns a clock whose total deadline is at most `limit` from now.
    pub(crate) fn tighten(mut self, limit: Duration) -> Self {
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

    /// Returns the earlier of the two.
    pub(crate) fn earlier(self, other: Deadline) -> Deadline {
        match (self.at, other.at) {
            (Some(mine), Some(theirs)) if theirs < mine => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }

    /// The time left; `None` without a limit.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.at
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// The error for a deadline that has passed.
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
