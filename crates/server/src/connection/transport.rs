//! The socket of a connection: with `Secured`, the only code of the server that reads from one or
//! writes to one.
//!
//! A clone refers to the same socket, so that a request's body can read from it while a handler
//! runs.

use super::more::More;
use crate::body::Waker;
#[cfg(feature = "gateway")]
use crate::poller::alarm::Alarm;
use crate::poller::{Interest, Poller};
#[cfg(feature = "tls")]
use crate::tls::{Agreed, ClientCertificate, Handshake, SENT, Secured, TlsHandle};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
#[cfg(any(feature = "files", feature = "gateway"))]
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::{
    RecvFlags, SendAncillaryBuffer, Shutdown, getsockname, recv, send, sendmsg, shutdown, sockopt,
};
use std::fs::File;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
#[cfg(any(test, not(any(feature = "files", feature = "gateway"))))]
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of a file that are sent in one call.
const FILE_PIECE: u64 = 1024 * 1024;

/// Bytes of a file that are copied at once.
#[cfg(any(test, not(any(feature = "files", feature = "gateway"))))]
const COPIED: usize = 64 * 1024;

/// Carries bytes between this side and the client. No call but [`Transport::wait`] blocks.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    /// The bytes of the messages are the bytes on the socket.
    Plain(Arc<OwnedFd>),
    /// The bytes on the socket are TLS.
    #[cfg(feature = "tls")]
    Secured(Arc<Secured>),
}

/// What [`Transport::wait`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Input,
    Room,
}

impl Transport {
    pub(crate) fn plain(socket: OwnedFd) -> Self {
        Transport::Plain(Arc::new(socket))
    }

    fn socket(&self) -> &Arc<OwnedFd> {
        match self {
            Transport::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Transport::Secured(secured) => &secured.socket,
        }
    }

    /// The number by which the poller reports this socket.
    pub(crate) fn token(&self) -> u64 {
        // Descriptors are not negative.
        self.socket().as_raw_fd() as u64
    }

    /// What has the poller report this socket as soon as it takes more, unless it has been closed.
    pub(super) fn waker(&self, poller: &Arc<Poller>) -> Waker {
        let (poller, token) = (Arc::clone(poller), self.token());
        let socket = Arc::downgrade(self.socket());
        Box::new(move || {
            if let Some(socket) = socket.upgrade() {
                if let Err(error) = poller.arm(&*socket, token, Interest::Writable) {
                    log::debug!("a connection could not be woken: {error}");
                }
            }
        })
    }

    /// What has this connection get a turn, unless it has been closed.
    #[cfg(feature = "gateway")]
    pub(super) fn alarm(&self, poller: &Arc<Poller>) -> Alarm {
        Alarm::new(poller, self.socket(), self.token())
    }

