//! Files that an upstream server names, and that are sent in the place of its content.

use super::script::{builder, read_head, responds, upstream};
use crate::support::{LONG, Running, Seen, read_until, rest, wait_until};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tempfile::TempDir;
use tinyhttp_server::access_log::{AccessLog, Format};
use tinyhttp_server::files::Options;
use tinyhttp_server::gateway::{Cgi, CgiOptions, Protocol, SentFiles, Upstream, UpstreamBuilder};
use tinyhttp_server::middleware::Fields;
use tinyhttp_server::{Files, Handler, Reply, Request};

/// A directory with files that only an upstream server hands out, and a secret beside it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("private/sub")).unwrap();
    fs::write(at("private/a.txt"), "0123456789").unwrap();
    fs::write(at("private/a b.txt"), "with a space").unwrap();
    fs::write(at("private/100%25.txt"), "with a percent sign").unwrap();
    fs::write(at("private/sub/index.html"), "index").unwrap();
    fs::write(at("private/.hidden"), "secret").unwrap();
    fs::write(at("secret"), "secret").unwrap();
    symlink(at("secret"), at("private/out")).unwrap();
    symlink(folder.path(), at("private/up")).unwrap();
    symlink("a.txt", at("private/inside")).unwrap();
    folder
}

/// The files of the directory, as `/protected` and by their path.
fn files(folder: &TempDir) -> SentFiles {
    let private = folder.path().join("private");
    let options = Options::new().listing(false).compress(false);
    let options = options.index([""; 0]);
    SentFiles::new(options.open(&private).unwrap())
        .prefix("/protected")
        .directory(private)
}

fn sending(builder: UpstreamBuilder, folder: &TempDir) -> Upstream {
    builder.send_files([files(folder)]).build()
}

/// The head of a response that names a file.
fn names(field: &str, value: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{field}: {value}\r\nContent-Length: 0\r\n\r\n")
}

/// A server in front of an upstream that responds to everything with these bytes.
fn proxy(folder: &TempDir, response: String) -> Running {
    let address = upstream(move |stream, _| responds(stream, response.as_bytes()));
    Running::start(sending(builder(&[address]), folder))
}

fn request(line: &str, fields: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}\r\n")
}

/// The values of a field.
fn values<'m>(message: &'m str, name: &str) -> Vec<&'m str> {
    let head = message.split("\r\n\r\n").next().unwrap();
    let lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    let found = lines.filter(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value).collect()
}

fn content(message: &str) -> &str {
    message.split_once("\r\n\r\n").unwrap().1
}

#[test]
fn the_file_comes_with_the_fields_of_the_response() {
    let folder = folder();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-report\r\n\
                Content-Disposition: attachment; filename=\"r\"\r\nCache-Control: private\r\n\
                Expires: 0\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nETag: \"upstream\"\r\n\
                Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-Frame-Options: DENY\r\n\
                X-Accel-Buffering: no\r\nX-Accel-Redirect: /protected/a.txt\r\n";
    for rest in [
        "Content-Length: 0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ] {
        let proxy = proxy(&folder, format!("{head}{rest}"));
        for (line, expected) in [
            ("GET /a", "0123456789"),
            ("HEAD /a", ""),
            ("POST /a", "0123456789"),
        ] {
            let answer = proxy.ask(&request(line, "Content-Length: 0\r\n"));
            assert!(
                answer.starts_with("HTTP/1.1 200 OK\r\n"),
                "{line}: {answer}"
            );
            assert_eq!(content(&answer), expected, "{line}");
            for (name, expected) in [
                ("content-type", &["application/x-report"][..]),
                ("content-disposition", &["attachment; filename=\"r\""]),
                ("cache-control", &["private"]),
                ("expires", &["0"]),
                ("set-cookie", &["a=1", "b=2"]),
                ("x-frame-options", &["DENY"]),
                ("content-length", &["10"]),
                ("accept-ranges", &["bytes"]),
                ("x-accel-redirect", &[]),
                ("x-accel-buffering", &[]),
                ("transfer-encoding", &[]),
            ] {
                assert_eq!(values(&answer, name), expected, "{line} {name}: {answer}");
            }
            let tags = values(&answer, "etag");
            assert!(tags.len() == 1 && tags[0] != "\"upstream\"", "{answer}");
            let dates = values(&answer, "last-modified");
            assert!(dates.len() == 1 && !dates[0].ends_with("1970 00:00:00 GMT"));
        }
    }
}

