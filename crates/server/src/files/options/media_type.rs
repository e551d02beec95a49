//! The media type of a file, from its extension or else from its first bytes.
//!
//! `mime_guess` knows about 1,400 extensions. [`media_table`](super::media_table) holds types that
//! the web has agreed on since, and extensions for which the guess would keep a browser from
//! showing or running the file. A file that neither knows is text if its first kibibyte is UTF-8
//! without control characters, and otherwise `application/octet-stream`. `X-Content-Type-Options:
//! nosniff` keeps browsers from guessing further.
//!
//! Text gets `charset=utf-8`. JavaScript is text. JSON (RFC 8259 §11) and XML, including SVG, are
//! not: their charset is fixed or declared in the content.

use super::media_table::{EITHER, NAMES, PATHS, PLAIN, TYPES};
use http::HeaderValue;
use std::collections::HashMap;

/// How many bytes of a file are examined if its name doesn't determine the type.
pub(crate) const SNIFFED: usize = 1024;

/// The configured media types, which take precedence over the known ones.
#[derive(Debug, Default)]
pub(crate) struct MediaTypes {
    /// By extension in lower case; the empty one stands for names without an extension.
    own: HashMap<String, HeaderValue>,
    /// For files whose name doesn't determine the type.
    otherwise: Option<HeaderValue>,
}

/// The media type of a file, and its content coding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MediaType {
    pub(crate) value: HeaderValue,
    /// Whether the file itself is gzip; its type is then that of the content in it.
    pub(crate) is_gzip: bool,
}

const UNKNOWN: &str = "application/octet-stream";
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

impl MediaTypes {
    /// Sets the type for an extension, with or without its dot. An empty extension stands for names
    /// without one, and `*` for all names of unknown type.
    pub(crate) fn insert(&mut self, extension: &str, media_type: HeaderValue) {
        let extension = extension.trim_start_matches('.').to_ascii_lowercase();
        if extension == "*" {
            self.otherwise = Some(media_type);
        } else {
            self.own.insert(extension, media_type);
        }
    }

    /// The type of the file at `path`. `first` reads up to [`SNIFFED`] bytes of it, if they are
    /// needed.
    pub(crate) fn of(&self, path: &[u8], first: impl FnOnce() -> Option<Vec<u8>>) -> MediaType {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let extension = extension(name);
        if let Some(own) = self.own.get(extension.as_deref().unwrap_or_default()) {
            return MediaType::new(own.clone());
        }
        let known = match &extension {
            Some(extension) => by_extension(extension),
            None => by_name(path, name),
        };
        let found = match known {
            Known::As(value) => value,
            Known::Gzip(media_type) => {
                let is_gzip = first().is_some_and(|first| first.starts_with(b"\x1f\x8b"));
                return MediaType {
                    value: HeaderValue::from_static(media_type),
                    is_gzip,
                };
            }
            Known::Either(other) => {
                let first = first().unwrap_or_default();
                HeaderValue::from_static(if is_text(&first) || !may_be(&first, other) {
                    PLAIN_TEXT
                } else {
                    other
                })
            }
            Known::Nothing => match &self.otherwise {
                Some(otherwise) => otherwise.clone(),
                None if first().is_some_and(|first| is_text(&first)) => {
                    HeaderValue::from_static(PLAIN_TEXT)
                }
                None => HeaderValue::from_static(UNKNOWN),
            },
        };
        MediaType::new(found)
    }
}

impl MediaType {
    fn new(value: HeaderValue) -> Self {
        MediaType {
            value,
            is_gzip: false,
        }
    }
}

