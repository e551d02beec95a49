//! Content put together from pieces: some bytes, part of a file, some bytes again.
//!
//! Whoever makes the pieces knows how long each of them is, so the length of the whole is known before the first byte
//! is read. A file that turns out to be shorter is an error, which cuts the connection: nothing is filled in.

use crate::body::{Body, FileSlice};
use bytes::Bytes;
use std::io::{self, Read};

/// One piece.
pub(crate) enum Piece {
    Bytes(Bytes),
    File(FileSlice),
    /// Whatever else can be read, and how many bytes of it there are.
    Reader(Box<dyn Read + Send>, u64),
}

/// Reads one piece after another. They are made when their turn comes.
pub(crate) struct Pieces<I> {
    current: Piece,
    rest: I,
}

impl From<Piece> for Body {
    fn from(piece: Piece) -> Self {
        match piece {
            Piece::Bytes(bytes) => bytes.into(),
            Piece::File(slice) => slice.into(),
            Piece::Reader(reader, length) => Body::reader(reader, Some(length)),
        }
    }
}

impl Read for Piece {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Piece::Bytes(bytes) => {
                let length = bytes.len().min(into.len());
                into[..length].copy_from_slice(&bytes.split_to(length));
                Ok(length)
            }
            Piece::File(slice) => slice.read(into),
            Piece::Reader(reader, _) => reader.read(into),
        }
    }
}

impl<I: Iterator<Item = io::Result<Piece>>> Pieces<I> {
    pub(crate) fn new(pieces: impl IntoIterator<IntoIter = I>) -> Self {
        Pieces {
            current: Piece::Bytes(Bytes::new()),
            rest: pieces.into_iter(),
        }
    }
}

impl<I: Iterator<Item = io::Result<Piece>>> Read for Pieces<I> {
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

    fn slice(content: &[u8], offset: u64, left: u64) -> Piece {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Piece::File(FileSlice {
            file: Arc::new(file),
            offset,
            left,
            stamp: None,
            open: None,
        })
    }

    #[test]
    fn pieces_are_read_in_order() {
        let pieces = [
            Piece::Bytes(Bytes::from_static(b"ab")),
            Piece::Bytes(Bytes::new()),
            slice(b"0123456789", 3, 4),
            Piece::Bytes(Bytes::from_static(b"c")),
        ];
        let mut pieces = Pieces::new(pieces.map(Ok));
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
        let error = Pieces::new(pieces)
            .read_to_end(&mut Vec::new())
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
