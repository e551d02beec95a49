//! Tests of ranges: the RFC's examples, edges, floods, and a model that marks single bytes.

use super::*;
use proptest::prelude::*;

/// A resolution in one line: `whole`, `416`, or the parts as `first-last`.
fn show(resolved: &Resolved) -> String {
    let show = |range: &ByteRange| format!("{}-{}", range.first, range.last);
    match resolved {
        Resolved::Whole => "whole".into(),
        Resolved::Unsatisfiable => "416".into(),
        Resolved::Partial(Parts::One(range)) => show(range),
        Resolved::Partial(Parts::Many(ranges)) => {
            ranges.iter().map(show).collect::<Vec<_>>().join(" ")
        }
    }
}

/// Each row: field value `=>` what it resolves to.
fn check(table: &str, length: u64) {
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (value, expected) = row.split_once("=>").unwrap();
        let resolved = resolve(value.trim_end().as_bytes(), length);
        assert_eq!(
            show(&resolved),
            expected.trim_start(),
            "{value} of {length}"
        );
    }
}

#[test]
fn the_examples_of_14_1_2() {
    check(
        "bytes=0-499 => 0-499
         bytes=500-999 => 500-999
         bytes=-500 => 9500-9999
         bytes=9500- => 9500-9999
         bytes=0-0,-1 => 0-0 9999-9999
         bytes= 0-999, 4500-5499, -1000 => 0-999 4500-5499 9000-9999
         bytes=500-600,601-999 => 500-999
         bytes=500-700,601-999 => 500-999",
        10_000,
    );
}

#[test]
fn single_ranges() {
    check(
        "bytes=0-0 => 0-0
         bytes=0- => 0-9999
         bytes=9999- => 9999-9999
         bytes=9999-9999 => 9999-9999
         bytes=9000-20000 => 9000-9999
         bytes=10000- => 416
         bytes=10000-10001 => 416
         bytes=-1 => 9999-9999
         bytes=-10000 => 0-9999
         bytes=-20000 => 0-9999
         bytes=-0 => 416
         BYTES=1-2 => 1-2
         bytes=007-08 => 7-8
         bytes=, 1-2 ,, => 1-2
         bytes=9000-99999999999999999999999999 => 9000-9999
         bytes=-99999999999999999999999999 => 0-9999
         bytes=99999999999999999999999999- => 416
         bytes=18446744073709551615-18446744073709551615 => 416
         bytes=18446744073709551616- => 416
         bytes=9223372036854775808- => 416",
        10_000,
    );
}

#[test]
fn ignored() {
    check(
        " => whole
         b => whole
         bytes => whole
         bytes= => whole
         bytes=, , => whole
         bytes=- => whole
         bytes=-- => whole
         bytes=5 => whole
         bytes=5-4 => whole
         bytes=a-5 => whole
         bytes=5-a => whole
         bytes=+1-5 => whole
         bytes=1-+5 => whole
         bytes=--5 => whole
         bytes=1-2-3 => whole
         bytes=1 -2 => whole
         bytes=1- 2 => whole
         bytes=0x0-5 => whole
         bytes=1-2;3-4 => whole
         bytes =1-2 => whole
         bytes:1-2 => whole
         lines=1-2 => whole
         bytes=1-2,x => whole
         bytes=99999-,5-4 => whole",
        10_000,
    );
}

#[test]
fn several_ranges() {
    check(
        "bytes=0-9,200-209 => 0-9 200-209
         bytes=200-209,0-9 => 200-209 0-9
         bytes=0-9,99999- => 0-9
         bytes=99999-,0-9 => 0-9
         bytes=99999-,-0 => 416
         bytes=0-9,89-99 => 0-99
         bytes=0-9,90-99 => 0-9 90-99
         bytes=89-99,0-9 => 0-99
         bytes=0-,0-,0- => 0-9999
         bytes=5-5,1000-1999,1500-1600,6-6 => 5-6 1000-1999
         bytes=5000-5009,8000-8009,1000-1009,8005-8020,1000- => 1000-9999
         bytes=8000-8009,1000-1009,7999-7999,5000-5001 => 7999-8009 1000-1009 5000-5001",
        10_000,
    );
}

#[test]
fn empty_and_enormous_representations() {
    check(
        "bytes=0- => whole\n bytes=0-0 => whole\n bytes=1- => 416\n bytes=-0 => 416\n bytes=-1 => whole\n bytes=0-,-1 => whole",
        0,
    );
    check("bytes=0- => 0-0\n bytes=-5 => 0-0\n bytes=1- => 416", 1);
    check(
        "bytes=0- => 0-18446744073709551614
         bytes=-1 => 18446744073709551614-18446744073709551614
         bytes=18446744073709551615- => 416
         bytes=9223372036854775808-9223372036854775809 => 9223372036854775808-9223372036854775809
         bytes=0-0,4294967296-4294967297 => 0-0 4294967296-4294967297
         bytes=18446744073709551614-,0-0 => 18446744073709551614-18446744073709551614 0-0",
        u64::MAX,
    );
}

