//! Trailer fields, of requests and of responses.

use crate::support::{LONG, Running, read_until, rest};
use std::io::{Read, Write};
use std::sync::Arc;
use tinyhttp_server::{Body, Error, Request, Response, Router};

/// Says what it finds in the trailer section.
fn received(mut request: Request<'_>) -> Result<String, Error> {
    assert!(
        request.body().trailers().is_empty(),
        "not before the content"
    );
    let mut content = String::new();
    request.body_mut().read_to_string(&mut content)?;
    assert!(!request.headers().contains_key("x-sum"), "never merged");
    let trailers = request.body().trailers();
    let sums = trailers.get_all("x-sum").iter();
    let sums: Vec<_> = sums.map(|sum| sum.to_str().unwrap()).collect();
    Ok(format!("{content}: {}", sums.join(" | ")))
}

/// A route gets its content whole, so the trailer fields are there, too.
fn collected(mut request: Request<'_>) -> Result<String, Error> {
    let trailers = request.body().trailers();
    let mut content = String::new();
    request.body_mut().read_to_string(&mut content)?;
    assert!(!request.headers().contains_key("x-sum"), "never merged");
    Ok(format!("{content}: {:?}", trailers.get("x-sum")))
}

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                       Transfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_closure_reads_the_trailers_of_a_request() {
    let server = Running::start(received);
    let table = [
        ("3\r\nabc\r\n0\r\n\r\n", "abc: "),
        ("3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", "abc: 1"),
        (
            "3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n",
            "abc: 1 | 2",
        ),
        ("0\r\nX-Sum: 1\r\n\r\n", ": 1"),
    ];
    for (content, want) in table {
        let answer = server.ask(&format!("{CHUNKED}{content}"));
        assert!(answer.ends_with(&format!("\r\n\r\n{want}")), "{answer}");
        // The same, a byte at a time.
        let mut stream = server.connect();
        for byte in format!("{CHUNKED}{content}").as_bytes() {
            stream.write_all(&[*byte]).unwrap();
        }
        let answer = rest(&mut stream);
        assert!(answer.ends_with(&format!("\r\n\r\n{want}")), "{answer}");
    }
    let answer = server.ask(&format!("{CHUNKED}0\r\nX-Sum: a\0b\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 500") || answer.starts_with("HTTP/1.1 400"));
}

#[test]
fn a_route_reads_the_trailers_of_a_request() {
    let server = Running::start(Router::new().post("/", collected));
    let answer = server.ask(&format!("{CHUNKED}3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"));
    assert!(answer.ends_with("\r\n\r\nabc: Some(\"1\")"), "{answer}");
    let answer = server.ask(&format!("{CHUNKED}3\r\nabc\r\n0\r\n\r\n"));
    assert!(answer.ends_with("\r\n\r\nabc: None"), "{answer}");
}

/// Responses of every kind, each with a trailer field.
fn kinds() -> Router {
    let file = || {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"content").unwrap();
        Response::new(Body::file(Arc::new(file), 0, 7)).with_trailer("x-sum", "1")
    };
    Router::new()
        .get("/text", |_: Request<'_>| {
            Response::text("content").with_trailer("x-sum", "1")
        })
        .get("/file", move |_: Request<'_>| file())
        .get("/long", |_: Request<'_>| {
            Response::text("content".repeat(100_000)).with_trailer("x-sum", "1")
        })
        .get("/empty", |_: Request<'_>| {
            Response::new(()).with_trailer("x-sum", "1")
        })
        .get("/stream", |_: Request<'_>| {
            Response::stream(|out| {
                out.write_all(b"content")?;
                assert!(out.trailer("content-length", "3").is_err());
                out.trailer("x-sum", "1")
            })
        })
        .get("/channel", |_: Request<'_>| {
            let (sender, body) = Body::channel();
            sender.send("content").unwrap();
            sender.trailer("x-sum", "1").unwrap();
            assert!(sender.trailer("set-cookie", "1").is_err());
            Response::new(body).with_header("trailer", "x-sum")
        })
        .get("/forbidden", |_: Request<'_>| {
            Response::text("content").with_trailer("content-type", "text/html")
        })
}

#[test]
fn a_client_that_asks_for_trailers_gets_them() {
    let server = Running::start(kinds());
    let ask = |path: &str, method: &str, version: &str, te: &str| {
        server.ask(&format!(
            "{method} {path} HTTP/{version}\r\nHost: h\r\nConnection: close, TE\r\n{te}\r\n"
        ))
    };
    let te = "TE: gzip;q=0.5, Trailers\r\n";
    for path in ["/text", "/file", "/long", "/empty", "/stream", "/channel"] {
        let with = ask(path, "GET", "1.1", te);
        assert!(
            with.contains("\r\nTransfer-Encoding: chunked\r\n"),
            "{path} {with}"
        );
        assert!(with.ends_with("\r\n0\r\nX-Sum: 1\r\n\r\n"), "{path} {with}");
        if path != "/stream" {
            assert!(with.contains("\r\nTrailer: x-sum\r\n"), "{path} {with}");
        }
        let without = [
            ask(path, "GET", "1.1", ""),
            ask(path, "GET", "1.1", "TE: gzip\r\n"),
            ask(path, "GET", "1.0", te),
            ask(path, "HEAD", "1.1", te),
        ];
        for answer in without {
            assert!(answer.starts_with("HTTP/1.1 200"), "{path} {answer}");
            assert!(!answer.to_lowercase().contains("x-sum"), "{path} {answer}");
        }
    }
    let refused = ask("/forbidden", "GET", "1.1", te);
    assert!(refused.starts_with("HTTP/1.1 500"), "{refused}");
}

#[test]
fn a_connection_is_kept_after_trailers() {
    let server = Running::start(kinds());
    let mut stream = server.connect();
    stream.set_read_timeout(Some(LONG)).unwrap();
    for path in ["/text", "/stream", "/channel", "/text"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        read_until(&mut stream, "\r\n0\r\nX-Sum: 1\r\n\r\n");
    }
}
