//! Faulty responses that every other client reads: they are read as RFC 9112 says, unless
//! `--strict` is given, and `-v` says what was tolerated.

use crate::script::{HELLO, Server, get};
use std::sync::mpsc;

/// A response whose content reads `hello`, and what -v says of its fault.
const FORGIVEN: &str = r"
    HTTP/1.1 200 OK\nContent-Length: 5\n\nhello => LF without CR
    HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello => LF without CR
    HTTP/1.1 200 OK\nContent-Length: 5\r\n\nhello => LF without CR
    HTTP/1.1 200\n\nhello => LF without CR
    HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\nContent-Length: 5\n\nhello => LF without CR
    HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 5\r\n\r\nhello => folded
    HTTP/1.1 200 OK\r\nA: b\r\nContent-Length:\r\n\t5\r\n\r\nhello => folded
    HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello => colon
    HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello => repeated
    HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello => repeated
    HTTP/1.1 200 OK\r\nContent-Length: 84\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n => ignored beside Transfer-Encoding
    HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello => identity
    HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5  \r\nhello\r\n0\t\r\n\r\n => chunk size
    HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n => LF without CR
    HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n => folded
    HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello => later than HTTP/1.1
";

#[test]
fn faults_that_every_client_forgives() {
    for (answer, fault) in table::cases(FORGIVEN) {
        let answer = table::unescaped(answer);
        let server = Server::answering([&answer]);
        let outcome = get(["-v", &server.url("/")]).succeeds();
        assert_eq!(outcome.text(), "hello", "{answer:?}");
        let told = outcome
            .stderr
            .lines()
            .filter(|line| line.contains("tolerated, an error with --strict"));
        let told: Vec<_> = told.collect();
        assert!(
            !told.is_empty() && told.iter().all(|line| line.contains(fault)),
            "{answer:?} {outcome:?}"
        );
    }
    let server = Server::answering([HELLO]);
    let outcome = get(["-v", &server.url("/")]).succeeds();
    assert!(
        !outcome.stderr.contains("tolerated, an error with --strict"),
        "{outcome:?}"
    );
}

#[test]
fn strict_forgives_nothing() {
    for (answer, _) in table::cases(FORGIVEN) {
        let answer = table::unescaped(answer);
        // Equal lengths in two lines may be one by RFC 9110 §8.6.
        if answer.contains("5\r\nContent-Length: 5") {
            continue;
        }
        let server = Server::answering([&answer]);
        let outcome = get(["--strict", &server.url("/")]);
        assert!(matches!(outcome.code, 8 | 56), "{answer:?} {outcome:?}");
    }
    let server = Server::answering([HELLO]);
    get(["--strict", &server.url("/")]).succeeds();
}

#[test]
fn heads_are_shown_as_they_came() {
    let head = "HTTP/1.1 200 OK\nA : b\n  c\nContent-Length: 5\n\n";
    let server = Server::answering([format!("{head}hello")]);
    let outcome = get(["-i", &server.url("/")]).succeeds();
    assert_eq!(outcome.text(), format!("{head}hello"));
    let server = Server::answering([format!("{head}hello")]);
    let outcome = get(["-w", "%header{a}", &server.url("/")]).succeeds();
    assert_eq!(outcome.text(), "hellob c");
}

#[test]
fn what_is_ambiguous_is_refused_all_the_same() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 05, 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nA B: c\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/3.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        // The fold may have been meant as a field.
        "HTTP/1.1 200 OK\r\nA: b\r\n Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n\tcontent-length : 2\r\n\r\nhello",
        // What follows the LF may be more of the head.
        "HTTP/1.1 200 OK\r\nA: b\r\n\n\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\n\n \nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\nhello",
    ] {
        let server = Server::answering([answer]);
        let outcome = get([server.url("/")]);
        assert_eq!(outcome.code, 8, "{answer:?} {outcome:?}");
        assert_eq!(outcome.stdout, b"", "{answer:?}");
    }
}

