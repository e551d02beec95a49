//! The reasons inside an error: in which respect a step failed.

use http::Method;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// An attempt to connect to an address that failed.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedAttempt {
    /// The address.
    pub address: SocketAddr,
    /// From its own start to its failure.
    pub elapsed: Duration,
    /// Why it failed.
    pub source: io::Error,
    /// The failure is local: the address or device to connect from doesn't exist.
    pub(crate) is_local: bool,
}

/// A text that names no proxy that this client can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidProxy {
    text: String,
    /// The feature of this crate that would make it valid.
    feature: Option<&'static str>,
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.without_credentials();
        match self.feature {
            None => write!(f, "{text:?} is not a proxy this client can use"),
            Some(feature) => write!(
                f,
                "{text:?} needs the feature `{feature}` of tinyhttp-client, which is not compiled in"
            ),
        }
    }
}

impl std::error::Error for InvalidProxy {}

impl InvalidProxy {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        InvalidProxy {
            text: text.into(),
            feature: None,
        }
    }

    /// The text is a proxy, for which a feature is missing.
    pub(crate) fn without_feature(mut self, feature: &'static str) -> Self {
        self.feature = Some(feature);
        self
    }

    /// The text without a user and password, which belong in no message.
    fn without_credentials(&self) -> String {
        match self.text.rsplit_once('@') {
            None => self.text.clone(),
            Some((before, host)) => match before.split_once("://") {
                Some((scheme, _)) => format!("{scheme}://{host}"),
                None => host.to_owned(),
            },
        }
    }
}

/// Why a request that got no response on a kept connection is not retried on a new one (RFC 9110
/// §9.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotRetried {
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
    /// The server took too long; reported as [`Error::Timeout`](super::Error::Timeout).
    TimedOut,
}

/// Why a redirect can't be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRedirect {
    /// It isn't a URL.
    NotUrl,
    /// It leads to a scheme other than http and https.
    Scheme,
    /// It leads to http, and only https was to be followed.
    Plain,
    /// The request would have to be retried, and its content can be read only once.
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
