//! Live reload: open pages reload when something in the directory changes.
//!
//! 1. [`Live`] wraps the handler of the files and appends a small script to each page.
//! 2. The script (`live.js`) asks for `/.tinyhttp/events`, a stream of server-sent events that
//!    stays open. It names the version of the directory that its page shows, so no change is missed
//!    between the page and the stream, or while the server restarts.
//! 3. `directory` waits for changes and joins those that arrive together into one
//!    [`Change`](changes::Change).
//! 4. [`Changes`] sends it to all open streams. A change of style sheets alone needs no reload of
//!    the page.
//!
//! | module | holds |
//! |---|---|
//! | `policy` | a page's Content-Security-Policy, relaxed for the script |
//! | `changes` | the streams of events |
//! | `directory` | the watch of the directory |
//!
//! Meanwhile, responses tell browsers to revalidate everything, so that changes are visible.

mod policy;
mod changes;
mod directory;

pub(super) use changes::Changes;

use crate::failure::Failure;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use http::{Method, Response, StatusCode};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use tinyhttp_server::{Body, Handler, Reply, Request};

/// The path of the event stream. Names that begin with a dot are rarely served, so this hides no
/// file.
const EVENTS: &str = "/.tinyhttp/events";

/// The path of the script. Fewer Content-Security-Policies would allow a script in the page itself.
const SCRIPT: &str = "/.tinyhttp/live.js";

/// Request fields that can make the response something else than the whole page.
const SELECTIVE: [HeaderName; 7] = [
    ACCEPT_ENCODING,
    RANGE,
    IF_RANGE,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
];

/// A handler whose pages reload by themselves.
pub(super) struct Live<H> {
    site: H,
    changes: Arc<Changes>,
    /// Dropping it ends the watch.
    _watcher: directory::Watcher,
}

impl<H: Handler> Live<H> {
    /// Watches the directory that `site` serves. The log is excluded, because it changes with each
    /// request.
    pub(super) fn new(site: H, dir: &Path, log: Option<&Path>) -> Result<Self, Failure> {
        let changes = Changes::new();
        let watcher = directory::watch(dir, log, Arc::clone(&changes)).map_err(|error| {
            Failure::new(
                format!("can't watch {}: {error}", dir.display()),
                "each directory in it needs a watch; sysctl fs.inotify shows how many are possible",
            )
        })?;
        Ok(Live {
            site,
            changes,
            _watcher: watcher,
        })
    }

    pub(super) fn changes(&self) -> Arc<Changes> {
        Arc::clone(&self.changes)
    }

    fn events(&self, request: &Request<'_>) -> Response<Body> {
        let since = last_event(request.headers()).or_else(|| since(request.query()));
        let mut response = match self.changes.listen(since) {
            Some(events) => typed("text/event-stream", events),
            None => {
                let mut response = typed(
                    "text/plain",
                    Body::from("Too many pages have an open event stream.\n"),
                );
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                response
            }
        };
        let fields = response.headers_mut();
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// The site's response to a request.
    fn ask(&self, request: http::Request<Body>) -> Response<Body> {
        self.site.handle(request.into()).response().into()
    }

    /// Returns the response with the script, if it is a page. The site is asked for the whole
    /// content without a coding; if the response is no page, the site is asked again for what the
    /// client wants.
    fn shown(&self, request: Request<'_>) -> Response<Body> {
        // Before the page is read: the stream reports what changes meanwhile.
        let version = self.changes.version();
        let (parts, body) = request.into_http().into_parts();
        let mut whole = parts.clone();
        for name in SELECTIVE {
            whole.headers.remove(name);
        }
        let as_asked = whole.headers.len() == parts.headers.len();
        let response = self.ask(http::Request::from_parts(whole, Body::empty()));
        if is_page(&response) {
            return with_script(response, version);
        }
        let mut response = match as_asked {
            true => response,
            false => self.ask(http::Request::from_parts(parts, body)),
        };
        let fields = response.headers_mut();
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

impl<H: Handler> Handler for Live<H> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        match (request.method(), request.path()) {
            (&Method::GET | &Method::HEAD, EVENTS) => Reply::Ready(self.events(&request).into()),
            (&Method::GET | &Method::HEAD, SCRIPT) => {
                let script = Body::from(include_str!("live.js"));
                Reply::Ready(typed("text/javascript", script).into())
            }
            (&Method::GET | &Method::HEAD, _) => Reply::blocking(move || self.shown(request)),
            _ => self.site.handle(request),
        }
    }
}

fn typed(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Whether it is a page to show. A 404 page is one: a file that a build has removed may be back in
/// a moment.
fn is_page(response: &Response<Body>) -> bool {
    let fields = response.headers();
    let content_type = fields.get(CONTENT_TYPE).map_or("", |value| {
        let value = value.to_str().unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim_end()
    });
    [StatusCode::OK, StatusCode::NOT_FOUND].contains(&response.status())
        && content_type.eq_ignore_ascii_case("text/html")
        && !fields.contains_key(CONTENT_ENCODING)
}

/// Appends the script to a page. Browsers put what follows `</html>` into the body (HTML Standard,
/// §13.2.6.4.19 and 22), so the page need not be parsed. The file's validators are removed, because
/// the content differs from the file's.
fn with_script(response: Response<Body>, version: u64) -> Response<Body> {
    let script = format!("<script src=\"{SCRIPT}\" data-since=\"{version}\" async></script>\n");
    let (mut parts, page) = response.into_parts();
    for name in [ETAG, LAST_MODIFIED, ACCEPT_RANGES] {
        parts.headers.remove(name);
    }
    let fields = &mut parts.headers;
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, policy) in fields {
        if *name == CONTENT_SECURITY_POLICY {
            *policy = policy::allow_own(policy);
        }
    }
    let length = page.length().map(|length| length + script.len() as u64);
    let body = Body::reader(page.chain(std::io::Cursor::new(script)), length);
    Response::from_parts(parts, body)
}

/// Returns the last version that a browser has seen, when it resumes an interrupted stream.
fn last_event(fields: &HeaderMap) -> Option<u64> {
    fields.get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// Returns the version that a page shows.
fn since(query: Option<&str>) -> Option<u64> {
    query?.strip_prefix("since=")?.parse().ok()
}
