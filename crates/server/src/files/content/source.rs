//! Where a representation's bytes come from.
//!
//! [`Source`] is all that responses and the cache know of content. Its implementations here are
//! memory and single files; content that is computed while it is sent lives beside its producer, in
//! [`compression`](super::compression) and in [`archive`](crate::files::archive).

use crate::body::{Body, FileSlice, Memfd, OpenFile, Segment};
use bytes::Bytes;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tinyhttp_message::range::ByteRange;

/// The content of a representation. Every response takes a body of its own from it.
pub(crate) trait Source: fmt::Debug + Send + Sync {
    /// The length in bytes, if it is known before the content is sent.
    fn length(&self) -> Option<u64>;

    /// All of the content.
    fn whole(&self) -> Body;

    /// The bytes of a range, which has been resolved against the [length](Source::length). Sources
    /// without a length are never asked.
    fn part(&self, range: ByteRange) -> Segment;

    /// What the content takes of the cache, in bytes; 0 if it is not held in memory.
    fn cost(&self) -> usize {
        0
    }

    /// The content, if it is a slice of memory.
    fn bytes(&self) -> Option<&Bytes> {
        None
    }

    /// Whether the file's version determines the content, so that validators can be made of it.
    fn is_determined(&self) -> bool {
        true
    }

    /// Whether a part takes no more work than its length. Otherwise a request for several ranges
    /// gets the whole, so that a short request can't multiply the work.
    fn seeks(&self) -> bool {
        true
    }
}

impl Source for Bytes {
    fn length(&self) -> Option<u64> {
        Some(self.len() as u64)
    }

    fn whole(&self) -> Body {
        self.clone().into()
    }

    fn part(&self, range: ByteRange) -> Segment {
        // The range lies within the length, which is that of a slice of memory.
        let (first, end) = (range.first() as usize, range.last() as usize + 1);
        Segment::Bytes(self.slice(first..end))
    }

    fn cost(&self) -> usize {
        self.len()
    }

    fn bytes(&self) -> Option<&Bytes> {
        Some(self)
    }
}

impl Source for Memfd {
    fn length(&self) -> Option<u64> {
        Some(Memfd::length(self))
    }

    fn whole(&self) -> Body {
        Body::file(Arc::clone(self.file()), 0, Memfd::length(self))
    }

    fn part(&self, range: ByteRange) -> Segment {
        Segment::File(FileSlice {
            file: Arc::clone(self.file()),
            offset: range.first(),
            left: range.length(),
            version: None,
            open: None,
        })
    }

    fn cost(&self) -> usize {
        Memfd::length(self) as usize
    }
}

impl Source for Arc<OpenFile> {
    fn length(&self) -> Option<u64> {
        Some(self.version().length)
    }

    fn whole(&self) -> Body {
        FileSlice::of(self, 0, self.version().length).into()
    }

    fn part(&self, range: ByteRange) -> Segment {
        Segment::File(FileSlice::of(self, range.first(), range.length()))
    }
}

/// A file whose length says nothing about its content, as in /proc and /sys: it is read to its end,
/// and changes without changing its dates.
#[derive(Debug)]
pub(crate) struct Unmeasured(Arc<File>);

impl Unmeasured {
    pub(crate) fn new(file: File) -> Self {
        Unmeasured(Arc::new(file))
    }
}

impl Source for Unmeasured {
    fn length(&self) -> Option<u64> {
        None
    }

    fn whole(&self) -> Body {
        let file = Arc::clone(&self.0);
        Body::reader(ToEnd { file, at: 0 }, None)
    }

    fn part(&self, _: ByteRange) -> Segment {
        Segment::Bytes(Bytes::new())
    }

    fn is_determined(&self) -> bool {
        false
    }
}

/// Reads a file from its beginning to its end, whatever its length is said to be.
struct ToEnd {
    file: Arc<File>,
    at: u64,
}

impl io::Read for ToEnd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(into, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}
