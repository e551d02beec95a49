//! Requests whose content is received before an upstream server gets them.

use super::script::{builder, ok, read_head, upstream};
use crate::support::{LONG, Running, read_until, rest, wait_until};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tinyhttp_server::Timeouts;
use tinyhttp_server::gateway::{Buffering, Protocol, UpstreamBuilder};

/// Longer content is refused.
const LIMIT: u64 = 300_000;

/// Longer content goes to a file.
const MEMORY: u64 = 1000;

fn buffered(address: SocketAddr) -> UpstreamBuilder {
    builder(&[address]).buffer_requests(Buffering {
        limit: LIMIT,
        memory: MEMORY,
        ..Buffering::default()
    })
}

/// A server with at most four threads.
fn proxy(upstream: UpstreamBuilder) -> Running {
    let patient = Timeouts {
        content: Duration::from_secs(600),
        ..Timeouts::default()
    };
    let set = |builder: tinyhttp_server::Builder| {
        let builder = builder.workers(2).max_threads(4).timeouts(patient);
        builder.max_connections(1000)
    };
    Running::with(set, upstream.build())
}

/// The value of a field in a head.
fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    let found = lines.find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// Reads the content that a head announces by its length.
fn read_content(head: &str, stream: &mut TcpStream) -> Vec<u8> {
    let length = field(head, "content-length").map_or(0, |value| value.parse().unwrap());
    let mut content = vec![0; length];
    stream.read_exact(&mut content).unwrap();
    content
}

/// Responds to each request with its own content.
fn echo(mut stream: TcpStream) {
    while let Some(head) = read_head(&mut stream) {
        let content = read_content(&head, &mut stream);
        let text = String::from_utf8(content).unwrap();
        stream.write_all(ok(&text).as_bytes()).unwrap();
    }
}

/// A server that responds to each request with its own content, and the number of its connections.
fn counted_echo() -> (SocketAddr, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let address = upstream(move |stream, _| {
        count.fetch_add(1, Ordering::Relaxed);
        echo(stream);
    });
    (address, connections)
}

