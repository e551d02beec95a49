//! Whether a server is healthy: passively, by the requests that fail, and actively, by checks.

use std::time::Duration;

/// When a server is taken out because requests fail, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passive {
    /// The number of failures that take a server out; 3 unless changed, 0 for never.
    pub failures: u32,
    /// The time within which they count, and for which the server stays out; 10 s unless changed.
    pub window: Duration,
}

impl Default for Passive {
    fn default() -> Self {
        Passive {
            failures: 3,
            window: Duration::from_secs(10),
        }
    }
}

/// Requests that are sent to each server to find out whether it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The path that is asked for. A status below 400 is good.
    pub path: String,
    /// The time between checks; 5 s unless changed.
    pub interval: Duration,
    /// The time that a check may take; 2 s unless changed.
    pub timeout: Duration,
    /// Good checks in a row that bring a server back; 2 unless changed.
    pub rise: u32,
    /// Bad checks in a row that take it out; 3 unless changed.
    pub fall: u32,
}

impl Check {
    /// Checks of this path.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Check {
            path: path.into(),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            rise: 2,
            fall: 3,
        }
    }
}

/// What is known of a server's health. Times are durations since a start that all share.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Health {
    failures: u32,
    first_failure: Duration,
    out_until: Option<Duration>,
    /// The last request cost a timeout.
    is_slow: bool,
    is_down: bool,
    /// Checks in a row that contradict `is_down`.
    contrary: u32,
    /// Since when the server is back; `None` if it was never out.
    returned: Option<Duration>,
}

impl Health {
    /// Notes that a request failed before a response came; `is_slow`: at the end of a timeout.
    /// Returns whether that takes the server out.
    pub(crate) fn failed(&mut self, now: Duration, is_slow: bool, passive: &Passive) -> bool {
        self.is_slow = is_slow;
        if now.saturating_sub(self.first_failure) > passive.window || self.failures == 0 {
            (self.failures, self.first_failure) = (0, now);
        }
        self.failures += 1;
        let is_out = passive.failures > 0 && self.failures >= passive.failures;
        if is_out {
            self.out_until = Some(now + passive.window);
            self.failures = 0;
        }
        is_out
    }

    /// Notes that a response came. Returns whether that brings the server back. Failures within the
    /// window count all the same: a server may fail with every third request.
    ///
    /// `is_last_resort`: the request was sent while the server was out. One that was sent before
    /// brings a server back only when its time is over.
    pub(crate) fn worked(&mut self, is_last_resort: bool, now: impl FnOnce() -> Duration) -> bool {
        self.is_slow = false;
        let Some(until) = self.out_until else {
            return false;
        };
        let now = now();
        if !is_last_resort && now < until {
            return false;
        }
        // It got requests again when its time was over.
        (self.out_until, self.returned) = (None, Some(until.min(now)));
        true
    }

    /// The part of its share that the server gets: after its return, it grows evenly from nothing
    /// to all of it.
    pub(crate) fn part(&self, now: Duration, slow_start: Duration) -> f64 {
        match self.out_until.or(self.returned) {
            Some(since) if now < since + slow_start => {
                now.saturating_sub(since).as_secs_f64() / slow_start.as_secs_f64()
            }
            _ => 1.0,
        }
    }

    /// Notes the result of a check. Returns whether it changed the server's state.
    pub(crate) fn checked(&mut self, is_good: bool, check: &Check, now: Duration) -> bool {
        if is_good != self.is_down {
            self.contrary = 0;
            return false;
        }
        self.contrary += 1;
        let needed = if is_good { check.rise } else { check.fall };
        if self.contrary < needed.max(1) {
            return false;
        }
        (self.is_down, self.contrary) = (!is_good, 0);
        if is_good {
            self.worked(true, || now);
            self.returned = Some(now);
        }
        true
    }

    /// Whether the server gets requests.
    pub(crate) fn is_good(&self, now: Duration) -> bool {
        !self.is_down && self.out_until.is_none_or(|until| now >= until)
    }

