//! A page around its content.

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use tinyhttp_server::Body;

pub(crate) fn page(status: StatusCode, content: &str) -> Response<Body> {
    let head = "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>dynamic</title>";
    let mut response = Response::new(Body::from(format!("{head}{content}\n")));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

/// The page is there, but not for that method: these it has.
pub(crate) fn not_allowed(methods: &'static str) -> Response<Body> {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = page(status, "<h1>That can't be done here</h1>");
    let methods = HeaderValue::from_static(methods);
    response.headers_mut().insert(ALLOW, methods);
    response
}

/// Text with everything replaced that could be taken for markup.
pub(crate) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    let text = text.replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}
