//! The dates in `Expires`: whatever servers write, read as RFC 6265 §5.1.1 says.
//!
//! A date is a bag of tokens. The first that looks like a time is the time, the first of the others
//! that looks like a day of the month is that, then the month, then the year; weekdays, zones and
//! everything else mean nothing.

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// The seconds since 1970 that a cookie-date names, or `None` if it names no date.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let tokens = text.split(|byte| is_delimiter(*byte));
    for token in tokens.filter(|token| !token.is_empty()) {
        if let (None, Some(found)) = (time, time_of(token)) {
            time = Some(found);
        } else if let (None, Some(found)) = (day, number(token, 1, 2)) {
            day = Some(found);
        } else if let (None, Some(found)) = (month, month_of(token)) {
            month = Some(found);
        } else if year.is_none() {
            year = number(token, 2, 4);
        }
    }
    let year = match year? {
        short @ 70..=99 => short + 1900,
        short @ 0..=69 => short + 2000,
        year => year,
    };
    let ((hour, minute, second), month, day) = (time?, month?, day?);
    let is_date = year >= 1601 && (1..=days_in(year, month)).contains(&day);
    let is_time = hour <= 23 && minute <= 59 && second <= 59;
    (is_date && is_time)
        .then(|| days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

/// The number at the start of a token, if it has `least` to `most` digits and no digit follows.
fn number(token: &[u8], least: usize, most: usize) -> Option<i64> {
    let digits = token.iter().take_while(|byte| byte.is_ascii_digit());
    let (mut count, mut value) = (0, 0);
    for digit in digits {
        count += 1;
        if count > most {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    (count >= least).then_some(value)
}

/// `hour:minute:second`, and anything that begins with no digit behind that.
fn time_of(token: &[u8]) -> Option<(i64, i64, i64)> {
    let mut parts = token.splitn(3, |byte| *byte == b':');
    let mut whole = || {
        let part = parts.next()?;
        number(part, 1, 2).filter(|_| part.iter().all(u8::is_ascii_digit))
    };
    let (hour, minute) = (whole()?, whole()?);
    Some((hour, minute, number(parts.next()?, 1, 2)?))
}

/// From 1 to 12.
fn month_of(token: &[u8]) -> Option<i64> {
    let name = token.get(..3)?.to_ascii_lowercase();
    let index = MONTHS.iter().position(|month| month[..] == name)?;
    i64::try_from(index + 1).ok()
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the leap day
/// is the last day of a year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let before_the_year = year * 365 + year / 4 - year / 100 + year / 400;
    let before_the_month = (month * 153 + 2) / 5;
    before_the_year + before_the_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinyhttp_message::date::HttpDate;

    #[test]
    fn cookie_dates() {
        let table: &[(&str, Option<&str>)] = &[
            // The three forms of RFC 9110 §5.6.7.
            (
                "Sun, 06 Nov 1994 08:49:37 GMT",
                Some("06 Nov 1994 08:49:37"),
            ),
            (
                "Sunday, 06-Nov-94 08:49:37 GMT",
                Some("06 Nov 1994 08:49:37"),
            ),
            ("Sun Nov  6 08:49:37 1994", Some("06 Nov 1994 08:49:37")),
            // What servers write as well.
            ("Thu, 01-Jan-70 00:00:01 GMT", Some("01 Jan 1970 00:00:01")),
            (
                "Thu, 01-Jan-1970 00:00:01 GMT",
                Some("01 Jan 1970 00:00:01"),
            ),
            ("1 Jan 2030 0:0:0", Some("01 Jan 2030 00:00:00")),
            ("2030 Jan 1 00:00:00", Some("01 Jan 2030 00:00:00")),
            (
                "1 January 2030 00:00:00.500 +0100 (CET)",
                Some("01 Jan 2030 00:00:00"),
            ),
            ("Jan/01/2030;00:00:00", Some("01 Jan 2030 00:00:00")),
            ("00:00:00 01JAN 2030", None),
            (
                "Wed Dec 12 2007 08:44:07 GMT-0500 (EST)",
                Some("12 Dec 2007 08:44:07"),
            ),
            ("1 jan 69 00:00:00", Some("01 Jan 2069 00:00:00")),
            ("1 jan 70 00:00:00", Some("01 Jan 1970 00:00:00")),
            ("1 jan 1601 00:00:00", Some("01 Jan 1601 00:00:00")),
            ("29 Feb 2000 12:00:00", Some("29 Feb 2000 12:00:00")),
            (
                "31 Dec 9999 23:59:59 and more",
                Some("31 Dec 9999 23:59:59"),
            ),
            ("1 jan 2030 00:00:00xyz", Some("01 Jan 2030 00:00:00")),
            // No dates.
            ("", None),
            ("tomorrow", None),
            ("1 jan 1600 00:00:00", None),
            ("29 Feb 1900 00:00:00", None),
            ("0 jan 2030 00:00:00", None),
            ("32 jan 2030 00:00:00", None),
            ("1 jan 2030 24:00:00", None),
            ("1 jan 2030 00:60:00", None),
            ("1 jan 2030 00:00:60", None),
            ("1 jan 2030 00:00", None),
            ("1 jan 2030 00: 00:00", None),
            ("1 jan 2030 000:00:00", None),
            ("1 jan 20300 00:00:00", None),
            ("1 jan 3 00:00:00", None),
            ("1 jän 2030 00:00:00", None),
        ];
        for (text, want) in table {
            let got = parse(text.as_bytes()).map(|seconds| {
                let date = HttpDate::from_unix_seconds(seconds).to_string();
                date["Sun, ".len()..date.len() - " GMT".len()].to_owned()
            });
            assert_eq!(got.as_deref(), *want, "{text}");
        }
        assert_eq!(parse(b"1 jan 2030 00:00:00 \xff\xfe"), Some(1_893_456_000));
    }
}
