//! A handler decides how a request is answered; the connection does it.

use crate::body::{Body, Spool};
#[cfg(feature = "gateway")]
use crate::gateway::Forward;
use crate::intake::{Intake, MAX_BODY, Refusal};
use crate::request::{Request, SendHints};
use crate::response::{IntoResponse, Response};
use crate::upgrade::Upgrade;
use crate::work::Work;
use http::Version;
use std::any::TypeId;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

/// Decides how requests are answered. Any `Fn(Request) -> impl IntoResponse` that can be shared
/// between threads is a handler, which may block; it gets requests with their whole content. A
/// closure that has been quick lately runs without giving up its worker's place, so that one that
/// suddenly blocks delays others for up to two tenths of a second; [`Reply::blocking`] never does.
///
/// The server adds Date, Content-Length, Transfer-Encoding and Connection, leaves the content out
/// of the response to HEAD, and sends `100 Continue` when the request's content is first read. A
/// handler that panics costs its client a 500 and the connection.
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle requests",
    note = "a closure names the type of its request, `|request: Request<'_>|`, and returns something that implements `IntoResponse`",
    note = "what it captures must be shared between threads: `Send + Sync + 'static`"
)]
pub trait Handler: Send + Sync + 'static {
    /// Decides how one request is answered. Must not block: what blocks goes into
    /// [`Reply::Blocking`].
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a>;

    /// Whether the content of requests is received before [`handle`](Self::handle) is called, so
    /// that waiting for it holds no thread. A closure needs that. Any other handler decides itself:
    /// with [`Reply::Receive`], or by reading content in a [`Reply::Blocking`].
    ///
    /// A handler around another one passes the question on, if it calls the other one itself; the
    /// handlers of [`middleware`](crate::middleware) and a [`Router`](crate::Router) need no
    /// content themselves, and have it received once they have let a request pass.
    fn needs_content(&self) -> bool {
        false
    }

    /// How the content of this request is received if a [`Layer`](crate::Layer) that waits for the
    /// response is in front; `None` if the handler takes it as it comes, or needs none. A handler
    /// around another one passes the question on for requests that it lets pass.
    fn intake(&self, request: &mut Request<'_>) -> Option<Intake> {
        let _ = request;
        self.needs_content().then(Intake::default)
    }

    /// The type of a closure: its earlier runs tell how long it takes.
    #[doc(hidden)]
    fn closure(&self) -> Option<TypeId> {
        None
    }
}

/// Calls a handler, once the content that it needs has been received.
pub(crate) fn call<'a, H: Handler + ?Sized>(
    handler: &'a Arc<H>,
    request: Request<'a>,
) -> Reply<'a> {
    // Content that has been received may be longer than this handler's limit.
    let is_due = |intake: &Intake| {
        let body = request.body();
        body.is_unread() || body.length() > Some(intake.limit.unwrap_or(u64::MAX))
    };
    let needs_content = request.body().length() != Some(0) && handler.needs_content();
    let intake = needs_content.then(|| request.intake()).flatten();
    match intake.filter(is_due) {
        Some(intake) => receive_then_handle(handler, request, intake),
        None => handler.handle(request),
    }
}

/// Has the content of a request received, and then calls a handler.
pub(crate) fn receive_then_handle<H: Handler + ?Sized>(
    handler: &Arc<H>,
    request: Request<'_>,
    intake: Intake,
) -> Reply<'static> {
    let (closure, handler) = (handler.closure(), Arc::clone(handler));
    receive_then_call(
        request,
        intake,
        closure,
        move |request, refusal| match refusal {
            Some(refusal) => refusal.response().into(),
            None => handler.handle(request).settle(),
        },
    )
}

/// Has the content of a request received, and then calls what may block: the given closure, or a
/// handler that is none. Both learn why content was refused.
#[inline(never)]
pub(crate) fn receive_then_call(
    request: Request<'_>,
    intake: Intake,
    closure: Option<TypeId>,
    call: impl FnOnce(Request<'static>, Option<Refusal>) -> Reply<'static> + Send + 'static,
) -> Reply<'static> {
    let receive = Receive::with(request, intake, move |request, refusal| {
        Reply::Deferred(Work::new(closure, move || call(request, refusal)))
    });
    receive.into()
}

