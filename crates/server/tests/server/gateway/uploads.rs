//! Large content of requests, which goes through a pipe: every byte arrives once, or the upstream
//! sees that some are missing.

use super::script::{builder, has_settled, ok, read_head, upstream};
use crate::support::{LONG, Running, read_until, wait_until};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tinyhttp_server::Timeouts;
use tinyhttp_server::gateway::{Protocol, Upstream};

/// Content from this length on goes through a pipe.
const LEAST: usize = 256 * 1024;

/// Content in which no part looks like another.
fn content(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at ^ at >> 8 ^ at >> 16) as u8)
        .collect()
}

fn put(length: usize, fields: &str) -> Vec<u8> {
    let head = format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n{fields}\r\n");
    head.into_bytes()
}

fn length(head: &str) -> usize {
    let value = head.split_once("\r\nContent-Length: ");
    value.map_or(0, |(_, rest)| {
        rest.split_once('\r').unwrap().0.parse().unwrap()
    })
}

/// Reads content as long as the head says, and returns its length, if it is the right content.
fn read_content(head: &str, stream: &mut impl Read) -> String {
    let mut received = vec![0; length(head)];
    stream.read_exact(&mut received).unwrap();
    match received == content(received.len()) {
        true => received.len().to_string(),
        false => "other content".to_owned(),
    }
}

/// An upstream that responds with the length of the content.
fn counting() -> SocketAddr {
    upstream(|mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let length = read_content(&head, &mut stream);
            stream.write_all(ok(&length).as_bytes()).unwrap();
        }
    })
}

fn proxy(address: SocketAddr) -> Running {
    Running::start(builder(&[address]).build())
}

fn expect(stream: &mut TcpStream, length: usize) {
    let head = read_until(stream, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 "), "{length}: {head}");
    let length = length.to_string();
    let mut received = vec![0; length.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(String::from_utf8_lossy(&received), length);
}

/// Sends all of it from a thread, so that responses can be read meanwhile.
fn send(stream: &TcpStream, bytes: Vec<u8>) -> JoinHandle<std::io::Result<()>> {
    let mut stream = stream.try_clone().unwrap();
    std::thread::spawn(move || stream.write_all(&bytes))
}

/// Sends zeros from a thread as long as they are taken, and counts them.
fn send_zeros(stream: &TcpStream, length: usize) -> (JoinHandle<()>, Arc<AtomicUsize>) {
    const PIECE: usize = 64 * 1024;
    let sent = Arc::new(AtomicUsize::new(0));
    let (mut stream, counter) = (stream.try_clone().unwrap(), Arc::clone(&sent));
    let sending = std::thread::spawn(move || {
        let pieces = (0..length).step_by(PIECE);
        for piece in pieces.map(|start| PIECE.min(length - start)) {
            if stream.write_all(&[0; PIECE][..piece]).is_err() {
                break;
            }
            counter.fetch_add(piece, Ordering::Relaxed);
        }
    });
    (sending, sent)
}

#[test]
fn content_of_every_length_arrives() {
    let server = proxy(counting());
    let mut stream = server.connect();
    let lengths = [
        LEAST - 1,
        LEAST,
        LEAST + 1,
        LEAST + 16 * 1024,
        5,
        400_000,
        0,
        12_345_678,
        1,
    ];
    for length in lengths {
        let request = [put(length, ""), content(length)].concat();
        let sending = send(&stream, request);
        expect(&mut stream, length);
        sending.join().unwrap().unwrap();
    }
    // The same without waiting for responses: a request begins where the content before it ends.
    let requests: Vec<_> = lengths
        .into_iter()
        .flat_map(|length| [put(length, ""), content(length)].concat())
        .collect();
    let sending = send(&stream, requests);
    lengths
        .into_iter()
        .for_each(|length| expect(&mut stream, length));
    sending.join().unwrap().unwrap();
}

/// Content that comes in small pieces, and in large ones with gaps between them.
#[test]
fn content_at_every_pace_arrives() {
    let (reached, told) = mpsc::channel();
    let address = upstream(move |mut stream, _| {
        let head = read_head(&mut stream).unwrap();
        let mut received = Vec::new();
        while received.len() < length(&head) {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).unwrap();
            received.extend_from_slice(&buffer[..length]);
            reached.send(received.len()).unwrap();
        }
        assert!(received == content(received.len()));
        let length = received.len().to_string();
        stream.write_all(ok(&length).as_bytes()).unwrap();
    });
    let server = proxy(address);
    for piece in [1000, 16 * 1024, 40_000, 300_000] {
        let mut stream = server.connect();
        stream.write_all(&put(900_000, "")).unwrap();
        let mut sent = 0;
        for piece in content(900_000).chunks(piece) {
            stream.write_all(piece).unwrap();
            sent += piece.len();
            // Nothing is held back until more comes.
            while told.recv_timeout(LONG).unwrap() < sent {}
        }
        expect(&mut stream, 900_000);
    }
}

#[test]
fn content_goes_to_unix_sockets_and_to_other_protocols() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let length = read_content(&String::from_utf8(head).unwrap(), &mut stream);
        stream.write_all(ok(&length).as_bytes()).unwrap();
    });
    let unix = format!("unix:{}", path.display()).parse().unwrap();
    let unix = Running::start(Upstream::builder([unix]).build());
    let scgi = upstream(|mut stream, _| {
        // A netstring: its length, a colon, as many bytes, and a comma.
        let (mut digits, mut byte) = (String::new(), [0]);
        while !digits.ends_with(':') {
            stream.read_exact(&mut byte).unwrap();
            digits.push(char::from(byte[0]));
        }
        let length: usize = digits[..digits.len() - 1].parse().unwrap();
        let mut head = vec![0; length + 1];
        stream.read_exact(&mut head).unwrap();
        let head = String::from_utf8(head).unwrap();
        let length = head.split('\0').nth(1).unwrap();
        let head = format!("\r\nContent-Length: {length}\r\n");
        let length = read_content(&head, &mut stream);
        let response = format!("Content-Type: text/plain\r\nContent-Length: 7\r\n\r\n{length}");
        stream.write_all(response.as_bytes()).unwrap();
    });
    let scgi = Running::start(builder(&[scgi]).protocol(Protocol::Scgi).build());
    for server in [unix, scgi] {
        let mut stream = server.connect();
        let sending = send(&stream, [put(5_000_000, ""), content(5_000_000)].concat());
        expect(&mut stream, 5_000_000);
        sending.join().unwrap().unwrap();
    }
}

