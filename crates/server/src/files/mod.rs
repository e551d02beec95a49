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
//! | `scripts` | step 3: files that are run, and never sent |
//! | `dir` | paths and names in a directory |
//! | `content` | step 4: representations, their sources and their cache |
//! | `respond` | steps 5 and 6: preconditions and ranges |
//! | `query` | the query, which chooses the form of a listing |
//! | `listing` | directories without an index |
//! | `archive` | directories as tar or zip |
//! | `failure` | responses without a file |
//! | `tests` | the handler as its clients see it, by subject |
//!
//! ```
//! use tinyhttp_server::{Handler, files::Files};
//!
//! let directory = tempfile::tempdir()?;
//! std::fs::write(directory.path().join("hello.txt"), "Hello!\n")?;
//!
//! let files = Files::open(directory.path())?;
//! let request = http::Request::get("/hello.txt").body(())?;
//! let response = files.handle(request.into()).response();
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
//! assert_eq!(std::io::read_to_string(response.into_body())?, "Hello!\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod options;
mod request_path;
mod lookup;
mod root;
mod scripts;
mod dir;
mod content;
mod respond;
mod query;
mod listing;
mod archive;
mod failure;

pub use options::Options;
pub use root::{OpenError, Symlinks};

use crate::body::{Body, FileVersion};
use crate::handler::{Handler, Reply};
use crate::interpreter::Interpreter;
use crate::page::{encode_path, error_page};
use crate::request::Request;
use crate::response::Response;
use crate::script::InvalidPattern;
use archive::Format;
use content::representation::RESOURCE_POLICY;
use content::store::Store;
use failure::{ALLOWED, Failure};
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, HeaderMap, HeaderValue, LOCATION, RANGE, VARY,
};
use http::{Method, StatusCode, Uri};
use listing::Listing;
use lookup::{Found, Lookup, Runnable};
use query::Query;
use request_path::RequestPath;
use respond::respond;
use root::Root;
use scripts::Scripts;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};
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

    /// Has an interpreter run the files that match a pattern: a suffix, `*.php`, or a directory,
    /// `/cgi-bin`. They are found by steps 2 and 3, whatever the method of the request, and never
    /// sent, neither alone nor in an archive. What follows a script in the path is its
    /// [`info`](crate::script::Script::info).
    ///
    /// # Errors
    /// If it is no such pattern.
    pub fn script(
        mut self,
        pattern: &str,
        interpreter: impl Interpreter,
    ) -> Result<Self, InvalidPattern> {
        self.change_scripts(|scripts| scripts.add(pattern, Arc::new(interpreter)))?;
        Ok(self)
    }

    /// Runs no script below a path, and sends none: for a directory that others write to. Once a
    /// path is excluded, scripts are not reached through symbolic links, which could lead there.
    ///
    /// # Errors
    /// If the path is not normal, or the root.
    pub fn without_scripts(mut self, path: &str) -> Result<Self, InvalidPattern> {
        self.change_scripts(|scripts| scripts.exclude(path))?;
        Ok(self)
    }

    /// Changes the patterns. Responses share the store, and there is none yet.
    fn change_scripts(
        &mut self,
        change: impl FnOnce(&mut Scripts) -> Result<(), InvalidPattern>,
    ) -> Result<(), InvalidPattern> {
        match Arc::get_mut(&mut self.store) {
            Some(store) => change(store.scripts_mut()),
            None => Err(InvalidPattern),
        }
    }

    /// The script that a request is for. `None`: it is for a file.
    fn find_script(&self, request: &Request<'_>) -> Result<Option<Runnable<'_>>, Failure> {
        let options = self.store.options();
        let Ok(path) = request.normal_path() else {
            return Ok(None);
        };
        let Ok(path) = RequestPath::new(path, request.below(), &options.base) else {
            return Ok(None);
        };
        let lookup = self.lookup(request.arrived());
        let found = lookup.find_script(&path)?;
        let is_missing = || matches!(lookup.find(&path), Err(Failure::NotFound));
        let may_be_page = || lookup.has_script_index() && self.is_route(&path, request);
        if found.is_some() || !may_be_page() || !is_missing() {
            return Ok(found);
        }
        lookup.find_script_index(&path, b".")
    }

    /// Takes the steps of a request that need no thread: up to its response, or to the work that is
    /// left.
    fn decide(&self, request: &Request<'_>) -> Result<Decision, Failure> {
        // 1. Method.
        let method = request.method();
        if *method == Method::OPTIONS {
            return Ok(Decision::ready(methods()));
        }
        if *method != Method::GET && *method != Method::HEAD {
            return Err(refused(method));
        }

        // 2. Path.
        let moved = |status, location| Decision::ready(redirect(status, location, &request.uri()));
        let path = match self.path(request) {
            Err(Failure::NotFound) if self.is_above_base(request) => {
                let base = encode_path(&[&self.store.options().base[..], b"/"].concat());
                return Ok(moved(StatusCode::FOUND, base));
            }
            path => path?,
        };

        // 3. Look up.
        let lookup = self.lookup(request.arrived());
        let found = lookup.find(&path);
        if let Some(location) = lookup.clean_url(&path, &found) {
            return Ok(moved(StatusCode::MOVED_PERMANENTLY, location));
        }
        // Accept decides between the application's page and 404.
        let varies = self.store.options().spa && matches!(found, Err(Failure::NotFound));
        let found = match found {
            Err(Failure::NotFound) if self.is_route(&path, request) => lookup.find_index(b".")?,
            Err(Failure::NotFound) => {
                self.hint_at_routes(&path, request);
                return Err(Failure::NotFound);
            }
            found => found?,
        };
        let (file, version) = match found {
            Found::File(file, version) => (file, version),
            Found::DirName => return Ok(moved(StatusCode::MOVED_PERMANENTLY, path.as_dir())),
            Found::Dir => return Ok(Decision::List(path.relative().to_vec())),
        };

        // 4. Represent.
        let is_selective = request.has_field(is_selective);
        let accepted = match is_selective {
            true => accepted_codings(method, request.headers()),
            false => AcceptEncoding::from_fields(request.field_values("accept-encoding")),
        };
        let Some(representation) = self.store.ready(&file, &version, &accepted)? else {
            let file = file.into_owned();
            return Ok(Decision::Compress(Box::new((file, version, varies))));
        };

        // 5. Preconditions. 6. Range.
        let now = HttpDate::from(SystemTime::now());
        if !is_selective && !varies {
            if let Some(response) = representation.rendered(now) {
                return Ok(Decision::Ready(response, false));
            }
        }
        let response = respond(&representation, method, request.headers(), now)?;
        Ok(Decision::Ready(response.into(), varies))
    }

    /// Does the work that is left, which queues for the processor.
    fn work(&self, decision: Decision, request: &Request<'_>) -> Response {
        let (done, varies) = match decision {
            Decision::Ready(response, varies) => (Ok(response), varies),
            Decision::List(relative) => (self.list(&relative, request), false),
            Decision::Compress(work) => {
                let (file, version, varies) = *work;
                (self.compress(&file, &version, request), varies)
            }
        };
        self.finish(done, varies, request)
    }

    fn compress(
        &self,
        file: &[u8],
        version: &FileVersion,
        request: &Request<'_>,
    ) -> Result<Response, Failure> {
        let (method, fields) = (request.method(), request.headers());
        let accepted = accepted_codings(method, fields);
        let representation = self.store.representation(file, version, &accepted)?;
        let now = HttpDate::from(SystemTime::now());
        respond(&representation, method, fields, now).map(Response::from)
    }

    /// Adds the fields that all responses have, and makes a page of a failure.
    fn finish(
        &self,
        done: Result<Response, Failure>,
        varies: bool,
        request: &Request<'_>,
    ) -> Response {
        let mut response = done.unwrap_or_else(|failure| {
            if let Failure::System(errno) = failure {
                log::warn!("can't read {}: {errno}", request.path().escape_debug());
            }
            failure.into_response(self.failure_page(failure)).into()
        });
        if let Some(policy) = &self.store.options().resource_policy {
            let fields = response.headers_mut();
            fields.insert(RESOURCE_POLICY, policy.clone());
        }
        if varies {
            let fields = response.headers_mut();
            fields.append(VARY, HeaderValue::from_static("Accept"));
        }
        response
    }

    fn path<'r>(&self, request: &'r Request<'_>) -> Result<RequestPath<'r>, Failure> {
        let options = self.store.options();
        let path = request.normal_path().map_err(|_| Failure::MalformedPath)?;
        let path = RequestPath::new(path, request.below(), &options.base)?;
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
    fn list(&self, relative: &[u8], request: &Request<'_>) -> Result<Response, Failure> {
        let query = Query::new(request.query());
        let (method, fields) = (request.method(), request.headers());
        if let Some(format) = Format::of(&query).filter(|_| self.store.options().archives) {
            let archive = archive::represent(&self.store, relative, format)?;
            let now = HttpDate::from(SystemTime::now());
            return respond(&archive, method, fields, now).map(Response::from);
        }
        let listing = Listing {
            store: Arc::clone(&self.store),
            relative: relative.to_vec(),
            query,
        };
        let accepted = accepted_codings(method, fields);
        let response = listing.respond(request, &accepted)?;
        Ok(response.into())
    }

    /// Whether a path is the server's root while the directory is served under a base.
    fn is_above_base(&self, request: &Request<'_>) -> bool {
        let path = request.normal_path();
        !self.store.options().base.is_empty()
            && path.is_ok_and(|path| &path.as_bytes()[request.below()..] == b"/")
    }

    /// Logs once what a single-page application needs, if this looks like one: a browser requests a
    /// page without a file extension, and the root has an index.
    fn hint_at_routes(&self, path: &RequestPath<'_>, request: &Request<'_>) {
        let options = self.store.options();
        let has_index = || {
            let index = self.lookup(Instant::now()).find_index(b".");
            matches!(index, Ok(Found::File(..)))
        };
        let looks_like_one = !options.spa
            && !options.spa_hint.is_empty()
            && !self.has_hinted.load(Ordering::Relaxed)
            && asks_for_page(request)
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
    fn is_route(&self, path: &RequestPath<'_>, request: &Request<'_>) -> bool {
        self.store.options().spa && (!path.has_extension() || asks_for_page(request))
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

/// What is left of a request after its file was looked up.
enum Decision {
    /// Nothing. The response depends on Accept if the second part is set.
    Ready(Response, bool),
    /// A listing or an archive of this directory, which queue for the processor.
    List(Vec<u8>),
    /// A file in this version that has to be compressed first, and whether the response depends on
    /// Accept.
    Compress(Box<(Vec<u8>, FileVersion, bool)>),
}

impl Decision {
    fn ready(response: http::Response<Body>) -> Self {
        Decision::Ready(response.into(), false)
    }
}

impl Handler for Files {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        if !self.store.scripts().is_empty() {
            match self.find_script(&request) {
                Ok(Some((interpreter, script))) => return interpreter.run(request, script),
                Ok(None) => {}
                Err(failure) => return self.finish(Err(failure), false, &request).into(),
            }
        }
        match self.decide(&request) {
            // The lines of a rendered response are complete.
            Ok(Decision::Ready(response, false)) if response.is_rendered() => response.into(),
            Ok(Decision::Ready(response, varies)) => {
                self.finish(Ok(response), varies, &request).into()
            }
            Err(failure) => {
                let varies = self.store.options().spa && failure == Failure::NotFound;
                self.finish(Err(failure), varies, &request).into()
            }
            Ok(decision) => Reply::blocking(move || self.work(decision, &request)),
        }
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
fn methods() -> http::Response<Body> {
    let mut response = http::Response::new(Body::empty());
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
fn asks_for_page(request: &Request<'_>) -> bool {
    let mut lines = request.field_values("accept");
    lines.any(|line| line.starts_with(b"text/html"))
}

/// A redirect to another path with the same query. 301 rather than 308, which demands the same
/// method: for GET and HEAD that is implied, and some clients don't know 308.
fn redirect(status: StatusCode, mut location: String, uri: &Uri) -> http::Response<Body> {
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
