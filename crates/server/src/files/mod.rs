//! The static file handler: a directory on the web.
//!
//! A request for a file takes these steps in this order; the code of [`Files`] has the same
//! numbers.
//!
//! 1. **Method.** GET and HEAD request files; OPTIONS asks which methods there are.
//! 2. **Path.** It is decoded and normalised once, in `tinyhttp-message`; the base is removed;
//!    hidden names are refused.
//! 3. **Look up.** The path is opened below the root; the kernel lets nothing else be opened. A
//!    directory is answered with its index, with a listing, or with a redirect to its URL with a
//!    slash at the end.
//! 4. **Represent.** The content coding that suits the client best: content, type, length,
//!    validators. It comes from memory if the file hasn't changed since the last request.
//! 5. **Preconditions.** Does the client already have this version, or require another one?
//! 6. **Range.** Which part is requested?
//!
//! A failed step is a `Failure`, which knows its status and becomes a small page, or the
//! directory's own `404.html`.
//!
//! | module | holds |
//! |---|---|
//! | `options` | what can be configured |
//! | `request_path` | step 2: the path below the base |
//! | `lookup` | step 3: what is at a path |
//! | `root` | step 3: opening files below the root |
//! | `dir` | paths and names in a directory |
//! | `content` | step 4: representations, their sources and their cache |
//! | `respond` | steps 5 and 6: preconditions and ranges |
//! | `listing` | directories without an index |
//! | `archive` | directories as tar or zip |
//! | `query` | the query, which chooses the form of a listing |
//! | `failure` | responses without a file |
//! | `gate` | admission to the processor for large jobs |
//!
//! ```
//! use http::Request;
//! use tinyhttp_server::{Body, Handler, files::Files};
//!
//! let directory = tempfile::tempdir()?;
//! std::fs::write(directory.path().join("hello.txt"), "Hello!\n")?;
//!
//! let files = Files::open(directory.path())?;
//! let response = files.handle(Request::get("/hello.txt").body(Body::empty())?);
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
//! assert_eq!(std::io::read_to_string(response.into_body())?, "Hello!\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod content;
mod dir;
mod failure;
mod gate;
mod listing;
mod lookup;
mod options;
mod query;
mod request_path;
mod respond;
mod root;

pub use options::Options;
pub use root::{OpenError, Symlinks};

use crate::body::Body;
use crate::handler::{Handler, Prepared};
use crate::page::{encode_path, error_page};
use archive::Format;
use content::coding;
use content::representation::RESOURCE_POLICY;
use content::store::Store;
use failure::{ALLOWED, Failure};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, HeaderMap, HeaderValue, LOCATION, RANGE, VARY,
};
use http::{Method, Request, Response, StatusCode, Uri};
use listing::Listing;
use lookup::{Found, Lookup};
use query::Query;
use request_path::RequestPath;
use respond::respond;
use root::Root;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};
use tinyhttp_message::RequestHead;
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::negotiate::{AcceptEncoding, Coding};

#[cfg(test)]
mod tests;

/// A [`Handler`] that serves the files of a directory.
#[derive(Debug)]
pub struct Files {
    store: Arc<Store>,
    /// Whether the log has the hint about single-page applications.
    has_hinted: AtomicBool,
}

impl Options {
    /// Opens the directory. If its path later leads to another directory, that one is served from a
    /// tenth of a second later on, and at once where a name is missing from the old one. A
    /// directory that is removed is served like an empty one, with 404.
    ///
    /// # Errors
    /// If it can't be opened as a directory, or the kernel lacks what confines requests to it.
    pub fn open(self, directory: impl AsRef<Path>) -> Result<Files, OpenError> {
        let root = Root::open(directory.as_ref(), self.symlinks, &self.replacement_hint)?;
        Ok(Files {
            store: Arc::new(Store::new(root, self)),
            has_hinted: AtomicBool::new(false),
        })
    }
}

