//! How the content of a request is received before its handler is called.

use crate::page::{FAILED, error_page};
use crate::response::Response;
use http::StatusCode;
use std::path::PathBuf;

/// The longest content that is received before a handler is called, in bytes, unless the server,
/// the router or the route sets another limit.
pub(crate) const MAX_BODY: u64 = 2 * 1024 * 1024;

/// How the content of a request is received before its handler is called.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Intake {
    /// The longest content, in bytes. Longer content gets a 413. `None`: the server's limit,
    /// [`Builder::max_body`](crate::Builder::max_body).
    pub limit: Option<u64>,
    /// The directory of temporary files. `None`: the system's.
    pub directory: Option<PathBuf>,
}

/// Why the content of a request is not received. The response passes the layers and handlers around
/// the one that wanted the content, like any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is longer than its handler admits.
    TooLong,
    /// It breaks a rule, or its reader failed.
    Broken,
    /// It can't be kept in a temporary file.
    NoRoom,
}

impl Refusal {
    /// The response to the request.
    pub(crate) fn response(self) -> Response {
        let (status, explanation) = match self {
            Refusal::TooLong => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "The content of this request is too long.",
            ),
            Refusal::Broken => (
                StatusCode::BAD_REQUEST,
                "The content of this request can't be read.",
            ),
            Refusal::NoRoom => (StatusCode::INTERNAL_SERVER_ERROR, FAILED),
        };
        error_page(status, explanation).into()
    }
}
