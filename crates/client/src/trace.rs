//! What happened when: each step of a fetch as it is taken ([`Event`]), and all of them afterwards
//! ([`Trace`]).
//!
//! The steps are those in which every account of the web tells it:
//!
//! | step | event |
//! |---|---|
//! | 1 URL | [`Event::Hop`] |
//! | 2 resolve | [`Event::Resolved`] |
//! | 3 connect | [`Event::Connecting`], [`Event::ConnectFailed`], [`Event::Connected`] |
//! | | [`Event::Tunnel`], [`Event::Secured`]; or [`Event::Reused`] alone |
//! | 4 request | [`Event::Route`], [`Event::RequestHead`], [`Event::RequestSent`] |
//! | 5 response | [`Event::FirstByte`], [`Event::Interim`], [`Event::ResponseHead`] |
//! | | [`Event::Trailers`] |
//! | 6 close, or keep-alive | [`Event::End`] |
//! | 7 print | the caller's |
//!
//! A redirect starts again at step 1: that is a new [`Hop`].
//!
//! ```
//! # use std::io::{Read, Write};
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
//! # let url = format!("http://{}/", listener.local_addr().unwrap());
//! # let server = std::thread::spawn(move || {
//! #     let (mut stream, _) = listener.accept().unwrap();
//! #     stream.read(&mut [0; 1024]).unwrap();
//! #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
//! # });
//! let response = tinyhttp_client::Client::new().get(&url).send()?;
//! let trace = response.trace();
//! let hop = &trace.hops[0];
//! assert!(hop.request.starts_with(b"GET / HTTP/1.1\r\n"));
//! // Times are counted from the start of the fetch.
//! assert!(hop.resolved <= hop.connected && hop.connected <= hop.first_byte);
//! # server.join().unwrap();
//! # Ok::<(), tinyhttp_client::Error>(())
//! ```

use crate::peer::Peer;
use http::{HeaderMap, Method, StatusCode};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tinyhttp_message::{
    BodyLength, CloseReason, Deviation, LargeFieldStorage, Limits, ResponseHead, tolerance,
};
use url::Url;

/// A step of a fetch.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A request is about to be made.
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
    /// An address was tried in vain; perhaps there are others.
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
    /// The connection is secret now, and the server has proved its name.
    Secured {
        /// What was agreed on.
        facts: &'e TlsFacts,
    },
    /// A connection that was there already is used again.
    Reused {
        /// Where it leads.
        peer: &'e Peer,
        /// How many exchanges it has carried.
        exchanges: u32,
    },
    /// A kept connection turned out to be closed; the request is made again on a new one (RFC 9112
    /// §9.3.1).
    Stale,
    /// A connection was chosen for the request.
    Route(&'e Route),
    /// The request's head, as it is sent.
    RequestHead(&'e [u8]),
    /// The request has gone out, with so many bytes of content.
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
            Closed::Surplus => "there were bytes after the response that nobody asked for",
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

/// Everything that happened in one fetch.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Trace {
    /// One for each request made; more than one if there were redirects.
    pub hops: Vec<Hop>,
}

/// One request and its response. Times are counted from the start of the fetch; `None`: that has
/// not happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Hop {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// When the hop began.
    pub started: Duration,
    /// The addresses of the host, if they were asked for.
    pub addresses: Vec<SocketAddr>,
    /// When they were known.
    pub resolved: Option<Duration>,
    /// Each address that was tried.
    pub attempts: Vec<Attempt>,
    /// When there was a connection.
    pub connected: Option<Duration>,
    /// Where it led.
    pub peer: Option<Peer>,
    /// How many exchanges the connection had carried before.
    pub reused: u32,
    /// The connection that carried the request.
    pub route: Option<Route>,
    /// The proxy it leads through, and when that had made its connection.
    pub tunnel: Option<(String, Duration)>,
    /// What was agreed on for TLS.
    pub tls: Option<TlsFacts>,
    /// When that was.
    pub secured: Option<Duration>,
    /// The request's head.
    pub request: Vec<u8>,
    /// When the request's head began to go out.
    pub send: Option<Duration>,
    /// When the request had gone out.
    pub sent: Option<Duration>,
    /// Bytes of content sent.
    pub content_sent: u64,
    /// When the first byte of the response came.
    pub first_byte: Option<Duration>,
    /// The heads of interim responses.
    pub interim: Vec<Vec<u8>>,
    /// The response's head.
    pub response: Vec<u8>,
    /// The trailer fields, a line each.
    pub trailers: Vec<u8>,
    /// The status code.
    pub status: Option<StatusCode>,
    /// How the end of the content is found.
    pub length: Option<BodyLength>,
    /// When the response was complete, or given up.
    pub ended: Option<Duration>,
    /// Bytes of content received.
    pub received: u64,
    /// Why the connection was closed, if it was.
    pub close: Option<Closed>,
}

/// An address that was tried.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// The address.
    pub address: SocketAddr,
    /// When it was tried, from the start of the fetch.
    pub started: Duration,
    /// When it was over.
    pub ended: Option<Duration>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an attempt to connect ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Another one was faster, or the time was up.
    Dropped,
    /// This is the connection.
    Connected,
    /// It failed, for this reason.
    Failed(String),
}

