//! Content codings (RFC 9110 §8.4): what is worth compressing, and how.

use http::HeaderValue;
use std::io::Read;
use tinyhttp_message::negotiate::Coding;

/// Codings in the order in which they are offered: the smallest result first.
pub(crate) const COMPRESSED: [Coding; 3] = [Coding::Br, Coding::Zstd, Coding::Gzip];

/// Content shorter than this fits into one packet anyway, in bytes.
pub(crate) const WORTHWHILE: u64 = 512;

/// What a file's name ends in that holds another one in that coding.
pub(crate) fn sidecar_ending(coding: Coding) -> &'static [u8] {
    match coding {
        Coding::Br => b".br",
        Coding::Zstd => b".zst",
        Coding::Gzip => b".gz",
        Coding::Identity => b"",
    }
}

/// What an entity tag ends in, so that each coding has its own.
pub(crate) fn tag_suffix(coding: Coding) -> &'static str {
    match coding {
        Coding::Br => "-br",
        Coding::Zstd => "-zstd",
        Coding::Gzip => "-gzip",
        Coding::Identity => "",
    }
}

/// Whether content of that type becomes much smaller: text under its many names, and what isn't compressed by itself.
pub(crate) fn is_compressible(content_type: &HeaderValue) -> bool {
    const TYPES: [&str; 24] = [
        "application/javascript",
        "application/json",
        "application/json5",
        "application/jsonl",
        "application/postscript",
        "application/rtf",
        "application/sql",
        "application/toml",
        "application/vnd.apple.mpegurl",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/x-ndjson",
        "application/x-perl",
        "application/x-sh",
        "application/x-tar",
        "application/x-tcl",
        "application/x-tex",
        "application/xml",
        "application/yaml",
        "font/collection",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/x-icon",
    ];
    let Ok(content_type) = content_type.to_str() else {
        return false;
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.starts_with("text/")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
        || TYPES.binary_search(&media_type).is_ok()
}

/// Reads what the other reader gives, compressed; `None` for a coding that can't be made here.
///
/// The levels are where each of them stops gaining much for its time. What is kept is compressed once, but somebody waits for it.
#[cfg(feature = "compression")]
pub(crate) fn compress(
    content: impl Read + Send + 'static,
    coding: Coding,
) -> Option<Box<dyn Read + Send>> {
    const PIECE: usize = 64 * 1024;
    Some(match coding {
        Coding::Br => {
            let window = 22;
            Box::new(brotli::CompressorReader::new(content, PIECE, 5, window))
        }
        Coding::Zstd => {
            let content = std::io::BufReader::with_capacity(PIECE, content);
            Box::new(zstd::stream::read::Encoder::with_buffer(content, 6).ok()?)
        }
        Coding::Gzip => {
            let content = std::io::BufReader::with_capacity(PIECE, content);
            let level = flate2::Compression::new(6);
            Box::new(flate2::bufread::GzEncoder::new(content, level))
        }
        Coding::Identity => return None,
    })
}

/// Without the feature `compression`, there are only the files that somebody else has compressed.
#[cfg(not(feature = "compression"))]
pub(crate) fn compress(
    _content: impl Read + Send + 'static,
    _coding: Coding,
) -> Option<Box<dyn Read + Send>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressible() {
        let table = [
            ("text/html; charset=utf-8", true),
            ("text/x-own", true),
            ("application/json", true),
            ("application/manifest+json", true),
            ("image/svg+xml", true),
            ("application/wasm", true),
            ("font/ttf", true),
            ("image/x-icon", true),
            ("font/woff2", false),
            ("image/png", false),
            ("video/mp4", false),
            ("application/gzip", false),
            ("application/pdf", false),
            ("application/octet-stream", false),
        ];
        for (content_type, want) in table {
            let value = HeaderValue::from_static(content_type);
            assert_eq!(is_compressible(&value), want, "{content_type}");
        }
    }
}