/// How a request is answered.
#[non_exhaustive]
pub enum Reply<'a> {
    /// The response is there: memory, a file, a cached representation.
    Ready(Response),
    /// The response has to be computed, or waited for. This runs after the worker has handed over
    /// its place in the poller. If too many threads are blocked, it does not run, and the client
    /// gets a 503. [`Reply::blocking`] makes one.
    Blocking(Work<'a>),
    /// The decision itself has to be computed, or waited for: a password is checked, a session is
    /// looked up. This runs like `Blocking`, and then the connection does what it returns.
    /// [`Reply::deferred`] makes one.
    Deferred(Work<'a, Reply<'static>>),
    /// The content of the request is received first, which holds no thread however slowly it comes.
    /// Then the handler continues with another reply.
    Receive(Receive),
    /// The connection switches to another protocol (RFC 9110 §7.8), and a closure takes its socket
    /// over. [`Request::upgrade`] makes the same as a [`Response`].
    Upgrade(Upgrade),
    /// An upstream server responds. No thread waits for it.
    #[cfg(feature = "gateway")]
    Forward(Forward),
}

/// Content up to this size is kept in memory while it is received; longer content goes to a file.
const MEMORY: u64 = 64 * 1024;

/// How much content is read at once on a thread.
const PIECE: usize = 16 * 1024;

/// A request whose content is received before its handler continues.
///
/// ```
/// use tinyhttp_server::{Handler, Receive, Reply, Request};
///
/// /// Counts the bytes of uploads.
/// struct Count;
///
/// impl Handler for Count {
///     fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
///         // More than a MiB is refused with 413.
///         let receive = Receive::new(request, 1 << 20, |request| {
///             let length = request.body().length().unwrap_or_default();
///             Reply::blocking(move || format!("{length} bytes\n"))
///         });
///         receive.into()
///     }
/// }
/// ```
pub struct Receive {
    // In a box, so that a reply without content is small.
    request: Box<Request<'static>>,
    intake: Intake,
    memory: u64,
    then: Continuation,
}

