//! A directory as one file: tar or zip, made while it is sent.
//!
//! Everything that decides the archive's bytes but the content itself can be found by walking through the directory: names,
//! lengths and times. A first walk finds the archive's length and entity tag, which its head says; the next one produces
//! content, from wherever a range begins; for a zip's directory the walk is repeated once more. So an archive takes the memory
//! of one directory for each level, however many files it has, and none while its client does not read. Nothing is
//! compressed: the length would be known too late.
//!
//! ```text
//!   tar   header │ content │ padding   │ header │ content │ padding   │ … │ two empty blocks
//!   zip   header │ content │ checksum  │ header │ content │ checksum  │ … │ directory │ end
//!         ╰──────── a node ──────────╯
//! ```
//!
//! A zip needs the checksum of a file after its content and again in its directory. That of content that was sent from
//! beginning to end has been counted on the way; other files are read for it, once for all requests.
//!
//! A file that vanishes or changes meanwhile cuts the connection: the archive would not be what was announced. What can't be
//! read for want of permission is left out, and the log says so. Links to files become files; links to directories are left
//! out, because they may lead in circles.

mod names;
mod plan;
mod reader;
mod tar;
mod walk;
mod zip;

use crate::files::content::representation::{Content, Metadata, Representation};
use crate::files::content::store::Store;
use crate::files::failure::Failure;
use crate::files::query::Query;
use crate::semaphore::Permit;
use http::HeaderValue;
use plan::Plan;
use reader::Reader;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use walk::Walk;

/// What an archive takes of the budget besides its tables, in bytes: buffers and paths, generously. It also bounds how many
/// archives are made at a time, each of which may keep a thread waiting for its files.
const WEIGHT: usize = 512 * 1024;

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Tar,
    Zip,
}

impl Format {
    /// What `?download=` asks for.
    pub(crate) fn of(query: &Query) -> Option<Self> {
        match query.value("download")?.as_str() {
            "tar" => Some(Format::Tar),
            "zip" => Some(Format::Zip),
            _ => None,
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Format::Tar => ".tar",
            Format::Zip => ".zip",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Format::Tar => "application/x-tar",
            Format::Zip => "application/zip",
        }
    }
}

/// An archive that can be made.
pub(crate) struct Archive {
    store: Arc<Store>,
    format: Format,
    /// The directory's path from the root.
    directory: Vec<u8>,
    /// What the archive is called, and the directory in it that holds everything.
    name: Vec<u8>,
    plan: Plan,
    _permit: Permit,
}

impl Archive {
    /// Walks through a directory for the first time.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::TooManyFiles`], and whatever keeps the directory from being read.
    pub(crate) fn new(
        store: &Arc<Store>,
        relative: &[u8],
        format: Format,
    ) -> Result<Arc<Self>, Failure> {
        let permit = store.budget().take(WEIGHT).ok_or(Failure::Busy)?;
        let name = match relative.rsplit(|byte| *byte == b'/').next() {
            None | Some(b".") => b"files",
            Some(name) => name,
        };
        let plan = Plan::make(Walk::new(store, relative, name), format)?;
        Ok(Arc::new(Archive {
            store: Arc::clone(store),
            format,
            directory: relative.to_vec(),
            name: name.to_vec(),
            plan,
            _permit: permit,
        }))
    }

    fn walk(&self) -> Walk {
        Walk::new(&self.store, &self.directory, &self.name)
    }

    /// In bytes.
    pub(crate) fn length(&self) -> u64 {
        self.plan.length
    }

    /// Part of it.
    pub(crate) fn reader(self: &Arc<Self>, offset: u64, length: u64) -> Reader {
        Reader::new(Arc::clone(self), offset, length)
    }

    /// The archive as something that can be sent. Its tag is made of everything that its bytes are made of.
    pub(crate) fn represent(self: &Arc<Self>) -> Representation {
        let mut hasher = DefaultHasher::new();
        (self.format, &self.name, self.plan.digest).hash(&mut hasher);
        let tag = format!("\"{:x}-{:016x}\"", self.plan.length, hasher.finish());
        let metadata = Metadata {
            content_type: HeaderValue::from_static(self.format.media_type()),
            varies: false,
            is_gzip: false,
            cache_control: HeaderValue::from_static("no-cache"),
            resource_policy: None,
            disposition: Some(names::disposition(
                &[&self.name, self.format.ending().as_bytes()].concat(),
            )),
        };
        Representation::with_tag(
            Content::Archive(Arc::clone(self)),
            // Hexadecimal digits between quotes: always a field value.
            HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\"")),
            self.plan.modified,
            metadata,
        )
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut archive = f.debug_struct("Archive");
        archive
            .field("format", &self.format)
            .field("length", &self.plan.length);
        archive.finish_non_exhaustive()
    }
}
