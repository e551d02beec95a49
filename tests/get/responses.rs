//! What becomes of the response.

use crate::script::{HELLO, Server, command, get, spawn};
use std::io::Read;
use std::process::Stdio;
use support::Folder;

#[test]
fn a_pipe_gets_the_content_byte_for_byte() {
    let content: Vec<u8> = (0..=255u8).cycle().take(300_000).collect();
    let known = [
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            content.len()
        )
        .as_bytes(),
        &content,
    ]
    .concat();
    let until_close = [b"HTTP/1.1 200 OK\r\n\r\n", &content[..]].concat();
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in content.chunks(7001) {
        chunked.extend(format!("{:x};ext=1\r\n", piece.len()).bytes());
        chunked.extend(piece);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\nTrailer: x\r\n\r\n");
    for answer in [known, until_close, chunked] {
        let server = Server::answering([answer]);
        assert!(get([server.url("/")]).succeeds().stdout == content);
    }
}

#[test]
fn heads_are_shown_when_asked_for() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let server = Server::answering([[interim, HELLO].concat()]);
    let outcome = get(["-i", &server.url("/")]).succeeds();
    assert_eq!(outcome.text(), [interim, HELLO].concat());
    let server = Server::answering(["HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX: y\r\n\r\n"]);
    let outcome = get(["-I", &server.url("/")]).succeeds();
    assert_eq!(
        outcome.text(),
        "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX: y\r\n\r\n"
    );
}

#[test]
fn responses_without_content() {
    for head in [
        "204 No Content\r\n",
        "304 Not Modified\r\nContent-Length: 5\r\n",
    ] {
        let server = Server::answering([format!("HTTP/1.1 {head}\r\nhello")]);
        assert_eq!(get([server.url("/")]).succeeds().text(), "");
    }
}

