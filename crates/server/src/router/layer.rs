//! Handlers around handlers, in the order in which they are written.

use crate::handler::{Handler, Reply};
use crate::request::Request;
use crate::response::{IntoResponse, Response};
use std::fmt;

/// Acts on a request before the handlers behind it, or on their response. See
/// [`Router::with`](super::Router::with).
///
/// A closure `Fn(Request, Next) -> impl IntoResponse` is a layer. It holds a thread until the
/// handlers behind it have responded, and while the content of the request arrives. A layer that
/// decides without waiting implements the trait, and leaves waiting to the handlers behind it:
///
/// ```
/// use tinyhttp_server::{Layer, Next, Reply, Request, Response, Router, StatusCode};
///
/// /// Refuses requests without a key.
/// struct Key(&'static str);
///
/// impl Layer for Key {
///     fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a> {
///         match request.field("x-key") == Some(self.0.as_bytes()) {
///             true => next.handle(request).map(|response| response.with_header("x-seen", "1")),
///             false => Response::text("no key\n").with_status(StatusCode::FORBIDDEN).into(),
///         }
///     }
/// }
///
/// let app = Router::new().with(Key("open sesame")).get("/", |_: Request| "hello\n");
/// assert_eq!(app.call(Request::get("/")).status(), 403);
/// let request = Request::get("/").with_header("x-key", "open sesame");
/// assert_eq!(app.call(request).headers()["x-seen"], "1");
/// ```
pub trait Layer: Send + Sync + 'static {
    /// Decides how a request is answered. Must not block: what blocks goes into
    /// [`Reply::Blocking`].
    fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a>;
}

/// What is behind a layer: the further layers, then the handler.
#[derive(Clone, Copy)]
pub struct Next<'a> {
    layers: &'a [Box<dyn Layer>],
    last: &'a dyn Handler,
}

impl<'a> Next<'a> {
    pub(super) fn new(layers: &'a [Box<dyn Layer>], last: &'a dyn Handler) -> Self {
        Next { layers, last }
    }

    /// How the request is answered, decided without waiting.
    #[must_use]
    pub fn handle(self, request: Request<'a>) -> Reply<'a> {
        match self.layers.split_first() {
            Some((layer, layers)) => layer.handle(request, Next { layers, ..self }),
            None => self.last.handle(request),
        }
    }

    /// The response, on this thread, which waits for it.
    #[must_use]
    pub fn run(self, request: Request<'a>) -> Response {
        self.handle(request).response()
    }
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next")
            .field("layers", &self.layers.len())
            .finish_non_exhaustive()
    }
}

impl<F, R> Layer for F
where
    F: Fn(Request<'_>, Next<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a> {
        Reply::blocking(move || self(request, next))
    }
}
