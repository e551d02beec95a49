//! Content of requests and responses: bytes in memory, part of a file, or a reader.
//!
//! | module | holds |
//! |---|---|
//! | `slice` | part of an open file, sent with `sendfile` |
//! | `concat` | content put together from segments |
//! | `open_file` | one descriptor for all readers of a file |
//! | `memfd` | a sealed copy of content in memory |
//! | `channel` | content that is sent piece by piece |
//! | `trailers` | fields behind the content |
//! | `stream` | content that a closure writes |
//! | `upgraded` | a connection that has switched protocols |
//! | `spool` | content that is collected in memory or in a file |
//! | `version` | what distinguishes versions of a file |

mod channel;
#[cfg(feature = "files")]
mod concat;
#[cfg(feature = "files")]
mod memfd;
#[cfg(feature = "files")]
mod open_file;
mod slice;
mod spool;
mod stream;
mod trailers;
mod upgraded;
#[cfg(feature = "files")]
mod version;

#[cfg(feature = "compression")]
pub(crate) use channel::Transform;
pub(crate) use channel::{Received, Receiver, Waker};
pub use channel::{SendError, Sender};
#[cfg(feature = "files")]
pub(crate) use concat::{Concat, Segment};
#[cfg(feature = "files")]
pub(crate) use memfd::Memfd;
#[cfg(feature = "files")]
pub(crate) use open_file::OpenFile;
pub(crate) use slice::FileSlice;
pub(crate) use spool::Spool;
pub use stream::StreamWriter;
pub(crate) use stream::{Producer, reader};
pub(crate) use trailers::{Trailers, trailer};
pub use upgraded::Upgraded;
pub(crate) use upgraded::{Socket, Switch};
#[cfg(feature = "files")]
pub(crate) use version::{FileVersion, Kind, MASK};

use bytes::Bytes;
use http::HeaderMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

/// The content of a request or a response.
///
/// A handler reads a request's content with [`Read`]. For a response, [`From`] takes bytes in
/// memory, [`Body::file`] sends part of a file without copying it through the program, and
/// [`Body::reader`] sends what a reader yields.
#[derive(Default)]
pub struct Body {
    pub(crate) content: Content,
    /// What follows the content; `None` for nothing.
    pub(crate) trailers: Option<Trailers>,
}

/// Where the content is.
#[derive(Default)]
pub(crate) enum Content {
    #[default]
    Empty,
    Bytes(Bytes),
    File(FileSlice),
    Reader {
        reader: Box<dyn Read + Send>,
        length: Option<u64>,
    },
    Channel(Receiver),
    /// A closure that writes the content.
    Stream(Producer),
    /// No content: what is run once the head of a 101 has been sent.
    Switch(Box<Switch>),
}

