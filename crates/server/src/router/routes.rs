//! What is behind the layers of a router: routes, mounts, and the responses for other paths.

use super::pattern::{Matched, Patterns};
use crate::handler::{Handler, Reply, call};
use crate::intake::Intake;
use crate::page::error_page;
use crate::request::Request;
use crate::response::{IntoResponse, Response};
use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};
use std::sync::Arc;

/// What is behind the layers.
#[derive(Default)]
pub(super) struct Routes {
    pub(super) patterns: Patterns,
    pub(super) fallback: Option<Arc<dyn Handler>>,
    /// `None`: the limit of the router around it, or of the server.
    pub(super) max_body: Option<u64>,
}

impl Routes {
    /// How long content may be; `None` if only the server says.
    fn max_body(&self, request: &Request<'_>) -> Option<u64> {
        let around = || request.routing()?.intake.limit;
        self.max_body.or_else(around)
    }

    /// Has content received as the router says, for a handler that needs it.
    fn limit(&self, request: &mut Request<'_>) {
        if request.body().length() != Some(0) {
            let limit = self.max_body(request);
            let routing = request.routing_mut();
            (routing.intake.limit, routing.streams) = (limit, false);
        }
    }
}

impl Handler for Routes {
    fn handle<'a>(&'a self, mut request: Request<'a>) -> Reply<'a> {
        // A question about the server as a whole, which no path answers (RFC 9110 §9.3.7).
        if *request.method() == Method::OPTIONS && request.path() == "*" {
            return Reply::Ready(StatusCode::NO_CONTENT.into_response());
        }
        let matched = match self.patterns.find(&request) {
            Ok(matched) => matched,
            Err(explanation) => {
                return Reply::Ready(error_page(StatusCode::BAD_REQUEST, explanation).into());
            }
        };
        match matched {
            Matched::Route(route, values) => {
                route.name(values, request.routing_mut());
                let max_body = self.max_body(&request);
                route.respond(request, max_body)
            }
            Matched::Mount(mount, values, below) => {
                mount.name(values, request.routing_mut());
                request.routing_mut().below = below;
                self.limit(&mut request);
                call(&mount.handler, request)
            }
            Matched::OtherMethods(methods) => {
                Reply::Ready(other_method(&methods, request.method()))
            }
            Matched::Nothing => match &self.fallback {
                Some(fallback) => {
                    self.limit(&mut request);
                    call(fallback, request)
                }
                None => Reply::Ready(error_page(StatusCode::NOT_FOUND, "").into()),
            },
        }
    }

    fn intake(&self, request: &mut Request<'_>) -> Option<Intake> {
        let intake = match self.patterns.find(request) {
            Ok(Matched::Route(route, _)) => return route.intake(self.max_body),
            Ok(Matched::Mount(mount, _, below)) => {
                let above = std::mem::replace(&mut request.routing_mut().below, below);
                let intake = mount.handler.intake(request);
                request.routing_mut().below = above;
                intake
            }
            Ok(Matched::Nothing) => self.fallback.as_ref()?.intake(request),
            Ok(Matched::OtherMethods(_)) | Err(_) => None,
        };
        intake.map(|intake| Intake {
            limit: intake.limit.or(self.max_body),
            ..intake
        })
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
