//! A request while it is being put together.

use crate::body::Body;
use crate::client::Client;
#[cfg(feature = "cookies")]
use crate::cookies::is_trustworthy;
use crate::credentials::{Credentials, hide_passwords};
use crate::deadline::Timeouts;
use crate::error::{Error, NotRepeated};
use crate::response::Response;
use crate::trace::Observer;
use crate::zone;
#[cfg(feature = "cookies")]
use http::header;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
#[cfg(feature = "cookies")]
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use tinyhttp_message as message;
use url::{Position, Url};

/// A request to an http or https URL.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The zone of the URL's address.
    pub(crate) zone: Option<String>,
    /// What is written on the request line.
    pub(crate) target: Target,
    pub(crate) version: Version,
    pub(crate) fields: HeaderMap,
    /// What the URL's user and password come to; a field that is given counts instead.
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) body: Body,
    pub(crate) close: bool,
    pub(crate) expect_continue: bool,
    /// Other timeouts than the client's.
    pub(crate) timeouts: Option<Timeouts>,
    /// Another observer than the client's.
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

/// The request target (RFC 9112 §3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The URL's path and query.
    OfUrl,
    /// Another path and query. A proxy gets it behind the URL's scheme and host.
    Path(String),
    /// A text that goes out as it is, to servers and proxies.
    Verbatim(String),
}

impl Request {
    pub(crate) fn new(method: Method, mut url: Url) -> Self {
        let authorization = take_credentials(&mut url);
        Request {
            method,
            url,
            zone: None,
            authorization,
            target: Target::OfUrl,
            version: Version::HTTP_11,
            fields: HeaderMap::new(),
            body: Body::empty(),
            close: false,
            expect_continue: false,
            timeouts: None,
            observer: None,
        }
    }

    /// The request target for the server, in origin-form unless the caller chose another: never a
    /// fragment, never credentials (RFC 9112 §3.2.1).
    pub(crate) fn target(&self) -> &str {
        match &self.target {
            Target::Path(target) | Target::Verbatim(target) => target,
            Target::OfUrl => &self.url[Position::BeforePath..Position::AfterQuery],
        }
    }

    /// The request target for a proxy: in absolute-form (RFC 9112 §3.2.2), unless the caller chose
    /// a text of their own.
    pub(crate) fn target_for_proxy(&self) -> String {
        if let Target::Verbatim(target) = &self.target {
            return target.clone();
        }
        let url = &self.url;
        let host = &url[Position::BeforeHost..Position::AfterPort];
        format!("{}://{host}{}", url.scheme(), self.target())
    }

    /// The URL whose cookies go with the request: the request's own, with the host of a Host field
    /// that was given. A name that makes plain http look like this machine does not count, since
    /// Secure cookies would leave it.
    #[cfg(feature = "cookies")]
    pub(crate) fn url_for_cookies(&self) -> Cow<'_, Url> {
        let named = self.fields.get(header::HOST).and_then(|host| {
            let authority = host.to_str().ok()?;
            let url = format!("{}://{authority}{}", self.url.scheme(), self.url.path());
            Url::parse(&url)
                .ok()
                .filter(|url| url.username().is_empty())
        });
        match named {
            Some(named) if !is_trustworthy(&named) || is_trustworthy(&self.url) => {
                Cow::Owned(named)
            }
            _ => Cow::Borrowed(&self.url),
        }
    }

    /// What forbids making it twice: that it would do more than once (RFC 9110 §9.2.2), or isn't
    /// possible.
    pub(crate) fn why_not_repeated(&self) -> Option<NotRepeated> {
        let idempotent = [
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::TRACE,
            Method::PUT,
            Method::DELETE,
        ];
        if !idempotent.contains(&self.method) {
            return Some(NotRepeated::NotIdempotent(self.method.clone()));
        }
        (!self.body.can_be_sent()).then_some(NotRepeated::ContentIsGone)
    }
}

/// Takes user and password out of a URL, so that it can be shown and sent on.
pub(crate) fn take_credentials(url: &mut Url) -> Option<HeaderValue> {
    let credentials = Credentials::of(url)?;
    // These fail for URLs without a host only.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(credentials.basic_value())
}

