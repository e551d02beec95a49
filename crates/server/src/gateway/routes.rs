//! The handler that gives each request to the upstream of its path.

use super::path::Match;
use super::refusal::with_slash;
use super::upstream::Upstream;
use crate::handler::{Handler, Reply, call};
use crate::intake::Intake;
use crate::request::Request;
use std::sync::Arc;

/// Forwards the requests whose paths begin with the prefix of an [`Upstream`], and leaves others to
/// the handler inside. The longest prefix wins.
#[derive(Debug)]
pub struct Gateways<H> {
    inner: Arc<H>,
    /// The longest prefix first.
    upstreams: Vec<Upstream>,
}

impl<H: Handler> Gateways<H> {
    /// Leaves all requests to `inner`.
    pub fn new(inner: H) -> Self {
        Gateways {
            inner: Arc::new(inner),
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
            return call(&self.inner, request);
        };
        for upstream in &self.upstreams {
            match upstream.matches(path.as_bytes()) {
                Match::Yes => return upstream.handle(request),
                Match::WithoutSlash => return with_slash(&request, upstream.prefix()).into(),
                Match::No => {}
            }
        }
        call(&self.inner, request)
    }

    fn intake(&self, request: &mut Request<'_>) -> Option<Intake> {
        let is_forwarded = request.normal_path().is_ok_and(|path| {
            let mut upstreams = self.upstreams.iter();
            upstreams.any(|upstream| upstream.matches(path.as_bytes()) != Match::No)
        });
        match is_forwarded {
            true => None,
            false => self.inner.intake(request),
        }
    }
}
