//! A server's life: handlers that wait, deadlines, what the log says, and the end.

use crate::support::{Hangs, LONG, Running, Seen, echo, holding, read_until, rest, wait_until};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use tinyhttp_server::access_log::{AccessLog, Format};
use tinyhttp_server::{Body, Handler, Peer, Request, Response, Server, Timeouts};

/// One worker, and ten handlers that wait for each other: each needs a thread of its own, and gets
/// it.
#[test]
fn handlers_that_wait_are_replaced() {
    let barrier = Arc::new(Barrier::new(10));
    let server = Running::with(
        |builder| builder.workers(1),
        move |request: Request<'_>| {
            if request.path() == "/meet" {
                barrier.wait();
            }
            Response::new(Body::from("done"))
        },
    );
    let mut waiting: Vec<_> = (0..9).map(|_| server.connect()).collect();
    for stream in &mut waiting {
        stream.write_all(b"GET /meet HTTP/1.0\r\n\r\n").unwrap();
    }
    assert!(
        server.ask("GET / HTTP/1.0\r\n\r\n").ends_with("done"),
        "a request beside those that wait"
    );
    assert!(server.ask("GET /meet HTTP/1.0\r\n\r\n").ends_with("done"));
    for stream in &mut waiting {
        assert!(rest(stream).ends_with("done"));
    }
}

/// The one worker that waits finds a single request, which takes long, and doesn't know so before:
/// others are served.
#[test]
fn a_long_turn_delays_no_other_while_workers_rest() {
    let (handler, told, let_go) = holding();
    let server = Running::with(|builder| builder.workers(2), Hangs(handler));
    let mut busy = server.connect();
    busy.write_all(b"GET /hold HTTP/1.0\r\n\r\n").unwrap();
    told.recv_timeout(LONG).unwrap();
    assert!(server.ask("GET / HTTP/1.0\r\n\r\n").ends_with("done"));
    let_go.send(()).unwrap();
    assert!(rest(&mut busy).ends_with("done"));
}

/// The only worker is busy when the end comes. Meanwhile a request has come over a connection that
/// was idle, and another over one that is not accepted yet.
#[test]
fn a_request_that_has_come_before_the_end_is_answered() {
    let (handler, told, let_go) = holding();
    let server = Running::with(|builder| builder.workers(1), Hangs(handler));
    let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut idle = server.connect();
    idle.write_all(request).unwrap();
    read_until(&mut idle, "done");
    let mut busy = server.connect();
    busy.write_all(b"GET /hold HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    told.recv_timeout(LONG).unwrap();
    idle.write_all(request).unwrap();
    let mut fresh = server.connect();
    fresh.write_all(request).unwrap();
    server.shutdown.shutdown(LONG);
    wait_until("the end of the listener", || {
        TcpStream::connect(server.address).is_err()
    });
    let_go.send(()).unwrap();
    for mut stream in [busy, idle, fresh] {
        assert!(rest(&mut stream).ends_with("done"));
    }
}

/// Neither a client that reads nothing nor a handler that never returns puts it off.
#[test]
fn an_end_has_its_deadline() {
    let (held, told, let_go) = holding();
    let handler = move |request: Request<'_>| match request.path() {
        "/large" => Response::new("x".repeat(50_000_000)),
        _ => held.handle(request).response(),
    };
    let builder = Server::bind("127.0.0.1:0").unwrap();
    let server = builder.start(handler).unwrap();
    let (address, shutdown) = (server.local_addrs()[0], server.shutdown_handle());
    let running = std::thread::spawn(move || server.run());
    let mut stuck = TcpStream::connect(address).unwrap();
    stuck.write_all(b"GET /large HTTP/1.0\r\n\r\n").unwrap();
    stuck.peek(&mut [0]).unwrap();
    let mut held_up = TcpStream::connect(address).unwrap();
    held_up.write_all(b"GET /hold HTTP/1.0\r\n\r\n").unwrap();
    told.recv_timeout(LONG).unwrap();
    shutdown.shutdown(Duration::from_millis(50));
    running.join().unwrap().unwrap();
    // What is cut doesn't look whole.
    assert!(rest(&mut stuck).len() < 50_000_000);
    drop(let_go);
}

/// A program that has bound the socket, or inherits it, can use it after this server has ended.
#[test]
fn a_shared_listener_outlives_the_server() {
    let theirs = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let ours = theirs.try_clone().unwrap();
    let server = Server::builder().listener(ours).unwrap();
    let server = server.start(echo).unwrap();
    server.shutdown_handle().shutdown(Duration::MAX);
    server.run().unwrap();
    TcpStream::connect(theirs.local_addr().unwrap()).unwrap();
}

#[test]
fn a_client_that_has_just_connected_may_still_ask() {
    let server = Running::start(echo);
    // One has said nothing at all, so that it hasn't been accepted; the other one an empty line.
    let (mut silent, mut known) = (server.connect(), server.connect());
    known.write_all(b"\r\n").unwrap();
    server.shutdown.shutdown(LONG);
    let ask = |stream: &mut TcpStream| {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
        let answer = rest(stream);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer:?}");
    };
    ask(&mut silent);
    // By then the listener is closed, and idle connections are.
    wait_until("the end of the listener", || {
        TcpStream::connect(server.address).is_err()
    });
    ask(&mut known);
}

