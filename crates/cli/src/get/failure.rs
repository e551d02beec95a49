//! The exit codes, which are curl's.

use crate::failure::Failure;
use std::io;
use tinyhttp_client::{BadRedirect, Error, ProtocolError};

/// Output that could not be written. A reader that has seen enough is told nothing.
pub(super) fn write_failure(what: &str, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::with_code(23, "");
    }
    Failure::with_code(23, format!("could not write {what}: {error}"))
        .hint("check the path, your permission and the space that is left")
}

/// Content that could not be read, from the network unless it says otherwise.
pub(super) fn read_failure(error: io::Error) -> Failure {
    match Error::from_io(error) {
        Ok(error) => error.into(),
        Err(error) => Failure::with_code(56, error.to_string()),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::with_code(exit_code(&error), error.to_string())
            .hint(error.hint().unwrap_or_default())
    }
}

fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Scheme { .. } => 1,
        Error::Request { .. } => 2,
        Error::Url { .. } => 3,
        Error::Resolve { .. } => 6,
        Error::Connect { .. } | Error::ConnectUnix { .. } => 7,
        Error::Protocol { source, .. } => match source {
            ProtocolError::HeadTooLarge { .. } | ProtocolError::TooManyFields { .. } => 100,
            ProtocolError::UnexpectedEnd
            | ProtocolError::InvalidChunkSize
            | ProtocolError::ChunkExtensionsTooLong
            | ProtocolError::MissingChunkEnd => 56,
            _ => 8,
        },
        Error::Incomplete { .. } => 18,
        Error::Content { .. } => 26,
        Error::Timeout { .. } => 28,
        Error::TooManyRedirects { .. } => 47,
        Error::Redirect { reason, .. } => match reason {
            BadRedirect::Scheme => 1,
            BadRedirect::Content => 65,
            _ => 3,
        },
        Error::NoResponse { .. } => 52,
        Error::Send { .. } => 55,
        Error::TooLarge { .. } => 63,
        _ => 56,
    }
}
