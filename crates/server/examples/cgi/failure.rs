//! What can go wrong on the way to a script's answer, and what the client is told.

use http::{Response, StatusCode};
use std::fmt;
use std::io;
use std::time::Duration;
use tinyhttp_server::Body;

#[derive(Debug)]
pub(crate) enum Failure {
    NotFound,
    Content(io::Error),
    TooMuchContent,
    NotStarted(io::Error),
    TooSlow(Duration),
    TooMuchOutput,
    Output(io::Error),
    Malformed(&'static str),
    Circle,
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Failure::NotFound => StatusCode::NOT_FOUND,
            Failure::Content(_) => StatusCode::BAD_REQUEST,
            Failure::TooMuchContent => StatusCode::PAYLOAD_TOO_LARGE,
            Failure::NotStarted(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Failure::TooSlow(_) => StatusCode::GATEWAY_TIMEOUT,
            Failure::TooMuchOutput
            | Failure::Output(_)
            | Failure::Malformed(_)
            | Failure::Circle => StatusCode::BAD_GATEWAY,
        }
    }

    /// The status tells the client which side failed; the details are for the log.
    pub(crate) fn response(&self) -> Response<Body> {
        let status = self.status();
        let mut response = Response::new(Body::from(format!("{status}\n")));
        *response.status_mut() = status;
        response
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotFound => f.write_str("there is no such script"),
            Failure::Content(error) => write!(f, "the request's content ended early: {error}"),
            Failure::TooMuchContent => f.write_str("the request's content is too long"),
            Failure::NotStarted(error) => write!(f, "the script can't be started: {error}"),
            Failure::TooSlow(time) => {
                write!(f, "the script took longer than {} s", time.as_secs_f64())
            }
            Failure::TooMuchOutput => f.write_str("the script printed too much"),
            Failure::Output(error) => write!(f, "the script's output can't be read: {error}"),
            Failure::Malformed(what) => write!(f, "the script printed {what}"),
            Failure::Circle => f.write_str("scripts point to each other in a circle"),
        }
    }
}
