//! HTTP-date (RFC 9110 §5.6.7): three formats are read, one is written.
//!
//! HTTP counts whole seconds of UTC, which the grammar calls GMT. A sender writes IMF-fixdate, whose 29 bytes never vary in
//! place; two older formats are still to be understood:
//!
//! ```text
//! Sun, 06 Nov 1994 08:49:37 GMT    IMF-fixdate
//! Sunday, 06-Nov-94 08:49:37 GMT   RFC 850: the year has two digits, so its century is judged from the present
//! Sun Nov  6 08:49:37 1994         the asctime() of C
//! ```
//!
//! The grammar is taken at its word: case, digits and single spaces are exact, every number is in range, and the day exists in
//! its month. Two things it leaves open:
//!
//! * **A wrong day of the week is accepted** as long as it is a name of one. The grammar doesn't tie it to the date, the rest
//!   of the value says which second is meant, and the price of refusal is high: an invalid `If-Unmodified-Since` must be
//!   ignored, so that a client's guard against a lost update would be dropped over a slip that makes no difference.
//! * **23:59:60, a leap second, is read as 23:59:59**, since Unix time has no such second. The earlier neighbour is the safe
//!   one: a representation changed at midnight then counts as changed since, and is sent rather than withheld.
//!
//! ```
//! use tinyhttp_message::date::HttpDate;
//!
//! let now = HttpDate::from_unix_seconds(1_750_000_000);
//! let date = HttpDate::parse(b"Sunday, 06-Nov-94 08:49:37 GMT", now).unwrap();
//! assert_eq!(date.unix_seconds(), 784_111_777);
//! assert_eq!(&date.write(), b"Sun, 06 Nov 1994 08:49:37 GMT");
//! assert!(date < now);
//! ```

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

const DAY_NAMES: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const LONG_DAY_NAMES: [&[u8]; 7] = [
    b"Monday",
    b"Tuesday",
    b"Wednesday",
    b"Thursday",
    b"Friday",
    b"Saturday",
    b"Sunday",
];
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A second of UTC that an HTTP-date can express: years 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpDate(i64);

impl HttpDate {
    /// The first second of the year 0000.
    pub const MIN: Self = Self(-62_167_219_200);
    /// The last second of the year 9999.
    pub const MAX: Self = Self(253_402_300_799);

    /// The date so many seconds after the Unix epoch; beyond [`MIN`](Self::MIN) and [`MAX`](Self::MAX), the nearer of these.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        if seconds < Self::MIN.0 {
            Self::MIN
        } else if seconds > Self::MAX.0 {
            Self::MAX
        } else {
            Self(seconds)
        }
    }

    /// Seconds since the Unix epoch; negative before 1970.
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// Reads any of the three formats; `None` for everything else, whatever its length.
    ///
    /// `now` gives the two-digit year of an RFC 850 date its century: the latest that doesn't put the date more than
    /// 50 years into the future.
    pub fn parse(value: &[u8], now: Self) -> Option<Self> {
        if fits(value, b"???, 00 ??? 0000 00:00:00 GMT") {
            day_name(&value[0..3])?;
            let month = month(&value[8..11])?;
            Self::from_parts(number(&value[12..16]), month, &value[5..7], &value[17..25])
        } else if fits(value, b"??? ??? _0 00:00:00 0000") {
            day_name(&value[0..3])?;
            let month = month(&value[4..7])?;
            Self::from_parts(number(&value[20..24]), month, &value[8..10], &value[11..19])
        } else {
            let date = LONG_DAY_NAMES
                .iter()
                .find_map(|name| value.strip_prefix(*name))?;
            if !fits(date, b", 00-???-00 00:00:00 GMT") {
                return None;
            }
            let (month, day, time) = (month(&date[5..8])?, &date[2..4], &date[12..20]);
            let year = full_year(number(&date[9..11]), (month, day, time), now)?;
            Self::from_parts(year, month, day, time)
        }
    }

    /// The 29 bytes of IMF-fixdate, the only format to send.
    pub fn write(self) -> [u8; 29] {
        let utc = self.utc();
        let (year, month) = (utc.year().unsigned_abs(), utc.month0() as usize);
        let mut out = *b"Day, 00 Mon 0000 00:00:00 GMT";
        out[0..3].copy_from_slice(DAY_NAMES[utc.weekday().num_days_from_monday() as usize]);
        out[5..7].copy_from_slice(&two_digits(utc.day()));
        out[8..11].copy_from_slice(MONTHS[month]);
        out[12..14].copy_from_slice(&two_digits(year / 100));
        out[14..16].copy_from_slice(&two_digits(year % 100));
        out[17..19].copy_from_slice(&two_digits(utc.hour()));
        out[20..22].copy_from_slice(&two_digits(utc.minute()));
        out[23..25].copy_from_slice(&two_digits(utc.second()));
        out
    }

    fn from_parts(year: u32, month: u32, day: &[u8], time: &[u8]) -> Option<Self> {
        let time = if time == b"23:59:60" {
            b"23:59:59"
        } else {
            time
        };
        let date = NaiveDate::from_ymd_opt(year as i32, month, number(day))?;
        let utc = date.and_hms_opt(
            number(&time[0..2]),
            number(&time[3..5]),
            number(&time[6..8]),
        )?;
        Some(Self(utc.and_utc().timestamp()))
    }

    fn utc(self) -> DateTime<Utc> {
        // MIN and MAX lie far inside chrono's 262,000 years either way.
        DateTime::from_timestamp(self.0, 0).expect("years 0000 to 9999 are within chrono's range")
    }
}

