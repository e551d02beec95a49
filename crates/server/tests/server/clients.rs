//! Clients that are slow, many or careless: what they may cost, and what they get all the same.

use crate::support::{LONG, Running, Seen, read_until, rest};
use http::Response;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use tinyhttp_server::access_log::{AccessLog, Format};
use tinyhttp_server::{Body, Builder, Handler, Limits, Reply, Request, Server, Timeouts};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// The pace of whoever dribbles.
const PACE: Duration = Duration::from_millis(20);

/// A handler that waits at `/hold`: it, what tells that it waits, and what lets it go.
fn holding() -> (impl Handler, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (arrived, told) = mpsc::channel();
    let (let_go, release) = mpsc::channel();
    let release = Mutex::new(release);
    let handler = move |request: Request<'_>| {
        if request.path() == "/hold" {
            arrived.send(()).unwrap();
            release.lock().unwrap().recv_timeout(LONG).unwrap();
        }
        Response::new(Body::from("done"))
    };
    (handler, told, let_go)
}

fn get(stream: &mut TcpStream) {
    stream.write_all(GET).unwrap();
    read_until(stream, "done");
}

fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0))
}

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
fn dribbling_content_that_nobody_wants_gains_little_time() {
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
        std::thread::sleep(timeouts.content * 2);
        let mut content = Vec::new();
        request.body_mut().read_to_end(&mut content).unwrap();
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
        std::thread::sleep(impatient().write / 2);
        into[0] = b'.';
        let length = self.0.min(1);
        self.0 -= length;
        Ok(length)
    }
}

/// Zeros for ever; says when nobody wants them any more.
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

/// A connection with a window of so many bytes, or as few as the system lets it have.
fn narrow(server: &Running, window: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(window).unwrap();
    socket.connect(&SockAddr::from(server.address)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket.into()
}

#[test]
fn who_takes_an_answer_byte_by_byte_is_cut() {
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
fn who_takes_an_answer_slowly_but_fast_enough_gets_it() {
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

#[test]
fn the_longest_idle_make_room_for_others() {
    let (handler, told, let_go) = holding();
    let server = Running::with(|builder| builder.max_connections(4), handler);
    let mut busy = server.connect();
    busy.write_all(b"GET /hold HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    told.recv_timeout(LONG).unwrap();
    let mut idle: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for stream in &mut idle {
        get(stream);
        // Longer than a tick, so that it is known who has been idle for longest.
        std::thread::sleep(PACE);
    }
    let mut fresh = server.connect();
    get(&mut fresh);
    assert!(is_closed(&mut idle[0]));
    get(&mut idle[1]);
    get(&mut idle[2]);
    let_go.send(()).unwrap();
    read_until(&mut busy, "done");
}

#[test]
fn heads_that_do_not_end_make_room_when_nobody_is_idle() {
    let server = Running::with(|builder| builder.max_connections(3), holding().0);
    let mut slow: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        std::thread::sleep(PACE);
    }
    get(&mut server.connect());
    assert!(is_closed(&mut slow[0]));
    slow[2].write_all(b"Host: h\r\n\r\n").unwrap();
    read_until(&mut slow[2], "done");
}

#[test]
fn who_says_nothing_makes_room_when_nobody_is_idle() {
    let server = Running::with(|builder| builder.max_connections(3), holding().0);
    let connect = |_| {
        std::thread::sleep(PACE);
        let mut stream = server.connect();
        // An empty line says nothing, but without a byte the kernel would keep them for a second.
        stream.write_all(b"\r\n").unwrap();
        stream
    };
    let mut silent: Vec<_> = (0..3).map(connect).collect();
    get(&mut server.connect());
    assert!(is_closed(&mut silent[0]));
    get(&mut silent[2]);
}

#[test]
fn who_is_owed_an_answer_makes_no_room() {
    let (handler, told, let_go) = holding();
    let server = Running::with(|builder| builder.max_connections(1), handler);
    let mut busy = server.connect();
    busy.write_all(b"GET /hold HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    told.recv_timeout(LONG).unwrap();
    let mut fresh = server.connect();
    fresh.write_all(GET).unwrap();
    fresh.set_read_timeout(Some(10 * PACE)).unwrap();
    assert!(fresh.read(&mut [0]).is_err(), "it waits to be accepted");
    let_go.send(()).unwrap();
    read_until(&mut busy, "done");
    fresh.set_read_timeout(Some(LONG)).unwrap();
    read_until(&mut fresh, "done");
}

/// Connections that have their answer and still send content, slowly, for nobody.
#[test]
fn unwanted_content_makes_room() {
    let server = Running::with(|builder| builder.max_connections(3), holding().0);
    for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let mut dripping: Vec<_> = (0..3)
            .map(|_| {
                let mut stream = server.connect();
                let head = format!("POST / HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n7fff;");
                stream.write_all(head.as_bytes()).unwrap();
                read_until(&mut stream, "done");
                stream
            })
            .collect();
        for stream in &mut dripping {
            stream.write_all(b"x").unwrap();
        }
        get(&mut server.connect());
    }
}

/// Two clients that take nothing of a large response; each newcomer costs one of them its place,
/// and the response is cut.
#[test]
fn the_slowest_reader_makes_room_when_nothing_else_does() {
    const LARGE: usize = 64 << 20;
    let handler = |request: Request<'_>| match request.path() {
        "/large" => Response::new(Body::from(vec![0; LARGE])),
        _ => Response::new(Body::from("done")),
    };
    let server = Running::with(|builder| builder.max_connections(2), handler);
    let mut readers: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = server.connect();
            let request = b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n";
            stream.write_all(request).unwrap();
            read_until(&mut stream, "\r\n\r\n");
            stream
        })
        .collect();
    let mut fresh = server.connect();
    get(&mut fresh);
    let cut = readers
        .iter_mut()
        .filter_map(|stream| {
            // The one that stays is not read to its end.
            stream.set_read_timeout(Some(5 * PACE)).unwrap();
            let mut left = vec![0; 1 << 20];
            loop {
                match stream.read(&mut left) {
                    Ok(0) => return Some(ErrorKind::UnexpectedEof),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                    Err(error) => return Some(error.kind()),
                }
            }
        })
        .next();
    assert_eq!(cut, Some(ErrorKind::ConnectionReset));
}

