//! From a path and a method to a handler.
//!
//! # Theory
//!
//! A router is a tree of path segments. A route is a list of methods at a *pattern*:
//!
//! | pattern | matches | parameters |
//! |---|---|---|
//! | `/notes` | this path | |
//! | `/notes/{id}` | any one segment in that place | `id` |
//! | `/files/{name}.json` | a segment that ends so | `name` |
//! | `/files/{*rest}` | one segment or more, up to the end | `rest` |
//!
//! A pattern that names a segment is preferred to one with a parameter in its place, and that to
//! `{*rest}`, whatever the order in which they are added. Two routes for the same method whose
//! patterns match the same paths overlap, which is an error when they are added.
//!
//! Patterns match the *normal path* ([`Request::normal_path`]): `//` is `/`, `.` and `..` are
//! removed, `..` above the root is a 400. A slash at the end counts: `/notes` does not match
//! `/notes/`. Each segment is percent-decoded once. An encoded slash (`%2F`) is part of its
//! segment, and of the parameter's value; bytes that are no UTF-8 match a parameter, whose value is
//! then an error for [`Request::param`] and can be read with [`Request::param_bytes`].
//!
//! HEAD is answered by the handler for GET, without the content. OPTIONS is answered with the
//! methods in Allow (RFC 9110 §9.3.7), and a method that the path doesn't have with 405 and Allow
//! (§15.5.6), unless a route has a handler for them.
//!
//! | module | holds |
//! |---|---|
//! | `route` | the handlers for the methods of one pattern |
//! | `pattern` | the tree of patterns |
//! | `routes` | what is behind the layers |
//! | `layer` | handlers around handlers |
//! | `tests` | which handler gets a request |

mod layer;
mod pattern;
mod route;
mod routes;
#[cfg(test)]
mod tests;

pub use layer::{Layer, Next};
pub use pattern::InvalidRoute;
pub use route::{IntoRoute, Route};

use crate::handler::{Handler, Reply};
use crate::intake::Intake;
use crate::request::Request;
use crate::response::Response;
use http::Method;
use routes::Routes;
use std::fmt;
use std::sync::Arc;

/// Hands requests to handlers by path and method.
///
/// The content of a request is received before a route's handler runs, up to
/// [`max_body`](Self::max_body) bytes, and holds no thread while it arrives; see [`Route`] for
/// handlers that want it as it comes.
///
/// ```
/// use tinyhttp_server::{Handler, Request, Response, Router, StatusCode};
///
/// let app = Router::new()
///     .get("/", |_: Request| "hello\n")
///     .get("/squares/{number}", |request: Request| {
///         let number: u32 = request.param("number")?;
///         Ok::<_, tinyhttp_server::Error>(format!("{}\n", u64::from(number).pow(2)))
///     })
///     .post("/length", |request: Request| {
///         Ok::<_, tinyhttp_server::Error>(request.into_text(1024)?.len().to_string())
///     });
///
/// assert_eq!(app.call(Request::get("/squares/12")).into_text()?, "144\n");
/// assert_eq!(app.call(Request::get("/squares/x")).status(), StatusCode::BAD_REQUEST);
/// assert_eq!(app.call(Request::post("/length", "four")).into_text()?, "4");
/// let refused = app.call(Request::post("/", ""));
/// assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
/// assert_eq!(refused.headers()["allow"], "GET, HEAD, OPTIONS");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Router {
    routes: Arc<Routes>,
    /// In the order in which they see a request.
    layers: Vec<Arc<dyn Layer>>,
}

/// Methods that add a handler for one method.
macro_rules! methods {
    ($($name:ident $method:ident $doc:literal)*) => {$(
        #[doc = $doc]
        ///
        /// # Panics
        /// If the pattern is malformed or overlaps with another route for the method. The message
        /// names both. [`Router::try_route`] returns the error instead.
        #[must_use]
        #[track_caller]
        pub fn $name(self, pattern: &str, handler: impl IntoRoute) -> Self {
            self.route(&[Method::$method], pattern, handler)
        }
    )*};
}

impl Router {
    /// A router without routes.
    #[must_use]
    pub fn new() -> Self {
        Router::default()
    }

    methods! {
        get GET "Adds a handler for GET, which answers HEAD, too."
        post POST "Adds a handler for POST."
        put PUT "Adds a handler for PUT."
        delete DELETE "Adds a handler for DELETE."
        patch PATCH "Adds a handler for PATCH."
    }

    /// Adds a handler for all methods, those included that HTTP does not define.
    ///
    /// # Panics
    /// As [`Router::get`].
    #[must_use]
    #[track_caller]
    pub fn any(self, pattern: &str, handler: impl IntoRoute) -> Self {
        self.route(&[], pattern, handler)
    }

