//! The handler that gives each request to the upstream of its path.

use super::path::Match;
use super::refusal::with_slash;
use super::upstream::Upstream;
use crate::handler::{Handler, Reply};
use crate::request::Request;

/// Forwards the requests whose paths begin with the prefix of an [`Upstream`], and leaves others to
/// the handler inside. The longest prefix wins.
#[derive(Debug)]
pub struct Gateways<H> {
    inner: H,
    /// The longest prefix first.
    upstreams: Vec<Upstream>,
}

impl<H: Handler> Gateways<H> {
    /// Leaves all requests to `inner`.
    pub fn new(inner: H) -> Self {
        Gateways {
            inner,
            upstreams: Vec::new(),
        }
    }

    /// Forwards the requests below the prefix of this upstream.
    #[must_use]
    pub fn with(mut self, upstream: Upstream) -> Self {
        self.upstreams.push(upstream);
        self.upstreams
            .sort_by_key(|upstream| std::cmp::Reverse(upstream.prefix().len()));
        self
    }
}

impl<H: Handler> Handler for Gateways<H> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let Ok(path) = request.normal_path() else {
            return self.inner.handle(request);
        };
        for upstream in &self.upstreams {
            match upstream.matches(path.as_bytes()) {
                Match::Yes => return upstream.handle(request),
                Match::WithoutSlash => return with_slash(&request, upstream.prefix()).into(),
                Match::No => {}
            }
        }
        self.inner.handle(request)
    }
}
