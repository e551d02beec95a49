//! Numbers, sizes, dates, JSON strings and readable names, appended to a string. Listings need
//! thousands of them, so none uses the formatting machinery.

use chrono::{DateTime, Datelike, Timelike, Utc};
use std::borrow::Cow;

/// A name with control characters and bidirectional controls made visible, which could hide a part
/// of it or make `gpj.exe` look like `exe.jpg`. Control characters become their pictures (`␊`), the
/// others the replacement character.
pub(super) fn readable(name: Cow<'_, str>) -> Cow<'_, str> {
    let picture = |character: char| match character {
        '\0'..' ' => char::from_u32(0x2400 + u32::from(character)),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    };
    if name.chars().all(|character| picture(character).is_none()) {
        return name;
    }
    let shown = name
        .chars()
        .map(|character| picture(character).unwrap_or(character));
    Cow::Owned(shown.collect())
}

/// Appends a decimal number.
pub(super) fn push_number(number: u64, out: &mut String) {
    push_padded(number, 1, out);
}

/// Appends a size in powers of 1000 with at least two digits: `0 B`, `999 B`, `1.0 kB`, `10 kB`,
/// `1.2 MB`.
pub(super) fn push_size(bytes: u64, out: &mut String) {
    const UNITS: [&str; 7] = [" B", " kB", " MB", " GB", " TB", " PB", " EB"];
    let (mut unit, mut scale) = (0, 1_u128);
    // The next unit begins where rounding would yield 1000 of this one.
    while u128::from(bytes) * 2 >= scale * 1999 {
        (unit, scale) = (unit + 1, scale * 1000);
    }
    let tenths = ((u128::from(bytes) * 20 / scale).div_ceil(2)) as u64;
    if unit == 0 || tenths >= 100 {
        push_number((u128::from(bytes) * 2 / scale).div_ceil(2) as u64, out);
    } else {
        push_number(tenths / 10, out);
        out.push('.');
        push_number(tenths % 10, out);
    }
    out.push_str(UNITS[unit]);
}

/// Appends a date and time in UTC (RFC 3339) from seconds since 1970: `2025-11-20T20:10:43Z`. Years
/// before 0 and after 9999 have a sign and six digits, as in ISO 8601 and in browsers:
/// `+012345-01-01T00:00:00Z`.
pub(super) fn push_date(seconds: i64, out: &mut String) {
    let bounds = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    let seconds = seconds.clamp(bounds.0.timestamp(), bounds.1.timestamp());
    let date = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let year = date.year();
    let width = if (0..=9999).contains(&year) {
        4
    } else {
        out.push(if year < 0 { '-' } else { '+' });
        6
    };
    push_padded(u64::from(year.unsigned_abs()), width, out);
    for (separator, number) in [
        ('-', date.month()),
        ('-', date.day()),
        ('T', date.hour()),
        (':', date.minute()),
        (':', date.second()),
    ] {
        out.push(separator);
        push_padded(u64::from(number), 2, out);
    }
    out.push('Z');
}

/// Appends a JSON string with its quotes (RFC 8259 §7).
pub(super) fn push_json(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if control < ' ' || control == '\u{7f}' => {
                out.push_str("\\u00");
                for shift in [4, 0] {
                    let digit = (control as u32 >> shift) & 15;
                    out.push(char::from_digit(digit, 16).unwrap_or('0'));
                }
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

fn push_padded(mut number: u64, width: usize, out: &mut String) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while number > 0 || digits.len() - at < width {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    // Digits are UTF-8.
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed<T>(push: fn(T, &mut String), value: T) -> String {
        let mut out = String::new();
        push(value, &mut out);
        out
    }

    #[test]
    fn sizes() {
        let table = [
            (0, "0 B"),
            (1, "1 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1049, "1.0 kB"),
            (1050, "1.1 kB"),
            (9_949, "9.9 kB"),
            (9_950, "10 kB"),
            (10_499, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (1_234_567, "1.2 MB"),
            (5_000_000_000, "5.0 GB"),
            (u64::MAX, "18 EB"),
        ];
        for (bytes, want) in table {
            assert_eq!(pushed(push_size, bytes), want, "{bytes}");
        }
    }

    #[test]
    fn dates() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (1_763_669_443, "2025-11-20T20:10:43Z"),
            (-5, "1969-12-31T23:59:55Z"),
            (-2_208_988_800, "1900-01-01T00:00:00Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
            (-62_167_219_201, "-000001-12-31T23:59:59Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "+010000-01-01T00:00:00Z"),
            (i64::MAX, "+262142-12-31T23:59:59Z"),
            (i64::MIN, "-262143-01-01T00:00:00Z"),
        ];
        for (seconds, want) in table {
            assert_eq!(pushed(push_date, seconds), want);
        }
    }

    #[test]
    fn readable_names() {
        let table = r"
            plain ü \u{1f600} אבג.txt => plain ü \u{1f600} אבג.txt
            a\nb\u{1b}[31m\u{7f} => a␊b␛[31m␡
            \u{202e}gpj.exe\u{2066}\u{9b} => \u{fffd}gpj.exe\u{fffd}\u{fffd}
        ";
        for (name, want) in table::cases(table) {
            let (name, want) = (table::unescaped(name), table::unescaped(want));
            assert_eq!(readable(name.into()), want);
        }
    }

    #[test]
    fn json_strings() {
        let table = r#"
            a b => "a b"
            "\\\n\t\u{1}\u{7f}</ü => "\"\\\n\u0009\u0001\u007f</ü"
        "#;
        table::check(table, |text| pushed(push_json, &*table::unescaped(text)));
        assert_eq!(pushed(push_number, u64::MAX), u64::MAX.to_string());
        assert_eq!(pushed(push_number, 0), "0");
    }
}