/// Two clients that take a large response at a steady rate keep their places, and a third one
/// waits.
#[test]
fn a_reader_that_keeps_its_rate_is_not_evicted() {
    const LARGE: usize = 16 << 20;
    let handler = |request: Request<'_>| match request.path() {
        "/large" => Response::new(Body::from(vec![0; LARGE])),
        _ => Response::new(Body::from("done")),
    };
    let server = Running::with(|builder| builder.max_connections(2), handler);
    let mut readers: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = narrow(&server, 64 * 1024);
            let request = b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n";
            stream.write_all(request).unwrap();
            read_until(&mut stream, "\r\n\r\n");
            stream
        })
        .collect();
    let mut fresh = server.connect();
    fresh.write_all(GET).unwrap();
    let mut piece = vec![0; LARGE / 32];
    for _ in 0..32 {
        // The pace of the readers.
        std::thread::sleep(PACE);
        for stream in &mut readers {
            stream.read_exact(&mut piece).unwrap();
        }
    }
    // Both are idle now.
    read_until(&mut fresh, "done");
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
        std::thread::sleep(PACE);
        stream.write_all(chunks.as_bytes()).is_err()
    });
    assert!(is_closed);
}

/// A handler that blocks before it replies, as one whose disk hangs: both workers, and the reports
/// they had taken.
#[test]
fn stuck_workers_are_replaced_and_what_they_took_is_answered() {
    struct Hangs<H>(H);
    impl<H: Handler> Handler for Hangs<H> {
        fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
            Reply::Ready(self.0.handle(request).response())
        }
    }
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
        for (request, is_kept) in [
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", true),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
            (
                "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                false,
            ),
            ("GET / HTTP/1.0\r\n\r\n", false),
        ] {
            let mut stream = server.connect();
            stream.write_all(request.as_bytes()).unwrap();
            let answer = read_until(&mut stream, "done");
            let line = format!("\r\nKeep-Alive: {want}\r\n");
            assert_eq!(answer.contains(&line), is_kept, "{answer}");
        }
    }
}

#[test]
fn one_client_cannot_have_all_connections() {
    let server = Running::with(|builder| builder.max_connections_per_client(2), holding().0);
    let mut first = server.connect();
    let mut second = server.connect();
    get(&mut first);
    get(&mut second);
    assert!(is_closed(&mut server.connect()));
    drop(first);
    let since = Instant::now();
    loop {
        let mut again = server.connect();
        if again.write_all(GET).is_ok() && matches!(again.read(&mut [0]), Ok(1)) {
            break;
        }
        assert!(since.elapsed() < LONG);
    }
    get(&mut second);
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
fn who_sends_content_without_waiting_for_100_keeps_the_connection() {
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
    // Who has not sent any may send the next request instead, and nobody could tell.
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
    let theirs = Arc::new(());
    let ours = Arc::clone(&theirs);
    let server = Server::builder()
        .bind(([127, 0, 0, 1], 0).into())
        .unwrap()
        .start(move |_: Request<'_>| {
            let _ = &theirs;
            Response::new(Body::empty())
        })
        .unwrap();
    let address = server.addresses()[0];
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert!(rest(&mut stream).starts_with("HTTP/1.1 200 "));
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    // The handler goes with the last thread.
    let since = Instant::now();
    while Arc::strong_count(&ours) > 1 {
        assert!(since.elapsed() < LONG, "its threads are still there");
        std::thread::sleep(PACE);
    }
}
