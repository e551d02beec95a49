//! The responses to requests that are not forwarded.

use crate::page::error_page;
use crate::request::Request;
use crate::response::Response;
use http::header::{ALLOW, CONNECTION, HeaderValue, LOCATION};
use http::{Method, StatusCode};

/// The response to a request that is for this server itself, or can't be forwarded.
pub(super) fn not_forwarded(request: &Request<'_>) -> Option<Response> {
    let method = request.method();
    if method == Method::CONNECT {
        let explanation = "This server opens no tunnels.";
        let mut response = error_page(StatusCode::METHOD_NOT_ALLOWED, explanation);
        let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
        response.headers_mut().insert(ALLOW, allow);
        // What follows may be meant for the tunnel (RFC 9931).
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        return Some(response.into());
    }
    // RFC 9110 §7.6.2. TRACE would show fields that other proxies have added.
    let is_last = || {
        request
            .field("max-forwards")
            .is_some_and(|value| value == b"0")
    };
    match *method {
        Method::TRACE => {
            let explanation = "TRACE is not forwarded.";
            Some(error_page(StatusCode::METHOD_NOT_ALLOWED, explanation).into())
        }
        Method::OPTIONS if is_last() => {
            let mut response = Response::new(());
            let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
            response.headers_mut().insert(ALLOW, allow);
            Some(response)
        }
        _ => None,
    }
}

/// The response to a request whose path two servers could read differently.
pub(super) fn ambiguous() -> Response {
    let explanation = "The path of this request is ambiguous.";
    error_page(StatusCode::BAD_REQUEST, explanation).into()
}

/// A redirect to the prefix, for its path without the slash at its end.
pub(super) fn with_slash(request: &Request<'_>, prefix: &[u8]) -> Response {
    let query = request
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    let path = String::from_utf8_lossy(prefix);
    let mut response = error_page(StatusCode::PERMANENT_REDIRECT, "");
    if let Ok(location) = HeaderValue::from_str(&format!("{path}{query}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    response.into()
}
