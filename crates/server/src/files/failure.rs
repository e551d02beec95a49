//! Failures of the file server: their status, page and header fields.

use crate::body::Body;
use crate::page::error_page;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_RANGE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use rustix::io::Errno;
use std::io;
use tinyhttp_message::range::ContentRange;

/// The methods that files allow.
pub(super) const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Retry-After, in seconds. Memory is returned when a response has been sent, which is soon for
/// most.
const RETRY_AFTER_VALUE: HeaderValue = HeaderValue::from_static("5");

/// Why a request can't be answered with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 400: the path is malformed.
    MalformedPath,
    /// 404: nothing there, or nothing that may be served.
    NotFound,
    /// 405: a known method that files don't allow.
    MethodNotAllowed,
    /// 412: a precondition of the request is false.
    PreconditionFailed,
    /// 416: no requested range lies within the file.
    RangeNotSatisfiable {
        /// The length of the file in bytes.
        complete_length: u64,
    },
    /// 501: an unknown method.
    UnknownMethod,
    /// 403: more entries than a listing or an archive may have.
    TooManyFiles,
    /// 503: the memory for this response is in use by other responses.
    Busy,
    /// 403, 503 or 500: missing permission, exhausted resources, or any other error of the system.
    System(Errno),
}

impl Failure {
    /// What an error of a system call during a look-up means for the client.
    pub(crate) fn of(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => Failure::NotFound,
            errno => Failure::System(errno),
        }
    }

    /// [`Failure::of`] for an error of the standard library.
    pub(crate) fn of_error(error: &io::Error) -> Self {
        Failure::of(Errno::from_io_error(error).unwrap_or(Errno::IO))
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Failure::MalformedPath => StatusCode::BAD_REQUEST,
            Failure::NotFound => StatusCode::NOT_FOUND,
            Failure::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Failure::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Failure::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Failure::UnknownMethod => StatusCode::NOT_IMPLEMENTED,
            Failure::TooManyFiles | Failure::System(Errno::ACCESS | Errno::PERM) => {
                StatusCode::FORBIDDEN
            }
            Failure::Busy
            | Failure::System(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Failure::System(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn explanation(self) -> &'static str {
        match self {
            Failure::MalformedPath => "The path in this address is malformed.",
            Failure::NotFound => "There is nothing at this address.",
            Failure::MethodNotAllowed => {
                "Files can be fetched with GET and HEAD, and with nothing else."
            }
            Failure::PreconditionFailed => {
                "The file has changed since the version that the request names."
            }
            Failure::RangeNotSatisfiable { .. } => "The file has no such part.",
            Failure::UnknownMethod => "The server doesn't know this method.",
            Failure::TooManyFiles => "This directory has too many files to be listed or archived.",
            Failure::Busy => "The server has too much to do. Please try again in a moment.",
            Failure::System(_) => match self.status() {
                StatusCode::FORBIDDEN => "The server is not allowed to read this.",
                StatusCode::SERVICE_UNAVAILABLE => {
                    "The server has too much to do. Please try again in a moment."
                }
                _ => "This could not be read. The server's log says why.",
            },
        }
    }

    /// The response: `page`, if the directory has one for the status, or else a small page, with
    /// the fields that the status requires.
    pub(crate) fn into_response(self, page: Option<Body>) -> Response<Body> {
        let mut response = error_page(self.status(), self.explanation());
        if let Some(page) = page {
            *response.body_mut() = page;
        }
        let fields = response.headers_mut();
        // The file may exist a moment later.
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            fields.insert(RETRY_AFTER, RETRY_AFTER_VALUE);
        }
        match self {
            Failure::MethodNotAllowed => {
                fields.insert(ALLOW, ALLOWED);
            }
            Failure::RangeNotSatisfiable { complete_length } => {
                let content_range = ContentRange::Unsatisfied { complete_length };
                // `bytes */` and digits are always a field value.
                if let Ok(value) = HeaderValue::try_from(content_range.to_string()) {
                    fields.insert(CONTENT_RANGE, value);
                }
            }
            _ => {}
        }
        response
    }
}
