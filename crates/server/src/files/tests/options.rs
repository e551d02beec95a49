//! What options change: pages, fields, types, and where the directory appears.

use super::*;
use std::os::unix::fs::symlink;

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

#[test]
fn missing_paths_are_pages_of_the_application() {
    let options = Options::new().spa(true);
    let site = Site::with(
        options,
        &[("index.html", "app"), ("a.js", "js"), ("folder/a", "a")],
    );
    let page = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";
    let table = [
        ("/a.js", "", 200, "js"),
        ("/users/7", "", 200, "app"),
        ("/users/", "", 200, "app"),
        ("/folder/", "", 200, "app"),
        ("/missing.js", "", 404, ""),
        ("/missing.js", "Accept: */*", 404, ""),
        ("/users/john.doe", page, 200, "app"),
        ("/users/a%2fb", page, 200, "app"),
        ("/.hidden", page, 404, ""),
        ("/%zz", page, 400, ""),
    ];
    for (target, fields, status, content) in table {
        let answer = site.get_with(target, fields);
        assert_eq!(answer.status, status, "{target}");
        assert!(status != 200 || answer.text() == content, "{target}");
    }
    // A cache must know where the answer depends on what the client accepts.
    let varying = [
        ("/a.js", false),
        ("/users/7", true),
        ("/missing.js", true),
        ("/users/john.doe", true),
        ("/", false),
    ];
    for (target, varies) in varying {
        for fields in ["", page, "If-None-Match: *"] {
            let answer = site.get_with(target, fields);
            let mut vary = answer.fields.get_all("vary").iter();
            assert_eq!(
                vary.any(|value| value == "Accept"),
                varies,
                "{target} {fields}"
            );
        }
    }
}

#[test]
fn pages_of_other_sites_may_not_embed() {
    let policy = HeaderValue::from_static("same-site");
    let site = Site::with(
        Options::new().resource_policy(policy),
        &[("a.txt", "a"), ("d/x", "")],
    );
    for target in [
        "/a.txt",
        "/a.txt",
        "/d/",
        "/d",
        "/missing",
        "/?download=tar",
    ] {
        let answer = site.get(target);
        assert_eq!(
            answer.field("cross-origin-resource-policy"),
            "same-site",
            "{target}"
        );
    }
    let plain = Site::new(&[("a.txt", "a")]);
    assert_eq!(
        plain.get("/a.txt").field("cross-origin-resource-policy"),
        ""
    );
}

#[test]
fn addresses_without_html() {
    let files = [
        ("index.html", "home"),
        ("evil.example.html", ""),
        ("about.html", "about"),
        ("folder.html", "page"),
        ("folder/a", ""),
        ("bare/index.html", "bare"),
        ("x", "x"),
        ("x.html", ""),
    ];
    let table = [
        ("/about", 200, "about", ""),
        ("/about.html", 301, "", "/about"),
        ("/about.html?a=b&c", 301, "", "/about?a=b&c"),
        ("/about/", 301, "", "/about"),
        ("/folder", 200, "page", ""),
        ("/folder.html", 301, "", "/folder"),
        ("/folder/a", 200, "", ""),
        ("/bare", 301, "", "/bare/"),
        ("/bare/", 200, "bare", ""),
        ("/bare/index.html", 301, "", "/bare/"),
        ("/bare/index?q", 301, "", "/bare/?q"),
        ("/index", 301, "", "/"),
        ("/index.html", 301, "", "/"),
        ("//evil.example.html", 301, "", "/evil.example"),
        ("/", 200, "home", ""),
        ("/x", 200, "x", ""),
        ("/x.html", 200, "", ""),
        ("/.html", 404, "", ""),
        ("/missing", 404, "", ""),
        ("/missing.html", 404, "", ""),
        ("/missing/", 404, "", ""),
    ];
    for base in ["", "/docs"] {
        let site = Site::with(Options::new().clean_urls(true).base(base), &files);
        for (target, status, content, location) in table {
            let answer = site.get(&format!("{base}{target}"));
            let location = match location {
                "" => String::new(),
                location => format!("{base}{location}"),
            };
            assert_eq!(
                (answer.status, answer.field("location")),
                (status, &*location),
                "{base}{target}"
            );
            assert!(status != 200 || answer.text() == content, "{target}");
        }
    }
    assert_eq!(Site::new(&files).get("/about").status, 404);
}

#[test]
fn a_folder_has_pages_for_its_failures() {
    let site = Site::new(&[("file", "")]);
    assert!(site.get("/missing").text().contains("There is nothing"));
    fs::write(site.path("404.html"), "<h1>Lost?</h1>").unwrap();
    fs::write(site.path("405.html"), "<h1>No.</h1>").unwrap();
    let answer = site.get_with(
        "/missing",
        "Range: bytes=0-1 | If-None-Match: * | Accept-Encoding: br",
    );
    assert_eq!((answer.status, answer.text()), (404, "<h1>Lost?</h1>"));
    assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.field("etag"), "");
    assert_eq!(answer.field("cache-control"), "no-cache");
    let answer = site.answer(http::Request::post("/file"));
    assert_eq!((answer.status, answer.text()), (405, "<h1>No.</h1>"));
    assert_eq!(answer.field("allow"), "GET, HEAD, OPTIONS");
    assert_eq!(site.get("/404.html").status, 200);
}

