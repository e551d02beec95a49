//! The page with the local authority's certificate, for devices that are to trust it.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use tinyhttp_server::{Body, Handler, Reply, Request, Response};

/// Where the certificate is.
pub(in crate::serve) const PATH: &str = "/.tinyhttp/authority.crt";

/// Answers requests for the authority's certificate, and passes on all others.
pub(in crate::serve) struct WithAuthority<H> {
    inner: H,
    pem: String,
}

impl<H> WithAuthority<H> {
    pub(in crate::serve) fn new(inner: H, pem: String) -> Self {
        WithAuthority { inner, pem }
    }
}

impl<H: Handler> Handler for WithAuthority<H> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let is_read =
            request.method() == http::Method::GET || request.method() == http::Method::HEAD;
        if request.path() != PATH || !is_read {
            return self.inner.handle(request);
        }
        let mut response = http::Response::new(Body::from(self.pem.clone()));
        let fields = response.headers_mut();
        // Phones offer to install this type.
        let kind = HeaderValue::from_static("application/x-x509-ca-cert");
        fields.insert(CONTENT_TYPE, kind);
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Response::from(response).into()
    }
}
