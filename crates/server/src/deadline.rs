//! Named timeouts: how long a peer may take for what.
//!
//! Each wait has one [`Deadline`], and each deadline a name, so that the log can say which one has
//! passed. They are counted in ticks of a hundredth of a second since the server started, in an
//! atomic beside each connection, where the sweep finds those that are due without touching the
//! connection itself.
//!
//! A deadline that every byte renews is none: a byte now and then would put it off for ever. So a
//! head has one deadline whatever comes of it, and content, in either direction, has an *allowance*
//! of time ([`Timeouts::after`]). It runs down only while there is nothing to do but wait for the
//! client; each byte gives back the time that it may take at the slowest rate; and there is never
//! more of it than at first.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a client may lag before it has fallen behind: clients pause for that long when a packet
/// is lost.
const BEHIND: Duration = Duration::from_secs(2);

/// How long a client may take for each part of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a head to its blank line; 10 s unless changed. Answered with 408.
    pub head: Duration,
    /// For a request's content to go on; 30 s unless changed. Bytes put it off by what they may
    /// take at `slowest`.
    pub content: Duration,
    /// From one exchange, or the connection's start, to the first byte of the next; 75 s unless
    /// changed. Load balancers keep connections for 60 s and must not be the ones that find them
    /// closed. Responses announce it (`Keep-Alive: timeout=75`).
    pub idle: Duration,
    /// For a client to go on taking a response; 60 s unless changed. Bytes put it off by what they
    /// may take at `slowest`.
    pub write: Duration,
    /// For the client to notice that the connection ends, while its last bytes are thrown away; 0.5
    /// s unless changed.
    pub linger: Duration,
    /// Bytes a second that a client has to send or take at least, once `content` or `write` is used
    /// up; 500 unless changed, 0 for any. Only the time counts in which the server waits for the
    /// client. The kernel tells what a client has taken in steps of up to 64 KiB, so `write` should
    /// be time enough for one of them.
    pub slowest: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            head: Duration::from_secs(10),
            content: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(60),
            linger: Duration::from_millis(500),
            slowest: 500,
        }
    }
}

/// What a connection waits for, as a deadline's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The rest of a head.
    Head,
    /// More of a request's unwanted content, up to its end.
    Content,
    /// The first request.
    First,
    /// The next request.
    Idle,
    /// Room for more of a response.
    Write,
    /// The client's end.
    Linger,
    /// More of a request's content, which is collected for the handler.
    Receive,
    /// An upstream server.
    Upstream,
    /// A byte in either direction of a tunnel.
    Tunnel,
}

const ALL: [Waiting; 9] = [
    Waiting::Head,
    Waiting::Content,
    Waiting::First,
    Waiting::Idle,
    Waiting::Write,
    Waiting::Linger,
    Waiting::Receive,
    Waiting::Upstream,
    Waiting::Tunnel,
];

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Waiting::Head => "head",
            Waiting::Content | Waiting::Receive => "content",
            Waiting::First | Waiting::Idle => "idle",
            Waiting::Write => "write",
            Waiting::Linger => "linger",
            Waiting::Upstream => "upstream",
            Waiting::Tunnel => "tunnel",
        })
    }
}

impl Timeouts {
    pub(crate) fn of(&self, waiting: Waiting) -> Duration {
        match waiting {
            Waiting::Head => self.head,
            Waiting::Content | Waiting::Receive => self.content,
            Waiting::First | Waiting::Idle => self.idle,
            Waiting::Write => self.write,
            Waiting::Linger => self.linger,
            // Set for each upstream.
            Waiting::Upstream | Waiting::Tunnel => Duration::MAX,
        }
    }

    /// What responses say of the idle timeout, in whole seconds; zero for nothing.
    pub(crate) fn announced(&self) -> u16 {
        u16::try_from(self.idle.as_secs()).unwrap_or(u16::MAX)
    }

    /// What is left of an allowance after the client has moved some bytes.
    pub(crate) fn after(&self, waiting: Waiting, left: Duration, moved: u64) -> Duration {
        let full = self.of(waiting);
        if moved > 0 && self.slowest == 0 {
            return full;
        }
        let rate = u64::from(self.slowest).max(1);
        // Beyond a day it makes no difference.
        let earned = Duration::from_micros(moved.min(100_000_000_000) * 1_000_000 / rate);
        left.saturating_add(earned).min(full)
    }
}

/// How much of its time a client has used up while the server waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lag {
    /// Any part of it.
    Any,
    /// Two seconds, or half of it if that is less. Content that moves at the slowest rate uses up
    /// no time.
    Behind,
    /// Half of it.
    Half,
}

impl Timeouts {
    /// The most that is left of the time of a client that lags so far behind.
    pub(crate) fn lagging(&self, waiting: Waiting, lag: Lag) -> Duration {
        let full = self.of(waiting);
        let half = full / 2;
        // Without a slowest rate, every transfer is fast enough that moves at all.
        let is_transfer = matches!(waiting, Waiting::Receive | Waiting::Write);
        full - match lag {
            Lag::Any => Duration::ZERO,
            Lag::Behind if is_transfer && self.slowest == 0 => half,
            Lag::Behind => half.min(BEHIND),
            Lag::Half => half,
        }
    }
}

