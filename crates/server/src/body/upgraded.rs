//! A connection that has left HTTP for another protocol (RFC 9110 §7.8).

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

/// The socket of a connection after `101 Switching Protocols`: bytes in both directions, over TLS
/// where the request came over TLS.
///
/// Reading and writing block. [`try_clone`](Self::try_clone) makes a second handle, so that one
/// thread can read while another writes. The connection ends when the closure that
/// [`Request::upgrade`](crate::Request::upgrade) was given returns.
pub struct Upgraded {
    socket: Arc<dyn Socket>,
    /// Bytes that came behind the request.
    early: io::Cursor<Vec<u8>>,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

/// What the connection provides.
pub(crate) trait Socket: Send + Sync {
    /// Receives, and waits for `timeout` until there is something. Zero is the end.
    fn receive(&self, into: &mut [u8], timeout: Option<Duration>) -> io::Result<usize>;

    /// Sends, and waits for `timeout` until something has been sent.
    fn send(&self, bytes: &[u8], timeout: Option<Duration>) -> io::Result<usize>;

    /// Ends the sending half.
    fn shutdown_write(&self) -> io::Result<()>;
}

impl Upgraded {
    pub(crate) fn new(socket: Arc<dyn Socket>, early: Vec<u8>, write_timeout: Duration) -> Self {
        Upgraded {
            socket,
            early: io::Cursor::new(early),
            read_timeout: None,
            write_timeout: Some(write_timeout),
        }
    }

    /// Sets how long a read waits; without a limit unless set. A read that takes longer fails with
    /// [`TimedOut`](io::ErrorKind::TimedOut), and can be tried again.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read_timeout = timeout;
    }

    /// Sets how long a write waits for a client that takes nothing;
    /// [`Timeouts::write`](crate::Timeouts::write) unless set.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.write_timeout = timeout;
    }

    /// Another handle of the same socket. Bytes that were received already stay with this one.
    #[must_use]
    pub fn try_clone(&self) -> Self {
        Upgraded {
            socket: Arc::clone(&self.socket),
            early: io::Cursor::default(),
            ..*self
        }
    }

    /// Ends the sending half: the client reads the end after what has been sent.
    ///
    /// # Errors
    /// If the client has closed the connection.
    pub fn shutdown_write(&self) -> io::Result<()> {
        self.socket.shutdown_write()
    }
}

impl Read for Upgraded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let early = self.early.read(into)?;
        if early > 0 || into.is_empty() {
            return Ok(early);
        }
        self.socket.receive(into, self.read_timeout)
    }
}

impl Write for Upgraded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.send(bytes, self.write_timeout)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded")
            .field("read_timeout", &self.read_timeout)
            .field("write_timeout", &self.write_timeout)
            .finish_non_exhaustive()
    }
}

/// What runs after the switch.
pub(crate) struct Switch {
    /// Bytes that came behind the request.
    pub(crate) early: Vec<u8>,
    pub(crate) run: Box<dyn FnOnce(Upgraded) + Send>,
}
