//! A request as a handler sees it.

use crate::body::{Body, Upgraded};
use crate::endpoint::Endpoint;
use crate::page::error_page;
use crate::response::Response;
use crate::upgrade::Upgrade;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;
use tinyhttp_message::{Path, ProtocolError, RequestHead};

/// The two ends of the connection that a request came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The client.
    pub remote: Endpoint,
    /// The listener that it connected to.
    pub local: Endpoint,
}

/// A request. It borrows its head from the buffer that the head was received in; a map of its
/// fields is made when [`headers`](Request::headers) is first called, and its path is normalised
/// once.
///
/// A request that was not received is made from one of the `http` crate, so that handlers can be
/// tested without a socket:
///
/// ```
/// use tinyhttp_server::{Handler, Request};
///
/// let hello = |request: Request<'_>| format!("hello {}\n", request.path());
/// let request = http::Request::get("/world").body(())?;
/// let response = hello.handle(request.into()).response();
/// assert_eq!(std::io::read_to_string(response.into_body())?, "hello /world\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Request<'a> {
    head: Head<'a>,
    peer: Peer,
    arrived: Instant,
    body: Body,
    headers: OnceCell<Box<HeaderMap>>,
    path: Result<Path<'a>, ProtocolError>,
    extensions: Extensions,
    is_secured: bool,
    /// What routers have found out.
    routing: Option<Box<Routing>>,
}

/// What routers have found out about a request.
#[derive(Default)]
pub(crate) struct Routing {
    /// The parameters of the path, the innermost last.
    pub(crate) params: Vec<(Arc<str>, Box<[u8]>)>,
    /// How many bytes of the normal path the prefixes of mounts take.
    pub(crate) below: usize,
}

enum Head<'a> {
    Received(&'a RequestHead<'a>),
    Built(Box<Parts>),
}

impl<'a> Request<'a> {
    pub(crate) fn new(head: &'a RequestHead<'a>, peer: Peer, arrived: Instant, body: Body) -> Self {
        Request {
            head: Head::Received(head),
            peer,
            arrived,
            body,
            headers: OnceCell::new(),
            path: normalize(head.target.path()),
            extensions: Extensions::new(),
            is_secured: false,
            routing: None,
        }
    }

    /// Notes that the request came over TLS.
    pub(crate) fn set_secured(&mut self) {
        self.is_secured = true;
    }

