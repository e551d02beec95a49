//! Content put together from pieces: some bytes, part of a file, some bytes again.
//!
//! Whoever makes the pieces knows how long each of them is, so the length of the whole is known
//! before the first byte is read. A file that turns out to be shorter is an error, which cuts the
//! connection: nothing is filled in.

use super::Body;
use super::slice::FileSlice;
use bytes::Bytes;
use std::io::{self, Read};

/// One piece.
pub(crate) enum Segment {
    Bytes(Bytes),
    File(FileSlice),
    /// Whatever else can be read, and how many bytes of it there are.
    Reader(Box<dyn Read + Send>, u64),
}

/// Reads one piece after another. They are made when their turn comes.
pub(crate) struct Concat<I> {
    current: Segment,
    rest: I,
}

impl From<Segment> for Body {
    fn from(piece: Segment) -> Self {
        match piece {
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
    pub(crate) fn new(pieces: impl IntoIterator<IntoIter = I>) -> Self {
        Concat {
            current: Segment::Bytes(Bytes::new()),
            rest: pieces.into_iter(),
        }
    }
}

impl<I: Iterator<Item = io::Result<Segment>>> Read for Concat<I> {
    /// Fills the buffer as far as it can, so that many small pieces don't make many small writes.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            let length = self.current.read(&mut into[filled..])?;
            filled += length;
            if length == 0 {
                match self.rest.next() {
                    Some(piece) => self.current = piece?,
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
        Segment::File(FileSlice {
            file: Arc::new(file),
            offset,
            left,
            version: None,
            open: None,
        })
    }

    #[test]
    fn pieces_are_read_in_order() {
        let pieces = [
            Segment::Bytes(Bytes::from_static(b"ab")),
            Segment::Bytes(Bytes::new()),
            slice(b"0123456789", 3, 4),
            Segment::Bytes(Bytes::from_static(b"c")),
        ];
        let mut pieces = Concat::new(pieces.map(Ok));
        let mut content = vec![0; 4];
        assert_eq!(pieces.read(&mut content).unwrap(), 4);
        pieces.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"ab3456c");
    }

    #[test]
    fn a_file_that_is_too_short_is_an_error() {
        let pieces = [
            Ok(slice(b"0123456789", 8, 4)),
            Ok(slice(b"0123456789", 0, 4)),
        ];
        let error = Concat::new(pieces)
            .read_to_end(&mut Vec::new())
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