/// More clients than there are pipes. The upstream reads no content before all requests are there.
#[test]
fn many_large_requests_at_once() {
    const CLIENTS: usize = 40;
    let barrier = Arc::new(std::sync::Barrier::new(CLIENTS));
    let address = upstream(move |mut stream, _| {
        let head = read_head(&mut stream).unwrap();
        barrier.wait();
        let length = read_content(&head, &mut stream);
        stream.write_all(ok(&length).as_bytes()).unwrap();
        while let Some(head) = read_head(&mut stream) {
            let length = read_content(&head, &mut stream);
            stream.write_all(ok(&length).as_bytes()).unwrap();
        }
    });
    let server = proxy(address);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut stream = server.connect();
            std::thread::spawn(move || {
                for length in [3_000_000, 300_000] {
                    let request = [put(length, "Connection: keep-alive\r\n"), content(length)];
                    let sending = send(&stream, request.concat());
                    expect(&mut stream, length);
                    sending.join().unwrap().unwrap();
                }
            })
        })
        .collect();
    clients
        .into_iter()
        .for_each(|client| client.join().unwrap());
}

/// What an upstream does not take stops the client, and goes on when it is taken.
#[test]
fn an_upstream_that_does_not_read_stops_the_client() {
    const LENGTH: usize = 64 * 1024 * 1024;
    let (read_on, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream).unwrap();
        told.lock().unwrap().recv_timeout(LONG).unwrap();
        let mut content = (&mut stream).take(LENGTH as u64);
        let length = std::io::copy(&mut content, &mut std::io::sink()).unwrap();
        stream
            .write_all(ok(&length.to_string()).as_bytes())
            .unwrap();
    });
    let server = proxy(address);
    let mut stream = server.connect();
    stream.write_all(&put(LENGTH, "")).unwrap();
    let (sending, sent) = send_zeros(&stream, LENGTH);
    wait_until("the client has to wait", || has_settled(&sent));
    assert!(sent.load(Ordering::Relaxed) < LENGTH / 2);
    read_on.send(()).unwrap();
    expect(&mut stream, LENGTH);
    sending.join().unwrap();
}

