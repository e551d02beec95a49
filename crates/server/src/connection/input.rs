//! Received bytes that a connection looks at during its turn.
//!
//! A worker has one buffer to read into, and lends it to each connection for a turn. A connection
//! keeps bytes of its own only while it is parked in the middle of something: these come back at
//! the start of its next turn, and what is read then is appended to them.

use super::transport::Transport;
use std::cell::Cell;
use std::io;

/// The number of bytes that are read at once: many small requests.
const BUFFER: usize = 16 * 1024;

/// A worker's read buffer, and the bytes of the connection that has its turn.
#[derive(Debug)]
pub(crate) struct Input {
    buffer: Box<[u8]>,
    /// The bytes of `buffer` that hold input.
    filled: usize,
    /// Input that is not in `buffer`. When there is any, there is none in `buffer`.
    kept: Vec<u8>,
    /// The bytes of the input that have been used.
    used: Cell<usize>,
}

impl Input {
    pub(crate) fn new() -> Self {
        Input {
            buffer: vec![0; BUFFER].into_boxed_slice(),
            filled: 0,
            kept: Vec::new(),
            used: Cell::new(0),
        }
    }

    /// The bytes that have not been used.
    pub(crate) fn unused(&self) -> &[u8] {
        match self.kept.is_empty() {
            true => &self.buffer[self.used.get()..self.filled],
            false => &self.kept[self.used.get()..],
        }
    }

    /// Marks the first `length` unused bytes as used.
    pub(super) fn consume(&self, length: usize) {
        self.used.set(self.used.get() + length);
    }

    /// Marks all bytes as used and returns those that were not.
    pub(super) fn take_unused(&self) -> Vec<u8> {
        let unused = self.unused().to_vec();
        self.consume(unused.len());
        unused
    }

    /// Replaces the input.
    pub(super) fn set(&mut self, bytes: Vec<u8>) {
        self.kept = bytes;
        self.filled = 0;
        self.used.set(0);
    }

    /// Receives more behind the unused bytes. Returns the number of bytes, and whether they filled
    /// the buffer, so that more may have come.
    ///
    /// # Errors
    /// As [`Transport::recv`].
    pub(super) fn receive(&mut self, transport: &Transport) -> io::Result<(usize, bool)> {
        if !self.unused().is_empty() {
            let unused = self.save();
            self.set(unused);
        }
        let length = transport.recv(&mut self.buffer)?;
        match self.kept.is_empty() {
            true => (self.filled, self.used) = (length, Cell::new(0)),
            false => self.kept.extend_from_slice(&self.buffer[..length]),
        }
        let is_full = length == self.buffer.len();
        if is_full {
            self.append(&transport.take_rest());
        }
        Ok((length, is_full || transport.has_more()))
    }

    /// Appends bytes that have been received already.
    fn append(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let mut unused = self.save();
            unused.extend_from_slice(bytes);
            self.set(unused);
        }
    }

    /// Empties the input and returns the unused bytes, in memory that holds little else.
    pub(super) fn save(&mut self) -> Vec<u8> {
        let used = self.used.replace(0);
        let filled = std::mem::take(&mut self.filled);
        let mut kept = std::mem::take(&mut self.kept);
        if kept.is_empty() {
            return self.buffer[used..filled.max(used)].to_vec();
        }
        kept.drain(..used);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn unused_bytes_come_before_received_ones() {
        let (mut client, socket) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let transport = Transport::plain(socket.into());
        let mut input = Input::new();
        assert!(input.receive(&transport).is_err());
        client.write_all(b"abcdef").unwrap();
        assert_eq!(input.receive(&transport).unwrap(), (6, false));
        input.consume(2);
        assert_eq!(input.unused(), b"cdef");
        client.write_all(b"gh").unwrap();
        assert_eq!(input.receive(&transport).unwrap(), (2, false));
        assert_eq!(input.unused(), b"cdefgh");
        input.consume(1);
        assert_eq!(input.save(), b"defgh");
        assert_eq!(input.unused(), b"");
        input.set(b"defgh".to_vec());
        input.consume(3);
        client.write_all(&[b'x'; BUFFER]).unwrap();
        assert_eq!(input.receive(&transport).unwrap(), (BUFFER, true));
        assert_eq!(input.unused().len(), BUFFER + 2);
        assert_eq!(input.take_unused().len(), BUFFER + 2);
        assert_eq!(input.unused(), b"");
        assert_eq!(input.save(), b"");
    }
}
