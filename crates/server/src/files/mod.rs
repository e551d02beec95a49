//! The static-file handler: a folder on the web.
//!
//! A request for a file takes these steps, in this order; the code of [`Files`] has the same numbers.
//!
//! 1. **Method.** GET and HEAD ask for files; OPTIONS asks what can be asked.
//! 2. **Path.** Decoded and normalised once, in `tinyhttp-message`; the base taken off; names that begin with a dot are hidden.
//! 3. **Look up.** The path is opened below the root; the kernel lets nothing else be opened. A folder is answered by its index,
//!    by a list of what is in it, or with a redirect to its address with a slash at the end.
//! 4. **Represent.** In the coding that suits the client best: content, type, length, validators. From memory, if the file hasn't
//!    changed since it was last asked for.
//! 5. **Preconditions.** Does the client have it already, or does it insist on a state that is gone?
//! 6. **Range.** Which part of it is wanted?
//!
//! Whatever goes wrong on the way is a `Failure`, which knows its status and becomes a small page,
//! or the folder's own `404.html`.
//!
//! ```
//! use http::Request;
//! use tinyhttp_server::{Body, Handler, files::Files};
//!
//! let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("hello.txt"), "Hello!\n")?;
//!
//! let files = Files::open(folder.path())?;
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
mod options;
mod query;
mod request_path;
mod respond;
mod root;

pub use options::Options;
pub use root::{OpenError, Symlinks};

use crate::body::{Body, FileVersion, Kind};
use crate::handler::{Handler, Prepared};
use crate::page::{encode_path, error_page};
use archive::{Archive, Format};
use content::coding;
use content::representation::RESOURCE_POLICY;
use content::store::Store;
use failure::Failure;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, HeaderMap, HeaderValue, LOCATION, VARY,
};
use http::{Method, Request, Response, StatusCode, Uri};
use listing::Listing;
use query::Query;
use request_path::RequestPath;
use respond::{range_field, respond};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};
use tinyhttp_message::RequestHead;
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::negotiate::{AcceptEncoding, Coding};

#[cfg(test)]
mod tests;

/// The methods that make sense here.
const ALLOW_VALUE: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// A [`Handler`] that serves the files of a folder.
#[derive(Debug)]
pub struct Files {
    store: Arc<Store>,
    /// Whether the log has said what a single-page application needs.
    has_hinted: AtomicBool,
}

impl Files {
    /// Serves a folder with the default [`Options`].
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(folder: impl AsRef<std::path::Path>) -> Result<Self, OpenError> {
        Options::new().open(folder)
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
        let address = match self.address(request.uri().path()) {
            Err(Failure::NotFound) if self.is_above_base(request.uri().path()) => {
                let base = encode_path(&[&self.store.options().base[..], b"/"].concat());
                return Ok(redirect(StatusCode::FOUND, base, request.uri()));
            }
            address => address?,
        };

        // 3. Look up.
        let arrived = Instant::now();
        let found = self.look_up(&address, arrived);
        if let Some(location) = self.clean_url(&address, &found) {
            return Ok(redirect(
                StatusCode::MOVED_PERMANENTLY,
                location,
                request.uri(),
            ));
        }
        let found = match found {
            Err(Failure::NotFound) if self.is_route(&address, request.headers()) => {
                self.look_up_index(b".", arrived)?
            }
            Err(Failure::NotFound) => {
                self.hint_at_routes(&address, request.headers());
                return Err(Failure::NotFound);
            }
            found => found?,
        };
        let (file, version) = match found {
            Found::File(file, version) => (file, version),
            Found::DirName => {
                let location = address.as_folder();
                return Ok(redirect(
                    StatusCode::MOVED_PERMANENTLY,
                    location,
                    request.uri(),
                ));
            }
            Found::Dir => return self.list(&address, request, arrived),
        };

        // 4. Represent.
        let accepted = accepted_codings(method, request.headers());
        let representation = self.store.representation(&file, &version, &accepted)?;

        // 5. Preconditions. 6. Range.
        let now = HttpDate::from(SystemTime::now());
        respond(&representation, method, request.headers(), now)
    }

    /// Whether this may be a request for something that has to be compressed first.
    fn may_compress(&self, request: &Request<Body>) -> bool {
        let fields = request.headers();
        let accepted = accepted_codings(request.method(), fields);
        (request.method() == Method::GET || request.method() == Method::HEAD)
            && coding::wanted(&accepted) != Coding::Identity
            && !fields.keys().any(|name| is_selective(name.as_str()))
            && self.address(request.uri().path()).is_ok_and(|address| {
                let found = self.look_up(&address, Instant::now());
                matches!(found, Ok(Found::File(file, _)) if self.store.may_compress(&file))
            })
    }

