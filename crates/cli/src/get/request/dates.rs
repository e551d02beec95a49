//! Dates for `-z`, in the forms that people write.

use crate::failure::Failure;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::SystemTime;
use tinyhttp_client::HttpDate;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// A date as HTTP or ISO 8601 writes it, or in words, or that of a file.
pub(in crate::get) fn date(text: &OsStr) -> Result<HttpDate, Failure> {
    let now = HttpDate::from(SystemTime::now());
    HttpDate::parse(text.as_bytes(), now)
        .or_else(|| in_words(text.to_str()?, now))
        .or_else(|| {
            let modified = std::fs::metadata(text).and_then(|metadata| metadata.modified());
            modified.map(HttpDate::from).ok()
        })
        .ok_or_else(|| {
            let what = format!("-z {text:?} is neither a date nor a file");
            Failure::with_code(2, what).hint(
                "write a date as 2026-01-31, 2026-01-31T12:00:00Z or 'Sat, 31 Jan 2026 12:00:00 GMT'",
            )
        })
}

/// `2026-01-31`, `2026-01-31T12:00:00Z`, `Jan 31 2026`, `31 January 2026 12:00`: each part is known
/// by its look.
fn in_words(text: &str, now: HttpDate) -> Option<HttpDate> {
    let (mut year, mut month, mut day) = (None, None, None);
    let mut time = vec![0, 0, 0];
    let numbers = |text: &str, by: char| -> Option<Vec<u32>> {
        text.split(by).map(|number| number.parse().ok()).collect()
    };
    let separators = [' ', ',', 'T'];
    // Of the letters in a date only the T between day and time has digits on both sides.
    let is_separator = |index: usize, character: char| {
        let before = text[..index].bytes().next_back();
        separators.contains(&character)
            && (character != 'T' || before.is_some_and(|byte| byte.is_ascii_digit()))
    };
    let mut words = Vec::new();
    let mut start = 0;
    for (index, character) in text.char_indices().filter(|(i, c)| is_separator(*i, *c)) {
        words.push(&text[start..index]);
        start = index + character.len_utf8();
    }
    words.push(&text[start..]);
    for word in words.into_iter().filter(|word| !word.is_empty()) {
        let bare = word.trim_end_matches('Z');
        let short = word.get(..3).unwrap_or(word).to_ascii_lowercase();
        if let Some(index) = MONTHS.iter().position(|name| *name == short) {
            month = Some(index + 1);
        } else if let Some([y, m, d]) = numbers(bare, '-').as_deref() {
            (year, month, day) = (Some(*y), Some(*m as usize), Some(*d));
        } else if bare.contains(':') {
            time = numbers(bare, ':')?;
            time.resize(3, 0);
        } else if let Ok(number) = word.parse::<u32>() {
            match word.len() {
                4 => year = Some(number),
                _ => day = Some(number),
            }
        } else if !matches!(
            short.as_str(),
            "gmt" | "utc" | "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun"
        ) {
            return None;
        }
    }
    let name = MONTHS.get(month?.wrapping_sub(1))?;
    let name = name[..1].to_ascii_uppercase() + &name[1..];
    // The day of the week is not looked at.
    let text = format!(
        "Mon, {:02} {name} {:04} {:02}:{:02}:{:02} GMT",
        day?, year?, time[0], time[1], time[2]
    );
    HttpDate::parse(text.as_bytes(), now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let table = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("1994-11-06T08:49:37Z", Some(784_111_777)),
            ("1994-11-06 08:49:37", Some(784_111_777)),
            ("1994-11-06 08:49", Some(784_111_740)),
            ("1994-11-06", Some(784_080_000)),
            ("Nov 6 1994", Some(784_080_000)),
            ("6 November 1994", Some(784_080_000)),
            ("Sunday, 6 Nov 1994 08:49:37 UTC", Some(784_111_777)),
            ("Tue 1 Sep 2009", Some(1_251_763_200)),
            ("1994-13-06", None),
            ("1994-00-06", None),
            ("1994-11", None),
            ("Nov 1994", None),
            ("yesterday", None),
            ("", None),
        ];
        for (text, want) in table {
            let got = date(OsStr::new(text)).ok().map(HttpDate::unix_seconds);
            assert_eq!(got, want, "{text}");
        }
    }
}