#[test]
fn deadlines_have_names_and_pass() {
    let short = Duration::from_millis(50);
    let timeouts = Timeouts {
        head: short,
        idle: short,
        content: short,
        write: short,
        linger: short,
        ..Timeouts::default()
    };
    let server = Running::with(|builder| builder.timeouts(timeouts), echo);
    // A head that doesn't come to its end is told so; silence is not.
    assert!(
        server
            .ask("GET / HTTP/1.1\r\nHo")
            .starts_with("HTTP/1.1 408 ")
    );
    assert_eq!(server.ask(""), "");
    assert!(
        server
            .ask("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            .ends_with("/x:"),
        "idle after an exchange"
    );
    let slow = server.ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
    assert!(
        slow.starts_with("HTTP/1.1 400 ") && slow.ends_with("TimedOut"),
        "{slow}"
    );
}

/// A head deadline is not put off by bytes that trickle in.
#[test]
fn dribbling_a_head_gains_no_time() {
    let timeouts = Timeouts {
        head: Duration::from_millis(300),
        ..Timeouts::default()
    };
    let server = Running::with(|builder| builder.timeouts(timeouts), echo);
    let mut stream = server.connect();
    stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    // The read's own timeout is the pace; the default deadline of 10 s is where this would fail.
    for _ in 0..400 {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(_) => drop(stream.write_all(b"A: b\r\n")),
        }
        if !answer.is_empty() {
            break;
        }
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 408 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[test]
fn both_ends_are_known_to_the_handler() {
    let server = Running::start(|request: Request<'_>| {
        let Peer { remote, local } = request.peer();
        format!("{remote} {local}")
    });
    let mut stream = server.connect();
    let own = stream.local_addr().unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert!(rest(&mut stream).ends_with(&format!("\r\n\r\n{own} {}", server.address)));
}

#[test]
fn the_access_log_tells_everything_once_and_nothing_unescaped() {
    let table = r#"
        Common => 127.0.0.1 - - [ | ] "GET /a\xC2\x9B\"?b HTTP/1.1" 200 4
        Combined => \"?b HTTP/1.1" 200 4 "http://r" "agent \"x\" \xC3\xBC"
        Json => "target":"/a\u009b\"?b","version":"HTTP/1.1","status":200,"sent":4, | "user_agent":"agent \"x\" \u00fc"}
        Dev => 200  GET /a\xC2\x9B\"?b  4 B
    "#;
    for (format, parts) in table::cases(table) {
        let format = match format {
            "Common" => Format::Common,
            "Combined" => Format::Combined,
            "Json" => Format::Json,
            _ => Format::Dev,
        };
        let seen = Seen::default();
        let log = AccessLog::new(seen.clone(), format).unwrap();
        let server = Running::with(
            |builder| builder.access_log(log),
            |_: Request<'_>| Response::new(Body::from("four")),
        );
        let request = "GET /a\u{9b}\"?b HTTP/1.1\r\nHost: h\r\nConnection: close\r\nReferer: http://r\r\n\
             User-Agent: agent \"x\" ü\r\n\r\n";
        for _ in 0..3 {
            server.ask(request);
        }
        server.ask("broken\r\n\r\n");
        // What is there when the server is gone has been written.
        drop(server);
        let lines = String::from_utf8(seen.0.lock().unwrap().clone()).unwrap();
        assert_eq!(lines.lines().count(), 4, "{lines}");
        assert!(lines.is_ascii() && !lines.contains('\u{1b}'), "{lines}");
        let first = lines.lines().next().unwrap();
        for part in table::parts(parts) {
            assert!(first.contains(part), "{format:?}: {part} is not in {first}");
        }
        assert!(lines.lines().last().unwrap().contains("400"), "{lines}");
    }
}

/// A writer that takes its time, as a slow disk does.
struct Slow(Seen);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A disk that is slow on purpose.
        std::thread::sleep(Duration::from_millis(50));
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// When `run` returns the log is complete, although there is a handle still, which may never go
/// away: exchanges that the end has cut are in it, and have been cut so that the client can see it.
#[test]
fn the_access_log_is_complete_when_the_server_has_ended() {
    let seen = Seen::default();
    let log = AccessLog::new(Slow(seen.clone()), Format::Common).unwrap();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .access_log(log)
        .start(|request: Request<'_>| match request.path() {
            "/endless" => Response::new(Body::reader(io::repeat(b'x'), None)),
            _ => Response::new(Body::from("short")),
        })
        .unwrap();
    let (address, shutdown) = (server.local_addrs()[0], server.shutdown_handle());
    let running = std::thread::spawn(move || server.run());
    let mut short = TcpStream::connect(address).unwrap();
    short.write_all(b"GET /short HTTP/1.0\r\n\r\n").unwrap();
    assert!(rest(&mut short).ends_with("short"));
    let mut endless = TcpStream::connect(address).unwrap();
    endless.set_read_timeout(Some(LONG)).unwrap();
    endless.write_all(b"GET /endless HTTP/1.0\r\n\r\n").unwrap();
    read_until(&mut endless, "\r\n\r\n");
    shutdown.abort();
    running.join().unwrap().unwrap();
    let lines = String::from_utf8(seen.0.lock().unwrap().clone()).unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let error = endless.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    drop(shutdown);
}
