//! Sockets that connections come from.

use rustix::io::Errno;
use rustix::net::{self, SocketFlags};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Connections that may wait to be accepted. The kernel lowers this to its own bound (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// A bound socket and its address.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: OwnedFd,
    address: SocketAddr,
}

/// What came of trying to accept.
pub(crate) enum Accepted {
    Connection(OwnedFd, SocketAddr),
    /// Nobody is waiting.
    Nobody,
    /// The one who was waiting has gone; others may be there.
    Gone,
    /// There is no descriptor or no memory for another connection now.
    Exhausted(io::Error),
}

impl Listener {
    /// Binds an address. An IPv6 address takes IPv6 connections only, so that `0.0.0.0` and `::` can both be bound.
    ///
    /// # Errors
    /// What the system says: the address is taken, is not this machine's, or needs rights.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Without this a restarted server couldn't bind while connections of the old one linger in TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.bind(&SockAddr::from(address))?;
        Listener::new(socket)
    }

    /// Takes a listener that somebody else has bound.
    ///
    /// # Errors
    /// If the socket can't be made non-blocking or doesn't know its address.
    pub(crate) fn from_std(listener: TcpListener) -> io::Result<Self> {
        Listener::new(listener.into())
    }

    fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // Accepted sockets inherit it, which saves a call for each of them. With Nagle's algorithm the last packet of a
        // response would wait for the acknowledgement of the one before, up to 40 ms.
        socket.set_tcp_nodelay(true)?;
        socket.listen(BACKLOG)?;
        let address = socket.local_addr()?.as_socket();
        let address =
            address.ok_or_else(|| io::Error::other("the listener has no internet address"))?;
        Ok(Listener {
            socket: socket.into(),
            address,
        })
    }

    /// The address, with the port that the system chose if it was asked to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses whoever comes from now on.
    pub(crate) fn close(&self) {
        // It can fail only if that has happened already.
        let _ = net::shutdown(&self.socket, net::Shutdown::Both);
    }

    /// Accepts one connection, without waiting for it.
    pub(crate) fn accept(&self) -> Accepted {
        match net::acceptfrom_with(&self.socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok((socket, peer)) => {
                let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                Accepted::Connection(socket, peer.unwrap_or(self.address))
            }
            // EINVAL: the listener has been closed.
            Err(Errno::AGAIN | Errno::INVAL) => Accepted::Nobody,
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                Accepted::Exhausted(error.into())
            }
            // What else can fail has failed for that one connection (accept(2) lists the network's own errors).
            Err(_) => Accepted::Gone,
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
