//! A response as a handler makes it.
//!
//! | module | holds |
//! |---|---|
//! | `make` | responses of common kinds: text, JSON, redirects, files, streams |
//! | `into_response` | what a closure may return for a response |
//! | `tests` | what closures return, and what is invalid |

mod into_response;
mod make;
#[cfg(test)]
mod tests;

pub use into_response::IntoResponse;

use crate::body::{Body, trailer};
use crate::cookie::Cookie;
use crate::page::{FAILED, error_page};
use http::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE, TRAILER};
use http::{Response as HttpResponse, StatusCode};
use std::cell::OnceCell;
use std::fmt;
use std::io;
use tinyhttp_message::encode::{FieldLines, HeadWriter};

/// The value of the Server field, unless a handler sets another one.
pub(crate) const SERVER: &str = concat!("tinyhttp/", env!("CARGO_PKG_VERSION"));

/// A response: a status, fields and content. It is made from one of the `http` crate, or from
/// whatever else is [`IntoResponse`].
///
/// Content-Length, Transfer-Encoding and Connection are the server's: it writes them to match what
/// it does, whatever these fields say here.
pub struct Response {
    status: StatusCode,
    fields: Fields,
    body: Body,
    /// A part of it was invalid, so it is a 500, whatever is changed.
    is_broken: bool,
}

/// The fields of a response, in one of two forms.
pub(crate) enum Fields {
    Map(Box<HeaderMap>),
    /// Lines that are ready to be written, all but Date, and a map of them once it was asked for.
    #[cfg_attr(
        not(feature = "files"),
        allow(dead_code, reason = "only files are sent again")
    )]
    Rendered(FieldLines, OnceCell<Box<HeaderMap>>),
}

impl Response {
    /// A 200 with this content.
    #[must_use]
    pub fn new(body: impl Into<Body>) -> Self {
        HttpResponse::new(body.into()).into()
    }

    /// The same response with another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        if !self.is_broken {
            self.status = status;
        }
        self
    }

    /// The same response with a field, which replaces others of its name. A name or a value with
    /// characters that a field can't have, such as a line break, makes the response a 500, and is
    /// logged.
    #[must_use]
    pub fn with_header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        match (name.try_into(), value.try_into()) {
            (Ok(name), Ok(value)) => {
                self.headers_mut().insert(name, value);
                self
            }
            (Ok(name), Err(_)) => Response::broken(&format_args!("the value of {name} is invalid")),
            (Err(_), _) => Response::broken(&"the name of a field is invalid"),
        }
    }

    /// The same response with a trailer field (RFC 9110 §6.5) behind its content, which is sent in
    /// chunks then. A client that did not ask for trailer fields with `TE: trailers`, or that
    /// speaks HTTP/1.0, gets the content without. The field Trailer announces it.
    ///
    /// A field that is known only when the content has been produced is added by
    /// [`StreamWriter::trailer`](crate::StreamWriter::trailer) or
    /// [`Sender::trailer`](crate::Sender::trailer).
    ///
    /// An invalid name or value, and a field that is needed before the content (RFC 9110 §6.5.1),
    /// make the response a 500, and are logged.
    ///
    /// ```
    /// use tinyhttp_server::Response;
    ///
    /// let response = Response::text("hello\n").with_trailer("server-timing", "db;dur=3");
    /// assert_eq!(response.body().trailers()["server-timing"], "db;dur=3");
    /// assert_eq!(Response::text("hello\n").with_trailer("set-cookie", "a=b").status(), 500);
    /// ```
    #[must_use]
    pub fn with_trailer<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        match trailer(name, value) {
            Ok((name, value)) if !self.is_broken => {
                self.headers_mut().append(TRAILER, name.clone().into());
                self.body.trailers_mut().add(name, value);
                self
            }
            Ok(_) => self,
            Err(invalid) => Response::broken(&invalid),
        }
    }

    /// The same response, which sets a cookie, too. An invalid one makes it a 500, and is logged.
    #[must_use]
    pub fn with_cookie(mut self, cookie: &Cookie) -> Self {
        let line = cookie
            .render()
            .and_then(|line| HeaderValue::try_from(line).ok());
        match line {
            Some(line) => {
                self.headers_mut().append(SET_COOKIE, line);
                self
            }
            None => Response::broken(&"a cookie is invalid"),
        }
    }

    /// What a response becomes that a handler has made wrongly.
    pub(crate) fn broken(why: &dyn fmt::Display) -> Self {
        log::error!("a response becomes a 500: {why}");
        let page = error_page(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
        Response {
            is_broken: true,
            ..page.into()
        }
    }

    /// The content as text, for tests.
    ///
    /// # Errors
    /// If it can't be read, or is not UTF-8.
    pub fn into_text(self) -> io::Result<String> {
        io::read_to_string(self.into_body())
    }

    /// A response whose field lines were rendered before, for content that is sent again and again.
    #[cfg(any(test, feature = "files"))]
    pub(crate) fn rendered(status: StatusCode, lines: FieldLines, body: Body) -> Self {
        Response {
            status,
            fields: Fields::Rendered(lines, OnceCell::new()),
            body,
            is_broken: false,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        match &self.fields {
            Fields::Map(map) => map,
            Fields::Rendered(lines, map) => map.get_or_init(|| Box::new(to_map(lines))),
        }
    }

    /// The header fields, to be changed.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        if let Fields::Rendered(lines, _) = &self.fields {
            self.fields = Fields::Map(Box::new(to_map(lines)));
        }
        match &mut self.fields {
            Fields::Map(map) => map,
            Fields::Rendered(..) => unreachable!("it was replaced"),
        }
    }

    /// The content.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The content, to be read or replaced.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The content alone.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }

    pub(crate) fn into_parts(self) -> (StatusCode, Fields, Body) {
        (self.status, self.fields, self.body)
    }

    /// Whether the status is that of an interim response, and no protocol is switched.
    pub(crate) fn is_interim(&self) -> bool {
        self.status.is_informational() && !self.body.is_switch()
    }

    #[cfg(any(test, feature = "files"))]
    pub(crate) fn is_rendered(&self) -> bool {
        matches!(self.fields, Fields::Rendered(..))
    }
}

/// The lines as a map.
fn to_map(lines: &FieldLines) -> HeaderMap {
    let mut bytes = Vec::new();
    HeadWriter::response(&mut bytes, StatusCode::OK).lines(lines);
    let mut map = HeaderMap::new();
    // The first line is the status line.
    for line in bytes.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}

impl<B: Into<Body>> From<HttpResponse<B>> for Response {
    fn from(response: HttpResponse<B>) -> Self {
        let (parts, body) = response.into_parts();
        Response {
            status: parts.status,
            fields: Fields::Map(Box::new(parts.headers)),
            body: body.into(),
            is_broken: false,
        }
    }
}

impl From<Response> for HttpResponse<Body> {
    fn from(mut response: Response) -> Self {
        let headers = std::mem::take(response.headers_mut());
        let mut http = HttpResponse::new(response.body);
        *http.status_mut() = response.status;
        *http.headers_mut() = headers;
        http
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", self.headers())
            .field("body", &self.body)
            .finish()
    }
}
