//! Which paths a route matches, and the path that is sent to the upstream server.
//!
//! A rule and the server behind it must see the same path. A route is matched against the
//! normalised path. The path as the client wrote it is sent only if it says the same, segment by
//! segment; otherwise the normalised path is encoded again. So `/public/%2e%2e/admin` is matched as
//! `/admin` and arrives as `/admin`.

use crate::page::encode_path;
use percent_encoding::percent_decode;
use std::borrow::Cow;

/// The outcome of matching a path with the prefix of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    No,
    Yes,
    /// The path is the prefix without the slash at its end.
    WithoutSlash,
}

/// Matches a normalised path with a prefix that is normalised, too. A prefix covers whole segments:
/// `/api` covers `/api` and `/api/x`, but not `/apix`; `/api/` covers `/api/x`, and `/api` is
/// redirected to it.
pub(crate) fn matches(prefix: &[u8], path: &[u8]) -> Match {
    if let Some(rest) = path.strip_prefix(prefix) {
        if prefix.ends_with(b"/") || rest.is_empty() || rest.starts_with(b"/") {
            return Match::Yes;
        }
    }
    match prefix.strip_suffix(b"/") {
        Some(without) if !without.is_empty() && without == path => Match::WithoutSlash,
        _ => Match::No,
    }
}

/// The path to send for a path as it was written, and its normal form, which the prefix matches.
/// `replacement` takes the place of the prefix. `None`: no path can be sent that both sides read
/// alike.
pub(crate) fn to_send<'r>(
    raw: &'r str,
    normal: &[u8],
    has_encoded_slash: bool,
    prefix: &[u8],
    replacement: Option<&str>,
) -> Option<Cow<'r, str>> {
    if normal
        .split(|byte| *byte == b'/')
        .any(|segment| hides_dots(segment, has_encoded_slash))
    {
        return None;
    }
    let is_faithful = is_faithful(raw, normal, has_encoded_slash);
    let Some(replacement) = replacement else {
        return Some(match is_faithful {
            true => Cow::Borrowed(raw),
            false => Cow::Owned(encode(normal, has_encoded_slash)),
        });
    };
    let rest = match is_faithful {
        true => behind(raw, prefix).to_owned(),
        false => encode(normal.strip_prefix(prefix)?, has_encoded_slash),
    };
    if rest.is_empty() {
        return Some(Cow::Owned(replacement.to_owned()));
    }
    let start = replacement.strip_suffix('/').unwrap_or(replacement);
    let rest = rest.strip_prefix('/').unwrap_or(&rest);
    Some(Cow::Owned(format!("{start}/{rest}")))
}

/// Whether a server may find `.` or `..` in a normalised segment: some decode slashes first, take
/// backslashes for slashes, or take parameters off (`/..;/`) before they look for dots.
fn hides_dots(segment: &[u8], has_encoded_slash: bool) -> bool {
    let is_dots = |part: &[u8]| {
        let name = part.split(|byte| *byte == b';').next();
        matches!(name, Some(b"." | b".."))
    };
    let has_dots = |part: &[u8]| part.split(|byte| *byte == b'\\').any(is_dots);
    match has_encoded_slash {
        true => split_encoded(segment).any(has_dots),
        false => has_dots(segment),
    }
}

