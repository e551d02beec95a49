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

/// A form whose fields may be files (RFC 7578), or another kind of `multipart` content (RFC 2046
/// §5.1).
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
    media_type: Vec<u8>,
    boundary: String,
    parts: Vec<(Option<Vec<u8>>, Part)>,
}

/// One field of a [`Multipart`] form: content, perhaps with a file name, a media type and further
/// fields.
#[derive(Debug)]
pub struct Part {
    body: Body,
    file_name: Option<Vec<u8>>,
    content_type: Option<Vec<u8>>,
    lines: Vec<Vec<u8>>,
}

impl Part {
    /// A part with this content.
    #[must_use]
    pub fn new(body: impl Into<Body>) -> Self {
        Part {
            body: body.into(),
            file_name: None,
            content_type: None,
            lines: Vec::new(),
        }
    }

    /// A part that consists of parts (RFC 2046 §5.1), with their media type and boundary. Its
    /// boundary must not begin like that of the content it is a part of, which the boundaries of
    /// [`Multipart::new`] never do.
    ///
    /// ```
    /// use tinyhttp_client::{Multipart, Part};
    ///
    /// let both = Multipart::new()
    ///     .media_type("multipart/alternative")
    ///     .unnamed(Part::new("hello"))
    ///     .unnamed(Part::new("<p>hello").content_type("text/html"));
    /// let text = std::io::read_to_string(
    ///     Multipart::new().part("mail", Part::multipart(both)).into_body().into_reader()?,
    /// )?;
    /// assert!(text.contains("\r\nContent-Type: multipart/alternative; boundary="));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn multipart(parts: Multipart) -> Self {
        let content_type = parts.value_of_content_type();
        Part {
            content_type: Some(content_type),
            ..Part::new(parts.into_body())
        }
    }

    /// Sets the file name.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Sets the media type. Control characters in it are replaced by spaces.
    #[must_use]
    pub fn content_type(mut self, media_type: impl Into<Vec<u8>>) -> Self {
        self.content_type = Some(media_type.into());
        self
    }

    /// Adds a line `Name: value` to the fields of the part, such as Content-Transfer-Encoding.
    /// Control characters in it are replaced by spaces. A line for Content-Disposition stands in
    /// place of that with the name and the file name.
    #[must_use]
    pub fn line(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// The fields, and the empty line behind them. `disposition`: how the part is used.
    fn head(&self, disposition: Option<&str>, name: Option<&[u8]>) -> Vec<u8> {
        let mut head = Vec::new();
        let is_disposition = |line: &Vec<u8>| {
            let field = line.split(|byte| *byte == b':').next().unwrap_or_default();
            field.eq_ignore_ascii_case(b"Content-Disposition")
        };
        if let Some(disposition) = disposition.filter(|_| !self.lines.iter().any(is_disposition)) {
            head.extend_from_slice(b"Content-Disposition: ");
            head.extend_from_slice(disposition.as_bytes());
            for (parameter, value) in [("name", name), ("filename", self.file_name.as_deref())] {
                if let Some(value) = value {
                    head.extend_from_slice(format!("; {parameter}=\"").as_bytes());
                    escape(value, &mut head);
                    head.push(b'"');
                }
            }
            head.extend_from_slice(b"\r\n");
        }
        let plain = |byte: &u8| match byte.is_ascii_control() && *byte != b'\t' {
            true => b' ',
            false => *byte,
        };
        if let Some(media_type) = &self.content_type {
            head.extend_from_slice(b"Content-Type: ");
            head.extend(media_type.iter().map(plain));
            head.extend_from_slice(b"\r\n");
        }
        for line in &self.lines {
            head.extend(line.iter().map(plain));
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// A text that can't separate the parts of content.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidBoundary {
    /// The text.
    pub text: String,
}

impl fmt::Display for InvalidBoundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} can't separate parts: a boundary has 1 to 70 letters, digits, - and _",
            self.text
        )
    }
}

impl std::error::Error for InvalidBoundary {}

impl Multipart {
    /// A form without fields, with a random boundary of 128 bits.
    #[must_use]
    pub fn new() -> Self {
        Multipart {
            media_type: b"multipart/form-data".to_vec(),
            boundary: format!("{:016x}{:016x}", random::number(), random::number()),
            parts: Vec::new(),
        }
    }

