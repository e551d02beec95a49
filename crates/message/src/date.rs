//! HTTP-date (RFC 9110 §5.6.7): reads three formats, writes one.
//!
//! # Theory
//!
//! HTTP counts whole seconds of UTC, which the grammar calls GMT. A sender writes IMF-fixdate,
//! which always has 29 bytes; two obsolete formats must still be read:
//!
//! ```text
//! Sun, 06 Nov 1994 08:49:37 GMT    IMF-fixdate
//! Sunday, 06-Nov-94 08:49:37 GMT   RFC 850: a two-digit year, whose century depends on the present
//! Sun Nov  6 08:49:37 1994         the asctime() of C
//! ```
//!
//! The grammar is taken literally: case, digits and single spaces are exact, every number is in
//! range, and the day exists in its month. Three cases need a decision:
//!
//! * **A two-digit year** that would put the date more than 50 years after the present belongs to
//!   the century before (§5.6.7). The present is an argument.
//! * **A wrong day of the week** is accepted as long as it is the name of one. The grammar does not
//!   tie it to the date, the rest of the value identifies the second, and refusal is expensive: an
//!   invalid `If-Unmodified-Since` must be ignored, so a client's guard against a lost update would
//!   be dropped.
//! * **23:59:60, a leap second,** is read as 23:59:59, since Unix time has no such second. The
//!   earlier neighbour is the safe one: a representation changed at midnight then counts as changed
//!   since, and is sent rather than withheld.
//!
//! # Example
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

mod calendar;
#[cfg(test)]
mod tests;

use calendar::{Day, weekday};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// Seconds in a day. Unix time has no leap seconds.
const DAY_SECONDS: i64 = 86_400;

/// A second of UTC that an HTTP-date can express: years 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpDate(i64);

impl HttpDate {
    /// The first second of the year 0000.
    pub const MIN: Self = Self(-62_167_219_200);
    /// The last second of the year 9999.
    pub const MAX: Self = Self(253_402_300_799);

    /// Returns the date `seconds` after the Unix epoch, limited to [`MIN`](Self::MIN) and
    /// [`MAX`](Self::MAX).
    #[must_use]
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
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// Reads any of the three formats; `None` for everything else, whatever its length.
    ///
    /// `now` gives the two-digit year of an RFC 850 date its century: the latest that does not put
    /// the date more than 50 years after it.
    #[must_use]
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

    /// Returns the 29 bytes of the date in IMF-fixdate, the only format to send.
    #[must_use]
    pub fn write(self) -> [u8; 29] {
        let days = self.0.div_euclid(DAY_SECONDS);
        let (day, second) = (Day::from_days(days), self.0.rem_euclid(DAY_SECONDS));
        let mut out = *b"Day, 00 Mon 0000 00:00:00 GMT";
        out[0..3].copy_from_slice(DAY_NAMES[weekday(days)]);
        out[5..7].copy_from_slice(&two_digits(day.day));
        out[8..11].copy_from_slice(MONTHS[day.month as usize - 1]);
        out[12..14].copy_from_slice(&two_digits(day.year / 100));
        out[14..16].copy_from_slice(&two_digits(day.year));
        out[17..19].copy_from_slice(&two_digits(second / 3_600));
        out[20..22].copy_from_slice(&two_digits(second / 60 % 60));
        out[23..25].copy_from_slice(&two_digits(second % 60));
        out
    }

    fn from_parts(year: i64, month: i64, day: &[u8], time: &[u8]) -> Option<Self> {
        let time = if time == b"23:59:60" {
            b"23:59:59"
        } else {
            time
        };
        let day = Day::new(year, month, number(day))?;
        let hour = Some(number(&time[0..2])).filter(|hour| *hour < 24)?;
        let minute = Some(number(&time[3..5])).filter(|minute| *minute < 60)?;
        let second = Some(number(&time[6..8])).filter(|second| *second < 60)?;
        Some(Self(
            day.days() * DAY_SECONDS + hour * 3_600 + minute * 60 + second,
        ))
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

/// A date that the platform's clock type cannot hold (on Windows, before 1601) becomes the Unix
/// epoch.
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

/// Whether `text` has the shape of `template`: `0` is a digit, `_` a digit or a space, `?` any byte
/// of a name that is looked up later, and every other byte itself.
fn fits(text: &[u8], template: &[u8]) -> bool {
    let byte_fits = |(byte, place): (&u8, &u8)| match place {
        b'0' => byte.is_ascii_digit(),
        b'_' => byte.is_ascii_digit() || *byte == b' ',
        b'?' => true,
        _ => byte == place,
    };
    text.len() == template.len() && text.iter().zip(template).all(byte_fits)
}

/// Returns the latest year up to 9999 that ends in these two digits and does not put the date more
/// than 50 years after `now`.
fn full_year(two_digits: i64, within_year: (i64, &[u8], &[u8]), now: HttpDate) -> Option<i64> {
    let now = now.write();
    let now_within_year = (month(&now[8..11])?, &now[5..7], &now[17..25]);
    let horizon = (number(&now[12..16]) + 50, now_within_year);
    let mut year = (horizon.0 / 100 + 1) * 100 + two_digits;
    while (year, within_year) > horizon || year > 9999 {
        year -= 100;
    }
    Some(year).filter(|year| *year >= 0)
}

fn day_name(name: &[u8]) -> Option<()> {
    DAY_NAMES.contains(&name).then_some(())
}

/// Returns the number of a month, from 1.
fn month(name: &[u8]) -> Option<i64> {
    (1..)
        .zip(MONTHS)
        .find(|(_, month)| *month == name)
        .map(|(number, _)| number)
}

/// Returns the value of digits; a space, which is zero in its low four bits, counts as 0.
fn number(digits: &[u8]) -> i64 {
    digits
        .iter()
        .fold(0, |number, digit| number * 10 + i64::from(digit & 0x0f))
}

/// Returns the last two digits of a number that is not negative.
fn two_digits(number: i64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}
