//! Why a request for a file doesn't get one, and what it gets instead.

use super::ALLOW_VALUE;
use super::respond::content_range_field;
use crate::body::Body;
use crate::page::error_page;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_RANGE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use rustix::io::Errno;
use std::io;
use tinyhttp_message::range::ContentRange;

/// In seconds. What is in use is returned when a response has been sent, which is soon for most.
const RETRY_AFTER_VALUE: HeaderValue = HeaderValue::from_static("5");

/// A failure knows its status and how to say in a sentence what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 400: the path can't name anything.
    MalformedPath,
    /// 404: it isn't there, or is nothing that may be shown.
    NotFound,
    /// 405: the method makes no sense for files.
    MethodNotAllowed,
    /// 412: the client wanted this only as long as its copy is current, and it isn't.
    PreconditionFailed,
    /// 416: the file ends before the range begins.
    RangeNotSatisfiable {
        /// How long the file is, in bytes.
        complete_length: u64,
    },
    /// 501: a method that this server has never heard of.
    UnknownMethod,
    /// 403: a folder with more files than an archive or a listing is made of.
    TooManyFiles,
    /// 503: what the response takes is in use by others.
    Busy,
    /// 403, 503 or 500: the operating system doesn't let the server read it, or can't at the moment, or something is
    /// broken.
    System(Errno),
}

impl Failure {
    /// What an error of the kernel during a look-up means for the client.
    pub(crate) fn of(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => Failure::NotFound,
            errno => Failure::System(errno),
        }
    }

    /// The same for an error of the standard library.
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
            Failure::PreconditionFailed => "The file has changed since you saw it last.",
            Failure::RangeNotSatisfiable { .. } => "The file is shorter than that.",
            Failure::UnknownMethod => "The server doesn't know this method.",
            Failure::TooManyFiles => "This folder has too many files to be listed or archived.",
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

    /// The response, with the fields that its status asks for, and a page of the folder's own if it has one.
    pub(crate) fn into_response(self, page: Option<Body>) -> Response<Body> {
        let mut response = error_page(self.status(), self.explanation());
        if let Some(page) = page {
            *response.body_mut() = page;
        }
        let fields = response.headers_mut();
        // What isn't there now may be there in a moment.
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            fields.insert(RETRY_AFTER, RETRY_AFTER_VALUE);
        }
        match self {
            Failure::MethodNotAllowed => {
                fields.insert(ALLOW, ALLOW_VALUE);
            }
            Failure::RangeNotSatisfiable { complete_length } => {
                let content_range = ContentRange::Unsatisfied { complete_length };
                fields.insert(CONTENT_RANGE, content_range_field(content_range));
            }
            _ => {}
        }
        response
    }
}