#[test]
fn floods_are_ignored() {
    let set = |count: usize, step: usize| {
        let specs: Vec<_> = (0..count)
            .map(|index| format!("{0}-{0}", index * step))
            .collect();
        resolve(format!("bytes={}", specs.join(",")).as_bytes(), 1 << 30)
    };
    assert!(
        matches!(set(MAX_PARTS, 1000), Resolved::Partial(Parts::Many(parts)) if parts.len() == MAX_PARTS)
    );
    assert_eq!(set(MAX_PARTS + 1, 1000), Resolved::Whole);
    assert_eq!(show(&set(MAX_RANGES, 1)), "0-255");
    assert_eq!(set(MAX_RANGES + 1, 1), Resolved::Whole);
    // A quadratic reading of a megabyte would take minutes.
    for pattern in [",", "0-,", "1", "-", " "] {
        let flood = format!("bytes={}", pattern.repeat((1 << 20) / pattern.len()));
        assert_eq!(
            resolve(flood.as_bytes(), 10_000),
            Resolved::Whole,
            "{pattern}"
        );
    }
}

#[test]
fn content_range_is_read_strictly() {
    // §14.4 and §15.5.17
    let valid =
        "bytes 42-1233/1234|bytes 42-1233/*|bytes */1234|bytes 0-0/1|bytes */0|bytes 734-1233/1234";
    for text in valid.split('|') {
        assert_eq!(
            ContentRange::parse(text.as_bytes()).unwrap().to_string(),
            text
        );
    }
    let invalid = "|bytes|bytes |bytes */*|bytes 0-9|bytes 0-9/|bytes 0-9/9|bytes 9-0/10|bytes -9/10|bytes 0-/10\
        |bytes +0-9/10|bytes 0-9/10 |bytes  0-9/10|bytes=0-9/10|lines 0-9/10|bytes 0 - 9/10|bytes 0-9/10/10\
        |bytes 0-18446744073709551615/*|bytes */18446744073709551616|bytes 0-1/99999999999999999999999";
    for text in invalid.split('|') {
        assert_eq!(ContentRange::parse(text.as_bytes()), None, "{text}");
    }
}

/// The runs of marked bytes in order of position.
fn runs(marked: &[bool]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for at in (0..marked.len()).filter(|at| marked[*at]) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == at as u64 => *last += 1,
            _ => runs.push((at as u64, at as u64)),
        }
    }
    runs
}

/// The meaning of a set, found by marking single bytes.
fn model(specs: &[(Option<u64>, Option<u64>)], length: usize) -> String {
    let wants = |(first, last): (Option<u64>, Option<u64>), at: usize| match (first, last) {
        (Some(first), last) => (first..=last.unwrap_or(u64::MAX)).contains(&(at as u64)),
        (None, suffix) => (length - at) as u64 <= suffix.unwrap_or(0),
    };
    let mut marked: Vec<bool> = (0..length)
        .map(|at| specs.iter().any(|spec| wants(*spec, at)))
        .collect();
    for pair in runs(&marked).windows(2) {
        if pair[1].0 - pair[0].1 - 1 < PART_OVERHEAD {
            marked[pair[0].1 as usize..pair[1].0 as usize].fill(true);
        }
    }
    let mut parts = runs(&marked);
    let place = |part: &(u64, u64)| {
        specs
            .iter()
            .position(|spec| (part.0..=part.1).any(|at| wants(*spec, at as usize)))
    };
    parts.sort_by_key(place);
    match parts.len() {
        0 => "416".into(),
        1..=MAX_PARTS => parts
            .iter()
            .map(|(a, b)| format!("{a}-{b}"))
            .collect::<Vec<_>>()
            .join(" "),
        _ => "whole".into(),
    }
}

prop_compose! {
    fn spec()(first in 0..5000_u64, width in 0..300_u64, kind in 0..12) -> (Option<u64>, Option<u64>) {
        match kind {
            0 => (Some(first), None),
            1 => (None, Some(width)),
            _ => (Some(first), Some(first + width)),
        }
    }
}

proptest! {
    #[test]
    fn random_sets_agree_with_a_model_that_marks_bytes(
        specs in prop::collection::vec(spec(), 1..40), length in 1..5000_usize,
    ) {
        let number = |number: &Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let set: Vec<_> = specs.iter().map(|(a, b)| format!("{}-{}", number(a), number(b))).collect();
        let value = format!("bytes={}", set.join(", "));
        let resolved = resolve(value.as_bytes(), length as u64);
        prop_assert_eq!(show(&resolved), model(&specs, length), "{} of {}", value, length);
    }

    #[test]
    fn no_bytes_panic(set: Vec<u8>, length: u64) {
        let value = [b"bytes=", &set[..]].concat();
        resolve(&value, length);
        resolve(&set, length);
        ContentRange::parse(&set);
    }

    #[test]
    fn no_set_of_plausible_bytes_panics_or_strays(set in "[-0-9, ]{0,60}", length: u64) {
        let value = format!("bytes={set}");
        let ranges = match resolve(value.as_bytes(), length) {
            Resolved::Partial(Parts::One(range)) => vec![range],
            Resolved::Partial(Parts::Many(ranges)) => ranges,
            _ => vec![],
        };
        let total: u128 = ranges.iter().map(|range| u128::from(range.length())).sum();
        prop_assert!(total <= u128::from(length) && ranges.len() <= MAX_PARTS);
        prop_assert!(ranges.iter().all(|range| range.first <= range.last && range.last < length));
    }

    #[test]
    fn content_range_round_trips(first: u64, last: u64, length: Option<u64>) {
        let length = length.filter(|length| *length < u64::MAX);
        if let Some(range) = ByteRange::new(first, last).filter(|range| length.is_none_or(|n| range.last < n)) {
            let content_range = ContentRange::Satisfied { range, complete_length: length };
            prop_assert_eq!(ContentRange::parse(content_range.to_string().as_bytes()), Some(content_range));
        }
    }
}
