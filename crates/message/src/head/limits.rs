//! Bounds on heads.

/// Bounds on what a peer can make a reader keep. Each is inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the request line without its CRLF; 8 KiB unless changed. Beyond it: 414.
    pub request_line: usize,
    /// Bytes of the whole head with its blank line, and of a trailer section; 32 KiB unless changed. Beyond it: 431.
    pub head: usize,
    /// Fields in a head or a trailer section; 100 unless changed, never more than the [`FieldStorage`](super::FieldStorage) has room for.
    /// Beyond it: 431.
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
    /// The same, but at most that many fields.
    pub(super) fn within(self, capacity: usize) -> Self {
        Limits {
            fields: self.fields.min(capacity),
            ..self
        }
    }
}
