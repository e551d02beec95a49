//! How long to wait before a retry.

use http::{HeaderMap, header};
use std::time::Duration;
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::saturating_decimal;

/// The upper bound of the backoff.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// The upper bound of the wait that a server asks for: six hours, as in curl.
const LONGEST_ASKED: Duration = Duration::from_secs(6 * 3600);

/// How long the server asks to wait: seconds, or until a date (RFC 9110 §10.2.3); at most six
/// hours.
#[must_use]
pub fn retry_after(fields: &HeaderMap, now: HttpDate) -> Option<Duration> {
    let value = fields.get(header::RETRY_AFTER)?.as_bytes();
    if let Some(date) = HttpDate::parse(value, now) {
        let seconds = date.unix_seconds() - now.unix_seconds();
        return Some(Duration::from_secs(seconds.max(0) as u64).min(LONGEST_ASKED));
    }
    let seconds = saturating_decimal(value)?;
    Some(Duration::from_secs(seconds).min(LONGEST_ASKED))
}

/// The wait before each further try: 1 s, 2 s, 4 s, … up to ten minutes.
#[must_use]
pub fn backoff(tries: u32) -> Duration {
    let seconds = 1u64.checked_shl(tries).unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits() {
        let now = HttpDate::from_unix_seconds(784_111_777);
        let table = [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("86400", Some(21_600)),
            ("9223372036854775808", Some(21_600)),
            ("99999999999999999999999999", Some(21_600)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(21_600)),
            ("Sat, 01 Jan 0000 00:00:00 GMT", Some(0)),
            ("-5", None),
            ("+5", None),
            ("", None),
            ("soon", None),
        ];
        for (value, want) in table {
            let fields = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
            let got = retry_after(&fields, now).map(|wait| wait.as_secs());
            assert_eq!(got, want, "{value}");
        }
        let waits: Vec<_> = [0, 1, 2, 5, 10, 100]
            .map(|tries| backoff(tries).as_secs())
            .into();
        assert_eq!(waits, [1, 2, 4, 32, 600, 600]);
    }
}
