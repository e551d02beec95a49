//! Nothing outlives its deadline, however slowly bytes come.

use super::script::{builder, has_settled, ok, read_head, upstream};
use crate::support::{LONG, Running, narrow, rest, wait_until};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tinyhttp_server::Timeouts;

const LAST: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// The deadline of these upstreams. Their bytes come much faster than that.
const TIME: Duration = Duration::from_millis(400);
const PACE: Duration = Duration::from_millis(20);

/// An upstream that responds with this, a byte at a time, over and over until it is stopped.
fn trickles(first: &'static str, over: &'static str) -> (SocketAddr, mpsc::Receiver<()>) {
    let (ended, told) = mpsc::channel();
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream).unwrap();
        let _ = stream.write_all(first.as_bytes());
        for byte in over.bytes().cycle() {
            // The pace of the upstream.
            std::thread::sleep(PACE);
            if stream.write_all(&[byte]).is_err() {
                break;
            }
        }
        ended.send(()).unwrap();
    });
    (address, told)
}

/// The bytes of a head don't put off its deadline, interim responses only a few times.
#[test]
fn a_head_that_never_ends_is_a_504() {
    for (first, over) in [
        ("", "H"),
        ("HTTP/1.1 200 OK\r\nA: ", "x"),
        ("HTTP/1.1 200 OK\r\n", "A: b\r\n"),
        ("HTTP/1.1 103 Early Hints\r\n\r\n", "H"),
    ] {
        let (address, ended) = trickles(first, over);
        let server = Running::start(builder(&[address]).timeout(TIME).build());
        let answer = server.ask(LAST);
        let is_504 = answer.contains("HTTP/1.1 504 ") || answer.contains("HTTP/1.1 502 ");
        assert!(is_504, "{first}{over}: {answer}");
        ended.recv_timeout(LONG).unwrap();
    }
}

/// Interim responses are bounded in number, and in bytes.
#[test]
fn interim_responses_are_bounded_in_bytes() {
    let interim = format!(
        "HTTP/1.1 103 Early Hints\r\nA: {}\r\n\r\n",
        "x".repeat(30_000)
    );
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream).unwrap();
        for _ in 0..10 {
            let _ = stream.write_all(interim.as_bytes());
        }
        let _ = stream.read(&mut [0; 1]);
    });
    let answer = Running::start(builder(&[address]).build()).ask(LAST);
    assert_eq!(
        answer.matches("HTTP/1.1 103 ").count(),
        2,
        "{}",
        answer.len()
    );
    assert!(answer.contains("HTTP/1.1 502 "), "{}", answer.len());
}

/// Content that goes on is not cut, however long it takes: the time is that of a gap.
#[test]
fn content_that_goes_on_is_relayed() {
    let address = upstream(|mut stream, _| {
        read_head(&mut stream).unwrap();
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n";
        stream.write_all(head).unwrap();
        for _ in 0..60 {
            // The pace of the upstream.
            std::thread::sleep(PACE);
            stream.write_all(b"x").unwrap();
        }
    });
    // A loaded machine makes longer gaps.
    let server = Running::start(builder(&[address]).timeout(Duration::from_secs(1)).build());
    assert!(server.ask(LAST).ends_with(&"x".repeat(60)));
}

/// A server that accepts nothing: its queue is full, so that connecting takes forever.
#[test]
fn a_connection_that_is_not_established_is_a_504() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let socket = socket2::Socket::from(listener);
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // The kernel accepts one or two beyond that.
    let mut waiting = Vec::new();
    let is_full = |waiting: &mut Vec<std::net::TcpStream>| {
        let soon = Duration::from_millis(200);
        match std::net::TcpStream::connect_timeout(&address, soon) {
            Ok(stream) => waiting.push(stream),
            Err(_) => return true,
        }
        false
    };
    wait_until("the queue is full", || is_full(&mut waiting));
    let server = Running::start(builder(&[address]).timeout(TIME).build());
    let answer = server.ask(LAST);
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
}

/// Content that the client stops to send is a 408, as without an upstream, and the upstream's
/// connection ends.
#[test]
fn content_that_does_not_come_is_a_408() {
    let (ended, told) = mpsc::channel();
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream).unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        ended.send(()).unwrap();
    });
    let timeouts = Timeouts {
        content: TIME,
        ..Timeouts::default()
    };
    let server = Running::with(|it| it.timeouts(timeouts), builder(&[address]).build());
    for content in [
        "Content-Length: 9\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nha",
    ] {
        let mut stream = server.connect();
        write!(stream, "POST / HTTP/1.1\r\nHost: h\r\n{content}").unwrap();
        let answer = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{content}: {answer}");
        told.recv_timeout(LONG).unwrap();
    }
}

/// A slow reader of a relayed response is not cut while it takes more than the slowest rate, even
/// if the kernel reports no room for longer than the deadline.
#[test]
fn a_slow_reader_of_a_relayed_response_stays() {
    const LENGTH: usize = 64 * 1024 * 1024;
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        for _ in 0..LENGTH / 65_536 {
            if stream.write_all(&[b'x'; 65_536]).is_err() {
                return;
            }
            count.fetch_add(65_536, Ordering::Relaxed);
        }
    });
    let hour = Duration::from_secs(3600);
    let server = Running::start(builder(&[address]).timeout(hour).build());
    let mut stream = narrow(&server, 65_536);
    stream.write_all(LAST.as_bytes()).unwrap();
    wait_until("the upstream waits", || has_settled(&written));
    let mut taken = 0;
    for _ in 0..6 {
        // Far more than the slowest rate, and far less than a report of the kernel takes. The clock
        // advances by more than half of the time that is allowed without a byte.
        server.advance(Timeouts::default().write * 6 / 10);
        let mut piece = vec![0; 300_000];
        stream.read_exact(&mut piece).unwrap();
        taken += piece.len();
        // The timer looks every 100 ms.
        std::thread::sleep(Duration::from_millis(300));
    }
    taken += std::io::copy(&mut stream, &mut std::io::sink()).unwrap() as usize;
    assert!(taken > LENGTH, "{taken}");
}

/// One that reads nothing is cut.
#[test]
fn a_client_that_reads_nothing_is_cut() {
    let cut = Arc::new(AtomicBool::new(false));
    let is_cut = Arc::clone(&cut);
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
        is_cut.store(true, Ordering::Relaxed);
    });
    let timeouts = Timeouts {
        write: TIME,
        ..Timeouts::default()
    };
    let server = Running::with(|it| it.timeouts(timeouts), builder(&[address]).build());
    let mut stream = server.connect();
    stream.write_all(LAST.as_bytes()).unwrap();
    wait_until("it is cut", || cut.load(Ordering::Relaxed));
}

/// A request that waits in the timer's hands for its second server keeps its content, and the next
/// request of its client follows.
#[test]
fn another_server_is_tried_after_a_timeout() {
    let full = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let socket = socket2::Socket::from(full);
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    let soon = Duration::from_millis(200);
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, soon) {
        waiting.push(stream);
    }
    let good = upstream(|mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let mut content = [0; 5];
            stream.read_exact(&mut content).unwrap();
            assert!(head.contains("Content-Length: 5") && &content == b"hello");
            stream.write_all(ok("good;").as_bytes()).unwrap();
        }
    });
    let server = Running::start(builder(&[address, good]).timeout(TIME).build());
    let mut stream = server.connect();
    let request = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    stream.write_all(request.repeat(4).as_bytes()).unwrap();
    for _ in 0..4 {
        let seen = crate::support::read_until(&mut stream, ";");
        assert!(seen.ends_with("good;"), "{seen}");
    }
}
