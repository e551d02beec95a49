//! The socket to an upstream server. No call blocks.

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType,
    connect, recv, send, shutdown, socket_with, sockopt,
};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The sockets to upstream servers that are open, idle ones included.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Where an upstream server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Internet(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Internet(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket that is connected to an upstream server, or is being connected: until then, sending
/// and receiving would block.
#[derive(Debug)]
pub(crate) struct Socket {
    descriptor: OwnedFd,
    /// The poller knows the socket.
    pub(crate) is_registered: bool,
}

impl Socket {
    /// Begins to connect.
    ///
    /// # Errors
    /// If no socket can be made, or the address refuses the connection at once.
    pub(crate) fn connect(address: &Address) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let family = match address {
            Address::Internet(SocketAddr::V4(_)) => AddressFamily::INET,
            Address::Internet(SocketAddr::V6(_)) => AddressFamily::INET6,
            Address::Unix(_) => AddressFamily::UNIX,
        };
        let descriptor = socket_with(family, SocketType::STREAM, flags, None)?;
        OPEN.fetch_add(1, Ordering::Relaxed);
        let socket = Socket {
            descriptor,
            is_registered: false,
        };
        let connected = match address {
            Address::Internet(address) => {
                // A proxy writes whole messages, and an upstream that vanishes without a word
                // must not keep an event stream forever. Sockets work without both.
                let _ = sockopt::set_tcp_nodelay(&socket, true);
                let _ = sockopt::set_socket_keepalive(&socket, true);
                connect(&socket, address)
            }
            Address::Unix(path) => connect(&socket, &SocketAddrUnix::new(path)?),
        };
        match connected {
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
            Err(error) => Err(error.into()),
        }
    }

    /// Receives what has come. Zero is the end of the upstream's side.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing has come; otherwise the connection is
    /// broken, or was refused.
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match recv(&self.descriptor, &mut *buffer, RecvFlags::empty()) {
                Ok((length, _)) => return Ok(length),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends from the start of `bytes` and returns the number of bytes that the socket took.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if the socket is full or not yet connected;
    /// otherwise the connection is broken, or was refused.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match send(&self.descriptor, bytes, SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                sent => return Ok(sent?),
            }
        }
    }

    /// Whether an idle connection has been closed, or has received bytes that no request asked for.
    pub(crate) fn is_dead(&self) -> bool {
        let peeked = recv(&self.descriptor, &mut [0; 1], RecvFlags::PEEK);
        !matches!(peeked, Err(Errno::AGAIN | Errno::INTR))
    }

    /// Ends this side: the upstream reads the end after what has been sent.
    pub(crate) fn shutdown_write(&self) {
        // If it fails, the upstream has closed the connection.
        let _ = shutdown(&self.descriptor, Shutdown::Write);
    }

    /// The sockets to upstream servers that are open.
    pub(crate) fn count() -> usize {
        OPEN.load(Ordering::Relaxed)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}
