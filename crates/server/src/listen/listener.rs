//! Listening sockets.

use super::defer::{SILENT, defer};
use super::role::Role;
use super::unix_socket::{SocketFile, Taken};
use crate::endpoint::Endpoint;
use crate::lock::Lock;
use crate::poller::Poller;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, ipproto, sockopt};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// The number of connections that may wait to be accepted. The kernel lowers it to its own bound
/// (`net.core.somaxconn`).
pub(crate) const BACKLOG: i32 = 4096;

/// A bound socket and its address.
#[derive(Debug)]
pub(crate) struct Listener {
    /// `None` after it has been closed.
    socket: Lock<Option<OwnedFd>>,
    endpoint: Endpoint,
    /// The file of a Unix socket that was bound here.
    file: Option<SocketFile>,
    /// Whether the kernel holds back silent clients. A socket that was bound elsewhere keeps its
    /// setting.
    defers: bool,
    role: Role,
}

/// The result of an attempt to accept.
pub(crate) enum Accepted {
    Connection(OwnedFd, Endpoint),
    /// No connection is waiting.
    Empty,
    /// No connection will arrive any more.
    Closed,
    /// The waiting client has gone; others may be waiting.
    Gone,
    /// No descriptor or no memory is left for another connection.
    Exhausted(io::Error),
}

impl Listener {
    /// Binds an address. An IPv6 address accepts IPv6 connections only, so that `0.0.0.0` and `::`
    /// can both be bound. With `shared`, other sockets that are also shared can listen there at the
    /// same time; the kernel distributes connections among them.
    ///
    /// # Errors
    /// The system's error: the address is in use, is not this machine's, or needs privileges.
    pub(crate) fn bind(address: SocketAddr, shared: bool) -> io::Result<Self> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC;
        let socket = net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        if address.is_ipv6() {
            sockopt::set_ipv6_v6only(&socket, true)?;
        }
        // Without this option, a restarted server couldn't bind while connections of the old one
        // are in TIME_WAIT.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        sockopt::set_socket_reuseport(&socket, shared)?;
        net::bind(&socket, &address)?;
        let mut listener = Listener::new(socket, None)?;
        listener.defers = listener.defer(SILENT);
        Ok(listener)
    }

    /// Binds a path in the file system. Its permissions are `mode`, or what the umask leaves. With
    /// `shared`, a socket of another process at the path is replaced.
    ///
    /// # Errors
    /// As [`SocketFile::listen`].
    pub(crate) fn bind_unix(path: &Path, mode: Option<u32>, shared: bool) -> io::Result<Self> {
        let taken = match shared {
            true => Taken::Replace,
            false => Taken::Refuse,
        };
        let (socket, file) = SocketFile::listen(path, mode, taken, BACKLOG)?;
        Listener::new(socket, Some(file))
    }

    /// Adopts a listener that was bound elsewhere.
    ///
    /// # Errors
    /// If it is not a stream socket bound to an internet address or a path, or can't be made
    /// non-blocking.
    pub(crate) fn from_bound(socket: OwnedFd) -> io::Result<Self> {
        Listener::new(socket, None)
    }

    fn new(socket: OwnedFd, file: Option<SocketFile>) -> io::Result<Self> {
        ioctl_fionbio(&socket, true)?;
        let address = net::getsockname(&socket)?;
        let endpoint = match SocketAddr::try_from(address.clone()) {
            Ok(address) => {
                // Accepted sockets inherit the option, which saves a system call for each. With
                // Nagle's algorithm, the last packet of a response would wait up to 40 ms for the
                // acknowledgement of the packet before.
                sockopt::set_tcp_nodelay(&socket, true)?;
                Endpoint::Internet(address)
            }
            Err(_) if address.address_family() == AddressFamily::UNIX => Endpoint::Unix,
            Err(_) => return Err(io::Error::other("the listener has no internet address")),
        };
        net::listen(&socket, BACKLOG)?;
        Ok(Listener {
            socket: Lock::new(Some(socket)),
            endpoint,
            file,
            defers: false,
            role: Role::default(),
        })
    }

    /// What its clients speak.
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// Sets what its clients speak.
    #[cfg(feature = "tls")]
    pub(crate) fn set_role(&mut self, role: Role) {
        self.role = role;
    }

    /// Lets the kernel hold back connections until their first bytes arrive, or for about the given
    /// seconds: then one report is enough for a connection and its request, and silent connections
    /// cost nothing here. Returns whether it does.
    fn defer(&self, seconds: usize) -> bool {
        let set = self.if_open(|socket| defer(socket, seconds));
        if let Err(error) = &set {
            log::debug!("connections are accepted before clients send anything: {error}");
        }
        set.is_ok()
    }

    /// Lets the kernel report silent connections, before the listener is closed.
    pub(crate) fn last_call(&self) {
        if self.defers {
            self.defer(0);
        }
    }

    /// The address, with the port that the system has chosen if it was 0.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Closes this copy of the socket. New connections are refused, unless another process holds
    /// the socket too: a successor that takes over. So it must not be shut down, and has to be
    /// removed from the poller.
    pub(crate) fn close(&self, poller: &Poller) {
        let socket = self.socket.lock().take();
        if let Some(socket) = &socket {
            // Fails if the poller doesn't have it.
            let _ = poller.remove(socket);
        }
        // No other file has the inode of a socket that is open.
        if let (Some(_), Some(file)) = (&socket, &self.file) {
            file.remove();
        }
    }

    /// Calls a function with the socket, unless it has been closed.
    pub(crate) fn if_open(
        &self,
        act: impl FnOnce(BorrowedFd<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.socket
            .lock()
            .as_ref()
            .map_or(Ok(()), |socket| act(socket.as_fd()))
    }

    /// Whether a connection waits to be accepted. Another worker that got the same report may have
    /// accepted it.
    pub(crate) fn has_waiting(&self) -> bool {
        let waits = |socket: BorrowedFd<'_>| {
            let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
            match poll(&mut polled, Some(&Timespec::default())) {
                Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
                _ => Ok(()),
            }
        };
        self.if_open(waits).is_ok()
    }

    /// Accepts one connection without blocking. It is counted before the listener can be closed, so
    /// that a count of zero after closing is final.
    pub(crate) fn accept(&self, count: impl FnOnce()) -> Accepted {
        let socket = self.socket.lock();
        let Some(socket) = &*socket else {
            return Accepted::Closed;
        };
        match net::acceptfrom_with(socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok((socket, peer)) => {
                count();
                let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                Accepted::Connection(socket, peer.map_or(self.endpoint, Endpoint::from))
            }
            Err(Errno::AGAIN) => Accepted::Empty,
            // Another process that shares the socket has shut it down. The poller would report that
            // again and again.
            Err(Errno::INVAL) => Accepted::Closed,
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                Accepted::Exhausted(error.into())
            }
            // All other errors concern this connection alone (accept(2) lists those of the
            // network).
            Err(_) => Accepted::Gone,
        }
    }
}