impl Files {
    /// Serves a directory with the default [`Options`].
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        Options::new().open(directory)
    }

    fn answer(&self, request: &Request<Body>) -> Result<Response<Body>, Failure> {
        // 1. Method.
        let method = request.method();
        if *method == Method::OPTIONS {
            return Ok(methods());
        }
        if *method != Method::GET && *method != Method::HEAD {
            return Err(refused(method));
        }

        // 2. Path.
        let path = match self.path(request.uri().path()) {
            Err(Failure::NotFound) if self.is_above_base(request.uri().path()) => {
                let base = encode_path(&[&self.store.options().base[..], b"/"].concat());
                return Ok(redirect(StatusCode::FOUND, base, request.uri()));
            }
            path => path?,
        };

        // 3. Look up.
        let lookup = self.lookup(Instant::now());
        let found = lookup.find(&path);
        let moved = |location| redirect(StatusCode::MOVED_PERMANENTLY, location, request.uri());
        if let Some(location) = lookup.clean_url(&path, &found) {
            return Ok(moved(location));
        }
        let found = match found {
            Err(Failure::NotFound) if self.is_route(&path, request.headers()) => {
                lookup.find_index(b".")?
            }
            Err(Failure::NotFound) => {
                self.hint_at_routes(&path, request.headers());
                return Err(Failure::NotFound);
            }
            found => found?,
        };
        let (file, version) = match found {
            Found::File(file, version) => (file, version),
            Found::DirName => return Ok(moved(path.as_dir())),
            Found::Dir => return self.list(&path, request, lookup.arrived),
        };

        // 4. Represent.
        let accepted = accepted_codings(method, request.headers());
        let representation = self.store.representation(&file, &version, &accepted)?;

        // 5. Preconditions. 6. Range.
        let now = HttpDate::from(SystemTime::now());
        respond(&representation, method, request.headers(), now)
    }

    /// Whether the response may be a file that has to be compressed first.
    fn may_compress(&self, request: &Request<Body>) -> bool {
        let fields = request.headers();
        let accepted = accepted_codings(request.method(), fields);
        (request.method() == Method::GET || request.method() == Method::HEAD)
            && coding::wanted(&accepted) != Coding::Identity
            && !fields.keys().any(|name| is_selective(name.as_str()))
            && self.path(request.uri().path()).is_ok_and(|path| {
                let found = self.lookup(Instant::now()).find(&path);
                matches!(found, Ok(Found::File(file, _)) if self.store.may_compress(&file))
            })
    }

    fn path<'r>(&self, raw: &'r str) -> Result<RequestPath<'r>, Failure> {
        let options = self.store.options();
        let path = RequestPath::new(raw, &options.base)?;
        if !options.hidden && path.is_hidden() {
            return Err(Failure::NotFound);
        }
        Ok(path)
    }

    fn lookup(&self, arrived: Instant) -> Lookup<'_> {
        Lookup {
            store: &self.store,
            arrived,
        }
    }

    /// The response for a directory without an index: an archive or a listing.
    fn list(
        &self,
        path: &RequestPath<'_>,
        request: &Request<Body>,
        arrived: Instant,
    ) -> Result<Response<Body>, Failure> {
        let query = Query::new(request.uri().query());
        if let Some(format) = Format::of(&query).filter(|_| self.store.options().archives) {
            let archive = archive::represent(&self.store, path.relative(), format)?;
            let now = HttpDate::from(SystemTime::now());
            return respond(&archive, request.method(), request.headers(), now);
        }
        let listing = Listing {
            store: Arc::clone(&self.store),
            relative: path.relative().to_vec(),
            query,
        };
        let accepted = accepted_codings(request.method(), request.headers());
        listing.respond(request, &accepted, arrived)
    }

    /// Whether a path is the server's root while the directory is served under a base.
    fn is_above_base(&self, raw: &str) -> bool {
        let path = tinyhttp_message::Path::normalize(raw);
        !self.store.options().base.is_empty() && path.is_ok_and(|path| path.as_bytes() == b"/")
    }

    /// Logs once what a single-page application needs, if this looks like one: a browser requests a
    /// page without a file extension, and the root has an index.
    fn hint_at_routes(&self, path: &RequestPath<'_>, fields: &HeaderMap) {
        let options = self.store.options();
        let has_index = || {
            let index = self.lookup(Instant::now()).find_index(b".");
            matches!(index, Ok(Found::File(..)))
        };
        let looks_like_one = !options.spa
            && !options.spa_hint.is_empty()
            && !self.has_hinted.load(Ordering::Relaxed)
            && asks_for_page(fields)
            && !path.has_extension()
            && has_index()
            && self.store.stat(b"404.html").is_err();
        if looks_like_one && !self.has_hinted.swap(true, Ordering::Relaxed) {
            let path = String::from_utf8_lossy(path.relative());
            log::warn!(
                "there is no page /{}: {}",
                path.escape_debug(),
                options.spa_hint
            );
        }
    }

    /// Whether a missing path is a route of a single-page application. A name with a file extension
    /// that isn't requested as a page is a missing part of a page instead.
    fn is_route(&self, path: &RequestPath<'_>, fields: &HeaderMap) -> bool {
        self.store.options().spa && (!path.has_extension() || asks_for_page(fields))
    }

    /// Whether Accept decides between the application's page and 404.
    fn depends_on_accept(&self, raw: &str) -> bool {
        self.path(raw).is_ok_and(|path| {
            let found = self.lookup(Instant::now()).find(&path);
            matches!(found, Err(Failure::NotFound))
        })
    }

    /// The root's own page for a failure, such as `404.html`, if it exists.
    fn failure_page(&self, failure: Failure) -> Option<Body> {
        let name = format!("{}.html", failure.status().as_u16());
        let (_, version) = self.store.stat(name.as_bytes()).ok()?;
        let accepted = AcceptEncoding::ABSENT;
        let page = self
            .store
            .representation(name.as_bytes(), &version, &accepted);
        Some(page.ok()?.whole())
    }
}