/// Writes IMF-fixdate.
impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All 29 bytes are printable ASCII, which passes through unescaped.
        self.write().escape_ascii().fmt(f)
    }
}

/// Rounds down to the second, so that a file's date is never later than the file.
impl From<SystemTime> for HttpDate {
    fn from(time: SystemTime) -> Self {
        let seconds = |distance: Duration| i64::try_from(distance.as_secs()).unwrap_or(i64::MAX);
        Self::from_unix_seconds(match time.duration_since(UNIX_EPOCH) {
            Ok(since) => seconds(since),
            Err(before) if before.duration().subsec_nanos() == 0 => -seconds(before.duration()),
            Err(before) => -seconds(before.duration()) - 1,
        })
    }
}

/// A date that the platform's clock type cannot hold (on Windows, before 1601) becomes the Unix epoch.
impl From<HttpDate> for SystemTime {
    fn from(date: HttpDate) -> Self {
        let distance = Duration::from_secs(date.0.unsigned_abs());
        let time = if date.0 < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        time.unwrap_or(UNIX_EPOCH)
    }
}

/// Whether `text` has the shape of `template`: `0` a digit, `_` a digit or a space, `?` anything (a name, looked up later), and
/// every other byte itself.
fn fits(text: &[u8], template: &[u8]) -> bool {
    let byte_fits = |(byte, place): (&u8, &u8)| match place {
        b'0' => byte.is_ascii_digit(),
        b'_' => byte.is_ascii_digit() || *byte == b' ',
        b'?' => true,
        _ => byte == place,
    };
    text.len() == template.len() && text.iter().zip(template).all(byte_fits)
}

/// The latest year up to 9999 that ends in these two digits and doesn't put the date more than 50 years after `now`.
fn full_year(two_digits: u32, within_year: (u32, &[u8], &[u8]), now: HttpDate) -> Option<u32> {
    let now = now.write();
    let now_within_year = (month(&now[8..11])?, &now[5..7], &now[17..25]);
    let horizon = (number(&now[12..16]) + 50, now_within_year);
    let mut year = (horizon.0 / 100 + 1) * 100 + two_digits;
    while (year, within_year) > horizon || year > 9999 {
        year = year.checked_sub(100)?;
    }
    Some(year)
}

fn day_name(name: &[u8]) -> Option<()> {
    DAY_NAMES.contains(&name).then_some(())
}

fn month(name: &[u8]) -> Option<u32> {
    (1..)
        .zip(MONTHS)
        .find(|(_, month)| *month == name)
        .map(|(number, _)| number)
}

/// The value of digits; a space, which is a zero in its low four bits, counts as 0.
fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .fold(0, |number, digit| number * 10 + u32::from(digit & 0x0f))
}

