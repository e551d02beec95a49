//! A response: its head, and its content as a stream.

use crate::client::Client;
use crate::deadline::Deadline;
use crate::decode::{Coding, Decoder};
use crate::error::{Error, Phase, WrongPart};
use crate::exchange::{Exchange, Head};
use crate::origin::Origin;
use crate::trace::{Recorder, Trace};
use http::{HeaderMap, StatusCode, Version};
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tinyhttp_message::BodyLength;
use url::Url;

/// What [`Response::bytes`] and [`Response::text`] hold in memory at most: 256 MiB.
const IN_MEMORY: u64 = 256 * 1024 * 1024;
/// How much of the content of a redirect is read, so that its connection can be used again.
const DRAIN: u64 = 64 * 1024;
/// How long that may take; a new connection is quicker than that.
const DRAIN_PATIENCE: Duration = Duration::from_millis(250);

/// A final response. Its content is read from it, as it arrives.
pub struct Response {
    head: http::Response<()>,
    reason: String,
    raw: Vec<u8>,
    url: Url,
    recorder: Recorder,
    content: Content,
}

impl Response {
    pub(crate) fn new(head: Head, url: Url, recorder: Recorder, content: Content) -> Self {
        let mut parts = http::Response::new(());
        *parts.status_mut() = head.status;
        *parts.version_mut() = head.version;
        *parts.headers_mut() = head.fields;
        Response {
            head: parts,
            reason: head.reason,
            raw: head.raw,
            url,
            recorder,
            content,
        }
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.head.status()
    }

    /// The phrase behind the status code, as the server wrote it.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The version of HTTP that the server speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head.version()
    }

    /// The fields, duplicates kept.
    #[must_use]
    pub fn fields(&self) -> &HeaderMap {
        self.head.headers()
    }

    /// The first value of a field, if there is one and it is text.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields().get(name)?.to_str().ok()
    }

    /// The head as it came over the wire, with the blank line.
    #[must_use]
    pub fn raw_head(&self) -> &[u8] {
        &self.raw
    }

    /// The URL that was fetched in the end, after all redirects.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// How the end of the content is found.
    #[must_use]
    pub fn length(&self) -> BodyLength {
        self.content.length
    }

    /// What happened so far, and when.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.recorder.trace()
    }

    /// Fields that came after the content; none before it has been read.
    #[must_use]
    pub fn trailers(&self) -> HeaderMap {
        self.content.trailers()
    }

    /// Whether a content coding is being undone, so that the length of what is read isn't that of
    /// what was sent.
    #[must_use]
    pub fn is_decoded(&self) -> bool {
        self.content.is_decoded()
    }

    /// The whole content, up to 256 MiB of it; read from the response to have more, or to have it
    /// sooner.
    ///
    /// # Errors
    /// [`Error::TooLarge`], and whatever keeps the content from arriving.
    pub fn bytes(mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        (&mut self.content)
            .take(IN_MEMORY + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| {
                Error::from_io(error).unwrap_or_else(|source| Error::Content { source })
            })?;
        if bytes.len() as u64 > IN_MEMORY {
            return Err(Error::TooLarge { limit: IN_MEMORY });
        }
        Ok(bytes)
    }

    /// The whole content, which has to be UTF-8; otherwise as [`Response::bytes`].
    ///
    /// # Errors
    /// [`Error::NotText`], and those of [`Response::bytes`].
    pub fn text(self) -> Result<String, Error> {
        String::from_utf8(self.bytes()?).map_err(|_| Error::NotText)
    }

    /// The whole content, which has to be JSON for a value of that type; otherwise as
    /// [`Response::bytes`].
    ///
    /// # Errors
    /// [`Error::Decode`], and those of [`Response::bytes`].
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(self) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes()?).map_err(|error| Error::Decode {
            source: error.into(),
        })
    }

    /// The same in the vocabulary of the `http` crate.
    #[must_use]
    pub fn into_http(self) -> http::Response<Content> {
        self.head.map(|()| self.content)
    }
}

impl Read for Response {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("url", &self.url.as_str())
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

/// A response's content, read as it arrives. Errors of a read hold an [`Error`]; see
/// [`Error::from_io`].
///
/// When it has been read to its end, the connection goes back to the client's pool; when it is
/// dropped before, the connection is closed.
pub struct Content {
    source: Source,
    length: BodyLength,
    trailers: Trailers,
    /// The end of everything. Content that lies in a buffer already doesn't outlast it.
    total: Deadline,
}

enum Source {
    Wire(Box<Wire>),
    Decoded(Box<Decoder>),
}

/// Known once the content has been read.
type Trailers = Arc<Mutex<HeaderMap>>;

impl Content {
    pub(crate) fn new(
        wire: Wire,
        length: BodyLength,
        codings: Vec<Coding>,
        total: Deadline,
    ) -> Self {
        let trailers = wire.trailers.clone();
        let is_plain =
            codings.is_empty() || matches!(length, BodyLength::Empty | BodyLength::Known(0));
        Content {
            source: if is_plain {
                Source::Wire(Box::new(wire))
            } else {
                Source::Decoded(Box::new(Decoder::new(wire, codings)))
            },
            length,
            trailers,
            total,
        }
    }

    /// Fields that came after the content; none before it has been read.
    #[must_use]
    pub fn trailers(&self) -> HeaderMap {
        lock(&self.trailers).clone()
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
            Source::Wire(wire) => wire.read(buffer),
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

fn lock(trailers: &Trailers) -> MutexGuard<'_, HeaderMap> {
    // A map that is replaced as a whole is never half written.
    trailers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Content as it comes over the wire, and the way back to the pool.
pub(crate) struct Wire {
    exchange: Option<Exchange>,
    origin: Origin,
    client: Client,
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

impl Wire {
    pub(crate) fn new(exchange: Exchange, origin: Origin, client: Client) -> Self {
        let mut wire = Wire {
            exchange: Some(exchange),
            origin,
            client,
            trailers: Trailers::default(),
            part: None,
        };
        wire.recycle_if_complete();
        wire
    }

    /// The same content, which has to be that long if it is a part.
    pub(crate) fn expecting(mut self, part: Option<u64>) -> Self {
        self.part = part.map(|announced| Part {
            announced,
            received: 0,
        });
        self
    }

    /// Reads what is left if it is little and soon there, so that the connection can be used again.
    pub(crate) fn drain(mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.hurry(DRAIN_PATIENCE);
        }
        // If it fails the connection is closed, which is no loss.
        let _ = io::copy(&mut (&mut self).take(DRAIN), &mut io::sink());
    }

    fn recycle_if_complete(&mut self) {
        if let Some(exchange) = self.exchange.take_if(|exchange| exchange.is_complete()) {
            *lock(&self.trailers) = exchange.trailers().clone();
            self.client.recycle(&self.origin, exchange);
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.read_counted(buffer)?;
        if let Some(part) = self.part.as_mut().filter(|_| !buffer.is_empty())
            && let Err(error) = part.count(read)
        {
            self.exchange = None;
            return Err(error.into_io());
        }
        Ok(read)
    }
}

impl Wire {
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
                // There is nothing more to be had, and nothing to be kept.
                self.exchange = None;
                Err(error.into_io())
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.client.recycle(&self.origin, exchange);
        }
    }
}
