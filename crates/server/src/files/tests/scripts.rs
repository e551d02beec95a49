//! Files that are run, and never sent.

use super::*;
use crate::script::Script;
use std::os::unix::fs::symlink;

/// An interpreter that responds with what it was asked to run.
struct Echo;

impl Interpreter for Echo {
    fn run<'a>(&'a self, _: Request<'a>, script: Script) -> Reply<'a> {
        assert_eq!(script.file(), script.root().join(script.relative()));
        let text = [script.name(), b" ", script.info()].concat();
        let relative = script.relative().display();
        let text = format!("{relative} {}", String::from_utf8_lossy(&text));
        Response::new(text).into()
    }
}

const TREE: &[(&str, &str)] = &[
    ("index.php", "SOURCE"),
    ("a.php", "SOURCE"),
    ("b.PHP", "SOURCE"),
    ("page.txt", "text"),
    ("page.txt.gz", "text"),
    ("only.html", "page"),
    ("blog/index.php", "SOURCE"),
    ("blog/x y.php", "SOURCE"),
    ("docs/index.html", "page"),
    ("docs/index.php", "SOURCE"),
    ("folder.php/index.php", "SOURCE"),
    ("folder.php/style.css", "css"),
    ("upload/image.jpg", "<?php SOURCE"),
    ("upload/evil.php", "SOURCE"),
    (".git/hook.php", "SOURCE"),
    (".well-known/a.php", "SOURCE"),
    ("cgi-bin/run", "SOURCE"),
    ("cgi-bin/deep/run.sh", "SOURCE"),
    ("empty/file.txt", "text"),
    (".php", "no script"),
];

fn options() -> Options {
    Options::new().index(["index.html", "index.php"])
}

fn site_with(options: Options) -> Site {
    let Site { folder, files } = Site::with(options, TREE);
    for (target, link) in [
        ("../a.php", "docs/inside.php"),
        ("upload", "linked"),
        ("/etc/hostname", "outside.php"),
        ("/etc", "outside"),
    ] {
        symlink(target, folder.path().join(link)).unwrap();
    }
    let files = files.script("*.php", Echo).unwrap();
    let files = files.script("/cgi-bin", Echo).unwrap();
    Site { folder, files }
}

#[test]
fn paths_of_scripts() {
    let site = site_with(options());
    let table = [
        // The file, SCRIPT_NAME, PATH_INFO.
        ("/a.php", 200, "a.php /a.php "),
        ("/a.php?b.php=/c", 200, "a.php /a.php "),
        ("/a.php/", 200, "a.php /a.php /"),
        ("/a.php/b/c", 200, "a.php /a.php /b/c"),
        ("/a.php/b%20c/", 200, "a.php /a.php /b c/"),
        ("/a.php/b.php", 200, "a.php /a.php /b.php"),
        ("/x/%2e%2e/a.php//b", 200, "a.php /a.php /b"),
        ("/%61.ph%70", 200, "a.php /a.php "),
        ("/b.PHP", 200, "b.PHP /b.PHP "),
        ("/blog/x%20y.php/z", 200, "blog/x y.php /blog/x y.php /z"),
        ("/docs/inside.php", 200, "docs/inside.php /docs/inside.php "),
        (
            "/.well-known/a.php",
            200,
            ".well-known/a.php /.well-known/a.php ",
        ),
        ("/a.php/.hidden", 200, "a.php /a.php /.hidden"),
        ("/cgi-bin/run", 200, "cgi-bin/run /cgi-bin/run "),
        ("/cgi-bin/run/x", 200, "cgi-bin/run /cgi-bin/run /x"),
        (
            "/cgi-bin/deep/run.sh/",
            200,
            "cgi-bin/deep/run.sh /cgi-bin/deep/run.sh /",
        ),
        // Directories with an index.
        ("/", 200, "index.php /index.php "),
        ("/blog/", 200, "blog/index.php /blog/index.php "),
        ("/docs/", 200, "page"),
        (
            "/folder.php/",
            200,
            "folder.php/index.php /folder.php/index.php ",
        ),
        ("/folder.php/style.css", 200, "css"),
        // Files are files, whatever the path says behind them.
        ("/page.txt", 200, "text"),
        ("/upload/image.jpg", 200, "<?php SOURCE"),
        ("/upload/image.jpg/x.php", 404, ""),
        ("/upload/image.jpg/x.php/y", 404, ""),
        ("/upload/image.jpg%00.php", 400, ""),
        ("/upload/image.jpg%0a.php", 404, ""),
        ("/page.txt/a.php", 404, ""),
        // Missing, hidden, outside, ambiguous.
        ("/missing.php", 404, ""),
        ("/missing.php/a.php", 404, ""),
        ("/A.php", 404, ""),
        ("/a.PHP", 404, ""),
        ("/a.php.", 404, ""),
        ("/a.php%20", 404, ""),
        ("/a.php%0a", 404, ""),
        ("/a.php%00", 400, ""),
        ("/a.php%00/b", 400, ""),
        ("/a.php/%0a", 400, ""),
        ("/a.php/%1b/b", 400, ""),
        ("/a.php%2fb", 404, ""),
        ("/blog%2findex.php", 404, ""),
        ("/a.php/b%2fc", 404, ""),
        ("/.git/hook.php", 404, ""),
        ("/.php", 404, ""),
        ("/outside.php", 404, ""),
        ("/outside/passwd.php", 404, ""),
        ("/cgi-bin/missing", 404, ""),
        ("/cgi-bin/", 404, ""),
        ("/cgi-bin", 404, ""),
        ("/cgi-bin/deep/", 404, ""),
        ("/cgi-bin/.%2e/a.php", 200, "a.php /a.php "),
        ("/CGI-BIN/run", 404, ""),
    ];
    for (target, status, text) in table {
        for method in ["GET", "POST", "DELETE"] {
            let request = http::Request::builder().method(method).uri(target);
            let answer = site.answer(request);
            let is_script = status == 200 && text.contains(" /");
            match method {
                "GET" => {
                    assert_eq!(answer.status, status, "{target}");
                    assert!(
                        status != 200 || answer.text() == text,
                        "{target} {}",
                        answer.text()
                    );
                }
                _ if is_script => assert_eq!(answer.text(), text, "{method} {target}"),
                // Files can't be posted to, and what is missing can't either.
                _ => assert!(answer.status >= 400, "{method} {target}"),
            }
            assert!(
                target == "/upload/image.jpg" || !answer.text().contains("SOURCE"),
                "{target}"
            );
        }
    }
}

