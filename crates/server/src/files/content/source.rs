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
        let file = Arc::clone(self.file());
        Segment::File(FileSlice::new(file, range.first(), range.length()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::FileVersion;
    use crate::semaphore::Semaphore;
    use std::io::{Read, Write};
    use std::time::SystemTime;
    use tinyhttp_message::range::{Parts, Resolved, resolve};

    fn read(mut from: impl Read) -> Vec<u8> {
        let mut content = Vec::new();
        from.read_to_end(&mut content).unwrap();
        content
    }

    /// The same content from every source: whole, and a part where the length is known.
    #[test]
    fn every_source_yields_the_content() {
        let content: Vec<u8> = (0..100_007).map(|at| (at % 251) as u8).collect();
        let file = || {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&content).unwrap();
            file
        };
        let length = content.len();
        let memfd = Memfd::of(&content, &Semaphore::new(1)).unwrap();
        let opened = file();
        let version = FileVersion::of_open(&opened).unwrap();
        let open = Arc::new(OpenFile::new(opened, version, SystemTime::now()));
        // The source, its cost, and whether its length and its version are known.
        let table: [(Box<dyn Source>, usize, bool, bool); 4] = [
            (Box::new(Bytes::from(content.clone())), length, true, true),
            (Box::new(memfd), length, true, true),
            (Box::new(open), 0, true, true),
            (Box::new(Unmeasured::new(file())), 0, false, false),
        ];
        let Resolved::Partial(Parts::One(range)) = resolve(b"bytes=5-260", length as u64) else {
            panic!("not one part");
        };
        for (source, cost, has_length, is_determined) in table {
            assert_eq!(read(source.whole()), content, "{source:?}");
            assert_eq!(source.cost(), cost, "{source:?}");
            assert_eq!(source.is_determined(), is_determined, "{source:?}");
            assert_eq!(source.length(), has_length.then_some(length as u64));
            let part = read(source.part(range));
            let want = if has_length { &content[5..=260] } else { &[] };
            assert!(part == want, "{source:?}");
        }
    }
}
