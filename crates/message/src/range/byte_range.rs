//! A range of bytes.

/// A range of bytes, never empty. `first` and `last` are positions from 0, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl ByteRange {
    /// Returns the range; `None` if `last` lies before `first`, or is 2⁶⁴−1, which no length can
    /// include.
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

    /// The indices of the range in content that is in memory.
    ///
    /// # Panics
    /// If a position is larger than a `usize` holds, as in content that is not in memory.
    pub fn indices(self) -> std::ops::RangeInclusive<usize> {
        let index = |position| usize::try_from(position).expect("content in memory is that small");
        index(self.first)..=index(self.last)
    }

    /// The number of bytes, at least 1.
    pub const fn length(self) -> u64 {
        self.last - self.first + 1
    }
}
