//! The steps of a fetch, as an observer sees them.

use crate::peer::Peer;
use http::{Method, StatusCode};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tinyhttp_message::{BodyLength, CloseReason, Deviation};
use url::Url;

/// A step of a fetch.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A request begins.
    Hop {
        /// Its method.
        method: &'e Method,
        /// Its URL.
        url: &'e Url,
    },
    /// The addresses are known.
    Resolved {
        /// The host they belong to.
        host: &'e str,
        /// The addresses, in the resolver's order.
        addresses: &'e [SocketAddr],
    },
    /// An address is tried.
    Connecting {
        /// The address.
        address: SocketAddr,
    },
    /// An attempt failed; others may follow.
    ConnectFailed {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: &'e io::Error,
    },
    /// There is a connection.
    Connected {
        /// The address that answered first, or the Unix domain socket.
        peer: &'e Peer,
    },
    /// A proxy has made a connection to the server.
    Tunnel {
        /// The proxy.
        proxy: &'e str,
        /// The head of the CONNECT request; empty for SOCKS.
        request: &'e [u8],
        /// The head of its response; empty for SOCKS.
        response: &'e [u8],
    },
    /// The TLS handshake is complete, and the server has proved its name.
    Secured {
        /// What was agreed on.
        facts: &'e TlsFacts,
    },
    /// A kept connection is reused.
    Reused {
        /// Where it leads.
        peer: &'e Peer,
        /// How many exchanges it has carried.
        exchanges: u32,
    },
    /// The server had closed a kept connection; the request is retried on a new one (RFC 9112
    /// §9.3.1).
    Retry,
    /// The client waits before a retry by its [`RetryPolicy`](crate::RetryPolicy). A new
    /// [`Event::Hop`] follows.
    Backoff {
        /// For how long.
        wait: Duration,
    },
    /// A connection was chosen for the request.
    Route(&'e Route),
    /// The request's head, as it is sent.
    RequestHead(&'e [u8]),
    /// The whole request has been sent.
    RequestSent {
        /// Bytes of content, without the framing of chunks.
        content: u64,
    },
    /// The first byte of the response has come.
    FirstByte,
    /// The head of an interim (1xx) response, as it came.
    Interim(&'e [u8]),
    /// The final response's head.
    ResponseHead {
        /// The head, as it came.
        raw: &'e [u8],
        /// Its status code.
        status: StatusCode,
        /// How the end of the content is found.
        length: BodyLength,
    },
    /// The trailer fields of the response, a line each, as they came.
    Trailers(&'e [u8]),
    /// The response breaks the grammar, in a way that is forgiven. Comes before the head or the
    /// content that it is about.
    Tolerated(Deviation),
    /// The response is complete, or given up.
    End {
        /// Bytes of content that were read, as they came over the wire, without the framing of
        /// chunks.
        received: u64,
        /// Why the connection is closed; `None`: it is kept for the next request.
        close: Option<Closed>,
    },
    /// The response points elsewhere, and that is followed.
    Redirect {
        /// Its status code.
        status: StatusCode,
        /// Where to.
        location: &'e Url,
    },
}

/// The connection that carries a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Route {
    /// The connection's number; no other connection of the process has it.
    pub connection: u64,
    /// The connection's own address; `None` for a Unix domain socket.
    pub local: Option<SocketAddr>,
    /// The proxy that the connection leads through, without a password.
    pub proxy: Option<String>,
}

/// What both sides of a TLS connection agreed on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TlsFacts {
    /// The version, such as `TLS 1.3`.
    pub version: String,
    /// The cipher suite, by its registered name.
    pub cipher: String,
    /// The key exchange group, by its registered name.
    pub group: String,
    /// The protocol chosen by ALPN, if there was a choice (RFC 7301).
    pub alpn: Option<String>,
    /// The server's certificate chain, its own first, in DER.
    pub certificates: Vec<Vec<u8>>,
    /// Whether an earlier connection's secrets were used again.
    pub is_resumed: bool,
    /// Whether the certificate was verified at all.
    pub is_verified: bool,
}

/// Why a connection was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// For a reason that lies in the messages.
    Protocol(CloseReason),
    /// Not all of the response was read.
    Unread,
    /// Not all of the request was sent: the server answered before.
    Unsent,
    /// Bytes followed the response that no request had asked for.
    Surplus,
    /// Something broke.
    Failed,
    /// The pool keeps no connections.
    NotKept,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Closed::Protocol(reason) => return reason.fmt(f),
            Closed::Unread => "not all of the response was read",
            Closed::Unsent => "the response came before the request was sent whole",
            Closed::Surplus => "bytes followed the response that no request had asked for",
            Closed::Failed => "the exchange failed",
            Closed::NotKept => "no connections are kept",
        })
    }
}

/// Sees each step as it is taken.
pub trait Observer: Send + Sync {
    /// `at` is counted from the start of the fetch.
    fn event(&self, at: Duration, event: &Event<'_>);
}

impl<F: Fn(Duration, &Event<'_>) + Send + Sync> Observer for F {
    fn event(&self, at: Duration, event: &Event<'_>) {
        self(at, event);
    }
}
