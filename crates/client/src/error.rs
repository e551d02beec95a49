//! What can go wrong in a fetch: at which step, at which address, after how long, and what to try.

use crate::connect::FailedAttempt;
use crate::deadline::Timeout;
use crate::transport::Peer;
use http::StatusCode;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;
use tinyhttp_message as message;

/// A fetch that failed.
///
/// While content is being read it travels inside an [`io::Error`]; [`Error::from_io`] takes it out again.
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
    /// The request can't be put on the wire: a line break in a field, or the like.
    Request {
        /// What is wrong with it.
        source: message::Error,
    },
    /// The host has no address, or nobody could say which.
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
        /// With whom, as far as that was known.
        peer: Option<Peer>,
        /// Addresses that had failed before.
        attempts: Vec<FailedAttempt>,
    },
    /// The request could not be sent.
    Send {
        /// To whom.
        peer: Peer,
        /// How long after it was begun.
        elapsed: Duration,
        /// Why.
        source: io::Error,
    },
    /// The request's own content could not be read.
    Content {
        /// Why.
        source: io::Error,
    },
    /// The connection broke before the response was complete.
    Receive {
        /// From whom.
        peer: Peer,
        /// How long after the request was begun.
        elapsed: Duration,
        /// Bytes of content that had come.
        received: u64,
        /// Why.
        source: io::Error,
    },
    /// The server closed without a word.
    NoResponse {
        /// Which server.
        peer: Peer,
        /// How long after the request was begun.
        elapsed: Duration,
    },
    /// The server sent something that isn't HTTP/1.1, or that two readers could understand differently.
    Protocol {
        /// Which server.
        peer: Peer,
        /// What is wrong.
        source: message::Error,
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

/// In which respect TLS failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The two sides could not agree, or one of them doesn't speak TLS.
    Handshake,
    /// The server's certificate isn't one to trust.
    Certificate,
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
    /// The request would have to be sent again, and its content can be read only once.
    Content,
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
            Error::Url { .. } | Error::Scheme { .. } => Phase::Url,
            Error::Resolve { .. } => Phase::Resolve,
            Error::Connect { .. } | Error::Interface { .. } | Error::ConnectUnix { .. } => {
                Phase::Connect
            }
            Error::Proxy { .. } | Error::Tls { .. } => Phase::Handshake,
            Error::Timeout { phase, .. } => *phase,
            Error::Request { .. } | Error::Send { .. } | Error::Content { .. } => Phase::Send,
            Error::NoResponse { .. } | Error::Protocol { .. } => Phase::Response,
            Error::Receive { received: 0, .. } => Phase::Response,
            Error::Receive { .. }
            | Error::Incomplete { .. }
            | Error::Decode { .. }
            | Error::Bomb { .. }
            | Error::TooLarge { .. }
            | Error::NotText => Phase::Content,
            Error::TooManyRedirects { .. } | Error::Redirect { .. } => Phase::Redirect,
        }
    }

    /// What the person in front of it may try.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Error::Url { .. } => "write it as http://host:port/path",
            Error::Scheme { .. } => "use http:// or https://",
            Error::Request { .. } => "take line breaks and control bytes out of fields and URL",
            Error::Resolve { .. } => "check the spelling of the host and the name server",
            Error::Connect { attempts, .. } => {
                let refused = |attempt: &FailedAttempt| {
                    attempt.source.kind() == io::ErrorKind::ConnectionRefused
                };
                if attempts.iter().all(refused) {
                    "nobody listens there: is the server running, and is that its port?"
                } else {
                    "check the network, the address and the firewall"
                }
            }
            Error::Interface { .. } => "check the name of the interface, or the address",
            Error::ConnectUnix { .. } => "is the server running, and may you use its socket?",
            Error::Proxy { .. } => "check the proxy, and the user and password for it",
            Error::Tls { failure, .. } => match failure {
                TlsFailure::Handshake => "is that port spoken to with https://, not http://?",
                TlsFailure::Certificate => {
                    "check the host's name and this machine's clock, or trust the server's issuer"
                }
                TlsFailure::Pin => "this may be another server than you think",
                TlsFailure::Roots => "name a file of certificates to trust",
                TlsFailure::Identity => "check the files of the client's certificate and key",
                TlsFailure::Options | TlsFailure::TimedOut => "check the options",
            },
            Error::Timeout { .. } => "raise the timeout, or try again later",
            Error::Send { .. } => "the server may refuse content of that size; try again",
            Error::Content { .. } => "check the file that is being sent",
            Error::Receive { .. } | Error::Incomplete { .. } => {
                "try again; a download can go on where it stopped"
            }
            Error::NoResponse { .. } => {
                "is that port spoken to with http://, not https://? try again"
            }
            Error::Protocol { .. } => {
                "look at the raw answer; this server, or something in between, is broken"
            }
            Error::TooManyRedirects { .. } => "look for a loop, or raise the limit",
            Error::Redirect { reason, .. } => match reason {
                BadRedirect::Content => "send content that can be read again: a file, or bytes",
                BadRedirect::NotUrl | BadRedirect::Scheme => "the server is wrong about that",
            },
            Error::Decode { .. } => "ask for the content without a coding",
            Error::Bomb { .. } => "take the content as it is sent, if you trust the server",
            Error::TooLarge { .. } => "read it as a stream, or raise the limit",
            Error::NotText => return None,
        })
    }

    /// Takes the error out of the [`io::Error`] in which it travelled through [`Read`](io::Read).
    ///
    /// # Errors
    /// The given error, if there is none of ours in it.
    pub fn from_io(error: io::Error) -> Result<Error, io::Error> {
        error.downcast()
    }

    /// The error as an [`io::Error`], for those who read.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        let kind = match &self {
            Error::Timeout { .. } => io::ErrorKind::TimedOut,
            Error::Incomplete { .. } => io::ErrorKind::UnexpectedEof,
            Error::Protocol { .. } => io::ErrorKind::InvalidData,
            Error::Receive { source, .. } => source.kind(),
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Url { url, source } => write!(f, "{url:?} is not a URL: {source}"),
            Error::Scheme { scheme } => write!(f, "the scheme {scheme:?} is not supported"),
            Error::Request { source } => write!(f, "this request can't be sent: {source}"),
            Error::Resolve {
                host,
                is_proxy,
                elapsed,
                source,
            } => {
                let after = Took(*elapsed);
                let host = if *is_proxy {
                    format!("the proxy {host}")
                } else {
                    host.clone()
                };
                write!(
                    f,
                    "could not find the address of {host} ({after}): {}",
                    Reason(source)
                )
            }
            Error::Connect {
                host,
                attempts,
                elapsed,
            } => {
                write!(f, "could not connect to {host} ({})", Took(*elapsed))?;
                list(f, attempts)
            }
            Error::Interface { source } => {
                write!(f, "could not connect from there: {}", Reason(source))
            }
            Error::ConnectUnix { peer, source } => {
                write!(f, "could not connect to {peer}: {}", Reason(source))
            }
            Error::Proxy { proxy, source, .. } => {
                write!(
                    f,
                    "the proxy {proxy} made no connection: {}",
                    Reason(source)
                )
            }
            Error::Tls {
                host,
                peer,
                elapsed,
                reason,
                ..
            } => write!(
                f,
                "no secure connection to {host} at {peer} ({}): {reason}",
                Took(*elapsed)
            ),
            Error::Timeout {
                timeout,
                limit,
                phase,
                peer,
                attempts,
            } => {
                let limit = Took(*limit);
                write!(f, "the {timeout} timeout of {limit} ran out while {phase}")?;
                if let Some(peer) = peer {
                    write!(f, " ({peer})")?;
                }
                list(f, attempts)
            }
            Error::Send {
                peer,
                elapsed,
                source,
            } => {
                let after = Took(*elapsed);
                write!(
                    f,
                    "could not send the request to {peer} ({after}): {}",
                    Reason(source)
                )
            }
            Error::Content { source } => {
                write!(
                    f,
                    "could not read the content to be sent: {}",
                    Reason(source)
                )
            }
            Error::Receive {
                peer,
                elapsed,
                received,
                source,
            } => {
                let after = Took(*elapsed);
                write!(
                    f,
                    "the connection to {peer} broke after {received} bytes of content ({after}): {}",
                    Reason(source)
                )
            }
            Error::NoResponse { peer, elapsed } => {
                let after = Took(*elapsed);
                write!(
                    f,
                    "{peer} closed the connection without a response ({after})"
                )
            }
            Error::Protocol { peer, source } => {
                write!(f, "{peer} did not answer as HTTP/1.1 demands: {source}")
            }
            Error::Incomplete {
                peer,
                received,
                expected: Some(expected),
            } => write!(
                f,
                "{peer} closed the connection after {received} of {expected} bytes of content"
            ),
            Error::Incomplete { peer, received, .. } => write!(
                f,
                "{peer} closed the connection after {received} bytes, before the end of the content"
            ),
            Error::TooManyRedirects { limit, location } => {
                write!(
                    f,
                    "more than {limit} redirects; the next leads to {location}"
                )
            }
            Error::Redirect { location, reason } => {
                let reason = match reason {
                    BadRedirect::NotUrl => "that is not a URL",
                    BadRedirect::Scheme => "only http and https are followed",
                    BadRedirect::Content => "the content was read already and can't be sent again",
                };
                write!(f, "can't follow the redirect to {location}: {reason}")
            }
            Error::Decode { source } => {
                write!(f, "the content can't be decoded: {}", Reason(source))
            }
            Error::Bomb { decoded } => write!(
                f,
                "the content unfolds without end: {decoded} bytes so far, far more than was sent"
            ),
            Error::TooLarge { limit } => write!(f, "the content is longer than {limit} bytes"),
            Error::NotText => f.write_str("the content is not UTF-8"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, attempts: &[FailedAttempt]) -> fmt::Result {
    for (index, attempt) in attempts.iter().enumerate() {
        let separator = if index == 0 { ": " } else { "; " };
        write!(
            f,
            "{separator}{}: {}",
            attempt.address,
            Reason(&attempt.source)
        )?;
    }
    Ok(())
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Error::Url { source, .. } => Some(source),
            Error::Request { source } | Error::Protocol { source, .. } => Some(source),
            Error::Resolve { source, .. }
            | Error::Interface { source }
            | Error::ConnectUnix { source, .. }
            | Error::Proxy { source, .. }
            | Error::Send { source, .. }
            | Error::Content { source }
            | Error::Decode { source }
            | Error::Receive { source, .. } => Some(source),
            Error::Connect { attempts, .. } => attempts
                .last()
                .map(|attempt| &attempt.source as &(dyn StdError + 'static)),
            _ => None,
        }
    }
}

/// An error of the system, without the number behind it.
struct Reason<'e>(&'e io::Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match text.split_once(" (os error ") {
            Some((reason, _)) => f.write_str(reason),
            None => f.write_str(&text),
        }
    }
}

/// A duration for people: `340 µs`, `12 ms`, `3.2 s`.
struct Took(Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds >= 1.0 {
            // A whole number of seconds is written as one.
            let digits = usize::from(self.0.subsec_millis() > 0);
            write!(f, "{seconds:.digits$} s")
        } else if seconds >= 0.001 {
            write!(f, "{:.0} ms", seconds * 1e3)
        } else {
            write!(f, "{:.0} µs", seconds * 1e6)
        }
    }
}
