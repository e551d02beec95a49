//! Content put together from segments: bytes, parts of files, readers.
//!
//! The length of each segment is known in advance, so the length of the whole is known before the
//! first byte is read. A file that turns out to be shorter is an error, which closes the
//! connection.

use super::Body;
use super::slice::FileSlice;
use bytes::Bytes;
use std::io::{self, Read};

/// A part of the content.
pub(crate) enum Segment {
    Bytes(Bytes),
    File(FileSlice),
    /// A reader and the number of bytes that it yields.
    Reader(Box<dyn Read + Send>, u64),
}

/// Reads one segment after another. Each is taken from the iterator when its turn comes.
pub(crate) struct Concat<I> {
    current: Segment,
    rest: I,
}

impl From<Segment> for Body {
    fn from(segment: Segment) -> Self {
        match segment {
            Segment::Bytes(bytes) => bytes.into(),
            Segment::File(slice) => slice.into(),
            Segment::Reader(reader, length) => Body::reader(reader, Some(length)),
        }
    }
}

impl Read for Segment {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Segment::Bytes(bytes) => {
                let length = bytes.len().min(into.len());
                into[..length].copy_from_slice(&bytes.split_to(length));
                Ok(length)
            }
            Segment::File(slice) => slice.read(into),
            Segment::Reader(reader, _) => reader.read(into),
        }
    }
}

impl<I: Iterator<Item = io::Result<Segment>>> Concat<I> {
    pub(crate) fn new(segments: impl IntoIterator<IntoIter = I>) -> Self {
        Concat {
            current: Segment::Bytes(Bytes::new()),
            rest: segments.into_iter(),
        }
    }
}

impl<I: Iterator<Item = io::Result<Segment>>> Read for Concat<I> {
    /// Fills the buffer as far as possible, so that many small segments don't cause many small
    /// writes.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            let length = self.current.read(&mut into[filled..])?;
            filled += length;
            if length == 0 {
                match self.rest.next() {
                    Some(segment) => self.current = segment?,
                    None => break,
                }
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::Arc;

    fn slice(content: &[u8], offset: u64, left: u64) -> Segment {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Segment::File(FileSlice::new(Arc::new(file), offset, left))
    }

    #[test]
    fn segments_are_read_in_order() {
        let segments = [
            Segment::Bytes(Bytes::from_static(b"ab")),
            Segment::Bytes(Bytes::new()),
            slice(b"0123456789", 3, 4),
            Segment::Bytes(Bytes::from_static(b"c")),
        ];
        let mut segments = Concat::new(segments.map(Ok));
        let mut content = vec![0; 4];
        assert_eq!(segments.read(&mut content).unwrap(), 4);
        segments.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"ab3456c");
    }

    #[test]
    fn a_file_that_is_too_short_is_an_error() {
        let segments = [
            Ok(slice(b"0123456789", 8, 4)),
            Ok(slice(b"0123456789", 0, 4)),
        ];
        let error = Concat::new(segments)
            .read_to_end(&mut Vec::new())
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
