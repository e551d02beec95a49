//! Content that comes slowly, and content that is made slowly: neither holds a thread.

use crate::support::{GET, LONG, Running, read_until, rest, wait_until};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use tinyhttp_server::middleware::{Cors, Fields};
use tinyhttp_server::{
    Body, Builder, Error, Handler, Next, Receive, Reply, Request, Response, Route, Router, Sender,
    Timeouts,
};

/// More content than that is refused.
const LIMIT: u64 = 200_000;

/// Content up to this size stays in memory.
const MEMORY: u64 = 1000;

/// Responds with the length and the sum of the content it was sent.
struct Sum;

impl Handler for Sum {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        if request.path() == "/" {
            return Response::new("done").into();
        }
        let receive = Receive::new(request, LIMIT, |mut request| {
            let is_ready = request.path() == "/up";
            let mut answer = move || {
                let length = request.body().length();
                let mut content = Vec::new();
                request.body_mut().read_to_end(&mut content).unwrap();
                assert_eq!(length, Some(content.len() as u64));
                let sum: u64 = content.iter().copied().map(u64::from).sum();
                Response::new(format!("{} {} {sum}|", request.path(), content.len()))
            };
            // Few threads may block in these tests.
            match is_ready {
                true => Reply::Ready(answer()),
                false => Reply::blocking(answer),
            }
        });
        receive.memory(MEMORY).into()
    }
}

/// One crowd at a time: two of them could need more descriptors than there are.
static CROWD: Mutex<()> = Mutex::new(());

/// A number of clients, and the right to that many descriptors until it is dropped.
struct Crowd {
    number: usize,
    _alone: MutexGuard<'static, ()>,
}

/// As many clients as wanted, or as the limit on open files admits with both ends in this process.
fn crowd(wanted: usize) -> Crowd {
    // That another test has failed changes nothing.
    let alone = CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    );
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = usize::try_from(limit / 2).unwrap_or(usize::MAX);
    let possible = possible.saturating_sub(600);
    if possible < wanted {
        println!("only {possible} of {wanted} clients: the limit on open files is {limit}");
    }
    Crowd {
        number: possible.min(wanted),
        _alone: alone,
    }
}

/// At most four threads, of which two may block.
fn settings(builder: Builder) -> Builder {
    let patient = Timeouts {
        content: Duration::from_secs(600),
        ..Timeouts::default()
    };
    builder.workers(2).max_threads(4).timeouts(patient)
}

#[test]
fn content_is_received_before_the_handler_continues() {
    let server = Running::with(settings, Sum);
    let long = "x".repeat(150_000);
    let long_sum = 150_000 * u64::from(b'x');
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let table = [
        (
            "Content-Length: 3\r\n\r\nabc".to_owned(),
            "/x 3 294|".to_owned(),
        ),
        ("\r\n".to_owned(), "/x 0 0|".to_owned()),
        (
            format!("{chunked}3\r\nabc\r\n2;y\r\nde\r\n0\r\nT: x\r\n\r\n"),
            "/x 5 495|".to_owned(),
        ),
        (
            format!("Content-Length: 150000\r\n\r\n{long}"),
            format!("/x 150000 {long_sum}|"),
        ),
        (
            format!("{chunked}249f0\r\n{long}\r\n0\r\n\r\n"),
            format!("/x 150000 {long_sum}|"),
        ),
    ];
    let mut stream = server.connect();
    for (rest, expected) in &table {
        // Over one connection, and byte by byte for the short ones.
        let request = format!("POST /x HTTP/1.1\r\nHost: h\r\n{rest}");
        stream.write_all(request.as_bytes()).unwrap();
        assert!(
            read_until(&mut stream, "|").ends_with(expected),
            "{rest:.40}"
        );
        if request.len() < 1000 {
            for byte in request.as_bytes() {
                stream.write_all(&[*byte]).unwrap();
            }
            assert!(
                read_until(&mut stream, "|").ends_with(expected),
                "{rest:.40}"
            );
        }
    }
    // Pipelined, with a request behind.
    let post = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nb";
    let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    stream
        .write_all([get, post, post, get].concat().as_bytes())
        .unwrap();
    for end in ["done", "/a 1 98|", "/a 1 98|", "done"] {
        read_until(&mut stream, end);
    }
}

#[test]
fn content_that_is_too_long_broken_or_late_is_refused() {
    let impatient = Timeouts {
        content: Duration::from_millis(100),
        ..Timeouts::default()
    };
    let server = Running::with(|builder| builder.timeouts(impatient), Sum);
    let chunk = "186a0\r\n".to_owned() + &"x".repeat(100_000) + "\r\n";
    let table = [
        (
            "Content-Length: 200001\r\nExpect: 100-continue\r\n\r\n".to_owned(),
            413,
        ),
        (
            format!("Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(3)),
            413,
        ),
        ("Transfer-Encoding: chunked\r\n\r\nxyz\r\n".to_owned(), 400),
        ("Content-Length: 5\r\n\r\nab".to_owned(), 408),
    ];
    for (fields, status) in table {
        let answer = server.ask(&format!("POST /x HTTP/1.1\r\nHost: h\r\n{fields}"));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{fields:.60} {answer}"
        );
        assert!(answer.contains("Connection: close\r\n"), "{answer}");
    }
}

