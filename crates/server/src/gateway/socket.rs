//! The socket to an upstream server. No call blocks.

use crate::poller::{Interest, Poller, UPSTREAM, owners};
#[cfg(feature = "tls")]
pub(crate) use crate::tls::Securing;
#[cfg(feature = "tls")]
use crate::tls::{Handshake, Secured};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType,
    connect, recv, send, shutdown, socket_with, sockopt,
};
use std::fmt;
use std::io;
#[cfg(feature = "tls")]
use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of sockets that one server has open to upstream servers, idle ones included.
#[derive(Debug, Default)]
pub(crate) struct OpenSockets(AtomicUsize);

impl OpenSockets {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

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
    channel: Channel,
    peer: Arc<str>,
    /// It is counted here.
    open: Arc<OpenSockets>,
    /// What the poller was last asked to report, if it knows the socket.
    armed: Option<Interest>,
    /// The descriptor of the connection that it is reported to.
    owner: Option<usize>,
    is_internet: bool,
}

/// What the bytes on the socket mean.
#[derive(Debug)]
enum Channel {
    Plain(OwnedFd),
    /// TLS, whose handshake happens when something is sent or received.
    #[cfg(feature = "tls")]
    Secured(Box<Secured>),
}

/// Without TLS, there is nothing that secures a connection.
#[cfg(not(feature = "tls"))]
#[derive(Debug)]
pub(crate) enum Securing {}

impl Channel {
    #[cfg(feature = "tls")]
    fn new(descriptor: OwnedFd, securing: Option<&Securing>) -> io::Result<Self> {
        let Some(securing) = securing else {
            return Ok(Channel::Plain(descriptor));
        };
        let secured = Secured::new(Arc::new(descriptor), securing.session()?);
        Ok(Channel::Secured(Box::new(secured)))
    }

    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unnecessary_wraps)]
    fn new(descriptor: OwnedFd, _: Option<&Securing>) -> io::Result<Self> {
        Ok(Channel::Plain(descriptor))
    }
}

impl Socket {
    /// Begins to connect, and counts the socket in `open`. With `securing`, the connection carries
    /// TLS.
    ///
    /// # Errors
    /// If no socket can be made, or the address refuses the connection at once.
    pub(crate) fn connect(
        address: &Address,
        securing: Option<&Securing>,
        open: &Arc<OpenSockets>,
    ) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let family = match address {
            Address::Internet(SocketAddr::V4(_)) => AddressFamily::INET,
            Address::Internet(SocketAddr::V6(_)) => AddressFamily::INET6,
            Address::Unix(_) => AddressFamily::UNIX,
        };
        let descriptor = socket_with(family, SocketType::STREAM, flags, None)?;
        owners::clear(descriptor.as_raw_fd() as usize);
        let channel = Channel::new(descriptor, securing)?;
        open.0.fetch_add(1, Ordering::Relaxed);
        let socket = Socket {
            channel,
            peer: address.to_string().into(),
            open: Arc::clone(open),
            armed: None,
            owner: None,
            is_internet: matches!(address, Address::Internet(_)),
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

    /// Where the server listens.
    pub(crate) fn peer(&self) -> Arc<str> {
        Arc::clone(&self.peer)
    }

    /// A socket that is connected, and whose calls don't block.
    pub(crate) fn connected(descriptor: OwnedFd, open: &Arc<OpenSockets>) -> Self {
        open.0.fetch_add(1, Ordering::Relaxed);
        owners::clear(descriptor.as_raw_fd() as usize);
        Socket {
            channel: Channel::Plain(descriptor),
            open: Arc::clone(open),
            armed: None,
            owner: None,
            is_internet: false,
            peer: "CGI".into(),
        }
    }

    /// Receives what has come. Zero is the end of the upstream's side.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing has come; otherwise the connection is
    /// broken, or was refused. With TLS, also [`Interrupted`](io::ErrorKind::Interrupted): more may
    /// be there, but the turn is over; and [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the
    /// connection ended without a word.
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // Without TLS there is one kind of channel.
        #[cfg_attr(not(feature = "tls"), allow(clippy::infallible_destructuring_match))]
        let descriptor = match &self.channel {
            Channel::Plain(descriptor) => descriptor,
            #[cfg(feature = "tls")]
            Channel::Secured(secured) => return secured.recv(buffer),
        };
        let (length, _) = retry_on_intr(|| recv(descriptor, &mut *buffer, RecvFlags::empty()))?;
        Ok(length)
    }

    /// Whether more may be there although the last [`recv`](Socket::recv) did not fill its buffer.
    pub(crate) fn has_more(&self) -> bool {
        match &self.channel {
            Channel::Plain(_) => false,
            #[cfg(feature = "tls")]
            Channel::Secured(secured) => secured.has_more(),
        }
    }

