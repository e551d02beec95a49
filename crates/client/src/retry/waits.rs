//! How long a server asks to wait before a retry.

use http::{HeaderMap, header};
use std::time::Duration;
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::saturating_decimal;

/// How long the server asks to wait: seconds, or until a date (RFC 9110 §10.2.3). The server may
/// ask for any time, so the caller sets a limit. `None` if it does not ask, or not in this form.
///
/// ```
/// use http::HeaderMap;
/// use http::header::RETRY_AFTER;
/// use std::time::{Duration, SystemTime};
/// use tinyhttp_client::HttpDate;
/// use tinyhttp_client::retry::retry_after;
///
/// let now = HttpDate::from(SystemTime::now());
/// let mut fields = HeaderMap::new();
/// assert_eq!(retry_after(&fields, now), None);
/// fields.insert(RETRY_AFTER, "120".parse().unwrap());
/// assert_eq!(retry_after(&fields, now), Some(Duration::from_secs(120)));
/// ```
#[must_use]
pub fn retry_after(fields: &HeaderMap, now: HttpDate) -> Option<Duration> {
    let value = fields.get(header::RETRY_AFTER)?.as_bytes();
    if let Some(date) = HttpDate::parse(value, now) {
        let seconds = date.unix_seconds() - now.unix_seconds();
        return Some(Duration::from_secs(seconds.max(0) as u64));
    }
    saturating_decimal(value).map(Duration::from_secs)
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
            ("86400", Some(86_400)),
            ("9223372036854775808", Some(1 << 63)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(252_618_189_022)),
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
    }
}
