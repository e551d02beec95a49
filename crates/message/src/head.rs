//! Request and response heads from bytes: the start line and the fields, borrowed from the buffer.
//!
//! # Theory
//!
//! ```text
//! GET /index.html HTTP/1.1          <- start line: method, target, version
//! Host: example.org                 <- field lines: name, colon, value
//! Accept: text/html
//!                                   <- an empty line ends the head
//! ```
//!
//! A head is read in two steps. A scanner looks for its end, in new bytes only, so that a head that
//! arrives byte by byte costs no more than one that arrives at once; it also enforces the limits
//! and refuses lines that end in LF alone. Once the end has arrived, the head is parsed once.
//!
//! Nothing is copied: [`RequestHead`] and [`ResponseHead`] point into the buffer, and keep the
//! order, the case and the duplicates of the fields. `to_http` copies them into the types of the
//! `http` crate.
//!
//! This file is the only user of the `httparse` crate.
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::head::{FieldStorage, Limits, RequestHead};
//!
//! let bytes = b"GET /a%20b?c HTTP/1.1\r\nHost: example.org\r\n\r\n";
//! let mut storage = FieldStorage::new();
//! let head = RequestHead::parse(bytes, &mut storage, &Limits::default())?;
//! assert_eq!(head.target.query(), Some("c"));
//! assert_eq!(head.fields.get("host"), Some(&b"example.org"[..]));
//! assert_eq!(head.to_string().as_bytes(), bytes);
//! # Ok::<(), tinyhttp_message::ProtocolError>(())
//! ```

mod diagnose;
mod limits;
mod scanner;

pub use limits::Limits;
pub(crate) use scanner::HeadScanner;

use crate::error::ProtocolError;
use crate::grammar::is_same_name;
use crate::target::Target;
use diagnose::{diagnose_fields, diagnose_version};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use httparse::Header;
use std::fmt;
use std::mem::MaybeUninit;

/// Memory for the fields of one head, on the stack, so that parsing allocates nothing. Each head
/// needs a new one; it is not initialised, so it costs nothing.
#[derive(Debug)]
pub struct FieldStorage<'b, const N: usize = 256> {
    slots: [MaybeUninit<Header<'b>>; N],
    /// The fields of a head that httparse does not read whole; see [`parse_later_minor`].
    spare: Vec<Header<'b>>,
}

/// Memory for 1024 fields: some responses have hundreds.
pub type LargeFieldStorage<'b> = FieldStorage<'b, 1024>;

impl FieldStorage<'_> {
    /// The most fields that a head can have, even if [`Limits::fields`] is larger.
    pub const CAPACITY: usize = 256;

    /// Memory for [`FieldStorage::CAPACITY`] fields.
    #[must_use]
    pub fn new() -> Self {
        FieldStorage::empty()
    }
}

impl<const N: usize> FieldStorage<'_, N> {
    /// Memory for `N` fields.
    #[must_use]
    pub fn empty() -> Self {
        FieldStorage {
            slots: [const { MaybeUninit::uninit() }; N],
            spare: Vec::new(),
        }
    }
}

impl Default for FieldStorage<'_> {
    fn default() -> Self {
        FieldStorage::new()
    }
}

/// The fields of a head as they were sent: in order, in their own case, with duplicates.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'h>(&'h [Header<'h>]);

impl<'h> Fields<'h> {
    /// The first value of the field `name`; the case of names is ignored.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'h [u8]> {
        self.get_all(name).next()
    }

    /// Every value of the field `name`, in order; the case of names is ignored.
    pub fn get_all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'h [u8]> + use<'h, 'n> {
        self.iter()
            .filter(move |(other, _)| is_same_name(other, name))
            .map(|(_, value)| value)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'h str, &'h [u8])> + Clone + use<'h> {
        self.0.iter().map(|field| (field.name, field.value))
    }

    /// The number of field lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Copies the fields into a [`HeaderMap`], which keeps values and duplicates but not the case
    /// of names.
    ///
    /// # Errors
    /// [`ProtocolError::InvalidFieldName`] for a name longer than the map accepts (64 KiB).
    pub fn to_http(&self) -> Result<HeaderMap, ProtocolError> {
        let mut map = HeaderMap::with_capacity(self.len());
        for (name, value) in self.iter() {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| ProtocolError::InvalidFieldName)?;
            let value =
                HeaderValue::from_bytes(value).map_err(|_| ProtocolError::InvalidFieldValue)?;
            map.append(name, value);
        }
        Ok(map)
    }
}

impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.iter() {
            write!(f, "{name}: {}\r\n", String::from_utf8_lossy(value))?;
        }
        Ok(())
    }
}

/// The head of a request. [`Display`](fmt::Display) prints it as it is sent.
#[derive(Debug, Clone)]
pub struct RequestHead<'h> {
    /// The method.
    pub method: Method,
    /// The target, in a form that the method allows.
    pub target: Target<'h>,
    /// HTTP/1.0, or HTTP/1.1, which also stands for the later minor versions.
    pub version: Version,
    /// The fields.
    pub fields: Fields<'h>,
    raw: &'h [u8],
}

