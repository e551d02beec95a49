//! A request as a handler sees it.
//!
//! | module | holds |
//! |---|---|
//! | `build` | requests that were not received |
//! | `early_hints` | interim responses with hints |
//! | `upgrade` | switching to another protocol |
//! | `tests` | both kinds of requests say the same |

mod build;
mod early_hints;
#[cfg(test)]
mod tests;
mod upgrade;

use crate::body::Body;
use crate::endpoint::Endpoint;
use crate::intake::Intake;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
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
    /// Where early hints go; `None` if the request was not received.
    hints: Option<Hints<'a>>,
}

/// Sends early hints to the client of a request.
pub(crate) trait SendHints: Send + Sync {
    /// Sends one interim response with these fields, each of which may be a hint.
    fn send_hints(&self, fields: &HeaderMap);

    /// The same, for a request that its handler may keep; `None` if this is that.
    fn share(&self) -> Option<Arc<dyn SendHints>>;
}

/// A reference to what sends early hints.
enum Hints<'a> {
    Lent(&'a dyn SendHints),
    Shared(Arc<dyn SendHints>),
}

/// What routers have found out about a request.
#[derive(Default)]
pub(crate) struct Routing {
    /// The parameters of the path, the innermost last.
    pub(crate) params: Vec<(Arc<str>, Box<[u8]>)>,
    /// How many bytes of the normal path the prefixes of mounts take.
    pub(crate) below: usize,
    /// How content is received for a handler that needs it, as the innermost router says.
    pub(crate) intake: Intake,
    /// The route's handler takes content as it comes, also if something is around it.
    pub(crate) streams: bool,
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
            hints: None,
        }
    }

    /// Sets where early hints go while the handler runs.
    pub(crate) fn lend_hints(&mut self, hints: &'a dyn SendHints) {
        self.hints = Some(Hints::Lent(hints));
    }

    /// Sets where early hints go, for a request that its handler may keep.
    pub(crate) fn share_hints(&mut self, hints: &dyn SendHints) {
        self.hints = hints.share().map(Hints::Shared);
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
    #[cfg(any(test, feature = "files"))]
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

    /// How content is received for a handler that needs it; `None` if it takes it as it comes.
    pub(crate) fn intake(&self) -> Option<Intake> {
        match &self.routing {
            Some(routing) => (!routing.streams).then(|| routing.intake.clone()),
            None => Some(Intake::default()),
        }
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
            hints: match self.hints {
                Some(Hints::Shared(hints)) => Some(Hints::Shared(hints)),
                Some(Hints::Lent(hints)) => hints.share().map(Hints::Shared),
                None => None,
            },
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