/// 200 clients send byte by byte. None of them has a connection to the upstream server until its
/// last byte has come, and all together hold no thread.
#[test]
fn slow_uploads_hold_neither_an_upstream_connection_nor_a_thread() {
    let (address, connections) = counted_echo();
    let proxy = proxy(buffered(address));
    let content = |number: usize| format!("{number:03}abcdefghijklmnopqrstuvwxyz");
    let length = content(0).len();
    let mut clients: Vec<_> = (0..200).map(|_| proxy.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let head = format!("PUT /{number} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        client.write_all(head.as_bytes()).unwrap();
    }
    for at in 0..length - 1 {
        for (number, client) in clients.iter_mut().enumerate() {
            client
                .write_all(&content(number).as_bytes()[at..=at])
                .unwrap();
        }
    }
    assert_eq!(connections.load(Ordering::Relaxed), 0);
    // The threads are free for others.
    let others = "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    assert!(proxy.ask(others).ends_with("\r\n\r\nhi"));
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    for (number, client) in clients.iter_mut().enumerate() {
        client
            .write_all(&content(number).as_bytes()[length - 1..])
            .unwrap();
    }
    for (number, client) in clients.iter_mut().enumerate() {
        read_until(client, "\r\n\r\n");
        read_until(client, &content(number));
    }
}

/// However the content was framed, the upstream server gets it with its length, and once.
#[test]
fn content_is_framed_with_its_length() {
    let address = upstream(|mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let content = read_content(&head, &mut stream);
            let sum: u64 = content.iter().map(|byte| u64::from(*byte)).sum();
            let names = ["Transfer-Encoding", "Expect", "Trailer", "X-Sum", "TE"];
            let found: Vec<_> = names
                .iter()
                .filter(|name| field(&head, name).is_some())
                .collect();
            let text = format!("{} {sum} {found:?}.", content.len());
            stream.write_all(ok(&text).as_bytes()).unwrap();
        }
    });
    let proxy = proxy(buffered(address));
    let long = "x".repeat(250_000);
    let long_sum = 250_000 * u64::from(b'x');
    let chunked = "Transfer-Encoding: chunked\r\n";
    let table = [
        ("\r\n".to_owned(), "0 0 []."),
        ("Content-Length: 0\r\n\r\n".to_owned(), "0 0 []."),
        ("Content-Length: 3\r\n\r\nabc".to_owned(), "3 294 []."),
        (format!("{chunked}\r\n0\r\n\r\n"), "0 0 []."),
        (
            format!(
                "{chunked}Trailer: X-Sum\r\nTE: trailers\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"
            ),
            "3 294 [].",
        ),
        (
            format!("Content-Length: 250000\r\n\r\n{long}"),
            &format!("250000 {long_sum} []."),
        ),
        (
            format!("{chunked}\r\n3d090\r\n{long}\r\n0\r\n\r\n"),
            &format!("250000 {long_sum} []."),
        ),
    ];
    let mut client = proxy.connect();
    for method in ["PUT", "POST"] {
        for (request, expected) in &table {
            let head = format!("{method} / HTTP/1.1\r\nHost: h\r\n");
            client.write_all(head.as_bytes()).unwrap();
            client.write_all(request.as_bytes()).unwrap();
            read_until(&mut client, "\r\n\r\n");
            assert_eq!(read_until(&mut client, "."), *expected, "{request:.60}");
        }
    }
    // The client gets its 100 from here: no server is asked before it has sent its content.
    for framing in ["Content-Length: 3", "Transfer-Encoding: chunked"] {
        let head =
            format!("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n{framing}\r\n\r\n");
        client.write_all(head.as_bytes()).unwrap();
        let interim = read_until(&mut client, "\r\n\r\n");
        assert!(interim.starts_with("HTTP/1.1 100 "), "{interim}");
        let content = match framing.starts_with('C') {
            true => "abc",
            false => "3\r\nabc\r\n0\r\n\r\n",
        };
        client.write_all(content.as_bytes()).unwrap();
        read_until(&mut client, "\r\n\r\n");
        assert_eq!(read_until(&mut client, "."), "3 294 [].");
    }
}

/// Content that is too long or broken, and clients that leave: the upstream server learns of none
/// of them.
#[test]
fn a_request_without_its_whole_content_is_not_forwarded() {
    let (send, heads) = mpsc::channel();
    let send = Mutex::new(send);
    let address = upstream(move |mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let content = read_content(&head, &mut stream);
            let line = head.lines().next().unwrap().to_owned();
            send.lock().unwrap().send((line, content)).unwrap();
            stream.write_all(ok("done").as_bytes()).unwrap();
        }
    });
    let proxy = proxy(buffered(address));
    let chunk = format!("186a0\r\n{}\r\n", "x".repeat(100_000));
    let table = [
        ("Content-Length: 300001\r\n\r\n".to_owned(), "413"),
        (
            "Content-Length: 300001\r\nExpect: 100-continue\r\n\r\n".to_owned(),
            "413",
        ),
        (
            format!("Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}1\r\nx\r\n"),
            "413",
        ),
        ("Transfer-Encoding: chunked\r\n\r\nx\r\n".to_owned(), "400"),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n".to_owned(),
            "400",
        ),
    ];
    for (request, status) in &table {
        let mut client = proxy.connect();
        let head = format!("PUT /refused HTTP/1.1\r\nHost: h\r\n{request}");
        client.write_all(head.as_bytes()).unwrap();
        let answer = rest(&mut client);
        assert_eq!(&answer[9..12], *status, "{request:.60}");
    }
    // A path that two servers could read differently is refused before its content comes.
    let ambiguous = "PUT /a%2f..%2fb HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\
                     Expect: 100-continue\r\nConnection: close\r\n\r\n";
    let answer = proxy.ask(ambiguous);
    assert!(!answer.starts_with("HTTP/1.1 100"), "{answer}");
    for framing in [
        "Content-Length: 5\r\n\r\nab",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ] {
        for is_closed in [true, false] {
            let mut client = proxy.connect();
            let head = format!("PUT /left HTTP/1.1\r\nHost: h\r\n{framing}");
            client.write_all(head.as_bytes()).unwrap();
            if is_closed {
                drop(client);
            } else {
                client.shutdown(std::net::Shutdown::Write).unwrap();
                rest(&mut client);
            }
        }
    }
    wait_until("those that left are gone", || {
        proxy.shutdown.in_flight() == 0
    });
    let whole =
        "PUT /whole HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    assert!(proxy.ask(whole).ends_with("done"));
    let (line, content) = heads.recv_timeout(LONG).unwrap();
    assert_eq!((&*line, &*content), ("PUT /whole HTTP/1.1", &b"hi"[..]));
    assert!(heads.try_recv().is_err());
}