#[test]
fn content_is_asked_for_when_the_client_waits_for_that() {
    let server = Running::with(settings, Sum);
    let mut stream = server.connect();
    let head = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    for _ in 0..2 {
        stream.write_all(head.as_bytes()).unwrap();
        let interim = read_until(&mut stream, "\r\n\r\n");
        assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"hi").unwrap();
        read_until(&mut stream, "/x 2 209|");
    }
}

/// Each client has sent a part of its content, and would send the rest over a quarter of an hour.
#[test]
fn a_thousand_slow_uploads_hold_no_thread() {
    let crowd = crowd(1000);
    let server = Running::with(settings, Sum);
    let head = "POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n";
    let mut uploads: Vec<_> = (0..crowd.number)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&[b'a'; 1500]).unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        assert!(server.ask("GET / HTTP/1.0\r\n\r\n").ends_with("done"));
    }
    for stream in &mut uploads {
        stream.write_all(&[b'b'; 500]).unwrap();
    }
    let sum = 1500 * u64::from(b'a') + 500 * u64::from(b'b');
    for stream in &mut uploads {
        read_until(stream, &format!("/up 2000 {sum}|"));
    }
}

/// With idle connections and slow handlers, another request has its response while all of them are
/// still there. Both ends of a connection are descriptors of this process, so as many are idle as
/// its limit admits, up to ten thousand.
#[test]
fn idle_connections_and_slow_handlers_delay_no_request() {
    const SLOW: usize = 100;
    let (arrived, arrivals) = mpsc::channel();
    let (let_go, release) = mpsc::channel::<()>();
    let release = Mutex::new(release);
    let handler = move |request: Request<'_>| {
        if request.path() == "/slow" {
            arrived.send(()).unwrap();
            // Until the sender is gone.
            let _ = release.lock().unwrap().recv();
        }
        "done"
    };
    // Tests that run at the same time need descriptors, too.
    const OTHERS: usize = 2000;
    let crowd = crowd(10_000 + SLOW + OTHERS);
    let number = crowd.number.saturating_sub(SLOW + OTHERS);
    if number == 0 {
        return println!("skipped: the limit on open files is too low");
    }
    let most = |builder: Builder| {
        let builder = settings(builder).max_threads(2 * SLOW);
        builder.max_connections(20_000)
    };
    let server = Running::as_it_is(most, handler);
    let mut idle: Vec<_> = (0..number)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(GET).unwrap();
            read_until(&mut stream, "done");
            stream
        })
        .collect();
    let mut slow: Vec<_> = (0..SLOW)
        .map(|_| {
            let mut stream = server.connect();
            stream
                .write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
                .unwrap();
            stream
        })
        .collect();
    for _ in 0..SLOW {
        arrivals.recv_timeout(LONG).unwrap();
    }
    // On a new connection, and on idle ones.
    assert!(server.ask("GET / HTTP/1.0\r\n\r\n").ends_with("done"));
    for stream in [0, number / 2, number - 1] {
        idle[stream].write_all(GET).unwrap();
        read_until(&mut idle[stream], "done");
    }
    // None of the slow ones has its response.
    for stream in &slow {
        stream.set_nonblocking(true).unwrap();
        let early = (&mut &*stream).read(&mut [0]).unwrap_err();
        assert_eq!(early.kind(), io::ErrorKind::WouldBlock);
        stream.set_nonblocking(false).unwrap();
    }
    drop(let_go);
    for stream in &mut slow {
        read_until(stream, "done");
    }
}

fn length(request: Request<'_>) -> Result<String, Error> {
    Ok(format!("{} bytes|", request.into_text(LIMIT)?.len()))
}

/// Begins a thousand uploads, makes another request, and finishes the uploads.
fn uploads_hold_no_thread(server: &Running) {
    let head = "POST /length HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n";
    let crowd = crowd(1000);
    let mut uploads: Vec<_> = (0..crowd.number)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&[b'a'; 1500]).unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        let answer = server.ask("GET /length HTTP/1.0\r\n\r\n");
        assert!(answer.ends_with("0 bytes|"), "{answer}");
    }
    // Few threads may block in these tests.
    for stream in &mut uploads {
        stream.write_all(&[b'b'; 500]).unwrap();
        read_until(stream, "2000 bytes|");
    }
}

#[test]
fn slow_uploads_to_a_closure_hold_no_thread() {
    uploads_hold_no_thread(&Running::as_it_is(settings, length));
}

