//! Content codings (RFC 9110 §8.4): which there are, and what is worth compressing.

use http::HeaderValue;
use tinyhttp_message::negotiate::Coding;

/// All codings, in the order in which they are offered: the smallest result first.
pub(crate) const CODINGS: [Coding; 4] = [Coding::Br, Coding::Zstd, Coding::Gzip, Coding::Identity];

/// The shortest content that is compressed, in bytes: shorter content fits into one packet anyway.
pub(crate) const WORTHWHILE: u64 = 512;

/// Whether content of a type becomes much smaller: text in its many forms, and uncompressed
/// formats.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressible_types() {
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