impl<'h> RequestHead<'h> {
    /// Parses the head at the start of `input`. Bytes after its empty line are ignored.
    ///
    /// # Errors
    /// The fault of the head, see [`ProtocolError`]; [`ProtocolError::UnexpectedEnd`] if there is
    /// no empty line.
    pub fn parse<'b: 'h, const N: usize>(
        input: &'b [u8],
        storage: &'h mut FieldStorage<'b, N>,
        limits: &Limits,
    ) -> Result<Self, ProtocolError> {
        let head = found(input, Some(limits.request_line), limits)?;
        Self::parse_found(head, storage, limits)
    }

    /// Parses a head that the scanner has found: its last line is empty, and no line ends in LF
    /// alone.
    pub(crate) fn parse_found<'b: 'h, const N: usize>(
        head: &'b [u8],
        storage: &'h mut FieldStorage<'b, N>,
        limits: &Limits,
    ) -> Result<Self, ProtocolError> {
        let limits = &limits.within(N);
        if is_later_minor(head) {
            return parse_later_minor(head, storage, limits);
        }
        let slots = slots(storage, limits);
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(head, slots) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(ProtocolError::MalformedStartLine),
            Err(error) => return Err(diagnose(error, head, limits)),
        }
        let (Some(method), Some(target), Some(version)) =
            (request.method, request.path, request.version)
        else {
            return Err(ProtocolError::MalformedStartLine);
        };
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|_| ProtocolError::MalformedStartLine)?;
        Ok(RequestHead {
            target: Target::parse(&method, target)?,
            method,
            version: version_of(version),
            fields: Fields(request.headers),
            raw: head,
        })
    }

    /// The head's bytes as they arrived.
    #[must_use]
    pub fn raw(&self) -> &'h [u8] {
        self.raw
    }

    /// Copies the head into an [`http::Request`] without content.
    ///
    /// # Errors
    /// [`ProtocolError::MalformedTarget`] for a target that [`http::Uri`] refuses, and the errors
    /// of [`Fields::to_http`].
    pub fn to_http(&self) -> Result<http::Request<()>, ProtocolError> {
        let mut request = http::Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.to_uri()?;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.fields.to_http()?;
        Ok(request)
    }
}

impl fmt::Display for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {:?}\r\n{}\r\n",
            self.method, self.target, self.version, self.fields
        )
    }
}

/// The head of a response. [`Display`](fmt::Display) prints it as it is sent.
#[derive(Debug, Clone)]
pub struct ResponseHead<'h> {
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase after the status code; it may be empty.
    pub reason: &'h str,
    /// The fields.
    pub fields: Fields<'h>,
    raw: &'h [u8],
}

impl<'h> ResponseHead<'h> {
    /// Parses the head at the start of `input`. Bytes after its empty line are ignored.
    ///
    /// # Errors
    /// The fault of the head, see [`ProtocolError`]; [`ProtocolError::UnexpectedEnd`] if there is
    /// no empty line.
    pub fn parse<'b: 'h, const N: usize>(
        input: &'b [u8],
        storage: &'h mut FieldStorage<'b, N>,
        limits: &Limits,
    ) -> Result<Self, ProtocolError> {
        Self::parse_found(found(input, None, limits)?, storage, limits)
    }

    /// Parses a head that the scanner has found: its last line is empty, and no line ends in LF
    /// alone.
    pub(crate) fn parse_found<'b: 'h, const N: usize>(
        head: &'b [u8],
        storage: &'h mut FieldStorage<'b, N>,
        limits: &Limits,
    ) -> Result<Self, ProtocolError> {
        let limits = &limits.within(N);
        let slots = slots(storage, limits);
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            head,
            slots,
        );
        match parsed {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(ProtocolError::MalformedStartLine),
            Err(error) => return Err(diagnose(error, head, limits)),
        }
        let (Some(version), Some(code)) = (response.version, response.code) else {
            return Err(ProtocolError::MalformedStartLine);
        };
        Ok(ResponseHead {
            version: version_of(version),
            status: StatusCode::from_u16(code).map_err(|_| ProtocolError::MalformedStartLine)?,
            reason: response.reason.unwrap_or(""),
            fields: Fields(response.headers),
            raw: head,
        })
    }

    /// The head's bytes as they arrived.
    #[must_use]
    pub fn raw(&self) -> &'h [u8] {
        self.raw
    }

    /// Copies the head into an [`http::Response`] without content, and without the reason phrase.
    ///
    /// # Errors
    /// The errors of [`Fields::to_http`].
    pub fn to_http(&self) -> Result<http::Response<()>, ProtocolError> {
        let mut response = http::Response::new(());
        *response.status_mut() = self.status;
        *response.version_mut() = self.version;
        *response.headers_mut() = self.fields.to_http()?;
        Ok(response)
    }
}

impl fmt::Display for ResponseHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} {} {}\r\n{}\r\n",
            self.version,
            self.status.as_u16(),
            self.reason,
            self.fields
        )
    }
}

