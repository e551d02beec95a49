//! Which media type a file has: what its name ends in says so.
//!
//! `mime_guess` knows about 1,400 endings. [`CORRECTIONS`] holds what the web has settled on since, and a few endings for which
//! its first guess would keep a browser from showing or running the file. What nobody knows is
//! `application/octet-stream`, and `X-Content-Type-Options: nosniff` keeps the browser from guessing further.
//!
//! Text says `charset=utf-8`. Script is text; JSON (RFC 8259 §11) and XML, SVG among it, are not: their charset is
//! fixed, or given inside.

use http::HeaderValue;
use std::collections::HashMap;

/// Endings that `mime_guess` doesn't have, or for which it has something else. In lower case, in order.
const CORRECTIONS: &[(&str, &str)] = &[
    ("br", "application/x-brotli"),
    ("cff", "font/collection"),
    ("cjs", "text/javascript"),
    ("go", "text/plain"),
    ("ipynb", "application/x-ipynb+json"),
    ("java", "text/plain"),
    ("jsonl", "application/jsonl"),
    ("kt", "text/plain"),
    ("lock", "text/plain"),
    ("lua", "text/plain"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("map", "application/json"),
    ("mjs", "text/javascript"),
    ("mts", "text/plain"),
    ("ndjson", "application/x-ndjson"),
    ("nfo", "text/plain"),
    ("otf", "font/otf"),
    ("php", "text/plain"),
    ("rb", "text/plain"),
    ("rs", "text/plain"),
    ("sh", "text/plain"),
    ("sql", "application/sql"),
    ("swift", "text/plain"),
    ("tgz", "application/gzip"),
    ("toml", "application/toml"),
    ("topojson", "application/geo+json"),
    ("ts", "text/plain"),
    ("tsx", "text/plain"),
    ("usdz", "model/vnd.usdz+zip"),
    ("wat", "text/plain"),
    ("wgsl", "text/wgsl"),
    ("woff", "font/woff"),
    ("xml", "application/xml"),
    ("xsl", "application/xslt+xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zst", "application/zstd"),
];

/// Names without an ending of files that projects have, all of them text, in lower case, in order. Without this a browser
/// would save them instead of showing them.
const TEXTS: &[&str] = &[
    "authors",
    "changelog",
    "changes",
    "codeowners",
    "containerfile",
    "contributing",
    "contributors",
    "copying",
    "copyright",
    "credits",
    "dockerfile",
    "gemfile",
    "history",
    "install",
    "jenkinsfile",
    "justfile",
    "licence",
    "license",
    "maintainers",
    "makefile",
    "manifest",
    "news",
    "notice",
    "patents",
    "procfile",
    "rakefile",
    "readme",
    "thanks",
    "todo",
    "vagrantfile",
    "version",
];

/// Endings and their types: the corrections above, `mime_guess`, and what the user has said before both.
#[derive(Debug, Default)]
pub(crate) struct MediaTypes {
    /// By ending, in lower case.
    own: HashMap<String, HeaderValue>,
}

impl MediaTypes {
    /// Says what files with that ending are, in place of what is known of it. The leading dot may be given or not.
    pub(crate) fn insert(&mut self, ending: &str, media_type: HeaderValue) {
        let ending = ending.trim_start_matches('.').to_ascii_lowercase();
        self.own.insert(ending, media_type);
    }

    /// The value of Content-Type for a file of that name.
    pub(crate) fn of(&self, name: &[u8]) -> HeaderValue {
        let Some(ending) = ending(name) else {
            return HeaderValue::from_static(if is_text(name) {
                "text/plain; charset=utf-8"
            } else {
                UNKNOWN
            });
        };
        if let Some(own) = self.own.get(&ending) {
            return own.clone();
        }
        let correction = CORRECTIONS.iter().find(|(known, _)| *known == ending);
        let media_type = match correction {
            Some((_, media_type)) => media_type,
            None => mime_guess::from_ext(&ending).first_raw().unwrap_or(UNKNOWN),
        };
        if media_type.starts_with("text/") {
            let with_charset = format!("{media_type}; charset=utf-8");
            HeaderValue::try_from(with_charset).unwrap_or(HeaderValue::from_static(media_type))
        } else {
            HeaderValue::from_static(media_type)
        }
    }
}

const UNKNOWN: &str = "application/octet-stream";

/// Whether a file of that name, or of that name and something after a hyphen (`LICENSE-MIT`), is text.
fn is_text(name: &[u8]) -> bool {
    let end = name.iter().position(|byte| *byte == b'-');
    let name = name[..end.unwrap_or(name.len())].to_ascii_lowercase();
    TEXTS.iter().any(|text| text.as_bytes() == name)
}

/// What follows the last dot of a name, in lower case; a leading dot doesn't count.
fn ending(name: &[u8]) -> Option<String> {
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    let ending = std::str::from_utf8(&name[dot + 1..]).ok()?;
    (dot > 0).then(|| ending.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings() {
        let table = [
            ("index.html", "text/html; charset=utf-8"),
            ("INDEX.HTM", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.rs", "text/plain; charset=utf-8"),
            ("a.ts", "text/plain; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.js.map", "application/json"),
            ("a.jsonld", "application/ld+json"),
            ("a.geojson", "application/geo+json"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.toml", "application/toml"),
            ("a.yml", "application/yaml"),
            ("a.xml", "application/xml"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a.avif", "image/avif"),
            ("a.webp", "image/webp"),
            ("a.jxl", "image/jxl"),
            ("favicon.ico", "image/x-icon"),
            ("a.woff2", "font/woff2"),
            ("a.woff", "font/woff"),
            ("a.otf", "font/otf"),
            ("a.ttf", "font/ttf"),
            ("a.mp4", "video/mp4"),
            ("a.tar.gz", "application/gzip"),
            ("a.zst", "application/zstd"),
            ("a.pdf", "application/pdf"),
            ("README", "text/plain; charset=utf-8"),
            ("LICENSE-MIT", "text/plain; charset=utf-8"),
            ("Makefile", "text/plain; charset=utf-8"),
            ("readmes", "application/octet-stream"),
            ("-readme", "application/octet-stream"),
            ("a", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("a.no-such-ending", "application/octet-stream"),
        ];
        for (name, want) in table {
            assert_eq!(MediaTypes::default().of(name.as_bytes()), want, "{name}");
        }
        assert_eq!(MediaTypes::default().of(b"a.\xff"), UNKNOWN);
    }

    #[test]
    fn what_the_user_says_comes_first() {
        let mut types = MediaTypes::default();
        types.insert(".HTML", HeaderValue::from_static("text/x-own"));
        assert_eq!(types.of(b"a.html"), "text/x-own");
    }

    #[test]
    fn corrections_correct_something() {
        for (ending, media_type) in CORRECTIONS {
            let guess = mime_guess::from_ext(ending).first_raw();
            assert_ne!(guess, Some(*media_type), "{ending}");
        }
        assert!(CORRECTIONS.is_sorted());
        assert!(TEXTS.is_sorted());
    }
}
