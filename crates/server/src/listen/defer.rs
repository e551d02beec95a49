//! Having the kernel hold back silent clients.

use std::io;
use std::os::fd::BorrowedFd;

/// `TCP_DEFER_ACCEPT` timeout, in seconds.
pub(super) const SILENT: usize = 1;

#[cfg(feature = "tuning")]
mod option {
    use nix::{libc, setsockopt_impl, sockopt_impl};

    sockopt_impl!(
        /// The kernel reports connections when their first bytes arrive (`TCP_DEFER_ACCEPT` in
        /// tcp(7)), or after about this many seconds of silence.
        DeferAccept,
        SetOnly,
        libc::IPPROTO_TCP,
        libc::TCP_DEFER_ACCEPT,
        usize
    );
}

/// Lets the kernel hold back connections to a listener until their first bytes arrive, or for about
/// the given seconds.
///
/// # Errors
/// The system's error.
#[cfg(feature = "tuning")]
pub(super) fn defer(socket: BorrowedFd<'_>, seconds: usize) -> io::Result<()> {
    use nix::sys::socket::SetSockOpt;
    Ok(option::DeferAccept.set(&socket, &seconds)?)
}

/// rustix does not have the option, so without the feature `tuning` clients are accepted at once.
///
/// # Errors
/// Always.
#[cfg(not(feature = "tuning"))]
pub(super) fn defer(_socket: BorrowedFd<'_>, _seconds: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
