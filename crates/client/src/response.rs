//! A response: its head, and its content as a stream.

use crate::content::Content;
use crate::error::Error;
use crate::exchange::Head;
use crate::trace::{Recorder, Trace};
use http::{HeaderMap, StatusCode, Version};
use std::fmt;
use std::io::{self, Read};
use tinyhttp_message::BodyLength;
use url::Url;

/// What [`Response::bytes`] and [`Response::text`] hold in memory at most: 256 MiB.
const IN_MEMORY: u64 = 256 * 1024 * 1024;

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
        self.content.length()
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
