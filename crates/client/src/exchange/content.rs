//! Reading the content of a response: which of the bytes are its, and where it ends.

use super::Exchange;
use crate::error::Error;
use crate::trace::Event;
use http::{HeaderMap, HeaderName};
use tinyhttp_message::{BodyLength, Event as Received, FieldStorage};

impl Exchange {
    /// Reads some of the content; 0 at its end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let read = self.try_read(buffer).map_err(|error| self.give_up(error))?;
        self.received += read as u64;
        if read > 0 && self.connection.input.unread().is_empty() {
            // If that was the last byte, the connection is free now, not at the next read.
            self.receive_piece(buffer.len(), &mut |_| {})?;
        }
        Ok(read)
    }

    fn try_read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while !self.is_complete() {
            if self.connection.input.unread().is_empty() && self.length != BodyLength::Chunked {
                return self.read_directly(buffer);
            }
            let mut taken = 0;
            let progress = self.receive_piece(buffer.len(), &mut |content| {
                buffer[..content.len()].copy_from_slice(content);
                taken = content.len();
            })?;
            if taken > 0 {
                return Ok(taken);
            }
            if !progress && self.fill(None)? == 0 {
                return self.end_of_input();
            }
        }
        Ok(0)
    }

    /// Content without chunks goes straight to where it is wanted.
    fn read_directly(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let read = self.fill(Some(buffer))?;
        if read == 0 {
            return self.end_of_input();
        }
        let mut storage = FieldStorage::new();
        let received = &buffer[..read];
        let (used, _) = self
            .connection
            .protocol
            .receive(received, &mut storage)
            .map_err(|source| Error::Protocol {
                peer: self.connection.peer.clone(),
                source,
            })?;
        // What lies beyond the content's end isn't content.
        self.connection.input.put_back(&received[used..]);
        Ok(used)
    }

    /// Shows the grammar what has been read, at most `window` bytes of it; whether it made anything
    /// of that.
    pub(super) fn receive_piece(
        &mut self,
        window: usize,
        content: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, Error> {
        let connection = &mut self.connection;
        let unread = connection.input.unread();
        // A trailer section is looked at whole: then there is no content for which the window would
        // be too small.
        for window in [window.min(unread.len()), unread.len()] {
            let mut storage = FieldStorage::new();
            let (used, event) = connection
                .protocol
                .receive(&unread[..window], &mut storage)
                .map_err(|source| Error::Protocol {
                    peer: connection.peer.clone(),
                    source,
                })?;
            for deviation in connection.protocol.take_deviations().iter() {
                self.recorder.emit(&Event::Tolerated(deviation));
            }
            let progress = match event {
                Received::Content(piece) => {
                    content(piece);
                    true
                }
                Received::End(trailers) => {
                    if !trailers.is_empty() {
                        let raw = trailer_lines(&unread[..used], &trailers);
                        self.recorder.emit(&Event::Trailers(&raw));
                    }
                    self.trailers = trailers;
                    true
                }
                _ => used > 0,
            };
            if progress {
                connection.input.consume(used);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn end_of_input(&mut self) -> Result<usize, Error> {
        match self.connection.protocol.end_of_input() {
            Ok(()) => {
                self.has_ended = true;
                Ok(0)
            }
            Err(_) => Err(Error::Incomplete {
                peer: self.connection.peer.clone(),
                received: self.received,
                expected: match self.length {
                    BodyLength::Known(length) => Some(length),
                    _ => None,
                },
            }),
        }
    }
}

/// The lines of the trailer fields among the bytes that end chunked content, each with CRLF. A
/// folded line keeps its continuations.
fn trailer_lines(bytes: &[u8], trailers: &HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut is_field = false;
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            let name = line.iter().position(|byte| *byte == b':');
            let name =
                name.and_then(|colon| HeaderName::from_bytes(line[..colon].trim_ascii()).ok());
            is_field = name.is_some_and(|name| trailers.contains_key(name));
        }
        if is_field {
            lines.extend_from_slice(line);
            lines.extend_from_slice(b"\r\n");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailer_lines_are_kept_as_they_came() {
        let table = r"
            x-sum | 0\r\nX-Sum: 1\r\n\r\n => X-Sum: 1\r\n
            a b | \r\n0;a=b\r\nB:2\r\nA: 1\r\n\r\n => B:2\r\nA: 1\r\n
            a b | 0\nA: 1\n  2\nB: 3\n\n => A: 1\r\n  2\r\nB: 3\r\n
            | 0\r\n\r\n =>
        ";
        for (case, want) in table::cases(table) {
            let (names, bytes) = case.split_once('|').unwrap();
            let (names, bytes) = (names.split_whitespace(), table::bytes(bytes.trim_start()));
            let trailers = names
                .map(|name| (HeaderName::from_static(name), "x".parse().unwrap()))
                .collect();
            assert_eq!(
                trailer_lines(&bytes, &trailers),
                table::bytes(want),
                "{case}"
            );
        }
    }
}
