//! The parser: the parts of a form, one event after the other.

use super::boundary::parameter;
use super::error::{Limits, MultipartError};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;

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

/// Finds the parts of a form. See the [module](super).
#[derive(Debug)]
pub struct Parser {
    /// `\r\n--boundary`.
    delimiter: Vec<u8>,
    limits: Limits,
    state: State,
    parts: usize,
    preamble: usize,
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
            // All but the last byte of the empty line may have arrived.
            return match input.len() > self.limits.head + 3 {
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
