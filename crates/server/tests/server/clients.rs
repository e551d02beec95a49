//! Clients that are slow, many or careless: what they may cost, and what they get all the same.

use crate::support::{
    GET, Hangs, LONG, PACE, Running, Seen, get, holding, narrow, read_until, rest,
};
use http::Response;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use tinyhttp_server::access_log::{AccessLog, Format};
use tinyhttp_server::{Body, Builder, Handler, Limits, Reply, Request, Server, Timeouts};

/// Sends a byte now and then, until the server has said something and ended the connection: what it
/// said.
fn dribble(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(PACE)).unwrap();
    let since = Instant::now();
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while since.elapsed() < LONG {
        match stream.read(&mut piece) {
            Ok(0) => return String::from_utf8(answer).unwrap(),
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let _ = stream.write_all(b"x");
            }
            Err(_) => return String::from_utf8(answer).unwrap(),
        }
    }
    panic!("it may dribble for ever");
}

#[test]
fn answers_do_not_wait_behind_a_slow_handler() {
    let (handler, told, let_go) = holding();
    let server = Running::start(handler);
    for slow in [
        "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
    ] {
        let mut stream = server.connect();
        stream.write_all(&[GET, slow.as_bytes()].concat()).unwrap();
        told.recv_timeout(LONG).unwrap();
        read_until(&mut stream, "done");
        let_go.send(()).unwrap();
        read_until(&mut stream, "done");
    }
}

fn impatient() -> Timeouts {
    Timeouts {
        content: Duration::from_millis(300),
        write: Duration::from_millis(300),
        slowest: 10_000,
        ..Timeouts::default()
    }
}

#[test]
fn dribbling_content_gains_little_time() {
    let reads = |mut request: Request<'_>| {
        let read = request.body_mut().read_to_end(&mut Vec::new());
        Response::new(Body::from(format!("{:?}", read.map_err(|e| e.kind()))))
    };
    let server = Running::with(|builder| builder.timeouts(impatient()), reads);
    for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let mut stream = server.connect();
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n7fff;");
        stream.write_all(head.as_bytes()).unwrap();
        let answer = dribble(&mut stream);
        assert!(answer.ends_with("Err(TimedOut)"), "{answer}");
    }
}

#[test]
fn dribbling_unwanted_content_gains_little_time() {
    let answers = |_: Request<'_>| Response::new(Body::from("unread"));
    let server = Running::with(|builder| builder.timeouts(impatient()), answers);
    for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let mut stream = server.connect();
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n7fff;");
        stream.write_all(head.as_bytes()).unwrap();
        assert!(dribble(&mut stream).ends_with("unread"));
    }
}

/// The time that the server takes is not the client's.
#[test]
fn a_client_that_waits_for_the_server_has_time() {
    let timeouts = impatient();
    let slow = move |mut request: Request<'_>| {
        // A handler that is slow on purpose, in time that the server measures by itself.
        std::thread::sleep(timeouts.content * 2);
        let mut content = Vec::new();
        request.body_mut().read_to_end(&mut content).unwrap();
        // Again, before the response.
        std::thread::sleep(timeouts.write * 2);
        let slow = SlowReader(content.len());
        Response::new(Body::reader(slow, None))
    };
    let server = Running::with(|builder| builder.timeouts(timeouts), slow);
    let answer = server
        .ask("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    assert!(answer.ends_with("1\r\n.\r\n0\r\n\r\n"), "{answer}");
}

/// Takes its time for each byte.
struct SlowReader(usize);

impl Read for SlowReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // A reader that is slow on purpose.
        std::thread::sleep(impatient().write / 2);
        into[0] = b'.';
        let length = self.0.min(1);
        self.0 -= length;
        Ok(length)
    }
}

/// Zeros without an end; its drop is reported.
struct Zeros(mpsc::Sender<()>);

impl Read for Zeros {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        into.fill(0);
        Ok(into.len())
    }
}

