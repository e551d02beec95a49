//! The static-file handler: a folder on the web.
//!
//! A request for a file takes these steps, in this order; the code of [`Files`] has the same numbers.
//!
//! 1. **Method.** GET and HEAD ask for files; OPTIONS asks what can be asked.
//! 2. **Path.** Decoded and normalised once, in `tinyhttp-message`; names that begin with a dot are hidden.
//! 3. **Look up.** The path is opened below the root; the kernel lets nothing else be opened. A folder is answered by its index, or
//!    with a redirect to its address with a slash at the end.
//! 4. **Represent.** What there is to say of the file is put together: type, length, validators.
//! 5. **Preconditions.** Does the client have it already, or does it insist on a state that is gone?
//! 6. **Range.** Which part of it is wanted?
//!
//! Whatever goes wrong on the way is a `Failure`, which knows its status and becomes a small page.
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

pub(crate) mod error_page;
mod failure;
mod html;
mod media_type;
mod options;
mod pieces;
mod representation;
mod resolve;
mod respond;
mod stamp;
mod url;

pub use options::Options;
pub use resolve::{OpenError, Symlinks};

use crate::body::Body;
use crate::handler::Handler;
use error_page::error_page;
use failure::Failure;
use http::header::{ALLOW, HeaderValue, LOCATION};
use http::{Method, Request, Response, StatusCode, Uri};
use representation::Representation;
use resolve::{Opened, Root};
use respond::respond;
use stamp::Kind;
use std::time::SystemTime;
use tinyhttp_message::Path;
use tinyhttp_message::date::HttpDate;

#[cfg(test)]
mod tests;

/// The methods that make sense here.
const ALLOW_VALUE: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// A [`Handler`] that serves the files of a folder.
#[derive(Debug)]
pub struct Files {
    root: Root,
    options: Options,
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
        let path = Path::normalize(request.uri().path()).map_err(|_| Failure::MalformedPath)?;
        if !self.options.hidden && is_hidden(&path) {
            return Err(Failure::NotFound);
        }

        // 3. Look up.
        let relative = relative(&path);
        let opened = self.look_up(relative, path.ends_in_slash())?;
        let Some((name, opened)) = opened else {
            return Ok(redirect_to_folder(&path, request.uri()));
        };

        // 4. Represent.
        let content_type = self.options.media_types.of(name);
        let representation = Representation::new(opened.file, &opened.stamp, content_type);

        // 5. Preconditions. 6. Range.
        let now = HttpDate::from(SystemTime::now());
        respond(&representation, method, request.headers(), now)
    }

    /// The file that a path stands for, and the name that says of what type it is; `None` if it stands for a folder and should say so.
    fn look_up<'n>(
        &'n self,
        relative: &'n [u8],
        names_folder: bool,
    ) -> Result<Option<(&'n [u8], Opened)>, Failure> {
        if !names_folder {
            let opened = self.open_named(relative)?;
            return Ok((opened.kind == Kind::File).then_some((relative, opened)));
        }
        for index in &self.options.index {
            let path = match relative {
                b"." => index.clone(),
                folder => [folder, b"/", index].concat(),
            };
            match self.open_named(&path) {
                Ok(opened) if opened.kind == Kind::File => return Ok(Some((index, opened))),
                Ok(_) | Err(Failure::NotFound) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::NotFound)
    }

    fn open_named(&self, relative: &[u8]) -> Result<Opened, Failure> {
        self.root.look_up(relative).map_err(|errno| {
            let failure = Failure::of(errno);
            if failure != Failure::NotFound {
                log::warn!("can't open {}: {errno}", relative.escape_ascii());
            }
            failure
        })
    }
}

impl Handler for Files {
    fn handle(&self, request: Request<Body>) -> Response<Body> {
        self.answer(&request).unwrap_or_else(Failure::into_response)
    }

    fn may_wait(&self) -> bool {
        false
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

/// Whether a name in it begins with a dot. What is in `/.well-known/` is meant to be seen (RFC 8615).
fn is_hidden(path: &Path<'_>) -> bool {
    let mut names = path.segments().peekable();
    names.next_if_eq(&&b".well-known"[..]);
    names.any(|name| name.starts_with(b"."))
}

/// A path without the slashes around it, as the look-up wants it.
fn relative<'p>(path: &'p Path<'_>) -> &'p [u8] {
    let path = path.as_bytes();
    let path = path.strip_prefix(b"/").unwrap_or(path);
    match path.strip_suffix(b"/").unwrap_or(path) {
        b"" => b".",
        relative => relative,
    }
}

/// 301 to the same address with a slash at the end, so that relative links in the page work. Made of the normalised path, which
/// begins with just one slash, so that it can't be taken for another host. (308 would say that the method must stay the same;
/// of GET and HEAD it goes without saying, and some clients don't know 308.)
fn redirect_to_folder(path: &Path<'_>, uri: &Uri) -> Response<Body> {
    let mut location = url::encode_path(path.as_bytes());
    location.push('/');
    if let Some(query) = uri.query() {
        location.push('?');
        location.push_str(query);
    }
    let mut response = error_page(
        StatusCode::MOVED_PERMANENTLY,
        "This is a folder: its address ends in a slash.",
    );
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
