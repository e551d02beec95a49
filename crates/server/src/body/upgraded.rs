//! A connection that has left HTTP for another protocol (RFC 9110 §7.8).

use crate::lock::Lock;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

/// The socket of a connection after `101 Switching Protocols`: bytes in both directions, over TLS
/// where the request came over TLS.
///
/// Reading and writing block. [`try_clone`](Self::try_clone) makes a second handle, so that one
/// thread can read while another writes. Several may write: a write sends all of its bytes before
/// another begins, so what is written with one call stays together. The connection ends when the
/// closure that [`Request::upgrade`](crate::Request::upgrade) was given returns.
pub struct Upgraded {
    socket: Arc<dyn Socket>,
    /// Held by the handle that writes.
    writing: Arc<Lock<()>>,
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
            writing: Arc::default(),
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
            writing: Arc::clone(&self.writing),
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
    /// Writes all of the bytes, or as many as the client takes before the time limit.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _writing = self.writing.lock();
        let mut sent = 0;
        while sent < bytes.len() {
            match self.socket.send(&bytes[sent..], self.write_timeout) {
                Ok(0) => break,
                Ok(count) => sent += count,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes one byte of each write, and times out after a few.
    struct Slow {
        taken: Lock<Vec<u8>>,
        limit: usize,
    }

    impl Socket for Slow {
        fn receive(&self, _: &mut [u8], _: Option<Duration>) -> io::Result<usize> {
            Ok(0)
        }

        fn send(&self, bytes: &[u8], _: Option<Duration>) -> io::Result<usize> {
            std::thread::yield_now();
            let mut taken = self.taken.lock();
            if taken.len() == self.limit {
                return Err(io::ErrorKind::TimedOut.into());
            }
            taken.push(bytes[0]);
            Ok(1)
        }

        fn shutdown_write(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow(limit: usize) -> (Arc<Slow>, Upgraded) {
        let taken = Lock::default();
        let socket = Arc::new(Slow { taken, limit });
        let upgraded = Upgraded::new(Arc::clone(&socket) as _, Vec::new(), Duration::MAX);
        (socket, upgraded)
    }

    #[test]
    fn writes_of_several_handles_stay_whole() {
        let (socket, upgraded) = slow(usize::MAX);
        std::thread::scope(|scope| {
            for letter in b'a'..b'e' {
                let mut handle = upgraded.try_clone();
                scope.spawn(move || {
                    for _ in 0..20 {
                        handle.write_all(&[letter; 50]).unwrap();
                    }
                });
            }
        });
        let taken = socket.taken.lock();
        assert_eq!(taken.len(), 4 * 20 * 50);
        for write in taken.chunks(50) {
            assert_eq!(write, [write[0]; 50]);
        }
    }

    #[test]
    fn a_write_tells_what_it_sent_before_the_client_took_no_more() {
        let (_, mut upgraded) = slow(3);
        assert_eq!(upgraded.write(b"12345").unwrap(), 3);
        let error = upgraded.write(b"45").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