    /// Adds a handler for some methods; for all methods if the list is empty.
    ///
    /// # Panics
    /// As [`Router::get`].
    #[must_use]
    #[track_caller]
    pub fn route(self, methods: &[Method], pattern: &str, handler: impl IntoRoute) -> Self {
        match self.try_route(methods, pattern, handler) {
            Ok(router) => router,
            Err(error) => panic!("{error}"),
        }
    }

    /// Adds a handler for some methods, for patterns that come from elsewhere than the program's
    /// text.
    ///
    /// # Errors
    /// If the pattern is malformed or overlaps with another route for one of the methods.
    pub fn try_route(
        mut self,
        methods: &[Method],
        pattern: &str,
        handler: impl IntoRoute,
    ) -> Result<Self, InvalidRoute> {
        self.routes_mut()
            .patterns
            .add(methods, pattern, handler.into_route())?;
        Ok(self)
    }

    /// Hands everything at a path and below it to another handler: [`Files`](crate::Files), a
    /// gateway, or another router, whose patterns are relative to the prefix. The prefix may have
    /// parameters, and more specific routes are preferred to it.
    ///
    /// The handler sees the whole path, and [`Request::path_below`] is what is below the prefix. A
    /// closure gets requests with their whole content, up to [`max_body`](Self::max_body); another
    /// handler receives content itself, and its own limits apply.
    ///
    /// ```
    /// use tinyhttp_server::{Request, Router};
    ///
    /// let notes = Router::new().get("/{id}", |r: Request| {
    ///     let (user, id): (String, u32) = (r.param("user")?, r.param("id")?);
    ///     Ok::<_, tinyhttp_server::Error>(format!("{user}'s note {id}"))
    /// });
    /// let app = Router::new().mount("/users/{user}/notes", notes);
    /// assert_eq!(app.call(Request::get("/users/ann/notes/7")).into_text()?, "ann's note 7");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`Router::get`].
    #[must_use]
    #[track_caller]
    pub fn mount(mut self, prefix: &str, handler: impl Handler) -> Self {
        if let Err(error) = self.routes_mut().patterns.mount(prefix, Arc::new(handler)) {
            panic!("{error}");
        }
        self
    }

    /// Sets the handler for paths without a route, in place of the page with a 404. A closure gets
    /// requests with their whole content, up to [`max_body`](Self::max_body).
    #[must_use]
    pub fn fallback(mut self, handler: impl Handler) -> Self {
        self.routes_mut().fallback = Some(Arc::new(handler));
        self
    }

    /// Sets how long a request's content may be, in bytes. A longer one gets a 413. Unless set, it
    /// is the limit of the router that this one is mounted in, or of the server:
    /// [`Builder::max_body`](crate::Builder::max_body). [`Route::max_body`] overrides it for a
    /// route.
    #[must_use]
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.routes_mut().max_body = Some(bytes);
        self
    }

    /// Adds a layer around all routes, mounts and the fallback, wherever they are added. The layer
    /// that is added first sees a request first, and its response last.
    ///
    /// ```
    /// use tinyhttp_server::{Next, Request, Response, Router};
    ///
    /// let app = Router::new()
    ///     .with(|request: Request, next: Next| {
    ///         let path = request.path().to_owned();
    ///         next.run(request).with_header("x-path", path)
    ///     })
    ///     .get("/", |_: Request| "hello\n");
    /// assert_eq!(app.call(Request::get("/")).headers()["x-path"], "/");
    /// ```
    #[must_use]
    pub fn with(mut self, layer: impl Layer) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    fn routes_mut(&mut self) -> &mut Routes {
        // Only requests share them, and there are none before the router is complete.
        Arc::get_mut(&mut self.routes).expect("a router is complete before it gets requests")
    }

    /// The response to a request, on this thread: for tests, without a socket.
    ///
    /// ```
    /// use tinyhttp_server::{Request, Router};
    ///
    /// let app = Router::new().get("/", |_: Request| "hello\n");
    /// assert_eq!(app.call(Request::get("/")).into_text()?, "hello\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn call(&self, request: Request<'_>) -> Response {
        self.handle(request).response()
    }
}

impl Handler for Router {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        Next::new(&self.layers, &self.routes).handle(request)
    }

    fn intake(&self, request: &mut Request<'_>) -> Option<Intake> {
        self.routes.intake(request)
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("routes", &self.routes.patterns)
            .field("max_body", &self.routes.max_body)
            .finish_non_exhaustive()
    }
}