#[cfg(all(test, feature = "tuning"))]
mod tests {
    use super::*;
    use crate::poller::{Interest, no_events};
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpStream};

    #[test]
    fn silent_clients_are_accepted_later() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = Listener::bind(any, false).unwrap();
        let Endpoint::Internet(address) = listener.endpoint() else {
            panic!("{}", listener.endpoint());
        };
        let poller = Poller::new().unwrap();
        let add = |socket: BorrowedFd<'_>| poller.add(socket, 1, Interest::Acceptable);
        listener.if_open(add).unwrap();
        let accept = || {
            assert_eq!(poller.wait(&mut no_events(), None).unwrap().count(), 1);
            match listener.accept(|| ()) {
                Accepted::Connection(_, Endpoint::Internet(remote)) => remote,
                _ => panic!("no connection"),
            }
        };
        let local = |stream: &TcpStream| stream.local_addr().unwrap();
        // The second client sends first, so it is accepted first.
        let [silent, mut speaks] = [(); 2].map(|()| TcpStream::connect(address).unwrap());
        speaks.write_all(b"x").unwrap();
        assert_eq!(accept(), local(&speaks));
        // After the last call, each is accepted at once.
        listener.last_call();
        let late = TcpStream::connect(address).unwrap();
        assert_eq!(accept(), local(&late));
        assert_eq!(accept(), local(&silent), "after a second, at the latest");
    }
}
