//! Sockets that connections come from.

use crate::endpoint::Endpoint;
use crate::socket_file::{SocketFile, Taken};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{self, SocketFlags};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Connections that may wait to be accepted. The kernel lowers this to its own bound (`net.core.somaxconn`).
pub(crate) const BACKLOG: i32 = 4096;

/// A bound socket and its address.
#[derive(Debug)]
pub(crate) struct Listener {
    /// `None` once it has been closed.
    socket: Mutex<Option<OwnedFd>>,
    endpoint: Endpoint,
    /// The name of a Unix socket that was bound here.
    file: Option<SocketFile>,
}

/// What came of trying to accept.
pub(crate) enum Accepted {
    Connection(OwnedFd, Endpoint),
    /// Nobody is waiting.
    Nobody,
    /// Nobody will come any more.
    Closed,
    /// The one who was waiting has gone; others may be there.
    Gone,
    /// There is no descriptor or no memory for another connection now.
    Exhausted(io::Error),
}

impl Listener {
    /// Binds an address. An IPv6 address takes IPv6 connections only, so that `0.0.0.0` and `::` can both be bound. With
    /// `shared`, others who say so, too, can listen there at the same time; the kernel shares connections out.
    ///
    /// # Errors
    /// What the system says: the address is taken, is not this machine's, or needs rights.
    pub(crate) fn bind(address: SocketAddr, shared: bool) -> io::Result<Self> {
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
        socket.set_reuse_port(shared)?;
        socket.bind(&SockAddr::from(address))?;
        Listener::new(socket, None)
    }

    /// Binds a name in the file system, which gets these permissions, or what the umask leaves. With `shared`, somebody who
    /// listens there is followed, not respected.
    ///
    /// # Errors
    /// As [`SocketFile::listen`].
    pub(crate) fn bind_unix(path: &Path, mode: Option<u32>, shared: bool) -> io::Result<Self> {
        let taken = match shared {
            true => Taken::Replace,
            false => Taken::Refuse,
        };
        let mode = mode.map(Mode::from_raw_mode);
        let (socket, file) = SocketFile::listen(path, mode, taken, BACKLOG)?;
        Listener::new(socket, Some(file))
    }

    /// Takes a listener that somebody else has bound.
    ///
    /// # Errors
    /// If it isn't a stream socket that is bound to an internet address or to a name, or can't be made non-blocking.
    pub(crate) fn from_bound(socket: OwnedFd) -> io::Result<Self> {
        Listener::new(socket.into(), None)
    }

    fn new(socket: Socket, file: Option<SocketFile>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let endpoint = match address.as_socket() {
            Some(address) => {
                // Accepted sockets inherit it, which saves a call for each of them. With Nagle's algorithm the last packet
                // of a response would wait for the acknowledgement of the one before, up to 40 ms.
                socket.set_tcp_nodelay(true)?;
                Endpoint::Internet(address)
            }
            None if address.is_unix() => Endpoint::Unix,
            None => return Err(io::Error::other("the listener has no internet address")),
        };
        socket.listen(BACKLOG)?;
        Ok(Listener {
            socket: Mutex::new(Some(socket.into())),
            endpoint,
            file,
        })
    }

    /// Nobody panics while holding this lock, so poison says nothing.
    fn lock(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address, with the port that the system chose if it was asked to.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Has nothing to do with whoever comes from now on. They are refused, unless somebody else holds the socket, too: a
    /// successor that takes over. So it must not be shut down.
    pub(crate) fn close(&self) {
        let socket = self.lock().take();
        // As long as the socket is open, no other file has its inode.
        if let (Some(_), Some(file)) = (&socket, &self.file) {
            file.remove();
        }
    }

    /// Does something with the socket, unless it has been closed.
    pub(crate) fn if_open(
        &self,
        act: impl FnOnce(BorrowedFd<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.lock()
            .as_ref()
            .map_or(Ok(()), |socket| act(socket.as_fd()))
    }

    /// Accepts one connection, without waiting for it. It is counted before anybody can close the listener: who finds no
    /// connections then is right.
    pub(crate) fn accept(&self, count: impl FnOnce()) -> Accepted {
        let socket = self.lock();
        let Some(socket) = &*socket else {
            return Accepted::Closed;
        };
        match net::acceptfrom_with(socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok((socket, peer)) => {
                count();
                let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                Accepted::Connection(socket, peer.map_or(self.endpoint, Endpoint::from))
            }
            Err(Errno::AGAIN) => Accepted::Nobody,
            // Whoever shares the socket has shut it down. The poller would report that for ever.
            Err(Errno::INVAL) => Accepted::Closed,
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                Accepted::Exhausted(error.into())
            }
            // What else can fail has failed for that one connection (accept(2) lists the network's own errors).
            Err(_) => Accepted::Gone,
        }
    }
}