impl Handler for Files {
    fn handle(&self, request: Request<Body>) -> Response<Body> {
        let mut response = self.answer(&request).unwrap_or_else(|failure| {
            if let Failure::System(errno) = failure {
                log::warn!(
                    "can't read {}: {errno}",
                    request.uri().path().escape_debug()
                );
            }
            failure.into_response(self.failure_page(failure))
        });
        let options = self.store.options();
        let fields = response.headers_mut();
        if let Some(policy) = &options.resource_policy {
            fields.insert(RESOURCE_POLICY, policy.clone());
        }
        // A missing path is the application's page for some clients and a 404 for others.
        if options.spa && self.depends_on_accept(request.uri().path()) {
            fields.append(VARY, HeaderValue::from_static("Accept"));
        }
        response
    }

    /// GET or HEAD of a file without preconditions and ranges: the same steps, without a field map.
    fn prepared(&self, head: &RequestHead<'_>, arrived: Instant) -> Option<Prepared> {
        if head.method != Method::GET && head.method != Method::HEAD {
            return None;
        }
        if head.fields.iter().any(|(name, _)| is_selective(name)) {
            return None;
        }
        let path = self.path(head.target.path()).ok()?;
        let lookup = self.lookup(arrived);
        let found = lookup.find(&path);
        if lookup.clean_url(&path, &found).is_some() {
            return None;
        }
        let Found::File(file, version) = found.ok()? else {
            return None;
        };
        let accepted = AcceptEncoding::from_fields(head.fields.get_all("accept-encoding"));
        let representation = self.store.ready(&file, &version, &accepted).ok()??;
        representation.prepared(HttpDate::from(SystemTime::now()))
    }

    /// True for listings and archives, which queue for the processor, and for files that have to be
    /// compressed first. A file that is already compressed was [prepared](Files::prepared), unless
    /// the request has conditions.
    fn may_wait(&self, request: &Request<Body>) -> bool {
        let is_fetch = *request.method() == Method::GET || *request.method() == Method::HEAD;
        let path = self.path(request.uri().path());
        let lists = is_fetch
            && path.is_ok_and(|path| {
                let find = || self.lookup(Instant::now()).find(&path);
                path.names_dir() && matches!(find(), Ok(Found::Dir))
            });
        lists || self.may_compress(request)
    }
}

/// Whether a field of that name can ask for less than the whole file: a precondition or a range.
fn is_selective(name: &str) -> bool {
    let prefix = name.as_bytes().first_chunk();
    prefix.is_some_and(|prefix: &[u8; 3]| prefix.eq_ignore_ascii_case(b"if-"))
        || name.eq_ignore_ascii_case("range")
}

/// Parses Accept-Encoding. A range request gets the identity coding if the client accepts it.
fn accepted_codings(method: &Method, fields: &HeaderMap) -> AcceptEncoding {
    let lines = fields.get_all(ACCEPT_ENCODING).iter();
    let accepted = AcceptEncoding::from_fields(lines.map(HeaderValue::as_bytes));
    let is_range = *method == Method::GET && fields.get_all(RANGE).iter().count() == 1;
    if is_range && accepted.accepts(Coding::Identity) {
        AcceptEncoding::ABSENT
    } else {
        accepted
    }
}

/// The response to OPTIONS, for a path and for the server as a whole.
fn methods() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, ALLOWED);
    response
}

/// A method of RFC 9110 or RFC 5789 is known and not allowed; any other is unknown.
fn refused(method: &Method) -> Failure {
    let known = [
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::TRACE,
        Method::PATCH,
    ];
    if known.contains(method) {
        Failure::MethodNotAllowed
    } else {
        Failure::UnknownMethod
    }
}

/// Whether the client accepts a page first, as browsers do when a link is followed.
fn asks_for_page(fields: &HeaderMap) -> bool {
    let mut lines = fields.get_all(ACCEPT).iter();
    lines.any(|line| line.as_bytes().starts_with(b"text/html"))
}

/// A redirect to another path with the same query. 301 rather than 308, which demands the same
/// method: for GET and HEAD that is implied, and some clients don't know 308.
fn redirect(status: StatusCode, mut location: String, uri: &Uri) -> Response<Body> {
    if let Some(query) = uri.query() {
        location.push('?');
        location.push_str(query);
    }
    let mut response = error_page(status, "This page has another address.");
    if let Ok(location) = HeaderValue::try_from(location) {
        let fields = response.headers_mut();
        fields.insert(LOCATION, location);
        // The target may change; without this, a browser would never ask again.
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}