    /// Whether the request came over TLS, so that its scheme is https.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.is_secured
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        match &self.head {
            Head::Received(head) => &head.method,
            Head::Built(parts) => &parts.method,
        }
    }

    /// The version of the protocol.
    #[must_use]
    pub fn version(&self) -> Version {
        match &self.head {
            Head::Received(head) => head.version,
            Head::Built(parts) => parts.version,
        }
    }

    /// The path of the target as it was sent. To compare it with anything, use
    /// [`normal_path`](Request::normal_path).
    #[must_use]
    pub fn path(&self) -> &str {
        match &self.head {
            Head::Received(head) => head.target.path(),
            Head::Built(parts) => parts.uri.path(),
        }
    }

    /// The query of the target, without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        match &self.head {
            Head::Received(head) => head.target.query(),
            Head::Built(parts) => parts.uri.query(),
        }
    }

    /// The authority of the target, if it is in absolute-form. It outranks Host (RFC 9112 §3.2.2).
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        match &self.head {
            Head::Received(head) => head.target.authority(),
            Head::Built(parts) => parts.uri.authority().map(http::uri::Authority::as_str),
        }
    }

    /// The target as a URI. Characters that a URI may not contain are percent-encoded; a target
    /// that is no URI even then is `/`.
    #[must_use]
    pub fn uri(&self) -> Uri {
        match &self.head {
            Head::Received(head) => head.target.to_uri().unwrap_or_default(),
            Head::Built(parts) => parts.uri.clone(),
        }
    }

    /// The path, percent-decoded and normalised. Every rule that looks at the path sees this one
    /// value.
    ///
    /// # Errors
    /// As [`Path::normalize`].
    pub fn normal_path(&self) -> Result<&Path<'_>, ProtocolError> {
        self.path.as_ref().map_err(|error| *error)
    }

    /// The header fields. The first call makes the map.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.headers.get_or_init(|| match &self.head {
            Head::Received(head) => Box::new(to_map(head)),
            Head::Built(parts) => Box::new(parts.headers.clone()),
        })
    }

    /// The value of the first field with this name, which must be in lower case. Makes no map.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        match &self.head {
            Head::Received(head) => head.fields.get(name),
            Head::Built(parts) => parts.headers.get(name).map(HeaderValue::as_bytes),
        }
    }

    /// The values of all fields with this name, which must be in lower case, in order. Makes no
    /// map.
    pub fn field_values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        let (received, built) = match &self.head {
            Head::Received(head) => (Some(head.fields.get_all(name)), None),
            Head::Built(parts) => (None, Some(parts.headers.get_all(name))),
        };
        let built = built.into_iter().flatten().map(HeaderValue::as_bytes);
        received.into_iter().flatten().chain(built)
    }

    /// Names and values of all fields, in order. Makes no map.
    #[cfg(feature = "gateway")]
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let (received, built) = match &self.head {
            Head::Received(head) => (Some(head.fields.iter()), None),
            Head::Built(parts) => (None, Some(parts.headers.iter())),
        };
        let built = built.into_iter().flatten();
        let built = built.map(|(name, value)| (name.as_str(), value.as_bytes()));
        received.into_iter().flatten().chain(built)
    }

    /// Whether there is a field whose name `is_wanted` admits. Names may have capitals. Makes no
    /// map.
    pub(crate) fn has_field(&self, mut is_wanted: impl FnMut(&str) -> bool) -> bool {
        match &self.head {
            Head::Received(head) => head.fields.iter().any(|(name, _)| is_wanted(name)),
            Head::Built(parts) => parts.headers.keys().any(|name| is_wanted(name.as_str())),
        }
    }

    /// The two ends of the connection.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Upper bound on when the request began to arrive. What was known to be true at that moment or
    /// later is fresh enough for its response.
    #[must_use]
    pub fn arrived(&self) -> Instant {
        self.arrived
    }

    /// What handlers in front of this one have found out, for example the user.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Adds to what handlers behind this one can see.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    pub(crate) fn routing(&self) -> Option<&Routing> {
        self.routing.as_deref()
    }

    pub(crate) fn routing_mut(&mut self) -> &mut Routing {
        self.routing.get_or_insert_default()
    }

    /// How many bytes of the normal path the prefixes of mounts take.
    pub(crate) fn below(&self) -> usize {
        self.routing.as_ref().map_or(0, |routing| routing.below)
    }

    /// The same request, without borrowing from the buffer it was received in.
    pub(crate) fn into_owned(self) -> Request<'static> {
        let headers = self.headers().clone();
        let mut parts = http::Request::new(()).into_parts().0;
        parts.method = self.method().clone();
        parts.uri = self.uri();
        parts.version = self.version();
        parts.headers = headers;
        Request {
            head: Head::Built(Box::new(parts)),
            peer: self.peer,
            arrived: self.arrived,
            body: self.body,
            headers: OnceCell::new(),
            path: self.path.map(Path::into_owned),
            extensions: self.extensions,
            is_secured: self.is_secured,
            routing: self.routing,
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

    /// Whether the client offers to switch to this protocol (RFC 9110 §7.8), such as `websocket`.
    #[must_use]
    pub fn offers_upgrade(&self, protocol: &str) -> bool {
        let lists = |field: &'static str, token: &str| {
            self.field_values(field)
                .flat_map(|value| value.split(|byte| *byte == b','))
                .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
        };
        // HTTP/1.0 can't upgrade: its Upgrade is ignored.
        self.version() == Version::HTTP_11
            && lists("upgrade", protocol)
            && lists("connection", "upgrade")
    }

    /// Switches to another protocol: a 101, after which `run` has the socket, on a thread that it
    /// may block. The connection ends when `run` returns.
    ///
    /// As many clients can be upgraded at a time as there may be threads
    /// ([`Builder::max_threads`](crate::Builder::max_threads)); more get a 503. A request that does
    /// not offer the protocol gets a 426 that names it, and one whose content has not been received
    /// a 400.
    ///
    /// A protocol may need further fields, as WebSocket does (RFC 6455 §4.2.2):
    /// [`Response::headers_mut`] adds them.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use tinyhttp_server::{Request, Response};
    ///
    /// /// Sends back what it receives.
    /// fn echo(request: Request<'_>) -> Response {
    ///     request.upgrade("echo", |mut socket| {
    ///         let mut buffer = [0; 1024];
    ///         while let Ok(length @ 1..) = socket.read(&mut buffer) {
    ///             if socket.write_all(&buffer[..length]).is_err() {
    ///                 break;
    ///             }
    ///         }
    ///     })
    /// }
    /// # let _ = echo;
    /// ```
    #[must_use]
    pub fn upgrade(
        self,
        protocol: &'static str,
        run: impl FnOnce(Upgraded) + Send + 'static,
    ) -> Response {
        let upgrade = Upgrade::new(protocol, run);
        if !self.offers_upgrade(protocol) {
            return upgrade.required();
        }
        if self.body.is_unread() {
            let explanation = "A request that switches protocols can't have content.";
            return error_page(StatusCode::BAD_REQUEST, explanation).into();
        }
        upgrade.into()
    }

    /// The request in the types of the `http` crate. Its extensions hold the [`Peer`].
    #[must_use]
    pub fn into_http(self) -> http::Request<Body> {
        let mut request = http::Request::new(());
        *request.method_mut() = self.method().clone();
        *request.uri_mut() = self.uri();
        *request.version_mut() = self.version();
        *request.headers_mut() = self.headers().clone();
        *request.extensions_mut() = self.extensions;
        request.extensions_mut().insert(self.peer);
        request.map(|()| self.body)
    }
}

