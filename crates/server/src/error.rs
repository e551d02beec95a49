//! Why a handler can't respond as asked: an error that is a response.

use crate::page::{FAILED, error_page};
use crate::response::{IntoResponse, Response};
use http::StatusCode;
use std::borrow::Cow;
use std::fmt;
use std::io;

/// An error with a status. It is a response, so that a handler can use `?` on what reads a request,
/// and on what its own program does.
///
/// The client sees the status and the explanation. The cause is not shown to it; the cause of a 500
/// is logged.
///
/// ```
/// use tinyhttp_server::{Error, Request, StatusCode};
///
/// fn square(request: Request<'_>) -> Result<String, Error> {
///     let number: u32 = request.query_value("number")?;
///     let square = number
///         .checked_mul(number)
///         .ok_or(Error::new(StatusCode::BAD_REQUEST, "The number is too large."))?;
///     Ok(format!("{square}\n"))
/// }
///
/// let response = |target| {
///     let request = Request::get(target);
///     tinyhttp_server::IntoResponse::into_response(square(request))
/// };
/// assert_eq!(response("/?number=4").status(), 200);
/// assert_eq!(response("/?number=four").status(), 400);
/// assert_eq!(response("/?number=99999").status(), 400);
/// ```
pub struct Error {
    status: StatusCode,
    explanation: Cow<'static, str>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with a status and a sentence that explains it to the client.
    pub fn new(status: StatusCode, explanation: impl Into<Cow<'static, str>>) -> Self {
        Error {
            status,
            explanation: explanation.into(),
            cause: None,
        }
    }

    /// A failure of the server: 500. The cause is logged and not shown to the client.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Error::new(StatusCode::INTERNAL_SERVER_ERROR, FAILED).with_cause(cause)
    }

    /// The same error with a cause.
    #[must_use]
    pub fn with_cause(
        mut self,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence that explains it to the client.
    #[must_use]
    pub fn explanation(&self) -> &str {
        &self.explanation
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.explanation)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("status", &self.status)
            .field("explanation", &self.explanation)
            .field("cause", &self.cause)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let cause: &(dyn std::error::Error + 'static) = &**self.cause.as_ref()?;
        Some(cause)
    }
}

impl From<StatusCode> for Error {
    fn from(status: StatusCode) -> Self {
        Error::new(status, "")
    }
}

/// A failure of the server, 500, unless it holds an [`Error`], as those of reading content do.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        error
            .downcast()
            .unwrap_or_else(|error: io::Error| Error::internal(error))
    }
}

/// A page with the status and the explanation.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            if let Some(cause) = &self.cause {
                log::error!("a request got a {}: {cause}", self.status);
            }
        }
        error_page(self.status, &self.explanation).into()
    }
}

/// 500: the error is logged and not shown to the client.
impl IntoResponse for io::Error {
    fn into_response(self) -> Response {
        Error::from(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_not_shown() {
        let secret = || io::Error::other("the password is 1234");
        let errors = [
            Error::from(secret()),
            Error::new(StatusCode::BAD_REQUEST, "No.").with_cause(secret()),
            Error::internal("the password is 1234"),
        ];
        for (error, status) in errors.into_iter().zip([500, 400, 500]) {
            assert!(std::error::Error::source(&error).is_some());
            assert!(!error.to_string().contains("1234"));
            let response = error.into_response();
            assert_eq!(response.status(), status);
            let page = io::read_to_string(response.into_body()).unwrap();
            assert!(!page.contains("1234"));
        }
        assert_eq!(Error::from(StatusCode::GONE).status(), 410);
    }
}
