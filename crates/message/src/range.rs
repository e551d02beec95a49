//! Range requests (RFC 9110 §14): which bytes a `Range` field asks for, and how they are labelled on the wire. Pure.
//!
//! A set of ranges in the unit `bytes` is resolved against the length of the selected representation:
//!
//! | `Range` | asks of 10,000 bytes for |
//! |---|---|
//! | `bytes=0-499` | the first 500 |
//! | `bytes=9500-` | all from 9500 on |
//! | `bytes=-500` | the last 500 |
//! | `bytes=0-0,-1` | the first and the last, in two parts |
//! | `bytes=10000-` | none: 416, with `Content-Range: bytes */10000` |
//!
//! There are three answers: the whole representation (200), as if the field weren't there; parts of it (206); or none (416).
//! One part is sent as it is under [`ContentRange`], several as `multipart/byteranges` ([`MultipartByteranges`]).
//!
//! **When the field is ignored.** A unit other than `bytes` must be (§14.2). A malformed set may be ignored or refused
//! (§14.2); it is ignored, because the whole representation is a right answer to every GET and a client that could read a 206
//! can read a 200. One malformed range makes the set malformed (§14.1.1). Positions beyond 2⁶⁴ are not malformed: they
//! saturate, and are then past the end like any other.
//!
//! **What a set can cost is bounded.** At most [`MAX_RANGES`] ranges are read. Ranges that overlap, touch, or lie less than
//! [`PART_OVERHEAD`] bytes apart are sent as one part (§15.3.7.2), so no byte is sent twice, and the gaps between parts would
//! have cost about what the parts' headers do. If more than [`MAX_PARTS`] remain, the field is ignored. Parts keep the order
//! in which the client named them, each in the place of the earliest range it covers.
//!
//! **Empty representations** have no byte to point at. `bytes=-5` is satisfiable by definition (§14.1.2), and `bytes=0-` asks
//! for all of it, but no `Content-Range` can say so: the whole, empty, representation is the answer. `bytes=1-` is unsatisfiable.
//!
//! ```
//! use tinyhttp_message::range::{ContentRange, Parts, Resolved, resolve};
//!
//! let Resolved::Partial(Parts::One(range)) = resolve(b"bytes=9500-", 10_000) else { panic!() };
//! assert_eq!((range.first(), range.last(), range.length()), (9500, 9999, 500));
//!
//! let content_range = ContentRange::Satisfied { range, complete_length: Some(10_000) };
//! assert_eq!(content_range.to_string(), "bytes 9500-9999/10000");
//! assert_eq!(ContentRange::parse(b"bytes 9500-9999/10000"), Some(content_range));
//!
//! assert_eq!(resolve(b"bytes=10000-", 10_000), Resolved::Unsatisfiable);
//! assert_eq!(resolve(b"lines=1-2", 10_000), Resolved::Whole);
//! ```

use std::{fmt, iter};

pub use multipart::{Boundary, MultipartByteranges, Part};

mod multipart;

/// How many ranges of a set are read; a set with more is ignored.
pub const MAX_RANGES: usize = 256;

/// How many parts a response may have; a set that needs more is ignored.
pub const MAX_PARTS: usize = 16;

/// About what a part costs besides its bytes: ranges with a smaller gap between them are sent as one (§15.3.7.2).
pub const PART_OVERHEAD: u64 = 80;

/// A range of bytes, never empty: `first` and `last` are positions from 0, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    first: u64,
    last: u64,
}

impl ByteRange {
    /// `None` if `last` lies before `first`, or is 2⁶⁴−1, which no length could include.
    pub const fn new(first: u64, last: u64) -> Option<Self> {
        if first <= last && last < u64::MAX {
            Some(Self { first, last })
        } else {
            None
        }
    }

    /// The position of the first byte.
    pub const fn first(self) -> u64 {
        self.first
    }

    /// The position of the last byte.
    pub const fn last(self) -> u64 {
        self.last
    }

    /// The number of bytes, at least 1.
    pub const fn length(self) -> u64 {
        self.last - self.first + 1
    }
}

/// What a `Range` field means for a representation of known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// The field is to be ignored: 200 and the whole representation.
    Whole,
    /// 206 and these parts of it.
    Partial(Parts),
    /// 416 and [`ContentRange::Unsatisfied`].
    Unsatisfiable,
}

/// The parts to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parts {
    /// One part, sent as the content itself.
    One(ByteRange),
    /// 2 to [`MAX_PARTS`] parts, disjoint, sent as `multipart/byteranges`.
    Many(Vec<ByteRange>),
}

/// Resolves the value of a `Range` field against the length of the selected representation, in bytes.
///
/// For a GET only (§14.2). `Range` is no list field: if a request has several lines of it, the caller ignores them all.
/// Allocates only for a set of several ranges; takes time in proportion to the value's length.
pub fn resolve(field_value: &[u8], complete_length: u64) -> Resolved {
    match parts(field_value, complete_length) {
        Err(Ignored) => Resolved::Whole,
        Ok(None) => Resolved::Unsatisfiable,
        Ok(Some(parts)) => Resolved::Partial(parts),
    }
}

struct Ignored;

