//! The handler of a route, and how it gets the content of requests.

use crate::handler::{Handler, Reply, receive_then_handle};
use crate::intake::{Intake, MAX_BODY};
use crate::request::{Request, Routing};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A handler, and how it gets the content of requests.
///
/// Content is received before the handler runs, and holds no thread while it arrives: up to 64 KiB
/// in memory, more in an unnamed temporary file. A handler that reads content while it arrives, and
/// so may wait for the client, [streams](Route::streams).
///
/// ```
/// use tinyhttp_server::{Request, Route, Router};
///
/// let count = |request: Request| {
///     let mut content = request.into_body();
///     let length = std::io::copy(&mut content, &mut std::io::sink())?;
///     Ok::<_, std::io::Error>(format!("{length} bytes\n"))
/// };
/// let app = Router::new()
///     .post("/small", count)
///     .post("/large", Route::new(count).max_body(100 << 20))
///     .post("/endless", Route::new(count).streams());
/// let large = vec![b'x'; 3 << 20];
/// assert_eq!(app.call(Request::post("/small", large.clone())).status(), 413);
/// assert_eq!(app.call(Request::post("/large", large.clone())).status(), 200);
/// assert_eq!(app.call(Request::post("/endless", large)).status(), 200);
/// ```
#[derive(Clone)]
pub struct Route {
    handler: Arc<dyn Handler>,
    max_body: Option<u64>,
    directory: Option<PathBuf>,
    streams: bool,
    /// The names of the pattern's parameters, in order.
    names: Vec<Arc<str>>,
    pattern: Arc<str>,
}

impl Route {
    /// A handler whose content is received first.
    pub fn new(handler: impl Handler) -> Self {
        Route {
            handler: Arc::new(handler),
            max_body: None,
            directory: None,
            streams: false,
            names: Vec::new(),
            pattern: "".into(),
        }
    }

    /// Sets how long the content may be, in bytes; the router's limit unless set.
    #[must_use]
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.max_body = Some(bytes);
        self
    }

    /// Sets the directory of temporary files, which must be on a local file system; the system's
    /// unless set.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Hands content over while it arrives, without a limit: the handler sets its own, and holds a
    /// thread while it waits for the client.
    #[must_use]
    pub fn streams(mut self) -> Self {
        self.streams = true;
        self
    }

    /// Sets the pattern and the names of its parameters.
    pub(super) fn set_pattern(&mut self, pattern: &str, names: Vec<Arc<str>>) {
        (self.pattern, self.names) = (pattern.into(), names);
    }

    pub(super) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Gives the values of parameters their names.
    pub(super) fn name(&self, values: Vec<Box<[u8]>>, routing: &mut Routing) {
        let names = self.names.iter().map(Arc::clone);
        routing.params.extend(names.zip(values));
    }

    /// How content is received for this route; `None` if it reads it itself.
    pub(super) fn intake(&self, max_body: Option<u64>) -> Option<Intake> {
        (!self.streams).then(|| Intake {
            limit: self.max_body.or(max_body),
            directory: self.directory.clone(),
        })
    }

    pub(super) fn respond<'a>(
        &'a self,
        mut request: Request<'a>,
        max_body: Option<u64>,
    ) -> Reply<'a> {
        // The server knows its own limit, if that is the one.
        let longest = self.max_body.or(max_body).unwrap_or(MAX_BODY);
        let body = request.body();
        let is_short = body.length().is_some_and(|length| length <= longest);
        // Content that a layer had received has not to be received once more.
        let is_there = is_short && (!body.is_unread() || body.length() == Some(0));
        if self.streams && body.is_unread() {
            request.routing_mut().streams = true;
        }
        match self.intake(max_body) {
            Some(intake) if !is_there => receive_then_handle(&self.handler, request, intake),
            _ => self.handler.handle(request),
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("max_body", &self.max_body)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

/// What a route can be added with: a handler or a [`Route`].
pub trait IntoRoute {
    /// Makes the route.
    fn into_route(self) -> Route;
}

impl IntoRoute for Route {
    fn into_route(self) -> Route {
        self
    }
}

impl<H: Handler> IntoRoute for H {
    fn into_route(self) -> Route {
        Route::new(self)
    }
}
