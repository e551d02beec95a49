//! Which connection gives its place to a newcomer when there are as many as may be.

use crate::support::{GET, LONG, PACE, Running, get, holding, narrow, read_until, wait_until};
use http::Response;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tinyhttp_server::{Body, Builder, Request, Timeouts};

fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0))
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
        // More than a tick, so that the one that has been idle for longest is known.
        server.wait_for_parked(1);
        server.advance(PACE);
    }
    let mut fresh = server.connect();
    get(&mut fresh);
    assert!(is_closed(&mut idle[0]));
    get(&mut idle[1]);
    get(&mut idle[2]);
    let_go.send(()).unwrap();
    read_until(&mut busy, "done");
}

/// Three connections that send these bytes, the first one for longest.
fn one_after_another(server: &Running, bytes: &str) -> Vec<TcpStream> {
    let mut streams: Vec<TcpStream> = Vec::new();
    for number in 0..3 {
        if number > 0 {
            server.settle();
            server.advance(PACE);
        }
        let mut stream = server.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        streams.push(stream);
    }
    streams
}

#[test]
fn half_heads_make_room_when_nothing_is_idle() {
    let server = Running::with(|builder| builder.max_connections(3), holding().0);
    let mut slow = one_after_another(&server, "GET / HTTP/1.1\r\n");
    get(&mut server.connect());
    assert!(is_closed(&mut slow[0]));
    slow[2].write_all(b"Host: h\r\n\r\n").unwrap();
    read_until(&mut slow[2], "done");
}

#[test]
fn silent_connections_make_room_when_nothing_is_idle() {
    let server = Running::with(|builder| builder.max_connections(3), holding().0);
    // An empty line says nothing, but without a byte the kernel would keep them for a second.
    let mut silent = one_after_another(&server, "\r\n");
    get(&mut server.connect());
    assert!(is_closed(&mut silent[0]));
    get(&mut silent[2]);
}

#[test]
fn a_running_handler_makes_no_room() {
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

/// Connections that have their response and still send content, slowly, which is skipped.
#[test]
fn skipped_content_makes_room() {
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

/// A server for two connections, and two clients that have asked for a response of `length` bytes
/// and have read its head.
fn two_readers(length: usize, connect: fn(&Running) -> TcpStream) -> (Running, [TcpStream; 2]) {
    let handler = move |request: Request<'_>| match request.path() {
        "/large" => Response::new(Body::from(vec![0; length])),
        _ => Response::new(Body::from("done")),
    };
    let server = Running::with(|builder| builder.max_connections(2), handler);
    let readers = [(); 2].map(|()| {
        let mut stream = connect(&server);
        let request = b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n";
        stream.write_all(request).unwrap();
        read_until(&mut stream, "\r\n\r\n");
        stream
    });
    (server, readers)
}

/// Two clients that take nothing of a large response; each newcomer costs one of them its place,
/// and the response is cut.
#[test]
fn the_slowest_reader_makes_room_when_nothing_else_does() {
    let (server, mut readers) = two_readers(64 << 20, Running::connect);
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
    let (server, mut readers) = two_readers(LARGE, |server| narrow(server, 64 * 1024));
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

#[test]
fn one_client_cannot_have_all_connections() {
    let server = Running::with(|builder| builder.max_connections_per_client(2), holding().0);
    let mut first = server.connect();
    let mut second = server.connect();
    get(&mut first);
    get(&mut second);
    assert!(is_closed(&mut server.connect()));
    drop(first);
    wait_until("a place for another connection", || {
        let mut again = server.connect();
        again.write_all(GET).is_ok() && matches!(again.read(&mut [0]), Ok(1))
    });
    get(&mut second);
}

/// Connections of ordinary clients, which have had a response and are kept for another request.
fn kept(server: &Running) -> Vec<TcpStream> {
    let kept = (0..10).map(|_| {
        let mut stream = server.connect();
        get(&mut stream);
        stream
    });
    kept.collect()
}

/// As many clients as the server has room for send content that is skipped, and the next clients
/// cost them their places, not those that use their connections for one request after another.
#[test]
fn skipped_content_makes_room_before_idle_connections() {
    const CROWD: usize = 200;
    let server = Running::with(|builder| builder.max_connections(CROWD), holding().0);
    let mut kept = kept(&server);
    let mut dripping: Vec<TcpStream> = Vec::new();
    for number in 0..CROWD {
        let mut stream = server.connect();
        let framing = match number % 2 {
            0 => "Content-Length: 100000\r\n\r\n",
            _ => "Transfer-Encoding: chunked\r\n\r\n7fff\r\n",
        };
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\n{framing}");
        stream.write_all(head.as_bytes()).unwrap();
        read_until(&mut stream, "done");
        for other in &mut dripping {
            // Those that were evicted fail.
            let _ = other.write_all(b"x");
        }
        dripping.push(stream);
    }
    let mut fresh: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for stream in fresh.iter_mut().chain(&mut kept) {
        get(stream);
    }
}

/// Silent connections and half heads, which have had two seconds.
#[test]
fn unfinished_heads_make_room_before_idle_connections() {
    const EACH: usize = 5;
    let timeouts = Timeouts {
        head: LONG,
        ..Timeouts::default()
    };
    let configure = |builder: Builder| builder.max_connections(11 + 2 * EACH).timeouts(timeouts);
    let server = Running::with(configure, holding().0);
    let mut kept = kept(&server);
    let mut stalled = Vec::new();
    for bytes in ["\r\n", "GET / HTTP/1.1\r\nHo"] {
        for _ in 0..EACH {
            let mut stream = server.connect();
            stream.write_all(bytes.as_bytes()).unwrap();
            stalled.push(stream);
        }
    }
    server.settle();
    // They fall behind.
    server.advance(Duration::from_millis(2100));
    let mut fresh = Vec::new();
    for _ in 0..=2 * EACH {
        let mut stream = server.connect();
        get(&mut stream);
        fresh.push(stream);
    }
    for stream in &mut kept {
        get(stream);
    }
}