fn parts(field_value: &[u8], length: u64) -> Result<Option<Parts>, Ignored> {
    let set = match field_value.split_at_checked(b"bytes=".len()) {
        Some((unit, set)) if unit.eq_ignore_ascii_case(b"bytes=") => set,
        _ => return Err(Ignored),
    };
    let members = set.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let mut specs = members.filter(|spec| !spec.is_empty()).peekable();
    specs.peek().ok_or(Ignored)?;

    let (mut one, mut more) = (None, Vec::new());
    for (already, spec) in specs.enumerate() {
        if already == MAX_RANGES {
            return Err(Ignored);
        }
        match satisfied(spec, length)? {
            range if one.is_none() => one = range,
            range => more.extend(range),
        }
    }
    let Some(one) = one else { return Ok(None) };
    if more.is_empty() {
        return Ok(Some(Parts::One(one)));
    }
    let ranges = coalesced(iter::once(one).chain(more));
    match ranges[..] {
        [range] => Ok(Some(Parts::One(range))),
        _ if ranges.len() > MAX_PARTS => Err(Ignored),
        _ => Ok(Some(Parts::Many(ranges))),
    }
}

/// The bytes that one range-spec (§14.1.1) selects; `None` if it is unsatisfiable.
fn satisfied(spec: &[u8], length: u64) -> Result<Option<ByteRange>, Ignored> {
    let dash = spec.iter().position(|byte| *byte == b'-').ok_or(Ignored)?;
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    if first.is_empty() {
        return match decimal(last).ok_or(Ignored)? {
            0 => Ok(None),
            _ if length == 0 => Err(Ignored),
            suffix => Ok(ByteRange::new(length.saturating_sub(suffix), length - 1)),
        };
    }
    let first = decimal(first).ok_or(Ignored)?;
    if first == 0 && length == 0 {
        // All of it was wanted, and all of it is nothing.
        return Err(Ignored);
    }
    let last = match last {
        [] => u64::MAX,
        last => decimal(last).filter(|last| first <= *last).ok_or(Ignored)?,
    };
    // The length is at least 1 if any position lies before it.
    Ok((first < length).then(|| ByteRange {
        first,
        last: last.min(length - 1),
    }))
}

/// Joins what overlaps or nearly touches; each joined range takes the place of the first it came from.
fn coalesced(ranges: impl Iterator<Item = ByteRange>) -> Vec<ByteRange> {
    let mut placed: Vec<(usize, ByteRange)> = ranges.enumerate().collect();
    placed.sort_unstable_by_key(|(_, range)| range.first);
    placed.dedup_by(|(next_place, next), (place, range)| {
        let joins = next.first <= range.last.saturating_add(PART_OVERHEAD);
        if joins {
            *place = (*place).min(*next_place);
            range.last = range.last.max(next.last);
        }
        joins
    });
    placed.sort_unstable_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, range)| range).collect()
}

/// The value of one or more digits and nothing else; 2⁶⁴−1 if it is that or more.
fn decimal(digits: &[u8]) -> Option<u64> {
    let append = |number: u64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    };
    if digits.is_empty() {
        None
    } else {
        digits.iter().try_fold(0, append)
    }
}

/// The `Content-Range` field (§14.4), of the unit `bytes`. `Display` writes its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes 0-9/100`, in a 206 or a part of one: which bytes are enclosed. `*` stands for an unknown length.
    Satisfied {
        /// The bytes enclosed.
        range: ByteRange,
        /// The length of the representation, if known.
        complete_length: Option<u64>,
    },
    /// `bytes */100`, in a 416: how long the representation is.
    Unsatisfied {
        /// The length of the representation.
        complete_length: u64,
    },
}

impl ContentRange {
    /// Reads a field value, strictly: `None` for another unit, stray bytes, numbers from 2⁶⁴−1 on, a last position before the
    /// first, or a length that doesn't reach beyond the last. Content so labelled must not be joined with anything (§14.4).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let number = |digits| decimal(digits).filter(|number| *number < u64::MAX);
        let (unit, rest) = value.split_at_checked(b"bytes ".len())?;
        if !unit.eq_ignore_ascii_case(b"bytes ") {
            return None;
        }
        let slash = rest.iter().position(|byte| *byte == b'/')?;
        let (range, length) = (&rest[..slash], &rest[slash + 1..]);
        if range == b"*" {
            return Some(Self::Unsatisfied {
                complete_length: number(length)?,
            });
        }
        let dash = range.iter().position(|byte| *byte == b'-')?;
        let range = ByteRange::new(number(&range[..dash])?, number(&range[dash + 1..])?)?;
        if length == b"*" {
            return Some(Self::Satisfied {
                range,
                complete_length: None,
            });
        }
        let complete_length = number(length).filter(|length| range.last < *length)?;
        Some(Self::Satisfied {
            range,
            complete_length: Some(complete_length),
        })
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Satisfied {
                range,
                complete_length: Some(length),
            } => {
                write!(f, "bytes {}-{}/{length}", range.first, range.last)
            }
            Self::Satisfied {
                range,
                complete_length: None,
            } => write!(f, "bytes {}-{}/*", range.first, range.last),
            Self::Unsatisfied { complete_length } => write!(f, "bytes */{complete_length}"),
        }
    }
}

#[cfg(test)]
mod tests {
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
        let valid = "bytes 42-1233/1234|bytes 42-1233/*|bytes */1234|bytes 0-0/1|bytes */0|bytes 734-1233/1234";
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

    /// What a set means, found by marking single bytes.
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
}
