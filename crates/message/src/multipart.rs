//! Forms with files: `multipart/form-data` (RFC 7578), in the syntax of RFC 2046 §5.1.
//!
//! # Theory
//!
//! The content is a list of parts between lines that consist of two hyphens and a *boundary*, which
//! Content-Type names. Each part has a head of its own:
//!
//! ```text
//! --xyz                                                            delimiter
//! Content-Disposition: form-data; name="photo"; filename="a.jpg"   head of a part
//! Content-Type: image/jpeg
//!                                                                  empty line
//! …bytes…
//! --xyz--                                                          end
//! ```
//!
//! The line break before a delimiter belongs to the delimiter. A part has no length: its end is
//! found by looking for the delimiter, also where it is cut between two pieces of input.
//!
//! The parser keeps nothing but its state. The caller offers the received bytes that have not been
//! used, as with [`ServerConnection`](crate::ServerConnection), and bounds how many it keeps:
//! [`NeedMore`](Event::NeedMore) never leaves more than the largest head or a delimiter unused.
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::multipart::{Event, Parser, boundary};
//!
//! let boundary = boundary("multipart/form-data; boundary=xyz").unwrap();
//! let mut input: &[u8] =
//!     b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\nhello\r\n--xyz--";
//! let mut parser = Parser::new(&boundary);
//! let mut content = Vec::new();
//! loop {
//!     let (used, event) = parser.next(input)?;
//!     input = &input[used..];
//!     match event {
//!         Event::Part(part) => assert_eq!(part.name, "a"),
//!         Event::Content(piece) => content.extend_from_slice(piece),
//!         Event::PartEnd => {}
//!         Event::End => break,
//!         Event::NeedMore => panic!("the content is cut short"),
//!     }
//! }
//! assert_eq!(content, b"hello");
//! # Ok::<(), tinyhttp_message::multipart::MultipartError>(())
//! ```

use http::header::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;
use std::fmt;

/// The longest boundary (RFC 2046 §5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// Bounds on what a client may send. The defaults admit what browsers and scripts send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The number of parts: 1000.
    pub parts: usize,
    /// The head of a part, in bytes: 8 KiB.
    pub head: usize,
    /// The name of a part, and the name of a file, in bytes: 1024.
    pub name: usize,
    /// The text before the first delimiter, which is skipped, in bytes: 4 KiB.
    pub preamble: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            parts: 1000,
            head: 8 * 1024,
            name: 1024,
            preamble: 4 * 1024,
        }
    }
}

/// What is wrong with the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MultipartError {
    /// There are more parts than [`Limits::parts`].
    TooManyParts,
    /// A part's head is longer than [`Limits::head`].
    HeadTooLong,
    /// A name is longer than [`Limits::name`].
    NameTooLong,
    /// The text before the first delimiter is longer than [`Limits::preamble`].
    PreambleTooLong,
    /// A part's head is not made of fields.
    MalformedHead,
    /// A part's head has no `Content-Disposition: form-data` with a name (RFC 7578 §4.2).
    NoName,
    /// A delimiter is followed by something else than a line break or two hyphens.
    MalformedDelimiter,
}

impl MultipartError {
    /// Whether a bound is exceeded, which is a 413; otherwise the content is malformed, a 400.
    #[must_use]
    pub fn is_too_much(self) -> bool {
        matches!(
            self,
            MultipartError::TooManyParts
                | MultipartError::HeadTooLong
                | MultipartError::NameTooLong
                | MultipartError::PreambleTooLong
        )
    }
}

impl fmt::Display for MultipartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MultipartError::TooManyParts => "the form has too many parts",
            MultipartError::HeadTooLong => "the head of a part is too long",
            MultipartError::NameTooLong => "the name of a part is too long",
            MultipartError::PreambleTooLong => "the text before the first part is too long",
            MultipartError::MalformedHead => "the head of a part is malformed",
            MultipartError::NoName => "a part has no name",
            MultipartError::MalformedDelimiter => "a line between two parts is malformed",
        })
    }
}

impl std::error::Error for MultipartError {}

/// The head of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHead {
    /// The name of the form's field.
    pub name: String,
    /// The name of the file that the client sends. It may contain anything, such as `../`: it is
    /// not a path to be written to.
    pub file_name: Option<String>,
    /// All fields of the part.
    pub headers: HeaderMap,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// More input is needed, behind what was not used.
    NeedMore,
    /// A part begins.
    Part(Box<PartHead>),
    /// A piece of the part's content, at least one byte.
    Content(&'b [u8]),
    /// The part is complete.
    PartEnd,
    /// The content is complete. What follows has no meaning.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first delimiter. At the start, the delimiter needs no line break before it.
    Start,
    Preamble,
    /// Behind a delimiter.
    Delimiter,
    Head,
    Content,
    End,
}

