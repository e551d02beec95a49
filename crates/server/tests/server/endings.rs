//! What the access log says about how a response ended: whole, or not, and why.

use crate::support::{LONG, Running, read_until, rest};
use http::{Response, StatusCode};
use socket2::Socket;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;
use tinyhttp_server::access_log::{AccessLog, Format};
use tinyhttp_server::{Body, Builder, Request, Timeouts};

/// More than all socket buffers between the server and a client that doesn't read.
const LARGE: usize = 50_000_000;

/// An output whose lines a test waits for.
struct Lines(Sender<String>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in String::from_utf8_lossy(bytes).lines() {
            let _ = self.0.send(line.to_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn respond(request: &Request<'_>) -> Response<Body> {
    let response = |status: u16, body| {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    };
    match request.path() {
        "/large" => response(200, Body::from("x".repeat(LARGE))),
        "/partial" => response(206, Body::from("x".repeat(LARGE))),
        "/medium" => response(200, Body::from("x".repeat(15_000))),
        "/chunked" => response(200, Body::reader(io::repeat(b'x').take(LARGE as u64), None)),
        "/failing" => {
            let broken = io::repeat(b'x').take(100_000).chain(Broken);
            response(200, Body::reader(broken, Some(LARGE as u64)))
        }
        "/unchanged" => response(304, Body::empty()),
        "/empty" => response(204, Body::empty()),
        _ => response(200, Body::from("done")),
    }
}

/// A reader that fails.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is on fire"))
    }
}

fn start(set: impl FnOnce(Builder) -> Builder) -> (Running, Receiver<String>) {
    let (give, take) = mpsc::channel();
    let log = AccessLog::new(Lines(give), Format::Json).unwrap();
    let server = Running::with(
        |builder| set(builder.access_log(log)),
        |request: Request<'_>| respond(&request),
    );
    (server, take)
}

fn line(lines: &Receiver<String>) -> serde_json::Value {
    let line = lines.recv_timeout(LONG).expect("a line");
    serde_json::from_str(&line).expect(&line)
}

/// Checks the next line of the log: the request's target, the response's status, and why it is not
/// complete.
fn expect(lines: &Receiver<String>, target: &str, status: u16, aborted: Option<&str>) {
    let line = line(lines);
    assert_eq!(line["target"], target, "{line}");
    assert_eq!(line["status"], status, "{line}");
    assert_eq!(line["complete"], aborted.is_none(), "{line}");
    assert_eq!(line["aborted"].as_str(), aborted, "{line}");
    assert!(line["sent"].as_u64().unwrap() <= LARGE as u64, "{line}");
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}

/// Ends a connection with a reset.
fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn whole_responses_are_complete() {
    let (server, lines) = start(|builder| builder);
    for (method, path, status, sent) in [
        ("GET", "/", 200, 4),
        ("HEAD", "/", 200, 0),
        ("HEAD", "/large", 200, 0),
        ("GET", "/unchanged", 304, 0),
        ("GET", "/empty", 204, 0),
        ("GET", "/medium", 200, 15_000),
        ("GET", "/large", 200, LARGE),
        ("GET", "/chunked", 200, LARGE),
    ] {
        server.ask(&format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        ));
        let line = line(&lines);
        assert_eq!(line["complete"], true, "{line}");
        assert_eq!(line["status"], status, "{line}");
        assert_eq!(line["sent"], sent, "{line}");
        assert!(line["aborted"].is_null() && line["tls"].is_null(), "{line}");
    }
    // In the order of the requests.
    let paths = ["/a", "/medium", "/unchanged", "/large", "/b"];
    let requests: String = paths.into_iter().map(get).collect();
    server.ask(&(requests + "GET / HTTP/1.0\r\n\r\n"));
    for path in paths.into_iter().chain(["/"]) {
        let line = line(&lines);
        assert_eq!(line["target"], path, "{line}");
        assert_eq!(line["complete"], true, "{line}");
    }
}

#[test]
fn a_client_that_leaves_is_told_apart() {
    let (server, lines) = start(|builder| builder);
    for (request, target, status) in [
        (get("/large"), "/large", 200),
        (get("/partial"), "/partial", 206),
        (get("/chunked"), "/chunked", 200),
        ("GET /chunked HTTP/1.0\r\n\r\n".to_owned(), "/chunked", 200),
        (
            "POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde".to_owned(),
            "/large",
            200,
        ),
    ] {
        for with_reset in [true, false] {
            let mut client = server.connect();
            client.write_all(request.as_bytes()).unwrap();
            client.read_exact(&mut [0; 1000]).unwrap();
            match with_reset {
                true => reset(client),
                // There is something to be read, so the kernel resets this, too, as that of a
                // browser that is closed.
                false => drop(client),
            }
            expect(&lines, target, status, Some("client closed the connection"));
        }
    }
}

