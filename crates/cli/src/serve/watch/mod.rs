//! Live reload: pages that are looked at reload by themselves when something in the folder changes.
//!
//! 1. [`Live`] stands before the handler of the folder and puts a small script at the end of each page.
//! 2. The script (`live.js`) asks for `/.tinyhttp/events`, a stream of server-sent events that stays open. It says which
//!    version of the folder its page shows, so nothing is missed between the page and the stream, or while the server was restarted.
//! 3. [`folder`] waits for changes and makes one [`Change`](changes::Change) of those that come together.
//! 4. [`Changes`] tells all who listen. A change of style sheets alone is shown without loading the page again.
//!
//! While this goes on, browsers keep nothing without asking: what was changed is to be seen.

mod changes;
mod folder;
mod policy;

pub(crate) use changes::Changes;

use crate::failure::Failure;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use http::{Method, Request, Response, StatusCode, Uri};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use tinyhttp_server::{Body, Handler};

/// Where events come from. Names that begin with a dot are rarely served, so this hides nobody's file.
const EVENTS: &str = "/.tinyhttp/events";

/// Where the script is. In the page itself, fewer policies would allow it.
const SCRIPT: &str = "/.tinyhttp/live.js";

/// What makes a response anything but the whole page as it is.
const SELECTIVE: [HeaderName; 7] = [
    ACCEPT_ENCODING,
    RANGE,
    IF_RANGE,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
];

/// The flag for live reload.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "For whoever makes the site")]
pub(crate) struct Watch {
    /// Reload pages in browsers when a file changes; for a style sheet just that. Implies --replaceable
    #[arg(long, env = "TINYHTTP_WATCH")]
    pub(crate) watch: bool,
}

/// A handler whose pages reload by themselves.
pub(crate) struct Live<H> {
    site: H,
    changes: Arc<Changes>,
    /// Watches until it is dropped.
    _watcher: folder::Watcher,
}

impl<H: Handler> Live<H> {
    /// Watches the folder that `site` serves, but for the log, which changes with each request.
    pub(crate) fn new(site: H, folder: &Path, log: Option<&Path>) -> Result<Self, Failure> {
        let changes = Changes::new();
        let watcher = folder::watch(folder, log, Arc::clone(&changes)).map_err(|error| {
            Failure::new(
                format!("can't watch {}: {error}", folder.display()),
                "each folder in it needs a watch; sysctl fs.inotify says how many there may be",
            )
        })?;
        Ok(Live {
            site,
            changes,
            _watcher: watcher,
        })
    }

    pub(crate) fn changes(&self) -> Arc<Changes> {
        Arc::clone(&self.changes)
    }

    fn events(&self, request: &Request<Body>) -> Response<Body> {
        let since = last_event(request.headers()).or_else(|| since(request.uri()));
        let mut response = match self.changes.listen(since) {
            Some(events) => typed("text/event-stream", Body::reader(events, None)),
            None => {
                let mut response = typed("text/plain", Body::from("Too many pages listen.\n"));
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                response
            }
        };
        let fields = response.headers_mut();
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// What the site says, with the script if it is a page. Whether it is one is not known before it has been asked, for all of it
    /// and without a coding; if it isn't, the site is asked again as the client did.
    fn shown(&self, request: Request<Body>) -> Response<Body> {
        // Before the page is read: what changes while it is read is told later.
        let version = self.changes.version();
        let (parts, body) = request.into_parts();
        let mut whole = parts.clone();
        for name in SELECTIVE {
            whole.headers.remove(name);
        }
        let as_asked = whole.headers.len() == parts.headers.len();
        let response = self.site.handle(Request::from_parts(whole, Body::empty()));
        if is_page(&response) {
            return with_script(response, version);
        }
        let mut response = match as_asked {
            true => response,
            false => self.site.handle(Request::from_parts(parts, body)),
        };
        let fields = response.headers_mut();
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

impl<H: Handler> Handler for Live<H> {
    fn handle(&self, request: Request<Body>) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, EVENTS) => self.events(&request),
            (&Method::GET | &Method::HEAD, SCRIPT) => {
                typed("text/javascript", Body::from(include_str!("live.js")))
            }
            (&Method::GET | &Method::HEAD, _) => self.shown(request),
            _ => self.site.handle(request),
        }
    }

    fn may_wait(&self, request: &Request<Body>) -> bool {
        self.site.may_wait(request)
    }
}

fn typed(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Whether it is a page that somebody looks at. The page for what isn't there is one: what a build has removed may be back in a moment.
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

/// The page with the script behind it. A browser puts what comes after `</html>` into the body (HTML Standard, §13.2.6.4.19 and 22),
/// and the page doesn't have to be read for it, nor understood. It has no validator, since the file's are of something else.
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

/// The version that a browser has seen, when it takes up a stream again that was cut.
fn last_event(fields: &HeaderMap) -> Option<u64> {
    fields.get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// The version that a page shows.
fn since(uri: &Uri) -> Option<u64> {
    uri.query()?.strip_prefix("since=")?.parse().ok()
}
