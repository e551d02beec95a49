//! Ranges: the parts lie within the representation and apart from each other, are few, and cover
//! the requested bytes and little more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyhttp_message::range::{
    ContentRange, MAX_PARTS, MAX_RANGES, PART_OVERHEAD, Parts, Resolved, resolve,
};

/// The positions that a set selects, one by one; `None` if it is not a set of byte ranges.
fn asked(field: &[u8], length: u64) -> Option<Vec<bool>> {
    let mut asked = vec![false; length as usize];
    let field = std::str::from_utf8(field).ok()?;
    let (unit, set) = field.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let space = |c: char| c.is_ascii_whitespace();
    let members: Vec<&str> = set
        .split(',')
        .map(|member| member.trim_matches(space))
        .collect();
    let specs: Vec<&str> = members
        .into_iter()
        .filter(|member| !member.is_empty())
        .collect();
    if specs.is_empty() || specs.len() > MAX_RANGES {
        return None;
    }
    for spec in specs {
        let (first, last) = spec.split_once('-')?;
        let number = |digits: &str| {
            let digits =
                Some(digits).filter(|d| !d.is_empty() && d.bytes().all(|d| d.is_ascii_digit()))?;
            Some(digits.parse().unwrap_or(u64::MAX))
        };
        let (first, last) = match (first, last) {
            ("", suffix) => (length.saturating_sub(number(suffix)?), u64::MAX),
            (first, "") => (number(first)?, u64::MAX),
            (first, last) => (number(first)?, number(last)?),
        };
        if first > last {
            return None;
        }
        (first..length.min(last.saturating_add(1))).for_each(|at| asked[at as usize] = true);
    }
    Some(asked)
}

fuzz_target!(|input: &[u8]| {
    let [low, high, field @ ..] = input else {
        return;
    };
    let length = u64::from(u16::from_le_bytes([*low, *high % 8]));
    let asked = asked(field, length);
    let parts = match resolve(field, length) {
        Resolved::Whole => {
            // Ignored: not a set, too many parts, or an empty representation.
            let count = asked.map_or(0, |asked| {
                asked
                    .split(|wanted| !wanted)
                    .filter(|run| !run.is_empty())
                    .count()
            });
            assert!(
                count == 0 || count > MAX_PARTS,
                "{count} ranges were ignored"
            );
            return;
        }
        Resolved::Unsatisfiable => {
            assert!(asked.is_some_and(|asked| !asked.contains(&true)));
            return;
        }
        Resolved::Partial(Parts::One(range)) => vec![range],
        Resolved::Partial(Parts::Many(ranges)) => {
            assert!(ranges.len() >= 2 && ranges.len() <= MAX_PARTS);
            ranges
        }
    };
    let asked = asked.expect("parts are of a set");
    let mut sent = vec![false; length as usize];
    for range in &parts {
        for at in range.first()..=range.last() {
            assert!(
                !std::mem::replace(&mut sent[at as usize], true),
                "{at} twice"
            );
        }
        assert!(asked[range.first() as usize] && asked[range.last() as usize]);
        let content_range = ContentRange::Satisfied {
            range: *range,
            complete_length: Some(length),
        };
        assert_eq!(
            ContentRange::parse(content_range.to_string().as_bytes()),
            Some(content_range)
        );
    }
    let mut gap = 0;
    for (at, (asked, sent)) in asked.iter().zip(&sent).enumerate() {
        assert!(*sent || !asked, "{at} was left out");
        gap = if *sent && !asked { gap + 1 } else { 0 };
        assert!(gap < PART_OVERHEAD, "{at} in a wide gap");
    }
    let _ = ContentRange::parse(field);
});