    /// Receives what has come, up to the length of `buffer`. Zero is the end of the client's side.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing has come; otherwise the connection is
    /// broken. With TLS, also [`Interrupted`](io::ErrorKind::Interrupted): more may be there, but
    /// the turn is over.
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(_) => self.recv_raw(buffer),
            #[cfg(feature = "tls")]
            Transport::Secured(secured) => secured.recv(buffer),
        }
    }

    /// What the last [`recv`](Transport::recv) has received beyond its buffer. Only TLS has such
    /// bytes, and the poller does not report them.
    pub(super) fn take_rest(&self) -> Vec<u8> {
        match self {
            Transport::Plain(_) => Vec::new(),
            #[cfg(feature = "tls")]
            Transport::Secured(secured) => secured.take_rest(),
        }
    }

    /// Whether the socket may hold more although the last [`recv`](Transport::recv) did not fill
    /// its buffer.
    pub(super) fn has_more(&self) -> bool {
        match self {
            Transport::Plain(_) => false,
            #[cfg(feature = "tls")]
            Transport::Secured(secured) => secured.has_more(),
        }
    }

    /// Sends what is taken at once, removes it, and returns how much that was. An error is left to
    /// what sends next.
    pub(super) fn send_now(&self, bytes: &mut Vec<u8>) -> u64 {
        let mut total = 0;
        while !bytes.is_empty() {
            match self.send(&[IoSlice::new(bytes)], More::Unknown) {
                Ok(sent) => {
                    bytes.drain(..sent);
                    total += sent as u64;
                }
                Err(_) => break,
            }
        }
        total
    }

    /// Receives the bytes on the socket, whatever they mean. As [`recv`](Transport::recv).
    pub(super) fn recv_raw(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match recv(self.socket(), &mut *buffer, RecvFlags::empty()) {
                Ok((length, _)) => return Ok(length),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether received bytes are waiting to be read.
    pub(crate) fn peek(&self) -> bool {
        let peeked = recv(self.socket(), &mut [0; 1], RecvFlags::PEEK);
        matches!(peeked, Ok((1.., _)))
    }

    /// Sends from the start of `slices` and returns the number of bytes that the socket took.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if the socket is full; otherwise the connection is
    /// broken.
    pub(crate) fn send(&self, slices: &[IoSlice<'_>], more: More) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Transport::Secured(secured) = self {
            return secured.send(slices, more.flags());
        }
        let flags = more.flags();
        loop {
            let sent = match slices {
                [one] => send(self.socket(), one, flags),
                several => {
                    let mut no_control = SendAncillaryBuffer::default();
                    sendmsg(self.socket(), several, &mut no_control, flags)
                }
            };
            match sent {
                Err(Errno::INTR) => {}
                sent => return Ok(sent?),
            }
        }
    }

    /// Sends up to `length` bytes of a file from `offset` on, and advances `offset`.
    ///
    /// # Errors
    /// As [`Transport::send`], and those of reading the file.
    pub(crate) fn send_file(
        &self,
        file: &File,
        offset: &mut u64,
        length: usize,
    ) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Transport::Secured(secured) = self {
            return secured.send_file(file, offset, length);
        }
        #[cfg(any(feature = "files", feature = "gateway"))]
        loop {
            match sendfile(self.socket(), file, Some(offset), length) {
                Err(Errno::INTR) => {}
                sent => return Ok(sent?),
            }
        }
        // Where hardly any content is a file, it is copied: `sendfile` comes with all calls that
        // concern files, which take a second to build.
        #[cfg(not(any(feature = "files", feature = "gateway")))]
        self.copy_file(file, offset, length)
    }

    /// Reads a piece of a file, and sends what the socket takes of it. As
    /// [`send_file`](Transport::send_file).
    #[cfg(any(test, not(any(feature = "files", feature = "gateway"))))]
    fn copy_file(&self, file: &File, offset: &mut u64, length: usize) -> io::Result<usize> {
        let mut piece = vec![0; length.min(COPIED)];
        let read = file.read_at(&mut piece, *offset)?;
        if read == 0 {
            return Ok(0);
        }
        let sent = self.send(&[IoSlice::new(&piece[..read])], More::Unknown)?;
        *offset += sent as u64;
        Ok(sent)
    }

    /// How many bytes of a file one call of [`send_file`](Transport::send_file) can take.
    pub(super) fn file_piece(&self) -> u64 {
        match self {
            Transport::Plain(_) => FILE_PIECE,
            #[cfg(feature = "tls")]
            Transport::Secured(_) => SENT as u64,
        }
    }

    /// Tells the client that nothing more comes, where the protocol has words for it. Not to be
    /// called if a response was cut short.
    pub(super) fn close_notify(&self) {
        #[cfg(feature = "tls")]
        if let Transport::Secured(secured) = self {
            secured.close_notify();
        }
    }

    /// Ends this side: the client reads the end after what has been sent.
    ///
    /// # Errors
    /// If the client has closed the connection.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        self.close_notify();
        Ok(shutdown(self.socket(), Shutdown::Write)?)
    }

    /// Ends both sides: whatever waits for the socket or uses it learns that it has ended.
    pub(crate) fn shutdown(&self) {
        self.close_notify();
        // If it fails, the client has closed the connection.
        let _ = shutdown(self.socket(), Shutdown::Both);
    }

    /// Has the kernel reset the connection when it is closed, so that the client cannot take the
    /// end of the connection for the end of the content.
    pub(crate) fn reset_on_close(&self) {
        // If it fails, the client has closed the connection.
        let _ = sockopt::set_socket_linger(self.socket(), Some(Duration::ZERO));
    }

    /// The address of this side, if it is an internet address.
    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        let address = getsockname(self.socket()).ok()?;
        SocketAddr::try_from(address).ok()
    }

    /// Whether the client has closed the connection, or its sending half. A client that sends
    /// nothing more while a response is being made has left in all likelihood.
    pub(crate) fn has_ended(&self) -> bool {
        self.is(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR)
    }

    /// Whether the connection is known to carry nothing in either direction.
    #[cfg(feature = "gateway")]
    pub(super) fn is_broken(&self) -> bool {
        self.is(PollFlags::HUP | PollFlags::ERR)
    }

    fn is(&self, flags: PollFlags) -> bool {
        let mut fds = [PollFd::new(self.socket(), PollFlags::RDHUP)];
        poll(&mut fds, Some(&Timespec::default())).is_ok() && fds[0].revents().intersects(flags)
    }

    /// Has the kernel find out whether the client is still there, if it is silent for very long.
    #[cfg(feature = "gateway")]
    pub(super) fn keep_alive(&self) {
        // Sockets work without it, and those of another kind have none.
        let _ = sockopt::set_socket_keepalive(self.socket(), true);
    }

    /// Blocks until the socket is ready, and returns what is left of `time` then.
    ///
    /// # Errors
    /// [`TimedOut`](io::ErrorKind::TimedOut) when `time` has passed.
    pub(crate) fn wait(&self, readiness: Readiness, time: Duration) -> io::Result<Duration> {
        let flags = match readiness {
            Readiness::Input => PollFlags::IN,
            Readiness::Room => PollFlags::OUT,
        };
        let since = Instant::now();
        loop {
            let left = time.saturating_sub(since.elapsed());
            let timeout = Timespec::try_from(left).ok();
            match poll(&mut [PollFd::new(self.socket(), flags)], timeout.as_ref()) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(time.saturating_sub(since.elapsed())),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// TLS.
#[cfg(feature = "tls")]
impl Transport {
    /// The first byte that has come, which stays in the socket. `None`: the client has ended its
    /// side.
    ///
    /// # Errors
    /// As [`recv`](Transport::recv).
    pub(super) fn first_byte(&self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let (length, _) = recv(self.socket(), &mut byte, RecvFlags::PEEK)?;
        Ok((length > 0).then_some(byte[0]))
    }

    pub(super) fn is_secured(&self) -> bool {
        matches!(self, Transport::Secured(_))
    }

    /// The same socket with TLS, before anything has been read from it.
    ///
    /// # Errors
    /// If rustls refuses its settings.
    pub(super) fn secured(&self, tls: &TlsHandle) -> io::Result<Self> {
        let secured = Secured::new(Arc::clone(self.socket()), (tls.session()?, Vec::new()));
        Ok(Transport::Secured(Arc::new(secured)))
    }

    /// Continues the handshake. As [`Secured::handshake`].
    pub(super) fn handshake(&self) -> io::Result<Handshake> {
        match self {
            Transport::Plain(_) => Ok(Handshake::Done),
            Transport::Secured(secured) => secured.handshake(),
        }
    }

    /// Whether the handshake waits for room in the socket.
    pub(super) fn needs_room(&self) -> bool {
        match self {
            Transport::Plain(_) => false,
            Transport::Secured(secured) => secured.needs_room(),
        }
    }

    /// Whether requests for `host` may come over this connection.
    pub(super) fn is_for(&self, host: &str) -> bool {
        match self {
            Transport::Plain(_) => true,
            Transport::Secured(secured) => secured.is_for(host),
        }
    }

    /// Whether the handshake only verified a name for an ACME server.
    pub(super) fn is_challenge(&self) -> bool {
        match self {
            Transport::Plain(_) => false,
            Transport::Secured(secured) => secured.is_challenge(),
        }
    }

    /// What the handshake agreed on.
    pub(super) fn agreed(&self) -> Option<Agreed> {
        match self {
            Transport::Plain(_) => None,
            Transport::Secured(secured) => secured.agreed(),
        }
    }

    /// The verified certificate of the client.
    pub(super) fn certificate(&self) -> Option<ClientCertificate> {
        match self {
            Transport::Plain(_) => None,
            Transport::Secured(secured) => secured.certificate(),
        }
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

/// Whether an error means only that the client has closed the connection.
pub(super) fn is_disconnect(error: &io::Error) -> bool {
    let gone = [
        Errno::PIPE,
        Errno::CONNRESET,
        Errno::CONNABORTED,
        Errno::TIMEDOUT,
    ];
    gone.iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn bytes_in_and_out() {
        let (mut client, socket) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let transport = Transport::plain(socket.into());
        let mut buffer = [0; 8];
        let nothing = transport.recv(&mut buffer).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        let late = transport
            .wait(Readiness::Input, Duration::ZERO)
            .unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        assert!(!transport.peek());
        client.write_all(b"abc").unwrap();
        assert!(transport.peek() && transport.wait(Readiness::Input, Duration::MAX).is_ok());
        assert_eq!(transport.recv(&mut buffer).unwrap(), 3);
        let slices = [IoSlice::new(b"de"), IoSlice::new(b"f")];
        assert_eq!(transport.send(&slices, More::Unknown).unwrap(), 3);
        assert_eq!(transport.send(&slices[..1], More::Follows).unwrap(), 2);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let mut offset = 4;
        assert_eq!(transport.send_file(&file, &mut offset, 3).unwrap(), 3);
        assert_eq!(offset, 7);
        assert_eq!(transport.copy_file(&file, &mut offset, 9).unwrap(), 3);
        assert_eq!(offset, 10);
        assert_eq!(transport.send_file(&file, &mut offset, 1).unwrap(), 0);
        assert_eq!(transport.copy_file(&file, &mut offset, 1).unwrap(), 0);
        assert!(transport.wait(Readiness::Room, Duration::MAX).is_ok());
        transport.shutdown_write().unwrap();
        let mut all = String::new();
        client.read_to_string(&mut all).unwrap();
        assert_eq!(all, "defde456789");
        assert!(!transport.has_ended());
        drop(client);
        assert!(transport.has_ended());
        assert_eq!(transport.recv(&mut buffer).unwrap(), 0);
    }
}
