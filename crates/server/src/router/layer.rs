//! Handlers around handlers, in the order in which they are written.

use super::routes::Routes;
use crate::handler::{Handler, Reply, receive_then_call};
use crate::intake::Refusal;
use crate::request::Request;
use crate::response::{IntoResponse, Response};
use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

/// Acts on a request before the handlers behind it, or on their response. See
/// [`Router::with`](super::Router::with).
///
/// A closure `Fn(Request, Next) -> impl IntoResponse` is a layer. It holds a thread until the
/// handlers behind it have responded; the content of a request to a route is received before, and
/// holds none while it arrives. Content that is too long may be missing here, and `next` responds
/// with 413. A layer that decides without waiting implements the trait, and leaves waiting to the
/// handlers behind it:
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no layer",
    note = "a closure names its types, `|request: Request<'_>, next: Next<'_>|`, and returns something that implements `IntoResponse`"
)]
pub trait Layer: Send + Sync + 'static {
    /// Decides how a request is answered. Must not block: what blocks goes into
    /// [`Reply::Blocking`].
    fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a>;

    /// Whether the content of a request is received before [`handle`](Self::handle) is called, so
    /// that waiting for it holds no thread: up to the limit of the route or closure behind it. A
    /// closure needs that, as it waits for the handlers behind it. Another handler that is mounted,
    /// and a route that [streams](crate::Route::streams), reads content itself in any case, unless
    /// its [`Handler::intake`] says otherwise.
    fn needs_content(&self) -> bool {
        false
    }

    /// The type of a closure: its earlier runs tell how long it takes.
    #[doc(hidden)]
    fn closure(&self) -> Option<TypeId> {
        None
    }
}

/// What is behind a layer: the further layers, then the handler.
#[derive(Clone, Copy)]
pub struct Next<'a> {
    layers: &'a [Arc<dyn Layer>],
    routes: &'a Arc<Routes>,
    /// The routes are not asked, since the content for them was refused.
    refusal: Option<Refusal>,
}

impl<'a> Next<'a> {
    pub(super) fn new(layers: &'a [Arc<dyn Layer>], routes: &'a Arc<Routes>) -> Self {
        Next {
            layers,
            routes,
            refusal: None,
        }
    }

    /// How the request is answered, decided without waiting.
    #[must_use]
    pub fn handle(self, request: Request<'a>) -> Reply<'a> {
        match self.layers.split_first() {
            Some((layer, _)) if layer.needs_content() && request.body().is_unread() => {
                self.receive_first(layer.closure(), request)
            }
            _ => self.pass(request),
        }
    }

    /// Hands the request to the next layer, or to the routes.
    fn pass(self, request: Request<'a>) -> Reply<'a> {
        match self.layers.split_first() {
            Some((layer, layers)) => layer.handle(request, Next { layers, ..self }),
            None => match self.refusal {
                Some(refusal) => refusal.response().into(),
                None => self.routes.handle(request),
            },
        }
    }

    /// Has the content received, if a handler needs it, before the next layer sees the request.
    fn receive_first(self, closure: Option<TypeId>, mut request: Request<'a>) -> Reply<'a> {
        let Some(intake) = self.routes.intake(&mut request) else {
            return self.pass(request);
        };
        let (layers, routes) = (self.layers.to_vec(), Arc::clone(self.routes));
        receive_then_call(request, intake, closure, move |request, refusal| {
            let next = Next::new(&layers, &routes);
            Next { refusal, ..next }.pass(request).settle()
        })
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
        Reply::closure::<F, R>(move || self(request, next))
    }

    fn needs_content(&self) -> bool {
        true
    }

    fn closure(&self) -> Option<TypeId> {
        Some(TypeId::of::<F>())
    }
}
