//! A handler decides how a request is answered; the connection does it.

use crate::request::Request;
use crate::response::{IntoResponse, Response};
use std::fmt;

/// Decides how requests are answered. Any `Fn(Request) -> impl IntoResponse` that can be shared between
/// threads is a handler, which may block.
///
/// The server adds Date, Content-Length, Transfer-Encoding and Connection, leaves the content out of the
/// response to HEAD, and sends `100 Continue` when the request's content is first read. A handler that
/// panics costs its client a 500 and the connection.
///
/// ```
/// use tinyhttp_server::{Handler, Reply, Request, Response};
///
/// /// Answers at once, without a thread of its own.
/// struct Hello;
///
/// impl Handler for Hello {
///     fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
///         match request.path() {
///             "/" => Response::new("hello\n").into(),
///             // This one takes its time.
///             _ => Reply::blocking(move || std::fs::read_to_string("/etc/hostname").ok()),
///         }
///     }
/// }
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Decides how one request is answered. Must not block: what blocks goes into [`Reply::Blocking`].
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a>;
}

/// How a request is answered.
#[non_exhaustive]
pub enum Reply<'a> {
    /// The response is there: memory, a file, a cached representation.
    Ready(Response),
    /// The response has to be computed, or waited for. This runs after the worker has handed over its place
    /// in the poller. If too many threads are blocked, it does not run, and the client gets a 503.
    Blocking(Box<dyn FnOnce() -> Response + 'a>),
}

impl<'a> Reply<'a> {
    /// A reply that may block.
    pub fn blocking<R: IntoResponse>(work: impl FnOnce() -> R + 'a) -> Self {
        Reply::Blocking(Box::new(move || work().into_response()))
    }

    /// The same reply with a changed response.
    #[must_use]
    pub fn map(self, change: impl FnOnce(Response) -> Response + Send + 'static) -> Self {
        match self {
            Reply::Ready(response) => Reply::Ready(change(response)),
            Reply::Blocking(work) => Reply::Blocking(Box::new(move || change(work()))),
        }
    }

    /// The response, on this thread, which may block. For tests of handlers, and within a handler that
    /// blocks already.
    #[must_use]
    pub fn response(self) -> Response {
        match self {
            Reply::Ready(response) => response,
            Reply::Blocking(work) => work(),
        }
    }
}

impl From<Response> for Reply<'_> {
    fn from(response: Response) -> Self {
        Reply::Ready(response)
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Ready(response) => f.debug_tuple("Ready").field(response).finish(),
            Reply::Blocking(_) => f.write_str("Blocking"),
        }
    }
}

impl<F, R> Handler for F
where
    F: Fn(Request<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        Reply::blocking(move || self(request))
    }
}

/// For stacks of handlers that are put together while the program runs.
impl Handler for Box<dyn Handler> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        (**self).handle(request)
    }
}
