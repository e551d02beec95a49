//! Compression of generated content (RFC 9110 §8.4), as its client accepts it.
//!
//! # Theory
//!
//! A client lists the codings that it decodes in Accept-Encoding. The layer chooses one, compresses
//! the content, and says so in Content-Encoding. What depends on the content changes with it:
//!
//! - **Vary** names Accept-Encoding, also where the content is not compressed for this client, so
//!   that a cache keeps the variants apart.
//! - **A strong entity tag** becomes weak (RFC 9110 §8.8.1): the bytes differ, the meaning does
//!   not. A client that revalidates with the weak tag gets a 304.
//! - **Accept-Ranges** is removed: a range of the compressed bytes can't be served.
//!
//! Left as they are:
//!
//! | response | why |
//! |---|---|
//! | 206, and other responses with Content-Range | a range refers to the bytes as they are |
//! | with Content-Encoding | it is compressed already |
//! | with `Cache-Control: no-transform` | RFC 9111 §5.2.2.6; events have it |
//! | with a digest of its content | it would be wrong |
//! | 204, 205, 304 | they have no content |
//! | of a type that does not get smaller, such as images, or without Content-Type | in vain |
//! | shorter than 512 bytes, if the length is known | it fits into one packet anyway |
//! | relayed from an upstream server | that negotiates itself |
//!
//! Content that is sent over time (by a [closure](crate::Response::stream), a
//! [channel](crate::Body::channel) or a reader) is compressed as it comes: each piece can be
//! decoded as soon as it has arrived.
//!
//! # Cost
//!
//! Content in memory up to 128 KiB is compressed at once, so that its length is known; longer
//! content while it is sent. Either happens on a thread that may block, and passes the gate that
//! leaves a core for other requests. Pieces of a channel are compressed by the thread that sends
//! them. The memory of all compressors is bounded ([`Compression::memory`]): beyond that, content
//! is sent as it is. A channel may last for hours, so its coding is gzip, which needs the least.
//!
//! | module | holds |
//! |---|---|
//! | `encoder` | compressors that take pieces |
//! | `content` | compressed content of each kind |
//! | `plan` | which response is compressed, and what changes with it |
//! | `tests` | every kind of response and of client |

mod encoder;
mod content;
mod plan;
#[cfg(test)]
mod tests;

use crate::handler::{Handler, Reply, call};
use crate::intake::Intake;
use crate::request::Request;
use crate::router::{Layer, Next};
use crate::semaphore::Semaphore;
use plan::Plan;
use std::fmt;
use std::sync::Arc;

/// Memory for compressors, unless another amount is set.
const MEMORY: usize = 64 * 1024 * 1024;

/// Compresses responses for clients that accept it: Brotli, Zstandard or gzip.
///
/// ```
/// use tinyhttp_server::middleware::Compression;
/// use tinyhttp_server::{Request, Response, Router};
///
/// let app = Router::new()
///     .with(Compression::layer())
///     .get("/", |_: Request| Response::text("hello ".repeat(1000)));
///
/// let request = Request::get("/").with_header("accept-encoding", "gzip");
/// let response = app.call(request);
/// assert_eq!(response.headers()["content-encoding"], "gzip");
/// assert_eq!(response.headers()["vary"], "Accept-Encoding");
/// assert!(response.body().length().unwrap() < 100);
///
/// let plain = app.call(Request::get("/"));
/// assert!(!plain.headers().contains_key("content-encoding"));
/// assert_eq!(plain.headers()["vary"], "Accept-Encoding");
/// ```
pub struct Compression<H> {
    inner: Arc<H>,
    budget: Semaphore,
}

/// As a layer of a [`Router`](crate::Router).
impl Compression<()> {
    /// Compresses what the handlers behind it respond with.
    #[must_use]
    pub fn layer() -> Self {
        Compression::new(())
    }
}

impl<H> Compression<H> {
    /// Compresses what a handler responds with.
    pub fn new(inner: H) -> Self {
        Compression {
            inner: Arc::new(inner),
            budget: Semaphore::new(MEMORY),
        }
    }

    /// Sets how much memory all compressors may have, in bytes: 64 MiB unless set. One needs
    /// between half a MiB (gzip) and 4 MiB (Brotli).
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.budget = Semaphore::new(bytes);
        self
    }
}

impl Layer for Compression<()> {
    fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a> {
        let plan = Plan::of(&request, &self.budget);
        plan.apply(next.handle(request))
    }
}

impl<H: Handler> Handler for Compression<H> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let plan = Plan::of(&request, &self.budget);
        plan.apply(call(&self.inner, request))
    }

    fn intake(&self, request: &mut Request<'_>) -> Option<Intake> {
        self.inner.intake(request)
    }
}

impl<H> fmt::Debug for Compression<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compression")
            .field("memory", &self.budget.total())
            .finish_non_exhaustive()
    }
}
