//! When a certificate is renewed, and how long to wait after a failure: arithmetic without a clock.

use chrono::DateTime;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The wait after the first failure, without jitter. Each further one doubles it: Let's Encrypt
/// allows five failed validations of a name in an hour.
const FIRST: Duration = Duration::from_secs(120);

/// The longest wait after a failure, without jitter.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// The longest wait that an ACME server can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The shortest and the longest time between two looks at what the ACME server suggests (RFC 9773
/// §4.3.2), and the one after a look that failed.
const SHORTEST_LOOK: Duration = Duration::from_secs(60);
const LONGEST_LOOK: Duration = Duration::from_secs(24 * 60 * 60);
const NEXT_LOOK: Duration = Duration::from_secs(6 * 60 * 60);

/// How long to wait after this many failures in a row. `jitter`, from 0 to 1, adds up to a quarter,
/// so that servers that failed together don't come back together.
pub(super) fn back_off(failures: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    let jitter = jitter.clamp(0.0, 1.0);
    let wait = doubled.min(LONGEST).mul_f64(1.0 + jitter / 4.0);
    wait.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

/// The latest time that a kept time to try again can be: if it is later, the clock was wrong.
pub(super) fn latest(now: SystemTime) -> SystemTime {
    now + LONGEST_ASKED.max(LONGEST.mul_f64(1.25))
}

/// When a certificate is renewed without a suggestion of the ACME server: when a third of its
/// lifetime is left, and earlier by up to a thirtieth of it. `fraction`, from 0 to 1, chooses.
pub(super) fn by_lifetime(from: SystemTime, until: SystemTime, fraction: f64) -> SystemTime {
    let lifetime = until.duration_since(from).unwrap_or_default();
    let before_end = lifetime.mul_f64(1.0 / 3.0 + fraction.clamp(0.0, 1.0) / 30.0);
    until.checked_sub(before_end).unwrap_or(UNIX_EPOCH)
}

/// When the ACME server wants a certificate to be renewed (RFC 9773 §4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    start: SystemTime,
    end: SystemTime,
    /// A page that says why, if there is a reason.
    pub(super) explanation: Option<String>,
}

impl Window {
    /// Reads what the ACME server says; `None` if it makes no sense.
    pub(super) fn read(object: &Value) -> Option<Self> {
        let window = &object["suggestedWindow"];
        let time = |name| time(window[name].as_str()?);
        let (start, end) = (time("start")?, time("end")?);
        let explanation = object["explanationURL"].as_str();
        (start < end).then(|| Window {
            start,
            end,
            explanation: explanation.map(|url| url.chars().take(200).collect()),
        })
    }

    /// A time in the window. `fraction`, from 0 to 1, chooses: uniformly among all servers.
    pub(super) fn choose(&self, fraction: f64) -> SystemTime {
        let length = self.end.duration_since(self.start).unwrap_or_default();
        self.start + length.mul_f64(fraction.clamp(0.0, 1.0))
    }
}

/// When to look again at the window, from what the ACME server said, if it said anything.
pub(super) fn next_look(asked: Option<Duration>) -> Duration {
    asked.map_or(NEXT_LOOK, |asked| asked.clamp(SHORTEST_LOOK, LONGEST_LOOK))
}

/// A number from 0 to 1 that the bytes of a certificate determine: the same after each restart, and
/// another one for each certificate.
pub(super) fn fraction(digest: &[u8]) -> f64 {
    let first = digest.iter().take(4);
    let number = first.fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    f64::from(number) / f64::from(u32::MAX)
}

