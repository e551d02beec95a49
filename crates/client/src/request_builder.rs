//! Puts a request together.

use crate::body::Body;
use crate::error::Error;
use crate::fetch::Fetcher;
use crate::request::{Request, Target};
use crate::response::Response;
use crate::timeouts::Timeouts;
use crate::trace::Observer;
use http::{HeaderName, HeaderValue, Method, Version};
use std::fmt;
use std::sync::Arc;
use tinyhttp_message::MisuseError;

/// Puts a request together; [`RequestBuilder::send`] makes it and reports invalid parts.
///
/// ```no_run
/// # fn main() -> Result<(), tinyhttp_client::Error> {
/// let client = tinyhttp_client::Client::new();
/// let response = client
///     .put("http://127.0.0.1:8080/notes/1")
///     .field("Content-Type", "text/plain")
///     .body("remember the milk")
///     .send()?;
/// println!("{}", response.status());
/// # Ok(())
/// # }
/// ```
pub struct RequestBuilder {
    fetcher: Arc<Fetcher>,
    request: Result<Request, Error>,
}

impl RequestBuilder {
    pub(crate) fn new(fetcher: Arc<Fetcher>, method: Method, url: &str) -> Self {
        let request = Request::parse(method, url, fetcher.config.logins.as_ref());
        RequestBuilder { fetcher, request }
    }

    /// Adds a field. Fields of the same name are kept, in order; line breaks in a value are
    /// refused.
    ///
    /// `Content-Length`, `Transfer-Encoding` and `Connection` are left out of what is sent: the
    /// client writes them, to match what it does.
    #[must_use]
    pub fn field(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_ref());
        self.change(|request| {
            let name = name.map_err(|_| refused(MisuseError::InvalidFieldName))?;
            let value = value.map_err(|_| refused(MisuseError::InvalidFieldValue))?;
            request.fields.append(name, value);
            Ok(())
        })
    }

    /// Sets the content.
    #[must_use]
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.change(|request| {
            request.body = body.into();
            Ok(())
        })
    }

    /// Sets the request target, such as `*`, instead of the URL's path and query. Servers and
    /// proxies get exactly this text.
    #[must_use]
    pub fn target(self, target: impl Into<String>) -> Self {
        self.change(|request| {
            request.target = Target::Verbatim(target.into());
            Ok(())
        })
    }

    /// Sets the path and query, such as `/a/../b`, without normalising them. A proxy gets them
    /// behind the URL's scheme and host.
    #[must_use]
    pub fn path(self, path: impl Into<String>) -> Self {
        self.change(|request| {
            request.target = Target::Path(path.into());
            Ok(())
        })
    }

    /// Connects to the URL's IPv6 address in that zone: the name or number of a network interface.
    #[must_use]
    pub fn zone(self, zone: impl Into<String>) -> Self {
        self.change(|request| {
            request.zone = Some(zone.into());
            Ok(())
        })
    }

    /// Sets the version of HTTP: 1.1 unless set, or 1.0.
    #[must_use]
    pub fn version(self, version: Version) -> Self {
        self.change(|request| {
            request.version = version;
            Ok(())
        })
    }

    /// Sends `Connection: close`, and closes the connection after the response.
    #[must_use]
    pub fn close(self) -> Self {
        self.change(|request| {
            request.close = true;
            Ok(())
        })
    }

    /// Sends the content only after the server has sent `100 Continue`, or nothing for a second
    /// (RFC 9110 §10.1.1).
    #[must_use]
    pub fn expect_continue(self) -> Self {
        self.change(|request| {
            request.expect_continue = true;
            Ok(())
        })
    }

    /// Changes the timeouts of this request.
    #[must_use]
    pub fn timeouts(self, change: impl FnOnce(&mut Timeouts)) -> Self {
        let mut timeouts = self.fetcher.config.timeouts;
        self.change(|request| {
            change(&mut timeouts);
            request.timeouts = Some(timeouts);
            Ok(())
        })
    }

    /// Reports every step to that observer instead of the client's.
    #[must_use]
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        self.change(|request| {
            request.observer = Some(observer);
            Ok(())
        })
    }

    /// Sets the content to a value as JSON, with its `Content-Type`.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn json(self, value: &impl serde::Serialize) -> Self {
        let bytes = serde_json::to_vec(value);
        self.field("Content-Type", "application/json")
            .change(|request| {
                let bytes = bytes.map_err(|error| Error::Content {
                    source: error.into(),
                })?;
                request.body = bytes.into();
                Ok(())
            })
    }

    /// Returns the request's head, as it would be sent straight to its server; nothing is sent.
    ///
    /// # Errors
    /// [`Error::Url`] and [`Error::Request`] for an invalid request.
    pub fn preview(self) -> Result<Vec<u8>, Error> {
        self.fetcher.preview(&self.request?)
    }

    /// Makes the request, follows redirects, and returns when the head of the final response has
    /// arrived.
    ///
    /// # Errors
    /// The step that failed; a status code of 400 and more is a response, not an error.
    pub fn send(self) -> Result<Response, Error> {
        self.fetcher.fetch(self.request?)
    }

    fn change(mut self, change: impl FnOnce(&mut Request) -> Result<(), Error>) -> Self {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            self.request = Err(error);
        }
        self
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RequestBuilder");
        if let Ok(request) = &self.request {
            debug
                .field("method", &request.method)
                .field("url", &request.url.as_str());
        }
        debug.finish_non_exhaustive()
    }
}

fn refused(source: MisuseError) -> Error {
    Error::Request { source }
}