/// How an upstream stops reading, and what the client gets. Its content is sent to no other.
#[test]
fn an_upstream_that_leaves_gets_nothing_twice() {
    let table: [(&'static str, usize, &str); 4] = [
        ("", 0, "HTTP/1.1 502 "),
        ("", 1_000_000, "HTTP/1.1 502 "),
        (
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!",
            0,
            "HTTP/1.1 413 ",
        ),
        (
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!",
            1_000_000,
            "HTTP/1.1 413 ",
        ),
    ];
    for (response, reads, expected) in table {
        let attempts = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&attempts);
        let address = upstream(move |mut stream, _| {
            counter.fetch_add(1, Ordering::Relaxed);
            read_head(&mut stream).unwrap();
            let mut received = vec![0; reads.max(400_000)];
            stream.read_exact(&mut received).unwrap();
            stream.write_all(response.as_bytes()).unwrap();
            if reads == 0 {
                // What has come is read, so that the end is no reset that destroys the response.
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                let _ = std::io::copy(&mut stream, &mut std::io::sink());
            }
        });
        let server = proxy(address);
        let mut stream = server.connect();
        stream.write_all(&put(20_000_000, "")).unwrap();
        let (sending, _) = send_zeros(&stream, 20_000_000);
        let head = read_until(&mut stream, "\r\n\r\n");
        assert!(head.starts_with(expected), "{reads} {response}: {head}");
        assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
        let _ = stream.read_to_end(&mut Vec::new());
        // The rest is not taken.
        sending.join().unwrap();
        assert_eq!(attempts.load(Ordering::Relaxed), 1, "{reads} {response}");
    }
}

/// A client that leaves in the middle of content: the upstream sees the end, and every byte before
/// it is right.
#[test]
fn a_client_that_leaves_is_seen_by_the_upstream() {
    let (tell, told) = mpsc::channel();
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream).unwrap();
        let mut received = Vec::new();
        let ended = stream.read_to_end(&mut received);
        assert!(content(3_000_000).starts_with(&received), "{ended:?}");
        tell.send(received.len()).unwrap();
    });
    let server = proxy(address);
    for sent in [16 * 1024, LEAST, 2_999_999] {
        let mut stream = server.connect();
        stream.write_all(&put(3_000_000, "")).unwrap();
        stream.write_all(&content(3_000_000)[..sent]).unwrap();
        drop(stream);
        assert!(told.recv_timeout(LONG).unwrap() <= sent);
    }
}

/// The side that is waited for is the one at fault.
#[test]
fn each_side_has_its_own_deadline() {
    let (reached, arrived) = mpsc::channel();
    let (end, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let address = upstream(move |mut stream, _| {
        let head = read_head(&mut stream).unwrap();
        if head.contains("/reads ") {
            stream.read_exact(&mut vec![0; 2_000_000]).unwrap();
        }
        reached.send(()).unwrap();
        told.lock().unwrap().recv_timeout(LONG).unwrap();
    });
    let timeouts = Timeouts {
        content: Duration::from_secs(1000),
        ..Timeouts::default()
    };
    // What the client sends of its content, and the time that passes.
    let table = [
        ("/reads", 2_000_000, 1001, "HTTP/1.1 408 "),
        ("/stops", 64 * 1024 * 1024, 11, "HTTP/1.1 504 "),
    ];
    for (path, length, seconds, expected) in table {
        let upstream = builder(&[address]).timeout(Duration::from_secs(10)).build();
        let server = Running::with(|builder| builder.timeouts(timeouts), upstream);
        let mut stream = server.connect();
        let head = String::from_utf8(put(64 * 1024 * 1024, "")).unwrap();
        let head = head.replacen('/', path, 1);
        stream.write_all(head.as_bytes()).unwrap();
        let (sending, sent) = send_zeros(&stream, length);
        arrived.recv_timeout(LONG).unwrap();
        wait_until("the client is done or waits", || has_settled(&sent));
        server.advance(Duration::from_secs(seconds));
        let head = read_until(&mut stream, "\r\n\r\n");
        assert!(head.starts_with(expected), "{path}: {head}");
        end.send(()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        drop(stream);
        sending.join().unwrap();
    }
}

/// The client sends nothing before the upstream consents; then large content goes as always.
#[test]
fn content_waits_for_consent() {
    let address = upstream(|mut stream, _| {
        let head = read_head(&mut stream).unwrap();
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        let length = read_content(&head, &mut stream);
        stream.write_all(ok(&length).as_bytes()).unwrap();
    });
    let server = proxy(address);
    let mut stream = server.connect();
    let expects = put(2_000_000, "Expect: 100-continue\r\n");
    stream.write_all(&expects).unwrap();
    let head = read_until(&mut stream, "\r\n\r\n");
    assert_eq!(head, "HTTP/1.1 100 Continue\r\n\r\n");
    let sending = send(&stream, content(2_000_000));
    expect(&mut stream, 2_000_000);
    sending.join().unwrap().unwrap();
}
