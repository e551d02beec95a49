//! The content of a response: read from the connection, which then goes back to the pool.

use crate::deadline::Deadline;
use crate::decode::{Decoder, Decoding};
use crate::error::{Error, Phase, WrongPart};
use crate::exchange::Exchange;
use crate::lock::Lock;
use crate::origin::Origin;
use crate::pool::Pool;
use http::HeaderMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;
use tinyhttp_message::BodyLength;

/// The most content of a redirect that is read so that its connection can be reused.
const DRAIN: u64 = 64 * 1024;
/// The most time for reading it; a new connection takes less.
const DRAIN_PATIENCE: Duration = Duration::from_millis(250);

/// A response's content, read as it arrives. Errors of a read hold an [`Error`]; see
/// [`Error::from_io`].
///
/// When it has been read to its end, the connection goes back to the client's pool; when it is
/// dropped before, the connection is closed.
pub struct Content {
    source: Source,
    length: BodyLength,
    trailers: Trailers,
    /// The deadline of the fetch, which bounds the reading of buffered content too.
    total: Deadline,
}

enum Source {
    /// The connection carries another protocol now.
    Nothing,
    Plain(Box<BodyReader>),
    Decoded(Box<Decoder>),
}

/// Known once the content has been read.
type Trailers = Arc<Lock<HeaderMap>>;

impl Content {
    pub(crate) fn new(
        reader: BodyReader,
        length: BodyLength,
        codings: Vec<Decoding>,
        total: Deadline,
    ) -> Self {
        let trailers = reader.trailers.clone();
        let is_plain =
            codings.is_empty() || matches!(length, BodyLength::Empty | BodyLength::Known(0));
        Content {
            source: if is_plain {
                Source::Plain(Box::new(reader))
            } else {
                Source::Decoded(Box::new(Decoder::new(reader, codings)))
            },
            length,
            trailers,
            total,
        }
    }

    /// No content.
    pub(crate) fn nothing(total: Deadline) -> Self {
        Content {
            source: Source::Nothing,
            length: BodyLength::Empty,
            trailers: Trailers::default(),
            total,
        }
    }

    /// How the end of the content is found.
    #[must_use]
    pub fn length(&self) -> BodyLength {
        self.length
    }

    /// Fields that came after the content; none before it has been read.
    #[must_use]
    pub fn trailers(&self) -> HeaderMap {
        self.trailers.lock().clone()
    }

    /// Whether a content coding is being undone, so that the length of what is read isn't that of
    /// what was sent.
    #[must_use]
    pub fn is_decoded(&self) -> bool {
        matches!(self.source, Source::Decoded(_))
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.total.has_passed() {
            return Err(self.total.error(Phase::Content, None).into_io());
        }
        match &mut self.source {
            Source::Nothing => Ok(0),
            Source::Plain(reader) => reader.read(buffer),
            Source::Decoded(decoder) => decoder.read(buffer),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Content as it arrives, and the way of the connection back to the pool.
pub(crate) struct BodyReader {
    exchange: Option<Exchange>,
    origin: Origin,
    pool: Arc<Pool>,
    trailers: Trailers,
    /// Bytes that are still to come of a part (206), if it is one.
    part: Option<Part>,
}

/// The bytes of a part, counted.
#[derive(Debug, Clone, Copy)]
struct Part {
    announced: u64,
    received: u64,
}

impl Part {
    /// Counts bytes that were read; none is the end.
    fn count(&mut self, read: usize) -> Result<(), Error> {
        self.received += read as u64;
        let sent = if self.received > self.announced {
            None
        } else if read == 0 && self.received < self.announced {
            Some(self.received)
        } else {
            return Ok(());
        };
        Err(Error::Part {
            reason: WrongPart::Length {
                announced: self.announced,
                sent,
            },
        })
    }
}

impl BodyReader {
    pub(crate) fn new(exchange: Exchange, origin: Origin, pool: Arc<Pool>) -> Self {
        let mut reader = BodyReader {
            exchange: Some(exchange),
            origin,
            pool,
            trailers: Trailers::default(),
            part: None,
        };
        reader.recycle_if_complete();
        reader
    }

    /// The same content, which has to be that long if it is a part.
    pub(crate) fn expecting(mut self, part: Option<u64>) -> Self {
        self.part = part.map(|announced| Part {
            announced,
            received: 0,
        });
        self
    }

    /// Reads the rest if it is short and arrives soon, so that the connection can be reused.
    pub(crate) fn drain(mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.tighten(DRAIN_PATIENCE);
        }
        // If it fails the connection is closed, which is no loss.
        let _ = io::copy(&mut (&mut self).take(DRAIN), &mut io::sink());
    }

    fn recycle_if_complete(&mut self) {
        if let Some(exchange) = self.exchange.take_if(|exchange| exchange.is_complete()) {
            *self.trailers.lock() = exchange.trailers().clone();
            self.pool.recycle(&self.origin, exchange);
        }
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.read_counted(buffer)?;
        if let Some(part) = self.part.as_mut().filter(|_| !buffer.is_empty()) {
            if let Err(error) = part.count(read) {
                self.exchange = None;
                return Err(error.into_io());
            }
        }
        Ok(read)
    }
}

impl BodyReader {
    fn read_counted(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(exchange) = &mut self.exchange else {
            return Ok(0);
        };
        match exchange.read(buffer) {
            Ok(read) => {
                self.recycle_if_complete();
                Ok(read)
            }
            Err(error) => {
                // The content can't be completed, and the connection can't be kept.
                self.exchange = None;
                Err(error.into_io())
            }
        }
    }
}

impl Drop for BodyReader {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.pool.recycle(&self.origin, exchange);
        }
    }
}
