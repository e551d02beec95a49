//! A bound on the framing that a server accepts around a request's content.
//!
//! Content in one-byte chunks is five sixths framing, and each chunk costs the server a turn
//! through its decoder: a client could keep it busy with few bytes of content.

use crate::error::ProtocolError;

/// Bytes of framing that chunked content may have beyond twice its own length. So 20,000 one-byte
/// chunks are accepted, and larger content needs larger chunks. The extensions (4 KiB) and trailer
/// fields (32 KiB) of one message fit in.
const ALLOWANCE: u64 = 64 * 1024;

/// Bytes received of one request's content.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Overhead {
    content: u64,
    framing: u64,
}

impl Overhead {
    /// Counts `used` bytes, of which `content` were content.
    ///
    /// # Errors
    /// [`ProtocolError::TooMuchFraming`] if the framing exceeds its bound.
    pub(super) fn count(&mut self, used: usize, content: usize) -> Result<(), ProtocolError> {
        self.content += content as u64;
        self.framing += (used - content) as u64;
        if self.framing > self.content.saturating_mul(2).saturating_add(ALLOWANCE) {
            Err(ProtocolError::TooMuchFraming)
        } else {
            Ok(())
        }
    }
}