#[test]
fn status_codes_fail_only_when_asked_to() {
    let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope";
    let server = Server::answering([answer, answer]);
    assert_eq!(get([server.url("/")]).succeeds().text(), "nope");
    let outcome = get(["-f", &server.url("/")]).fails(22);
    assert_eq!(outcome.text(), "");
    assert!(
        outcome.stderr.contains("404 Not Found"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn silence() {
    let outcome = get(["-s", "http://127.0.0.1:1/"]).fails(7);
    assert_eq!(outcome.stderr, "");
    let outcome = get(["-sS", "http://127.0.0.1:1/"]).fails(7);
    assert!(outcome.stderr.contains("127.0.0.1:1: Connection refused"));
}

#[test]
fn files() {
    let folder = Folder::new();
    let server = Server::answering([HELLO; 4]);
    get(["-o", &folder.join("a"), &server.url("/")]).succeeds();
    assert_eq!(folder.read("a"), b"hello");

    let remote = |extra: &[&str]| {
        let mut command = command(["get", "-O"]);
        command
            .args(extra)
            .arg(server.url("/x/b%20c.txt?q"))
            .current_dir(folder.path());
        crate::script::run(command, b"")
    };
    remote(&[]).succeeds();
    assert_eq!(folder.read("b c.txt"), b"hello");
    std::fs::write(folder.join("b c.txt"), "mine").unwrap();
    let outcome = remote(&[]).fails(23);
    assert!(
        outcome.stderr.contains("is there already"),
        "{}",
        outcome.stderr
    );
    assert_eq!(folder.read("b c.txt"), b"mine");
    remote(&["--clobber"]).succeeds();
    assert_eq!(folder.read("b c.txt"), b"hello");
    assert_eq!(folder.names(), ["a", "b c.txt"], "no parts are left behind");
}

#[test]
fn several_urls_share_a_connection() {
    let server = Server::start(|connection| {
        while connection.request().is_some() {
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}\n",
                connection.number
            );
            connection.send(answer);
        }
    });
    let outcome = get([server.url("/1"), server.url("/2"), server.url("/3")]).succeeds();
    assert_eq!(outcome.text(), "0\n0\n0\n");
}

#[test]
fn redirects_are_followed_when_asked() {
    let to = |status: &str, location: &str| {
        format!("HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 3\r\n\r\nbye")
    };
    let server = Server::answering([to("302", "/b")]);
    assert_eq!(get([server.url("/a")]).succeeds().text(), "bye");

    let server = Server::answering([to("302", "b?x"), to("301", "/c"), HELLO.to_owned()]);
    let outcome = get(["-L", "-i", &server.url("/a/a")]).succeeds();
    let targets: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.split(' ').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(targets, ["/a/a", "/a/b?x", "/c"]);
    assert_eq!(outcome.text().matches("HTTP/1.1 ").count(), 3);
    assert!(outcome.text().ends_with("hello"));

    let server = Server::start(move |connection| {
        connection.request();
        connection.send("HTTP/1.1 302 Go\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n");
    });
    let outcome = get(["-L", "--max-redirs", "3", &server.url("/")]).fails(47);
    assert!(
        outcome.stderr.contains("more than 3 redirects"),
        "{}",
        outcome.stderr
    );
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn bytes_of_a_location_are_kept_in_whatever_charset() {
    let table: &[(&[u8], &str)] = &[
        (b"/caf\xe9", "/caf%E9"),
        (b"/\xd6\xd0\xce\xc4?q=\xb2\xe2", "/%D6%D0%CE%C4?q=%B2%E2"),
        ("/café?q=ü".as_bytes(), "/caf%C3%A9?q=%C3%BC"),
        (b"/a%20b\xff\xfe/x%e9", "/a%20b%FF%FE/x%e9"),
        (b"next\xe9#frag\xe9", "/next%E9"),
        (b"/\xef\xbf\xbd", "/%EF%BF%BD"),
    ];
    for (location, want) in table {
        let redirect = [
            b"HTTP/1.1 302 Go\r\nContent-Length: 0\r\nLocation: ",
            *location,
            b"\r\n\r\n",
        ]
        .concat();
        let server = Server::answering([redirect, HELLO.into()]);
        get(["-L", &server.url("/")]).succeeds();
        let line = format!("GET {want} HTTP/1.1\r\n");
        assert!(
            server.requests()[1].starts_with(&line),
            "{:?}",
            server.requests()
        );
    }
}

#[test]
fn redirects_lead_to_http_only() {
    for location in ["file:///etc/passwd", "gopher://127.0.0.1/", "javascript:1"] {
        let answer = format!("HTTP/1.1 302 Go\r\nLocation: {location}\r\n\r\n");
        let server = Server::answering([answer]);
        get(["-L", &server.url("/")]).fails(1);
    }
}

#[test]
fn the_steps_are_told() {
    let server = Server::answering([HELLO]);
    let outcome = get(["-v", &server.url("/a")]).succeeds();
    assert_eq!(outcome.text(), "hello");
    let steps = [
        "1 URL",
        "2 resolve",
        "3 connect",
        "4 request",
        "> GET /a HTTP/1.1",
        "5 response",
        "< HTTP/1.1 200 OK",
        "6 keep",
        "7 print",
    ];
    let mut rest = outcome.stderr.as_str();
    for step in steps {
        let at = rest
            .find(step)
            .unwrap_or_else(|| panic!("{step} in {}", outcome.stderr));
        rest = &rest[at..];
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let server = Server::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\n\r\n");
        while std::io::Write::write_all(&mut connection.stream, &[b'x'; 65536]).is_ok() {}
    });
    let mut child = spawn(command(["get", &server.url("/")]));
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    child.stdout = Some(empty_pipe());
    let outcome = crate::script::outcome(child).fails(23);
    assert_eq!(outcome.stderr, "");
}

/// A pipe that has ended, in the place of one that was closed.
fn empty_pipe() -> std::process::ChildStdout {
    let child = std::process::Command::new("true")
        .stdout(Stdio::piped())
        .spawn();
    child.unwrap().stdout.take().unwrap()
}