#[test]
fn ranges_and_conditions_are_those_of_the_file() {
    let folder = folder();
    let typed = "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Sendfile: ";
    let path = folder.path().join("private/a.txt");
    let path = path.display();
    let proxy = proxy(
        &folder,
        format!("{typed}{path}\r\nContent-Length: 0\r\n\r\n"),
    );
    let whole = proxy.ask(&request("GET /", ""));
    let tag = values(&whole, "etag")[0].to_owned();
    let date = values(&whole, "last-modified")[0].to_owned();
    // Method, fields, status, Content-Range, content.
    let table = [
        (
            "GET",
            "Range: bytes=2-4\r\n".to_owned(),
            206,
            "bytes 2-4/10",
            "234",
        ),
        (
            "GET",
            "Range: bytes=-3\r\n".to_owned(),
            206,
            "bytes 7-9/10",
            "789",
        ),
        (
            "GET",
            "Range: bytes=20-\r\n".to_owned(),
            416,
            "bytes */10",
            "*",
        ),
        (
            "GET",
            format!("Range: bytes=0-0\r\nIf-Range: {tag}\r\n"),
            206,
            "bytes 0-0/10",
            "0",
        ),
        (
            "GET",
            "Range: bytes=0-0\r\nIf-Range: \"x\"\r\n".to_owned(),
            200,
            "",
            "0123456789",
        ),
        (
            "GET",
            "Range: bytes=0-0,2-2\r\n".to_owned(),
            200,
            "",
            "0123456789",
        ),
        ("HEAD", "Range: bytes=2-4\r\n".to_owned(), 200, "", ""),
        ("GET", format!("If-None-Match: {tag}\r\n"), 304, "", ""),
        ("HEAD", format!("If-None-Match: {tag}\r\n"), 304, "", ""),
        ("GET", format!("If-Modified-Since: {date}\r\n"), 304, "", ""),
        ("GET", "If-Match: \"x\"\r\n".to_owned(), 412, "", "*"),
        (
            "POST",
            "If-Match: \"x\"\r\nRange: bytes=2-4\r\n".to_owned(),
            200,
            "",
            "0123456789",
        ),
    ];
    for (method, fields, status, range, expected) in &table {
        let line = format!("{method} /");
        let answer = proxy.ask(&request(&line, &format!("{fields}Content-Length: 0\r\n")));
        let name = format!("{method} {fields}: {answer}");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}");
        let ranges: Vec<&str> = [*range].into_iter().filter(|it| !it.is_empty()).collect();
        assert_eq!(values(&answer, "content-range"), ranges, "{name}");
        if *expected != "*" {
            assert_eq!(content(&answer), *expected, "{name}");
        }
        let types = values(&answer, "content-type");
        assert_eq!(types == ["a/b"], [200, 206].contains(status), "{name}");
    }
}

