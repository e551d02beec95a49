//! A response: its head, and its content as a stream.

use crate::content::Content;
use crate::error::Error;
use crate::exchange::Head;
use crate::stream::Stream;
use crate::trace::{Recorder, Trace};
use http::{HeaderMap, StatusCode, Version};
use std::fmt;
use std::io::{self, Read};
use tinyhttp_message::BodyLength;
use url::Url;

/// What [`Response::bytes`] and [`Response::text`] hold in memory at most: 256 MiB.
const IN_MEMORY: u64 = 256 * 1024 * 1024;

/// A final response. Its content is read from it, as it arrives, or as a whole by
/// [`Response::bytes`] and [`Response::text`].
///
/// ```
/// # use std::io::{Read, Write};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let url = format!("http://{}/", listener.local_addr()?);
/// # let server = std::thread::spawn(move || {
/// #     let (mut stream, _) = listener.accept().unwrap();
/// #     stream.read(&mut [0; 1024]).unwrap();
/// #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
/// # });
/// let mut response = tinyhttp_client::get(&url).send()?;
/// let mut file = Vec::new();
/// assert_eq!(std::io::copy(&mut response, &mut file)?, 5);
/// # server.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Response {
    head: http::Response<()>,
    reason: String,
    raw: Vec<u8>,
    url: Url,
    recorder: Recorder,
    content: Content,
    upgraded: Option<Stream>,
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
            upgraded: None,
        }
    }

    /// The response 101, after which the connection carries another protocol.
    pub(crate) fn upgraded(mut self, stream: Stream) -> Self {
        self.upgraded = Some(stream);
        self
    }

    /// The status code (RFC 9110 §15). Redirects that were followed, and interim responses, are in
    /// the [`trace`](Self::trace).
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.head.status()
    }

    /// The phrase behind the status code, as the server wrote it.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The version in the status line: HTTP/1.0 or HTTP/1.1.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head.version()
    }

    /// The header fields; several lines of one name are several values, in their order. With a
    /// feature for a content coding, Content-Encoding and Content-Length are those that were sent,
    /// while the content is read decoded.
    #[must_use]
    pub fn fields(&self) -> &HeaderMap {
        self.head.headers()
    }

    /// The first value of a field, if there is one and it is text.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields().get(name)?.to_str().ok()
    }

    /// The fields, as [`Response::fields`].
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.fields()
    }

    /// The first value of a field, as [`Response::field`].
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.field(name)
    }

    /// Makes an error of a status code of 400 or more.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// # let url = format!("http://{}/missing", listener.local_addr().unwrap());
    /// # let server = std::thread::spawn(move || {
    /// #     let (mut stream, _) = listener.accept().unwrap();
    /// #     stream.read(&mut [0; 1024]).unwrap();
    /// #     stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
    /// # });
    /// let error = tinyhttp_client::get(&url).send()?.error_for_status().unwrap_err();
    /// assert_eq!(error.to_string(), format!("404 Not Found: {url}"));
    /// # server.join().unwrap();
    /// # Ok::<(), tinyhttp_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Status`].
    pub fn error_for_status(self) -> Result<Self, Error> {
        let status = self.status();
        if status.is_client_error() || status.is_server_error() {
            return Err(Error::Status {
                status,
                reason: self.reason,
                url: self.url.into(),
            });
        }
        Ok(self)
    }

    /// The connection after `101 Switching Protocols` (RFC 9110 §15.2.2), for the protocol that
    /// [`RequestBuilder::upgrade`](crate::RequestBuilder::upgrade) asked for and the `Upgrade`
    /// field of this response names.
    ///
    /// ```
    /// # use std::net::TcpListener;
    /// # let listener = TcpListener::bind("127.0.0.1:0")?;
    /// # let url = format!("http://{}/", listener.local_addr()?);
    /// # let server = std::thread::spawn(move || {
    /// #     let (mut stream, _) = listener.accept().unwrap();
    /// #     stream.read(&mut [0; 1024]).unwrap();
    /// #     let fields = "Upgrade: echo\r\nConnection: upgrade";
    /// #     let head = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n");
    /// #     stream.write_all(head.as_bytes()).unwrap();
    /// #     let mut line = [0; 5];
    /// #     stream.read_exact(&mut line).unwrap();
    /// #     stream.write_all(&line).unwrap();
    /// # });
    /// use std::io::{Read, Write};
    ///
    /// let response = tinyhttp_client::get(&url).upgrade("echo").send()?;
    /// let mut socket = response.into_upgraded().expect("the server switches");
    /// socket.write_all(b"hello")?;
    /// let mut answer = [0; 5];
    /// socket.read_exact(&mut answer)?;
    /// assert_eq!(&answer, b"hello");
    /// # server.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The response itself, if it has another status.
    pub fn into_upgraded(mut self) -> Result<Stream, Box<Self>> {
        match self.upgraded.take() {
            Some(stream) => Ok(stream),
            None => Err(Box::new(self)),
        }
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
    /// [`Error::Json`], and those of [`Response::bytes`].
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(self) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes()?).map_err(|error| Error::Json {
            source: error.into(),
        })
    }

    /// Splits it into the head and the content, as the `http` crate has them. The content is read
    /// as it arrives.
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
