//! What can go wrong in a fetch: at which step, at which address, after how long, and what to try.
//!
//! | file | what it holds |
//! |---|---|
//! | `phase` | the steps of a fetch |
//! | `reasons` | the details of single errors: why a redirect, a proxy or a part is invalid |
//! | `status` | status codes that a retry may change |
//! | `words` | the messages and the hints |

mod phase;
mod reasons;
mod status;
mod words;

pub use phase::Phase;
pub use reasons::{
    FailedAttempt, InvalidProxy, InvalidRedirect, NotRetried, TlsFailure, WrongPart,
};
pub use status::is_transient;
#[cfg(feature = "tls")]
pub(crate) use words::Reason;

use crate::peer::Peer;
use crate::timeouts::Timeout;
use http::StatusCode;
use std::error::Error as StdError;
use std::io;
use std::time::Duration;
use tinyhttp_message as message;

/// A fetch that failed.
///
/// While content is being read it travels inside an [`io::Error`]; [`Error::from_io`] takes it out
/// again.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// What was given isn't a URL.
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// The URL has a scheme that isn't spoken here.
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// The URL or the proxy needs a feature of this crate that is not compiled in.
    Feature {
        /// What needs it.
        what: String,
        /// The cargo feature.
        feature: &'static str,
    },
    /// A response's status code is 400 or more
    /// ([`Response::error_for_status`](crate::Response::error_for_status)).
    Status {
        /// The status code.
        status: StatusCode,
        /// The phrase behind it.
        reason: String,
        /// The URL of the response, after redirects.
        url: String,
    },
    /// The environment names a proxy for this URL that can't be used.
    Proxies {
        /// What it names.
        source: InvalidProxy,
    },
    /// The request can't be put on the wire: a line break in a field, or the like.
    Request {
        /// What is wrong with it.
        source: message::MisuseError,
    },
    /// The host has no address, or no resolver could say which.
    Resolve {
        /// The host.
        host: String,
        /// Whether it is a proxy rather than the server.
        is_proxy: bool,
        /// How long it took to find out.
        elapsed: Duration,
        /// The resolver's reason.
        source: io::Error,
    },
    /// None of the addresses could be reached.
    Connect {
        /// The host.
        host: String,
        /// Each address, and why it failed.
        attempts: Vec<FailedAttempt>,
        /// How long it all took.
        elapsed: Duration,
    },
    /// The local address or device to connect from isn't there, or isn't for this user.
    Interface {
        /// Why.
        source: io::Error,
    },
    /// A Unix domain socket could not be reached.
    ConnectUnix {
        /// The socket.
        peer: Peer,
        /// Why.
        source: io::Error,
    },
    /// A proxy would not make the connection.
    Proxy {
        /// The proxy.
        proxy: String,
        /// The status code of its answer, if it speaks HTTP.
        status: Option<StatusCode>,
        /// Why.
        source: io::Error,
    },
    /// There is no TLS connection with a server that could be trusted.
    Tls {
        /// The host whose name was to be proved.
        host: String,
        /// Where the connection led.
        peer: Peer,
        /// How long after the handshake was begun.
        elapsed: Duration,
        /// In which respect it failed.
        failure: TlsFailure,
        /// Why, in words.
        reason: String,
    },
    /// A step took longer than it may.
    Timeout {
        /// Which timeout it was.
        timeout: Timeout,
        /// What it was set to.
        limit: Duration,
        /// At which step.
        phase: Phase,
        /// The other end of the connection, as far as it was known.
        peer: Option<Peer>,
        /// Addresses that had failed before.
        attempts: Vec<FailedAttempt>,
    },
    /// The request could not be sent.
    Send {
        /// The other end of the connection.
        peer: Peer,
        /// How long after it was begun.
        elapsed: Duration,
        /// Why.
        source: io::Error,
        /// Why the request was not retried, if a kept connection broke.
        not_retried: Option<NotRetried>,
    },
    /// The request's own content could not be read.
    Content {
        /// Why.
        source: io::Error,
    },
    /// The connection broke before the response was complete.
    Receive {
        /// The other end of the connection.
        peer: Peer,
        /// How long after the request was begun.
        elapsed: Duration,
        /// Bytes of content that had come.
        received: u64,
        /// Why.
        source: io::Error,
    },
    /// The connection ended before a single byte of a response.
    NoResponse {
        /// Which server.
        peer: Peer,
        /// How long after the request was begun.
        elapsed: Duration,
        /// How it broke; `None`: the server closed it in good order.
        source: Option<io::Error>,
        /// Why the request was not retried, if a kept connection broke.
        not_retried: Option<NotRetried>,
    },
    /// The server sent something that isn't HTTP/1.1, or that two readers could understand
    /// differently.
    Protocol {
        /// Which server.
        peer: Peer,
        /// What is wrong.
        source: message::ProtocolError,
    },
    /// The server speaks another protocol.
    NotHttp {
        /// Which server.
        peer: Peer,
        /// The first bytes of what it sent.
        start: Vec<u8>,
    },
    /// The content ended before its end.
    Incomplete {
        /// Which server.
        peer: Peer,
        /// Bytes that came.
        received: u64,
        /// Bytes that were announced, if they were.
        expected: Option<u64>,
    },
    /// A 206 response isn't the part that was asked for, or isn't as long as it announces (RFC 9110
    /// §15.3.7).
    Part {
        /// In which respect.
        reason: WrongPart,
    },
    /// There were more redirects than allowed.
    TooManyRedirects {
        /// The limit.
        limit: u32,
        /// Where the next one would have led.
        location: String,
    },
    /// A redirect can't be followed.
    Redirect {
        /// Where it leads.
        location: String,
        /// Why not.
        reason: InvalidRedirect,
    },
    /// The content isn't what its coding (gzip, br, …) says, or is cut short.
    Decode {
        /// What is wrong with it.
        source: io::Error,
    },
    /// The content unfolds into far more than was sent.
    Bomb {
        /// Bytes that had come out of it.
        decoded: u64,
    },
    /// The content is longer than its limit in memory.
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The content isn't UTF-8.
    NotText,
    /// The content isn't JSON, or is JSON for another type.
    Json {
        /// What is wrong with it; with the feature `json`, it holds a `serde_json::Error`.
        source: io::Error,
    },
}

