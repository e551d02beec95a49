//! Switching to another protocol (RFC 9110 §7.8).

use crate::body::{Body, Upgraded};
use crate::page::error_page;
use crate::response::Response;
use http::header::{HeaderMap, HeaderValue, UPGRADE};
use http::{Response as HttpResponse, StatusCode};
use std::fmt;

/// A switch to another protocol, for [`Reply::Upgrade`](crate::Reply::Upgrade). The caller has
/// checked that the request offers the protocol; [`Request::upgrade`](crate::Request::upgrade)
/// checks it itself.
pub struct Upgrade {
    headers: HeaderMap,
    run: Box<dyn FnOnce(Upgraded) + Send>,
}

impl Upgrade {
    /// Switches to `protocol`, after which `run` has the socket, on a thread that it may block. The
    /// connection ends when `run` returns.
    ///
    /// # Panics
    /// If `protocol` contains characters that a field can't have.
    pub fn new(protocol: &'static str, run: impl FnOnce(Upgraded) + Send + 'static) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static(protocol));
        Upgrade {
            headers,
            run: Box::new(run),
        }
    }

    /// The fields of the 101. The server adds Connection.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// The response to a request that does not offer the protocol (RFC 9110 §15.5.22).
    pub(crate) fn required(self) -> Response {
        let explanation = "This resource needs a client that switches protocols.";
        let mut response = error_page(StatusCode::UPGRADE_REQUIRED, explanation);
        response.headers_mut().extend(self.headers);
        response.into()
    }
}

impl From<Upgrade> for Response {
    fn from(upgrade: Upgrade) -> Self {
        let mut response = HttpResponse::new(Body::switch(upgrade.run));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = upgrade.headers;
        response.into()
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade")
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
