//! What is behind the layers of a router: routes, mounts, and the responses for other paths.

use super::pattern::{Matched, Patterns};
use super::route::Limit;
use crate::handler::{Handler, Reply};
use crate::page::error_page;
use crate::request::Request;
use crate::response::{IntoResponse, Response};
use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};
use std::sync::Arc;

/// The limit of a request's content, in bytes, unless a route sets its own.
const MAX_BODY: u64 = 2 * 1024 * 1024;

/// What is behind the layers.
pub(super) struct Routes {
    pub(super) patterns: Patterns,
    pub(super) fallback: Option<Arc<dyn Handler>>,
    pub(super) max_body: u64,
}

impl Default for Routes {
    fn default() -> Self {
        Routes {
            patterns: Patterns::default(),
            fallback: None,
            max_body: MAX_BODY,
        }
    }
}

impl Routes {
    /// How the content of a request is received that has not arrived; `None` if its handler decides
    /// that itself, or needs none.
    pub(super) fn limit(&self, request: &Request<'_>) -> Option<Limit> {
        match self.patterns.find(request) {
            Ok(Matched::Route(route, _)) => route.limit(self.max_body),
            _ => None,
        }
    }
}

impl Handler for Routes {
    fn handle<'a>(&'a self, mut request: Request<'a>) -> Reply<'a> {
        let matched = match self.patterns.find(&request) {
            Ok(matched) => matched,
            Err(explanation) => {
                return Reply::Ready(error_page(StatusCode::BAD_REQUEST, explanation).into());
            }
        };
        match matched {
            Matched::Route(route, values) => {
                route.name(values, request.routing_mut());
                route.respond(request, self.max_body)
            }
            Matched::Mount(mount, values, below) => {
                mount.name(values, request.routing_mut());
                request.routing_mut().below = below;
                mount.handler.handle(request)
            }
            Matched::OtherMethods(methods) => {
                Reply::Ready(other_method(&methods, request.method()))
            }
            Matched::Nothing => match &self.fallback {
                Some(fallback) => fallback.handle(request),
                None => Reply::Ready(error_page(StatusCode::NOT_FOUND, "").into()),
            },
        }
    }
}

/// The response to a method for which a pattern has no handler.
fn other_method(methods: &str, method: &Method) -> Response {
    let mut response = match *method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => error_page(StatusCode::METHOD_NOT_ALLOWED, "").into(),
    };
    // Methods are tokens, which a field can have.
    if let Ok(allow) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}
