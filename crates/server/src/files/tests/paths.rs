//! Paths and methods, and their responses.

use super::*;
use std::os::unix::fs::symlink;

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

    let head = site.answer(http::Request::head("/a.txt"));
    assert_eq!((head.status, &head.fields), (200, &answer.fields));
}

#[test]
fn paths_and_their_responses() {
    let site = Site::with(
        Options::new().listing(false),
        &[
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
            ("literal%2Fname", "literal"),
        ],
    );
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
        ("/folder%2ffile", 404, ""),
        ("/folder%2Ffile", 404, ""),
        ("/@scope%2fpkg", 404, ""),
        ("/folder%2f", 404, ""),
        ("/..%2f..%2fetc/passwd", 404, ""),
        ("/literal%252Fname", 200, "literal"),
        ("/literal%2Fname", 404, ""),
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

/// Paths of the maximum length and longer; the latter are not the server's fault.
#[test]
fn long_names_and_deep_trees() {
    let long = "x".repeat(255);
    let wide = "ü".repeat(127);
    let deep = "d/".repeat(1500);
    let site = Site::with(
        Options::new().listing(false),
        &[
            (&long, "long"),
            (&wide, "wide"),
            (&format!("{deep}file"), "deep"),
        ],
    );
    let table = [
        (format!("/{long}"), 200, "long"),
        (format!("/{long}x"), 404, ""),
        (format!("/{}", "%C3%BC".repeat(127)), 200, "wide"),
        (format!("/{}", "%C3%BC".repeat(128)), 404, ""),
        (format!("/{}", "%78".repeat(255)), 200, "long"),
        (format!("/{deep}file"), 200, "deep"),
        (format!("/{deep}file/d"), 404, ""),
        (
            format!("/{deep}{}file", "../".repeat(3) + &"d/".repeat(3)),
            200,
            "deep",
        ),
        (format!("/{deep}{}{long}", "../".repeat(1500)), 200, "long"),
        (format!("/{}", "../".repeat(1500)), 400, ""),
        (format!("/{}file", "d/".repeat(3000)), 404, ""),
        (format!("/{}{long}", "./".repeat(3000)), 200, "long"),
        (format!("{}{long}", "/".repeat(6000)), 200, "long"),
    ];
    for (target, status, content) in table {
        let answer = site.get(&target);
        assert_eq!(answer.status, status, "{}", &target[target.len() - 40..]);
        assert!(status != 200 || answer.text() == content);
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
    let table = "
        /folder => /folder/
        /folder?a=b&c => /folder/?a=b&c
        /folder? => /folder/?
        //evil.example => /evil.example/
        ///evil.example?q => /evil.example/?q
        /folder/../evil.example => /evil.example/
        /folder/a:b => /folder/a:b/
        /a%20b%23%3F%25%c3%bc%3C%26%3E%22%27 => /a%20b%23%3F%25%C3%BC%3C%26%3E%22%27/
    ";
    for (target, location) in table::cases(table) {
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
    let table = "
        GET /file => 200
        HEAD /file => 200
        OPTIONS /file => 204 GET, HEAD, OPTIONS
        OPTIONS /missing => 204 GET, HEAD, OPTIONS
        OPTIONS * => 204 GET, HEAD, OPTIONS
        POST /file => 405 GET, HEAD, OPTIONS
        PUT /missing => 405 GET, HEAD, OPTIONS
        PATCH /file => 405 GET, HEAD, OPTIONS
        DELETE /file => 405 GET, HEAD, OPTIONS
        TRACE /file => 405 GET, HEAD, OPTIONS
        CONNECT /file => 405 GET, HEAD, OPTIONS
        BREW /file => 501
        get /file => 501
    ";
    for (case, outcome) in table::cases(table) {
        let ([method, target], _) = table::words(case);
        let ([status], allow) = table::words(outcome);
        let status: u16 = status.parse().unwrap();
        let answer = site.answer(http::Request::builder().method(method).uri(target));
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

/// A link that leads outside is a missing name, whatever its target is.
#[test]
fn links_do_not_tell_what_exists_outside() {
    let outside = Site::new(&[("file", "secret"), ("folder/index.html", "secret")]);
    fs::create_dir(outside.path("closed")).unwrap();
    fs::write(outside.path("closed/file"), "").unwrap();
    fs::set_permissions(
        outside.path("closed"),
        std::os::unix::fs::PermissionsExt::from_mode(0o000),
    )
    .unwrap();
    symlink("circle", outside.path("circle")).unwrap();
    let targets = [
        "file",
        "folder",
        "closed",
        "closed/file",
        "file/more",
        "circle",
        "missing",
    ];
    for options in [
        || Options::new(),
        || Options::new().spa(true),
        || Options::new().clean_urls(true),
        || Options::new().symlinks(Symlinks::Never),
    ] {
        let site = Site::with(
            options(),
            &[
                ("index.html", "app"),
                ("a.html", "a"),
                ("a.js", "js"),
                ("deep/x", ""),
            ],
        );
        let mut relative = PathBuf::new();
        for _ in site.folder.path().components().skip(1) {
            relative.push("..");
        }
        relative.push(outside.folder.path().strip_prefix("/").unwrap());
        let mut seen = std::collections::BTreeSet::new();
        for target in targets {
            for base in [outside.folder.path(), &relative] {
                for name in ["a", "a.js.gz", "a.js.br", "deep/index.html", "404.html"] {
                    let _ = fs::remove_file(site.path(name));
                    symlink(base.join(target), site.path(name)).unwrap();
                }
                let answers = [
                    "/a", "/a/", "/a/more", "/a.js", "/a.js.gz", "/deep/", "/none.x",
                ];
                let answers = answers.map(|path| {
                    // A compressed list has a length of its own each time.
                    let codings = if path == "/deep/" {
                        "identity"
                    } else {
                        "gzip, br"
                    };
                    let answer = site.get_with(path, &format!("Accept-Encoding: {codings}"));
                    let coding = answer.field("content-encoding").to_owned();
                    (path, answer.status, coding, answer.content.len())
                });
                seen.insert(format!("{answers:?}"));
            }
        }
        assert_eq!(seen.len(), 1, "{seen:#?}");
    }
}

#[test]
fn an_unreadable_file_is_forbidden() {
    // A process that may read everything can't run this test.
    if rustix::process::geteuid().is_root() {
        return;
    }
    let site = Site::new(&[("file", "")]);
    let unreadable = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    fs::set_permissions(site.path("file"), unreadable).unwrap();
    assert_eq!(site.get("/file").status, 403);
}

#[test]
fn a_rendered_response_is_as_any_other() {
    let site = Site::new(&[
        ("a.html", &"a".repeat(5000)),
        ("a.png", "a"),
        ("folder/index.html", "b"),
        (".hidden", "c"),
    ]);
    fs::write(site.path("large"), "a".repeat(300_000)).unwrap();
    // A file that has to be compressed first is not rendered until it is old enough to be cached.
    let gzip = AcceptEncoding::from_fields([&b"gzip"[..]]);
    let (_, version) = site.files.store.stat(b"a.html").unwrap();
    while matches!(site.files.store.ready(b"a.html", &version, &gzip), Ok(None)) {
        site.get_with("/a.html", "Accept-Encoding: gzip");
    }
    let table = [
        ("GET /a.html", "", true),
        ("HEAD /a.html", "", true),
        ("GET /./a%2Ehtml?q", "Accept-Encoding: gzip\r\n", true),
        ("GET /a.png", "Accept: image/*\r\n", true),
        ("GET /folder/", "", true),
        ("GET /large", "", true),
        ("GET /folder", "", false),
        ("GET /", "", false),
        ("GET /missing", "", false),
        ("GET /.hidden", "", false),
        ("GET /../a", "", false),
        ("POST /a.html", "", false),
        ("OPTIONS *", "", false),
        ("GET /a.html", "range: bytes=0-1\r\n", false),
        ("GET /a.html", "IF-None-Match: *\r\n", false),
        ("GET /a.html", "If-Modified-Since: x\r\n", false),
    ];
    for (line, fields, rendered) in table {
        // Twice: from the disk, and from memory.
        for _ in 0..2 {
            let (method, path) = line.split_once(' ').unwrap();
            let request = |added: &str| {
                let request = http::Request::builder().method(method).uri(path);
                let lines = fields.lines().chain(added.lines());
                let lines = lines.filter_map(|line| line.split_once(": "));
                let request = lines.fold(request, |request, (name, value)| {
                    request.header(name, value)
                });
                request.body(Body::empty()).unwrap()
            };
            let reply = site.files.handle(request("").into());
            let Reply::Ready(response) = reply else {
                assert!(!rendered, "{line} {fields}");
                continue;
            };
            assert_eq!(response.is_rendered(), rendered, "{line} {fields}");
            if !rendered {
                continue;
            }
            // A condition that is met changes nothing, but the response is not rendered.
            let mut expected = site.files.respond_to(request("If-Match: *"));
            assert!(!expected.is_rendered());
            let server = HeaderValue::from_static(crate::response::SERVER);
            expected.headers_mut().insert("server", server);
            assert_eq!(response.status(), expected.status());
            assert_eq!(response.headers(), expected.headers());
            let read = |response: Response| {
                let body = std::io::BufReader::new(response.into_body());
                std::io::read_to_string(body.take(1 << 20)).ok()
            };
            assert_eq!(read(response), read(expected), "{line} {fields}");
        }
    }
}

/// Files whose content the kernel makes up while it is read: none is empty, truncated or an error,
/// and none has validators.
#[test]
fn files_of_the_kernel_are_read_to_their_end() {
    let files = [
        "/proc/sys/kernel/ostype",
        "/proc/self/status",
        "/proc/filesystems",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/devices/system/cpu/online",
        "/sys/class/net/lo/mtu",
    ];
    for path in files {
        let Ok(want) = fs::read(path) else {
            eprintln!("skipped: there is no {path}");
            continue;
        };
        let (folder, name) = path.rsplit_once('/').unwrap();
        // A process sees itself, thread by thread.
        let folder = folder.replace("/proc/self", "/proc/1");
        let handler = Options::new().open(folder).unwrap();
        for fields in ["", "bytes=0-2", "bytes=-1"] {
            let request = http::Request::get(format!("/{name}")).header("Range", fields);
            let response = handler.respond_to(request.body(Body::empty()).unwrap());
            assert_eq!(response.status(), 200, "{path}");
            let said = response.headers().clone();
            assert!(!said.contains_key("etag") && !said.contains_key("last-modified"));
            assert_eq!(said["accept-ranges"], "none");
            assert_eq!(said["content-type"], "text/plain; charset=utf-8");
            let body = response.into_body();
            assert_eq!(body.length(), None, "{path}");
            let content = std::io::read_to_string(body).unwrap();
            assert!(!content.is_empty(), "{path}");
            if name != "status" {
                assert_eq!(content.as_bytes(), want, "{path}");
            }
        }
    }
}

/// Holes are zeros, and empty files are empty.
#[test]
fn sparse_and_empty_files() {
    let site = Site::new(&[("empty", "")]);
    let length = 3_000_000_u64;
    File::create(site.path("sparse.bin"))
        .unwrap()
        .set_len(length)
        .unwrap();
    let answer = site.get("/sparse.bin");
    assert_eq!(answer.content.len() as u64, length);
    assert!(answer.content.iter().all(|byte| *byte == 0));
    let answer = site.get("/empty");
    assert_eq!((answer.status, answer.content.len()), (200, 0));
    assert!(answer.field("etag").starts_with("\"0-"));
}