    fn address<'r>(&self, raw: &'r str) -> Result<RequestPath<'r>, Failure> {
        let options = self.store.options();
        let address = RequestPath::new(raw, &options.base)?;
        if !options.hidden && address.is_hidden() {
            return Err(Failure::NotFound);
        }
        Ok(address)
    }

    fn look_up<'a>(
        &self,
        address: &'a RequestPath<'_>,
        arrived: Instant,
    ) -> Result<Found<'a>, Failure> {
        if address.names_nothing() {
            return Err(Failure::NotFound);
        }
        if address.names_folder() {
            self.look_up_index(address.relative(), arrived)
        } else {
            self.look_up_name(address.relative(), arrived)
        }
    }

    fn look_up_name<'a>(&self, relative: &'a [u8], arrived: Instant) -> Result<Found<'a>, Failure> {
        let found = self.store.stat_for(relative, arrived);
        if let Ok((Kind::File, version)) = found {
            return Ok(Found::File(relative.into(), version));
        }
        if self.store.options().clean_urls {
            let page = [relative, b".html"].concat();
            if let Ok((Kind::File, version)) = self.store.stat(&page) {
                return Ok(Found::File(page.into(), version));
            }
        }
        found?;
        self.store.folder(relative).map(|_| Found::DirName)
    }

    fn look_up_index<'a>(&self, folder: &[u8], arrived: Instant) -> Result<Found<'a>, Failure> {
        for index in &self.store.options().index {
            let file = dir::join(folder, index);
            match self.store.stat_for(&file, arrived) {
                Ok((Kind::File, version)) => return Ok(Found::File(file.into(), version)),
                Ok(_) | Err(Failure::NotFound) => {}
                Err(failure) => return Err(failure),
            }
        }
        let options = self.store.options();
        if options.listing && !options.spa {
            self.store.folder(folder).map(|_| Found::Dir)
        } else {
            Err(Failure::NotFound)
        }
    }

    /// A folder without an index: an archive of it, or a list of what is in it.
    fn list(
        &self,
        address: &RequestPath<'_>,
        request: &Request<Body>,
        arrived: Instant,
    ) -> Result<Response<Body>, Failure> {
        let query = Query::new(request.uri().query());
        if let Some(format) = Format::of(&query).filter(|_| self.store.options().archives) {
            let archive = Archive::new(&self.store, address.relative(), format)?;
            let representation = archive.represent();
            let now = HttpDate::from(SystemTime::now());
            return respond(&representation, request.method(), request.headers(), now);
        }
        let listing = Listing {
            store: Arc::clone(&self.store),
            relative: address.relative().to_vec(),
            query,
        };
        let accepted = accepted_codings(request.method(), request.headers());
        listing.respond(request, &accepted, arrived)
    }

    /// Whether a path is the root of the server, while the folder appears below another path.
    fn is_above_base(&self, raw: &str) -> bool {
        let path = tinyhttp_message::Path::normalize(raw);
        !self.store.options().base.is_empty() && path.is_ok_and(|path| path.as_bytes() == b"/")
    }

    /// The address of a page with clean URLs, if it isn't the one that was asked for.
    fn clean_url(
        &self,
        address: &RequestPath<'_>,
        found: &Result<Found<'_>, Failure>,
    ) -> Option<String> {
        if !self.store.options().clean_urls {
            return None;
        }
        let relative = address.relative();
        let is_page = |path: &[u8]| matches!(self.store.stat(path), Ok((Kind::File, _)));
        let file = match found {
            Ok(Found::File(file, _)) if !address.names_folder() => file,
            Err(Failure::NotFound) if address.names_folder() && relative != b"." => {
                let page = [relative, b".html"].concat();
                return is_page(&page).then(|| address.of_other(relative));
            }
            _ => return None,
        };
        let folder = dir::of(file);
        let is_index = matches!(
            self.look_up_index(folder, Instant::now()),
            Ok(Found::File(index, _)) if index == *file
        );
        let stem = relative.strip_suffix(b".html").unwrap_or(relative);
        if is_index {
            return Some(match folder {
                b"." => address.of_other(b""),
                folder => address.of_other(&[folder, b"/"].concat()),
            });
        }
        let is_named = !stem.is_empty() && !stem.ends_with(b"/");
        (stem != relative && is_named && !is_page(stem)).then(|| address.of_other(stem))
    }

    /// Says once in the log what a single-page application needs, if this looks like one: a browser asks for a page without
    /// an ending, and the root has a page.
    fn hint_at_routes(&self, address: &RequestPath<'_>, fields: &HeaderMap) {
        let options = self.store.options();
        let looks_like_one = !options.spa
            && !options.spa_hint.is_empty()
            && !self.has_hinted.load(Ordering::Relaxed)
            && asks_for_page(fields)
            && !address.has_ending()
            && matches!(
                self.look_up_index(b".", Instant::now()),
                Ok(Found::File(..))
            )
            && self.store.stat(b"404.html").is_err();
        if looks_like_one && !self.has_hinted.swap(true, Ordering::Relaxed) {
            let path = String::from_utf8_lossy(address.relative());
            log::warn!(
                "there is no page /{}: {}",
                path.escape_debug(),
                options.spa_hint
            );
        }
    }

    /// In an application with routes of its own, what isn't there is for its page to show, unless it is plainly a part
    /// of a page that is missing: a name with an ending, that isn't asked for as a page.
    fn is_route(&self, address: &RequestPath<'_>, fields: &HeaderMap) -> bool {
        self.store.options().spa && (!address.has_ending() || asks_for_page(fields))
    }

    /// Whether Accept decides what is at a path: the application's page, or nothing.
    fn depends_on_accept(&self, raw: &str) -> bool {
        self.address(raw).is_ok_and(|address| {
            matches!(
                self.look_up(&address, Instant::now()),
                Err(Failure::NotFound)
            )
        })
    }

    /// The page for a failure: `404.html` and the like in the root, if it is there.
    fn failure_page(&self, failure: Failure) -> Option<Body> {
        let name = format!("{}.html", failure.status().as_u16());
        let (_, version) = self.store.stat(name.as_bytes()).ok()?;
        let page = self
            .store
            .representation(name.as_bytes(), &version, &AcceptEncoding::ABSENT);
        Some(page.ok()?.whole())
    }
}