/// Requests that were not received, for tests.
impl Request<'static> {
    /// A GET.
    ///
    /// # Panics
    /// If the target is no URI. So do the other functions that make a request.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Request::build(Method::GET, target, ())
    }

    /// A POST with content.
    #[must_use]
    pub fn post(target: &str, content: impl Into<Body>) -> Self {
        Request::build(Method::POST, target, content)
    }

    /// A PUT with content.
    #[must_use]
    pub fn put(target: &str, content: impl Into<Body>) -> Self {
        Request::build(Method::PUT, target, content)
    }

    /// A DELETE.
    #[must_use]
    pub fn delete(target: &str) -> Self {
        Request::build(Method::DELETE, target, ())
    }

    /// A request with a method and content.
    #[must_use]
    pub fn build(method: Method, target: &str, content: impl Into<Body>) -> Self {
        let target: Uri = match target.parse() {
            Ok(target) => target,
            Err(error) => panic!("{target:?} is not the target of a request: {error}"),
        };
        let mut request = http::Request::new(content.into());
        *request.method_mut() = method;
        *request.uri_mut() = target;
        request.into()
    }

    /// The same request with a further field.
    ///
    /// # Panics
    /// If the name or the value has characters that a field can't have.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let value = value.as_ref();
        let field = HeaderName::try_from(name)
            .ok()
            .zip(HeaderValue::from_str(value).ok());
        let Some((name, value)) = field else {
            panic!("{name:?}: {value:?} is no field")
        };
        if let Head::Built(parts) = &mut self.head {
            parts.headers.append(name, value);
        }
        self
    }
}

impl<B: Into<Body>> From<http::Request<B>> for Request<'static> {
    /// A request from nowhere, unless its extensions hold a [`Peer`].
    fn from(request: http::Request<B>) -> Self {
        let (mut parts, body) = request.into_parts();
        let extensions = std::mem::take(&mut parts.extensions);
        let nowhere = Peer {
            remote: Endpoint::Unix,
            local: Endpoint::Unix,
        };
        Request {
            peer: extensions.get().copied().unwrap_or(nowhere),
            path: normalize(parts.uri.path()).map(Path::into_owned),
            head: Head::Built(Box::new(parts)),
            arrived: Instant::now(),
            body: body.into(),
            headers: OnceCell::new(),
            extensions,
            is_secured: false,
            routing: None,
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", self.method())
            .field("path", &self.path())
            .field("query", &self.query())
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// The fields as a map. A name that is longer than a map admits (64 KiB) is left out.
fn to_map(head: &RequestHead<'_>) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(head.fields.len());
    for (name, value) in head.fields.iter() {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    map
}

/// The one place where the path of a request is normalised.
fn normalize(raw: &str) -> Result<Path<'_>, ProtocolError> {
    #[cfg(test)]
    NORMALIZED.set(NORMALIZED.get() + 1);
    Path::normalize(raw)
}

#[cfg(test)]
thread_local! {
    /// How many paths of requests were normalised on this thread.
    pub(crate) static NORMALIZED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinyhttp_message::{FieldStorage, Limits};

    /// Both kinds of heads say the same.
    #[test]
    fn a_received_request_is_as_a_built_one() {
        let bytes = b"GET http://h:80/a%20b/?q HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\n\r\n";
        let mut storage = FieldStorage::new();
        let head = RequestHead::parse(bytes, &mut storage, &Limits::default()).unwrap();
        let peer = Peer {
            remote: Endpoint::Unix,
            local: Endpoint::Unix,
        };
        let received = Request::new(&head, peer, Instant::now(), Body::empty());
        let built = http::Request::get("http://h:80/a%20b/?q")
            .header("host", "x")
            .header("a", "1")
            .header("a", "2");
        let built = Request::from(built.body(()).unwrap());
        for request in [&received, &built] {
            assert_eq!(request.method(), Method::GET);
            assert_eq!((request.path(), request.query()), ("/a%20b/", Some("q")));
            assert_eq!(request.authority(), Some("h:80"));
            assert_eq!(request.uri(), "http://h:80/a%20b/?q");
            assert_eq!(request.normal_path().unwrap().as_bytes(), b"/a b/");
            assert_eq!(request.field("host"), Some(&b"x"[..]));
            assert!(request.field_values("a").eq([b"1", b"2"]));
            assert!(request.has_field(|name| name.eq_ignore_ascii_case("A")));
            assert!(!request.has_field(|name| name == "b"));
            assert_eq!(request.headers().get_all("a").iter().count(), 2);
            assert_eq!(request.version(), Version::HTTP_11);
        }
        let http = received.into_http();
        assert_eq!(http.extensions().get(), Some(&peer));
        assert_eq!((http.uri().path(), http.headers().len()), ("/a%20b/", 3));
    }

    #[test]
    fn a_malformed_path_is_an_error_each_time() {
        let request = Request::from(http::Request::get("/%zz").body(()).unwrap());
        for _ in 0..2 {
            assert_eq!(
                request.normal_path().unwrap_err(),
                ProtocolError::MalformedPath
            );
        }
    }
}
