//! HTTP-dates: an accepted date has one of the three formats, to the byte, and reads the same when
//! written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyhttp_message::date::HttpDate;

fuzz_target!(|input: (i64, &[u8])| {
    let (now, text) = input;
    let now = HttpDate::from_unix_seconds(now);
    assert_eq!(HttpDate::parse(&now.write(), now), Some(now));
    let Some(date) = HttpDate::parse(text, now) else {
        return;
    };
    assert_eq!(HttpDate::parse(&date.write(), now), Some(date));

    // The formats without the name of the day, which may be wrong.
    let fixdate = String::from_utf8(date.write().to_vec()).expect("ASCII");
    let [day, month, year, time] = [5..7, 8..11, 12..16, 17..25].map(|at| &fixdate[at]);
    let text = std::str::from_utf8(text).expect("a date is ASCII");
    // A leap second is read as the second before it.
    let text = text.replace("23:59:60", "23:59:59");
    let plain_day = day.trim_start_matches('0');
    let formats = [
        format!(", {day} {month} {year} {time} GMT"),
        format!("day, {day}-{month}-{} {time} GMT", &year[2..]),
        format!(" {month} {plain_day:>2} {time} {year}"),
        format!(" {month} {day} {time} {year}"),
    ];
    assert!(
        formats.iter().any(|format| text.ends_with(format)),
        "{text:?} for {fixdate:?}"
    );
});