impl Drop for Zeros {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn a_reader_that_takes_single_bytes_is_cut() {
    let (gone, told) = mpsc::channel();
    let server = Running::with(
        |builder| builder.timeouts(impatient()),
        move |_: Request<'_>| Response::new(Body::reader(Zeros(gone.clone()), None)),
    );
    let mut stream = narrow(&server, 1);
    stream.write_all(GET).unwrap();
    let since = Instant::now();
    while told.recv_timeout(PACE).is_err() {
        assert!(since.elapsed() < LONG, "it may go on for ever");
        let _ = stream.read(&mut [0]);
    }
}

#[test]
fn a_slow_reader_that_is_fast_enough_gets_its_answer() {
    const LENGTH: usize = 16_000_000;
    let server = Running::with(
        |builder| builder.timeouts(impatient()),
        |_: Request<'_>| Response::new(Body::from(vec![0; LENGTH])),
    );
    let mut stream = narrow(&server, 128 * 1024);
    stream.write_all(GET).unwrap();
    read_until(&mut stream, "\r\n\r\n");
    let mut piece = vec![0; LENGTH / 64];
    for _ in 0..64 {
        // The pace, and no wait for anything.
        std::thread::sleep(PACE);
        stream.read_exact(&mut piece).unwrap();
    }
}

/// Five of six bytes of content in one-byte chunks are framing. They do not count towards the
/// slowest rate: 3,000 bytes of content a second are less than 10,000.
#[test]
fn framing_of_skipped_content_earns_no_time() {
    let answers = |_: Request<'_>| Response::new(Body::from("unread"));
    let server = Running::with(|builder| builder.timeouts(impatient()), answers);
    let mut stream = server.connect();
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    read_until(&mut stream, "unread");
    let chunks = "1\r\nx\r\n".repeat(60);
    // Less than what the server skips before it closes the connection in any case.
    let is_closed = (0..600).any(|_| {
        // The pace of the client, which makes its rate.
        std::thread::sleep(PACE);
        stream.write_all(chunks.as_bytes()).is_err()
    });
    assert!(is_closed);
}

/// A handler that blocks before it replies, as one whose disk hangs: both workers, and the reports
/// they had taken.
#[test]
fn stuck_workers_are_replaced_and_what_they_took_is_answered() {
    let (handler, told, let_go) = holding();
    let server = Running::with(|builder| builder.workers(2), Hangs(handler));
    let mut connections: Vec<_> = (0..16).map(|_| server.connect()).collect();
    connections.iter_mut().for_each(get);
    let (stuck, others) = connections.split_at_mut(4);
    for stream in &mut *stuck {
        stream
            .write_all(b"GET /hold HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
        // Those that are taken together with it must not share its fate, nor must new clients.
        for stream in &mut *others {
            stream.write_all(GET).unwrap();
        }
        let mut fresh = server.connect();
        fresh.write_all(GET).unwrap();
        for stream in others.iter_mut().chain([&mut fresh]) {
            read_until(stream, "done");
        }
        told.recv_timeout(LONG).unwrap();
    }
    for stream in stuck {
        let_go.send(()).unwrap();
        let_go_of(stream);
    }
}

fn let_go_of(stream: &mut TcpStream) {
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
}

/// When as many threads as may are waiting for something, a request that would wait too is refused,
/// and others are answered.
#[test]
fn a_thread_is_kept_for_what_does_not_wait() {
    struct Mixed<H>(H);
    impl<H: Handler> Handler for Mixed<H> {
        fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
            match request.path() {
                "/hold" => self.0.handle(request),
                _ => Reply::Ready(self.0.handle(request).response()),
            }
        }
    }
    let (handler, told, let_go) = holding();
    let set = |builder: Builder| builder.workers(1).max_threads(3);
    let server = Running::with(set, Mixed(handler));
    let hold = |stream: &mut TcpStream| {
        stream
            .write_all(b"GET /hold HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
    };
    let mut holding: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for stream in &mut holding {
        hold(stream);
        told.recv_timeout(LONG).unwrap();
    }
    for _ in 0..3 {
        let mut refused = server.connect();
        hold(&mut refused);
        let head = read_until(&mut refused, "\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        assert!(head.contains("\r\nRetry-After: 1\r\n"), "{head}");
        get(&mut server.connect());
    }
    for stream in &mut holding {
        let_go.send(()).unwrap();
        let_go_of(stream);
    }
}

/// One byte in each chunk, five bytes of framing around it: skipped whole, and the connection is
/// kept.
#[test]
fn unwanted_content_in_small_chunks_is_skipped() {
    let server = Running::start(|_: Request<'_>| Response::new(Body::from("done")));
    let mut stream = server.connect();
    let chunks = "1\r\nx\r\n".repeat(25_000);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\nT: x\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    read_until(&mut stream, "done");
    get(&mut stream);
}

/// Whatever is wrong with a head, an answer to HEAD has no content.
#[test]
fn refusals_of_head_requests_have_no_content() {
    let limits = Limits {
        request_line: 100,
        head: 400,
        fields: 4,
    };
    let timeouts = Timeouts {
        head: Duration::from_millis(100),
        ..Timeouts::default()
    };
    let set = |builder: Builder| builder.limits(limits).timeouts(timeouts);
    let server = Running::with(set, |_: Request<'_>| Response::new(Body::from("done")));
    let table = [
        ("a: b\r\n\r\n".to_owned(), 400),
        ("Host: h\r\nHost: h\r\n\r\n".to_owned(), 400),
        ("Host : h\r\n\r\n".to_owned(), 400),
        ("Host: h\r\nContent-Length: x\r\n\r\n".to_owned(), 400),
        (
            "Host: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".to_owned(),
            501,
        ),
        ("Host: h\r\nExpect: x\r\n\r\n".to_owned(), 417),
        (format!("Host: h\r\na: {}", "x".repeat(500)), 431),
        ("a: b\r\n".repeat(5) + "Host: h\r\n\r\n", 431),
        ("Host: h".to_owned(), 408),
    ];
    let ask = |request: String, status: u16| {
        for (method, has_content) in [("HEAD", false), ("GET", true)] {
            let answer = server.ask(&format!("{method} {request}"));
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{request:?} {answer:?}"
            );
            assert_eq!(
                !answer.ends_with("\r\n\r\n"),
                has_content,
                "{request:?} {answer:?}"
            );
        }
    };
    for (fields, status) in table {
        ask(format!("/ HTTP/1.1\r\n{fields}"), status);
    }
    ask(format!("/{}", "x".repeat(200)), 414);
    ask("/ HTTP/2.0\r\nHost: h\r\n\r\n".to_owned(), 505);
    ask("http:// HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400);
}

/// A response over a connection that is kept says for how long; one that ends it doesn't.
#[test]
fn the_idle_timeout_is_announced() {
    let idle = Timeouts {
        idle: Duration::from_secs(7),
        ..Timeouts::default()
    };
    for (timeouts, want) in [(Timeouts::default(), "timeout=75"), (idle, "timeout=7")] {
        let done = |_: Request<'_>| Response::new(Body::from("done"));
        let server = Running::with(|builder| builder.timeouts(timeouts), done);
        let table = r"
            GET / HTTP/1.1\r\nHost: h\r\n\r\n => yes
            GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n => yes
            GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n => no
            GET / HTTP/1.0\r\n\r\n => no
        ";
        for (request, is_kept) in table::cases(table) {
            let (request, is_kept) = (table::unescaped(request), is_kept == "yes");
            let mut stream = server.connect();
            stream.write_all(request.as_bytes()).unwrap();
            let answer = read_until(&mut stream, "done");
            let line = format!("\r\nKeep-Alive: {want}\r\n");
            assert_eq!(answer.contains(&line), is_kept, "{answer}");
        }
    }
}

/// Closing a socket with unread bytes resets the connection.
#[test]
fn what_comes_behind_the_last_request_costs_no_answer() {
    let (handler, told, let_go) = holding();
    let server = Running::start(handler);
    let table = [
        "GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /hold HTTP/1.0\r\n\r\n",
        "POST /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    ];
    for request in table {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        told.recv_timeout(LONG).unwrap();
        stream.write_all(b"\r\n").unwrap();
        let_go.send(()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.ends_with(b"done"), "{request:?}");
    }
}

#[test]
fn content_sent_without_waiting_for_100_keeps_the_connection() {
    let server = Running::start(|_: Request<'_>| Response::new(Body::from("unread")));
    let mut stream = server.connect();
    for _ in 0..2 {
        stream
            .write_all(
                b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
            )
            .unwrap();
        let answer = read_until(&mut stream, "unread");
        assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("close"));
    }
    // A client that has not sent any may send the next request instead, and the server could not
    // tell them apart.
    let answer = server
        .ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert!(answer.contains("Connection: close\r\n"), "{answer}");
}

#[test]
fn the_access_log_counts_content_and_not_its_framing() {
    let seen = Seen::default();
    let log = AccessLog::new(seen.clone(), Format::Json).unwrap();
    let server = Running::with(
        |builder| builder.access_log(log),
        |_: Request<'_>| Response::new(Body::reader(io::repeat(b'x').take(200_000), None)),
    );
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        server.ask(&format!(
            "GET / {version}\r\nHost: h\r\nConnection: close\r\n\r\n"
        ));
    }
    drop(server);
    let lines = String::from_utf8(seen.0.lock().unwrap().clone()).unwrap();
    assert_eq!(lines.matches("\"sent\":200000,").count(), 2, "{lines}");
}

#[test]
fn a_server_that_is_never_run_leaves_nothing_behind() {
    let (theirs, ours) = mpsc::channel::<()>();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .start(move |_: Request<'_>| {
            let _ = &theirs;
            Response::new(Body::empty())
        })
        .unwrap();
    let address = server.local_addrs()[0];
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert!(rest(&mut stream).starts_with("HTTP/1.1 200 "));
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    // The handler goes with the last thread.
    let gone = ours.recv_timeout(LONG);
    assert_eq!(gone, Err(RecvTimeoutError::Disconnected));
}
