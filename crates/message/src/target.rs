//! The request target and the path in it (RFC 9112 §3.2, RFC 3986): which of the four forms it has, and what it names.
//!
//! | form | looks like | may come with |
//! |---|---|---|
//! | origin-form | `/where?q=now` | every method but CONNECT |
//! | absolute-form | `http://example.org/where?q=now` | every method but CONNECT |
//! | authority-form | `example.org:443` | CONNECT only |
//! | asterisk-form | `*` | OPTIONS only |
//!
//! [`Path`] is the path decoded and normalised, **once**: whoever looks for a file, guards a folder or matches a rule
//! works on this one value, so that no two of them can understand `%2e%2e`, `//` or `/./` differently.
//!
//! ```
//! use tinyhttp_message::target::{Form, Path, Target};
//!
//! let target = Target::parse(&http::Method::GET, "/img/../a%20b.txt?x=1")?;
//! assert_eq!((target.form(), target.query()), (Form::Origin, Some("x=1")));
//! assert_eq!(Path::normalize(target.path())?.as_bytes(), b"/a b.txt");
//! assert!(Path::normalize("/../etc/passwd").is_err());
//! # Ok::<(), tinyhttp_message::ProtocolError>(())
//! ```

use crate::error::ProtocolError;
use http::{Method, Uri};
use std::borrow::Cow;
use std::fmt;

/// The four forms of a request target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A path and perhaps a query: what a client sends to an origin server.
    Origin,
    /// A whole URI: what a client sends to a proxy; an origin server must understand it too.
    Absolute,
    /// Host and port: where CONNECT wants a tunnel to.
    Authority,
    /// `*`: the server itself, for OPTIONS.
    Asterisk,
}

/// A request target that has a form its method may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'t> {
    form: Form,
    raw: &'t str,
    authority: Option<&'t str>,
    path: &'t str,
    query: Option<&'t str>,
}

impl<'t> Target<'t> {
    /// Parses the target of a request with that method.
    ///
    /// Bytes above 0x7F are let through in paths and queries, because people type them into command lines; spaces,
    /// control bytes and `#` are not.
    ///
    /// # Errors
    /// [`ProtocolError::MalformedTarget`]; [`ProtocolError::MalformedHost`] for the authority of an absolute-form.
    pub fn parse(method: &Method, raw: &'t str) -> Result<Self, ProtocolError> {
        if raw
            .bytes()
            .any(|byte| byte <= b' ' || byte == 0x7f || byte == b'#')
        {
            return Err(ProtocolError::MalformedTarget);
        }
        let target = |form, authority, path, query| Target {
            form,
            raw,
            authority,
            path,
            query,
        };
        if method == Method::CONNECT {
            let port = raw.rsplit_once(':').map(|(_, port)| port);
            if !is_authority(raw) || port.is_none_or(str::is_empty) {
                return Err(ProtocolError::MalformedTarget);
            }
            return Ok(target(Form::Authority, Some(raw), "", None));
        }
        if raw.starts_with('/') {
            let (path, query) = split_query(raw);
            return Ok(target(Form::Origin, None, path, query));
        }
        if raw == "*" && method == Method::OPTIONS {
            return Ok(target(Form::Asterisk, None, "*", None));
        }
        let (scheme, rest) = raw
            .split_once("://")
            .ok_or(ProtocolError::MalformedTarget)?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(ProtocolError::MalformedTarget);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        // A URI of these schemes has a host, which is not empty (RFC 9110 §4.2.1).
        if authority.is_empty() || authority.starts_with(':') || !is_authority(authority) {
            return Err(ProtocolError::MalformedHost);
        }
        let (path, query) = split_query(rest);
        Ok(target(
            Form::Absolute,
            Some(authority),
            if path.is_empty() { "/" } else { path },
            query,
        ))
    }

    /// The target as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &'t str {
        self.raw
    }

    /// Which form it has.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether it is a whole URI of the scheme `https`, which must not be served over a connection that isn't secured
    /// (RFC 9110 §7.4).
    #[must_use]
    pub fn is_https(&self) -> bool {
        let scheme = self.raw.get(.."https:".len());
        self.form == Form::Absolute && scheme.is_some_and(|s| s.eq_ignore_ascii_case("https:"))
    }

    /// Host and perhaps port, of an absolute-form or an authority-form. It outranks the Host field (RFC 9112 §3.2.2).
    #[must_use]
    pub fn authority(&self) -> Option<&'t str> {
        self.authority
    }

    /// The path as it was sent; `*` for the asterisk-form, empty for the authority-form.
    #[must_use]
    pub fn path(&self) -> &'t str {
        self.path
    }

    /// What follows the first `?`, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&'t str> {
        self.query
    }

    /// The target as a [`Uri`]. Characters that may not stand in one are percent-encoded if [`Uri`] doesn't take them, so that they
    /// mean in it what they mean in [`Path`].
    ///
    /// # Errors
    /// [`ProtocolError::MalformedTarget`] for an authority that [`Uri`] does not take.
    pub fn to_uri(&self) -> Result<Uri, ProtocolError> {
        let uri = self.raw.parse();
        uri.or_else(|_| encode_delimiters(self.raw).parse())
            .map_err(|_| ProtocolError::MalformedTarget)
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.raw)
    }
}

