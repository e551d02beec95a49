//! The `Range` field, resolved against a length (RFC 9110 §14.1.1, §14.2).

use super::byte_range::ByteRange;
use crate::grammar::saturating_decimal as decimal;
use std::iter;

/// The most ranges in a set; a set with more is ignored.
pub const MAX_RANGES: usize = 256;

/// The most parts in a response; a set that needs more is ignored.
pub const MAX_PARTS: usize = 16;

/// The approximate size of a part's head, in bytes: ranges with a smaller gap between them are sent
/// as one part (§15.3.7.2).
pub const PART_OVERHEAD: u64 = 80;

/// The meaning of a `Range` field for a representation of known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// 200 and the whole representation: the field is ignored.
    Whole,
    /// 206 and these parts of it.
    Partial(Parts),
    /// 416 and [`ContentRange::Unsatisfied`](super::ContentRange::Unsatisfied).
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

/// Resolves the value of a `Range` field against the length of the selected representation, in
/// bytes.
///
/// For a GET only (§14.2). `Range` is not a list field: if a request has several lines of it, the
/// caller ignores them all. Allocates only for a set of several ranges; the time is proportional to
/// the value's length.
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

/// Returns the bytes that one range-spec (§14.1.1) selects; `None` if it is unsatisfiable.
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
        // All bytes of an empty representation are no range: the field is ignored.
        return Err(Ignored);
    }
    let last = match last {
        [] => u64::MAX,
        last => decimal(last).filter(|last| first <= *last).ok_or(Ignored)?,
    };
    // The length is at least 1, since a position lies before it.
    Ok((first < length).then(|| ByteRange {
        first,
        last: last.min(length - 1),
    }))
}

/// Joins ranges that overlap or nearly touch. A joined range takes the place of its first member.
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
