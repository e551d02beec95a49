//! The steps of a fetch, at which an error may occur.

use std::fmt;

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
