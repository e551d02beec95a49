//! Requests that were not received: for tests, and from the types of the `http` crate.

use super::{Head, Peer, Request, normalize};
use crate::body::Body;
use crate::endpoint::Endpoint;
use http::{HeaderName, HeaderValue, Method, Uri};
use std::cell::OnceCell;
use std::time::Instant;
use tinyhttp_message::Path;

/// Requests that were not received, for tests.
impl Request<'static> {
    /// A GET.
    ///
    /// # Panics
    /// If the target is no URI, or does not begin with a slash and is neither an absolute URI nor
    /// `*`. So do the other functions that make a request.
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
        let names_host_only = target.scheme().is_none() && target.authority().is_some();
        assert!(
            !names_host_only || method == Method::CONNECT,
            "\"{target}\" is not the target of a request: it begins with a slash"
        );
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
            hints: None,
        }
    }
}