/// Encodes what delimits URIs in text and has no place in them (RFC 3986 appendix C), as far as targets may have it.
fn encode_delimiters(raw: &str) -> String {
    let encode = |character: char| match character {
        '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => {
            format!("%{:02X}", u32::from(character))
        }
        other => other.to_string(),
    };
    raw.chars().map(encode).collect()
}

fn split_query(rest: &str) -> (&str, Option<&str>) {
    match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    }
}

/// Whether that is `uri-host [":" port]` (RFC 9110 §7.2). Empty is allowed: it says that the URI has no authority.
#[must_use]
pub fn is_authority(text: &str) -> bool {
    let (host_is_valid, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(None) => return false,
        Some(Some((address, port))) => (address.parse::<core::net::Ipv6Addr>().is_ok(), port),
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (is_registered_name(host), port)
        }
    };
    let port_is_valid = match port.strip_prefix(':') {
        Some(digits) => {
            digits.is_empty()
                || (digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok())
        }
        None => port.is_empty(),
    };
    host_is_valid && port_is_valid
}

/// RFC 3986 §3.2.2; an IPv4 address is one, too.
fn is_registered_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        let valid = match byte {
            b'%' => bytes.by_ref().take(2).filter(u8::is_ascii_hexdigit).count() == 2,
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte),
        };
        if !valid {
            return false;
        }
    }
    true
}

/// A path, percent-decoded and normalised: it starts with `/`, has no empty, `.` or `..` segment and no NUL, and no `/`
/// that was not sent as one. It is bytes, not text: a file name on Unix may be any bytes.
///
/// An encoded slash (`%2f`) is data in a segment, never a separator, so it stays encoded, as `%2F`. A file name can't contain
/// it: [`Path::has_encoded_slash`] tells such a path from one with the three characters `%2F` in it, sent as `%252F`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<'t> {
    bytes: Cow<'t, [u8]>,
    has_encoded_slash: bool,
}

impl<'t> Path<'t> {
    /// Decodes each segment once and removes the dot segments (RFC 3986 §5.2.4). Runs of `/` count as one.
    ///
    /// # Errors
    /// [`ProtocolError::MalformedPath`] for a `%` without two hexadecimal digits, for an encoded NUL, for `..` above the root, and for a path that doesn't start with `/`.
    pub fn normalize(raw: &'t str) -> Result<Self, ProtocolError> {
        let bytes = raw.as_bytes();
        if bytes.first() != Some(&b'/') {
            return Err(ProtocolError::MalformedPath);
        }
        if is_normal(bytes) {
            return Ok(Path {
                bytes: Cow::Borrowed(bytes),
                has_encoded_slash: false,
            });
        }
        let mut path = Vec::with_capacity(bytes.len());
        // Where each segment so far starts, at its slash, so that `..` knows how much to take back.
        let mut starts = Vec::new();
        let mut ends_in_slash = true;
        let mut has_encoded_slash = false;
        for segment in bytes[1..].split(|byte| *byte == b'/') {
            let start = path.len();
            path.push(b'/');
            has_encoded_slash |= decode(segment, &mut path)?;
            match &path[start + 1..] {
                b"" | b"." => path.truncate(start),
                b".." => path.truncate(starts.pop().ok_or(ProtocolError::MalformedPath)?),
                _ => {
                    starts.push(start);
                    ends_in_slash = false;
                    continue;
                }
            }
            ends_in_slash = true;
        }
        if ends_in_slash {
            path.push(b'/');
        }
        Ok(Path {
            bytes: Cow::Owned(path),
            has_encoded_slash,
        })
    }

    /// Whether a `/` was sent encoded, as part of a name: no file on Unix has such a name.
    #[must_use]
    pub fn has_encoded_slash(&self) -> bool {
        self.has_encoded_slash
    }

    /// The normalised bytes, with the leading `/`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it ends in `/`, and so names a folder.
    #[must_use]
    pub fn ends_in_slash(&self) -> bool {
        self.bytes.ends_with(b"/")
    }

