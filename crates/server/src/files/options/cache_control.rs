//! How long a copy may be used without asking: the Cache-Control field (RFC 9111).
//!
//! Unless a rule says something else, every copy has to be checked before it is used: `no-cache`. That costs a request,
//! which is answered with 304 and no content, and nobody ever sees an old page. The exception is what a build tool has
//! put a hash of its content into the name of, like `app.3f9a1c2b.js`: under that name it can't change, so that copies
//! last.

use super::glob::Glob;
use http::HeaderValue;

const CHECK: HeaderValue = HeaderValue::from_static("no-cache");
const KEEP: HeaderValue = HeaderValue::from_static("max-age=31536000, immutable");

/// Rules for paths, the first of which that matches counts.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    rules: Vec<(Glob, HeaderValue)>,
}

impl Freshness {
    /// Adds a rule after those that there are.
    pub(crate) fn push(&mut self, glob: &str, value: HeaderValue) {
        self.rules.push((Glob::new(glob), value));
    }

    /// The value of Cache-Control for a path from the root.
    pub(crate) fn of(&self, relative: &[u8]) -> HeaderValue {
        let rule = self.rules.iter().find(|(glob, _)| glob.matches(relative));
        match rule {
            Some((_, value)) => value.clone(),
            None if carries_hash(relative) => KEEP,
            None => CHECK,
        }
    }
}

/// Whether a build tool has named the file after its content: `app.3f9a1c2b.js`, `index-B7PI925R.css`,
/// `logo.4d8ad0f5e2c1.svg`.
///
/// To take such a name for an ordinary one costs little, to take an ordinary one for such a name a year. So it has to
/// be the last part of a name before its ending, of a type that is part of pages, and look like nothing that people
/// write: eight or more hexadecimal digits with both letters and digits, or eight characters in which capitals and
/// digits are mixed.
fn carries_hash(relative: &[u8]) -> bool {
    const ENDINGS: [&[u8]; 19] = [
        b"avif", b"css", b"eot", b"gif", b"ico", b"jpeg", b"jpg", b"js", b"map", b"mjs", b"otf",
        b"png", b"svg", b"ttf", b"wasm", b"webm", b"webp", b"woff", b"woff2",
    ];
    let name = relative
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    let mut parts = name.rsplitn(2, |byte| *byte == b'.');
    let (Some(ending), Some(mut stem)) = (parts.next(), parts.next()) else {
        return false;
    };
    if ending == b"map" {
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
    let looks_like_one = (hexadecimal && hash.len() >= 8 && (1..hash.len()).contains(&digits))
        || (mixed && capitals >= 2 && (2..=6).contains(&digits));
    before > 0 && looks_like_one && ENDINGS.contains(&ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_after_the_content() {
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
        let freshness = Freshness::default();
        for name in kept {
            assert_eq!(freshness.of(name.as_bytes()), KEEP, "{name}");
        }
        for name in checked {
            assert_eq!(freshness.of(name.as_bytes()), CHECK, "{name}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let mut freshness = Freshness::default();
        freshness.push("/img/*.jpg", HeaderValue::from_static("max-age=60"));
        freshness.push("*.jpg", HeaderValue::from_static("no-store"));
        let table = [
            ("img/a.jpg", "max-age=60"),
            ("img/b/a.jpg", "no-store"),
            ("a.jpg", "no-store"),
            ("a.html", "no-cache"),
        ];
        for (name, want) in table {
            assert_eq!(freshness.of(name.as_bytes()), want, "{name}");
        }
    }
}
