//! `tinyhttp serve --watch`: the script in pages, the stream of events, and their effect in a
//! browser.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use support::{Answer, Folder, LONG, Serve, curl_status, curl_text};

const EVENTS: &str = "/.tinyhttp/events";

fn watch(folder: &Folder) -> Serve {
    Serve::start(folder.path(), ["--watch"])
}

fn ask(server: &Serve, method: &str, path: &str, fields: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    server.connect().send(request).answer_to(method)
}

/// The version that a page says that it shows.
fn version(page: &str) -> &str {
    let rest = page
        .split("data-since=\"")
        .nth(1)
        .expect("the script's tag");
    rest.split('"').next().unwrap()
}

/// An open stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    /// Asks as HTTP/1.0, which has no chunks, and reads up to the end of the head and of the first,
    /// silent event.
    fn listen(server: &Serve, query: &str, fields: &str) -> Self {
        let mut stream = TcpStream::connect_timeout(&server.address(), LONG).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        write!(stream, "GET {EVENTS}{query} HTTP/1.0\r\n{fields}\r\n").unwrap();
        let mut events = Events(BufReader::new(stream));
        assert!(events.line().starts_with("HTTP/1.1 200 "));
        while !events.line().is_empty() {}
        assert!(events.line().starts_with("retry: "));
        assert!(events.line().starts_with("id: "));
        assert_eq!(events.line(), "");
        events
    }

    /// The next line without its end; at the end of the stream an error.
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    /// The next event: its type and data.
    fn next(&mut self) -> (String, Vec<String>) {
        let (mut kind, mut data) = (String::new(), Vec::new());
        loop {
            let line = self.line();
            if let Some(value) = line.strip_prefix("event: ") {
                value.clone_into(&mut kind);
            } else if let Some(value) = line.strip_prefix("data:") {
                data.push(value.trim_start().to_owned());
            } else if line.is_empty() && !kind.is_empty() {
                return (kind, data);
            }
        }
    }

    fn is_ended(&mut self) -> bool {
        self.0.read_line(&mut String::new()).unwrap() == 0
    }
}

fn reload() -> (String, Vec<String>) {
    ("reload".to_owned(), vec![String::new()])
}

fn styles(path: &str) -> (String, Vec<String>) {
    ("styles".to_owned(), vec![path.to_owned()])
}

