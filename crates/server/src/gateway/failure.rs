//! Why a request has no response of an upstream server.

use rustix::io::Errno;
use std::fmt;
use std::io;
use tinyhttp_message::ProtocolError;

/// Why an attempt has failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No server that is healthy is left.
    NoServer,
    /// As many requests are at the server as may be.
    Busy,
    /// As many requests wait for a server as may.
    QueueFull,
    /// No server had room for the request in time.
    Waited,
    /// The server can't be connected to.
    Connect(io::Error),
    /// The connection broke.
    Broken(io::Error),
    /// The server has closed the connection before the end of its response.
    Closed,
    /// The response breaks the protocol.
    Malformed(ProtocolError),
    /// The response breaks another protocol than HTTP.
    Foreign(String),
    /// The server took too long.
    TooSlow,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoServer => f.write_str("no healthy server is left"),
            Failure::Busy => f.write_str("too many programs run already"),
            Failure::QueueFull => f.write_str("too many requests wait for it already"),
            Failure::Waited => f.write_str("it had no room for the request in time"),
            Failure::Connect(error) => {
                f.write_str("it can't be connected to: ")?;
                #[cfg(feature = "tls")]
                if let Some(refusal) = crate::tls::refusal(error) {
                    return f.write_str(&refusal);
                }
                error.fmt(f)
            }
            Failure::Broken(error) => write!(f, "the connection broke: {error}"),
            Failure::Closed => {
                f.write_str("it closed the connection before its response was whole")
            }
            Failure::Malformed(error) => write!(f, "its response is malformed: {error}"),
            Failure::Foreign(error) => f.write_str(error),
            Failure::TooSlow => f.write_str("it took too long"),
        }
    }
}

impl Failure {
    /// Whether the server has accepted a connection and closed it before anything was sent.
    pub(crate) fn is_reset(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        matches!(self, Failure::Connect(error)
            if matches!(error.kind(), BrokenPipe | ConnectionReset))
    }

    /// Whether this process or machine has no room for another connection.
    pub(crate) fn is_exhaustion(&self) -> bool {
        let Failure::Connect(error) = self else {
            return false;
        };
        matches!(
            Errno::from_io_error(error),
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::ADDRNOTAVAIL)
        )
    }
}
