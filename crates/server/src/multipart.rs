//! Forms with files, read while they arrive: see [`message::multipart`](crate::message::multipart).

use crate::body::Body;
use crate::content::{too_long, unreadable, unsupported};
use crate::error::Error;
use crate::request::Request;
use http::{HeaderMap, StatusCode};
use std::io::{self, Read};
use tinyhttp_message::multipart::{Event, MultipartError, Parser, PartHead, boundary};

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// The parts of a form that was sent as `multipart/form-data` (RFC 7578), one after the other.
///
/// A form has at most 1000 parts, whose heads have at most 8 KiB, and names 1 KiB. A part's content
/// is read in pieces and kept nowhere; what is left of it is skipped when the next part is read.
///
/// ```
/// use tinyhttp_server::{Error, Request};
///
/// fn save(request: Request<'_>) -> Result<String, Error> {
///     let mut form = request.into_multipart(1 << 20)?;
///     let mut saved = String::new();
///     while let Some(mut part) = form.next_part()? {
///         let length = std::io::copy(&mut part, &mut std::io::sink())?;
///         saved += &format!("{}: {length} bytes\n", part.name());
///     }
///     Ok(saved)
/// }
///
/// let content = "--x\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.jpg\"\r\n\
///                Content-Type: image/jpeg\r\n\r\n1234\r\n--x--\r\n";
/// let request = Request::post("/", content)
///     .with_header("content-type", "multipart/form-data; boundary=x");
/// assert_eq!(save(request)?, "photo: 4 bytes\n");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Multipart {
    body: io::Take<Body>,
    limit: u64,
    parser: Parser,
    /// Bytes that were read and not used, from `at` on.
    input: Vec<u8>,
    at: usize,
    /// Within the content of a part.
    is_inside: bool,
}

/// A part of a form. Its content is read with [`Read`].
#[derive(Debug)]
pub struct Part<'m> {
    form: &'m mut Multipart,
    head: Box<PartHead>,
}

/// What was found, without borrowing the input.
enum Found {
    Part(Box<PartHead>),
    /// A piece of content, whose last byte is the last that was used.
    Content(usize),
    PartEnd,
    End,
}

impl Request<'_> {
    /// The parts of a form with files, of up to `limit` bytes in all.
    ///
    /// # Errors
    /// 415 unless it was sent as `multipart/form-data`, 413 if it is longer than the limit.
    pub fn into_multipart(self, limit: u64) -> Result<Multipart, Error> {
        let content_type = self
            .field("content-type")
            .and_then(|kind| std::str::from_utf8(kind).ok());
        let boundary = content_type.and_then(boundary);
        let boundary = boundary.ok_or_else(|| unsupported("Send a form with files."))?;
        let body = self.into_body();
        if body.length().is_some_and(|length| length > limit) {
            return Err(too_long(limit));
        }
        Ok(Multipart {
            body: body.take(limit.saturating_add(1)),
            limit,
            parser: Parser::new(&boundary),
            input: Vec::new(),
            at: 0,
            is_inside: false,
        })
    }
}

