//! What can be chosen about serving a folder.

mod cache_control;
mod glob;
mod media_table;
pub(super) mod media_type;

use super::Files;
use crate::files::content::store::Store;
use crate::files::root::{OpenError, Root, Symlinks};
use cache_control::Freshness;
use http::HeaderValue;
use media_type::MediaTypes;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How a folder is served; [`Options::open`] makes the handler. All has a default that suits a folder on the web.
///
/// ```no_run
/// use tinyhttp_server::files::{Options, Symlinks};
///
/// let files = Options::new().index(["index.html", "index.htm"]).symlinks(Symlinks::Never).open("www")?;
/// # Ok::<(), tinyhttp_server::files::OpenError>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct Options {
    pub(in crate::files) index: Vec<Vec<u8>>,
    pub(in crate::files) hidden: bool,
    pub(in crate::files) symlinks: Symlinks,
    pub(in crate::files) media_types: MediaTypes,
    pub(in crate::files) listing: bool,
    pub(in crate::files) archives: bool,
    pub(in crate::files) clean_urls: bool,
    pub(in crate::files) spa: bool,
    pub(in crate::files) base: Vec<u8>,
    pub(in crate::files) freshness: Freshness,
    pub(in crate::files) compress: bool,
    pub(in crate::files) sidecars: bool,
    pub(in crate::files) cache_size: usize,
    pub(in crate::files) replacement_hint: String,
    pub(in crate::files) resource_policy: Option<HeaderValue>,
    pub(in crate::files) spa_hint: String,
    pub(in crate::files) working_memory: usize,
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
            freshness: Freshness::default(),
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

    /// Which files stand for their folder: the first of these names that is there. `index.html` unless changed. Names
    /// with a slash in them, and empty ones, stand for nothing.
    pub fn index(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names = names.into_iter().map(|name| name.into().into_bytes());
        self.index = names
            .filter(|name| !name.is_empty() && !name.contains(&b'/'))
            .collect();
        self
    }

    /// Whether names that begin with a dot are served. Unless changed they are not, but for what is in `/.well-known/`
    /// (RFC 8615).
    pub fn hidden(mut self, served: bool) -> Self {
        self.hidden = served;
        self
    }

    /// Which symbolic links are followed; [`Symlinks::Inside`] unless changed.
    pub fn symlinks(mut self, followed: Symlinks) -> Self {
        self.symlinks = followed;
        self
    }

    /// Says which media type files have whose names end in `.ending`. The value is sent as it is, so a charset belongs
    /// in it. An empty ending stands for names without one, and `*` for all files whose names say nothing; unless one is
    /// given, these are `text/plain` if their first kibibyte is UTF-8, and `application/octet-stream` otherwise.
    pub fn media_type(mut self, ending: &str, media_type: HeaderValue) -> Self {
        self.media_types.insert(ending, media_type);
        self
    }

    /// Whether a folder without an index is answered with a list of what is in it, for people or as JSON. Unless
    /// changed it is.
    pub fn listing(mut self, shown: bool) -> Self {
        self.listing = shown;
        self
    }

    /// Whether a folder that is listed can be had as an archive, with `?download=tar` or `?download=zip`. Unless
    /// changed it can.
    pub fn archives(mut self, offered: bool) -> Self {
        self.archives = offered;
        self
    }

    /// Whether `/about` leads to `about.html`, if there is no file `about`. Each page then has one address: `/about.html` and
    /// `/about/` lead there, and `/index.html` and `/index` to `/`. Unless changed it doesn't.
    pub fn clean_urls(mut self, shortened: bool) -> Self {
        self.clean_urls = shortened;
        self
    }

    /// Whether the folder is a single-page application, whose script shows what belongs to an address: then the root's
    /// index is the answer for whatever isn't there. Names with an ending are still missing, unless a browser asks for
    /// them as a page. Unless changed it isn't.
    pub fn spa(mut self, is_one: bool) -> Self {
        self.spa = is_one;
        self
    }

    /// The path under which the folder appears: with `/docs`, the file `a.html` is at `/docs/a.html`, and all that
    /// isn't below `/docs` isn't there. Given as in a URL; whatever isn't a path counts as `/`, which it is unless
    /// changed.
    pub fn base(mut self, path: &str) -> Self {
        let path = tinyhttp_message::Path::normalize(path).ok();
        let path = path.as_ref().map_or(&b"/"[..], |path| path.as_bytes());
        self.base = path.strip_suffix(b"/").unwrap_or(path).to_vec();
        self
    }

    /// Adds a rule for how long copies may be used: paths that `glob` matches get this Cache-Control. The first rule
    /// that matches counts. Without one, it is `no-cache`, which means to ask each time whether the copy is still good;
    /// except for parts of pages with a hash of their content in their name, as build tools make them, which may be
    /// kept for ever.
    ///
    /// In a glob `*` stands for anything but a slash, `**` for anything, `?` for one byte. One without a slash is
    /// compared with the last name of the path, one with a slash with all of it.
    pub fn cache_control(mut self, glob: &str, value: HeaderValue) -> Self {
        self.freshness.push(glob, value);
        self
    }

    /// Whether content of compressible types is compressed for clients that can read it. Takes the feature
    /// `compression`, with which it is on unless changed.
    pub fn compress(mut self, compressed: bool) -> Self {
        self.compress = compressed && cfg!(feature = "compression");
        self
    }

    /// Whether `app.js.br`, `app.js.zst` and `app.js.gz` are sent in place of `app.js`, if they are not older, to
    /// clients that can read them. They are unless changed. Only for types that are compressible.
    pub fn sidecars(mut self, sent: bool) -> Self {
        self.sidecars = sent;
        self
    }

    /// How many bytes of files that are asked for often are kept in memory, at most; 64 MiB unless changed. An edited
    /// file is seen by the next request whatever is kept.
    pub fn cache_size(mut self, bytes: usize) -> Self {
        self.cache_size = bytes;
        self
    }

    /// How many bytes everything may take that is built for responses and is not kept: listings, archives, compressors and
    /// READMEs; 64 MiB unless changed. A request that needs more than is left gets a 503 with Retry-After. A directory
    /// takes 32 bytes for each of its entries, and their names.
    pub fn working_memory(mut self, bytes: usize) -> Self {
        self.working_memory = bytes;
        self
    }

    /// What Cross-Origin-Resource-Policy says in every response, for example `same-site`: then pages of other sites can't embed
    /// the files. Not sent unless given.
    pub fn resource_policy(mut self, value: HeaderValue) -> Self {
        self.resource_policy = Some(value);
        self
    }

    /// Advice for the log when a browser asks for a page that isn't there, as the routes of a single-page application look to
    /// a server that doesn't know of them. Logged once; empty unless changed.
    pub fn spa_hint(mut self, advice: impl Into<String>) -> Self {
        self.spa_hint = advice.into();
        self
    }

    /// Advice that ends the log's line about another folder in this one's place which the server isn't allowed to open, as in
    /// a sandbox. Empty unless changed.
    pub fn replacement_hint(mut self, advice: impl Into<String>) -> Self {
        self.replacement_hint = advice.into();
        self
    }

    /// Opens the folder. If its path comes to lead to another one, that is served from a tenth of a second later on,
    /// and at once where a name is missing from the old one. A folder that is removed is an empty one for requests: 404.
    ///
    /// # Errors
    /// If it can't be opened as a folder, or the kernel doesn't have what keeps requests inside it.
    pub fn open(self, folder: impl AsRef<Path>) -> Result<Files, OpenError> {
        let root = Root::open(folder.as_ref(), self.symlinks, &self.replacement_hint)?;
        Ok(Files {
            store: Arc::new(Store::new(root, self)),
            has_hinted: AtomicBool::new(false),
        })
    }
}
