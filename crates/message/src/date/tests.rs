//! Tests of HTTP-date: tables of values, and round trips.

use super::*;
use proptest::prelude::*;

/// The date in the format of `asctime()`.
fn asctime(date: HttpDate) -> String {
    let text = date.to_string();
    let (name, rest) = text.split_once(", ").unwrap();
    let [day, month, year, time, _] = rest.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    format!(
        "{name} {month} {:>2} {time} {year}",
        day.trim_start_matches('0')
    )
}

/// The date in the format of RFC 850.
fn rfc850(date: HttpDate) -> String {
    let days = date.0.div_euclid(DAY_SECONDS);
    let name = std::str::from_utf8(LONG_DAY_NAMES[weekday(days)]).unwrap();
    let text = date.to_string();
    format!(
        "{name}, {}-{}-{} {}",
        &text[5..7],
        &text[8..11],
        &text[14..16],
        &text[17..]
    )
}

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
        // A real leap second, and one that was not.
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_799),
        ("Thursday, 01-Jan-76 23:59:60 GMT", 189_388_799),
    ];
    for (text, seconds) in table {
        assert_eq!(parse(text), Some(seconds), "{text}");
    }
}

/// Dates written by `date -u` of GNU coreutils.
#[test]
fn writes_known_values() {
    let table = [
        (-62_135_596_800, "Mon, 01 Jan 0001 00:00:00 GMT"),
        (-30_610_224_000, "Wed, 01 Jan 1000 00:00:00 GMT"),
        (-12_219_292_800, "Fri, 15 Oct 1582 00:00:00 GMT"),
        (-2_203_891_201, "Wed, 28 Feb 1900 23:59:59 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_825_599, "Tue, 29 Feb 2000 11:59:59 GMT"),
        (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ];
    for (seconds, text) in table {
        let date = HttpDate::from_unix_seconds(seconds);
        assert_eq!(date.to_string(), text);
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
        let date = HttpDate::parse(text.as_bytes(), now).unwrap();
        Day::from_days(date.0.div_euclid(DAY_SECONDS)).year
    };
    // A date, the date of today, and the year that is meant.
    let table = "
        Sunday, 15-Jun-25 15:06:40 GMT | Sun, 15 Jun 2025 15:06:40 GMT => 2025
        Sunday, 15-Jun-75 15:06:40 GMT | Sun, 15 Jun 2025 15:06:40 GMT => 2075
        Sunday, 15-Jun-75 15:06:41 GMT | Sun, 15 Jun 2025 15:06:40 GMT => 1975
        Sunday, 16-Jun-75 00:00:00 GMT | Sun, 15 Jun 2025 15:06:40 GMT => 1975
        Sunday, 01-Jan-76 00:00:00 GMT | Sun, 15 Jun 2025 15:06:40 GMT => 1976
        # Across the turn of a century, either way.
        Friday, 01-Jan-00 00:00:00 GMT | Fri, 31 Dec 1999 23:59:59 GMT => 2000
        Friday, 31-Dec-99 23:59:59 GMT | Sat, 01 Jan 2000 00:00:00 GMT => 1999
        Friday, 28-Feb-50 00:00:00 GMT | Tue, 29 Feb 2000 00:00:00 GMT => 2050
        # No date is later than the last that can be written.
        Sunday, 06-Nov-34 08:49:37 GMT | Fri, 31 Dec 9999 23:59:59 GMT => 9934
    ";
    table::check(table, |case| {
        let (text, now) = case.split_once(" | ").unwrap();
        year_of(text, now)
    });
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
    fn every_format_reads_back(seconds in HttpDate::MIN.0..=HttpDate::MAX.0) {
        let date = HttpDate::from_unix_seconds(seconds);
        prop_assert_eq!(date.unix_seconds(), seconds);
        prop_assert_eq!(HttpDate::parse(&date.write(), NOW), Some(date));
        prop_assert_eq!(HttpDate::parse(asctime(date).as_bytes(), NOW), Some(date));
        prop_assert_eq!(HttpDate::from(SystemTime::from(date)), date);
    }

    #[test]
    fn rfc850_reads_back_within_fifty_years(offset in -49 * 31_556_952_i64..=49 * 31_556_952) {
        let date = HttpDate::from_unix_seconds(NOW.0 + offset);
        prop_assert_eq!(HttpDate::parse(rfc850(date).as_bytes(), NOW), Some(date));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, now: i64) {
        let _ = HttpDate::parse(&bytes, HttpDate::from_unix_seconds(now));
    }

    #[test]
    fn no_damaged_date_panics(at in 0_usize..33, byte: u8, which in 0_usize..3, now: i64) {
        let mut text = [
            &b"Sun, 06 Nov 1994 08:49:37 GMT"[..], b"Wednesday, 29-Feb-00 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994",
        ][which].to_vec();
        let at = at % text.len();
        text[at] = byte;
        let _ = HttpDate::parse(&text, HttpDate::from_unix_seconds(now));
    }
}
