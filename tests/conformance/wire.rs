//! Raw bytes to the server: what is refused and how, pipelining, keep-alive, slow and half-closed
//! clients.

use std::net::Shutdown;
use support::{Folder, Serve};

const NO_FLAGS: [&str; 0] = [];

fn serve() -> (Folder, Serve) {
    let folder = Folder::new()
        .with("index.html", "<h1>hello</h1>")
        .with("a.txt", "aaaa")
        .with("b.txt", "bb");
    let server = Serve::start(folder.path(), NO_FLAGS);
    (folder, server)
}

/// Every refusal of the grammar, as it looks from outside: its status, an explanation, and the end
/// of the connection.
#[test]
fn what_is_refused() {
    let (_folder, server) = serve();
    let table = r"
        GET / HTTP/1.1\nHost: h\n\n => 400
        GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n => 400
        GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n folded\r\n\r\n => 400
        GET / HTTP/1.1\r\nHost : h\r\n\r\n => 400
        GET / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n => 400
        GET / HTTP/1.1\r\n\r\n => 400
        GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n => 400
        GET / HTTP/1.1\r\nHost: a b\r\n\r\n => 400
        GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello => 400
        GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello => 400
        POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n => 400
        POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n => 400
        POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n => 501
        POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n => 400
        # Refused for its framing, though the path isn't there and the method isn't allowed.
        DELETE /nowhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n => 400
        GET / HTTP/3.0\r\nHost: h\r\n\r\n => 505
        GET /\r\n\r\n => 400
        hello\r\n\r\n => 400
        GET /../../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n => 400
        GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n => 400
        POST / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\n\r\n => 417
    ";
    for (case, status) in table::cases(table) {
        let mut raw = server.connect();
        raw.send(table::bytes(case));
        let answer = raw.answer();
        assert_eq!(answer.status.to_string(), status, "{case}: {answer:?}");
        if status != "400" || !case.contains("/../") && !case.contains("%00") {
            assert_eq!(answer.field("connection"), Some("close"), "{case}");
            assert!(raw.is_ended(), "{case}");
        }
    }
}

#[test]
fn heads_that_are_too_large() {
    let (_folder, server) = serve();
    let table = [
        (
            format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(9000)),
            414,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n",
                "a".repeat(40_000)
            ),
            431,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
                "A: b\r\n".repeat(100)
            ),
            431,
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(99)),
            200,
        ),
    ];
    for (request, status) in table {
        assert_eq!(
            server.connect().send(&request).answer().status,
            status,
            "{} bytes",
            request.len()
        );
    }
}

#[test]
fn requests_byte_by_byte_and_in_one_go() {
    let (_folder, server) = serve();
    let mut raw = server.connect();
    for byte in b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n" {
        raw.send([*byte]);
    }
    assert_eq!(raw.answer().text(), "aaaa");
    raw.send("GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n".repeat(20));
    for _ in 0..20 {
        assert_eq!(raw.answer().text(), "aaaa");
    }
}

/// More requests than are answered in one turn, on one connection, in order; and part of one at the
/// end.
#[test]
fn a_thousand_pipelined_requests() {
    let (_folder, server) = serve();
    let mut raw = server.connect();
    let both = "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\nGET /b.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    raw.send(both.repeat(500)).send("GET /b.t");
    for _ in 0..500 {
        assert_eq!(raw.answer().text(), "aaaa");
        assert_eq!(raw.answer().text(), "bb");
    }
    assert_eq!(
        raw.send("xt HTTP/1.1\r\nHost: h\r\n\r\n").answer().text(),
        "bb"
    );
}

