//! What carries the bytes: a socket, or something wrapped around one.
//!
//! Sockets here never block. A caller that needs bytes tries, and waits in `poll` when there are
//! none; so one thread can wait for the response while it is still sending the request, and every
//! wait has a deadline.

#[cfg(any(feature = "tls", feature = "socks"))]
use crate::deadline::Deadline;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(windows)]
use std::os::windows::io::AsSocket as AsFd;
use std::time::Duration;

/// Bytes in both directions. `read` and `write` never block: they return `WouldBlock` instead.
pub(crate) trait Transport: Read + Write + Send {
    /// Waits until one of `interest` is possible (true), or until the time is up (false).
    fn wait(&mut self, interest: PollFlags, timeout: Option<Duration>) -> io::Result<bool>;

    /// The socket's own address; `None` for a Unix domain socket.
    fn local_address(&self) -> Option<SocketAddr>;
}

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    stream: S,
    /// The last read took all there was, so another one would only say so: wait first.
    drained: bool,
}

impl Socket<TcpStream> {
    /// Takes a stream that is already non-blocking.
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        Socket {
            stream,
            drained: true,
        }
    }
}

#[cfg(unix)]
impl Socket<UnixStream> {
    /// Connects to a Unix domain socket, which happens at once or not at all.
    pub(crate) fn unix(path: &std::path::Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_nonblocking(true)?;
        Ok(Socket {
            stream,
            drained: true,
        })
    }
}

/// Elsewhere std has no Unix domain sockets.
#[cfg(not(unix))]
impl Socket<TcpStream> {
    pub(crate) fn unix(_path: &std::path::Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl<S: Read> Read for Socket<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.drained {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.stream.read(buffer)?;
        self.drained = read > 0 && read < buffer.len();
        Ok(read)
    }
}

impl<S: Write> Write for Socket<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: Read + Write + AsFd + Send> Transport for Socket<S> {
    fn wait(&mut self, interest: PollFlags, timeout: Option<Duration>) -> io::Result<bool> {
        let ready = wait(&mut [PollFd::new(&self.stream, interest)], timeout)?;
        self.drained &= !ready;
        Ok(ready)
    }

    fn local_address(&self) -> Option<SocketAddr> {
        let address = rustix::net::getsockname(&self.stream).ok()?;
        address.try_into().ok()
    }
}

/// A transport that waits, up to a deadline: for handshakes, in which each side speaks in its turn.
#[cfg(any(feature = "tls", feature = "socks"))]
pub(crate) struct Blocking<'t> {
    transport: &'t mut dyn Transport,
    deadline: Deadline,
}

#[cfg(any(feature = "tls", feature = "socks"))]
impl<'t> Blocking<'t> {
    pub(crate) fn new(transport: &'t mut dyn Transport, deadline: Deadline) -> Self {
        Blocking {
            transport,
            deadline,
        }
    }

    fn persist<T>(
        &mut self,
        interest: PollFlags,
        mut attempt: impl FnMut(&mut dyn Transport) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match attempt(self.transport) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let ready = self.transport.wait(interest, self.deadline.left())?;
                    if !ready && self.deadline.has_passed() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                other => return other,
            }
        }
    }
}

#[cfg(any(feature = "tls", feature = "socks"))]
impl Read for Blocking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.persist(PollFlags::IN, |transport| transport.read(buffer))
    }
}

#[cfg(any(feature = "tls", feature = "socks"))]
impl Write for Blocking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.persist(PollFlags::OUT, |transport| transport.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.persist(PollFlags::OUT, |transport| transport.flush())
    }
}

/// Waits until one of the descriptors is ready (true), or until the time is up (false). Signals
/// don't interrupt the wait.
pub(crate) fn wait(descriptors: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<bool> {
    // A timeout that `poll` can't represent is no timeout.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    loop {
        match poll(descriptors, timeout.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
