//! The Cache-Control field (RFC 9111): how long a copy may be used without validation.
//!
//! Unless a rule says otherwise, every copy has to be validated before it is used: `no-cache`. That
//! costs a request, which is answered with 304 and no content, and no user ever sees an old page.
//! The exception are files whose name contains a hash of their content, such as `app.3f9a1c2b.js`:
//! the content under that name can't change, so copies may be kept.

use super::glob::Glob;
use http::HeaderValue;

const VALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
const KEEP: HeaderValue = HeaderValue::from_static("max-age=31536000, immutable");

/// Rules for paths; the first matching rule counts.
#[derive(Debug, Default)]
pub(crate) struct CacheControl {
    rules: Vec<(Glob, HeaderValue)>,
}

impl CacheControl {
    /// Adds a rule after the others.
    pub(crate) fn push(&mut self, glob: &str, value: HeaderValue) {
        self.rules.push((Glob::new(glob), value));
    }

    /// The value for a path below the root.
    pub(crate) fn of(&self, relative: &[u8]) -> HeaderValue {
        let rule = self.rules.iter().find(|(glob, _)| glob.matches(relative));
        match rule {
            Some((_, value)) => value.clone(),
            None if contains_hash(relative) => KEEP,
            None => VALIDATE,
        }
    }
}

/// Whether a name contains a hash of the content: `app.3f9a1c2b.js`, `index-B7PI925R.css`,
/// `logo.4d8ad0f5e2c1.svg`.
///
/// A hash that isn't recognised costs a request; an ordinary name taken for a hash keeps an old
/// copy for a year. So the hash has to be the last part before the extension, of a type that pages
/// embed, and unlike anything that people write: eight or more hexadecimal digits with both letters
/// and digits, or eight characters that mix capitals and digits.
fn contains_hash(relative: &[u8]) -> bool {
    const EXTENSIONS: [&[u8]; 19] = [
        b"avif", b"css", b"eot", b"gif", b"ico", b"jpeg", b"jpg", b"js", b"map", b"mjs", b"otf",
        b"png", b"svg", b"ttf", b"wasm", b"webm", b"webp", b"woff", b"woff2",
    ];
    let name = relative
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    let mut parts = name.rsplitn(2, |byte| *byte == b'.');
    let (Some(extension), Some(mut stem)) = (parts.next(), parts.next()) else {
        return false;
    };
    if extension == b"map" {
        stem = stem
            .strip_suffix(b".js")
            .or(stem.strip_suffix(b".css"))
            .unwrap_or(stem);
    }
    let Some(before) = stem
        .iter()
        .rposition(|byte| matches!(byte, b'.' | b'-' | b'_'))
    else {
        return false;
    };
    let hash = &stem[before + 1..];
    let digits = hash.iter().filter(|byte| byte.is_ascii_digit()).count();
    let hexadecimal = hash
        .iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let capitals = hash.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let mixed = hash.len() == 8 && hash.iter().all(u8::is_ascii_alphanumeric);
    let is_hash = (hexadecimal && hash.len() >= 8 && (1..hash.len()).contains(&digits))
        || (mixed && capitals >= 2 && (2..=6).contains(&digits));
    before > 0 && is_hash && EXTENSIONS.contains(&extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_hash() {
        let kept = [
            "app.3f9a1c2b.js",
            "assets/index-B7PI925R.css",
            "static/js/main.a1b2c3d4.chunk.js/logo.4d8ad0f5e2c1.svg",
            "main-5f2b9c0d.js.map",
            "a_0123456789abcdef0123456789abcdef.woff2",
        ];
        let checked = [
            "index.html",
            "app.js",
            "jquery-3.7.1.min.js",
            "photo-20240131.jpg",
            "IMG_20240131.jpg",
            "report.deadbeef.js",
            "page.3f9a1c2b.html",
            "data.3f9a1c2b.json",
            "3f9a1c2b.js",
            ".3f9a1c2b.js",
            "a.3f9a1c2.js",
            "README-Markdown.js",
            "a-DSC01234.jpg.txt",
            "commit-3f9a1c2b",
        ];
        let cache_control = CacheControl::default();
        for name in kept {
            assert_eq!(cache_control.of(name.as_bytes()), KEEP, "{name}");
        }
        for name in checked {
            assert_eq!(cache_control.of(name.as_bytes()), VALIDATE, "{name}");
        }
    }

    #[test]
    fn the_first_matching_rule_counts() {
        let mut cache_control = CacheControl::default();
        cache_control.push("/img/*.jpg", HeaderValue::from_static("max-age=60"));
        cache_control.push("*.jpg", HeaderValue::from_static("no-store"));
        let table = [
            ("img/a.jpg", "max-age=60"),
            ("img/b/a.jpg", "no-store"),
            ("a.jpg", "no-store"),
            ("a.html", "no-cache"),
        ];
        for (name, want) in table {
            assert_eq!(cache_control.of(name.as_bytes()), want, "{name}");
        }
    }
}