/// An upstream can name files of the directory and no others, however it writes them.
#[test]
fn no_name_leads_out_of_the_directory() {
    let folder = folder();
    let private = folder.path().join("private").display().to_string();
    let above = folder.path().display().to_string();
    let found = [
        (
            "X-Accel-Redirect",
            "/protected/a.txt".to_owned(),
            "0123456789",
        ),
        (
            "X-Accel-Redirect",
            "/protected/inside".to_owned(),
            "0123456789",
        ),
        (
            "X-Accel-Redirect",
            "/protected/a%20b.txt?c".to_owned(),
            "with a space",
        ),
        (
            "X-Accel-Redirect",
            "/protected/a b.txt".to_owned(),
            "with a space",
        ),
        (
            "X-Accel-Redirect",
            "/protected/100%2525.txt".to_owned(),
            "with a percent sign",
        ),
        (
            "X-Accel-Redirect",
            "/protected/sub/index.html".to_owned(),
            "index",
        ),
        ("X-Sendfile", format!("{private}/a.txt"), "0123456789"),
        (
            "x-sendfile",
            format!("{private}//sub/./index.html"),
            "index",
        ),
        ("X-Sendfile", format!("{private}/a b.txt"), "with a space"),
        ("X-Sendfile", format!("{private}/a%20b.txt"), "with a space"),
        (
            "X-Sendfile",
            format!("{private}/100%25.txt"),
            "with a percent sign",
        ),
    ];
    for (field, value, expected) in &found {
        let answer = proxy(&folder, names(field, value)).ask(&request("GET /", ""));
        assert_eq!(content(&answer), *expected, "{field}: {value}: {answer}");
    }
    let refused = [
        ("X-Accel-Redirect", "/protected/../secret".to_owned()),
        ("X-Accel-Redirect", "/protected/%2e%2e/secret".to_owned()),
        ("X-Accel-Redirect", "/protected/..%2fsecret".to_owned()),
        ("X-Accel-Redirect", "/protected/%2e%2e%2fsecret".to_owned()),
        (
            "X-Accel-Redirect",
            "/protected/%252e%252e/secret".to_owned(),
        ),
        ("X-Accel-Redirect", "/protected/sub/../../secret".to_owned()),
        ("X-Accel-Redirect", "/protected/..\\secret".to_owned()),
        ("X-Accel-Redirect", "/protected//secret".to_owned()),
        ("X-Accel-Redirect", format!("/protected/{above}/secret")),
        ("X-Accel-Redirect", "/protected/out".to_owned()),
        ("X-Accel-Redirect", "/protected/up/secret".to_owned()),
        ("X-Accel-Redirect", "/protected/.hidden".to_owned()),
        ("X-Accel-Redirect", "/protected/%2ehidden".to_owned()),
        ("X-Accel-Redirect", "/protected/a.txt%00".to_owned()),
        ("X-Accel-Redirect", "/protected/a.txt%0a".to_owned()),
        ("X-Accel-Redirect", "/protected/sub".to_owned()),
        ("X-Accel-Redirect", "/protected/sub/".to_owned()),
        ("X-Accel-Redirect", "/protected/".to_owned()),
        ("X-Accel-Redirect", "/protected".to_owned()),
        ("X-Accel-Redirect", "/protected/missing".to_owned()),
        ("X-Accel-Redirect", "/a.txt".to_owned()),
        ("X-Accel-Redirect", "/PROTECTED/a.txt".to_owned()),
        ("X-Accel-Redirect", "protected/a.txt".to_owned()),
        ("X-Accel-Redirect", "http://h/protected/a.txt".to_owned()),
        ("X-Accel-Redirect", "@protected".to_owned()),
        ("X-Accel-Redirect", String::new()),
        ("X-Accel-Redirect", format!("{private}/a.txt")),
        ("X-Sendfile", format!("{above}/secret")),
        ("X-Sendfile", format!("{private}/../secret")),
        ("X-Sendfile", format!("{private}/%2e%2e/secret")),
        ("X-Sendfile", format!("{private}/out")),
        ("X-Sendfile", format!("{private}/.hidden")),
        ("X-Sendfile", format!("{private}x/a.txt")),
        ("X-Sendfile", private.clone()),
        ("X-Sendfile", "/etc/passwd".to_owned()),
        ("X-Sendfile", "a.txt".to_owned()),
        ("X-Sendfile", "/protected/a.txt".to_owned()),
    ];
    for (field, value) in &refused {
        let answer = proxy(&folder, names(field, value)).ask(&request("GET /", ""));
        assert!(
            answer.starts_with("HTTP/1.1 404 "),
            "{field}: {value}: {answer}"
        );
        let is_told = ["secret\n", "root:", "0123", &above]
            .iter()
            .any(|it| answer.contains(it));
        assert!(!is_told, "{field}: {value}: {answer}");
        assert!(values(&answer, "location").is_empty(), "{field}: {value}");
    }
    // What can't stand in a field is no response at all.
    for value in ["/protected/a.txt\0", "/protected/a.txt\nX: y\0"] {
        let answer = proxy(&folder, names("X-Accel-Redirect", value)).ask(&request("GET /", ""));
        assert!(answer.starts_with("HTTP/1.1 502 "), "{value:?}: {answer}");
    }
}

/// Without the setting, the fields are neither obeyed nor relayed. A client can't send those that
/// applications believe to come from the server in front of them.
#[test]
fn fields_about_files_do_not_pass() {
    let folder = folder();
    let (send, heads) = mpsc::channel();
    let send = std::sync::Mutex::new(send);
    let path = folder.path().join("private/a.txt");
    let response = format!(
        "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /protected/a.txt\r\nX-Sendfile: {}\r\n\
         X-LIGHTTPD-send-file: /x\r\nX-Other: y\r\nContent-Length: 4\r\n\r\nown.",
        path.display()
    );
    let address = upstream(move |mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            send.lock().unwrap().send(head).unwrap();
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    let proxy = Running::start(builder(&[address]).build());
    let fields = "X-Sendfile-Type: X-Accel-Redirect\r\nX-Accel-Mapping: /=/etc/\r\nX-Mine: 1\r\n";
    let answer = proxy.ask(&request("GET /", fields));
    assert_eq!(content(&answer), "own.");
    assert_eq!(values(&answer, "x-other"), ["y"]);
    for name in ["x-accel-redirect", "x-sendfile", "x-lighttpd-send-file"] {
        assert!(values(&answer, name).is_empty(), "{answer}");
    }
    let head = heads.recv_timeout(LONG).unwrap();
    assert_eq!(values(&head, "x-mine"), ["1"]);
    for name in ["x-sendfile-type", "x-accel-mapping"] {
        assert!(values(&head, name).is_empty(), "{head}");
    }
}

/// A handler of files that forwards the request to the upstream that names files, and so on.
struct Forwards(Upstream);

impl Handler for Forwards {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        self.0.handle(request)
    }
}

