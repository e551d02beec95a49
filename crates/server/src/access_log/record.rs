//! One exchange, as the log describes it.

use super::upstream::UpstreamRecord;
use crate::endpoint::Endpoint;
use http::{StatusCode, Version};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The methods of nearly all requests, which need no memory in a record.
const METHODS: [&str; 5] = ["GET", "POST", "HEAD", "PUT", "OPTIONS"];

/// One exchange: a request and its response.
#[derive(Debug, Clone)]
pub struct Record<'r> {
    /// The client.
    pub remote: Endpoint,
    /// The name in the request's Basic credentials, as it was sent; only authentication makes it
    /// more than a claim.
    pub user: Option<Cow<'r, [u8]>>,
    /// When the last bytes of the request's head were noticed.
    pub time: SystemTime,
    /// The time from then until the kernel had taken the response.
    pub duration: Duration,
    /// The request's method.
    pub method: Cow<'r, str>,
    /// The request's target, as it was sent.
    pub target: Cow<'r, str>,
    /// The request's version.
    pub version: Version,
    /// The response's status code.
    pub status: StatusCode,
    /// Bytes of content that the kernel has taken.
    pub sent: u64,
    /// Whether the response went out whole, or why not.
    pub ending: Ending,
    /// The client began with a TLS handshake instead of a request.
    pub is_tls: bool,
    /// The request's Referer.
    pub referer: Option<Cow<'r, [u8]>>,
    /// The request's User-Agent.
    pub user_agent: Option<Cow<'r, [u8]>>,
    /// What is known of the connections on both sides.
    pub hops: Hops,
}

/// What is known of the connections to the client and to an upstream server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hops {
    /// What the handshake agreed on, if the client speaks HTTPS.
    pub secured: Option<SecuredRecord>,
    /// The part of an upstream server, if the request was forwarded.
    pub upstream: Option<UpstreamRecord>,
}

/// What a TLS handshake agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecuredRecord {
    /// The version of TLS: `1.2` or `1.3`.
    pub version: &'static str,
    /// The cipher suite's name in the register of IANA.
    pub cipher: &'static str,
    /// The name that the client asked for (SNI).
    pub server_name: Option<Arc<str>>,
    /// The verified subject of the client's certificate.
    pub client: Option<Arc<str>>,
}

impl Record<'_> {
    /// Returns the record without borrows.
    #[must_use]
    pub fn into_owned(self) -> Record<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let own_bytes =
            |bytes: Option<Cow<'_, [u8]>>| bytes.map(|bytes| Cow::Owned(bytes.into_owned()));
        Record {
            method: match METHODS.iter().find(|known| **known == self.method) {
                Some(known) => Cow::Borrowed(known),
                None => own(self.method),
            },
            target: own(self.target),
            user: own_bytes(self.user),
            referer: own_bytes(self.referer),
            user_agent: own_bytes(self.user_agent),
            ..self
        }
    }
}

/// How a response ended. It is complete when the kernel has taken all of it; whether the client has
/// received it isn't known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The kernel has taken all of it.
    Complete,
    /// The client closed or reset the connection before.
    ClientGone,
    /// The client read it more slowly than the server allows.
    TooSlow,
    /// The connection was closed to make room for others.
    Evicted,
    /// The server ended.
    ShutDown,
    /// The content could not be read to its end.
    Failed,
}

impl Ending {
    /// The status code in formats that have no other place for it: 499 if the client or the server
    /// closed the connection before the end, which nginx made customary; 500 if the content failed.
    pub(super) fn status(self) -> Option<&'static str> {
        match self {
            Ending::Complete => None,
            Ending::ClientGone | Ending::TooSlow | Ending::Evicted | Ending::ShutDown => {
                Some("499")
            }
            Ending::Failed => Some("500"),
        }
    }

    /// The reason in a few words; `None` if the response is complete.
    pub(super) fn reason(self) -> Option<&'static str> {
        match self {
            Ending::Complete => None,
            Ending::ClientGone => Some("client closed the connection"),
            Ending::TooSlow => Some("client too slow"),
            Ending::Evicted => Some("evicted"),
            Ending::ShutDown => Some("server shut down"),
            Ending::Failed => Some("content failed"),
        }
    }
}