/// Parses a trailer section: field lines and an empty line, without a start line (RFC 9112 §7.1.2).
pub(crate) fn parse_trailers(section: &[u8], limits: &Limits) -> Result<HeaderMap, ProtocolError> {
    // A field line has at least two bytes, so a short section needs less memory.
    let limits = &limits.within(FieldStorage::CAPACITY);
    let mut slots = vec![httparse::EMPTY_HEADER; limits.fields.min(section.len())];
    match httparse::parse_headers(section, &mut slots) {
        Ok(httparse::Status::Complete((_, fields))) => Fields(fields).to_http(),
        Ok(httparse::Status::Partial) => Err(ProtocolError::InvalidFieldName),
        Err(error) => {
            Err(diagnose_section(error, section, limits).unwrap_or(ProtocolError::InvalidFieldName))
        }
    }
}

/// Returns the head at the start of `input`.
fn found<'b>(
    input: &'b [u8],
    first_line: Option<usize>,
    limits: &Limits,
) -> Result<&'b [u8], ProtocolError> {
    let end = HeadScanner::default().find_end(input, first_line, limits)?;
    end.map(|end| &input[..end])
        .ok_or(ProtocolError::UnexpectedEnd)
}

fn slots<'h, 'b, const N: usize>(
    storage: &'h mut FieldStorage<'b, N>,
    limits: &Limits,
) -> &'h mut [MaybeUninit<Header<'b>>] {
    &mut storage.slots[..limits.fields]
}

/// Whether the start line ends in HTTP/1.2 to HTTP/1.9.
fn is_later_minor(head: &[u8]) -> bool {
    let line = memchr::memchr(b'\r', head).map_or(head, |end| &head[..end]);
    let minor = line
        .last()
        .is_some_and(|minor| matches!(minor, b'2'..=b'9'));
    minor && line[..line.len() - 1].ends_with(b" HTTP/1.")
}

/// Parses the head of a request in a later minor version than httparse knows.
///
/// A message of a later minor version is processed as one of the highest version that the recipient
/// implements (RFC 9110 §2.5), so the start line is parsed as that of HTTP/1.1, and the fields
/// separately.
fn parse_later_minor<'h, 'b: 'h, const N: usize>(
    head: &'b [u8],
    storage: &'h mut FieldStorage<'b, N>,
    limits: &Limits,
) -> Result<RequestHead<'h>, ProtocolError> {
    // A CR alone ends no line (RFC 9112 §2.2): what follows it would be skipped below.
    let line = memchr::memchr(b'\r', head)
        .filter(|&end| head[end..].starts_with(b"\r\n"))
        .ok_or(ProtocolError::BareCarriageReturn)?;
    let mut known = head[..line - 1].to_vec();
    known.extend_from_slice(b"1\r\n\r\n");
    let mut request = httparse::Request::new(&mut []);
    if let Err(error) = request.parse(&known) {
        return Err(diagnose(error, &known, limits));
    }
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Err(ProtocolError::MalformedStartLine);
    };
    // httparse accepts one space between them and nothing before them.
    let at = method.len() + 1;
    let target = head.get(at..at + target.len());
    let target = target.and_then(|target| std::str::from_utf8(target).ok());
    let target = target.ok_or(ProtocolError::MalformedStartLine)?;
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| ProtocolError::MalformedStartLine)?;

    let section = head.get(line + 2..).unwrap_or_default();
    storage.spare = vec![httparse::EMPTY_HEADER; limits.fields];
    let number = match httparse::parse_headers(section, &mut storage.spare) {
        Ok(httparse::Status::Complete((_, fields))) => fields.len(),
        Ok(httparse::Status::Partial) => return Err(ProtocolError::MalformedStartLine),
        Err(error) => return Err(diagnose(error, head, limits)),
    };
    Ok(RequestHead {
        target: Target::parse(&method, target)?,
        method,
        version: Version::HTTP_11,
        fields: Fields(&storage.spare[..number]),
        raw: head,
    })
}

fn version_of(minor: u8) -> Version {
    if minor == 0 {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    }
}

/// Names the fault of a head that httparse refused. Called on refusal only, so it need not be fast.
fn diagnose(error: httparse::Error, head: &[u8], limits: &Limits) -> ProtocolError {
    let line_end = head
        .windows(2)
        .position(|pair| pair == b"\r\n")
        .unwrap_or(head.len());
    let (start_line, rest) = head.split_at(line_end);
    match error {
        httparse::Error::Version => diagnose_version(start_line),
        httparse::Error::Token | httparse::Error::Status => ProtocolError::MalformedStartLine,
        _ if start_line.contains(&b'\r') => ProtocolError::BareCarriageReturn,
        _ => diagnose_section(error, rest.get(2..).unwrap_or_default(), limits)
            .unwrap_or(ProtocolError::MalformedStartLine),
    }
}

/// Names the fault of a field section that httparse refused.
fn diagnose_section(
    error: httparse::Error,
    section: &[u8],
    limits: &Limits,
) -> Option<ProtocolError> {
    if error == httparse::Error::TooManyHeaders {
        return Some(ProtocolError::TooManyFields {
            limit: limits.fields,
        });
    }
    diagnose_fields(section)
}
