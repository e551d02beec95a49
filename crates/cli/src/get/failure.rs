//! What went wrong, in two lines and an exit code of curl's.

use std::io;
use tinyhttp_client::{BadRedirect, Error, ProtocolError};

/// A failure, for people and for scripts.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: u8,
    /// What failed; empty when nobody wants to know.
    pub(super) message: String,
    /// What to try.
    pub(super) hint: Option<String>,
}

impl Failure {
    pub(super) fn new(code: u8, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Output that could not be written. A reader that has seen enough is told nothing.
    pub(super) fn write(what: &str, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::new(23, "");
        }
        Failure::new(23, format!("could not write {what}: {error}"))
            .hint("check the path, your permission and the space that is left")
    }

    /// Content that could not be read, from the network unless it says otherwise.
    pub(super) fn read(error: io::Error) -> Self {
        match Error::from_io(error) {
            Ok(error) => error.into(),
            Err(error) => Failure::new(56, error.to_string()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure {
            code: exit_code(&error),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
        }
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