impl Hop {
    fn new(method: &Method, url: &Url, started: Duration) -> Self {
        Hop {
            method: method.clone(),
            url: url.clone(),
            started,
            addresses: Vec::new(),
            resolved: None,
            attempts: Vec::new(),
            connected: None,
            peer: None,
            reused: 0,
            route: None,
            tunnel: None,
            tls: None,
            secured: None,
            request: Vec::new(),
            send: None,
            sent: None,
            content_sent: 0,
            first_byte: None,
            interim: Vec::new(),
            response: Vec::new(),
            trailers: Vec::new(),
            status: None,
            length: None,
            ended: None,
            received: 0,
            close: None,
        }
    }

    /// The fields of the response's head; none if there was no response.
    #[must_use]
    pub fn response_fields(&self) -> HeaderMap {
        let repaired = tolerance::repair(&self.response).ok().flatten();
        let head = repaired.as_ref().map_or(&self.response, |(head, _)| head);
        let mut storage = LargeFieldStorage::empty();
        // Its limits have been checked when it came.
        let limits = Limits {
            head: usize::MAX,
            fields: usize::MAX,
            ..Limits::default()
        };
        ResponseHead::parse(head, &mut storage, &limits)
            .and_then(|head| head.fields.to_http())
            .unwrap_or_default()
    }

    fn attempt(&mut self, address: SocketAddr, at: Duration, outcome: Outcome) {
        let mut attempts = self.attempts.iter_mut().rev();
        if let Some(attempt) = attempts.find(|attempt| attempt.address == address) {
            attempt.ended = Some(at);
            attempt.outcome = outcome;
        }
    }
}

impl Trace {
    /// Adds an event: for an observer that wants to have the trace even if the fetch fails.
    pub fn record(&mut self, at: Duration, event: &Event<'_>) {
        if let Event::Hop { method, url } = event {
            self.hops.push(Hop::new(method, url, at));
        }
        let Some(hop) = self.hops.last_mut() else {
            return;
        };
        match event {
            Event::Hop { .. } | Event::Redirect { .. } => {}
            Event::Resolved { addresses, .. } => {
                hop.addresses = addresses.to_vec();
                hop.resolved = Some(at);
            }
            Event::Connecting { address } => hop.attempts.push(Attempt {
                address: *address,
                started: at,
                ended: None,
                outcome: Outcome::Dropped,
            }),
            Event::ConnectFailed { address, error } => {
                hop.attempt(*address, at, Outcome::Failed(error.to_string()));
            }
            Event::Connected { peer } => {
                if let Peer::Tcp(address) = peer {
                    hop.attempt(*address, at, Outcome::Connected);
                }
                hop.connected = Some(at);
                hop.peer = Some((*peer).clone());
                hop.reused = 0;
            }
            Event::Reused { peer, exchanges } => {
                hop.connected = Some(at);
                hop.peer = Some((*peer).clone());
                hop.reused = *exchanges;
            }
            Event::Tunnel { proxy, .. } => hop.tunnel = Some(((*proxy).to_owned(), at)),
            Event::Secured { facts } => {
                hop.tls = Some((*facts).clone());
                hop.secured = Some(at);
            }
            Event::Stale => hop.connected = None,
            Event::Tolerated(_) => {}
            Event::Route(route) => hop.route = Some((*route).clone()),
            Event::Trailers(raw) => hop.trailers = raw.to_vec(),
            Event::RequestHead(raw) => {
                hop.request = raw.to_vec();
                hop.send = Some(at);
            }
            Event::RequestSent { content } => {
                hop.sent = Some(at);
                hop.content_sent = *content;
            }
            Event::FirstByte => hop.first_byte = Some(at),
            Event::Interim(raw) => hop.interim.push(raw.to_vec()),
            Event::ResponseHead {
                raw,
                status,
                length,
            } => {
                hop.response = raw.to_vec();
                hop.status = Some(*status);
                hop.length = Some(*length);
            }
            Event::End { received, close } => {
                hop.ended = Some(at);
                hop.received = *received;
                hop.close = *close;
            }
        }
    }
}

/// Passes events to the trace and to the observer.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Shared>);

struct Shared {
    start: Instant,
    observer: Option<Arc<dyn Observer>>,
    trace: Mutex<Trace>,
}

impl Default for Recorder {
    fn default() -> Self {
        Recorder::new(None)
    }
}

impl Recorder {
    pub(crate) fn new(observer: Option<Arc<dyn Observer>>) -> Self {
        Recorder(Arc::new(Shared {
            start: Instant::now(),
            observer,
            trace: Mutex::default(),
        }))
    }

    pub(crate) fn emit(&self, event: &Event<'_>) {
        let at = self.0.start.elapsed();
        // A trace that a panic has left half-written is still the best there is.
        let mut trace = self.0.trace.lock().unwrap_or_else(PoisonError::into_inner);
        trace.record(at, event);
        drop(trace);
        if let Some(observer) = &self.0.observer {
            observer.event(at, event);
        }
    }

    pub(crate) fn trace(&self) -> Trace {
        let trace = self.0.trace.lock();
        trace.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}