type Continuation = Box<dyn FnOnce(Request<'static>, Option<Refusal>) -> Reply<'static> + Send>;

impl Receive {
    /// Receives up to `limit` bytes, and calls `then` with the same request and its whole content,
    /// whose length is known. More content is refused with 413, which the handlers around this one
    /// see.
    pub fn new(
        request: Request<'_>,
        limit: u64,
        then: impl FnOnce(Request<'static>) -> Reply<'static> + Send + 'static,
    ) -> Self {
        let limit = Some(limit);
        let directory = None;
        let then = move |request, refusal: Option<Refusal>| match refusal {
            Some(refusal) => refusal.response().into(),
            None => then(request),
        };
        Receive::with(request, Intake { limit, directory }, then)
    }

    fn with(
        request: Request<'_>,
        intake: Intake,
        then: impl FnOnce(Request<'static>, Option<Refusal>) -> Reply<'static> + Send + 'static,
    ) -> Self {
        Receive {
            request: Box::new(request.into_owned()),
            intake,
            memory: MEMORY,
            then: Box::new(then),
        }
    }

    /// Sets how many bytes are kept in memory (64 KiB unless set). Longer content is received into
    /// an unnamed temporary file.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets the directory of the temporary file, which must be on a local file system.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.intake.directory = Some(directory.into());
        self
    }

    /// Names the request in the log.
    pub(crate) fn name(&self) -> String {
        format!("{} {:?}", self.request.method(), self.request.path())
    }

    /// Sets the limit, unless there is one.
    pub(crate) fn set_limit(&mut self, bytes: u64) {
        let limit = *self.intake.limit.get_or_insert(bytes);
        if limit > MAX_BODY {
            // Routes behind a layer that waits for the content measure it once more.
            let routing = self.request.routing_mut();
            routing.intake.limit.get_or_insert(limit);
        }
    }

    /// The longest content that is received, in bytes.
    pub(crate) fn limit(&self) -> u64 {
        self.intake.limit.unwrap_or(MAX_BODY)
    }

    /// Where the content is to be received.
    pub(crate) fn spool(&self) -> Spool {
        let directory = self.intake.directory.clone();
        Spool::new(self.memory, directory.unwrap_or_else(std::env::temp_dir))
    }

    pub(crate) fn set_body(&mut self, body: Body) {
        *self.request.body_mut() = body;
    }

    /// Sets where early hints of the request go.
    pub(crate) fn share_hints(&mut self, hints: &dyn SendHints) {
        self.request.share_hints(hints);
    }

    pub(crate) fn version(&self) -> Version {
        self.request.version()
    }

    /// Continues, when the content has been received or refused.
    pub(crate) fn resume(mut self, refusal: Option<Refusal>) -> Reply<'static> {
        if refusal.is_some() {
            self.set_body(Body::empty());
        }
        (self.then)(*self.request, refusal)
    }

    /// Changes the response of whatever the handler continues with.
    fn map(self, change: impl FnOnce(Response) -> Response + Send + 'static) -> Self {
        self.and_then(|reply| reply.map(change))
    }

    /// Changes what the handler continues with.
    pub(crate) fn and_then(
        self,
        change: impl FnOnce(Reply<'static>) -> Reply<'static> + Send + 'static,
    ) -> Self {
        let Receive { then, .. } = self;
        Receive {
            then: Box::new(move |request, refusal| change(then(request, refusal))),
            ..self
        }
    }

    /// Whether the content has been received, by this server or by a handler in front.
    pub(crate) fn has_content(&self) -> bool {
        !self.request.body().is_unread()
    }

    /// Continues on this thread, on which content that is not there is received.
    pub(crate) fn proceed(mut self) -> Reply<'static> {
        let refusal = match self.has_content() {
            true => (self.request.body().length() > Some(self.limit())).then_some(Refusal::TooLong),
            false => self.receive_here().err(),
        };
        self.resume(refusal)
    }

    /// Receives the content on this thread.
    fn receive_here(&mut self) -> Result<(), Refusal> {
        let mut body = std::mem::take(self.request.body_mut());
        let mut spool = self.spool();
        let mut buffer = vec![0; PIECE];
        loop {
            match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) if spool.length() + length as u64 > self.limit() => {
                    return Err(Refusal::TooLong);
                }
                Ok(length) => spool.write(&buffer[..length]).map_err(|error| {
                    log::error!("content can't be kept in a temporary file: {error}");
                    Refusal::NoRoom
                })?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Refusal::Broken),
            }
        }
        let trailers = body.trailers.take();
        self.set_body(spool.into_body().with_trailers(trailers));
        Ok(())
    }
}

impl From<Receive> for Reply<'_> {
    fn from(receive: Receive) -> Self {
        Reply::Receive(receive)
    }
}

impl fmt::Debug for Receive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receive")
            .field("request", &self.request)
            .field("intake", &self.intake)
            .finish_non_exhaustive()
    }
}

impl<'a> Reply<'a> {
    /// A reply that may block.
    pub fn blocking<R: IntoResponse>(work: impl FnOnce() -> R + 'a) -> Self {
        Reply::Blocking(Work::new(None, || work().into_response()))
    }

