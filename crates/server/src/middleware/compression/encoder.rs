//! Compressors that take content piece by piece. What they have made of a piece can be decoded
//! without the next one.

use flate2::write::GzEncoder;
use std::io::{self, Write};
use tinyhttp_message::negotiate::Coding;

/// The level and the window of Brotli, whose state grows with the window.
const BROTLI: (u32, u32) = (4, 18);

/// The level of Zstandard.
const ZSTD: i32 = 3;

/// The level of gzip.
const GZIP: u32 = 6;

/// Bytes that Brotli gathers of its output.
const BUFFER: usize = 16 * 1024;

/// A compressor and what it has made.
pub(super) enum Encoder {
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Gzip(GzEncoder<Vec<u8>>),
}

/// The memory of a compressor in bytes: window, tables and buffers.
pub(super) fn weight(coding: Coding) -> usize {
    const MIB: usize = 1024 * 1024;
    match coding {
        Coding::Br => 4 * MIB,
        Coding::Zstd => 4 * MIB,
        Coding::Gzip => MIB / 2,
        Coding::Identity => 0,
    }
}

impl Encoder {
    /// A compressor for a coding.
    ///
    /// # Errors
    /// If there is no memory for it, or the coding is none.
    pub(super) fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Br => {
                let (level, window) = BROTLI;
                let writer = brotli::CompressorWriter::new(Vec::new(), BUFFER, level, window);
                Encoder::Brotli(Box::new(writer))
            }
            Coding::Zstd => Encoder::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD)?),
            Coding::Gzip => {
                Encoder::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP)))
            }
            Coding::Identity => return Err(io::Error::other("identity needs no compressor")),
        })
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Encoder::Brotli(encoder) => encoder,
            Encoder::Zstd(encoder) => encoder,
            Encoder::Gzip(encoder) => encoder,
        }
    }

    /// Takes what has been made since the last call.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Encoder::Brotli(encoder) => encoder.get_mut(),
            Encoder::Zstd(encoder) => encoder.get_mut(),
            Encoder::Gzip(encoder) => encoder.get_mut(),
        })
    }

    /// Compresses a piece, so that it can be decoded at once.
    pub(super) fn flushed(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        self.writer().write_all(piece)?;
        self.writer().flush()?;
        Ok(self.take())
    }

    /// Compresses a piece. Some of it may come with later ones.
    pub(super) fn piece(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        self.writer().write_all(piece)?;
        Ok(self.take())
    }

    /// What remains at the end.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Encoder::Brotli(encoder) => Ok(encoder.into_inner()),
            Encoder::Zstd(encoder) => encoder.finish(),
            Encoder::Gzip(encoder) => encoder.finish(),
        }
    }
}
