//! Whether more bytes follow those that are being sent.

use rustix::net::SendFlags;

/// Whether more bytes follow at once, so that the kernel holds these back to share a packet with
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum More {
    Follows,
    Unknown,
}

impl More {
    pub(super) fn flags(self) -> SendFlags {
        match self {
            More::Follows => SendFlags::NOSIGNAL | SendFlags::MORE,
            More::Unknown => SendFlags::NOSIGNAL,
        }
    }
}
