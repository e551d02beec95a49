//! The exit codes, which are curl's.

use crate::failure::Failure;
use std::io;
use std::path::Path;
use tinyhttp_client::{Error, InvalidRedirect, ProtocolError, TlsFailure, WrongPart};

/// Output that could not be written. A pipe that its reader has closed is not reported.
pub(super) fn write_failure(what: &str, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::with_code(23, "");
    }
    Failure::with_code(23, format!("could not write {what}: {}", reason(error)))
        .hint("check the path, your permission and the space that is left")
}

/// Something to be sent, or a secret, that could not be read.
pub(super) fn read_failure(path: impl AsRef<Path>, error: &io::Error) -> Failure {
    let path = path.as_ref().display();
    Failure::with_code(26, format!("could not read {path}: {}", reason(error)))
        .hint("check the path and your permission")
}

/// An error of the system, without the number behind it.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::with_code(exit_code(&error), error.to_string()).hint(hint(&error))
    }
}

/// What to try; where a flag helps, which one.
fn hint(error: &Error) -> &'static str {
    match error {
        Error::Tls { failure, .. } => match failure {
            TlsFailure::Certificate => {
                "trust its issuer with --cacert FILE; -k trusts any certificate, so that any machine may answer"
            }
            TlsFailure::Refused => {
                "it may speak other versions of TLS only (--tls-max), or want a certificate (--cert)"
            }
            TlsFailure::Roots => "name a file of certificates with --cacert FILE",
            TlsFailure::Identity => "check the files that --cert and --key name",
            _ => error.hint().unwrap_or_default(),
        },
        Error::Decode { .. } => "--no-compressed asks for the content as it is",
        Error::Bomb { .. } => "--no-compressed -o FILE keeps the content as it was sent",
        Error::TooManyRedirects { .. } => "look for a loop with -v, or raise --max-redirs",
        Error::Incomplete { .. } | Error::Receive { .. } => {
            "-C - resumes a download where it stopped, --retry N does so by itself"
        }
        _ => error.hint().unwrap_or_default(),
    }
}

fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Scheme { .. } => 1,
        Error::Request { .. } | Error::Proxies { .. } => 2,
        Error::Url { .. } => 3,
        Error::Resolve { is_proxy: true, .. } => 5,
        // A zone that this machine hasn't; curl can't connect then.
        Error::Resolve { source, .. } if source.kind() == io::ErrorKind::AddrNotAvailable => 7,
        Error::Resolve { .. } => 6,
        Error::Connect { .. } | Error::ConnectUnix { .. } => 7,
        Error::Interface { .. } => 45,
        Error::Protocol { source, .. } => match source {
            ProtocolError::HeadTooLarge { .. } | ProtocolError::TooManyFields { .. } => 100,
            ProtocolError::UnknownTransferCoding => 61,
            ProtocolError::UnexpectedEnd
            | ProtocolError::InvalidChunkSize
            | ProtocolError::ChunkExtensionsTooLong
            | ProtocolError::MissingChunkEnd => 56,
            _ => 8,
        },
        Error::NotHttp { .. } => 8,
        Error::Tls { failure, .. } => match failure {
            TlsFailure::Certificate | TlsFailure::Name | TlsFailure::Dates => 60,
            TlsFailure::Pin => 90,
            TlsFailure::Roots => 77,
            TlsFailure::Identity => 58,
            TlsFailure::Options => 2,
            _ => 35,
        },
        // A refusal by CONNECT is 56 in curl; a proxy that doesn't get that far is 97.
        Error::Proxy {
            status: Some(_), ..
        } => 56,
        Error::Proxy { .. } => 97,
        Error::Decode { .. } => 61,
        Error::Bomb { .. } => 63,
        Error::Incomplete { .. } => 18,
        Error::Part {
            reason: WrongPart::Length { .. },
        } => 18,
        Error::Part { .. } => 33,
        Error::Content { .. } => 26,
        Error::Timeout { .. } => 28,
        Error::TooManyRedirects { .. } => 47,
        Error::Redirect { reason, .. } => match reason {
            InvalidRedirect::Scheme | InvalidRedirect::Plain => 1,
            InvalidRedirect::Content => 65,
            _ => 3,
        },
        Error::NoResponse { source: None, .. } => 52,
        Error::Send { .. } => 55,
        Error::TooLarge { .. } => 63,
        _ => 56,
    }
}