/// Which bytes are the content is not a matter of opinion: browsers read these in the same way.
#[test]
fn framing_decides_what_is_content() {
    let late = " \r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let table = [
        // Content-Length ends the content, whatever follows before the close (RFC 9112 §6.3).
        (
            "Content-Length: 5\r\nConnection: close\r\n\r\nhello, world",
            "hello",
        ),
        // chunked overrides Content-Length (RFC 9112 §6.3).
        (
            "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\njunk",
            "hello",
        ),
        // The first empty line ends the head (RFC 9112 §2.1); without a length the close ends the
        // content.
        (&format!("\r\n{late}"), late),
    ];
    for (rest, want) in table {
        for flags in [&[][..], &["--compressed"]] {
            let server = Server::answering([format!("HTTP/1.1 200 OK\r\n{rest}")]);
            let url = server.url("/");
            let outcome = get(flags.iter().copied().chain([&*url])).succeeds();
            assert_eq!(outcome.text(), want, "{rest:?}");
        }
    }
}

#[test]
fn a_connection_whose_framing_was_repaired_is_not_used_again() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 84\r\nTransfer-Encoding: chunked\r\n\r\n\
                  5\r\nhello\r\n0\r\n\r\n";
    let server = Server::start_parallel(move |connection| {
        while connection.request().is_some() {
            let number = connection.number.to_string();
            connection.send(answer.replace("hello", &format!("hell{number}")));
        }
    });
    let outcome = get([server.url("/1"), server.url("/2")]).succeeds();
    assert_eq!(outcome.text(), "hell0hell1");
}

#[test]
fn hundreds_of_fields_are_read() {
    for count in [201, 300, 990] {
        let fields = "Set-Cookie: a=b\r\n".repeat(count);
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 5\r\n\r\nhello");
        let server = Server::answering([answer]);
        assert_eq!(get([server.url("/")]).succeeds().text(), "hello", "{count}");
    }
}

#[test]
fn another_protocol_is_recognised_at_once() {
    let table: &[(&[u8], &str)] = &[
        (b"SSH-2.0-OpenSSH_9.6\r\n", "speaks SSH"),
        (b"220 mail.example.org ESMTP\r\n", "SMTP"),
        (b"* OK IMAP4 ready\r\n", "IMAP"),
        (b"+OK POP3 ready\r\n", "POP3"),
        (b"-ERR unknown command\r\n", "Redis"),
        (b"RFB 003.008\n", "VNC"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "try https://"),
        (b"\0\0\x12\x04\0\0\0\0\0", "HTTP/2"),
        (b"hello", "number of the port"),
        (b"HTTPS", "number of the port"),
        (b"\n\n", "number of the port"),
    ];
    for (greeting, hint) in table {
        // The server waits for an answer that never comes, until it is told that the client has
        // gone.
        let (done, is_done) = mpsc::channel::<()>();
        let greeting: &'static [u8] = greeting;
        let server = Server::start(move |connection| {
            connection.send(greeting);
            let _ = is_done.recv();
        });
        let outcome = get([server.url("/")]).fails(8);
        drop(done);
        assert!(outcome.stderr.contains("start line"), "{outcome:?}");
        assert!(outcome.stderr.contains(hint), "{greeting:?} {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 2, "{outcome:?}");
    }
}

#[test]
fn a_chunk_size_that_is_one_too_large_is_an_error() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (content, code) in [
        ("6\r\nhello\r\n0\r\n\r\n", 56),
        ("6\nhello\n\n0\n\n", 0),
        ("5\nhello\n0\n\n", 0),
        ("5\r\nhello\n0\r\n\r\n", 56),
        ("5\nhello\r\n0\r\n\r\n", 0),
    ] {
        let server = Server::answering([[head, content].concat()]);
        let outcome = get([server.url("/")]);
        assert_eq!(outcome.code, code, "{content:?} {outcome:?}");
    }
}