#[test]
fn slow_uploads_through_closure_layers_hold_no_thread() {
    let outer = |request: Request<'_>, next: Next<'_>| {
        assert!(request.body().length().is_some(), "the content has arrived");
        next.run(request).with_header("x-outer", "1")
    };
    let inner = |request: Request<'_>, next: Next<'_>| next.run(request);
    let app = Router::new().with(outer).with(inner).any("/length", length);
    uploads_hold_no_thread(&Running::with(settings, app));
}

/// Limits are those of the server for a closure, and those of the route behind a layer.
#[test]
fn content_beyond_a_limit_is_refused_before_it_is_received() {
    let pass = |request: Request<'_>, next: Next<'_>| next.run(request);
    let app = Router::new()
        .max_body(3)
        .with(pass)
        .post("/a", length)
        .post("/b", Route::new(length).max_body(5));
    let closure = Running::as_it_is(|builder| settings(builder).max_body(4), length);
    // Around a closure, middleware changes nothing of that.
    let wrapped = Fields::new(Cors::new(length, ["https://a.example"]).unwrap());
    let wrapped = Running::as_it_is(|builder| settings(builder).max_body(4), wrapped);
    let routes = Running::with(settings, app);
    let table = [
        (&closure, "/", 4),
        (&wrapped, "/", 4),
        (&routes, "/a", 3),
        (&routes, "/b", 5),
    ];
    for (server, path, limit) in table {
        for (length, status) in [(limit, 200), (limit + 1, 413)] {
            let content = "x".repeat(length);
            let known = format!("Content-Length: {length}\r\n\r\n{content}");
            let chunks = format!("{length}\r\n{content}\r\n0\r\n\r\n");
            let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{chunks}");
            for rest in [known, chunked] {
                let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
                let answer = server.ask(&format!("{head}{rest}"));
                let line = format!("HTTP/1.1 {status} ");
                assert!(answer.starts_with(&line), "{path} {length} {answer}");
            }
        }
    }
}

/// Keeps the senders of all event streams.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Sender>>>);

impl Handler for Events {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        if request.path() != "/events" {
            return Response::new("done").into();
        }
        let (sender, body) = Body::channel();
        sender.send("hello\n").unwrap();
        self.0.lock().unwrap().push(sender);
        Response::new(body).into()
    }
}

fn listen(server: &Running) -> TcpStream {
    let mut stream = server.connect();
    stream
        .write_all(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    read_until(&mut stream, "6\r\nhello\n\r\n");
    stream
}

#[test]
fn ten_thousand_event_streams_hold_no_thread() {
    let crowd = crowd(10_000);
    let number = crowd.number;
    let events = Events::default();
    let server = Running::with(settings, events.clone());
    let mut streams: Vec<_> = (0..number).map(|_| listen(&server)).collect();
    for _ in 0..20 {
        assert!(server.ask("GET / HTTP/1.0\r\n\r\n").ends_with("done"));
    }
    for event in ["one\n", "two\n"] {
        for sender in &*events.0.lock().unwrap() {
            sender.send(event).unwrap();
        }
        for stream in &mut streams {
            read_until(stream, &format!("4\r\n{event}\r\n"));
        }
    }
    events.0.lock().unwrap().clear();
    for stream in &mut streams {
        read_until(stream, "0\r\n\r\n");
    }
}

/// A client that goes away is noticed while nothing is sent, and a stream over HTTP/1.0 ends with
/// its connection.
#[test]
fn the_end_of_a_stream() {
    let events = Events::default();
    let server = Running::with(settings, events.clone());
    let stream = listen(&server);
    let sender = events.0.lock().unwrap()[0].clone();
    assert!(!sender.is_closed());
    drop(stream);
    wait_until("the end of the stream", || sender.is_closed());
    let mut stream = server.connect();
    stream.write_all(b"GET /events HTTP/1.0\r\n\r\n").unwrap();
    read_until(&mut stream, "hello\n");
    events.0.lock().unwrap()[1].send("last").unwrap();
    events.0.lock().unwrap().clear();
    drop(sender);
    assert_eq!(rest(&mut stream), "last");
}

/// A closure behind a router holds no thread while the content of its request arrives.
#[test]
fn slow_uploads_to_a_route_hold_no_threads() {
    let app =
        Router::new()
            .get("/", |_: Request<'_>| "done")
            .post("/length", |request: Request<'_>| {
                let text = request.into_text(LIMIT)?;
                Ok::<_, Error>(format!("{} bytes|", text.len()))
            });
    let server = Running::with(settings, app);
    let head = "POST /length HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n";
    let mut uploads: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(format!("{head}a").as_bytes()).unwrap();
            stream
        })
        .collect();
    let mut stream = server.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    read_until(&mut stream, "done");
    for upload in &mut uploads {
        upload.write_all(b"b").unwrap();
        read_until(upload, "2 bytes|");
    }
}
