//! What works over HTTP works over HTTPS.

use crate::support::{LONG, echo, holding, narrow, wait_until};
use crate::tls_support::{
    Trusted, ask, connect, connect_as, connect_over, read_until, rest, start,
};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tinyhttp_server::{
    Body, Files, Handler, Receive, Reply, Request, Response, SendError, Timeouts,
};

const LENGTH: usize = 3 * 1024 * 1024 + 17;

fn pattern() -> Vec<u8> {
    (0..LENGTH).map(|at| (at % 251) as u8).collect()
}

/// Every kind of content.
struct Kinds(Arc<File>);

impl Kinds {
    fn new() -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&pattern()).unwrap();
        file.rewind().unwrap();
        Kinds(Arc::new(file))
    }
}

impl Handler for Kinds {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        assert!(request.is_secured());
        let body = match request.path() {
            "/empty" => Body::empty(),
            "/bytes" => Body::from(pattern()),
            "/file" => Body::file(Arc::clone(&self.0), 0, LENGTH as u64),
            "/part" => Body::file(Arc::clone(&self.0), 100_000, 70_000),
            "/reader" => Body::reader(std::io::Cursor::new(pattern()), None),
            "/channel" => {
                let (sender, body) = Body::channel();
                std::thread::spawn(move || {
                    for piece in pattern().chunks(100_000) {
                        // It does not block while the client reads slowly.
                        while let Err(SendError::Full) = sender.send(piece.to_vec()) {
                            // No event tells that there is room.
                            std::thread::sleep(Duration::from_millis(1));
                        }
                    }
                });
                body
            }
            "/collect" => {
                return Receive::new(request, 1 << 24, |request| {
                    Reply::Ready(Response::new(request.into_body()))
                })
                .into();
            }
            "/echo" => return Reply::blocking(move || echo(request)),
            _ => Body::from("done"),
        };
        Response::new(body).into()
    }
}