    /// Sets what separates the parts: 1 to 70 letters, digits, `-` and `_`, which are those of RFC
    /// 2046 §5.1.1 that need no quotes. No part may contain it.
    ///
    /// # Errors
    /// [`InvalidBoundary`] if it is longer, empty, or has other characters.
    pub fn boundary(mut self, text: impl Into<String>) -> Result<Self, InvalidBoundary> {
        let text = text.into();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=70).contains(&text.len()) || !text.bytes().all(is_token) {
            return Err(InvalidBoundary { text });
        }
        self.boundary = text;
        Ok(self)
    }

    /// Sets the media type: `multipart/form-data` unless set. The boundary becomes a parameter of
    /// it. Control characters in it are replaced by spaces. The parts of another type are
    /// attachments if they have a name, and have no Content-Disposition otherwise (RFC 2183).
    #[must_use]
    pub fn media_type(mut self, media_type: impl Into<Vec<u8>>) -> Self {
        self.media_type = media_type.into();
        self
    }

    /// Adds a field with a text.
    #[must_use]
    pub fn text(self, name: impl AsRef<[u8]>, value: impl Into<String>) -> Self {
        self.part(name, Part::new(value.into()))
    }

    /// Adds a file, which is read when the form is sent. Its name is the last component of the
    /// path, its media type `application/octet-stream`; [`Multipart::part`] sets others.
    ///
    /// # Errors
    /// If the file can't be opened.
    pub fn file(self, name: impl AsRef<[u8]>, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let mut part = Part::new(Body::file(path)?).content_type("application/octet-stream");
        part.file_name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned().into_bytes());
        Ok(self.part(name, part))
    }

    /// Adds a part. Its content must not contain the boundary.
    #[must_use]
    pub fn part(mut self, name: impl AsRef<[u8]>, part: Part) -> Self {
        self.parts.push((Some(name.as_ref().to_vec()), part));
        self
    }

    /// Adds a part without a name, as other types than forms have them.
    #[must_use]
    pub fn unnamed(mut self, part: Part) -> Self {
        self.parts.push((None, part));
        self
    }

    /// The value of Content-Type: the media type, and the boundary.
    #[must_use]
    pub fn content_type(&self) -> HeaderValue {
        let value = HeaderValue::from_bytes(&self.value_of_content_type());
        // Control characters have been replaced.
        value.unwrap_or(HeaderValue::from_static("multipart/form-data"))
    }

    fn value_of_content_type(&self) -> Vec<u8> {
        let plain = self.media_type.iter().map(|byte| match byte {
            0..=31 | 127 => b' ',
            byte => *byte,
        });
        let mut value: Vec<u8> = plain.collect();
        value.extend_from_slice(format!("; boundary={}", self.boundary).as_bytes());
        value
    }

    /// The content: all parts, one after the other.
    #[must_use]
    pub fn into_body(self) -> Body {
        let is_form = self.media_type.starts_with(b"multipart/form-data");
        let mut bodies = Bodies(Vec::new());
        for (name, part) in self.parts {
            let is_attachment = name.is_some() || part.file_name.is_some();
            let disposition = match is_form {
                true => Some("form-data"),
                false => is_attachment.then_some("attachment"),
            };
            bodies.push(format!("--{}\r\n", self.boundary).into());
            bodies.push(part.head(disposition, name.as_deref()).into());
            bodies.push(part.body);
            bodies.push("\r\n".into());
        }
        bodies.push(format!("--{}--\r\n", self.boundary).into());
        bodies.into_body()
    }
}

/// Contents that follow each other. Adjacent bytes are one of them, and so one chunk where content
/// is sent in chunks.
struct Bodies(Vec<Body>);

impl Bodies {
    fn push(&mut self, body: Body) {
        match self.0.last_mut() {
            Some(last) => {
                if let Err(body) = last.append(body) {
                    self.0.push(body);
                }
            }
            None => self.0.push(body),
        }
    }

    fn into_body(self) -> Body {
        let lengths = self.0.iter().map(Body::length);
        let length = lengths
            .reduce(|sum, length| sum?.checked_add(length?))
            .flatten();
        let can_be_reopened = self.0.iter().all(Body::can_be_reopened);
        let parts = Arc::new(Lock::new(self.0));
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
            .field("parts", &self.parts.len())
            .finish_non_exhaustive()
    }
}

/// Writes what browsers write within quotes (HTML, form submission).
fn escape(name: &[u8], out: &mut Vec<u8>) {
    for byte in name {
        match byte {
            b'"' => out.extend_from_slice(b"%22"),
            b'\r' => out.extend_from_slice(b"%0D"),
            b'\n' => out.extend_from_slice(b"%0A"),
            other => out.push(*other),
        }
    }
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

    /// The content with `B` for the boundary.
    fn written(form: Multipart) -> String {
        read(&mut form.boundary("B").unwrap().into_body())
    }

    #[test]
    fn other_types_and_fields() {
        let inner = || Multipart::new().boundary("I").unwrap();
        let named = || Part::new("1").file_name(&b"\xff"[..]);
        let table = [
            (
                Multipart::new().unnamed(Part::new("1").line("X:y\r\nEvil: 1")),
                "Content-Disposition: form-data\r\nX:y  Evil: 1\r\n\r\n1",
            ),
            (
                Multipart::new().part("a", Part::new("1").line("content-disposition: x")),
                "content-disposition: x\r\n\r\n1",
            ),
            (
                Multipart::new()
                    .media_type("multipart/mixed")
                    .unnamed(Part::new("1")),
                "\r\n1",
            ),
            (
                Multipart::new()
                    .media_type("multipart/mixed")
                    .part("a", Part::new("1")),
                "Content-Disposition: attachment; name=\"a\"\r\n\r\n1",
            ),
            (
                Multipart::new().part("a", Part::multipart(inner().text("b", "2"))),
                "Content-Disposition: form-data; name=\"a\"\r\n\
                 Content-Type: multipart/form-data; boundary=I\r\n\r\n\
                 --I\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n--I--\r\n",
            ),
        ];
        for (form, want) in table {
            assert_eq!(written(form), format!("--B\r\n{want}\r\n--B--\r\n"));
        }
        let form = Multipart::new().part([0xe9], named());
        let mut bytes = Vec::new();
        form.into_body()
            .open()
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        let head = b"name=\"\xe9\"; filename=\"\xff\"\r\n";
        assert!(bytes.windows(head.len()).any(|window| window == head));
        let typed = inner().media_type("a/b\r\nc").content_type();
        assert_eq!(typed, "a/b  c; boundary=I");
    }

    #[test]
    fn boundaries() {
        let long = "x".repeat(71);
        for wrong in ["", "a b", "a\"", "ü", "a\r\n", &long] {
            assert!(Multipart::new().boundary(wrong).is_err(), "{wrong}");
        }
        for right in ["a", "-_9Z", &long[..70]] {
            assert!(Multipart::new().boundary(right).is_ok(), "{right}");
        }
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
