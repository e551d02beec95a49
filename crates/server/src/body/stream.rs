//! Content that a closure writes while the response is under way.
//!
//! The closure holds a thread for as long as it runs, and waits there for a client that reads
//! slowly. Content that comes at long intervals belongs into a [channel](super::Body::channel),
//! whose connection holds none.

use super::trailers::trailer;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

/// Bytes that are gathered before they are sent.
const BUFFER: usize = 16 * 1024;

/// Writes content to a client. What is written is gathered and sent in larger pieces;
/// [`flush`](Write::flush) sends what there is.
///
/// Writing waits while the client reads slowly, and fails when it has left or takes less than the
/// [slowest rate](crate::Timeouts::slowest).
pub struct StreamWriter<'a> {
    buffer: Vec<u8>,
    trailers: HeaderMap,
    send: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
}

/// What writes the content.
pub(crate) type Producer = Box<dyn FnOnce(&mut StreamWriter<'_>) -> io::Result<()> + Send>;

impl<'a> StreamWriter<'a> {
    pub(crate) fn new(send: &'a mut dyn FnMut(&[u8]) -> io::Result<()>) -> Self {
        StreamWriter {
            buffer: Vec::with_capacity(BUFFER),
            trailers: HeaderMap::new(),
            send,
        }
    }

    /// Adds a trailer field (RFC 9110 §6.5), which is sent behind the content: for what is known
    /// only then, such as a checksum or how long it took. A client that did not ask for trailer
    /// fields with `TE: trailers`, or that speaks HTTP/1.0, gets none. The field Trailer announces
    /// them.
    ///
    /// ```
    /// use std::io::Write;
    /// use tinyhttp_server::Response;
    ///
    /// let response = Response::stream(|out| {
    ///     out.write_all(b"content")?;
    ///     out.trailer("server-timing", "render;dur=3")
    /// });
    /// let mut response = response.with_header("trailer", "server-timing");
    /// assert_eq!(std::io::read_to_string(response.body_mut())?, "content");
    /// assert_eq!(response.body().trailers()["server-timing"], "render;dur=3");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for an invalid name or value, and for a field
    /// that is needed before the content (RFC 9110 §6.5.1), such as Content-Type or Set-Cookie.
    pub fn trailer<N, V>(&mut self, name: N, value: V) -> io::Result<()>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let field = trailer(name, value);
        let (name, value) =
            field.map_err(|invalid| io::Error::new(io::ErrorKind::InvalidInput, invalid))?;
        self.trailers.append(name, value);
        Ok(())
    }

    pub(super) fn take_trailers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.trailers)
    }
}

impl Write for StreamWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() >= BUFFER {
            (self.send)(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let sent = (self.send)(&self.buffer);
        self.buffer.clear();
        sent
    }
}

impl fmt::Debug for StreamWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWriter")
            .field("buffered", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

/// Runs a producer on a thread of its own and reads what it writes: for content that is not sent to
/// a client but read, by a test or by a layer that changes it.
pub(crate) fn reader(producer: Producer) -> impl Read + Send + 'static {
    let (sender, receiver) = sync_channel(1);
    let failed = sender.clone();
    let work = move || {
        let mut send = |piece: &[u8]| {
            let left = |_| io::Error::from(io::ErrorKind::BrokenPipe);
            sender.send(Ok(piece.to_vec())).map_err(left)
        };
        let mut writer = StreamWriter::new(&mut send);
        let written = producer(&mut writer).and_then(|()| writer.flush());
        if let Err(error) = written {
            // Without a reader there is no use for the error.
            let _ = failed.send(Err(error));
        }
    };
    let (thread, failure) = match thread::Builder::new().spawn(work) {
        Ok(thread) => (Some(thread), None),
        Err(error) => (None, Some(error)),
    };
    Pieces {
        receiver,
        current: io::Cursor::default(),
        thread,
        failure,
    }
}

struct Pieces {
    receiver: Receiver<io::Result<Vec<u8>>>,
    current: io::Cursor<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
    failure: Option<io::Error>,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        loop {
            let length = self.current.read(into)?;
            if length > 0 || into.is_empty() {
                return Ok(length);
            }
            match self.receiver.recv() {
                Ok(piece) => self.current = io::Cursor::new(piece?),
                Err(_) => return self.end(),
            }
        }
    }
}

impl Pieces {
    /// The end of the content, unless the producer panicked: then what was read is incomplete.
    fn end(&mut self) -> io::Result<usize> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(io::Error::other("the closure that writes it panicked")),
            Some(Ok(())) | None => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_writes_are_sent_together() {
        let mut pieces = Vec::new();
        let mut send = |piece: &[u8]| {
            pieces.push(piece.len());
            Ok(())
        };
        let mut writer = StreamWriter::new(&mut send);
        for _ in 0..3 {
            writer.write_all(&[0; BUFFER / 2]).unwrap();
        }
        writer.flush().unwrap();
        writer.flush().unwrap();
        writer.write_all(b"x").unwrap();
        writer.write_all(&[0; 2 * BUFFER]).unwrap();
        assert_eq!(pieces, [BUFFER, BUFFER / 2, 1, 2 * BUFFER]);
    }

    #[test]
    fn a_producer_can_be_read() {
        let mut content = Vec::new();
        let lines: Producer =
            Box::new(|out| (0..10_000).try_for_each(|line| writeln!(out, "{line}")));
        reader(lines).read_to_end(&mut content).unwrap();
        assert!(content.starts_with(b"0\n1\n") && content.ends_with(b"9999\n"));
        let fails: Producer = Box::new(|out| {
            out.write_all(b"some")?;
            out.flush()?;
            Err(io::Error::other("broken"))
        });
        let error = reader(fails).read_to_end(&mut content).unwrap_err();
        assert_eq!(error.to_string(), "broken");
        assert!(content.ends_with(b"some"));
        // What a panic has cut short does not look complete.
        let panics: Producer = Box::new(|out| {
            out.write_all(b"more")?;
            out.flush()?;
            panic!("in the middle")
        });
        let error = reader(panics).read_to_end(&mut content).unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
        assert!(content.ends_with(b"more"));
    }
}
