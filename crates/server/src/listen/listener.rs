//! Sockets that connections come from.

use super::unix_socket::{SocketFile, Taken};
use crate::endpoint::Endpoint;
use crate::poller::Poller;
use nix::sys::socket::SetSockOpt;
use nix::{libc, setsockopt_impl, sockopt_impl};
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

/// How long a client may keep silent and not be there, in seconds.
const SILENT: usize = 1;

sockopt_impl!(
    /// The kernel accepts connections when their first bytes come (`TCP_DEFER_ACCEPT` in tcp(7)), or when they have been
    /// silent for so many seconds, about.
    DeferAccept,
    SetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_DEFER_ACCEPT,
    usize
);

/// A bound socket and its address.
#[derive(Debug)]
pub(crate) struct Listener {
    /// `None` once it has been closed.
    socket: Mutex<Option<OwnedFd>>,
    endpoint: Endpoint,
    /// The name of a Unix socket that was bound here.
    file: Option<SocketFile>,
    /// Whether the kernel keeps silent clients. Where somebody else has bound the socket, that is theirs to decide.
    defers: bool,
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
        let mut listener = Listener::new(socket, None)?;
        listener.defers = listener.defer(SILENT);
        Ok(listener)
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
            defers: false,
        })
    }

    /// Nobody panics while holding this lock, so poison says nothing.
    fn lock(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the kernel keep those who have connected and have not said anything yet, until they do, or have been silent for so
    /// many seconds: one report is enough for both, and who never says anything costs nothing here. Whether it does.
    fn defer(&self, seconds: usize) -> bool {
        let set = |socket: BorrowedFd<'_>| Ok(DeferAccept.set(&socket, &seconds)?);
        let set = self.if_open(set);
        if let Err(error) = &set {
            log::debug!("connections are accepted before they say anything: {error}");
        }
        set.is_ok()
    }

    /// Lets those come who have not said anything yet, before the listener is closed.
    pub(crate) fn last_call(&self) {
        if self.defers {
            self.defer(0);
        }
    }

    /// The address, with the port that the system chose if it was asked to.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Has nothing to do with whoever comes from now on. They are refused, unless somebody else holds the socket, too: a
    /// successor that takes over. So it must not be shut down, and the poller, which has seen it, has to be told.
    pub(crate) fn close(&self, poller: &Poller) {
        let socket = self.lock().take();
        if let Some(socket) = &socket {
            // It fails if the poller has never seen it.
            let _ = poller.remove(socket);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poller::{Interest, no_events};
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpStream};

    #[test]
    fn who_says_nothing_is_not_there_yet() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = Listener::bind(any, false).unwrap();
        let Endpoint::Internet(address) = listener.endpoint() else {
            panic!("{}", listener.endpoint());
        };
        let poller = Poller::new().unwrap();
        let add = |socket: BorrowedFd<'_>| poller.add(socket, 1, Interest::Acceptable);
        listener.if_open(add).unwrap();
        let accept = || {
            assert_eq!(poller.wait(&mut no_events()).unwrap().count(), 1);
            match listener.accept(|| ()) {
                Accepted::Connection(_, Endpoint::Internet(remote)) => remote,
                _ => panic!("somebody should be there"),
            }
        };
        let local = |stream: &TcpStream| stream.local_addr().unwrap();
        // The second one speaks first, and so it comes first.
        let [silent, mut speaks] = [(); 2].map(|()| TcpStream::connect(address).unwrap());
        speaks.write_all(b"x").unwrap();
        assert_eq!(accept(), local(&speaks));
        // In the end each is accepted at once.
        listener.last_call();
        let late = TcpStream::connect(address).unwrap();
        assert_eq!(accept(), local(&late));
        assert_eq!(accept(), local(&silent), "after a second, at the latest");
    }
}
