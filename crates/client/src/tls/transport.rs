//! TLS records on their way through a transport that never blocks.

use super::failure::{TlsError, explain};
use crate::deadline::Deadline;
use crate::error::{Reason, TlsFailure};
use crate::transport::{Blocking, Transport};
use rustix::event::PollFlags;
use rustls::ClientConnection;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// Room for records read from the socket: enough for four of the largest.
const RECORDS: usize = 64 * 1024;

/// TLS over another transport.
pub(crate) struct TlsTransport {
    pub(super) tls: ClientConnection,
    below: Buffered,
}

impl TlsTransport {
    pub(super) fn new(tls: ClientConnection, below: Box<dyn Transport>) -> Self {
        TlsTransport {
            tls,
            below: Buffered::new(below),
        }
    }

    pub(super) fn shake_hands(&mut self, deadline: Deadline) -> Result<(), TlsError> {
        while self.tls.is_handshaking() {
            let mut blocking = Blocking::new(&mut self.below, deadline);
            if let Err(error) = self.tls.complete_io(&mut blocking) {
                return Err(match error.downcast::<rustls::Error>() {
                    Ok(error) => explain(&error),
                    Err(error) => TlsError {
                        failure: match error.kind() {
                            io::ErrorKind::TimedOut => TlsFailure::TimedOut,
                            _ => TlsFailure::Handshake,
                        },
                        reason: match error.kind() {
                            io::ErrorKind::UnexpectedEof => {
                                "the server closed the connection instead of answering".to_owned()
                            }
                            _ => Reason(&error).to_string(),
                        },
                    },
                });
            }
        }
        Ok(())
    }

    /// Hands records on to the transport below, as far as it takes them.
    fn send_records(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.below)?;
        }
        Ok(())
    }
}

impl Read for TlsTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            self.tls.read_tls(&mut self.below)?;
            self.tls.process_new_packets().map_err(io::Error::other)?;
            // An answer to what was read, such as new keys, may wait until there is something to
            // send.
            match self.send_records() {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }
}

impl Write for TlsTransport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.tls.writer().write(bytes)?;
        match self.send_records() {
            // What was taken will go out later; if nothing was, the caller has to wait.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock || taken == 0 => Err(error),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_records()?;
        self.below.flush()
    }
}

impl Transport for TlsTransport {
    fn wait(&mut self, mut interest: PollFlags, timeout: Option<Duration>) -> io::Result<bool> {
        if self.tls.wants_write() {
            interest |= PollFlags::OUT;
        }
        self.below.wait(interest, timeout)
    }

    fn local_address(&self) -> Option<SocketAddr> {
        self.below.local_address()
    }
}

/// Reads from the transport in large pieces: rustls asks for few bytes at a time.
struct Buffered {
    below: Box<dyn Transport>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffered {
    fn new(below: Box<dyn Transport>) -> Self {
        Buffered {
            below,
            bytes: vec![0; RECORDS],
            start: 0,
            end: 0,
        }
    }
}

impl Read for Buffered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            self.end = 0;
            self.start = 0;
            self.end = self.below.read(&mut self.bytes)?;
        }
        let length = buffer.len().min(self.end - self.start);
        buffer[..length].copy_from_slice(&self.bytes[self.start..self.start + length]);
        self.start += length;
        Ok(length)
    }
}

impl Write for Buffered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.below.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.below.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.below.flush()
    }
}

impl Transport for Buffered {
    fn wait(&mut self, interest: PollFlags, timeout: Option<Duration>) -> io::Result<bool> {
        // What has been read already needs no waiting for.
        if interest.contains(PollFlags::IN) && self.start < self.end {
            return Ok(true);
        }
        self.below.wait(interest, timeout)
    }

    fn local_address(&self) -> Option<SocketAddr> {
        self.below.local_address()
    }
}
