//! Responses of common kinds: text, JSON, redirects, files, streams.

use super::Response;
use crate::body::{Body, StreamWriter};
use crate::page::error_page;
use http::StatusCode;
#[cfg(feature = "files")]
use http::header::LAST_MODIFIED;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::io;
#[cfg(feature = "files")]
use std::{fs::File, path::Path, sync::Arc};
#[cfg(feature = "files")]
use tinyhttp_message::date::HttpDate;

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

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
#[cfg(feature = "json")]
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Response {
    /// Plain text in UTF-8.
    #[must_use]
    pub fn text(text: impl Into<Body>) -> Self {
        Response::new(text).with_type(TEXT)
    }

    /// An HTML page in UTF-8. The caller has escaped what comes from elsewhere.
    #[must_use]
    pub fn html(page: impl Into<Body>) -> Self {
        Response::new(page).with_type(HTML)
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
            Ok(json) => Response::new(json).with_type(JSON),
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

    /// A file, with Last-Modified and the media type of its name, text in UTF-8: 404 if there is
    /// none, or it is not a regular file. A path that comes from the client can lead anywhere:
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
        // XML declares its encoding in the content, which a charset would override (RFC 7303 §3).
        let is_text = kind.type_() == "text" && kind.subtype() != "xml";
        let charset = if is_text { "; charset=utf-8" } else { "" };
        let response = Response::new(body)
            .with_header(CONTENT_TYPE, format!("{}{charset}", kind.essence_str()));
        match metadata.modified() {
            Ok(modified) => {
                let date = HttpDate::from(modified).write();
                response.with_header(LAST_MODIFIED, &date[..])
            }
            Err(_) => response,
        }
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

    fn with_type(mut self, kind: HeaderValue) -> Self {
        self.headers_mut().insert(CONTENT_TYPE, kind);
        self
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