/// What a path leads to.
enum Found<'p> {
    /// A file, its name from the root, and the state in which it was seen.
    File(Cow<'p, [u8]>, FileVersion),
    /// A folder, named without the slash at the end.
    DirName,
    /// A folder without an index.
    Dir,
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
        // What isn't there is a page of the application for some and missing for others.
        if options.spa && self.depends_on_accept(request.uri().path()) {
            fields.append(VARY, HeaderValue::from_static("Accept"));
        }
        response
    }

    /// A GET or HEAD of a file, without preconditions and ranges: the same steps, but nothing is put into a map.
    fn prepared(&self, head: &RequestHead<'_>, arrived: Instant) -> Option<Prepared> {
        if head.method != Method::GET && head.method != Method::HEAD {
            return None;
        }
        if head.fields.iter().any(|(name, _)| is_selective(name)) {
            return None;
        }
        let address = self.address(head.target.path()).ok()?;
        let found = self.look_up(&address, arrived);
        if self.clean_url(&address, &found).is_some() {
            return None;
        }
        let Found::File(file, version) = found.ok()? else {
            return None;
        };
        let accepted = AcceptEncoding::from_fields(head.fields.get_all("accept-encoding"));
        let representation = self.store.ready(&file, &version, &accepted).ok()??;
        representation.prepared(HttpDate::from(SystemTime::now()))
    }

    /// For listings and archives, which queue for the processor, and for what has to be compressed: what doesn't have
    /// to be any more was [prepared](Files::prepared), unless it was asked for under conditions.
    fn may_wait(&self, request: &Request<Body>) -> bool {
        let is_fetch = *request.method() == Method::GET || *request.method() == Method::HEAD;
        let address = self.address(request.uri().path());
        let lists = is_fetch
            && address.is_ok_and(|address| {
                address.names_folder()
                    && matches!(self.look_up(&address, Instant::now()), Ok(Found::Dir))
            });
        lists || self.may_compress(request)
    }
}

/// Whether a field of that name asks for less than all of it, perhaps: a precondition, or a range.
fn is_selective(name: &str) -> bool {
    let prefix = name.as_bytes().first_chunk();
    prefix.is_some_and(|prefix: &[u8; 3]| prefix.eq_ignore_ascii_case(b"if-"))
        || name.eq_ignore_ascii_case("range")
}

/// What the client says of codings. Somebody who wants a part wants it of the file as it is, unless they can't read
/// that.
fn accepted_codings(method: &Method, fields: &HeaderMap) -> AcceptEncoding {
    let lines = fields.get_all(ACCEPT_ENCODING).iter();
    let accepted = AcceptEncoding::from_fields(lines.map(HeaderValue::as_bytes));
    if range_field(method, fields).is_some() && accepted.accepts(Coding::Identity) {
        AcceptEncoding::ABSENT
    } else {
        accepted
    }
}

/// The answer to OPTIONS, for a path as for the server itself.
fn methods() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, ALLOW_VALUE);
    response
}

/// A method of RFC 9110 or RFC 5789 is one that this server knows and doesn't allow; any other it doesn't know.
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

/// Whether the client says that it wants a page, as browsers do when somebody follows a link.
fn asks_for_page(fields: &HeaderMap) -> bool {
    let mut lines = fields.get_all(ACCEPT).iter();
    lines.any(|line| line.as_bytes().starts_with(b"text/html"))
}

/// A redirect to another address, with the same query. 301 rather than 308, which would say that the method must stay the
/// same: of GET and HEAD it goes without saying, and some clients don't know 308.
fn redirect(status: StatusCode, mut location: String, uri: &Uri) -> Response<Body> {
    if let Some(query) = uri.query() {
        location.push('?');
        location.push_str(query);
    }
    let mut response = error_page(status, "This page has another address.");
    if let Ok(location) = HeaderValue::try_from(location) {
        let fields = response.headers_mut();
        fields.insert(LOCATION, location);
        // What is there may change: without this, a browser would never ask again.
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}
