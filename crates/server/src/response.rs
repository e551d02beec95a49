//! A response as a handler makes it.

use crate::body::{Body, StreamWriter};
use crate::cookie::Cookie;
use crate::page::error_page;
use bytes::Bytes;
#[cfg(feature = "files")]
use http::header::LAST_MODIFIED;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use http::{Response as HttpResponse, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::io;
#[cfg(feature = "files")]
use std::{fs::File, path::Path, sync::Arc};
#[cfg(feature = "files")]
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::encode::{FieldLines, HeadWriter};

/// Characters that no address contains (RFC 3986 §2), besides those that are not ASCII.
const NOT_IN_URLS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

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
    Rendered(FieldLines, OnceCell<Box<HeaderMap>>),
}

impl Response {
    /// A 200 with this content.
    #[must_use]
    pub fn new(body: impl Into<Body>) -> Self {
        HttpResponse::new(body.into()).into()
    }

    /// Plain text in UTF-8.
    #[must_use]
    pub fn text(text: impl Into<Body>) -> Self {
        Response::new(text).with_type("text/plain; charset=utf-8")
    }

    /// An HTML page in UTF-8. The caller has escaped what comes from elsewhere.
    #[must_use]
    pub fn html(page: impl Into<Body>) -> Self {
        Response::new(page).with_type("text/html; charset=utf-8")
    }

    /// A value as JSON (RFC 8259); a 500, whose cause is logged, for one that JSON can't express.
    ///
    /// ```
    /// use tinyhttp_server::Response;
    ///
    /// let response = Response::json(&[1, 2]);
    /// assert_eq!(response.headers()["content-type"], "application/json");
    /// assert_eq!(response.into_text()?, "[1,2]");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "json")]
    #[must_use]
    pub fn json(value: &(impl serde::Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => Response::new(json).with_type("application/json"),
            Err(error) => Response::broken(&format_args!("a value is no JSON: {error}")),
        }
    }

    /// Sends the client to another address with GET, as after a form was taken in: 303 (RFC 9110
    /// §15.4.4). [`with_status`](Self::with_status) makes it another redirect.
    ///
    /// Characters that an address can't have, line breaks among them, are percent-encoded. A target
    /// that comes from the client can lead to another site: check it before.
    ///
    /// ```
    /// use tinyhttp_server::{Response, StatusCode};
    ///
    /// let response = Response::redirect("/notes/ä b").with_status(StatusCode::PERMANENT_REDIRECT);
    /// assert_eq!(response.headers()["location"], "/notes/%C3%A4%20b");
    /// ```
    #[must_use]
    pub fn redirect(location: impl AsRef<str>) -> Self {
        let location = utf8_percent_encode(location.as_ref(), NOT_IN_URLS).to_string();
        let explanation = "The response to this request is at another address.";
        let page = Response::from(error_page(StatusCode::SEE_OTHER, explanation));
        page.with_header(LOCATION, location)
    }

    /// A file, with Last-Modified and the media type of its name: 404 if there is none, or it is
    /// not a regular file. A path that comes from the client can lead anywhere:
    /// [`Files`](crate::Files) keeps requests to a directory.
    #[cfg(feature = "files")]
    #[must_use]
    pub fn file(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let opened = open_file(path);
        let (file, metadata) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let kind = error.kind();
                let is_missing =
                    kind == io::ErrorKind::NotFound || kind == io::ErrorKind::NotADirectory;
                if is_missing {
                    return error_page(StatusCode::NOT_FOUND, "").into();
                }
                let path = path.display();
                return Response::broken(&format_args!("{path} can't be sent: {error}"));
            }
        };
        let kind = mime_guess::from_path(path).first_or_octet_stream();
        let body = Body::file(Arc::new(file), 0, metadata.len());
        let response = Response::new(body).with_type(kind.essence_str());
        match metadata.modified() {
            Ok(modified) => {
                let date = HttpDate::from(modified).write();
                response.with_header(LAST_MODIFIED, &date[..])
            }
            Err(_) => response,
        }
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

    fn with_type(mut self, kind: &str) -> Self {
        if let Ok(kind) = HeaderValue::from_str(kind) {
            self.headers_mut().insert(CONTENT_TYPE, kind);
        }
        self
    }

    /// What a response becomes that a handler has made wrongly.
    fn broken(why: &dyn fmt::Display) -> Self {
        log::error!("a response becomes a 500: {why}");
        let explanation = "Something here is broken; it isn't you.";
        let page = error_page(StatusCode::INTERNAL_SERVER_ERROR, explanation);
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

    pub(crate) fn is_rendered(&self) -> bool {
        matches!(self.fields, Fields::Rendered(..))
    }
}

/// Opens a regular file. A named pipe is not waited for.
#[cfg(feature = "files")]
fn open_file(path: &Path) -> io::Result<(File, std::fs::Metadata)> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    match metadata.is_file() {
        true => Ok((file, metadata)),
        false => Err(io::ErrorKind::NotFound.into()),
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
        rest.into_response().with_status(status)
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
        Response::text(self)
    }
}

/// Plain text.
impl IntoResponse for String {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

/// Plain text.
impl IntoResponse for Cow<'static, str> {
    fn into_response(self) -> Response {
        match self {
            Cow::Borrowed(borrowed) => borrowed.into_response(),
            Cow::Owned(owned) => owned.into_response(),
        }
    }
}

/// A 200 without content.
impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::new(())
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

    /// What a handler makes is valid or a 500; it never becomes another field.
    #[test]
    fn an_invalid_part_makes_a_500() {
        let text = || Response::text("secret");
        let table = [
            text().with_header("a", "b\r\nset-cookie: x=y"),
            text().with_header("a", "b\0"),
            text().with_header("a b", "c"),
            text().with_header("a\r\nb", "c"),
            text().with_cookie(&Cookie::new("a", "b\r\nc: d")),
        ];
        for response in table {
            let response = response.with_header("c", "d").with_status(StatusCode::OK);
            assert_eq!(response.status(), 500, "{response:?}");
            assert!(!response.headers().contains_key("set-cookie"));
            assert!(!response.into_text().unwrap().contains("secret"));
        }
        let redirect = Response::redirect("/a\r\nSet-Cookie: x=y");
        assert_eq!(redirect.status(), 303);
        assert_eq!(redirect.headers()["location"], "/a%0D%0ASet-Cookie:%20x=y");
    }

    #[cfg(feature = "files")]
    #[test]
    fn files_are_sent_and_others_are_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.html");
        std::fs::write(&path, "hello").unwrap();
        let response = Response::file(&path);
        assert_eq!(response.headers()["content-type"], "text/html");
        assert!(response.headers().contains_key("last-modified"));
        assert_eq!(response.into_text().unwrap(), "hello");
        for missing in [folder.path(), &folder.path().join("b"), &path.join("c")] {
            assert_eq!(
                Response::file(missing).status(),
                404,
                "{}",
                missing.display()
            );
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