    /// The names between the slashes, none of them empty.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes
            .split(|byte| *byte == b'/')
            .filter(|segment| !segment.is_empty())
    }

    /// The path on its own, not borrowed from the target.
    #[must_use]
    pub fn into_owned(self) -> Path<'static> {
        Path {
            bytes: Cow::Owned(self.bytes.into_owned()),
            has_encoded_slash: self.has_encoded_slash,
        }
    }
}

/// Whether there is nothing to decode, to join or to remove: then the path is its own normal form.
fn is_normal(path: &[u8]) -> bool {
    let mut after_slash = false;
    for &byte in path {
        match byte {
            b'%' | 0 => return false,
            b'/' | b'.' if after_slash => return false,
            _ => after_slash = byte == b'/',
        }
    }
    true
}

/// Decodes a segment; whether it has an encoded slash, which stays as it is.
fn decode(segment: &[u8], into: &mut Vec<u8>) -> Result<bool, ProtocolError> {
    let mut has_encoded_slash = false;
    let mut rest = segment.iter();
    while let Some(&byte) = rest.next() {
        let byte = if byte == b'%' {
            let mut digit = || {
                rest.next()
                    .and_then(|digit| char::from(*digit).to_digit(16))
            };
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(ProtocolError::MalformedPath);
            };
            // Two hexadecimal digits are at most 255.
            (high * 16 + low) as u8
        } else {
            byte
        };
        match byte {
            0 => return Err(ProtocolError::MalformedPath),
            b'/' => {
                has_encoded_slash = true;
                into.extend_from_slice(b"%2F");
            }
            byte => into.push(byte),
        }
    }
    Ok(has_encoded_slash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        let get = Method::GET;
        type Parts = (
            Form,
            &'static str,
            Option<&'static str>,
            Option<&'static str>,
        );
        let table: &[(&Method, &'static str, Result<Parts, ProtocolError>)] = &[
            (&get, "/", Ok((Form::Origin, "/", None, None))),
            (&get, "/a?b?c", Ok((Form::Origin, "/a", Some("b?c"), None))),
            (&get, "/a?", Ok((Form::Origin, "/a", Some(""), None))),
            (
                &get,
                "//evil.example/",
                Ok((Form::Origin, "//evil.example/", None, None)),
            ),
            (&get, "/ü", Ok((Form::Origin, "/ü", None, None))),
            (
                &get,
                "http://h:80/a?q",
                Ok((Form::Absolute, "/a", Some("q"), Some("h:80"))),
            ),
            (&get, "HTTP://h", Ok((Form::Absolute, "/", None, Some("h")))),
            (
                &get,
                "http://h?q",
                Ok((Form::Absolute, "/", Some("q"), Some("h"))),
            ),
            (
                &get,
                "http://[::1]:8080/",
                Ok((Form::Absolute, "/", None, Some("[::1]:8080"))),
            ),
            (&get, "http:///a", Err(ProtocolError::MalformedHost)),
            (&get, "http://:80/a", Err(ProtocolError::MalformedHost)),
            (&get, "http://u@h/a", Err(ProtocolError::MalformedHost)),
            (&get, "http://[::g]/", Err(ProtocolError::MalformedHost)),
            (&get, "http://h:99999/", Err(ProtocolError::MalformedHost)),
            (&get, "ftp://h/a", Err(ProtocolError::MalformedTarget)),
            (&get, "a", Err(ProtocolError::MalformedTarget)),
            (&get, "*", Err(ProtocolError::MalformedTarget)),
            (&get, "h:443", Err(ProtocolError::MalformedTarget)),
            (&get, "", Err(ProtocolError::MalformedTarget)),
            (&get, "/a#b", Err(ProtocolError::MalformedTarget)),
            (&get, "/a b", Err(ProtocolError::MalformedTarget)),
            (&get, "/a\u{7f}", Err(ProtocolError::MalformedTarget)),
            (&Method::OPTIONS, "*", Ok((Form::Asterisk, "*", None, None))),
            (&Method::OPTIONS, "/", Ok((Form::Origin, "/", None, None))),
            (
                &Method::CONNECT,
                "h:443",
                Ok((Form::Authority, "", None, Some("h:443"))),
            ),
            (
                &Method::CONNECT,
                "[::1]:443",
                Ok((Form::Authority, "", None, Some("[::1]:443"))),
            ),
            (&Method::CONNECT, "h", Err(ProtocolError::MalformedTarget)),
            (&Method::CONNECT, "h:", Err(ProtocolError::MalformedTarget)),
            (&Method::CONNECT, "/", Err(ProtocolError::MalformedTarget)),
        ];
        for (method, raw, want) in table {
            let got =
                Target::parse(method, raw).map(|t| (t.form(), t.path(), t.query(), t.authority()));
            assert_eq!(&got, want, "{method} {raw}");
        }
    }

    #[test]
    fn uris() {
        let table = [
            ("/a?b", "/a?b"),
            ("/a%3Cb", "/a%3Cb"),
            ("/a<b>`?\"<`>", "/a%3Cb%3E%60?%22%3C%60%3E"),
            ("http://h/<", "http://h/%3C"),
        ];
        for (raw, want) in table {
            let target = Target::parse(&Method::GET, raw).unwrap();
            assert_eq!(target.to_uri().unwrap(), want, "{raw}");
            let uri = target.to_uri().unwrap();
            assert_eq!(Path::normalize(uri.path()), Path::normalize(target.path()));
        }
    }

    #[test]
    fn schemes() {
        let get = Method::GET;
        let table = [
            (&get, "https://h/a", true),
            (&get, "HTTPS://h", true),
            (&get, "http://h/https://h", false),
            (&get, "/https://h", false),
            (&Method::CONNECT, "https:443", false),
        ];
        for (method, raw, https) in table {
            assert_eq!(
                Target::parse(method, raw).unwrap().is_https(),
                https,
                "{raw}"
            );
        }
    }

    #[test]
    fn paths() {
        let table: &[(&str, Option<&[u8]>)] = &[
            ("/", Some(b"/")),
            ("/a/b", Some(b"/a/b")),
            ("/a/b/", Some(b"/a/b/")),
            ("//a///b//", Some(b"/a/b/")),
            ("/./a/.", Some(b"/a/")),
            ("/a/../b", Some(b"/b")),
            ("/a/..", Some(b"/")),
            ("/a/b/../../c/", Some(b"/c/")),
            ("/a/%2e%2E/b", Some(b"/b")),
            ("/%61%20b", Some(b"/a b")),
            ("/...", Some(b"/...")),
            ("/.hidden", Some(b"/.hidden")),
            ("/a.b", Some(b"/a.b")),
            ("/%c3%bc", Some("/ü".as_bytes())),
            ("/ü", Some("/ü".as_bytes())),
            ("/%ff", Some(b"/\xff")),
            ("/%5c", Some(b"/\\")),
            // Decoded once: what comes out is a name, even if it looks encoded.
            ("/%252e%252e", Some(b"/%2e%2e")),
            // An overlong encoding of `/` or `.` is just bytes.
            ("/%c0%af..", Some(b"/\xc0\xaf..")),
            ("/..", None),
            ("/../a", None),
            ("/a/../../b", None),
            ("/%2e%2e/a", None),
            ("/a%2fb", Some(b"/a%2Fb")),
            ("/a%2F", Some(b"/a%2F")),
            ("/..%2f..%2Fb/../c", Some(b"/c")),
            ("/a%00", None),
            ("/a%2f%00", None),
            ("/%", None),
            ("/%4", None),
            ("/%zz", None),
            ("/%+1", None),
            ("a", None),
            ("", None),
            ("*", None),
        ];
        for (raw, want) in table {
            let got = Path::normalize(raw).ok();
            assert_eq!(got.as_ref().map(Path::as_bytes), *want, "{raw}");
        }
    }

    #[test]
    fn encoded_slashes_are_told_from_text() {
        let table = [
            ("/@scope%2fpkg", true),
            ("/%2F", true),
            ("/a%2fb/../c", true),
            ("/a%252fb", false),
            ("/a/b", false),
        ];
        for (raw, want) in table {
            let path = Path::normalize(raw).unwrap();
            assert_eq!(path.has_encoded_slash(), want, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn a_normal_path_stays_inside_and_is_stable(raw in "/([a.%2eEfF/ü]|%2e|%41){0,24}") {
            if let Ok(path) = Path::normalize(&raw) {
                prop_assert!(path.as_bytes().starts_with(b"/"));
                for segment in path.segments() {
                    prop_assert!(segment != b"." && segment != b"..");
                }
                prop_assert!(!path.as_bytes().windows(2).any(|pair| pair == b"//"));
                let encoded: String = path.as_bytes().iter().map(|byte| match byte {
                    b'/' => "/".to_owned(),
                    byte => format!("%{byte:02x}"),
                }).collect();
                let again = Path::normalize(&encoded).unwrap();
                prop_assert_eq!(again.as_bytes(), path.as_bytes());
            }
        }

        #[test]
        fn any_text_is_taken_or_refused(raw in "\\PC*") {
            let _ = Target::parse(&Method::GET, &raw);
            let _ = Path::normalize(&raw);
        }
    }
}
