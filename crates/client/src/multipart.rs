//! Forms with files: `multipart/form-data` (RFC 7578), streamed.
//!
//! ```text
//! --BOUNDARY
//! Content-Disposition: form-data; name="note"
//!
//! remember the milk
//! --BOUNDARY
//! Content-Disposition: form-data; name="photo"; filename="cat.jpg"
//! Content-Type: image/jpeg
//!
//! …
//! --BOUNDARY--
//! ```

use crate::body::{Body, Exactly, Source};
use crate::lock::Lock;
use crate::random;
use http::HeaderValue;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// A form whose fields may be files (RFC 7578).
///
/// Files are opened when they are sent and never held in memory. The length is announced if every
/// part has one; otherwise the form goes out in chunks. A form can be retried if all its parts can
/// be read again.
///
/// ```
/// # use std::io::{Read, Write};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let url = format!("http://{}/", listener.local_addr()?);
/// # let server = std::thread::spawn(move || {
/// #     let (mut stream, _) = listener.accept().unwrap();
/// #     let mut got = Vec::new();
/// #     while !got.ends_with(b"--\r\n") {
/// #         let mut piece = [0; 4096];
/// #         let read = stream.read(&mut piece).unwrap();
/// #         got.extend_from_slice(&piece[..read]);
/// #     }
/// #     stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
/// # });
/// use tinyhttp_client::{Client, Multipart, Part};
///
/// let form = Multipart::new()
///     .text("note", "remember the milk")
///     .file("manifest", "Cargo.toml")?
///     .part("picture", Part::new(&b"\x89PNG"[..]).file_name("a.png").content_type("image/png"));
/// let response = Client::new().post(&url).multipart(form).send()?;
/// assert_eq!(response.status(), 204);
/// # server.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Multipart {
    boundary: String,
    parts: Vec<Body>,
}

/// One field of a [`Multipart`] form: content, perhaps with a file name and a media type.
#[derive(Debug)]
pub struct Part {
    body: Body,
    file_name: Option<String>,
    content_type: Option<String>,
}

impl Part {
    /// A part with this content.
    #[must_use]
    pub fn new(body: impl Into<Body>) -> Self {
        Part {
            body: body.into(),
            file_name: None,
            content_type: None,
        }
    }

    /// Sets the file name.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Sets the media type. Line breaks in it are replaced by spaces.
    #[must_use]
    pub fn content_type(mut self, media_type: impl Into<String>) -> Self {
        self.content_type = Some(media_type.into());
        self
    }

    fn head(&self, boundary: &str, name: &str) -> String {
        let mut head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"",
            escape(name)
        );
        if let Some(file_name) = &self.file_name {
            head.push_str(&format!("; filename=\"{}\"", escape(file_name)));
        }
        if let Some(media_type) = &self.content_type {
            let plain = media_type.replace(char::is_control, " ");
            head.push_str(&format!("\r\nContent-Type: {plain}"));
        }
        head.push_str("\r\n\r\n");
        head
    }
}

impl Multipart {
    /// A form without fields.
    #[must_use]
    pub fn new() -> Self {
        Multipart {
            boundary: format!("{:016x}{:016x}", random::number(), random::number()),
            parts: Vec::new(),
        }
    }

    /// Adds a field with a text.
    #[must_use]
    pub fn text(self, name: &str, value: impl Into<String>) -> Self {
        self.part(name, Part::new(value.into()))
    }

    /// Adds a file, which is read when the form is sent. Its name is the last component of the
    /// path, its media type `application/octet-stream`; [`Multipart::part`] sets others.
    ///
    /// # Errors
    /// If the file can't be opened.
    pub fn file(self, name: &str, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let mut part = Part::new(Body::file(path)?).content_type("application/octet-stream");
        part.file_name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        Ok(self.part(name, part))
    }

    /// Adds a part. Its content must not contain the boundary, which is random: 128 bits.
    #[must_use]
    pub fn part(mut self, name: &str, part: Part) -> Self {
        self.parts.push(part.head(&self.boundary, name).into());
        self.parts.push(part.body);
        self.parts.push("\r\n".into());
        self
    }

    /// The value of `Content-Type`.
    pub(crate) fn content_type(&self) -> HeaderValue {
        let value = format!("multipart/form-data; boundary={}", self.boundary);
        // The boundary consists of digits and letters.
        HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("multipart/form-data"))
    }

    /// The content: all parts, one after the other.
    pub(crate) fn into_body(mut self) -> Body {
        self.parts.push(format!("--{}--\r\n", self.boundary).into());
        let lengths = self.parts.iter().map(Body::length);
        let length = lengths.sum::<Option<u64>>();
        let can_be_reopened = self.parts.iter().all(Body::can_be_reopened);
        let parts = Arc::new(Lock::new(self.parts));
        let open = move || {
            Ok(Chain {
                parts: parts.clone(),
                next: 0,
                current: None,
            })
        };
        if can_be_reopened {
            Body::reopen(length, open)
        } else {
            Body::once(length, open)
        }
    }
}

impl Default for Multipart {
    fn default() -> Self {
        Multipart::new()
    }
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart")
            .field("boundary", &self.boundary)
            .finish_non_exhaustive()
    }
}

/// A name within quotes, as browsers write it.
fn escape(name: &str) -> String {
    let quoted = name.replace('"', "%22");
    quoted.replace('\r', "%0D").replace('\n', "%0A")
}

/// Reads bodies one after the other. Each is opened when the one before it has ended.
struct Chain {
    parts: Arc<Lock<Vec<Body>>>,
    next: usize,
    current: Option<Exactly<Source>>,
}

impl Read for Chain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(current) = &mut self.current {
                let read = current.read(buffer)?;
                if read > 0 {
                    return Ok(read);
                }
                self.current = None;
            }
            let mut parts = self.parts.lock();
            let Some(part) = parts.get_mut(self.next) else {
                return Ok(0);
            };
            self.current = Some(Exactly::new(part.open()?, part.length()));
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &mut Body) -> String {
        let mut text = String::new();
        body.open().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn parts_are_written() {
        let form = Multipart::new()
            .text("a", "1")
            .part("b\"\r\n", Part::new("2").file_name("c\".txt"))
            .part("d", Part::new(&b"3"[..]).content_type("text/x\r\nEvil: 1"));
        let boundary = form.boundary.clone();
        let value = form.content_type();
        assert_eq!(value, *format!("multipart/form-data; boundary={boundary}"));
        let mut body = form.into_body();
        let want = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"b%22%0D%0A\"; \
             filename=\"c%22.txt\"\r\n\r\n2\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"d\"\r\n\
             Content-Type: text/x  Evil: 1\r\n\r\n3\r\n--{boundary}--\r\n"
        );
        assert_eq!(body.length(), Some(want.len() as u64));
        assert_eq!(read(&mut body), want);
        assert_eq!(read(&mut body), want, "a retry sends the same");
        assert_eq!(
            read(&mut Multipart::new().into_body()).len(),
            "--".len() * 2 + 32 + "\r\n".len()
        );
    }

    #[test]
    fn streams_are_read_once() {
        let stream = Body::reader(&b"stream"[..]);
        let mut body = Multipart::new().part("a", Part::new(stream)).into_body();
        assert_eq!((body.length(), body.can_be_sent()), (None, true));
        assert!(read(&mut body).contains("\r\n\r\nstream\r\n--"));
        assert!(!body.can_be_sent());
        let short = Body::sized_reader(9, &b"short"[..]);
        let mut body = Multipart::new().part("a", Part::new(short)).into_body();
        let mut text = String::new();
        let error = body.open().unwrap().read_to_string(&mut text).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
