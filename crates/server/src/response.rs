//! A response as a handler makes it.

use crate::body::{Body, StreamWriter};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
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
}

/// The fields of a response, in one of two forms.
pub(crate) enum Fields {
    Map(Box<HeaderMap>),
    /// Lines that are ready to be written, all but Date, and a map of them once it was asked for.
    Rendered(FieldLines, OnceCell<Box<HeaderMap>>),
}

impl Response {
    /// A 200 with this content.
    #[must_use]
    pub fn new(body: impl Into<Body>) -> Self {
        HttpResponse::new(body.into()).into()
    }

    /// A 200 whose content a closure writes while it is sent. The closure holds a thread for as
    /// long as it runs; an error that it returns closes the connection, so that the client notices
    /// that the content is incomplete. For content that comes at long intervals, such as events,
    /// use [`Body::channel`], which holds no thread.
    ///
    /// ```
    /// use std::io::Write;
    /// use tinyhttp_server::Response;
    ///
    /// let response = Response::stream(|out| {
    ///     for number in 1..=3 {
    ///         writeln!(out, "{number}")?;
    ///         // Sends what there is, instead of more at a time.
    ///         out.flush()?;
    ///     }
    ///     Ok(())
    /// });
    /// assert_eq!(std::io::read_to_string(response.into_body())?, "1\n2\n3\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stream(
        write: impl FnOnce(&mut StreamWriter<'_>) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Response::new(Body::stream(write))
    }

    /// A response whose field lines were rendered before, for content that is sent again and again.
    pub(crate) fn rendered(status: StatusCode, lines: FieldLines, body: Body) -> Self {
        Response {
            status,
            fields: Fields::Rendered(lines, OnceCell::new()),
            body,
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

/// What a closure may return for a response.
pub trait IntoResponse {
    /// Makes the response.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

impl<B: Into<Body>> IntoResponse for HttpResponse<B> {
    fn into_response(self) -> Response {
        self.into()
    }
}

/// A response with this status and no content.
impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        (self, Body::empty()).into_response()
    }
}

/// The same response with another status.
impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn into_response(self) -> Response {
        let (status, rest) = self;
        Response {
            status,
            ..rest.into_response()
        }
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

/// Plain text.
impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        text(self.into())
    }
}

/// Plain text.
impl IntoResponse for String {
    fn into_response(self) -> Response {
        text(self.into())
    }
}

/// `None` is a 404 without content.
impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self) -> Response {
        match self {
            Some(found) => found.into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(done) => done.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

fn text(body: Body) -> Response {
    let mut response = Response::new(body);
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_closures_return() {
        let http = HttpResponse::builder().status(201).header("a", "b");
        let table: [(Response, u16, &str, &str); 8] = [
            (
                "text".into_response(),
                200,
                "text/plain; charset=utf-8",
                "text",
            ),
            (
                "text".to_owned().into_response(),
                200,
                "text/plain; charset=utf-8",
                "text",
            ),
            (vec![b'x'].into_response(), 200, "", "x"),
            (StatusCode::NO_CONTENT.into_response(), 204, "", ""),
            (
                (StatusCode::GONE, "gone").into_response(),
                410,
                "text/plain; charset=utf-8",
                "gone",
            ),
            (None::<&str>.into_response(), 404, "", ""),
            (
                Err::<&str, _>(StatusCode::CONFLICT).into_response(),
                409,
                "",
                "",
            ),
            (http.body("made").unwrap().into_response(), 201, "", "made"),
        ];
        for (response, status, content_type, content) in table {
            assert_eq!(response.status(), status);
            let found = response.headers().get(CONTENT_TYPE);
            assert_eq!(
                found.map_or("", |found| found.to_str().unwrap()),
                content_type
            );
            assert_eq!(io::read_to_string(response.into_body()).unwrap(), content);
        }
    }

    #[test]
    fn rendered_lines_can_be_read_and_changed() {
        let lines = FieldLines::new(|head| {
            head.field("ETag", b"\"a: b\"")?;
            head.field("Vary", b"Accept")
        });
        let mut response = Response::rendered(StatusCode::OK, lines.unwrap(), Body::empty());
        assert_eq!(response.headers()["etag"], "\"a: b\"");
        assert!(response.is_rendered());
        response
            .headers_mut()
            .insert("vary", HeaderValue::from_static("*"));
        assert!(!response.is_rendered());
        assert_eq!(
            (response.headers().len(), &response.headers()["vary"]),
            (2, &HeaderValue::from_static("*"))
        );
    }
}