#[test]
fn a_folder_can_appear_under_a_path() {
    let files = [
        ("index.html", "root"),
        ("a/index.html", "a"),
        ("docs/x", "x"),
    ];
    for base in ["/docs", "/docs/", "//docs/./"] {
        let site = Site::with(Options::new().base(base), &files);
        let table = [
            ("/docs/", 200, "root", ""),
            ("/docs/a/", 200, "a", ""),
            ("/docs/docs/x", 200, "x", ""),
            ("/docs", 301, "", "/docs/"),
            ("/docs?q", 301, "", "/docs/?q"),
            ("/docs/a", 301, "", "/docs/a/"),
            ("/", 302, "", "/docs/"),
            ("/?q", 302, "", "/docs/?q"),
            ("/a/", 404, "", ""),
            ("/docsa/", 404, "", ""),
            ("/docs/../a/", 404, "", ""),
        ];
        for (target, status, content, location) in table {
            let answer = site.get(target);
            assert_eq!(
                (answer.status, answer.field("location")),
                (status, location),
                "{target}"
            );
            assert!(status != 200 || answer.text() == content, "{target}");
        }
    }
}

#[test]
fn how_long_copies_may_be_used() {
    let options = Options::new().cache_control("*.css", HeaderValue::from_static("max-age=60"));
    let site = Site::with(
        options,
        &[("index.html", ""), ("a.css", ""), ("a.3f9a1c2b.js", "")],
    );
    let table = [
        ("/", "no-cache"),
        ("/a.css", "max-age=60"),
        ("/a.3f9a1c2b.js", "max-age=31536000, immutable"),
        ("/missing.css", "no-cache"),
    ];
    for (target, want) in table {
        assert_eq!(site.get(target).field("cache-control"), want, "{target}");
    }
    let answer = site.get_with("/a.css", "If-None-Match: *");
    assert_eq!(
        (answer.status, answer.field("cache-control")),
        (304, "max-age=60")
    );
}

/// Files whose name says nothing, and files that are gzip.
#[test]
fn content_types_and_codings_of_files() {
    let site = Site::with(
        Options::new().hidden(true),
        &[
            ("notes", "plain"),
            ("a.unknown", "plain"),
            (".env", "A=b"),
            ("main.ts", "let a = 1;"),
            ("v1.0/data", "\0\u{1}"),
            ("a.ts", &format!("G{}", "\0".repeat(187)).repeat(3)),
            ("plain.svgz", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ],
    );
    let large = "text ".repeat(100_000);
    fs::write(site.path("large"), &large).unwrap();
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
    for name in ["a.svgz", "a.tgz", "a.svg.gz"] {
        fs::write(site.path(name), gzip).unwrap();
    }
    let text = "text/plain; charset=utf-8";
    let table = [
        ("/notes", text, ""),
        ("/a.unknown", text, ""),
        ("/.env", text, ""),
        ("/main.ts", text, ""),
        ("/large", text, ""),
        ("/v1.0/data", "application/octet-stream", ""),
        ("/a.ts", "video/mp2t", ""),
        ("/a.svgz", "image/svg+xml", "gzip"),
        ("/plain.svgz", "image/svg+xml", ""),
        ("/a.tgz", "application/gzip", ""),
        ("/a.svg.gz", "application/gzip", ""),
    ];
    for (target, media_type, coding) in table {
        // From the disk, and from memory.
        for fields in ["", "", "Range: bytes=0-3"] {
            let answer = site.get_with(target, fields);
            assert_eq!(answer.field("content-type"), media_type, "{target}");
            assert_eq!(answer.field("content-encoding"), coding, "{target}");
            assert_eq!(answer.field("x-content-type-options"), "nosniff");
        }
    }
    // A gzip file is sent as it is, whatever the client accepts, and never compressed twice.
    let answer = site.get_with("/a.svgz", "Accept-Encoding: br, gzip");
    assert_eq!((&answer.content[..], answer.field("vary")), (&gzip[..], ""));
}

#[test]
fn types_for_names_without_an_ending() {
    let own = |value| HeaderValue::from_static(value);
    let options = Options::new()
        .media_type(".", own("text/html"))
        .media_type("*", own("text/x-other"));
    let site = Site::with(
        options,
        &[
            ("about", "a"),
            ("README", "a"),
            ("a.zzz", "a"),
            ("a.css", "a"),
        ],
    );
    let table = [
        ("/about", "text/html"),
        ("/README", "text/html"),
        ("/a.zzz", "text/x-other"),
        ("/a.css", "text/css; charset=utf-8"),
    ];
    for (target, want) in table {
        assert_eq!(site.get(target).field("content-type"), want, "{target}");
    }
}
