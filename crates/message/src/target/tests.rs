//! Tests of targets and paths.

use super::*;
use crate::error::ProtocolError;
use http::Method;
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
        // Decoded once: the result is a name, even if it looks encoded.
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