/// A point in time, in ticks. Zero is before everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Ticks(pub(crate) u64);

/// After every deadline: what fits beside the name.
pub(crate) const NEVER: Ticks = Ticks((u64::MAX >> 4) - 1);

/// A tick, in milliseconds.
const TICK: u128 = 10;

/// When something has to have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) waiting: Waiting,
    pub(crate) at: Ticks,
}

impl Deadline {
    /// Both in one number, which is never zero. Of two that wait for the same, the earlier one is
    /// smaller.
    pub(crate) fn packed(self) -> u64 {
        (self.at.0 << 4 | self.waiting as u64) + 1
    }

    pub(crate) fn unpacked(packed: u64) -> Option<Self> {
        let packed = packed.checked_sub(1)?;
        let waiting = *ALL.get((packed & 15) as usize)?;
        Some(Deadline {
            waiting,
            at: Ticks(packed >> 4),
        })
    }
}

/// The clock that deadlines are told by.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// Ticks that no time passed for, from [`Clock::advance`].
    ahead: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Clock {
            start: Instant::now(),
            ahead: AtomicU64::new(0),
        }
    }

    /// Brings all deadlines nearer, in place of a wait in a test.
    pub(crate) fn advance(&self, by: Duration) {
        let ticks = Ticks(0).after(by).0;
        self.ahead.fetch_add(ticks, Ordering::Relaxed);
    }

    /// How long it has been running. It is never set, as the time of day is.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// How long it had been running then.
    pub(crate) fn since_start(&self, then: Instant) -> Duration {
        then.saturating_duration_since(self.start)
    }

    /// The ticks until then, from one on.
    pub(crate) fn at(&self, now: Instant) -> Ticks {
        let ticks = now.duration_since(self.start).as_millis() / TICK + 1;
        let ticks = u64::try_from(ticks).unwrap_or(u64::MAX);
        Ticks(ticks.saturating_add(self.ahead.load(Ordering::Relaxed)))
    }
}

impl Ticks {
    pub(crate) fn after(self, duration: Duration) -> Ticks {
        let ticks = duration.as_micros().div_ceil(TICK * 1000);
        Ticks(
            self.0
                .saturating_add(u64::try_from(ticks).unwrap_or(u64::MAX))
                .min(NEVER.0),
        )
    }

    /// How long it is from `earlier` on; nothing if it is over.
    pub(crate) fn since(self, earlier: Ticks) -> Duration {
        let ticks = self.0.saturating_sub(earlier.0);
        Duration::from_millis(ticks.saturating_mul(TICK as u64))
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
        assert_eq!(now.after(Duration::MAX), NEVER);
        assert_eq!(Ticks(9).since(now), Duration::from_millis(40));
        assert_eq!(now.since(Ticks(9)), Duration::ZERO);
        let clock = Clock::new();
        assert!(clock.at(Instant::now()) > Ticks(0));
        // A server that has been up for years still knows now from later.
        let years = Instant::now() + Duration::from_secs(10 * 365 * 24 * 3600);
        assert!(clock.at(years) < clock.at(years).after(Duration::from_secs(1)));
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        let before = clock.at(now);
        clock.advance(hour);
        assert_eq!(clock.at(now), before.after(hour));
    }

    #[test]
    fn a_deadline_and_its_name_fit_into_one_number() {
        for waiting in ALL {
            for at in [Ticks(0), Ticks(1), Ticks(123_456), NEVER] {
                let deadline = Deadline { waiting, at };
                assert_eq!(Deadline::unpacked(deadline.packed()), Some(deadline));
            }
        }
        assert_eq!(Deadline::unpacked(0), None);
    }

    #[test]
    fn a_reader_falls_behind_after_two_seconds_or_half_of_its_time() {
        let table = [
            (60, 500, 58_000),
            (60, 0, 30_000),
            (4, 500, 2_000),
            (1, 500, 500),
            (0, 500, 0),
        ];
        for (write, slowest, left) in table {
            let timeouts = Timeouts {
                write: Duration::from_secs(write),
                slowest,
                ..Timeouts::default()
            };
            let lagging = timeouts.lagging(Waiting::Write, Lag::Behind);
            assert_eq!(lagging, Duration::from_millis(left), "{write} {slowest}");
        }
    }

    #[test]
    fn bytes_earn_time_and_never_more_than_there_was_at_first() {
        let timeouts = Timeouts {
            content: Duration::from_secs(30),
            slowest: 500,
            ..Timeouts::default()
        };
        let table = [
            (10, 0, 10),
            (10, 500, 11),
            (10, 5_000, 20),
            (10, 1_000_000, 30),
            (0, u64::MAX, 30),
            (30, 500, 30),
        ];
        for (left, moved, expected) in table {
            let left = Duration::from_secs(left);
            let after = timeouts.after(Waiting::Content, left, moved);
            assert_eq!(after, Duration::from_secs(expected), "{left:?} {moved}");
        }
        let any = Timeouts {
            slowest: 0,
            ..timeouts
        };
        let left = Duration::from_secs(1);
        assert_eq!(any.after(Waiting::Content, left, 1), timeouts.content);
        assert_eq!(any.after(Waiting::Content, left, 0), left);
    }
}
