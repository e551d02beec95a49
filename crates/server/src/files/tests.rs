//! Requests against a folder, without a socket.

use super::*;
use http::request::Builder;
use proptest::prelude::*;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use tempfile::TempDir;
use tinyhttp_message::range::ContentRange;

/// A folder, and its handler.
struct Site {
    folder: TempDir,
    files: Files,
}

/// A response whose content has been read.
struct Answer {
    status: u16,
    fields: http::HeaderMap,
    content: Vec<u8>,
}

impl Site {
    /// Makes a folder of files and their content, and serves it with the defaults.
    fn new(files: &[(&str, &str)]) -> Self {
        Site::with(Options::new(), files)
    }

    fn with(options: Options, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let files = options.open(folder.path()).unwrap();
        Site { folder, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn answer(&self, request: Builder) -> Answer {
        let response = self.files.handle(request.body(Body::empty()).unwrap());
        let (head, mut body) = response.into_parts();
        let length = body.length();
        let mut content = Vec::new();
        body.read_to_end(&mut content).unwrap();
        assert!(length.is_none_or(|length| length == content.len() as u64));
        Answer {
            status: head.status.as_u16(),
            fields: head.headers,
            content,
        }
    }

    fn get(&self, target: &str) -> Answer {
        self.answer(Request::get(target))
    }

    /// GET with fields, as text: `Name: value | Name: value`.
    fn get_with(&self, target: &str, fields: &str) -> Answer {
        let fields = fields
            .split(" | ")
            .filter_map(|field| field.split_once(": "));
        let request = fields.fold(Request::get(target), |request, (name, value)| {
            request.header(name, value)
        });
        self.answer(request)
    }
}

impl Answer {
    /// A field's value; empty if it isn't there.
    fn field(&self, name: &str) -> &str {
        let value = self.fields.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.content).unwrap()
    }
}

#[test]
fn a_file_and_all_that_is_said_of_it() {
    let site = Site::new(&[("a.txt", "hello")]);
    let answer = site.get("/a.txt");
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    assert_eq!(answer.field("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.field("x-content-type-options"), "nosniff");
    assert_eq!(answer.field("accept-ranges"), "bytes");
    assert!(answer.field("etag").starts_with("\"5-"));
    let modified = fs::metadata(site.path("a.txt"))
        .unwrap()
        .modified()
        .unwrap();
    let modified = String::from_utf8(HttpDate::from(modified).write().to_vec()).unwrap();
    assert_eq!(answer.field("last-modified"), modified);

    let head = site.answer(Request::head("/a.txt"));
    assert_eq!((head.status, &head.fields), (200, &answer.fields));
}

#[test]
fn what_paths_name() {
    let site = Site::new(&[
        ("index.html", "root"),
        ("file", "file"),
        ("folder/index.html", "folder"),
        ("folder/file", "inner"),
        ("empty/file", ""),
        ("odd/index.html/file", ""),
        (".hidden", "hidden"),
        (".git/config", "hidden"),
        ("folder/.hidden", "hidden"),
        (".well-known/security.txt", "known"),
        (".well-known/.hidden", "hidden"),
        ("a b#?%ü<&>.txt", "odd"),
        ("%41", "percent"),
    ]);
    let table = [
        ("/", 200, "root"),
        ("//", 200, "root"),
        ("/index.html", 200, "root"),
        ("/./folder/../file", 200, "file"),
        ("/%66ile", 200, "file"),
        ("/file?query", 200, "file"),
        ("http://example.org/file", 200, "file"),
        ("http://example.org", 200, "root"),
        ("/folder/", 200, "folder"),
        ("//folder//file", 200, "inner"),
        ("/.well-known/security.txt", 200, "known"),
        ("/a%20b%23%3F%25%C3%BC%3C%26%3E.txt", 200, "odd"),
        ("/%2541", 200, "percent"),
        ("/missing", 404, ""),
        ("/file/", 404, ""),
        ("/file/more", 404, ""),
        ("/odd/", 404, ""),
        ("/.hidden", 404, ""),
        ("/%2ehidden", 404, ""),
        ("/.git/config", 404, ""),
        ("/.git", 404, ""),
        ("/folder/.hidden", 404, ""),
        ("/folder/.well-known/", 404, ""),
        ("/.well-known/.hidden", 404, ""),
        ("/..", 400, ""),
        ("/../../etc/passwd", 400, ""),
        ("/%2e%2e/etc/passwd", 400, ""),
        ("/folder%2ffile", 400, ""),
        ("/file%00", 400, ""),
        ("/%zz", 400, ""),
    ];
    for (target, status, content) in table {
        let answer = site.get(target);
        assert_eq!(answer.status, status, "{target}");
        if status == 200 {
            assert_eq!(answer.text(), content, "{target}");
        } else {
            assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
            assert!(answer.text().contains(&format!("<title>{status} ")));
        }
    }
}

#[test]
fn a_folder_without_a_slash_is_redirected() {
    let site = Site::new(&[
        ("folder/index.html", ""),
        ("evil.example/index.html", ""),
        ("a b#?%ü<&>\"'/index.html", ""),
        ("folder/a:b/index.html", ""),
    ]);
    let table = [
        ("/folder", "/folder/"),
        ("/folder?a=b&c", "/folder/?a=b&c"),
        ("/folder?", "/folder/?"),
        ("//evil.example", "/evil.example/"),
        ("///evil.example?q", "/evil.example/?q"),
        ("/folder/../evil.example", "/evil.example/"),
        ("/folder/a:b", "/folder/a:b/"),
        (
            "/a%20b%23%3F%25%c3%bc%3C%26%3E%22%27",
            "/a%20b%23%3F%25%C3%BC%3C%26%3E%22%27/",
        ),
    ];
    for (target, location) in table {
        let answer = site.get(target);
        assert_eq!(
            (answer.status, answer.field("location")),
            (301, location),
            "{target}"
        );
    }
}

#[test]
fn methods() {
    let site = Site::new(&[("file", "file")]);
    let table = [
        ("GET", "/file", 200, ""),
        ("HEAD", "/file", 200, ""),
        ("OPTIONS", "/file", 204, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/missing", 204, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "*", 204, "GET, HEAD, OPTIONS"),
        ("POST", "/file", 405, "GET, HEAD, OPTIONS"),
        ("PUT", "/missing", 405, "GET, HEAD, OPTIONS"),
        ("PATCH", "/file", 405, "GET, HEAD, OPTIONS"),
        ("DELETE", "/file", 405, "GET, HEAD, OPTIONS"),
        ("TRACE", "/file", 405, "GET, HEAD, OPTIONS"),
        ("CONNECT", "/file", 405, "GET, HEAD, OPTIONS"),
        ("BREW", "/file", 501, ""),
        ("get", "/file", 501, ""),
    ];
    for (method, target, status, allow) in table {
        let answer = site.answer(Request::builder().method(method).uri(target));
        assert_eq!(
            (answer.status, answer.field("allow")),
            (status, allow),
            "{method} {target}"
        );
    }
}

#[test]
fn links_that_leave_the_root_look_like_nothing() {
    let outside = Site::new(&[("secret", "secret"), ("folder/index.html", "secret")]);
    let site = Site::new(&[("file", "")]);
    for target in ["secret", "folder", "missing"] {
        symlink(outside.path(target), site.path(target)).unwrap();
        let answer = site.get(&format!("/{target}"));
        assert_eq!(answer.status, 404, "{target}");
    }
    assert_eq!(site.get("/folder/").status, 404);
}

#[test]
fn an_unreadable_file_is_forbidden() {
    // Whoever may read everything can't test this.
    if rustix::process::geteuid().is_root() {
        return;
    }
    let site = Site::new(&[("file", "")]);
    let unreadable = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    fs::set_permissions(site.path("file"), unreadable).unwrap();
    assert_eq!(site.get("/file").status, 403);
}

#[test]
fn preconditions_and_ranges() {
    let site = Site::new(&[("file", "0123456789"), ("empty", "")]);
    let whole = site.get("/file");
    let (etag, date) = (whole.field("etag"), whole.field("last-modified"));
    // The status, Content-Range, and the content; E stands for the file's tag, and D for its date.
    let table = [
        ("If-None-Match: E", 304, "", ""),
        ("If-None-Match: W/E", 304, "", ""),
        ("If-None-Match: \"a\", E", 304, "", ""),
        ("If-None-Match: *", 304, "", ""),
        ("If-None-Match: \"a\"", 200, "", "0123456789"),
        (
            "If-None-Match: \"a\" | If-Modified-Since: D",
            200,
            "",
            "0123456789",
        ),
        ("If-Modified-Since: D", 304, "", ""),
        (
            "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
            200,
            "",
            "0123456789",
        ),
        ("If-Match: E", 200, "", "0123456789"),
        ("If-Match: *", 200, "", "0123456789"),
        ("If-Match: \"a\"", 412, "", "*"),
        ("If-Match: W/E", 412, "", "*"),
        ("If-Unmodified-Since: D", 200, "", "0123456789"),
        (
            "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
            412,
            "",
            "*",
        ),
        ("Range: bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("Range: bytes=-3", 206, "bytes 7-9/10", "789"),
        ("Range: bytes=8-", 206, "bytes 8-9/10", "89"),
        ("Range: bytes=8-99", 206, "bytes 8-9/10", "89"),
        ("Range: bytes=0-1,3-4", 206, "bytes 0-4/10", "01234"),
        ("Range: bytes=10-", 416, "bytes */10", "*"),
        ("Range: bytes=18446744073709551616-", 416, "bytes */10", "*"),
        ("Range: lines=1-2", 200, "", "0123456789"),
        ("Range: bytes=4-2", 200, "", "0123456789"),
        ("Range: bytes=0-1 | Range: bytes=2-3", 200, "", "0123456789"),
        ("Range: bytes=2-4 | If-Range: E", 206, "bytes 2-4/10", "234"),
        ("Range: bytes=2-4 | If-Range: W/E", 200, "", "0123456789"),
        ("Range: bytes=2-4 | If-Range: \"a\"", 200, "", "0123456789"),
        ("Range: bytes=99- | If-Range: \"a\"", 200, "", "0123456789"),
        ("Range: bytes=2-4 | If-None-Match: E", 304, "", ""),
        ("Range: bytes=99- | If-Match: \"a\"", 412, "", "*"),
    ];
    for (fields, status, content_range, content) in table {
        let fields = fields
            .replace(": D", &format!(": {date}"))
            .replace('E', etag);
        let answer = site.get_with("/file", &fields);
        let got = (answer.status, answer.field("content-range"));
        assert_eq!(got, (status, content_range), "{fields}");
        if content == "*" {
            assert!(
                answer.text().contains(&format!("<title>{status} ")),
                "{fields}"
            );
        } else {
            assert_eq!(answer.text(), content, "{fields}");
            assert_eq!(answer.field("etag"), etag, "{fields}");
        }
    }
    let head = site.answer(Request::head("/file").header("range", "bytes=99-"));
    assert_eq!(head.status, 200);
    assert_eq!(site.get_with("/missing", "If-None-Match: *").status, 404);
    assert_eq!(
        site.get_with("/empty", "Range: bytes=0-")
            .field("content-range"),
        "bytes */0"
    );
    assert_eq!(site.get_with("/empty", "Range: bytes=-1").status, 200);
}

/// The parts of a multipart/byteranges response: Content-Range and content.
fn parts(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let content_type = answer.field("content-type");
    let boundary = content_type
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let delimiter = format!("\r\n--{boundary}");
    let content = [b"\r\n", &answer.content[..]].concat();
    let mut parts = Vec::new();
    let mut at = 0;
    loop {
        let rest = &content[at..];
        let rest = rest.strip_prefix(delimiter.as_bytes()).unwrap();
        if rest == b"--\r\n" {
            return parts;
        }
        let end = rest
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .unwrap();
        let head = std::str::from_utf8(&rest[2..end]).unwrap();
        let (content_type, content_range) = head.split_once("\r\nContent-Range: ").unwrap();
        assert_eq!(content_type, "Content-Type: application/octet-stream");
        let ContentRange::Satisfied { range, .. } =
            ContentRange::parse(content_range.as_bytes()).unwrap()
        else {
            panic!("{content_range}")
        };
        let (start, length) = (end + 4, range.length() as usize);
        parts.push((
            content_range.to_owned(),
            rest[start..start + length].to_vec(),
        ));
        at = content.len() - rest.len() + start + length;
    }
}

#[test]
fn several_ranges_come_as_multipart() {
    let content: String = (0..1000)
        .map(|number| char::from(b'a' + (number % 26) as u8))
        .collect();
    let site = Site::new(&[("file", &content)]);
    let answer = site.get_with("/file", "Range: bytes=0-1, 500-599, -3");
    assert_eq!((answer.status, answer.field("content-range")), (206, ""));
    let want = [(0, 1), (500, 599), (997, 999)].map(|(first, last)| {
        (
            format!("bytes {first}-{last}/1000"),
            content.as_bytes()[first..=last].to_vec(),
        )
    });
    assert_eq!(parts(&answer), want);
    assert_eq!(answer.field("etag"), site.get("/file").field("etag"));

    let again = site.get_with("/file", "Range: bytes=0-1, 500-599, -3");
    assert_ne!(
        answer.field("content-type"),
        again.field("content-type"),
        "each boundary is new"
    );
}

proptest! {
    #[test]
    fn ranges_of_a_file_are_the_bytes_of_a_model(specs in prop::collection::vec((0..600_usize, 0..600_usize, 0..3), 1..4)) {
        let content: Vec<u8> = (0..500_u32).map(|number| (number * 7 % 251) as u8).collect();
        let site = Site::new(&[]);
        fs::write(site.path("file"), &content).unwrap();
        let spec = |(first, more, kind): &(usize, usize, i32)| match kind {
            0 => format!("{first}-{}", first + more),
            1 => format!("{first}-"),
            _ => format!("-{more}"),
        };
        let set: Vec<String> = specs.iter().map(spec).collect();
        let wanted = |at: usize| specs.iter().any(|(first, more, kind)| match kind {
            0 => (*first..=first + more).contains(&at),
            1 => *first <= at,
            _ => content.len() - at <= *more,
        });
        let answer = site.get_with("/file", &format!("Range: bytes={}", set.join(",")));
        let parts = match (answer.status, answer.field("content-range")) {
            (206, "") => parts(&answer),
            (206, content_range) => vec![(content_range.to_owned(), answer.content.clone())],
            (status, _) => {
                prop_assert_eq!(status, 416);
                prop_assert!(!(0..content.len()).any(wanted));
                return Ok(());
            }
        };
        let mut sent = vec![false; content.len()];
        for (content_range, bytes) in parts {
            let ContentRange::Satisfied { range, complete_length } = ContentRange::parse(content_range.as_bytes()).unwrap() else {
                panic!("{content_range}")
            };
            let positions = range.first() as usize..range.last() as usize + 1;
            prop_assert_eq!(complete_length, Some(500));
            prop_assert_eq!(&content[positions.clone()], &bytes[..]);
            for position in positions {
                prop_assert!(!std::mem::replace(&mut sent[position], true), "no byte is sent twice");
            }
        }
        for (at, sent) in sent.into_iter().enumerate() {
            prop_assert!(sent || !wanted(at));
        }
    }
}

#[test]
fn every_change_changes_the_tag() {
    let site = Site::new(&[("file", "one")]);
    let path = site.path("file");
    let mut tags = vec![site.get("/file").field("etag").to_owned()];
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    // The same length and the same mtime, as an archive may unpack them.
    let replace = |name: &str, content: &str| {
        let other = site.path(name);
        fs::write(&other, content).unwrap();
        fs::File::open(&other)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        other
    };
    for content in ["two", "six"] {
        fs::rename(replace("other", content), &path).unwrap();
        let answer = site.get("/file");
        assert_eq!(answer.text(), content);
        tags.push(answer.field("etag").to_owned());
    }
    fs::write(&path, "longer").unwrap();
    tags.push(site.get("/file").field("etag").to_owned());
    let count = tags.len();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), count, "{tags:?}");
}

#[test]
fn a_file_from_the_future_was_modified_now() {
    let site = Site::new(&[("file", "one")]);
    let future = SystemTime::now() + std::time::Duration::from_secs(1 << 30);
    fs::File::open(site.path("file"))
        .unwrap()
        .set_modified(future)
        .unwrap();
    let before = HttpDate::from(SystemTime::now());
    let answer = site.get("/file");
    let after = HttpDate::from(SystemTime::now());
    let date = HttpDate::parse(answer.field("last-modified").as_bytes(), after).unwrap();
    assert!(before <= date && date <= after);
    // That date names no state of the file, so no part of it either.
    let fields = format!(
        "Range: bytes=0-0 | If-Range: {}",
        answer.field("last-modified")
    );
    assert_eq!(site.get_with("/file", &fields).status, 200);
}

#[test]
fn options() {
    let options = Options::new()
        .index(["home.htm", "index.html"])
        .hidden(true)
        .symlinks(Symlinks::Never)
        .media_type("x", HeaderValue::from_static("text/x-own"));
    let site = Site::with(
        options,
        &[
            ("index.html", "index"),
            ("home.htm", "home"),
            (".dot/index.html", "dot"),
            ("a.x", ""),
        ],
    );
    symlink("index.html", site.path("link")).unwrap();
    assert_eq!(site.get("/").text(), "home");
    assert_eq!(site.get("/.dot/").text(), "dot");
    assert_eq!(site.get("/a.x").field("content-type"), "text/x-own");
    assert_eq!(site.get("/link").status, 404);
}