    /// Sends from the start of `bytes` and returns the number of bytes that the socket took. With
    /// TLS, the next call has to offer the same bytes from there on.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if the socket is full or not yet connected;
    /// otherwise the connection is broken, or was refused, or its server could not be verified.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        // Without TLS there is one kind of channel.
        #[cfg_attr(not(feature = "tls"), allow(clippy::infallible_destructuring_match))]
        let descriptor = match &self.channel {
            Channel::Plain(descriptor) => descriptor,
            #[cfg(feature = "tls")]
            Channel::Secured(secured) => {
                return match secured.handshake()? {
                    Handshake::Done => secured.send(&[IoSlice::new(bytes)], SendFlags::NOSIGNAL),
                    _ => Err(io::ErrorKind::WouldBlock.into()),
                };
            }
        };
        Ok(retry_on_intr(|| {
            send(descriptor, bytes, SendFlags::NOSIGNAL)
        })?)
    }

    /// Has the poller report this socket to its owner, whose descriptor this is. `is_blocked`: also
    /// when it takes more. `missed`: a report may have been lost.
    ///
    /// # Errors
    /// The poller's; [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) if there are too many
    /// descriptors.
    pub(crate) fn arm(
        &mut self,
        is_blocked: bool,
        poller: &Poller,
        owner: usize,
        missed: bool,
    ) -> io::Result<()> {
        let mut missed = missed || self.has_yielded();
        if self.owner != Some(owner) {
            let reported = owners::set(self.number(), owner);
            missed |= reported.ok_or(io::ErrorKind::QuotaExceeded)?;
            self.owner = Some(owner);
        }
        // The kernel reports room in a TCP socket only after it was full. A Unix socket would be
        // reported whenever its peer reads. If a report may have been lost, or there is more to do,
        // room is what is reported at once.
        let interest = match is_blocked || self.is_internet || self.needs_room() || missed {
            true => Interest::Both,
            false => Interest::Readable,
        };
        if self.armed == Some(interest) && !missed {
            return Ok(());
        }
        let token = self.number() as u64 | UPSTREAM;
        match self.armed {
            Some(_) => poller.arm(&*self, token, interest)?,
            None => poller.add(&*self, token, interest)?,
        }
        self.armed = Some(interest);
        Ok(())
    }

    /// Whether what is sent is not encrypted.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.channel, Channel::Plain(_))
    }

    /// Leaves the socket without an owner. What is reported of it is noted from then on.
    pub(crate) fn release(&mut self) {
        self.owner = None;
        owners::clear(self.number());
    }

    fn number(&self) -> usize {
        // Descriptors are not negative.
        self.as_fd().as_raw_fd() as usize
    }

    /// Whether an idle connection has been reported since its release.
    pub(crate) fn is_reported(&self) -> bool {
        owners::is_reported(self.number())
    }

    /// Whether the last call stopped although more may be there, because its turn was over.
    pub(crate) fn has_yielded(&self) -> bool {
        match &self.channel {
            Channel::Plain(_) => false,
            #[cfg(feature = "tls")]
            Channel::Secured(secured) => secured.has_yielded(),
        }
    }

    /// Whether TLS itself has something to send, which the socket does not take.
    pub(crate) fn needs_room(&self) -> bool {
        match &self.channel {
            Channel::Plain(_) => false,
            #[cfg(feature = "tls")]
            Channel::Secured(secured) => secured.needs_room(),
        }
    }

    /// Whether an idle connection has been closed, or has received bytes that no request asked for.
    pub(crate) fn is_dead(&self) -> bool {
        match &self.channel {
            Channel::Plain(descriptor) => {
                let peeked = recv(descriptor, &mut [0; 1], RecvFlags::PEEK);
                !matches!(peeked, Err(Errno::AGAIN | Errno::INTR))
            }
            // Tickets for later sessions may have come.
            #[cfg(feature = "tls")]
            Channel::Secured(secured) => {
                let received = secured.recv(&mut [0; 1]);
                !received.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }
        }
    }

    /// Ends this side: the upstream reads the end after what has been sent.
    pub(crate) fn shutdown_write(&self) {
        self.close_notify();
        // If it fails, the upstream has closed the connection.
        let _ = shutdown(self, Shutdown::Write);
    }

    /// Tells the upstream that nothing more comes, where the protocol has words for it. Not to be
    /// called if a request was cut short.
    pub(crate) fn close_notify(&self) {
        #[cfg(feature = "tls")]
        if let Channel::Secured(secured) = &self.channel {
            secured.close_notify();
        }
    }

    /// Whether it is counted here.
    pub(crate) fn is_counted_in(&self, open: &Arc<OpenSockets>) -> bool {
        Arc::ptr_eq(&self.open, open)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.channel {
            Channel::Plain(descriptor) => descriptor.as_fd(),
            #[cfg(feature = "tls")]
            Channel::Secured(secured) => secured.socket.as_fd(),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.open.0.fetch_sub(1, Ordering::Relaxed);
    }
}