/// Responses to pipelined requests go out together; some of them did, and the client left before
/// the others.
#[test]
fn pipelined_responses_end_each_for_itself() {
    let (server, lines) = start(|builder| builder);
    let is_aborted = |line: &String| line.contains("\"aborted\":\"client closed the connection\"");
    let requests = get("/medium").repeat(8);
    // A server that was held up for long may look as if it waited for the client; then this is done
    // again.
    for _ in 0..10 {
        let mut client = server.connect();
        let mut asker = client.try_clone().unwrap();
        asker.set_nonblocking(true).unwrap();
        // The client reads nothing, so in the end the server has sent all that fits, and waits.
        let mut seen = Vec::new();
        while asker.write(requests.as_bytes()).is_ok()
            || lines
                .recv_timeout(Duration::from_millis(500))
                .map(|line| seen.push(line))
                .is_ok()
        {}
        client.set_nonblocking(false).unwrap();
        client.read_exact(&mut [0; 1000]).unwrap();
        drop(asker);
        reset(client);
        while let Ok(line) = lines.recv_timeout(Duration::from_millis(500)) {
            seen.push(line);
        }
        let complete = seen
            .iter()
            .filter(|line| line.contains("\"complete\":true,"));
        assert!(complete.count() > 10, "{}", seen.len());
        if let Some(first) = seen.iter().position(is_aborted) {
            assert!(seen[first..].iter().all(is_aborted));
            return;
        }
    }
    panic!("no response was aborted");
}

#[test]
fn a_slow_reader_is_told_apart() {
    let timeouts = Timeouts {
        write: Duration::from_millis(100),
        ..Timeouts::default()
    };
    let (server, lines) = start(|builder| builder.timeouts(timeouts));
    for path in ["/large", "/chunked"] {
        let mut client = server.connect();
        client.write_all(get(path).as_bytes()).unwrap();
        expect(&lines, path, 200, Some("client too slow"));
        assert!(rest(&mut client).len() < LARGE);
    }
}

#[test]
fn an_evicted_reader_is_told_apart() {
    let (server, lines) = start(|builder| builder.max_connections(1));
    let mut reader = server.connect();
    reader.write_all(get("/large").as_bytes()).unwrap();
    reader.read_exact(&mut [0; 1]).unwrap();
    let mut other = server.connect();
    other.write_all(get("/").as_bytes()).unwrap();
    read_until(&mut other, "done");
    expect(&lines, "/large", 200, Some("evicted"));
    expect(&lines, "/", 200, None);
}

#[test]
fn the_end_of_the_server_is_told_apart() {
    let (server, lines) = start(|builder| builder);
    let mut reader = server.connect();
    reader.write_all(get("/large").as_bytes()).unwrap();
    reader.read_exact(&mut [0; 1]).unwrap();
    drop(server);
    expect(&lines, "/large", 200, Some("server shut down"));
}

#[test]
fn content_that_fails_is_told_apart() {
    let (server, lines) = start(|builder| builder);
    assert!(server.ask(&get("/failing")).len() < LARGE);
    expect(&lines, "/failing", 200, Some("content failed"));
}

/// The first bytes of a TLS handshake, whole or in part, are recognised; such bytes later on, or
/// others, are not.
#[test]
fn a_tls_handshake_is_told_apart() {
    let (server, lines) = start(|builder| builder);
    let hello = b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03";
    for (bytes, target) in [
        (&hello[..], "\u{16}\u{3}\u{1}"),
        (&hello[..1], "\u{16}"),
        (&hello[..2], "\u{16}\u{3}"),
    ] {
        let mut client = server.connect();
        client.write_all(bytes).unwrap();
        let answer = rest(&mut client);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let here = format!("http://{}/", server.address);
        assert!(answer.contains(&here), "{answer}");
        let line = line(&lines);
        assert_eq!(line["target"], target, "{line}");
        assert_eq!(line["tls"], true, "{line}");
    }
    for bytes in [
        &b"\x15\x03\x01\x00\r\n\r\n"[..],
        b"\x00\r\n\r\n",
        b"GET / \x16\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.write_all(bytes).unwrap();
        let answer = rest(&mut client);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let line = line(&lines);
        assert!(line["tls"].is_null(), "{line}");
    }
    let mut client = server.connect();
    client.write_all(get("/").as_bytes()).unwrap();
    read_until(&mut client, "done");
    client.write_all(hello).unwrap();
    client.write_all(b"\r\n\r\n").unwrap();
    rest(&mut client);
    let second = [line(&lines), line(&lines)][1].clone();
    assert!(second["tls"].is_null(), "{second}");
}

/// A client that left while its handler was at work.
#[test]
fn a_response_without_a_waiting_client_is_told_apart() {
    let (arrived, told) = mpsc::channel();
    let (let_go, release) = mpsc::channel::<()>();
    let release = Mutex::new(release);
    let (give, lines) = mpsc::channel();
    let log = AccessLog::new(Lines(give), Format::Json).unwrap();
    let server = Running::with(
        |builder| builder.access_log(log),
        move |_: Request<'_>| {
            arrived.send(()).unwrap();
            release.lock().unwrap().recv_timeout(LONG).unwrap();
            Response::new(Body::from("done"))
        },
    );
    let mut client = server.connect();
    client.write_all(get("/hold").as_bytes()).unwrap();
    told.recv_timeout(LONG).unwrap();
    reset(client);
    let_go.send(()).unwrap();
    expect(&lines, "/hold", 200, Some("client closed the connection"));
}
