//! How a directory is served.
//!
//! | module | holds |
//! |---|---|
//! | `media_type` | Content-Type from a file's name and first bytes |
//! | `media_table` | the media types that `mime_guess` doesn't know |
//! | `cache_control` | Cache-Control by path |
//! | `glob` | patterns for paths |

mod cache_control;
mod glob;
mod media_table;
pub(super) mod media_type;

use crate::files::root::Symlinks;
use cache_control::CacheControl;
use http::HeaderValue;
use media_type::MediaTypes;

/// The configuration of [`Files`](crate::Files). Every option has a default that suits a public
/// directory.
///
/// ```no_run
/// use tinyhttp_server::files::{Options, Symlinks};
///
/// let options = Options::new().index(["index.html", "index.htm"]).symlinks(Symlinks::Never);
/// let files = options.open("www")?;
/// # Ok::<(), tinyhttp_server::files::OpenError>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct Options {
    pub(super) index: Vec<Vec<u8>>,
    pub(super) hidden: bool,
    pub(super) symlinks: Symlinks,
    pub(super) media_types: MediaTypes,
    pub(super) listing: bool,
    pub(super) archives: bool,
    pub(super) clean_urls: bool,
    pub(super) spa: bool,
    pub(super) base: Vec<u8>,
    pub(super) cache_control: CacheControl,
    pub(super) compress: bool,
    pub(super) sidecars: bool,
    pub(super) cache_size: usize,
    pub(super) replacement_hint: String,
    pub(super) resource_policy: Option<HeaderValue>,
    pub(super) spa_hint: String,
    pub(super) working_memory: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            index: vec![b"index.html".to_vec()],
            hidden: false,
            symlinks: Symlinks::default(),
            media_types: MediaTypes::default(),
            listing: true,
            archives: true,
            clean_urls: false,
            spa: false,
            base: Vec::new(),
            cache_control: CacheControl::default(),
            compress: cfg!(feature = "compression"),
            sidecars: true,
            cache_size: 64 * 1024 * 1024,
            replacement_hint: String::new(),
            resource_policy: None,
            spa_hint: String::new(),
            working_memory: 64 * 1024 * 1024,
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Options::default()
    }

    /// The names of index files: a directory is answered with the first of them that exists.
    /// `index.html` by default. Empty names, and names with a slash, are ignored.
    pub fn index(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names = names.into_iter().map(|name| name.into().into_bytes());
        self.index = names
            .filter(|name| !name.is_empty() && !name.contains(&b'/'))
            .collect();
        self
    }

    /// Whether names that begin with a dot are served. `false` by default, except for what is in
    /// `/.well-known/` (RFC 8615).
    pub fn hidden(mut self, served: bool) -> Self {
        self.hidden = served;
        self
    }

    /// Which symbolic links are followed; [`Symlinks::Inside`] by default.
    pub fn symlinks(mut self, followed: Symlinks) -> Self {
        self.symlinks = followed;
        self
    }

    /// Sets the media type of files with an extension. The value is sent as it is, so a charset
    /// belongs in it. An empty extension stands for names without one, and `*` for all files whose
    /// name says nothing. Without a rule for `*`, such a file is `text/plain` if its first kibibyte
    /// is UTF-8, and otherwise `application/octet-stream`.
    pub fn media_type(mut self, extension: &str, media_type: HeaderValue) -> Self {
        self.media_types.insert(extension, media_type);
        self
    }

    /// Whether a directory without an index is answered with a listing, as a page or as JSON.
    /// `true` by default.
    pub fn listing(mut self, shown: bool) -> Self {
        self.listing = shown;
        self
    }

    /// Whether a directory that is listed is also offered as an archive, with `?download=tar` and
    /// `?download=zip`. `true` by default.
    pub fn archives(mut self, offered: bool) -> Self {
        self.archives = offered;
        self
    }

    /// Whether `/about` leads to `about.html` if there is no file `about`. Each page then has one
    /// URL: `/about.html` and `/about/` redirect to it, and `/index.html` and `/index` to `/`.
    /// `false` by default.
    pub fn clean_urls(mut self, shortened: bool) -> Self {
        self.clean_urls = shortened;
        self
    }

    /// Whether the directory is a single-page application, whose script handles the routes: then
    /// the root's index is the response for every missing path. Names with a file extension are
    /// still missing, unless a browser requests them as a page. `false` by default.
    pub fn spa(mut self, is_one: bool) -> Self {
        self.spa = is_one;
        self
    }

    /// The path under which the directory is served: with `/docs`, the file `a.html` is at
    /// `/docs/a.html`, and paths outside `/docs` are not found. `path` is written as in a URL; a
    /// malformed path counts as `/`, which is the default.
    pub fn base(mut self, path: &str) -> Self {
        let path = tinyhttp_message::Path::normalize(path).ok();
        let path = path.as_ref().map_or(&b"/"[..], |path| path.as_bytes());
        self.base = path.strip_suffix(b"/").unwrap_or(path).to_vec();
        self
    }

    /// Adds a rule: paths that match `glob` get this Cache-Control. The first matching rule counts.
    /// Without one the value is `no-cache`, so that clients check each time whether their copy is
    /// current. The exception are parts of pages whose name contains a hash of their content, as
    /// build tools write it: their copies stay fresh for a year.
    ///
    /// In a glob, `*` stands for any bytes but a slash, `**` for any bytes, and `?` for one byte. A
    /// glob without a slash is compared with the last name of the path, one with a slash with the
    /// whole path.
    pub fn cache_control(mut self, glob: &str, value: HeaderValue) -> Self {
        self.cache_control.push(glob, value);
        self
    }

    /// Whether content of compressible types is compressed for clients that accept it. Requires the
    /// feature `compression`, with which it is `true` by default.
    pub fn compress(mut self, compressed: bool) -> Self {
        self.compress = compressed && cfg!(feature = "compression");
        self
    }

    /// Whether `app.js.br`, `app.js.zst` and `app.js.gz` are sent in place of `app.js` to clients
    /// that accept them, if they are not older and the type is compressible. `true` by default.
    pub fn sidecars(mut self, sent: bool) -> Self {
        self.sidecars = sent;
        self
    }

    /// The maximum size of the cache of frequently requested files, in bytes; 64 MiB by default.
    /// The next request sees an edited file, whatever is cached.
    pub fn cache_size(mut self, bytes: usize) -> Self {
        self.cache_size = bytes;
        self
    }

    /// The maximum memory for everything that is built for responses and not kept, in bytes:
    /// listings, archives, compressors and READMEs; 64 MiB by default. A request that needs more
    /// than is left gets a 503 with Retry-After. A directory takes 32 bytes for each entry, and the
    /// names.
    pub fn working_memory(mut self, bytes: usize) -> Self {
        self.working_memory = bytes;
        self
    }

    /// The Cross-Origin-Resource-Policy of every response, for example `same-site`, which keeps
    /// other sites' pages from embedding the files. Not sent by default.
    pub fn resource_policy(mut self, value: HeaderValue) -> Self {
        self.resource_policy = Some(value);
        self
    }

    /// Advice for the log when a browser requests a page that doesn't exist, as the routes of a
    /// single-page application look to a server without [`Options::spa`]. It is logged once. Empty
    /// by default.
    pub fn spa_hint(mut self, advice: impl Into<String>) -> Self {
        self.spa_hint = advice.into();
        self
    }

    /// Advice that ends the log's line about a directory that has replaced this one and can't be
    /// opened, as in a sandbox. Empty by default.
    pub fn replacement_hint(mut self, advice: impl Into<String>) -> Self {
        self.replacement_hint = advice.into();
        self
    }
}
