//! A folder as one file: tar or zip, made while it is sent.
//!
//! First the files are found, and with them everything that decides the archive's bytes: names, lengths and times. So
//! its length and an entity tag are known before the first byte is sent, and any part of it can be made without the
//! rest, which is what resuming a download takes. Nothing is compressed: the length would be known too late. In memory
//! are the names, never the content.
//!
//! ```text
//!   tar   header │ content │ padding   │ header │ content │ padding   │ … │ two empty blocks
//!   zip   header │ content │ checksum  │ header │ content │ checksum  │ … │ directory │ end
//!         ╰──────── a node ──────────╯
//! ```
//!
//! What lies before the part that is wanted is passed over without opening a file. A zip needs the checksum of a file
//! after its content and again in its directory: of content that was sent from beginning to end it has been counted on
//! the way, other files are read for it, and what has been counted is remembered for the next time.
//!
//! A file that vanishes or is changed meanwhile cuts the connection: the archive would not be what was announced. Links
//! to files become files; links to folders are left out, because they may lead in circles.

mod reader;
mod steps;
mod tar;
mod tree;
mod zip;

use super::failure::Failure;
use super::query::Query;
use super::representation::{About, Content, Representation};
use super::store::Store;
use super::url::push_name;
use http::HeaderValue;
use reader::Reader;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use steps::Steps;
use tinyhttp_message::date::HttpDate;
use tree::Node;

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
    /// The folder's path from the root.
    folder: Vec<u8>,
    /// What the archive is called, and the folder in it that holds everything.
    name: Vec<u8>,
    nodes: Vec<Node>,
    length: u64,
}

impl Archive {
    /// Finds everything in a folder.
    ///
    /// # Errors
    /// [`Failure::TooManyFiles`], and whatever keeps a folder from being read.
    pub(crate) fn new(
        store: &Arc<Store>,
        relative: &[u8],
        format: Format,
    ) -> Result<Arc<Self>, Failure> {
        let name = match relative.rsplit(|byte| *byte == b'/').next() {
            None | Some(b".") => b"files",
            Some(name) => name,
        };
        let mut archive = Archive {
            store: Arc::clone(store),
            format,
            folder: relative.to_vec(),
            name: name.to_vec(),
            nodes: tree::find(store, relative)?,
            length: 0,
        };
        let mut steps = Steps::default();
        while let Some(step) = steps.next(&archive) {
            archive.length += step.length;
        }
        Ok(Arc::new(archive))
    }

    /// In bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Part of it.
    pub(crate) fn reader(self: &Arc<Self>, offset: u64, length: u64) -> Reader {
        Reader::new(Arc::clone(self), offset, length)
    }

    /// The archive as something that can be sent. Its tag is made of everything that its bytes are made of.
    pub(crate) fn represent(self: &Arc<Self>) -> Representation {
        let mut hasher = DefaultHasher::new();
        (self.format, &self.name, &self.nodes).hash(&mut hasher);
        let tag = format!("\"{:x}-{:016x}\"", self.length, hasher.finish());
        let modified = self.nodes.iter().map(|node| node.stamp.modified()).max();
        let about = About {
            content_type: HeaderValue::from_static(self.format.media_type()),
            varies: false,
            cache_control: HeaderValue::from_static("no-cache"),
            disposition: Some(self.disposition()),
        };
        Representation::with_tag(
            Content::Archive(Arc::clone(self)),
            // Hexadecimal digits between quotes: always a field value.
            HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\"")),
            modified.unwrap_or(HttpDate::MIN),
            about,
        )
    }

    /// Says to save it, and under which name (RFC 6266): in ASCII, with `_` for everything else, and as it is.
    fn disposition(&self) -> HeaderValue {
        let plain = |byte: &u8| match byte {
            b'"' | b'\\' | b'%' | 0..=0x1f | 0x7f.. => '_',
            byte => char::from(*byte),
        };
        let ascii: String = self.name.iter().map(plain).collect();
        let mut encoded = String::new();
        push_name(&self.name, &mut encoded);
        let ending = self.format.ending();
        let value =
            format!("attachment; filename=\"{ascii}{ending}\"; filename*=UTF-8''{encoded}{ending}");
        HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut archive = f.debug_struct("Archive");
        archive
            .field("format", &self.format)
            .field("length", &self.length);
        archive.finish_non_exhaustive()
    }
}
