//! Which servers have been tried for a request.

/// The servers that have been tried for one request, as bits; those beyond 64 are tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tried {
    /// They can't be connected to.
    excluded: u64,
    /// They have closed a connection: another server is better.
    avoided: u64,
}

impl Tried {
    pub(crate) fn exclude(&mut self, number: usize) {
        self.excluded |= bit(number);
    }

    pub(crate) fn avoid(&mut self, number: usize) {
        self.avoided |= bit(number);
    }

    pub(crate) fn contains(self, number: usize) -> bool {
        (self.excluded | self.avoided) & bit(number) != 0
    }

    /// Whether all servers may be used.
    pub(crate) fn is_empty(self) -> bool {
        self.excluded | self.avoided == 0
    }

    /// Those that can't be used at all.
    pub(crate) fn excluded(self) -> Self {
        Tried { avoided: 0, ..self }
    }
}

/// Which servers a request may get, and which one it prefers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish {
    pub(crate) tried: Tried,
    /// Identifies the client, for consistent hashing.
    pub(crate) key: u64,
    /// It has waited for so long that it goes to a server whose processes are all taken.
    pub(crate) is_late: bool,
}

impl Wish {
    /// The wish of the same request once it is late.
    pub(super) fn late(self) -> Self {
        Wish {
            is_late: true,
            ..self
        }
    }
}

fn bit(number: usize) -> u64 {
    1u64.checked_shl(number as u32).unwrap_or(0)
}
