//! What can go wrong in a fetch: at which step, at which address, after how long, and what to try.

mod words;

#[cfg(feature = "tls")]
pub(crate) use words::Reason;

use crate::connect::FailedAttempt;
use crate::deadline::Timeout;
use crate::peer::Peer;
use crate::proxy::NotAProxy;
use http::{Method, StatusCode};
use std::error::Error as StdError;
use std::fmt;
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
    /// The environment names a proxy for this URL that can't be used.
    Proxies {
        /// What it names.
        source: NotAProxy,
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
        /// It was a kept connection, over which such requests as may be are sent again; why this
        /// one wasn't.
        not_repeated: Option<NotRepeated>,
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
        /// It was a kept connection, over which such requests as may be are sent again; why this
        /// one wasn't.
        not_repeated: Option<NotRepeated>,
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
        reason: BadRedirect,
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
    /// The content is longer than the caller wants to hold in memory.
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The content isn't UTF-8.
    NotText,
}

/// Why a request that got no response on a kept connection was not sent again on a new one (RFC
/// 9110 §9.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotRepeated {
    /// It may have been carried out, and with that method twice is not the same as once.
    NotIdempotent(Method),
    /// Its content could be read only once.
    ContentIsGone,
}

/// In which respect TLS failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The two sides could not agree, or one of them doesn't speak TLS.
    Handshake,
    /// The server would not have this client: its versions, or its certificate.
    Refused,
    /// The server's certificate isn't one to trust.
    Certificate,
    /// It is for another host.
    Name,
    /// It isn't valid yet, or any more.
    Dates,
    /// The server's key isn't one of those that were named.
    Pin,
    /// The certificates to trust could not be read.
    Roots,
    /// The client's own certificate or key could not be used.
    Identity,
    /// The options contradict each other.
    Options,
    /// The server took too long; told as [`Error::Timeout`].
    TimedOut,
}

/// Why a redirect can't be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRedirect {
    /// It isn't a URL.
    NotUrl,
    /// It leads to a scheme other than http and https.
    Scheme,
    /// It leads to http, and only https was to be followed.
    Plain,
    /// The request would have to be sent again, and its content can be read only once.
    Content,
}

/// What is wrong with a 206 response.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WrongPart {
    /// The request had no Range.
    NotAsked,
    /// It has no Content-Range, or one that can't be read.
    Unlabelled,
    /// It is another range.
    Another {
        /// Its Content-Range.
        got: String,
    },
    /// It is shorter or longer than its Content-Range says.
    Length {
        /// Bytes by Content-Range.
        announced: u64,
        /// Bytes that came, or that Content-Length announces; `None`: more than announced.
        sent: Option<u64>,
    },
}

/// The steps of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Understanding the URL.
    Url,
    /// Finding addresses.
    Resolve,
    /// Reaching one.
    Connect,
    /// Agreeing on keys, or on a tunnel.
    Handshake,
    /// Sending the request.
    Send,
    /// Waiting for the response, and reading its head.
    Response,
    /// Reading the content.
    Content,
    /// Going where a redirect leads.
    Redirect,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Url => "reading the URL",
            Phase::Resolve => "looking up the host",
            Phase::Connect => "connecting",
            Phase::Handshake => "shaking hands",
            Phase::Send => "sending the request",
            Phase::Response => "waiting for the response",
            Phase::Content => "receiving the content",
            Phase::Redirect => "following a redirect",
        })
    }
}

impl Error {
    /// At which step it failed.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Error::Url { .. } | Error::Scheme { .. } | Error::Proxies { .. } => Phase::Url,
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
            | Error::Part { .. } => Phase::Response,
            Error::Receive { .. }
            | Error::Incomplete { .. }
            | Error::Decode { .. }
            | Error::Bomb { .. }
            | Error::TooLarge { .. }
            | Error::NotText => Phase::Content,
            Error::TooManyRedirects { .. } | Error::Redirect { .. } => Phase::Redirect,
        }
    }

    /// Takes the error out of the [`io::Error`] in which it travelled through [`Read`](io::Read).
    ///
    /// # Errors
    /// The given error, if there is none of ours in it.
    pub fn from_io(error: io::Error) -> Result<Error, io::Error> {
        error.downcast()
    }

    /// The same error, of a request that was not sent again.
    pub(crate) fn not_sent_again(mut self, why: NotRepeated) -> Self {
        if let Error::NoResponse { not_repeated, .. } | Error::Send { not_repeated, .. } = &mut self
        {
            *not_repeated = Some(why);
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