#[test]
fn connections_that_are_kept() {
    let (_folder, server) = serve();
    // A request; the Connection field of the response, and what becomes of the connection.
    let table = r"
        GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n => none, kept
        GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n => close, ended
        GET /a.txt HTTP/1.0\r\n\r\n => close, ended
        GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n => keep-alive, kept
        GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n => none, kept
        HEAD /a.txt HTTP/1.1\r\nHost: h\r\n\r\n => none, kept
    ";
    table::check(table, |request| {
        let mut raw = server.connect();
        let method = request.split(' ').next().unwrap();
        let answer = raw.send(table::bytes(request)).answer_to(method);
        let field = answer.field("connection").unwrap_or("none").to_owned();
        let is_kept = field != "close";
        match is_kept {
            true => assert_eq!(raw.get("/b.txt").text(), "bb", "{request}"),
            false => assert!(raw.is_ended(), "{request}"),
        }
        format!("{field}, {}", if is_kept { "kept" } else { "ended" })
    });
}

#[test]
fn a_client_that_half_closes_gets_its_answer() {
    let (_folder, server) = serve();
    let mut raw = server.connect();
    raw.send("GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n");
    raw.stream().shutdown(Shutdown::Write).unwrap();
    assert_eq!(raw.answer().text(), "aaaa");
    assert!(raw.is_ended());
}

/// Content that no handler reads is skipped, and the next request is found behind it.
#[test]
fn unwanted_content_does_not_become_a_request() {
    let (_folder, server) = serve();
    let hidden = "GET /b.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    let table = [
        format!(
            "GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{hidden}",
            hidden.len()
        ),
        format!(
            "GET /a.txt HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n",
            hidden.len()
        ),
    ];
    for request in table {
        let mut raw = server.connect();
        assert_eq!(raw.send(&request).answer().text(), "aaaa");
        assert_eq!(raw.get("/b.txt").text(), "bb");
    }
    // So much of it that the connection isn't worth keeping.
    let mut raw = server.connect();
    raw.send("GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n");
    assert_eq!(raw.answer().field("connection"), Some("close"));
    assert!(raw.is_ended());
}

/// Content that no handler reads and that is broken: its request has had its answer, and the
/// connection ends without another one.
#[test]
fn unwanted_content_that_is_broken() {
    let (_folder, server) = serve();
    for chunks in ["xyz\r\n", "1\r\nabc\r\n", "0\r\nA : b\r\n\r\n"] {
        let mut raw = server.connect();
        raw.send("GET /a.txt HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(raw.answer().text(), "aaaa");
        raw.send(chunks);
        assert!(raw.is_ended(), "{chunks:?}");
    }
    server.connect().get("/b.txt");
    let mut line = String::new();
    while !line.contains("/b.txt") {
        line = server.stderr_line();
        assert!(!line.contains("error"), "{line}");
    }
}

/// A client that expects `100 Continue` and is refused may or may not send its content, so that is
/// the last answer.
#[test]
fn expectations_of_unwanted_content() {
    let (_folder, server) = serve();
    let mut raw = server.connect();
    raw.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    let answer = raw.answer();
    assert_eq!(
        (answer.status, answer.field("connection")),
        (405, Some("close"))
    );
    assert!(raw.is_ended());
}

#[test]
fn targets_in_all_their_forms() {
    let (_folder, server) = serve();
    let table = [
        ("GET http://anything/a.txt HTTP/1.1\r\nHost: h\r\n\r\n", 200),
        ("GET http://anything HTTP/1.1\r\nHost: h\r\n\r\n", 200),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 200),
        ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET a.txt HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("BREW /a.txt HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        ("DELETE /a.txt HTTP/1.1\r\nHost: h\r\n\r\n", 405),
    ];
    for (request, status) in table {
        let answer = server.connect().send(request).answer();
        // OPTIONS may be answered with or without content.
        let status_is_right = answer.status == status || (status == 200 && answer.status == 204);
        assert!(status_is_right, "{request:?}: {answer:?}");
        if status == 405 {
            assert!(
                answer
                    .field("allow")
                    .is_some_and(|allow| allow.contains("GET")),
                "{request:?}"
            );
        }
    }
}