/// Puts a request together; [`RequestBuilder::send`] makes it.
///
/// What is wrong with its parts is told by `send`.
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
    client: Client,
    request: Result<Request, Error>,
}

impl RequestBuilder {
    pub(crate) fn new(client: Client, method: Method, url: &str) -> Self {
        let (text, zone) = zone::split_url(url);
        let request = Url::parse(&text)
            .map(|url| {
                let login = client.login(&url);
                let mut request = Request::new(method, url);
                request.zone = zone;
                request.authorization = login.or(request.authorization);
                request
            })
            .map_err(|source| Error::Url {
                url: hide_passwords(url),
                source,
            });
        RequestBuilder { client, request }
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
            let name = name.map_err(|_| refused(message::MisuseError::InvalidFieldName))?;
            let value = value.map_err(|_| refused(message::MisuseError::InvalidFieldValue))?;
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

    /// Speaks that version of HTTP: 1.1 unless set, or 1.0.
    #[must_use]
    pub fn version(self, version: Version) -> Self {
        self.change(|request| {
            request.version = version;
            Ok(())
        })
    }

    /// Says `Connection: close`, and closes afterwards.
    #[must_use]
    pub fn close(self) -> Self {
        self.change(|request| {
            request.close = true;
            Ok(())
        })
    }

    /// Sends the content only after the server has said `100 Continue`, or nothing for a second
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
        let mut timeouts = self.client.timeouts();
        self.change(|request| {
            change(&mut timeouts);
            request.timeouts = Some(timeouts);
            Ok(())
        })
    }

    /// Shows every step to that observer instead of the client's.
    #[must_use]
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        self.change(|request| {
            request.observer = Some(observer);
            Ok(())
        })
    }

    /// Sets the content to a value as JSON, and says so in `Content-Type`.
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

    /// The request's head, as it would be sent straight to its server; nothing is sent.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn preview(self) -> Result<Vec<u8>, Error> {
        self.client.preview(&self.request?)
    }

    /// Makes the request, follows redirects, and returns when the final response's head is there.
    ///
    /// # Errors
    /// Whatever goes wrong; a status code of 400 and more is a response, not an error.
    pub fn send(self) -> Result<Response, Error> {
        self.client.fetch(self.request?)
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

fn refused(source: message::MisuseError) -> Error {
    Error::Request { source }
}

impl TryFrom<http::Request<Body>> for Request {
    type Error = Error;

    fn try_from(request: http::Request<Body>) -> Result<Request, Error> {
        let (parts, body) = request.into_parts();
        let text = parts.uri.to_string();
        let url = Url::parse(&text).map_err(|source| Error::Url {
            url: hide_passwords(&text),
            source,
        })?;
        Ok(Request {
            version: parts.version,
            fields: parts.headers,
            body,
            ..Request::new(parts.method, url)
        })
    }
}

#[cfg(all(test, feature = "cookies"))]
mod tests {
    use super::*;

    #[test]
    fn a_given_host_chooses_the_cookies() {
        let table = [
            ("http://127.0.0.1:81/a?b", None, "http://127.0.0.1:81/a?b"),
            (
                "http://127.0.0.1:81/a",
                Some("www.foo.test"),
                "http://www.foo.test/a",
            ),
            (
                "https://h/a",
                Some("Foo.test:8443"),
                "https://foo.test:8443/a",
            ),
            (
                "http://127.0.0.1/a",
                Some("localhost"),
                "http://localhost/a",
            ),
            // Secure cookies of this machine don't leave it.
            (
                "http://evil.test/a",
                Some("localhost"),
                "http://evil.test/a",
            ),
            (
                "http://evil.test/a",
                Some("127.0.0.1"),
                "http://evil.test/a",
            ),
            (
                "https://evil.test/a",
                Some("localhost"),
                "https://localhost/a",
            ),
            ("http://h/a", Some("not a host"), "http://h/a"),
            ("http://h/a", Some("me@foo.test"), "http://h/a"),
        ];
        for (url, host, want) in table {
            let mut request = Request::new(Method::GET, Url::parse(url).unwrap());
            if let Some(host) = host {
                let host = HeaderValue::from_static(host);
                request.fields.insert(header::HOST, host);
            }
            assert_eq!(request.url_for_cookies().as_str(), want, "{url} {host:?}");
        }
    }
}
