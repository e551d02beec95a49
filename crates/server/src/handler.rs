//! A handler makes a response out of a request.

use crate::body::Body;
use crate::endpoint::Endpoint;
use http::{Request, Response, StatusCode};
use std::time::Instant;
use tinyhttp_message::RequestHead;
use tinyhttp_message::encode::FieldLines;

/// What the Server field says, unless a handler says something else.
pub(crate) const SERVER: &str = concat!("tinyhttp/", env!("CARGO_PKG_VERSION"));

/// Answers requests. Any `Fn(Request<Body>) -> Response<Body>` that can be shared between threads is one.
///
/// What the server sees to itself: Date, Content-Length, Transfer-Encoding, Connection, leaving the content out of the
/// answer to HEAD, and `100 Continue` when the handler first reads the request's content. A handler that panics costs its
/// client a 500 and the connection, nobody else anything.
///
/// The request's extensions hold a [`Peer`].
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Request<Body>) -> Response<Body>;

    /// Answers a request that needs no thought, without making a map of its fields, if it is one: whatever this returns
    /// must be what `handle` would have said. Only asked for requests without content; must not wait.
    ///
    /// The request had begun to come in at `arrived`, or before. What was known to be true at that moment or later is fresh
    /// enough for it.
    fn prepared(&self, head: &RequestHead<'_>, arrived: Instant) -> Option<Prepared> {
        let _ = (head, arrived);
        None
    }

    /// Whether `handle` may wait for something at this request: a disk, a process, another server. A worker that is about
    /// to wait lets another one take its place, which costs a little, so a handler that doesn't wait should say so.
    fn may_wait(&self, request: &Request<Body>) -> bool {
        let _ = request;
        true
    }
}

impl<F> Handler for F
where
    F: Fn(Request<Body>) -> Response<Body> + Send + Sync + 'static,
{
    fn handle(&self, request: Request<Body>) -> Response<Body> {
        self(request)
    }
}

impl Handler for Box<dyn Handler> {
    fn handle(&self, request: Request<Body>) -> Response<Body> {
        (**self).handle(request)
    }

    fn prepared(&self, head: &RequestHead<'_>, arrived: Instant) -> Option<Prepared> {
        (**self).prepared(head, arrived)
    }

    fn may_wait(&self, request: &Request<Body>) -> bool {
        (**self).may_wait(request)
    }
}

/// A handler of any type, for stacks of them that are put together while the program runs.
pub struct AnyHandler(Box<dyn Handler>);

impl AnyHandler {
    /// Forgets of what type a handler is.
    pub fn new(handler: impl Handler) -> Self {
        AnyHandler(Box::new(handler))
    }
}

impl std::fmt::Debug for AnyHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnyHandler")
    }
}

impl Handler for AnyHandler {
    fn handle(&self, request: Request<Body>) -> Response<Body> {
        self.0.handle(request)
    }

    fn prepared(&self, head: &RequestHead<'_>, arrived: Instant) -> Option<Prepared> {
        self.0.prepared(head, arrived)
    }

    fn may_wait(&self, request: &Request<Body>) -> bool {
        self.0.may_wait(request)
    }
}

/// A response whose field lines are ready to be written, for content that is sent again and again.
#[derive(Debug)]
pub struct Prepared {
    /// The status code.
    pub status: StatusCode,
    /// The field lines, without those that the server sees to itself; Server is the handler's here.
    pub lines: FieldLines,
    /// The content.
    pub body: Body,
}

/// The two ends of the connection that a request came over; an extension of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The client.
    pub remote: Endpoint,
    /// The listener that it connected to.
    pub local: Endpoint,
}