/// The content of a response, without the framing of chunks.
fn content(response: &[u8]) -> Vec<u8> {
    let end = response.windows(4).position(|end| end == b"\r\n\r\n");
    let (head, mut rest) = response.split_at(end.unwrap() + 4);
    if !String::from_utf8_lossy(head).contains("chunked") {
        return rest.to_vec();
    }
    let mut all = Vec::new();
    loop {
        let end = rest.windows(2).position(|end| end == b"\r\n").unwrap();
        let length = std::str::from_utf8(&rest[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return all;
        }
        all.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
    }
}

/// Each kind of request, and what its content is to be. Both versions of TLS.
#[test]
fn every_kind_of_content_arrives() {
    let trusted = Trusted::new();
    let server = start(&trusted.tls(), |builder| builder, Kinds::new());
    let long = "x".repeat(200_000);
    let chunked = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n".to_owned();
    let with = |path: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let plain =
        |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let in_chunks = format!(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"
    );
    let expects = "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi".to_owned();
    let until_close = "GET /channel HTTP/1.0\r\nHost: localhost\r\n\r\n".to_owned();
    let table = [
        (plain("/empty"), Vec::new()),
        (plain("/bytes"), pattern()),
        (plain("/file"), pattern()),
        (plain("/part"), pattern()[100_000..170_000].to_vec()),
        (plain("/reader"), pattern()),
        (plain("/channel"), pattern()),
        (until_close, pattern()),
        (with("/collect", &long), long.clone().into_bytes()),
        (with("/echo", &long), format!("/echo:{long}").into_bytes()),
        (with("/unread", &long), b"done".to_vec()),
        (in_chunks, b"/echo:hello world".to_vec()),
        (expects, b"/echo:hi".to_vec()),
    ];
    for config in [trusted.config(), trusted.config_1_2()] {
        for (request, expected) in &table {
            let mut client = connect_as(&server, &config, "localhost");
            client.write_all(request.as_bytes()).unwrap();
            let (response, ended) = rest(&mut client);
            let line = request.lines().next().unwrap();
            assert!(ended, "{line}: no close_notify");
            let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
            let response = response.strip_prefix(interim).unwrap_or(&response);
            assert!(content(response) == *expected, "{line}");
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let trusted = Trusted::new();
    let handler = |request: Request<'_>| format!("<{}>", request.path());
    let server = start(&trusted.tls(), |builder| builder, handler);
    let mut requests = String::new();
    for number in 0..300 {
        let _ = write!(
            requests,
            "GET /{number} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        );
    }
    requests.push_str("GET /end HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = ask(&mut connect(&server, &trusted), &requests);
    let answers: Vec<_> = answer
        .split('<')
        .skip(1)
        .map(|at| at.split('>').next().unwrap())
        .collect();
    assert_eq!(answers.len(), 301);
    for (number, answer) in answers[..300].iter().enumerate() {
        assert_eq!(*answer, format!("/{number}"));
    }
}

/// Requests in records of one byte each, and in records that are cut across packets.
#[test]
fn requests_arrive_in_records_of_any_size() {
    let trusted = Trusted::new();
    let server = start(&trusted.tls(), |builder| builder, echo);
    let request = "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
    for size in [1, 2, 7, 64] {
        let mut client = connect(&server, &trusted);
        for _ in 0..2 {
            for piece in request.as_bytes().chunks(size) {
                client.write_all(piece).unwrap();
            }
            assert!(read_until(&mut client, "/a:hello").starts_with("HTTP/1.1 200"));
        }
    }
    // Records in TCP segments of three bytes.
    let mut client = connect(&server, &trusted);
    client.conn.complete_io(&mut client.sock).unwrap();
    client.conn.writer().write_all(request.as_bytes()).unwrap();
    let mut records = Vec::new();
    client.conn.write_tls(&mut records).unwrap();
    client.sock.set_nodelay(true).unwrap();
    for piece in records.chunks(3) {
        client.sock.write_all(piece).unwrap();
    }
    assert!(read_until(&mut client, "/a:hello").starts_with("HTTP/1.1 200"));
}

#[test]
fn files_ranges_and_archives() {
    let trusted = Trusted::new();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.bin"), pattern()).unwrap();
    std::fs::create_dir(folder.path().join("d")).unwrap();
    std::fs::write(folder.path().join("d/b.txt"), "b").unwrap();
    let files = Files::open(folder.path()).unwrap();
    let server = start(&trusted.tls(), |builder| builder, files);
    let get = |path: &str, fields: &str| {
        let mut client = connect(&server, &trusted);
        write!(
            client,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n"
        )
        .unwrap();
        rest(&mut client).0
    };
    assert!(content(&get("/a.bin", "")) == pattern());
    let part = get("/a.bin", "Range: bytes=100000-299999\r\n");
    assert!(part.starts_with(b"HTTP/1.1 206"));
    assert!(content(&part) == pattern()[100_000..300_000]);
    let parts = get("/a.bin", "Range: bytes=0-9,100-109\r\n");
    assert!(parts.starts_with(b"HTTP/1.1 206"));
    let archive = content(&get("/d/?archive=tar", ""));
    let mut archive = tar::Archive::new(&archive[..]);
    assert_eq!(archive.entries().unwrap().count(), 1);
    let redirect = String::from_utf8(get("/d", "")).unwrap();
    assert!(redirect.contains("ocation: /d/\r\n"), "{redirect}");
}

/// A reader that takes a little now and then gets all of it, and holds no thread meanwhile.
#[test]
fn slow_readers_are_parked() {
    let trusted = Trusted::new();
    let one_worker = |builder: tinyhttp_server::Builder| builder.workers(1).max_threads(1);
    let server = start(&trusted.tls(), one_worker, Kinds::new());
    for path in ["/file", "/bytes", "/channel"] {
        let mut slow = connect_over(narrow(&server, 4096), &trusted.config(), "localhost");
        write!(
            slow,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        read_until(&mut slow, "\r\n\r\n");
        // The socket is full, and the only thread serves others.
        let answer = ask(
            &mut connect(&server, &trusted),
            "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        );
        assert!(answer.ends_with("done"));
        let (all, ended) = rest(&mut slow);
        assert!(ended, "{path}");
        assert!(all.len() >= LENGTH, "{path}");
        if path != "/channel" {
            assert!(all == pattern(), "{path}");
        }
    }
}

#[test]
fn shutdown_ends_idle_connections_with_close_notify() {
    let trusted = Trusted::new();
    let (handler, arrived, let_go) = holding();
    let server = start(&trusted.tls(), |builder| builder, handler);
    let mut idle = connect(&server, &trusted);
    idle.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    read_until(&mut idle, "done");
    let mut busy = connect(&server, &trusted);
    busy.write_all(b"GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    arrived.recv_timeout(LONG).unwrap();
    server.shutdown.shutdown(LONG);
    assert_eq!(rest(&mut idle), (Vec::new(), true));
    let_go.send(()).unwrap();
    let (last, ended) = rest(&mut busy);
    assert!(last.ends_with(b"done") && ended);
}

/// A response that is cut short must not look complete.
#[test]
fn a_failed_response_ends_without_close_notify() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("broken"))
        }
    }
    let trusted = Trusted::new();
    let handler = |_: Request<'_>| Response::new(Body::reader(Fails, None));
    let server = start(&trusted.tls(), |builder| builder, handler);
    let mut client = connect(&server, &trusted);
    client
        .write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .unwrap();
    assert!(!rest(&mut client).1);
}

/// A request whose content ends without `close_notify` was cut by something in between.
#[test]
fn a_truncated_request_is_not_acted_upon() {
    let trusted = Trusted::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&seen);
    let handler = move |request: Request<'_>| {
        let answer = echo(request);
        theirs.lock().unwrap().push(answer.status().as_u16());
        answer
    };
    let server = start(&trusted.tls(), |builder| builder, handler);
    let requests = [
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n",
    ];
    for request in requests {
        let mut client = connect(&server, &trusted);
        client.write_all(request.as_bytes()).unwrap();
        client.sock.shutdown(std::net::Shutdown::Write).unwrap();
        let mut all = Vec::new();
        let _ = client.read_to_end(&mut all);
        assert!(!all.starts_with(b"HTTP/1.1 200"), "{request}");
    }
    assert!(seen.lock().unwrap().iter().all(|status| *status == 400));
}

/// The access log and the deadlines see the same as over HTTP.
#[test]
fn an_idle_connection_is_closed_in_time_with_close_notify() {
    let trusted = Trusted::new();
    let timeouts = Timeouts {
        idle: Duration::from_millis(300),
        ..Timeouts::default()
    };
    let server = start(
        &trusted.tls(),
        |builder| builder.timeouts(timeouts),
        |_: Request<'_>| "done",
    );
    let mut client = connect(&server, &trusted);
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    read_until(&mut client, "done");
    assert_eq!(rest(&mut client), (Vec::new(), true));
    wait_until("no request is in flight", || {
        server.shutdown.in_flight() == 0
    });
}