/// A request with long content is sent again if its method is idempotent, with all of the content.
#[test]
fn received_content_can_be_sent_again() {
    // Method, whether the second attempt comes, whether the content is in a file.
    for (method, is_repeated, length) in [
        ("PUT", true, 100),
        ("PUT", true, 250_000),
        ("DELETE", true, 250_000),
        ("POST", false, 250_000),
        ("PATCH", false, 100),
    ] {
        let attempts = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&attempts);
        let address = upstream(move |mut stream, _| {
            let head = read_head(&mut stream).unwrap();
            let content = read_content(&head, &mut stream);
            assert_eq!(content.len(), length);
            assert!((0..length).all(|at| content[at] == b'a' + (at % 23) as u8));
            // The first attempt fails when all has been sent.
            if count.fetch_add(1, Ordering::Relaxed) > 0 {
                stream.write_all(ok("done").as_bytes()).unwrap();
            }
        });
        let proxy = proxy(buffered(address));
        let content: Vec<u8> = (0..length).map(|at| b'a' + (at % 23) as u8).collect();
        let mut client = proxy.connect();
        let head = format!(
            "{method} / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(&content).unwrap();
        let answer = rest(&mut client);
        let status = if is_repeated { "200" } else { "502" };
        assert_eq!(&answer[9..12], status, "{method} {length}: {answer}");
        let expected = 1 + usize::from(is_repeated);
        assert_eq!(attempts.load(Ordering::Relaxed), expected, "{method}");
    }
}

/// Long content that can be sent again goes on a connection that was idle.
#[test]
fn long_content_goes_on_an_idle_connection() {
    let (address, connections) = counted_echo();
    let proxy = proxy(buffered(address));
    let long = "x".repeat(250_000);
    let mut client = proxy.connect();
    for _ in 0..3 {
        let head = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 250000\r\n\r\n";
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(long.as_bytes()).unwrap();
        read_until(&mut client, "\r\n\r\n");
        let mut content = vec![0; long.len()];
        client.read_exact(&mut content).unwrap();
        assert!(content == long.as_bytes());
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

/// Other protocols announce the length in front of the content: what is too long for memory comes
/// from the file.
#[test]
fn other_protocols_get_the_length() {
    let address = upstream(|mut stream, _| {
        let mut seen = Vec::new();
        // A netstring of variables, and the content behind it.
        let mut piece = [0; 4096];
        while seen.iter().filter(|byte| **byte == b'x').count() < 250_000 {
            let length = stream.read(&mut piece).unwrap();
            assert!(length > 0);
            seen.extend_from_slice(&piece[..length]);
        }
        let variables = &seen[..200];
        let length = b"CONTENT_LENGTH\x00250000\x00";
        assert!(variables.windows(length.len()).any(|part| part == length));
        let response = b"Status: 200 OK\r\nContent-Length: 4\r\n\r\ndone";
        stream.write_all(response).unwrap();
    });
    let proxy = proxy(buffered(address).protocol(Protocol::Scgi));
    let long = "x".repeat(250_000);
    for framing in [
        format!("Content-Length: 250000\r\n\r\n{long}"),
        format!("Transfer-Encoding: chunked\r\n\r\n3d090\r\n{long}\r\n0\r\n\r\n"),
    ] {
        let head = "POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
        let answer = proxy.ask(&format!("{head}{framing}"));
        assert!(answer.ends_with("\r\n\r\ndone"), "{answer}");
    }
}