/// Whether the path as it was written has the segments of its normal form, each decoded once.
fn is_faithful(raw: &str, normal: &[u8], has_encoded_slash: bool) -> bool {
    if raw.as_bytes() == normal {
        return true;
    }
    let mut raw = raw.split('/');
    let mut normal = normal.split(|byte| *byte == b'/');
    loop {
        match (raw.next(), normal.next()) {
            (None, None) => return true,
            (Some(written), Some(segment)) => {
                let decoded: Cow<'_, [u8]> = percent_decode(written.as_bytes()).into();
                // The normal form keeps an encoded slash as `%2F`.
                let is_same = match has_encoded_slash && decoded.contains(&b'/') {
                    true => decoded
                        .split(|byte| *byte == b'/')
                        .eq(split_encoded(segment)),
                    false => *decoded == *segment,
                };
                if !is_same {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

fn split_encoded(segment: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(segment);
    std::iter::from_fn(move || {
        let bytes = rest?;
        match bytes.windows(3).position(|three| three == b"%2F") {
            Some(at) => {
                rest = Some(&bytes[at + 3..]);
                Some(&bytes[..at])
            }
            None => {
                rest = None;
                Some(bytes)
            }
        }
    })
}

/// What follows the segments of the prefix in a faithful path.
fn behind<'r>(raw: &'r str, prefix: &[u8]) -> &'r str {
    let slashes = prefix.iter().filter(|byte| **byte == b'/').count();
    let ends_in_slash = prefix.ends_with(b"/");
    let mut seen = 0;
    for (at, byte) in raw.bytes().enumerate() {
        if byte == b'/' {
            seen += 1;
            if seen == slashes && ends_in_slash {
                return &raw[at + 1..];
            }
            if seen == slashes + 1 {
                return &raw[at..];
            }
        }
    }
    ""
}

/// Encodes a normalised path. An encoded slash in it is `%2F` already.
fn encode(normal: &[u8], has_encoded_slash: bool) -> String {
    let encoded = encode_path(normal);
    match has_encoded_slash {
        true => encoded.replace("%252F", "%2F"),
        false => encoded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinyhttp_message::Path;

    #[test]
    fn prefixes_cover_whole_segments() {
        use Match::{No, WithoutSlash, Yes};
        let table = [
            ("/", "/", Yes),
            ("/", "/a", Yes),
            ("/api", "/api", Yes),
            ("/api", "/api/", Yes),
            ("/api", "/api/x", Yes),
            ("/api", "/apix", No),
            ("/api", "/ap", No),
            ("/api/", "/api/x", Yes),
            ("/api/", "/api", WithoutSlash),
            ("/api/", "/apix", No),
        ];
        for (prefix, path, expected) in table {
            assert_eq!(
                matches(prefix.as_bytes(), path.as_bytes()),
                expected,
                "{prefix} {path}"
            );
        }
    }

    #[test]
    fn the_matched_path_is_the_path_sent() {
        // Written, prefix, replacement, sent.
        let table = [
            ("/api/x", "/api", None, Some("/api/x")),
            ("/api/a%20b", "/api", None, Some("/api/a%20b")),
            ("/api/a%2fb", "/api", None, Some("/api/a%2fb")),
            ("/api/a%252Fb", "/api", None, Some("/api/a%252Fb")),
            ("/api/%61", "/api", None, Some("/api/%61")),
            ("/x/../api/y", "/api", None, Some("/api/y")),
            ("/x/%2e%2e/api/a%20b", "/api", None, Some("/api/a%20b")),
            ("//api//y", "/api", None, Some("/api/y")),
            ("/api/./a%2fb", "/api", None, Some("/api/a%2Fb")),
            ("/api/%e4", "/api", None, Some("/api/%e4")),
            ("/./api/%e4%0a", "/api", None, Some("/api/%E4%0A")),
            ("/api/..;/admin", "/api", None, None),
            ("/api/.;/admin", "/api", None, None),
            ("/api/%2e%2e;x/admin", "/api", None, None),
            ("/api/..%2fadmin", "/api", None, None),
            ("/api/a%2F..%2f..%2Fadmin", "/api", None, None),
            ("/api/%2e%2e%2fadmin", "/api", Some("/v1"), None),
            ("/api/..%5cadmin", "/api", None, None),
            ("/api/a\\..\\admin", "/api", None, None),
            ("/api/a%2f.%2fb", "/api", None, None),
            ("/api/..%2f;x/admin", "/api", None, None),
            ("/api/...%2fa", "/api", None, Some("/api/...%2fa")),
            ("/api/..a%2f.b", "/api", None, Some("/api/..a%2f.b")),
            ("/api/a%5cb", "/api", None, Some("/api/a%5cb")),
            ("/api/x", "/api/", Some("/"), Some("/x")),
            ("/api/", "/api/", Some("/"), Some("/")),
            ("/api/x/y", "/api/", Some("/v1/"), Some("/v1/x/y")),
            ("/api/x", "/api", Some("/"), Some("/x")),
            ("/api", "/api", Some("/"), Some("/")),
            ("/api", "/api", Some("/v1"), Some("/v1")),
            ("/api/x", "/api", Some("/v1"), Some("/v1/x")),
            ("/api/x", "/api/", Some("/v1"), Some("/v1/x")),
            ("/api/a%20b", "/api/", Some("/"), Some("/a%20b")),
            ("/%61pi/x", "/api/", Some("/"), Some("/x")),
            ("/a//pi/../api/x", "/a/api/", Some("/"), Some("/x")),
            ("/x", "/", Some("/v1/"), Some("/v1/x")),
            ("/x", "/", Some("/v1"), Some("/v1/x")),
        ];
        for (raw, prefix, replacement, expected) in table {
            let normal = Path::normalize(raw).unwrap();
            let (bytes, encoded) = (normal.as_bytes(), normal.has_encoded_slash());
            assert_eq!(matches(prefix.as_bytes(), bytes), Match::Yes, "{raw}");
            let sent = to_send(raw, bytes, encoded, prefix.as_bytes(), replacement);
            assert_eq!(sent.as_deref(), expected, "{raw} {prefix} {replacement:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_sent_path_has_the_normal_form_of_the_written_one(raw in "(/|%2e|%2F|%61|\\.|a|%25|%0a|;){0,12}") {
            let raw = format!("/{raw}");
            if let Ok(normal) = Path::normalize(&raw) {
                let encoded = normal.has_encoded_slash();
                if let Some(sent) = to_send(&raw, normal.as_bytes(), encoded, b"/", None) {
                    let again = Path::normalize(&sent).unwrap();
                    proptest::prop_assert_eq!(again.as_bytes(), normal.as_bytes(), "{} {}", raw, sent);
                }
            }
        }
    }
}