/// What a name reveals.
enum Known {
    As(HeaderValue),
    /// This type, compressed with gzip.
    Gzip(&'static str),
    /// Text or this type.
    Either(&'static str),
    Nothing,
}

fn by_extension(extension: &str) -> Known {
    if extension == "svgz" {
        return Known::Gzip("image/svg+xml");
    }
    if PLAIN.binary_search(&extension).is_ok() {
        return Known::As(HeaderValue::from_static(PLAIN_TEXT));
    }
    if let Ok(at) = EITHER.binary_search_by_key(&extension, |(known, _)| known) {
        return Known::Either(EITHER[at].1);
    }
    let found = match TYPES.binary_search_by_key(&extension, |(known, _)| known) {
        Ok(at) => Some(TYPES[at].1),
        Err(_) => mime_guess::from_ext(extension).first_raw().map(settled),
    };
    match found {
        None => Known::Nothing,
        Some(media_type) => Known::As(with_charset(media_type)),
    }
}

fn by_name(path: &[u8], name: &[u8]) -> Known {
    if let Some((_, media_type)) = PATHS.iter().find(|(known, _)| known.as_bytes() == path) {
        return Known::As(with_charset(media_type));
    }
    // `LICENSE-MIT` counts as `LICENSE`.
    let end = name.iter().position(|byte| *byte == b'-');
    let stem = name[..end.unwrap_or(name.len())].to_ascii_lowercase();
    if NAMES.iter().any(|known| known.as_bytes() == stem) {
        Known::As(HeaderValue::from_static(PLAIN_TEXT))
    } else {
        Known::Nothing
    }
}

/// Adjusts two kinds of types to what browsers expect. XML declares its encoding in the content,
/// which a charset would override (RFC 7303 §3); text of a private type is shown, if at all, as
/// plain text.
fn settled(media_type: &'static str) -> &'static str {
    if media_type == "text/xml" {
        "application/xml"
    } else if media_type.starts_with("text/x-") {
        "text/plain"
    } else {
        media_type
    }
}

fn with_charset(media_type: &'static str) -> HeaderValue {
    if media_type.starts_with("text/") {
        let with_charset = format!("{media_type}; charset=utf-8");
        HeaderValue::try_from(with_charset).unwrap_or(HeaderValue::from_static(media_type))
    } else {
        HeaderValue::from_static(media_type)
    }
}

/// Whether the first bytes of a file are UTF-8 without binary data bytes (MIME Sniffing Standard
/// §3). A character that ends beyond the last of [`SNIFFED`] bytes is complete in the file.
fn is_text(first: &[u8]) -> bool {
    let is_binary = |byte: &u8| matches!(byte, 0..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f);
    if first.iter().any(is_binary) {
        return false;
    }
    match std::str::from_utf8(first) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && first.len() >= SNIFFED,
    }
}

/// Whether a file with these first bytes can have a type. A transport stream has a sync byte before
/// every 188 bytes, and cameras add four bytes of time before each (ISO 13818-1 §2.4.3.2).
fn may_be(first: &[u8], media_type: &str) -> bool {
    const SYNC: u8 = 0x47;
    media_type != "video/mp2t"
        || [(0, 188), (4, 192)].iter().any(|(at, step)| {
            let mut packets = first.iter().skip(*at).step_by(*step).peekable();
            packets.peek().is_some() && packets.all(|byte| *byte == SYNC)
        })
}

/// The extension of a name in lower case, without its dot. A leading dot begins no extension.
fn extension(name: &[u8]) -> Option<String> {
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    let extension = std::str::from_utf8(&name[dot + 1..]).ok()?;
    (dot > 0 && !extension.is_empty()).then(|| extension.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "text/plain; charset=utf-8";
    const XML: &str = "application/xml";

    /// The type by name; the content is binary.
    fn of(name: &str) -> HeaderValue {
        MediaTypes::default()
            .of(name.as_bytes(), || Some(vec![0; 10]))
            .value
    }

    fn sniffed(name: &str, first: &[u8]) -> HeaderValue {
        let first = first[..first.len().min(SNIFFED)].to_vec();
        MediaTypes::default()
            .of(name.as_bytes(), || Some(first))
            .value
    }

    #[test]
    fn extensions() {
        let table = [
            ("index.html", "text/html; charset=utf-8"),
            ("INDEX.HTM", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.txt", TEXT),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.vtt", "text/vtt; charset=utf-8"),
            ("a.vcf", "text/vcard; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.js.map", "application/json"),
            ("a.jsonld", "application/ld+json"),
            ("a.geojson", "application/geo+json"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.xml", XML),
            ("a.xsd", XML),
            ("a.dtd", "application/xml-dtd"),
            ("a.wsdl", "application/wsdl+xml"),
            ("a.xsl", "application/xslt+xml"),
            ("a.svg", "image/svg+xml"),
            ("a.svgz", "image/svg+xml"),
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
            ("a.tgz", "application/gzip"),
            ("a.zst", "application/zstd"),
            ("a.pdf", "application/pdf"),
            ("a.rpm", "application/x-redhat-package-manager"),
            ("a.deb", "application/vnd.debian.binary-package"),
            ("a.stl", "model/stl"),
            ("a.obj", "model/obj"),
            ("docs/README", TEXT),
            ("LICENSE-MIT", TEXT),
            ("v1.2/Makefile", TEXT),
            ("Dockerfile", TEXT),
            (".well-known/apple-app-site-association", "application/json"),
            (".well-known/webfinger", "application/jrd+json"),
            ("readmes", UNKNOWN),
            ("-readme", UNKNOWN),
            ("v1.2/a", UNKNOWN),
            ("a.", UNKNOWN),
            (".html", UNKNOWN),
            ("a.no-such-ending", UNKNOWN),
        ];
        for (name, want) in table {
            assert_eq!(of(name), want, "{name}");
        }
        let nameless = MediaTypes::default().of(b"a.\xff", || Some(vec![0]));
        assert_eq!(nameless.value, UNKNOWN);
    }

    /// Program sources, settings and prose, for which mime_guess often has other types.
    #[test]
    fn text_is_shown() {
        let extensions = "toml yaml yml diff patch rst proto vue tsx cts go rs lock ini conf log \
            nix zig kt kts swift scala gradle cfg env sql lua r jl ex exs tf hcl adoc tex srt dart \
            pl pm bat cmd c h cpp py rb java sh bash zsh fish ps1 cs fs fsx hs ml clj el vim awk \
            scss sass less styl graphql properties cmake mk bib php coffee tcl latex texi nim d hbs \
            jade slim pas f90 nfo po";
        for extension in extensions.split_whitespace() {
            let got = of(&format!("a.{extension}"));
            assert!(
                got.to_str().unwrap().starts_with("text/"),
                "{extension} {got:?}"
            );
            assert!(
                got.to_str().unwrap().ends_with("; charset=utf-8"),
                "{extension} {got:?}"
            );
        }
        for name in [
            "go.mod", "go.sum", "a.mod", "a.ts", "a.mts", "a.org", "a.pot", "id.pub", "a.scm",
        ] {
            assert_eq!(sniffed(name, b"Good day\n"), TEXT, "{name}");
            assert_eq!(sniffed(name, b""), TEXT, "{name}");
        }
    }

    #[test]
    fn unknown_names_are_sniffed() {
        let mut cut = vec![b'a'; SNIFFED - 1];
        cut.extend("ü".as_bytes());
        let mut wrong = vec![b'a'; SNIFFED - 2];
        wrong.extend(b"\xfca");
        let stream: Vec<u8> = [[0x47].as_slice(), &[0xff; 187]].concat().repeat(5);
        let camera: Vec<u8> = [[0, 0, 0, 1, 0x47].as_slice(), &[0xff; 187]]
            .concat()
            .repeat(5);
        let table: &[(&str, &[u8], &str)] = &[
            ("a", b"plain", TEXT),
            ("a", b"", TEXT),
            ("a", "ü\t\r\n\x0c\x1b[1m".as_bytes(), TEXT),
            ("a", b"\xef\xbb\xbfwith a mark", TEXT),
            ("a.unheard-of", b"plain", TEXT),
            (".bashrc", b"plain", TEXT),
            ("a", &cut, TEXT),
            ("a", &cut[..SNIFFED], TEXT),
            ("a", &wrong, UNKNOWN),
            ("a", b"short \xc3", UNKNOWN),
            ("a", b"a\0b", UNKNOWN),
            ("a", b"a\x01b", UNKNOWN),
            ("a", b"\x7fELF", UNKNOWN),
            ("a", b"\xff\xfea\0", UNKNOWN),
            ("a.bin", b"plain", UNKNOWN),
            ("a.ts", &stream, "video/mp2t"),
            ("a.mts", &camera, "video/mp2t"),
            ("a.m2ts", &camera, "video/mp2t"),
            ("a.ts", b"get\0", TEXT),
            ("a.ts", b"Generic<T>", TEXT),
            ("a.ts", b"let \xff", TEXT),
            ("a.png", b"plain", "image/png"),
        ];
        for (name, first, want) in table {
            assert_eq!(sniffed(name, first), want, "{name} {first:?}");
        }
    }

    #[test]
    fn known_names_are_not_sniffed() {
        for name in ["a.html", "a.toml", "Makefile", "a.tgz", "a.woff2"] {
            MediaTypes::default().of(name.as_bytes(), || panic!("{name}"));
        }
    }

    #[test]
    fn gzip_is_recognised_by_content() {
        let is_gzip = |name: &str, first: &'static [u8]| {
            MediaTypes::default()
                .of(name.as_bytes(), || Some(first.to_vec()))
                .is_gzip
        };
        assert!(is_gzip("a.svgz", b"\x1f\x8b\x08") && is_gzip("A.SVGZ", b"\x1f\x8b\x08"));
        assert!(!is_gzip("a.svgz", b"<svg") && !is_gzip("a.svgz", b""));
        assert!(!is_gzip("a.tgz", b"\x1f\x8b\x08") && !is_gzip("a.gz", b"\x1f\x8b\x08"));
    }

    #[test]
    fn configured_types_take_precedence() {
        let own = |extension: &str, name: &str| {
            let mut types = MediaTypes::default();
            types.insert(extension, HeaderValue::from_static("text/x-own"));
            types.of(name.as_bytes(), || Some(vec![0])).value == "text/x-own"
        };
        let table = [
            (".HTML", "a.html", true),
            ("ts", "a.ts", true),
            ("", "a", true),
            (".", "a", true),
            ("", "README", true),
            ("", "v1.2/a", true),
            ("", "a.", true),
            ("", ".bashrc", true),
            ("", "a.html", false),
            ("*", "a", true),
            ("*", "a.unheard-of", true),
            ("*", "a.html", false),
            ("*", "README", false),
        ];
        for (extension, name, is_own) in table {
            assert_eq!(own(extension, name), is_own, "{extension} {name}");
        }
    }

    #[test]
    fn tables_are_sorted_and_have_no_redundant_rows() {
        for (extension, media_type) in TYPES {
            let guess = mime_guess::from_ext(extension).first_raw();
            assert_ne!(guess, Some(*media_type), "{extension}");
        }
        for table in [TYPES, EITHER, PATHS] {
            assert!(table.is_sorted_by_key(|(name, _)| name));
        }
        assert!(PLAIN.is_sorted() && NAMES.is_sorted());
    }
}
