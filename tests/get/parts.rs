//! Parts of a representation (206): one that isn't what was asked for never passes for it (RFC 9110
//! §15.3.7).

use crate::script::{Server, get};
use support::Folder;

/// A 206 response with that Content-Range, and `sent` bytes of content that end as `framing` says.
fn part(content_range: &str, framing: &str, sent: usize) -> String {
    let content = "x".repeat(sent);
    let head = format!("HTTP/1.1 206 Partial Content\r\nContent-Range: {content_range}\r\n");
    match framing {
        "length" => format!("{head}Content-Length: {sent}\r\n\r\n{content}"),
        "chunked" => {
            format!("{head}Transfer-Encoding: chunked\r\n\r\n{sent:x}\r\n{content}\r\n0\r\n\r\n")
        }
        _ => format!("{head}\r\n{content}"),
    }
}

#[test]
fn a_part_that_was_not_asked_for_is_refused() {
    let folder = Folder::new();
    let file = folder.join("file");
    for framing in ["length", "chunked", "close"] {
        for args in [&[][..], &["-o", &file], &["-i"], &["--compressed"]] {
            let server = Server::answering([part("bytes 0-4/10", framing, 5)]);
            let url = server.url("/");
            let outcome = get(args.iter().copied().chain([&url[..]])).fails(33);
            // -i shows the head, and nothing shows the content.
            let shown = outcome
                .text()
                .split_once("\r\n\r\n")
                .map(|(_, content)| content);
            let want = args.contains(&"-i").then_some("");
            assert_eq!(shown, want, "{framing} {args:?}");
            assert!(outcome.stderr.contains("whole"), "{outcome:?}");
        }
    }
    assert_eq!(folder.names(), Vec::<String>::new());
}

#[test]
fn another_part_than_was_asked_for_is_refused() {
    let table = [
        ("5-9", "bytes 5-9/20", 5, 0),
        ("5-9", "bytes 5-6/7", 2, 0),
        ("-2", "bytes 18-19/20", 2, 0),
        ("5-9", "bytes 5-6/20", 2, 33),
        ("5-9", "bytes 0-4/20", 5, 33),
        ("5-", "bytes 0-19/20", 20, 33),
        ("-2", "bytes 0-1/20", 2, 33),
        ("5-9", "lines 5-9/20", 5, 33),
        ("5-9", "", 5, 33),
    ];
    for (range, content_range, sent, code) in table {
        let server = Server::answering([part(content_range, "length", sent)]);
        let outcome = get(["-r", range, &server.url("/")]).fails(code);
        let want = if code == 0 { sent } else { 0 };
        assert_eq!(outcome.stdout.len(), want, "{range} {content_range}");
    }
}

#[test]
fn a_part_has_exactly_the_announced_bytes() {
    for framing in ["length", "chunked", "close"] {
        for sent in [0, 4, 6, 10] {
            let server = Server::answering([part("bytes 5-9/20", framing, sent)]);
            get(["-r", "5-9", &server.url("/")]).fails(18);
        }
        let server = Server::answering([part("bytes 5-9/20", framing, 5)]);
        let outcome = get(["-r", "5-9", &server.url("/")]).succeeds();
        assert_eq!(outcome.text(), "xxxxx", "{framing}");
    }
}

#[test]
fn standard_output_gets_the_rest_or_an_error() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    let beyond = "HTTP/1.1 416 No\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n";
    let missing = "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone";
    let rest = part("bytes 5-9/10", "length", 5);
    let other = part("bytes 4-9/10", "length", 6);
    let short = part("bytes 5-7/10", "length", 3);
    let table = [
        ("5", &rest[..], 0, "xxxxx"),
        ("5", whole, 33, ""),
        ("0", whole, 0, "0123456789"),
        ("5", &other, 33, ""),
        ("5", &short, 33, ""),
        ("5", beyond, 0, ""),
        ("6", beyond, 33, ""),
        ("5", missing, 33, ""),
    ];
    for (from, answer, code, want) in table {
        let server = Server::answering([answer]);
        let outcome = get(["-C", from, &server.url("/")]).fails(code);
        assert_eq!(outcome.text(), want, "{from} {answer}");
    }
    get(["-C", "five", "http://127.0.0.1:1/"]).fails(2);
}

#[test]
fn a_coding_is_not_asked_for_together_with_a_range() {
    for args in [
        &["--compressed", "-r", "0-4"][..],
        &["--pretty", "-r", "0-4"],
        &["--compressed", "-C", "0", "-H", "Range: bytes=0-4"],
    ] {
        let server = Server::answering([part("bytes 0-4/10", "length", 5)]);
        let url = server.url("/");
        get(args.iter().copied().chain([&url[..]])).succeeds();
        let request = server.request().to_ascii_lowercase();
        assert!(request.contains("range: bytes=0-4"), "{request}");
        assert!(!request.contains("accept-encoding"), "{request}");
    }
}
