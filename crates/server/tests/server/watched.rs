//! Connections are reported when something comes, and not again: however it comes, nothing may be
//! left lying there.

use crate::support::{LONG, Running, rest};
use http::Response;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Barrier;
use std::time::Duration;
use tinyhttp_server::{Body, Handler, Reply, Request, Timeouts};

/// What a worker reads at once.
const BUFFER: usize = 16 * 1024;

/// Says how much content there was, without waiting for anything if there was none.
struct Count;

impl Handler for Count {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        let is_get = *request.method() == http::Method::GET;
        let reply = Reply::blocking(move || {
            let mut content = Vec::new();
            request.into_body().read_to_end(&mut content).unwrap();
            content.len().to_string()
        });
        match is_get {
            true => Reply::Ready(reply.response()),
            false => reply,
        }
    }
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// Requests of so many bytes in all, and how many they are.
fn requests(total: usize) -> (Vec<u8>, usize) {
    let number = total / REQUEST.len();
    let mut all = REQUEST.repeat(number - 1);
    let padding = total - number * REQUEST.len();
    // The last one is as much longer as is missing.
    all.extend_from_slice(b"GET /");
    all.resize(all.len() + padding, b'x');
    all.extend_from_slice(&REQUEST[5..]);
    assert_eq!(all.len(), total);
    (all, number)
}

/// Reads so many answers.
fn answers(stream: &mut TcpStream, number: usize) {
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    let count = |seen: &[u8]| seen.windows(4).filter(|four| *four == b"\r\n\r\n").count();
    // The last one may have content.
    while count(&seen) < number || seen.ends_with(b"\r\n\r\n") {
        let length = stream.read(&mut piece).unwrap();
        assert_ne!(length, 0, "{} of {number}", count(&seen));
        seen.extend_from_slice(&piece[..length]);
    }
    assert_eq!(count(&seen), number);
}

#[test]
fn as_much_as_fits_the_buffer_and_a_little_more_or_less() {
    let server = Running::start(Count);
    for total in [1, 2, 3].map(|times| times * BUFFER) {
        for total in total - 2..=total + 2 {
            let mut stream = server.connect();
            // The second time, nothing is left of the first.
            for _ in 0..2 {
                let (all, number) = requests(total);
                stream.write_all(&all).unwrap();
                answers(&mut stream, number);
            }
        }
    }
}

#[test]
fn a_request_and_the_end_at_once() {
    let server = Running::start(Count);
    for number in [1, 2, 40] {
        let mut stream = server.connect();
        // So that it is known and watched.
        stream.write_all(REQUEST).unwrap();
        answers(&mut stream, 1);
        stream.write_all(&REQUEST.repeat(number)).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let said = rest(&mut stream);
        assert_eq!(said.matches("HTTP/1.1 200 OK").count(), number, "{said}");
    }
}

/// Content that a handler reads from the socket itself, and the next request right behind it, or
/// after it, in pieces.
#[test]
fn requests_behind_content_that_a_handler_reads() {
    let server = Running::start(Count);
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n";
    let mut all = head.as_bytes().to_vec();
    all.resize(all.len() + 100_000, b'x');
    all.extend_from_slice(REQUEST);
    for piece in [all.len(), all.len() - REQUEST.len(), 50_000, 1000] {
        let mut stream = server.connect();
        for _ in 0..2 {
            for piece in all.chunks(piece) {
                stream.write_all(piece).unwrap();
            }
            answers(&mut stream, 2);
        }
    }
}

/// Two writes for each request, and several workers: reports come while others have the connection
/// in hand.
#[test]
fn many_clients_in_small_pieces() {
    const CLIENTS: usize = 16;
    let server = Running::with(|builder| builder.workers(4), Count);
    let start = Barrier::new(CLIENTS);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (start, server) = (&start, &server);
            scope.spawn(move || {
                let mut stream = server.connect();
                stream.set_nodelay(true).unwrap();
                start.wait();
                for turn in 0..500 {
                    let number = 1 + turn % 3;
                    let all = REQUEST.repeat(number);
                    let (first, second) = all.split_at((client + turn) % all.len());
                    stream.write_all(first).unwrap();
                    stream.write_all(second).unwrap();
                    answers(&mut stream, number);
                }
            });
        }
    });
}

/// A read ends at an urgent byte, whatever lies behind it. No event reports the rest, which must be
/// read all the same.
#[test]
fn requests_behind_an_urgent_byte() {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let handler = Busy(move |request: Request<'_>| {
        if request.path() == "/hold" {
            held.lock().unwrap().recv_timeout(LONG).unwrap();
        }
        Response::new(Body::from("0"))
    });
    let timeouts = Timeouts {
        idle: Duration::from_millis(300),
        ..Timeouts::default()
    };
    let server = Running::with(|builder| builder.workers(1).timeouts(timeouts), handler);
    let mut stream = server.connect();
    stream.write_all(REQUEST).unwrap();
    answers(&mut stream, 1);
    // Everything is there before the only worker looks.
    let mut other = server.connect();
    other
        .write_all(b"GET /hold HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    stream.write_all(REQUEST).unwrap();
    socket2::SockRef::from(&stream)
        .send_out_of_band(b"!")
        .unwrap();
    stream.write_all(REQUEST).unwrap();
    hold.send(()).unwrap();
    answers(&mut stream, 2);
}

/// A handler that replies only when it is done, whether it blocks or not.
struct Busy<F>(F);

impl<F: Fn(Request<'_>) -> Response<Body> + Send + Sync + 'static> Handler for Busy<F> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        Reply::Ready(self.0(request).into())
    }
}