fn two_digits(number: u32) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // 2025-06-15 15:06:40 UTC
    const NOW: HttpDate = HttpDate(1_750_000_000);

    fn parse(text: &str) -> Option<i64> {
        HttpDate::parse(text.as_bytes(), NOW).map(HttpDate::unix_seconds)
    }

    #[test]
    fn accepts() {
        let table = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Wed Nov 16 08:49:37 1994", 784_975_777),
            ("Wed Nov 06 08:49:37 1994", 784_111_777),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
            ("Tuesday, 29-Feb-00 00:00:00 GMT", 951_782_400),
            ("Sat, 01 Jan 0000 00:00:00 GMT", HttpDate::MIN.0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", HttpDate::MAX.0),
            // The wrong day of the week.
            ("Mon, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            // A real leap second, and one that never was.
            ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_799),
            ("Thursday, 01-Jan-76 23:59:60 GMT", 189_388_799),
        ];
        for (text, seconds) in table {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn refuses() {
        let table = [
            "",
            "0",
            "784111777",
            "1994-11-06T08:49:37Z",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 gmt",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "sun, 06 Nov 1994 08:49:37 GMT",
            "Son, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun,  6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:3７ GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            " Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Thu, 29 Feb 1900 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:60 GMT",
            "Sun, 06 Nov 1994 23:59:61 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "Sun Nov  0 08:49:37 1994",
            "Sun Nov  6 08:49:37 1994 GMT",
        ];
        for text in table {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_two_digit_year_is_at_most_fifty_years_ahead() {
        let year_of = |text: &str, now: &str| {
            let now = HttpDate::parse(now.as_bytes(), NOW).unwrap();
            HttpDate::parse(text.as_bytes(), now).unwrap().utc().year()
        };
        let table = [
            (
                "Sunday, 15-Jun-25 15:06:40 GMT",
                "Sun, 15 Jun 2025 15:06:40 GMT",
                2025,
            ),
            (
                "Sunday, 15-Jun-75 15:06:40 GMT",
                "Sun, 15 Jun 2025 15:06:40 GMT",
                2075,
            ),
            (
                "Sunday, 15-Jun-75 15:06:41 GMT",
                "Sun, 15 Jun 2025 15:06:40 GMT",
                1975,
            ),
            (
                "Sunday, 16-Jun-75 00:00:00 GMT",
                "Sun, 15 Jun 2025 15:06:40 GMT",
                1975,
            ),
            (
                "Sunday, 01-Jan-76 00:00:00 GMT",
                "Sun, 15 Jun 2025 15:06:40 GMT",
                1976,
            ),
            // Across the turn of a century, either way.
            (
                "Friday, 01-Jan-00 00:00:00 GMT",
                "Fri, 31 Dec 1999 23:59:59 GMT",
                2000,
            ),
            (
                "Friday, 31-Dec-99 23:59:59 GMT",
                "Sat, 01 Jan 2000 00:00:00 GMT",
                1999,
            ),
            (
                "Friday, 28-Feb-50 00:00:00 GMT",
                "Tue, 29 Feb 2000 00:00:00 GMT",
                2050,
            ),
            // No date is later than the last that can be written.
            (
                "Sunday, 06-Nov-34 08:49:37 GMT",
                "Fri, 31 Dec 9999 23:59:59 GMT",
                9934,
            ),
        ];
        for (text, now, year) in table {
            assert_eq!(year_of(text, now), year, "{text} at {now}");
        }
    }

    #[test]
    fn system_time_rounds_down_and_saturates() {
        let half = Duration::from_millis(500);
        assert_eq!(HttpDate::from(UNIX_EPOCH + half), HttpDate(0));
        assert_eq!(HttpDate::from(UNIX_EPOCH - half), HttpDate(-1));
        assert_eq!(
            HttpDate::from(UNIX_EPOCH - Duration::from_secs(1)),
            HttpDate(-1)
        );
        assert_eq!(
            HttpDate::from(UNIX_EPOCH + Duration::from_secs(1 << 40)),
            HttpDate::MAX
        );
        assert_eq!(HttpDate::from_unix_seconds(i64::MIN), HttpDate::MIN);
        assert_eq!(HttpDate::MIN.to_string(), "Sat, 01 Jan 0000 00:00:00 GMT");
        assert_eq!(HttpDate::MAX.to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    proptest! {
        #[test]
        fn writes_what_chrono_writes_and_reads_it_back(seconds in HttpDate::MIN.0..=HttpDate::MAX.0) {
            let date = HttpDate::from_unix_seconds(seconds);
            let utc = date.utc();
            prop_assert_eq!(date.to_string(), utc.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
            prop_assert_eq!(HttpDate::parse(&date.write(), NOW), Some(date));
            let asctime = utc.format("%a %b %e %H:%M:%S %Y").to_string();
            prop_assert_eq!(HttpDate::parse(asctime.as_bytes(), NOW), Some(date));
            prop_assert_eq!(HttpDate::from(SystemTime::from(date)), date);
        }

        #[test]
        fn rfc850_round_trips_within_the_window(offset in -49 * 31_556_952_i64..=49 * 31_556_952) {
            let date = HttpDate::from_unix_seconds(NOW.0 + offset);
            let text = date.utc().format("%A, %d-%b-%y %H:%M:%S GMT").to_string();
            prop_assert_eq!(HttpDate::parse(text.as_bytes(), NOW), Some(date));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, now: i64) {
            HttpDate::parse(&bytes, HttpDate::from_unix_seconds(now));
        }

        #[test]
        fn no_damaged_date_panics(at in 0_usize..33, byte: u8, which in 0_usize..3, now: i64) {
            let mut text = [
                &b"Sun, 06 Nov 1994 08:49:37 GMT"[..], b"Wednesday, 29-Feb-00 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994",
            ][which].to_vec();
            let at = at % text.len();
            text[at] = byte;
            HttpDate::parse(&text, HttpDate::from_unix_seconds(now));
        }
    }
}
