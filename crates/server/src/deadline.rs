//! Named timeouts: how long a peer may take for what.
//!
//! Each wait has one [`Deadline`], and each deadline a name, so that the log can say which one has passed. They are
//! counted in ticks of a hundredth of a second since the server started, in an atomic beside each connection, where the
//! sweep finds those that are due without touching the connection itself.

use std::fmt;
use std::time::{Duration, Instant};

/// How long a client may take for each part of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a head to its blank line; 10 s unless changed. Answered with 408.
    pub head: Duration,
    /// Between two pieces of a request's content; 30 s unless changed.
    pub content: Duration,
    /// From one exchange, or the connection's start, to the first byte of the next; 60 s unless changed.
    pub idle: Duration,
    /// Between two pieces of a response that the client takes; 30 s unless changed.
    pub write: Duration,
    /// For the client to notice that the connection ends, while its last bytes are thrown away; 0.5 s unless changed.
    pub linger: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            head: Duration::from_secs(10),
            content: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            write: Duration::from_secs(30),
            linger: Duration::from_millis(500),
        }
    }
}

/// What a connection waits for, as a deadline's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The rest of a head.
    Head,
    /// More of a request's content that nobody wants, up to its end.
    Content,
    /// The first request.
    First,
    /// The next request.
    Idle,
    /// Room for more of a response.
    Write,
    /// The client's end.
    Linger,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Waiting::Head => "head",
            Waiting::Content => "content",
            Waiting::First | Waiting::Idle => "idle",
            Waiting::Write => "write",
            Waiting::Linger => "linger",
        })
    }
}

impl Timeouts {
    pub(crate) fn of(&self, waiting: Waiting) -> Duration {
        match waiting {
            Waiting::Head => self.head,
            Waiting::Content => self.content,
            Waiting::First | Waiting::Idle => self.idle,
            Waiting::Write => self.write,
            Waiting::Linger => self.linger,
        }
    }
}

/// A point in time, in ticks. Zero is before everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Ticks(pub(crate) u64);

/// A tick, in milliseconds.
const TICK: u128 = 10;

/// When something has to have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) waiting: Waiting,
    pub(crate) at: Ticks,
}

/// The clock that deadlines are told by.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Clock {
            start: Instant::now(),
        }
    }

    /// How long it has been running. It is never set, as the time of day is.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The ticks until then, from one on.
    pub(crate) fn at(&self, now: Instant) -> Ticks {
        let ticks = now.duration_since(self.start).as_millis() / TICK + 1;
        Ticks(u64::try_from(ticks).unwrap_or(u64::MAX))
    }
}

impl Ticks {
    pub(crate) fn after(self, duration: Duration) -> Ticks {
        let ticks = duration.as_micros().div_ceil(TICK * 1000);
        Ticks(
            self.0
                .saturating_add(u64::try_from(ticks).unwrap_or(u64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_never_too_early() {
        let now = Ticks(5);
        assert_eq!(now.after(Duration::from_millis(10)), Ticks(6));
        assert_eq!(now.after(Duration::from_millis(11)), Ticks(7));
        assert_eq!(now.after(Duration::MAX), Ticks(u64::MAX));
        let clock = Clock::new();
        assert!(clock.at(Instant::now()) > Ticks(0));
        // A server that has been up for years still knows now from later.
        let years = Instant::now() + Duration::from_secs(10 * 365 * 24 * 3600);
        assert!(clock.at(years) < clock.at(years).after(Duration::from_secs(1)));
    }
}