#[test]
fn pages_have_the_script_and_nothing_else_has() {
    let folder = Folder::new()
        .with("index.html", "<p>page</p>".repeat(200))
        .with("style.css", "p { color: red }".repeat(200))
        .with("404.html", "<p>gone</p>");
    let server = watch(&folder);
    let page = ask(&server, "GET", "/", "");
    let (before, tag) = page.content.split_at("<p>page</p>".len() * 200);
    assert_eq!(before, folder.read("index.html"));
    assert!(
        tag.starts_with(b"<script src=\"/.tinyhttp/live.js\""),
        "{tag:?}"
    );

    // The page is whole and the same, whatever the client has of it and whatever codings it reads.
    let fields = [
        "Accept-Encoding: br, gzip\r\n",
        "Range: bytes=0-3\r\n",
        "If-None-Match: *\r\n",
        "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n",
        "If-Match: \"x\"\r\n",
    ];
    for field in fields {
        let answer = ask(&server, "GET", "/", field);
        assert_eq!(
            (answer.status, &answer.content),
            (200, &page.content),
            "{field}"
        );
        for absent in ["content-encoding", "etag", "last-modified", "accept-ranges"] {
            assert_eq!(answer.field(absent), None, "{field}");
        }
        assert_eq!(answer.field("cache-control"), Some("no-store"), "{field}");
        let head = ask(&server, "HEAD", "/", field);
        let undated = |head: &str| -> Vec<String> {
            let lines = head.lines().filter(|line| !line.starts_with("Date:"));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(undated(&head.head), undated(&answer.head), "{field}");
    }

    // The page for what isn't there reloads, too.
    let missing = ask(&server, "GET", "/nowhere", "");
    assert_eq!(missing.status, 404);
    assert!(
        missing.text().starts_with("<p>gone</p><script "),
        "{missing:?}"
    );

    // All else is as without --watch, but for what browsers may keep.
    let sheet = ask(&server, "GET", "/style.css", "Accept-Encoding: gzip\r\n");
    assert_eq!(sheet.field("content-encoding"), Some("gzip"));
    assert_eq!(sheet.field("cache-control"), Some("no-cache"));
    let tag = format!("If-None-Match: {}\r\n", sheet.field("etag").unwrap());
    let fields = format!("Accept-Encoding: gzip\r\n{tag}");
    assert_eq!(ask(&server, "GET", "/style.css", &fields).status, 304);
    let part = ask(&server, "GET", "/style.css", "Range: bytes=0-3\r\n");
    assert_eq!((part.status, part.text().as_str()), (206, "p { "));
    assert_eq!(curl_status(["-d", "x", &server.url("/")]), 405);
    assert_eq!(curl_status(["-d", "x", &server.url(EVENTS)]), 405);

    let script = curl_text([server.url("/.tinyhttp/live.js")]);
    assert!(script.contains("new EventSource"), "{script}");
    assert_eq!(server.connect().get("/.tinyhttp/other").status, 404);
    let plain = Serve::start(folder.path(), ["-v"]);
    assert_eq!(plain.connect().get("/.tinyhttp/live.js").status, 404);
}

#[test]
fn changes_are_told() {
    let folder = Folder::new()
        .with("index.html", "a")
        .with("css/my style.css", "a")
        .with(".git/index", "a");
    let server = watch(&folder);
    let mut events = Events::listen(&server, "", "");
    let move_to = |from: &str, to: &str| {
        std::fs::rename(folder.path().join(from), folder.path().join(to)).unwrap();
    };
    // An unreported change shows as the next event coming first.
    folder.write("index.html", "b");
    assert_eq!(events.next(), reload());
    folder.write(".git/index", "b");
    folder.write("index.html~", "b");
    folder.write("css/my style.css", "b");
    assert_eq!(events.next(), styles("css/my%20style.css"));
    // The way of editors that write a new file and put it in the old one's place.
    folder.write("css/tmp.1234", "c");
    move_to("css/tmp.1234", "css/my style.css");
    assert_eq!(events.next(), styles("css/my%20style.css"));
    folder.write("new/folder/page.html", "c");
    assert_eq!(events.next(), reload());
    // It is watched, too.
    folder.write("new/folder/page.css", "c");
    assert_eq!(events.next(), styles("new/folder/page.css"));
    std::fs::remove_file(folder.path().join("index.html")).unwrap();
    assert_eq!(events.next(), reload());
    // Reading is no change.
    assert_eq!(server.connect().get("/new/folder/page.html").status, 200);
    folder.write("new/folder/page.css", "d");
    assert_eq!(events.next(), styles("new/folder/page.css"));
}

/// Nothing is missed between the page and the stream, nor while the stream was cut. Bundlers remove
/// the directory and create it again: the new one is served, and its changes are reported.
#[test]
fn changes_in_a_folder_made_anew_are_told() {
    let folder = Folder::new().with("dist/index.html", "first");
    let dist = folder.path().join("dist");
    let server = Serve::start(&dist, ["--watch"]);
    assert!(ask(&server, "GET", "/", "").text().contains("first"));
    for round in 0..3 {
        let mut events = Events::listen(&server, "", "");
        std::fs::remove_dir_all(&dist).unwrap();
        folder.write("dist/index.html", format!("build {round}"));
        assert_eq!(events.next(), reload(), "{round}");
        let want = format!("build {round}");
        server.wait_until("the new folder is served", |server| {
            ask(server, "GET", "/", "").text().contains(&want)
        });
    }
    // The last look at the path may still be ahead, so the first event may be about the folder
    // itself.
    let mut events = Events::listen(&server, "", "");
    server.wait_until("a style sheet alone is told as one", |_| {
        folder.write("dist/style.css", "p { color: red }");
        events.next() == styles("style.css")
    });
}

#[test]
fn a_late_page_gets_the_missed_event() {
    let folder = Folder::new().with("index.html", "a");
    let server = watch(&folder);
    let mut events = Events::listen(&server, "", "");
    let page = server.connect().get("/").text();
    let query = format!("?since={}", version(&page));
    folder.write("index.html", "b");
    assert_eq!(events.next(), reload());
    assert_eq!(Events::listen(&server, &query, "").next(), reload());

    let page = server.connect().get("/").text();
    let last = format!("Last-Event-ID: {}\r\n", version(&page));
    folder.write("style.css", "b");
    assert_eq!(events.next(), styles("style.css"));
    assert_eq!(
        Events::listen(&server, &query, &last).next(),
        styles("style.css")
    );
    drop(server);

    let server = watch(&folder);
    assert_eq!(Events::listen(&server, &query, &last).next(), reload());
}

#[test]
fn curl_hears_it() {
    let folder = Folder::new().with("a.txt", "a");
    let server = watch(&folder);
    let mut curl = Command::new("curl")
        .args(["-sSN", "--max-time", "30", &server.url(EVENTS)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(curl.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert_eq!(next(), "retry: 1000");
    folder.write("a.txt", "b");
    while next() != "event: reload" {}
    curl.kill().unwrap();
    curl.wait().unwrap();
    let head = curl_text(["-I", &server.url(EVENTS)]);
    assert!(head.contains("Content-Type: text/event-stream"), "{head}");
}

/// The log's lines are no change, wherever they go, or each reload would be the reason for the
/// next.
#[test]
fn the_log_in_the_folder() {
    let folder = Folder::new().with("index.html", "a").with("access.log", "");
    let log = folder.join("access.log");
    let server = Serve::start(folder.path(), ["--watch", "--log-file", &log]);
    let mut events = Events::listen(&server, "", "");
    assert_eq!(server.connect().get("/").status, 200);
    folder.write("style.css", "b");
    assert_eq!(events.next(), styles("style.css"));
}

#[test]
fn number_of_event_streams_is_limited() {
    let folder = Folder::new().with("a.txt", "a");
    let server = watch(&folder);
    let mut crowd: Vec<_> = (0..512).map(|_| Events::listen(&server, "", "")).collect();
    assert_eq!(ask(&server, "GET", EVENTS, "").status, 503);
    assert_eq!(server.connect().get("/a.txt").text(), "a");
    drop(crowd.pop());
    server.wait_until("the closed stream makes room", |server| {
        ask(server, "HEAD", EVENTS, "").status == 200
    });
    Events::listen(&server, "", "");
}

/// A page whose stream is open holds no thread.
#[test]
fn three_hundred_pages_need_two_workers() {
    let folder = Folder::new().with("index.html", "<p>page</p>");
    let server = Serve::start(folder.path(), ["--watch", "--workers", "2"]);
    ask(&server, "GET", "/", "");
    // A page is made on a thread that may block; there is time for some of those, too.
    let most = server.threads() + 4;
    let mut pages: Vec<_> = (0..300)
        .map(|_| {
            ask(&server, "GET", "/", "");
            Events::listen(&server, "", "")
        })
        .collect();
    assert!(server.threads() <= most);
    folder.write("style.css", "p {}");
    for events in &mut pages {
        assert_eq!(events.next(), styles("style.css"));
    }
    assert_eq!(ask(&server, "GET", "/style.css", "").text(), "p {}");
    assert!(server.threads() <= most);
    server.signal("TERM");
    assert!(pages.iter_mut().all(Events::is_ended));
}

/// An open stream does not delay the end of the server.
#[test]
fn a_graceful_end() {
    let folder = Folder::new().with("a.txt", "a");
    let mut server = watch(&folder);
    let mut crowd: Vec<_> = (0..10).map(|_| Events::listen(&server, "", "")).collect();
    let since = std::time::Instant::now();
    server.signal("TERM");
    assert!(crowd.iter_mut().all(Events::is_ended));
    assert_eq!(server.wait(), Some(0));
    assert!(
        since.elapsed() < std::time::Duration::from_secs(8),
        "the grace is 10 s"
    );
}

/// A browser that ends with its test.
struct Browser(Child);

impl Browser {
    /// `None` if there is none on this machine.
    fn open(url: &str, profile: &Folder) -> Option<Self> {
        let browser = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args(["--disable-dev-shm-usage", "--disable-background-networking"])
            .args(["--remote-debugging-port=0", "--no-proxy-server"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        browser.ok().map(Browser)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The requests that a browser makes say what it does: a page that is loaded asks for what its
/// script fetches, a style sheet that is applied for its background.
#[test]
fn a_browser_reloads() {
    let page = |number: u8| {
        format!(
            "<!DOCTYPE html><link rel=stylesheet href=style.css><title>x</title><p>x</p>\
             <script>fetch('/loaded-{number}')</script>\n"
        )
    };
    let style = |number: u8| format!("body {{ background: url(/applied-{number}) }}\n");
    let folder = Folder::new()
        .with("index.html", page(1))
        .with("style.css", style(1));
    let profile = Folder::new();
    let server = watch(&folder);
    let Some(_browser) = Browser::open(&server.url("/"), &profile) else {
        eprintln!("skipped: chromium is not installed");
        return;
    };
    // The lines up to the one in which all that is wanted has been asked for.
    let until = |wanted: &[&str]| {
        let mut lines = Vec::new();
        while !wanted
            .iter()
            .all(|wanted| lines.iter().any(|line: &String| line.contains(wanted)))
        {
            lines.push(server.stderr_line());
        }
        lines.join("\n")
    };
    until(&["GET /loaded-1 ", "GET /applied-1 "]);
    // The page's stream may not be open yet; then the event comes when it is.
    folder.write("style.css", style(2));
    let lines = until(&["GET /applied-2 "]);
    assert!(
        !lines.contains("GET / ") && lines.contains("GET /style.css?tinyhttp="),
        "{lines}"
    );
    folder.write("index.html", page(2));
    let lines = until(&["GET /loaded-2 "]);
    assert!(lines.contains("GET / "), "{lines}");
    // A style sheet that this page doesn't have may be part of one that it has.
    folder.write("imported.css", "");
    until(&["GET / "]);
    until(&["GET /loaded-2 "]);
    // Without its index the folder is listed. That is a page, too, with a policy of its own.
    std::fs::remove_file(folder.path().join("index.html")).unwrap();
    until(&["GET / ", "GET /.tinyhttp/live.js "]);
    folder.write("index.html", page(3));
    until(&["GET /loaded-3 "]);
}