    /// A reply of the closure `F`, which may block. If it has been quick lately, it runs at once.
    pub(crate) fn closure<F: 'static, R: IntoResponse>(run: impl FnOnce() -> R + 'a) -> Self {
        let run = || run().into_response();
        Reply::Blocking(Work::new(Some(TypeId::of::<F>()), run))
    }

    /// A reply that is decided where it may block.
    ///
    /// ```
    /// use tinyhttp_server::{Layer, Next, Reply, Request, Response, Router, StatusCode};
    ///
    /// /// Looks a session up in a file before it lets a request pass.
    /// struct Sessions(std::path::PathBuf);
    ///
    /// impl Layer for Sessions {
    ///     fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a> {
    ///         Reply::deferred(move || {
    ///             let known = std::fs::read_to_string(&self.0).unwrap_or_default();
    ///             let key = request.field("x-session").unwrap_or_default();
    ///             match known.lines().any(|line| line.as_bytes() == key) {
    ///                 true => next.handle(request),
    ///                 false => Response::new(()).with_status(StatusCode::FORBIDDEN).into(),
    ///             }
    ///         })
    ///     }
    /// }
    ///
    /// let app = Router::new().with(Sessions("/missing".into())).get("/", |_: Request| "hello\n");
    /// assert_eq!(app.call(Request::get("/")).status(), 403);
    /// ```
    pub fn deferred(decide: impl FnOnce() -> Reply<'a> + 'a) -> Self {
        Reply::Deferred(Work::new(None, || decide().settle()))
    }

    /// The same reply, after what blocks has been done on this thread.
    pub(crate) fn settle(self) -> Reply<'static> {
        match self {
            Reply::Ready(response) => Reply::Ready(response),
            Reply::Blocking(work) => Reply::Ready(work.run()),
            Reply::Deferred(work) => work.run(),
            Reply::Receive(receive) => Reply::Receive(receive),
            Reply::Upgrade(upgrade) => Reply::Upgrade(upgrade),
            #[cfg(feature = "gateway")]
            Reply::Forward(forward) => Reply::Forward(forward),
        }
    }

    /// The same reply with a changed response.
    #[must_use]
    pub fn map(self, change: impl FnOnce(Response) -> Response + Send + 'static) -> Self {
        match self {
            Reply::Ready(response) => Reply::Ready(change(response)),
            Reply::Blocking(work) => Reply::Blocking(work.map(change)),
            Reply::Deferred(work) => Reply::Deferred(work.map(|reply| reply.map(change))),
            Reply::Receive(receive) => Reply::Receive(receive.map(change)),
            Reply::Upgrade(upgrade) => Reply::Ready(change(upgrade.into())),
            #[cfg(feature = "gateway")]
            Reply::Forward(forward) => Reply::Forward(forward.map(change)),
        }
    }

    /// The response, on this thread, which may block. For tests of handlers, and within a handler
    /// that blocks already.
    #[must_use]
    pub fn response(self) -> Response {
        match self {
            Reply::Ready(response) => response,
            Reply::Blocking(work) => work.run(),
            Reply::Deferred(work) => work.run().response(),
            Reply::Receive(receive) => receive.proceed().response(),
            Reply::Upgrade(upgrade) => upgrade.into(),
            // Only a connection exchanges messages with an upstream server.
            #[cfg(feature = "gateway")]
            Reply::Forward(_) => crate::page::error_page(
                http::StatusCode::BAD_GATEWAY,
                "There is no connection to respond on.",
            )
            .into(),
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
            Reply::Deferred(_) => f.write_str("Deferred"),
            Reply::Receive(receive) => f.debug_tuple("Receive").field(receive).finish(),
            Reply::Upgrade(upgrade) => f.debug_tuple("Upgrade").field(upgrade).finish(),
            #[cfg(feature = "gateway")]
            Reply::Forward(forward) => forward.fmt(f),
        }
    }
}

impl<F, R> Handler for F
where
    F: Fn(Request<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        Reply::closure::<F, R>(move || self(request))
    }

    fn needs_content(&self) -> bool {
        true
    }

    fn closure(&self) -> Option<TypeId> {
        Some(TypeId::of::<F>())
    }
}

/// For stacks of handlers that are put together while the program runs.
impl Handler for Box<dyn Handler> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        (**self).handle(request)
    }

    fn needs_content(&self) -> bool {
        (**self).needs_content()
    }

    fn intake(&self, request: &mut Request<'_>) -> Option<Intake> {
        (**self).intake(request)
    }

    fn closure(&self) -> Option<TypeId> {
        (**self).closure()
    }
}