#[test]
fn a_name_leads_to_no_other_name() {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let address = upstream(move |stream, _| {
        count.fetch_add(1, Ordering::Relaxed);
        responds(stream, names("X-Accel-Redirect", "/a").as_bytes());
    });
    let inner = builder(&[address]).build();
    let files = SentFiles::new(Forwards(inner));
    let proxy = Running::start(builder(&[address]).send_files([files]).build());
    let answer = proxy.ask(&request("GET /", ""));
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}

/// The response's own content is skipped: a little is waited for, so that its connection can be
/// kept. What is too long, cut short, or late costs the connection, but not the file.
#[test]
fn the_content_of_the_response_is_skipped() {
    let folder = folder();
    let head = "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /protected/a.txt\r\n";
    let long = "x".repeat(200_000);
    // What follows the head, whether the connection is kept.
    let table = [
        ("Content-Length: 0\r\n\r\n".to_owned(), true),
        ("Content-Length: 3\r\n\r\nabc".to_owned(), true),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
            true,
        ),
        (format!("Content-Length: 200000\r\n\r\n{long}"), false),
        ("Content-Length: 3\r\n\r\na$".to_owned(), false),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\na$".to_owned(),
            false,
        ),
        ("Transfer-Encoding: chunked\r\n\r\nx\r\n".to_owned(), false),
        ("\r\nabc$".to_owned(), false),
    ];
    for (rest, is_kept) in table {
        let bytes = format!("{head}{}", rest.trim_end_matches('$'));
        let is_last = rest.ends_with('$');
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let address = upstream(move |mut stream, _| {
            count.fetch_add(1, Ordering::Relaxed);
            while read_head(&mut stream).is_some() {
                if stream.write_all(bytes.as_bytes()).is_err() || is_last {
                    return;
                }
            }
        });
        let proxy = Running::start(sending(builder(&[address]), &folder));
        let mut client = proxy.connect();
        for _ in 0..3 {
            client
                .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                .unwrap();
            let head = read_until(&mut client, "\r\n\r\n");
            assert!(head.starts_with("HTTP/1.1 200 "), "{rest:.60}: {head}");
            assert_eq!(read_until(&mut client, "9"), "0123456789", "{rest:.60}");
        }
        let expected = if is_kept { 1 } else { 3 };
        assert_eq!(connections.load(Ordering::Relaxed), expected, "{rest:.60}");
    }
}

/// A response that never ends is given up when its time has passed; the file is sent all the same.
#[test]
fn a_response_that_does_not_end_is_given_up() {
    let folder = folder();
    let (told, named) = mpsc::channel();
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream).unwrap();
        let head = "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /protected/a.txt\r\n";
        write!(stream, "{head}Content-Length: 3\r\n\r\na").unwrap();
        told.send(()).unwrap();
        let _ = stream.read(&mut [0; 1]);
    });
    let time = Duration::from_secs(30);
    let upstream = sending(builder(&[address]).timeout(time), &folder);
    let proxy = Running::start(upstream);
    let mut client = proxy.connect();
    client.write_all(request("GET /", "").as_bytes()).unwrap();
    named.recv_timeout(LONG).unwrap();
    let (done, waits) = mpsc::channel();
    std::thread::spawn(move || {
        let answer = rest(&mut client);
        done.send(answer).unwrap();
    });
    // The head may not have been read when the clock is first advanced.
    let answer = loop {
        proxy.advance(time);
        match waits.recv_timeout(Duration::from_millis(50)) {
            Ok(answer) => break answer,
            Err(error) => assert_eq!(error, mpsc::RecvTimeoutError::Timeout),
        }
    };
    let is_file = answer.ends_with("0123456789");
    assert!(is_file || answer.starts_with("HTTP/1.1 504 "), "{answer}");
}

