//! Content codings of files: compressors, sidecars and the names of versions.

pub(crate) use crate::coding::{CODINGS, WORTHWHILE, is_compressible};

use std::io::{self, Read};
use tinyhttp_message::negotiate::{AcceptEncoding, Coding};

/// Codings in the order in which they are offered: the smallest result first.
pub(crate) const COMPRESSED: [Coding; 3] = [Coding::Br, Coding::Zstd, Coding::Gzip];

/// The supported coding that suits the client best.
pub(crate) fn wanted(accepted: &AcceptEncoding) -> Coding {
    accepted.choose(&CODINGS).unwrap_or(Coding::Identity)
}

/// The extension that a sidecar in `coding` has after the file's name.
pub(crate) fn sidecar_extension(coding: Coding) -> &'static [u8] {
    match coding {
        Coding::Br => b".br",
        Coding::Zstd => b".zst",
        Coding::Gzip => b".gz",
        Coding::Identity => b"",
    }
}

/// Whether a file can be a stream in `coding`, by its first bytes (RFC 1952 §2.3, RFC 8878 §3.1).
/// Brotli has no signature (RFC 7932 §9.1), but only an empty stream has a single byte. `original`
/// is the length of the decoded content.
pub(crate) fn may_be_stream(first: &[u8], length: u64, coding: Coding, original: u64) -> bool {
    match coding {
        // Header, an empty block, checksum and length.
        Coding::Gzip => length >= 18 && first.starts_with(b"\x1f\x8b\x08"),
        Coding::Zstd => {
            // A frame, or a skippable one before it.
            length >= 9
                && (first.starts_with(b"\x28\xb5\x2f\xfd")
                    || matches!(first, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]))
        }
        Coding::Br => length > u64::from(original > 0),
        Coding::Identity => true,
    }
}

/// The suffix of an entity tag, so that each coding has a tag of its own.
pub(crate) fn tag_suffix(coding: Coding) -> &'static str {
    match coding {
        Coding::Br => "-br",
        Coding::Zstd => "-zstd",
        Coding::Gzip => "-gzip",
        Coding::Identity => "",
    }
}

/// The memory of a compressor in bytes: window, tables and buffers.
pub(crate) fn weight(coding: Coding) -> usize {
    const MIB: usize = 1024 * 1024;
    match coding {
        Coding::Br => 12 * MIB,
        Coding::Zstd => 4 * MIB,
        Coding::Gzip => MIB / 2,
        Coding::Identity => 0,
    }
}

/// A reader of `content` in compressed form.
///
/// The levels are those beyond which the result shrinks little for its time. What is cached is
/// compressed only once, but a client waits for it.
#[cfg(feature = "compression")]
pub(crate) fn compress(
    content: impl Read + Send + 'static,
    coding: Coding,
) -> Box<dyn Read + Send> {
    const BUFFER: usize = 64 * 1024;
    let content = io::BufReader::with_capacity(BUFFER, content);
    match coding {
        Coding::Br => {
            let (level, window) = (5, 22);
            Box::new(brotli::CompressorReader::new(
                content, BUFFER, level, window,
            ))
        }
        Coding::Zstd => match zstd::stream::read::Encoder::with_buffer(content, 6) {
            Ok(compressor) => Box::new(compressor),
            Err(_) => Box::new(Unable),
        },
        Coding::Gzip => {
            let level = flate2::Compression::new(6);
            Box::new(flate2::bufread::GzEncoder::new(content, level))
        }
        Coding::Identity => Box::new(content),
    }
}

/// Without the feature `compression`, content is never compressed here; sidecars are still sent.
#[cfg(not(feature = "compression"))]
pub(crate) fn compress(
    _content: impl Read + Send + 'static,
    _coding: Coding,
) -> Box<dyn Read + Send> {
    Box::new(Unable)
}

/// The content of a compressor that could not be created for lack of memory: an error, which closes
/// the connection.
struct Unable;

impl Read for Unable {
    fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("a compressor could not be started"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_recognised_by_their_first_bytes() {
        let gzip = b"\x1f\x8b\x08\0";
        let table: &[(&[u8], u64, Coding, u64, bool)] = &[
            (gzip, 20, Coding::Gzip, 0, true),
            (gzip, 17, Coding::Gzip, 0, false),
            (b"", 0, Coding::Gzip, 0, false),
            (b"\x1f\x8b\x07", 20, Coding::Gzip, 5, false),
            (b"<html>", 100, Coding::Gzip, 5, false),
            (b"\x28\xb5\x2f\xfd", 13, Coding::Zstd, 5, true),
            (b"\x51\x2a\x4d\x18", 13, Coding::Zstd, 5, true),
            (b"\x28\xb5\x2f\xfd", 4, Coding::Zstd, 5, false),
            (gzip, 20, Coding::Zstd, 5, false),
            (b"", 0, Coding::Br, 0, false),
            (b"\x06", 1, Coding::Br, 0, true),
            (b"\x06", 1, Coding::Br, 5, false),
            (b"\x0b\x00\x80\x61\x03", 5, Coding::Br, 1, true),
        ];
        for (first, length, coding, original, want) in table {
            let got = may_be_stream(first, *length, *coding, *original);
            assert_eq!(got, *want, "{first:?} {coding:?}");
        }
    }
}