impl Multipart {
    /// The next part; `None` at the end of the form.
    ///
    /// # Errors
    /// 400 for a form that is malformed or cut short, 413 for one that is longer than the limit or
    /// has too many parts, 408 if the client is too slow.
    pub fn next_part(&mut self) -> Result<Option<Part<'_>>, Error> {
        loop {
            match self.advance()? {
                Found::Part(head) => return Ok(Some(Part { form: self, head })),
                Found::Content(_) | Found::PartEnd => {}
                Found::End => return Ok(None),
            }
        }
    }

    fn advance(&mut self) -> Result<Found, Error> {
        loop {
            let (used, event) = self.parser.next(&self.input[self.at..]).map_err(refused)?;
            self.at += used;
            let found = match event {
                Event::NeedMore => None,
                Event::Part(head) => Some(Found::Part(head)),
                Event::Content(piece) => Some(Found::Content(piece.len())),
                Event::PartEnd => Some(Found::PartEnd),
                Event::End => Some(Found::End),
            };
            if let Some(found) = found {
                self.is_inside = matches!(found, Found::Part(_) | Found::Content(_));
                return Ok(found);
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> Result<(), Error> {
        self.input.drain(..self.at);
        self.at = 0;
        let have = self.input.len();
        self.input.resize(have + PIECE, 0);
        let read = loop {
            match self.body.read(&mut self.input[have..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let length = read.map_err(unreadable)?;
        self.input.truncate(have + length);
        if self.body.limit() == 0 {
            return Err(too_long(self.limit));
        }
        if length == 0 {
            return Err(Error::new(
                StatusCode::BAD_REQUEST,
                "The form is cut short.",
            ));
        }
        Ok(())
    }
}

fn refused(error: MultipartError) -> Error {
    let status = match error.is_too_much() {
        true => StatusCode::PAYLOAD_TOO_LARGE,
        false => StatusCode::BAD_REQUEST,
    };
    Error::new(status, format!("This form is refused: {error}.")).with_cause(error)
}

impl Part<'_> {
    /// The name of the form's field.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// The name that the client gives the file; `None` if the part is not a file. It may contain
    /// anything, such as `../`: choose another one to write to.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.head.file_name.as_deref()
    }

    /// All fields of the part.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The content as text, of up to `limit` bytes.
    ///
    /// # Errors
    /// As [`Multipart::next_part`]; 413 for more, 400 if it is not UTF-8.
    pub fn into_text(mut self, limit: u64) -> Result<String, Error> {
        let mut content = Vec::new();
        let read = (&mut self)
            .take(limit.saturating_add(1))
            .read_to_end(&mut content);
        read.map_err(from_io)?;
        if content.len() as u64 > limit {
            return Err(too_long(limit));
        }
        let not_text = |_| Error::new(StatusCode::BAD_REQUEST, "A part of the form is not UTF-8.");
        String::from_utf8(content).map_err(not_text)
    }
}

/// The error that reading a part failed with.
fn from_io(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(unreadable)
}

/// An error is an [`Error`] in an [`io::Error`], which `?` turns back into it.
impl Read for Part<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || !self.form.is_inside {
            return Ok(0);
        }
        match self.form.advance().map_err(io::Error::other)? {
            Found::Content(length) => {
                let start = self.form.at - length;
                let taken = length.min(into.len());
                into[..taken].copy_from_slice(&self.form.input[start..start + taken]);
                // The rest is found again.
                self.form.at = start + taken;
                Ok(taken)
            }
            _ => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(content: &str) -> Multipart {
        let kind = "multipart/form-data; boundary=x";
        let content = content.replace('|', "\r\n");
        let request = Request::post("/", content).with_header("content-type", kind);
        request.into_multipart(10_000).unwrap()
    }

    const A: &str = "--x|Content-Disposition: form-data; name=a; filename=f||";

    #[test]
    fn parts_are_read_or_skipped() {
        let text = format!("{A}{}|{A}12345|{A}|--x--", "x".repeat(9000));
        let mut form = form(&text);
        assert_eq!(form.next_part().unwrap().unwrap().name(), "a");
        let mut part = form.next_part().unwrap().unwrap();
        let mut two = [0; 2];
        part.read_exact(&mut two).unwrap();
        assert_eq!((&two, part.file_name()), (b"12", Some("f")));
        assert_eq!(part.into_text(10).unwrap(), "345");
        let empty = form.next_part().unwrap().unwrap();
        assert_eq!(empty.into_text(10).unwrap(), "");
        assert!(form.next_part().unwrap().is_none() && form.next_part().unwrap().is_none());
    }

    #[test]
    fn faults_have_a_status() {
        let table = [(format!("{A}12345|--x--"), 413), (format!("{A}123"), 400)];
        for (text, status) in table {
            let mut form = form(&text);
            let part = form.next_part().unwrap().unwrap();
            assert_eq!(part.into_text(4).unwrap_err().status(), status, "{text}");
        }
        let mut broken = form(&format!("{A}1|--xx"));
        assert_eq!(
            broken.next_part().unwrap().unwrap().into_text(4).unwrap(),
            "1"
        );
        assert_eq!(broken.next_part().unwrap_err().status(), 400);
        let endless = Body::reader(io::repeat(b'x'), None);
        let kind = "multipart/form-data; boundary=x";
        let request = Request::post("/", endless).with_header("content-type", kind);
        let error = request
            .into_multipart(100)
            .unwrap()
            .next_part()
            .unwrap_err();
        assert_eq!(error.status(), 413);
        let error = Request::post("/", "").into_multipart(100).unwrap_err();
        assert_eq!(error.status(), 415);
    }

    /// `?` in a handler that copies a part gives the client the status of the fault.
    #[test]
    fn an_error_of_reading_keeps_its_status() {
        let mut form = form(&format!("{A}123"));
        let mut part = form.next_part().unwrap().unwrap();
        let copied = io::copy(&mut part, &mut io::sink()).map_err(Error::from);
        assert_eq!(copied.unwrap_err().status(), 400);
    }
}