    /// Whether the server gets requests for which no good one is left: one that refused connections
    /// may have been restarted. A silent one would cost each request a timeout.
    pub(crate) fn is_last_resort(&self) -> bool {
        !self.is_down && !self.is_slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_within_a_window_take_a_server_out() {
        let passive = Passive::default();
        let second = Duration::from_secs;
        let mut health = Health::default();
        for at in [0, 1] {
            health.failed(second(at), false, &passive);
            assert!(health.is_good(second(at)));
        }
        health.failed(second(2), false, &passive);
        assert!(!health.is_good(second(2)) && !health.is_good(second(11)));
        assert!(health.is_last_resort());
        assert!(health.is_good(second(12)));
        // One failure after the pause is the first one again.
        health.failed(second(12), false, &passive);
        assert!(health.is_good(second(12)));
        assert!(health.worked(false, || second(12)));
        assert!(health.is_good(second(12)));
        // Failures that are far apart don't add up.
        for at in [20, 31, 42, 53] {
            health.failed(second(at), false, &passive);
            assert!(health.is_good(second(at)), "{at}");
        }
        health.failed(second(53), true, &passive);
        assert!(!health.is_last_resort());
        // A response shows that the server is not always slow, and makes up for no failure.
        health.worked(false, || second(54));
        assert!(health.is_last_resort());
        health.failed(second(54), false, &passive);
        assert!(!health.is_good(second(54)));
        // It answers a request that was sent before it was out, and then one of the last resort.
        assert!(!health.worked(false, || second(55)) && !health.is_good(second(55)));
        assert!(health.worked(true, || second(56)) && health.is_good(second(56)));
        let never = Passive {
            failures: 0,
            ..passive
        };
        let mut health = Health::default();
        for _ in 0..10 {
            health.failed(second(1), false, &never);
        }
        assert!(health.is_good(second(1)));
    }

    #[test]
    fn a_server_that_is_back_gets_its_share_little_by_little() {
        /// What happened, by second: F a failure, W a response, D and U a bad and a good check.
        /// When it is looked at, and the part in percent, with a slow start of 20 s.
        type Row<'r> = (&'r [(u64, char)], u64, u32);
        let second = Duration::from_secs;
        let passive = Passive {
            failures: 1,
            window: second(10),
        };
        let check = Check {
            rise: 1,
            fall: 1,
            ..Check::new("/")
        };
        let table: [Row<'_>; 13] = [
            (&[], 0, 100),
            (&[(5, 'W')], 5, 100),
            (&[(0, 'F')], 10, 0),
            (&[(0, 'F')], 11, 5),
            (&[(0, 'F')], 20, 50),
            (&[(0, 'F')], 30, 100),
            (&[(0, 'F'), (12, 'W')], 15, 25),
            (&[(0, 'F'), (4, 'W')], 14, 50),
            (&[(0, 'F'), (12, 'W'), (25, 'W')], 25, 75),
            (&[(0, 'F'), (12, 'W'), (20, 'F')], 35, 25),
            (&[(3, 'D'), (7, 'U')], 7, 0),
            (&[(3, 'D'), (7, 'U')], 12, 25),
            (&[(0, 'F'), (3, 'D'), (40, 'U')], 50, 50),
        ];
        for (events, now, expected) in table {
            let mut health = Health::default();
            for (at, event) in events {
                let at = second(*at);
                match event {
                    'F' => health.failed(at, false, &passive),
                    'W' => health.worked(true, || at),
                    event => health.checked(*event == 'U', &check, at),
                };
            }
            let part = health.part(second(now), second(20));
            assert_eq!((part * 100.0).round() as u32, expected, "{events:?} {now}");
            assert!(health.part(second(now), Duration::ZERO) >= 1.0);
        }
    }

    #[test]
    fn checks_in_a_row_change_the_state() {
        let check = Check::new("/");
        let mut health = Health::default();
        // Result of the check, whether the server is good afterwards.
        let table = [
            (false, true),
            (false, true),
            (true, true),
            (false, true),
            (false, true),
            (false, false),
            (true, false),
            (false, false),
            (true, false),
            (true, true),
        ];
        for (number, (is_good, expected)) in table.into_iter().enumerate() {
            health.checked(is_good, &check, Duration::ZERO);
            assert_eq!(health.is_good(Duration::ZERO), expected, "{number}");
            assert_eq!(health.is_last_resort(), expected, "{number}");
        }
    }
}
