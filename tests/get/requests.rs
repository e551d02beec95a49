//! What goes on the wire.

use crate::script::{HELLO, Server, command, get, run};

#[test]
fn a_plain_request() {
    let server = Server::answering([HELLO]);
    let outcome = get([server.url("/a?b=c#d")]).succeeds();
    assert_eq!(outcome.text(), "hello");
    let want = format!(
        "GET /a?b=c HTTP/1.1\r\nHost: {}\r\nUser-Agent: tinyhttp/{}\r\nAccept: */*\r\n\r\n",
        server.address,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(server.request(), want);
}

#[test]
fn a_scheme_is_not_needed() {
    let server = Server::answering([HELLO]);
    get([format!("{}/x", server.address)]).succeeds();
    assert!(server.request().starts_with("GET /x HTTP/1.1\r\n"));
}

#[test]
fn methods_fields_and_content() {
    type Row = (
        &'static [&'static str],
        &'static str,
        &'static [&'static str],
        &'static str,
    );
    let table: &[Row] = &[
        (&["-I"], "HEAD", &["Accept: */*"], ""),
        (&["-X", "DELETE"], "DELETE", &["Accept: */*"], ""),
        (
            &["-d", "a=b", "-d", "c=d"],
            "POST",
            &[
                "Content-Length: 7",
                "Content-Type: application/x-www-form-urlencoded",
            ],
            "a=b&c=d",
        ),
        (
            &["-X", "PUT", "-d", "x"],
            "PUT",
            &["Content-Length: 1"],
            "x",
        ),
        (
            &["-H", "X-One: 1", "-H", "X-Two;"],
            "GET",
            &["X-One: 1", "X-Two: "],
            "",
        ),
        (&["-H", "Host: other"], "GET", &["Host: other"], ""),
        (&["-H", "User-Agent: me"], "GET", &["User-Agent: me"], ""),
    ];
    for (args, method, fields, content) in table {
        let server = Server::answering([HELLO]);
        get(args
            .iter()
            .map(ToString::to_string)
            .chain([server.url("/")]))
        .succeeds();
        let request = server.request();
        assert!(
            request.starts_with(&format!("{method} / HTTP/1.1\r\n")),
            "{request}"
        );
        for field in *fields {
            assert!(
                request.contains(&format!("\r\n{field}\r\n")),
                "{field}: {request}"
            );
        }
        assert!(
            request.ends_with(&format!("\r\n\r\n{content}")),
            "{request}"
        );
    }
}

#[test]
fn a_default_field_can_be_taken_out() {
    let server = Server::answering([HELLO]);
    get(["-H", "Accept:", "-H", "User-Agent:", &server.url("/")]).succeeds();
    let want = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    assert_eq!(server.request(), want);
}

#[test]
fn content_from_standard_input() {
    let server = Server::answering([HELLO]);
    let outcome = run(
        command(["get", "-d", "@-", &server.url("/")]),
        b"one\r\ntwo",
    );
    outcome.succeeds();
    assert!(server.request().ends_with("\r\n\r\nonetwo"));
}

#[test]
fn fields_cannot_be_smuggled_in() {
    let server = Server::answering([HELLO]);
    for bad in ["X: a\r\nEvil: b", "X\r\nEvil: b", "X : b", "X"] {
        get(["-H", bad, &server.url("/")]).fails(2);
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn urls_that_are_none() {
    for (url, code) in [
        ("http://", 3),
        ("http://[::g]/", 3),
        ("ftp://h/", 1),
        ("h:99999", 3),
    ] {
        let outcome = get([url]).fails(code);
        assert_eq!(outcome.stderr.lines().count(), 2, "{}", outcome.stderr);
    }
}
