//! The content codings of a response, read in one place (RFC 9110 §8.4).

use http::{HeaderMap, header};

/// Returns the names of the content codings in lower case and in the order of their application.
/// `identity` is left out, and so is `none`: it is not registered, but servers that send it mean
/// identity. `x-gzip` is gzip (§8.4.1.3).
pub(crate) fn names(fields: &HeaderMap) -> Vec<String> {
    let mut names = Vec::new();
    for value in fields.get_all(header::CONTENT_ENCODING) {
        // The replacement character makes sure that a value that isn't text names no coding.
        for name in String::from_utf8_lossy(value.as_bytes()).split(',') {
            match name.trim().to_ascii_lowercase().as_str() {
                "" | "identity" | "none" => {}
                "x-gzip" => names.push("gzip".to_owned()),
                name => names.push(name.to_owned()),
            }
        }
    }
    names
}

/// Returns the content codings of a representation as one list in lower case; empty for identity.
#[must_use]
pub fn list(fields: &HeaderMap) -> String {
    names(fields).join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_read() {
        let table: &[(&[&[u8]], &str)] = &[
            (&[], ""),
            (&[b"gzip"], "gzip"),
            (&[b" GZip ,, br"], "gzip,br"),
            (&[b"x-gzip", b"zstd"], "gzip,zstd"),
            (&[b"identity"], ""),
            (&[b"none"], ""),
            (&[b"None, gzip"], "gzip"),
            (&[b"gz\xffip"], "gz\u{fffd}ip"),
        ];
        for (lines, want) in table {
            let lines = lines.iter().map(|line| (header::CONTENT_ENCODING, line));
            let fields: HeaderMap = lines
                .map(|(name, line)| (name, http::HeaderValue::from_bytes(line).unwrap()))
                .collect();
            assert_eq!(list(&fields), *want, "{want}");
        }
    }
}