#[test]
fn sources_are_never_sent() {
    let site = site_with(options().clean_urls(true).hidden(true));
    for target in [
        "/a.php?raw",
        "/a.php?download=tar",
        "/b.PHP?raw",
        "/cgi-bin/run",
        "/cgi-bin/?download=zip",
        "/cgi-bin/?json",
        "/a",
        "/.git/hook.php",
        "/upload/evil.php",
    ] {
        let answer = site.get_with(target, "Range: bytes=0-3 | If-Range: \"x\"");
        assert!(!answer.text().contains("SOURC"), "{target}");
    }
    for (target, kept, count) in [
        ("/empty/?download=tar", "empty/file.txt", 1),
        ("/upload/?download=tar", "upload/image.jpg", 1),
        ("/folder.php/?download=zip", "style.css", 0),
    ] {
        let answer = site.get(target);
        let text = String::from_utf8_lossy(&answer.content).into_owned();
        assert!(
            !text.replace("<?php SOURCE", "").contains("SOURCE"),
            "{target}"
        );
        assert_eq!(text.matches(kept).count(), count, "{target}");
    }
    // The whole directory, which has an index: a listing is needed for an archive.
    let site = site_with(Options::new().hidden(true));
    for target in ["/?download=tar", "/?download=zip"] {
        let answer = site.get(target);
        assert_eq!(answer.status, 200, "{target}");
        let text = String::from_utf8_lossy(&answer.content).into_owned();
        assert!(text.contains("upload/image.jpg"), "{target}");
        for hidden in ["a.php", "b.PHP", "cgi-bin", "hook.php", "inside.php"] {
            assert!(!text.contains(hidden), "{target} {hidden}");
        }
    }
    // A listing names what can be run.
    assert!(site.get("/upload/").text().contains("evil.php"));
}

#[test]
fn nothing_is_run_where_others_write() {
    let mut site = site_with(options());
    site.files = site.files.without_scripts("/upload").unwrap();
    for (target, status) in [
        ("/upload/evil.php", 404),
        ("/upload/evil.php/x", 404),
        ("/upload/image.jpg", 200),
        ("/upload/../a.php", 200),
        // A link could lead there.
        ("/linked/evil.php", 404),
        ("/docs/inside.php", 404),
        ("/a.php", 200),
        ("/blog/", 200),
    ] {
        let answer = site.get(target);
        assert_eq!(answer.status, status, "{target}");
        assert!(
            target.ends_with("jpg") || !answer.text().contains("SOURCE"),
            "{target}"
        );
    }
    assert!(
        Files::open(site.folder.path())
            .unwrap()
            .without_scripts("/")
            .is_err()
    );
}

#[test]
fn a_front_controller_gets_the_routes_of_an_application() {
    let site = site_with(options().spa(true).base("/app"));
    for (target, text) in [
        ("/app/", "index.php /app/index.php "),
        ("/app/users/7", "index.php /app/index.php "),
        ("/app/a.php/users", "a.php /app/a.php /users"),
        ("/app/page.txt", "text"),
    ] {
        assert_eq!(site.get(target).text(), text, "{target}");
    }
    for target in [
        "/app/missing.css",
        "/app/missing.php",
        "/users",
        "/index.php",
    ] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
    let posted = site.answer(http::Request::post("/app/users/7"));
    assert_eq!(posted.text(), "index.php /app/index.php ");
}