/// A time in the notation of RFC 3339.
fn time(text: &str) -> Option<SystemTime> {
    let seconds = DateTime::parse_from_rfc3339(text).ok()?.timestamp();
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn at(offset: u64) -> SystemTime {
        UNIX_EPOCH + seconds(offset)
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        let hours = |hours: u64| seconds(hours * 3600);
        let table = [
            (0, None, 0.0, seconds(120)),
            (1, None, 0.0, seconds(120)),
            (1, None, 1.0, seconds(150)),
            (2, None, 0.0, seconds(240)),
            (2, None, 0.5, seconds(270)),
            (5, None, 0.0, seconds(1920)),
            (8, None, 0.0, seconds(15_360)),
            (9, None, 0.0, hours(6)),
            (1000, None, 0.0, hours(6)),
            (u32::MAX, None, 1.0, seconds(27_000)),
            (1, Some(seconds(1)), 0.0, seconds(120)),
            (1, Some(hours(3)), 0.0, hours(3)),
            (9, Some(hours(1)), 0.0, hours(6)),
            (1, Some(hours(100_000)), 0.0, hours(7 * 24)),
        ];
        for (failures, asked, jitter, expected) in table {
            assert_eq!(
                back_off(failures, asked, jitter),
                expected,
                "{failures} {asked:?}"
            );
        }
        // Of one name, at most five validations fail within an hour.
        let mut time = Duration::ZERO;
        let tries = (1..).take_while(|failures| {
            time += back_off(*failures, None, 0.0);
            time < hours(1)
        });
        assert_eq!(1 + tries.count(), 5);
        assert!(latest(at(0)) >= at(0) + back_off(1, Some(hours(100_000)), 1.0));
    }

    #[test]
    fn renewals_begin_when_a_third_is_left() {
        let day = 24 * 60 * 60;
        let table = [
            (90 * day, 0.0, 60 * day),
            (90 * day, 1.0, 57 * day),
            (90 * day, 0.5, 60 * day - 3 * day / 2),
            (6 * day, 0.0, 4 * day),
            (30, 0.0, 20),
            (0, 0.5, 0),
        ];
        for (lifetime, fraction, expected) in table {
            let (from, until) = (at(1_000_000), at(1_000_000 + lifetime));
            let due = by_lifetime(from, until, fraction)
                .duration_since(from)
                .unwrap();
            let error = due.as_secs_f64() - expected as f64;
            assert!(error.abs() < 1.0, "{lifetime} {fraction}: {due:?}");
        }
        // A certificate that ends before it begins is due.
        assert_eq!(by_lifetime(at(10), at(5), 0.0), at(5));
    }

    /// RFC 9773 §4.2.
    #[test]
    fn the_window_of_the_rfc() {
        let object = json!({
            "suggestedWindow": {
                "start": "2025-01-02T04:00:00Z",
                "end": "2025-01-03T04:00:00Z",
            },
            "explanationURL": "https://acme.example.com/docs/ari",
        });
        let window = Window::read(&object).unwrap();
        let start = at(1_735_790_400);
        assert_eq!(window.choose(0.0), start);
        assert_eq!(window.choose(0.5), start + seconds(12 * 3600));
        assert_eq!(window.choose(1.0), start + seconds(24 * 3600));
        assert!(window.explanation.is_some());
        let wrong = [
            json!({}),
            json!({"suggestedWindow": {"start": "2025-01-02T04:00:00Z"}}),
            json!({"suggestedWindow": {"start": "tomorrow", "end": "2025-01-03T04:00:00Z"}}),
            json!({"suggestedWindow": {
                "start": "2025-01-03T04:00:00Z", "end": "2025-01-03T04:00:00Z",
            }}),
            json!({"suggestedWindow": {
                "start": "2025-01-03T04:00:00Z", "end": "2025-01-02T04:00:00Z",
            }}),
        ];
        for object in wrong {
            assert_eq!(Window::read(&object), None, "{object}");
        }
    }

    #[test]
    fn looks_are_neither_too_often_nor_too_rare() {
        let table = [
            (None, 21_600),
            (Some(0), 60),
            (Some(3600), 3600),
            (Some(1_000_000), 86_400),
        ];
        for (asked, expected) in table {
            assert_eq!(
                next_look(asked.map(seconds)),
                seconds(expected),
                "{asked:?}"
            );
        }
    }

    #[test]
    fn fractions_are_from_nought_to_one() {
        assert!((fraction(&[0; 32]) - 0.0).abs() < f64::EPSILON);
        assert!((fraction(&[255; 32]) - 1.0).abs() < f64::EPSILON);
        assert!((fraction(&[128, 0, 0, 0]) - 0.5).abs() < 0.001);
        assert!((fraction(&[]) - 0.0).abs() < f64::EPSILON);
    }
}
