//! Bounds on the size of a head.

/// Bounds on the memory that a peer's head can take. A head at a bound is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a request line, without its CRLF; 8 KiB by default. A longer one is
    /// refused with 414.
    pub request_line: usize,
    /// The most bytes of a head, with its empty line, and of a trailer section; 32 KiB by default.
    /// A larger one is refused with 431.
    pub head: usize,
    /// The most fields of a head or a trailer section; 100 by default, and never more than the
    /// [`FieldStorage`](super::FieldStorage) holds. More are refused with 431.
    pub fields: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            request_line: 8 * 1024,
            head: 32 * 1024,
            fields: 100,
        }
    }
}

impl Limits {
    /// Returns these limits with at most `capacity` fields.
    pub(super) fn within(self, capacity: usize) -> Self {
        Limits {
            fields: self.fields.min(capacity),
            ..self
        }
    }
}
