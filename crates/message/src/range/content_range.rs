//! The `Content-Range` field (RFC 9110 §14.4).

use super::byte_range::ByteRange;
use crate::grammar::decimal;
use std::fmt;

/// A `Content-Range` (§14.4) in the unit `bytes`. `Display` writes the field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes 0-9/100`, in a 206 or a part of one: the bytes enclosed. `*` stands for an unknown
    /// length.
    Satisfied {
        /// The bytes enclosed.
        range: ByteRange,
        /// The length of the representation in bytes; `None` if unknown.
        complete_length: Option<u64>,
    },
    /// `bytes */100`, in a 416: the length of the representation.
    Unsatisfied {
        /// The length of the representation in bytes.
        complete_length: u64,
    },
}

impl ContentRange {
    /// Parses a field value strictly; `None` for another unit, stray bytes, numbers from 2⁶⁴−1 on,
    /// a last position before the first, and a length that does not exceed the last. Content so
    /// labelled must not be combined with other parts (§14.4).
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
