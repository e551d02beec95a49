//! A directory as one file, tar or zip, which is made while it is sent.
//!
//! Everything that determines an archive's bytes, except the content of files, is found by walking
//! through the directory: names, lengths and times. The first walk yields the archive's length and
//! entity tag for the head. The second walk produces content, from the position where a range
//! begins; a zip's directory takes a third. So an archive takes the memory of one directory for
//! each level, however many files it has, and none of the content while its client does not read.
//! Nothing is compressed, because the length would be known too late.
//!
//! ```text
//!   tar   header │ content │ padding   │ header │ content │ padding   │ … │ two empty blocks
//!   zip   header │ content │ checksum  │ header │ content │ checksum  │ … │ directory │ end
//!         ╰──────── a node ──────────╯
//! ```
//!
//! A zip holds the checksum of a file after its content and again in its directory. The checksum of
//! content that is sent from beginning to end is computed on the way; other files are read for it,
//! once for all requests.
//!
//! A file that vanishes or changes meanwhile aborts the transfer: the archive would not be what the
//! head announced. Files without read permission are left out, and the log says so. Links to files
//! become files; links to directories are left out, because they may form cycles.
//!
//! | module | holds |
//! |---|---|
//! | `format` | the formats, and how many bytes each part takes |
//! | `plan` | the first walk: an archive's length, tag and date |
//! | `walk` | a walk through a directory and everything below it |
//! | `names` | names in archives, and of archives |
//! | `reader` | reads an archive from any position |
//! | `tar` | the bytes of a tar |
//! | `zip` | the bytes of a zip |

mod format;
mod names;
mod plan;
mod reader;
mod tar;
mod walk;
mod zip;

pub(super) use format::Format;

use super::content::representation::{Metadata, Representation};
use super::content::source::Source;
use super::content::store::Store;
use super::failure::Failure;
use crate::body::{Body, Segment};
use http::HeaderValue;
use plan::Plan;
use reader::Reader;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use tinyhttp_message::range::ByteRange;

/// The archive of a directory. Its entity tag is a hash of everything that determines its bytes.
///
/// # Errors
/// [`Failure::Busy`], [`Failure::TooManyFiles`], and those of reading a directory.
pub(super) fn represent(
    store: &Arc<Store>,
    relative: &[u8],
    format: Format,
) -> Result<Representation, Failure> {
    let plan = Plan::make(store, relative, format)?;
    let figures = &plan.figures;
    let mut hasher = DefaultHasher::new();
    (format, &plan.name, figures.digest).hash(&mut hasher);
    let tag = format!("\"{:x}-{:016x}\"", figures.length, hasher.finish());
    // Hexadecimal digits between quotes are always a field value.
    let tag = HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""));
    let name = [&plan.name, format.extension().as_bytes()].concat();
    let metadata = Metadata {
        content_type: HeaderValue::from_static(format.media_type()),
        varies: false,
        is_gzip: false,
        cache_control: HeaderValue::from_static("no-cache"),
        resource_policy: None,
        disposition: Some(names::disposition(&name)),
    };
    let modified = figures.modified;
    let source = Box::new(Arc::new(plan));
    Ok(Representation::with_tag(source, tag, modified, metadata))
}

impl Source for Arc<Plan> {
    fn length(&self) -> Option<u64> {
        Some(self.figures.length)
    }

    fn whole(&self) -> Body {
        let length = self.figures.length;
        Body::reader(Reader::new(Arc::clone(self), 0, length), Some(length))
    }

    fn part(&self, range: ByteRange) -> Segment {
        let reader = Reader::new(Arc::clone(self), range.first(), range.length());
        Segment::Reader(Box::new(reader), range.length())
    }

    /// Each part takes walks of its own.
    fn seeks(&self) -> bool {
        false
    }
}