impl Body {
    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Body::default()
    }

    /// `length` bytes of a file from `offset` on. If the file turns out to be shorter, the
    /// connection is closed, so that the client notices the missing bytes.
    #[must_use]
    pub fn file(file: Arc<File>, offset: u64, length: u64) -> Self {
        FileSlice::new(file, offset, length).into()
    }

    /// All bytes of a reader. A known `length` becomes Content-Length, and the reader must yield
    /// exactly that many bytes; otherwise the content is sent in chunks. An error of the reader
    /// closes the connection. A reader that computes for a long time before it can yield bytes
    /// should return [`io::ErrorKind::Interrupted`] now and then: it is read again, unless the
    /// client has left.
    pub fn reader(reader: impl Read + Send + 'static, length: Option<u64>) -> Self {
        let reader = Box::new(reader);
        Content::Reader { reader, length }.into()
    }

    /// Content that is sent piece by piece while the response is under way, such as events. A
    /// connection holds no thread while its sender is silent.
    ///
    /// ```
    /// use tinyhttp_server::Body;
    ///
    /// let (sender, body) = Body::channel();
    /// sender.send("data: hello\n\n")?;
    /// drop(sender);
    /// assert_eq!(std::io::read_to_string(body)?, "data: hello\n\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn channel() -> (Sender, Self) {
        let (sender, receiver) = channel::channel();
        let body = Body {
            trailers: Some(receiver.trailers()),
            content: Content::Channel(receiver),
        };
        (sender, body)
    }

    /// The same content; when its sender has been silent for that long, `piece` is sent.
    #[must_use]
    pub(crate) fn keep_alive(mut self, interval: Duration, piece: Bytes) -> Self {
        if let Content::Channel(receiver) = &mut self.content {
            receiver.set_keep_alive(interval, piece);
        }
        self
    }

    /// Content that a closure writes while the response is under way. See
    /// [`Response::stream`](crate::Response::stream).
    pub fn stream(
        write: impl FnOnce(&mut StreamWriter<'_>) -> io::Result<()> + Send + 'static,
    ) -> Self {
        let trailers = Trailers::default();
        let filled = trailers.clone();
        let produce = move |out: &mut StreamWriter<'_>| {
            write(out)?;
            filled.set(out.take_trailers());
            Ok(())
        };
        Body {
            content: Content::Stream(Box::new(produce)),
            trailers: Some(trailers),
        }
    }

    /// The trailer fields (RFC 9110 §6.5), which are known once the content has been read to its
    /// end: before that, and for content without any, there are none. They are not header fields,
    /// and what they say has not been checked by anything before the handler.
    ///
    /// ```
    /// use std::io::Read;
    /// use tinyhttp_server::{Error, Request};
    ///
    /// fn upload(mut request: Request<'_>) -> Result<String, Error> {
    ///     let mut content = Vec::new();
    ///     request.body_mut().read_to_end(&mut content)?;
    ///     let trailers = request.body().trailers();
    ///     let digest = trailers.get("content-digest").and_then(|value| value.to_str().ok());
    ///     Ok(format!("{} bytes, digest {}", content.len(), digest.unwrap_or("unknown")))
    /// }
    ///
    /// assert_eq!(upload(Request::post("/", "abc"))?, "3 bytes, digest unknown");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn trailers(&self) -> HeaderMap {
        self.trailers
            .as_ref()
            .map(Trailers::get)
            .unwrap_or_default()
    }

    /// The same content with these trailer fields behind it.
    pub(crate) fn with_trailers(mut self, trailers: Option<Trailers>) -> Self {
        self.trailers = trailers;
        self
    }

    /// The trailer fields, to be filled in.
    pub(crate) fn trailers_mut(&mut self) -> &Trailers {
        self.trailers.get_or_insert_default()
    }

    /// Whether this is read from elsewhere, so that it may not have arrived yet.
    pub(crate) fn is_unread(&self) -> bool {
        matches!(self.content, Content::Reader { .. })
    }

    /// The same content from where it is now, to be read once more; `None` if it can't be.
    #[cfg(feature = "gateway")]
    pub(crate) fn again(&self) -> Option<Body> {
        match &self.content {
            Content::Empty => Some(Body::empty()),
            Content::Bytes(bytes) => Some(bytes.clone().into()),
            Content::File(slice) => Some(slice.clone().into()),
            _ => None,
        }
    }

    pub(crate) fn switch(run: Box<dyn FnOnce(Upgraded) + Send>) -> Self {
        let early = Vec::new();
        Content::Switch(Box::new(Switch { early, run })).into()
    }

    /// Whether this is what is run after the connection has switched protocols.
    pub(crate) fn is_switch(&self) -> bool {
        matches!(self.content, Content::Switch(_))
    }

    /// The length in bytes, if it is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Empty | Content::Switch(_) => Some(0),
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::File(slice) => Some(slice.left),
            Content::Reader { length, .. } => *length,
            Content::Channel(_) | Content::Stream(_) => None,
        }
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::Empty | Content::Switch(_) => Ok(0),
            Content::Bytes(bytes) => {
                let length = bytes.len().min(into.len());
                into[..length].copy_from_slice(&bytes.split_to(length));
                Ok(length)
            }
            Content::File(slice) => slice.read(into),
            Content::Reader { reader, .. } => reader.read(into),
            Content::Channel(receiver) => receiver.read(into),
            Content::Stream(_) => {
                if let Content::Stream(producer) = std::mem::take(&mut self.content) {
                    self.content = Body::reader(reader(producer), None).content;
                }
                self.read(into)
            }
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.content {
            Content::Empty => "Empty",
            Content::Bytes(_) => "Bytes",
            Content::File(_) => "File",
            Content::Reader { .. } => "Reader",
            Content::Channel(_) => "Channel",
            Content::Stream(_) => "Stream",
            Content::Switch(_) => "Switch",
        };
        f.debug_struct("Body")
            .field("kind", &kind)
            .field("length", &self.length())
            .finish()
    }
}

impl From<Content> for Body {
    fn from(content: Content) -> Self {
        Body {
            content,
            trailers: None,
        }
    }
}

/// No content.
impl From<()> for Body {
    fn from((): ()) -> Self {
        Body::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Content::Bytes(bytes).into()
    }
}

impl From<FileSlice> for Body {
    fn from(slice: FileSlice) -> Self {
        Content::File(slice).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}
