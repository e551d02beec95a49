//! The trace of a fetch: the steps of each of its requests, collected.

use super::{Closed, Event, Route, TlsFacts};
use crate::peer::Peer;
use http::{HeaderMap, Method, StatusCode};
use std::net::SocketAddr;
use std::time::Duration;
use tinyhttp_message::{BodyLength, LargeFieldStorage, Limits, ResponseHead, tolerance};
use url::Url;

/// Everything that happened in one fetch.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Trace {
    /// One for each request made; more than one if there were redirects.
    pub hops: Vec<Hop>,
}

/// One request and its response.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Hop {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// When each step was over.
    pub timings: Timings,
    /// The addresses of the host, if they were looked up.
    pub addresses: Vec<SocketAddr>,
    /// Each address that was tried.
    pub attempts: Vec<Attempt>,
    /// The other end of the connection.
    pub peer: Option<Peer>,
    /// How many exchanges the connection had carried before.
    pub reused: u32,
    /// The connection that carried the request.
    pub route: Option<Route>,
    /// The proxy that the connection leads through, if it made a tunnel.
    pub tunnel: Option<String>,
    /// The parameters of TLS.
    pub tls: Option<TlsFacts>,
    /// What was sent.
    pub request: Sent,
    /// What was received.
    pub response: Received,
    /// Why the connection was closed, if it was.
    pub close: Option<Closed>,
}

/// The times of a hop's steps, counted from the start of the fetch. `None` stands for a step that
/// was not reached or not needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// The hop began.
    pub started: Duration,
    /// The addresses were known.
    pub resolved: Option<Duration>,
    /// The connection was established.
    pub connected: Option<Duration>,
    /// The proxy had made a tunnel.
    pub tunnel: Option<Duration>,
    /// The TLS handshake was complete.
    pub secured: Option<Duration>,
    /// The request's head began to go out.
    pub send: Option<Duration>,
    /// The request had been sent.
    pub sent: Option<Duration>,
    /// The first byte of the response arrived.
    pub first_byte: Option<Duration>,
    /// The response was complete, or the exchange failed.
    pub ended: Option<Duration>,
}

/// The request of a hop.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Sent {
    /// The head; empty if none was sent.
    pub head: Vec<u8>,
    /// Bytes of content.
    pub content: u64,
}

/// The response of a hop.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Received {
    /// The heads of interim responses.
    pub interim: Vec<Vec<u8>>,
    /// The final head; empty if none arrived.
    pub head: Vec<u8>,
    /// The status code.
    pub status: Option<StatusCode>,
    /// How the end of the content is found.
    pub length: Option<BodyLength>,
    /// Bytes of content.
    pub content: u64,
    /// The trailer fields, a line each.
    pub trailers: Vec<u8>,
}

/// An address that was tried.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// The address.
    pub address: SocketAddr,
    /// When the attempt began, from the start of the fetch.
    pub started: Duration,
    /// When it was over.
    pub ended: Option<Duration>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an attempt to connect ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Another attempt was faster, or the deadline passed.
    Dropped,
    /// It became the connection.
    Connected,
    /// It failed, for this reason.
    Failed(String),
}

impl Received {
    /// The fields of the final head; none if there was no response.
    #[must_use]
    pub fn fields(&self) -> HeaderMap {
        let repaired = tolerance::repair(&self.head).ok().flatten();
        let head = repaired.as_ref().map_or(&self.head, |(head, _)| head);
        let mut storage = LargeFieldStorage::empty();
        // The limits were checked when the head arrived.
        let limits = Limits {
            head: usize::MAX,
            fields: usize::MAX,
            ..Limits::default()
        };
        ResponseHead::parse(head, &mut storage, &limits)
            .and_then(|head| head.fields.to_http())
            .unwrap_or_default()
    }
}

impl Hop {
    fn new(method: &Method, url: &Url, started: Duration) -> Self {
        Hop {
            method: method.clone(),
            url: url.clone(),
            timings: Timings {
                started,
                ..Timings::default()
            },
            addresses: Vec::new(),
            attempts: Vec::new(),
            peer: None,
            reused: 0,
            route: None,
            tunnel: None,
            tls: None,
            request: Sent::default(),
            response: Received::default(),
            close: None,
        }
    }

    fn attempt(&mut self, address: SocketAddr, at: Duration, outcome: Outcome) {
        let attempt = self
            .attempts
            .iter_mut()
            .rev()
            .find(|attempt| attempt.address == address);
        if let Some(attempt) = attempt {
            attempt.ended = Some(at);
            attempt.outcome = outcome;
        }
    }

    fn record(&mut self, at: Duration, event: &Event<'_>) {
        let times = &mut self.timings;
        match event {
            Event::Hop { .. }
            | Event::Redirect { .. }
            | Event::Backoff { .. }
            | Event::Tolerated(_) => {}
            Event::Resolved { addresses, .. } => {
                self.addresses = addresses.to_vec();
                times.resolved = Some(at);
            }
            Event::Connecting { address } => self.attempts.push(Attempt {
                address: *address,
                started: at,
                ended: None,
                outcome: Outcome::Dropped,
            }),
            Event::ConnectFailed { address, error } => {
                self.attempt(*address, at, Outcome::Failed(error.to_string()));
            }
            Event::Connected { peer } => {
                times.connected = Some(at);
                self.peer = Some((*peer).clone());
                self.reused = 0;
                if let Peer::Tcp(address) = peer {
                    self.attempt(*address, at, Outcome::Connected);
                }
            }
            Event::Reused { peer, exchanges } => {
                times.connected = Some(at);
                self.peer = Some((*peer).clone());
                self.reused = *exchanges;
            }
            Event::Tunnel { proxy, .. } => {
                times.tunnel = Some(at);
                self.tunnel = Some((*proxy).to_owned());
            }
            Event::Secured { facts } => {
                times.secured = Some(at);
                self.tls = Some((*facts).clone());
            }
            Event::Retry => times.connected = None,
            Event::Route(route) => self.route = Some((*route).clone()),
            Event::Trailers(raw) => self.response.trailers = raw.to_vec(),
            Event::RequestHead(raw) => {
                times.send = Some(at);
                self.request.head = raw.to_vec();
            }
            Event::RequestSent { content } => {
                times.sent = Some(at);
                self.request.content = *content;
            }
            Event::FirstByte => times.first_byte = Some(at),
            Event::Interim(raw) => self.response.interim.push(raw.to_vec()),
            Event::ResponseHead {
                raw,
                status,
                length,
            } => {
                self.response.head = raw.to_vec();
                self.response.status = Some(*status);
                self.response.length = Some(*length);
            }
            Event::End { received, close } => {
                times.ended = Some(at);
                self.response.content = *received;
                self.close = *close;
            }
        }
    }
}

impl Trace {
    /// Adds an event: for an observer that needs the trace even of a fetch that fails.
    pub fn record(&mut self, at: Duration, event: &Event<'_>) {
        if let Event::Hop { method, url } = event {
            self.hops.push(Hop::new(method, url, at));
        }
        if let Some(hop) = self.hops.last_mut() {
            hop.record(at, event);
        }
    }
}