/// Finds the parts of a form. See the [module](self).
#[derive(Debug)]
pub struct Parser {
    /// `\r\n--boundary`.
    delimiter: Vec<u8>,
    limits: Limits,
    state: State,
    parts: usize,
    preamble: usize,
}

/// The boundary that a Content-Type names; `None` if it is not `multipart/form-data`, or the
/// boundary is missing or invalid.
#[must_use]
pub fn boundary(content_type: &str) -> Option<String> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let is_valid = (1..=LONGEST_BOUNDARY).contains(&boundary.len())
        && boundary.bytes().all(is_allowed)
        && !boundary.ends_with(' ');
    is_valid.then_some(boundary)
}

/// The value of a parameter in `name=value; name="quoted value"`. In quotes, a backslash escapes a
/// quote and itself; another one is kept, as old browsers send paths of files.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (key, value) = rest.split_once('=')?;
        let key = key.trim_matches([' ', '\t', ';']);
        let value = value.trim_start();
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = value.find(';').unwrap_or(value.len());
                (value[..end].trim().to_owned(), &value[end..])
            }
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = behind;
    }
}

/// Reads up to the closing quote, and returns what is behind it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => match chars.peek() {
                Some((_, escaped @ ('"' | '\\'))) => {
                    text.push(*escaped);
                    chars.next();
                }
                _ => text.push('\\'),
            },
            char => text.push(char),
        }
    }
    None
}

impl Parser {
    /// A parser at the start of the content, with the default limits.
    #[must_use]
    pub fn new(boundary: &str) -> Self {
        Parser::with_limits(boundary, Limits::default())
    }

    /// A parser with limits.
    #[must_use]
    pub fn with_limits(boundary: &str, limits: Limits) -> Self {
        Parser {
            delimiter: [b"\r\n--", boundary.as_bytes()].concat(),
            limits,
            state: State::Start,
            parts: 0,
            preamble: 0,
        }
    }