impl Error {
    /// The step of the fetch that failed.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Error::Url { .. }
            | Error::Scheme { .. }
            | Error::Feature { .. }
            | Error::Proxies { .. } => Phase::Url,
            Error::Resolve { .. } => Phase::Resolve,
            Error::Connect { .. } | Error::Interface { .. } | Error::ConnectUnix { .. } => {
                Phase::Connect
            }
            Error::Proxy { .. } | Error::Tls { .. } => Phase::Handshake,
            Error::Timeout { phase, .. } => *phase,
            Error::Request { .. } | Error::Send { .. } | Error::Content { .. } => Phase::Send,
            Error::NoResponse { .. }
            | Error::Protocol { .. }
            | Error::NotHttp { .. }
            | Error::Status { .. }
            | Error::Part { .. } => Phase::Response,
            Error::Receive { .. }
            | Error::Incomplete { .. }
            | Error::Decode { .. }
            | Error::Json { .. }
            | Error::Bomb { .. }
            | Error::TooLarge { .. }
            | Error::NotText => Phase::Content,
            Error::TooManyRedirects { .. } | Error::Redirect { .. } => Phase::Redirect,
        }
    }

    /// Whether the same request may succeed a little later: the fault lies in the network or the
    /// server, not in the request.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        if let Error::Status { status, .. } = self {
            return is_transient(*status);
        }
        matches!(
            self,
            Error::Resolve { .. }
                | Error::Connect { .. }
                | Error::ConnectUnix { .. }
                | Error::Timeout { .. }
                | Error::Send { .. }
                | Error::Receive { .. }
                | Error::NoResponse { .. }
                | Error::Incomplete { .. }
        )
    }

    /// Takes the error out of the [`io::Error`] in which it travelled through [`Read`](io::Read).
    ///
    /// # Errors
    /// The given error, if there is none of ours in it.
    pub fn from_io(error: io::Error) -> Result<Error, io::Error> {
        error.downcast()
    }

    /// Adds the reason why the request was not retried.
    pub(crate) fn without_retry(mut self, why: NotRetried) -> Self {
        if let Error::NoResponse { not_retried, .. } | Error::Send { not_retried, .. } = &mut self {
            *not_retried = Some(why);
        }
        self
    }

    /// The error as an [`io::Error`], for implementations of `Read`.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        let kind = match &self {
            Error::Timeout { .. } => io::ErrorKind::TimedOut,
            Error::Incomplete { .. } => io::ErrorKind::UnexpectedEof,
            Error::Protocol { .. } | Error::NotHttp { .. } | Error::Part { .. } => {
                io::ErrorKind::InvalidData
            }
            Error::Receive { source, .. }
            | Error::NoResponse {
                source: Some(source),
                ..
            } => source.kind(),
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        error.into_io()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Error::Url { source, .. } => Some(source),
            Error::Request { source } => Some(source),
            Error::Protocol { source, .. } => Some(source),
            Error::Resolve { source, .. }
            | Error::Interface { source }
            | Error::ConnectUnix { source, .. }
            | Error::Proxy { source, .. }
            | Error::Send { source, .. }
            | Error::Content { source }
            | Error::Decode { source }
            | Error::Json { source }
            | Error::Receive { source, .. } => Some(source),
            Error::NoResponse { source, .. } => source
                .as_ref()
                .map(|source| source as &(dyn StdError + 'static)),
            Error::Connect { attempts, .. } => attempts
                .last()
                .map(|attempt| &attempt.source as &(dyn StdError + 'static)),
            _ => None,
        }
    }
}
