//! Tests of targets and paths.

use super::*;
use http::Method;
use proptest::prelude::*;

#[test]
fn forms() {
    let table = r"
        GET / => Origin path /
        GET /a?b?c => Origin path /a query b?c
        GET /a? => Origin path /a query
        GET //evil.example/ => Origin path //evil.example/
        GET /ü => Origin path /ü
        GET http://h:80/a?q => Absolute path /a query q authority h:80
        GET HTTP://h => Absolute path / authority h
        GET http://h?q => Absolute path / query q authority h
        GET http://[::1]:8080/ => Absolute path / authority [::1]:8080
        GET http:///a => MalformedHost
        GET http://:80/a => MalformedHost
        GET http://u@h/a => MalformedHost
        GET http://[::g]/ => MalformedHost
        GET http://h:99999/ => MalformedHost
        GET ftp://h/a => MalformedTarget
        GET a => MalformedTarget
        GET * => MalformedTarget
        GET h:443 => MalformedTarget
        GET => MalformedTarget
        GET /a#b => MalformedTarget
        GET /a b => MalformedTarget
        GET /a\u{7f} => MalformedTarget
        OPTIONS * => Asterisk path *
        OPTIONS / => Origin path /
        CONNECT h:443 => Authority path authority h:443
        CONNECT [::1]:443 => Authority path authority [::1]:443
        CONNECT h => MalformedTarget
        CONNECT h: => MalformedTarget
        CONNECT / => MalformedTarget
    ";
    table::check(table, |case| {
        let ([method], target) = table::words(case);
        let target = table::unescaped(target);
        match Target::parse(&method.parse().unwrap(), &target) {
            Err(error) => format!("{error:?}"),
            Ok(target) => {
                let part = |name: &str, value: Option<&str>| match value {
                    None => String::new(),
                    Some("") => format!(" {name}"),
                    Some(value) => format!(" {name} {value}"),
                };
                let path = part("path", Some(target.path()));
                let query = part("query", target.query());
                let authority = part("authority", target.authority());
                format!("{:?}{path}{query}{authority}", target.form())
            }
        }
    });
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