    /// Whether the end was found.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.state == State::End
    }

    /// Reads the next event from `input`, the received bytes that have not been used, and returns
    /// how many bytes it used.
    ///
    /// # Errors
    /// The fault of the content, or the bound that it exceeds.
    pub fn next<'b>(&mut self, input: &'b [u8]) -> Result<(usize, Event<'b>), MultipartError> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            let (more, event) = match self.state {
                State::Start => self.start(rest),
                State::Preamble => self.skip_preamble(rest)?,
                State::Delimiter => self.after_delimiter(rest)?,
                State::Head => self.head(rest)?,
                State::Content => self.content(rest),
                State::End => (rest.len(), Some(Event::End)),
            };
            used += more;
            if let Some(event) = event {
                return Ok((used, event));
            }
        }
    }

    fn start(&mut self, input: &[u8]) -> (usize, Option<Event<'static>>) {
        let delimiter = &self.delimiter[2..];
        if input.len() < delimiter.len() && delimiter.starts_with(input) {
            return (0, Some(Event::NeedMore));
        }
        if input.starts_with(delimiter) {
            self.state = State::Delimiter;
            return (delimiter.len(), None);
        }
        self.state = State::Preamble;
        (0, None)
    }

    fn skip_preamble(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<Event<'static>>), MultipartError> {
        let (skipped, found) = self.find_delimiter(input);
        self.preamble += skipped;
        if self.preamble > self.limits.preamble {
            return Err(MultipartError::PreambleTooLong);
        }
        if found {
            self.state = State::Delimiter;
            return Ok((skipped + self.delimiter.len(), None));
        }
        Ok((skipped, Some(Event::NeedMore)))
    }

    /// The bytes before the delimiter, or before what may be the beginning of one, and whether it
    /// was found.
    fn find_delimiter(&self, input: &[u8]) -> (usize, bool) {
        if let Some(at) = memmem::find(input, &self.delimiter) {
            return (at, true);
        }
        let earliest = input.len().saturating_sub(self.delimiter.len() - 1);
        let may_begin = |at: &usize| self.delimiter.starts_with(&input[*at..]);
        let at = (earliest..input.len()).find(may_begin);
        (at.unwrap_or(input.len()), false)
    }

    /// Behind a delimiter come a line break, with white space before it (RFC 2046 §5.1.1), or two
    /// hyphens.
    fn after_delimiter(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<Event<'static>>), MultipartError> {
        if input.starts_with(b"--") {
            self.state = State::End;
            return Ok((2, None));
        }
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let padding = input.iter().take_while(|byte| is_space(byte)).count();
        if padding > self.limits.head {
            return Err(MultipartError::MalformedDelimiter);
        }
        match &input[padding..] {
            [b'\r', b'\n', ..] => {
                self.parts += 1;
                if self.parts > self.limits.parts {
                    return Err(MultipartError::TooManyParts);
                }
                self.state = State::Head;
                // The line break stays, so that an empty head ends like every other one.
                Ok((padding, None))
            }
            [] | [b'\r'] => Ok((0, Some(Event::NeedMore))),
            [b'-'] if padding == 0 => Ok((0, Some(Event::NeedMore))),
            _ => Err(MultipartError::MalformedDelimiter),
        }
    }

    fn head(&mut self, input: &[u8]) -> Result<(usize, Option<Event<'static>>), MultipartError> {
        let Some(length) = memmem::find(input, b"\r\n\r\n") else {
            return match input.len() > self.limits.head {
                true => Err(MultipartError::HeadTooLong),
                false => Ok((0, Some(Event::NeedMore))),
            };
        };
        if length > self.limits.head {
            return Err(MultipartError::HeadTooLong);
        }
        let head = self.part(&input[2.min(length)..length])?;
        self.state = State::Content;
        // The line break of the empty line may begin the delimiter of an empty part.
        Ok((length + 4, Some(Event::Part(Box::new(head)))))
    }

    fn part(&self, head: &[u8]) -> Result<PartHead, MultipartError> {
        let mut headers = HeaderMap::new();
        for line in head.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = line.iter().position(|byte| *byte == b':');
            let colon = colon.ok_or(MultipartError::NoName)?;
            let name = HeaderName::from_bytes(&line[..colon]);
            let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(MultipartError::MalformedHead);
            };
            headers.append(name, value);
        }
        let mut dispositions = headers.get_all("content-disposition").iter();
        let disposition = dispositions
            .next()
            .filter(|_| dispositions.next().is_none());
        let disposition = disposition.ok_or(MultipartError::NoName)?;
        let text = std::str::from_utf8(disposition.as_bytes());
        let text = text.map_err(|_| MultipartError::MalformedHead)?;
        let (kind, parameters) = text.split_once(';').ok_or(MultipartError::NoName)?;
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return Err(MultipartError::NoName);
        }
        let name = parameter(parameters, "name").ok_or(MultipartError::NoName)?;
        // `filename*` is not used in forms (RFC 7578 §4.2).
        let file_name = parameter(parameters, "filename");
        let longest = file_name.as_ref().map_or(0, String::len).max(name.len());
        if longest > self.limits.name {
            return Err(MultipartError::NameTooLong);
        }
        Ok(PartHead {
            name,
            file_name,
            headers,
        })
    }

    fn content<'b>(&mut self, input: &'b [u8]) -> (usize, Option<Event<'b>>) {
        let (length, found) = self.find_delimiter(input);
        if length > 0 {
            return (length, Some(Event::Content(&input[..length])));
        }
        if found {
            self.state = State::Delimiter;
            return (self.delimiter.len(), Some(Event::PartEnd));
        }
        (0, Some(Event::NeedMore))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The names and contents of parts, with the input cut into pieces.
    fn parse(content: &[u8], piece: usize) -> Result<Vec<(String, Vec<u8>)>, MultipartError> {
        let mut parser = Parser::new("xyz");
        let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
        let (mut start, mut end) = (0, 0);
        loop {
            let (used, event) = parser.next(&content[start..end])?;
            start += used;
            match event {
                Event::Part(part) => parts.push((part.name, Vec::new())),
                Event::Content(piece) => parts.last_mut().unwrap().1.extend_from_slice(piece),
                Event::PartEnd => {}
                Event::End => return Ok(parts),
                Event::NeedMore if end == content.len() => {
                    parts.push(("(cut short)".to_owned(), Vec::new()));
                    return Ok(parts);
                }
                Event::NeedMore => end = (end + piece).min(content.len()),
            }
        }
    }

    /// A form, with `|` for line breaks.
    fn form(text: &str) -> Result<String, MultipartError> {
        let content = text.replace('|', "\r\n");
        let whole = parse(content.as_bytes(), usize::MAX / 2)?;
        for piece in 1..10 {
            assert_eq!(
                parse(content.as_bytes(), piece)?,
                whole,
                "{text} by {piece}"
            );
        }
        let parts = whole.iter().map(|(name, content)| {
            let content = String::from_utf8_lossy(content).replace("\r\n", "|");
            format!("{name}={content}")
        });
        Ok(parts.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn parts() {
        let a = "Content-Disposition: form-data; name=a";
        let table = [
            (format!("--xyz|{a}||1|--xyz--|"), "a=1"),
            (format!("preamble|--xyz|{a}||1|--xyz--|epilogue"), "a=1"),
            (format!("|--xyz  |{a}||1|--xyz|{a}||2|--xyz--"), "a=1 a=2"),
            (format!("--xyz|{a}|||--xyz--"), "a="),
            (format!("--xyz|{a}||1|-|--xy|--xyz--"), "a=1|-|--xy"),
            (format!("--xyz|{a}||--xyz--|--xyz--"), "a=--xyz--"),
            (format!("--xyz|content-type: x/y|{a}||1|--xyz--"), "a=1"),
            (format!("--xyz|{a}||1"), "a=1 (cut short)="),
            ("--xyz--".to_owned(), ""),
        ];
        for (text, want) in table {
            assert_eq!(form(&text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn names() {
        let table = [
            ("name=\"a b\"", "a b", None),
            ("NAME=\"a\\\"b\"; FileName=\"x\\\\y\"", "a\"b", Some("x\\y")),
            (
                "filename=\"C:\\dir\\x.txt\"; name=a",
                "a",
                Some("C:\\dir\\x.txt"),
            ),
            ("name=\"a;name=b\"", "a;name=b", None),
            ("name=\"ä\"; filename=\"\"", "ä", Some("")),
            ("name=a; filename*=utf-8''x", "a", None),
        ];
        for (parameters, name, file_name) in table {
            let head = format!("--x\r\nContent-Disposition: form-data; {parameters}\r\n\r\n");
            let (_, event) = Parser::new("x").next(head.as_bytes()).unwrap();
            let Event::Part(part) = event else {
                panic!("{event:?}")
            };
            assert_eq!((&*part.name, part.file_name.as_deref()), (name, file_name));
        }
    }

    #[test]
    fn faults_and_bounds() {
        let a = "Content-Disposition: form-data; name=a";
        let table = [
            ("--xyz|a: b||1|--xyz--".to_owned(), MultipartError::NoName),
            ("--xyz||1|--xyz--".to_owned(), MultipartError::NoName),
            (format!("--xyz|{a}|{a}||1"), MultipartError::NoName),
            (
                "--xyz|Content-Disposition: attachment; name=a||".to_owned(),
                MultipartError::NoName,
            ),
            (
                format!("--xyz|{a}|bad name: x||1"),
                MultipartError::MalformedHead,
            ),
            (
                format!("--xyz|{a}||1|--xyzz--"),
                MultipartError::MalformedDelimiter,
            ),
            (
                format!("--xyz|{a}||1|--xyz-x"),
                MultipartError::MalformedDelimiter,
            ),
            (
                format!("--xyz|{a}{}||", "a".repeat(1025)),
                MultipartError::NameTooLong,
            ),
            (
                format!("--xyz|{}", "a".repeat(9000)),
                MultipartError::HeadTooLong,
            ),
            ("a".repeat(5000), MultipartError::PreambleTooLong),
            (
                format!("--xyz|{a}||1|").repeat(1001),
                MultipartError::TooManyParts,
            ),
        ];
        for (text, want) in table {
            assert_eq!(form(&text), Err(want), "{}", &text[..text.len().min(80)]);
        }
    }

    #[test]
    fn boundaries() {
        let long = "x".repeat(71);
        let table = [
            ("multipart/form-data; boundary=xyz", Some("xyz")),
            (
                "Multipart/Form-Data; charset=utf-8; Boundary=\"x y\"",
                Some("x y"),
            ),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"x\r\n\"", None),
            ("multipart/mixed; boundary=xyz", None),
        ];
        for (content_type, want) in table {
            assert_eq!(boundary(content_type).as_deref(), want, "{content_type}");
        }
        assert_eq!(
            boundary(&format!("multipart/form-data; boundary={long}")),
            None
        );
    }

    proptest! {
        /// Any content that does not contain the delimiter comes out as it went in.
        #[test]
        fn content_survives(
            content in prop::collection::vec(prop::sample::select(&b"\r\n-xyz"[..]), 0..40),
            piece in 1..20usize,
        ) {
            prop_assume!(memmem::find(&content, b"\r\n--xyz").is_none());
            let head = b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n";
            let form = [&head[..], &content, b"\r\n--xyz--"].concat();
            let parts = parse(&form, piece).unwrap();
            prop_assert_eq!(parts, [("a".to_owned(), content)]);
        }
    }
}