/// The same for servers that speak other protocols, and for programs.
#[test]
fn every_protocol_can_name_files() {
    let folder = folder();
    let head = "Status: 200 OK\r\nContent-Type: a/b\r\nX-Accel-Redirect: /protected/a.txt\r\n\r\n";
    let record = |kind: u8, content: &[u8]| {
        let [high, low] = (content.len() as u16).to_be_bytes();
        [&[1, kind, 0, 1, high, low, 0, 0], content].concat()
    };
    let fastcgi = [
        record(6, head.as_bytes()),
        record(6, b"own"),
        record(3, &[0; 8]),
    ]
    .concat();
    for (protocol, response) in [
        (Protocol::FastCgi, fastcgi),
        (Protocol::Scgi, format!("{head}own").into_bytes()),
        (
            Protocol::Uwsgi,
            format!("HTTP/1.1 200 OK\r\n{}own", &head[16..]).into_bytes(),
        ),
    ] {
        let address = upstream(move |mut stream: TcpStream, _| {
            let _ = stream.read(&mut [0; 4096]);
            stream.write_all(&response).unwrap();
        });
        let upstream = builder(&[address]).protocol(protocol);
        let server = Running::start(sending(upstream, &folder));
        let answer = server.ask(&request("GET /", "Range: bytes=1-2\r\n"));
        assert!(
            answer.starts_with("HTTP/1.1 206 "),
            "{protocol:?}: {answer}"
        );
        assert_eq!(content(&answer), "12", "{protocol:?}");
        assert_eq!(values(&answer, "content-type"), ["a/b"], "{protocol:?}");
    }
    let program = folder.path().join("a.cgi");
    let path = folder.path().join("private/a.txt");
    let text = format!(
        "#!/bin/sh\nprintf 'Content-Type: a/b\\nX-Sendfile: {}\\n\\nown'\ntouch {}/ended\n",
        path.display(),
        folder.path().display()
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let cgi = Cgi::start(CgiOptions::new(folder.path()).pattern("*.cgi")).unwrap();
    for (cgi, expected) in [
        (cgi.clone().send_files([files(&folder)]), "0123456789"),
        (cgi, "own"),
    ] {
        let served = Files::open(folder.path()).unwrap();
        let server = Running::start(served.script("*.cgi", cgi).unwrap());
        let answer = server.ask(&request("GET /a.cgi", ""));
        assert!(content(&answer).contains(expected), "{answer}");
        assert!(values(&answer, "x-sendfile").is_empty(), "{answer}");
        // The program was left to end by itself.
        assert!(folder.path().join("ended").exists());
        fs::remove_file(folder.path().join("ended")).unwrap();
    }
}

/// A large file, byte by byte, to a client that is slow at first; and what is around it: middleware
/// and the access log.
#[test]
fn large_files_middleware_and_the_log() {
    let folder = folder();
    let large: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
    fs::write(folder.path().join("private/large"), &large).unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let address = upstream(move |mut stream, _| {
        while read_head(&mut stream).is_some() {
            let response = names("X-Accel-Redirect", "/protected/large");
            stream.write_all(response.as_bytes()).unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let log = Seen::default();
    let lines = AccessLog::new(log.clone(), Format::Json).unwrap();
    let handler = Fields::new(sending(builder(&[address]), &folder));
    let handler = handler.with("X-Added: 1").unwrap();
    let server = Running::with(|builder| builder.access_log(lines), handler);
    let mut client = server.connect();
    client.write_all(request("GET /", "").as_bytes()).unwrap();
    wait_until("the upstream has responded", || {
        sent.load(Ordering::Relaxed) > 0
    });
    let head = read_until(&mut client, "\r\n\r\n");
    assert_eq!(values(&head, "x-added"), ["1"]);
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    assert!(received == large, "{} bytes", received.len());
    let line = || String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    wait_until("the log has the line", || line().ends_with('\n'));
    let line = line();
    assert!(line.contains("\"status\":200"), "{line}");
    assert!(
        line.contains(&format!("\"upstream_addr\":\"{address}\"")),
        "{line}"
    );
    // Content that the upstream needs no more, and whose end has not come.
    let mut client = server.connect();
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab";
    client.write_all(head.as_bytes()).unwrap();
    read_until(&mut client, "\r\n\r\n");
    let mut received = vec![0; large.len()];
    client.read_exact(&mut received).unwrap();
    assert!(received == large);
}
