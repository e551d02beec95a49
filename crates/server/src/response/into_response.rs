//! What a closure may return for a response.

use super::Response;
use crate::body::Body;
use bytes::Bytes;
use http::{Response as HttpResponse, StatusCode};
use std::borrow::Cow;

/// What a closure may return for a response.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be made a response",
    note = "text, bytes, a `StatusCode`, `Option`, `Result` and `Response` can; a value as JSON: `Response::json(&value)`"
)]
pub trait IntoResponse {
    /// Makes the response.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

impl<B: Into<Body>> IntoResponse for HttpResponse<B> {
    fn into_response(self) -> Response {
        self.into()
    }
}

/// A response with this status and no content.
impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        (self, Body::empty()).into_response()
    }
}

/// The same response with another status.
impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn into_response(self) -> Response {
        let (status, rest) = self;
        rest.into_response().with_status(status)
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

/// Plain text.
impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

/// Plain text.
impl IntoResponse for String {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

/// Plain text.
impl IntoResponse for Cow<'static, str> {
    fn into_response(self) -> Response {
        match self {
            Cow::Borrowed(borrowed) => borrowed.into_response(),
            Cow::Owned(owned) => owned.into_response(),
        }
    }
}

/// A 200 without content.
impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::new(())
    }
}

/// `None` is a 404 without content.
impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self) -> Response {
        match self {
            Some(found) => found.into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(done) => done.into_response(),
            Err(error) => error.into_response(),
        }
    }
}
