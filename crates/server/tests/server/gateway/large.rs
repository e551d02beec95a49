//! Large content of responses, which goes through a pipe: every byte arrives, or the end is
//! visible.

use super::script::{proxy, read_head, upstream};
use crate::support::{Running, narrow, read_until, wait_until};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Content in which no part looks like another.
fn content(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at ^ at >> 8 ^ at >> 16) as u8)
        .collect()
}

/// An upstream that responds to `/LENGTH` with as many bytes, sends what follows `?` behind them,
/// and closes the connection in front of the last one if that is `cut`. Counts connections that
/// have ended.
fn large(ended: Arc<AtomicUsize>) -> Running {
    let address = upstream(move |mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let target = head.split(' ').nth(1).unwrap();
            let (length, extra) = target[1..].split_once('?').unwrap_or((&target[1..], ""));
            let length: usize = length.parse().unwrap();
            let fields = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            let mut response = fields.into_bytes();
            if !head.starts_with("HEAD") {
                response.extend(content(length));
            }
            let is_cut = extra == "cut";
            match is_cut {
                true => drop(response.pop()),
                false => response.extend(extra.as_bytes()),
            }
            if stream.write_all(&response).is_err() || is_cut {
                break;
            }
        }
        ended.fetch_add(1, Ordering::Relaxed);
    });
    proxy(address)
}

fn ask(stream: &mut TcpStream, target: &str) {
    write!(stream, "GET {target} HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
}

fn read(stream: &mut TcpStream, length: usize) {
    let head = read_until(stream, "\r\n\r\n");
    let announced = format!("\r\nContent-Length: {length}\r\n");
    assert!(head.contains(&announced), "{length}: {head}");
    let mut received = vec![0; length];
    stream.read_exact(&mut received).unwrap();
    assert!(received == content(length), "{length}");
}

#[test]
fn content_of_every_length_arrives() {
    let server = large(Arc::default());
    let mut stream = server.connect();
    const LEAST: usize = 256 * 1024;
    for length in [LEAST - 1, LEAST, LEAST + 1, 5, 400_000, 0, 12_345_678, 1] {
        ask(&mut stream, &format!("/{length}"));
        read(&mut stream, length);
    }
    // Pipelined, and to a client that reads late.
    for length in [3_000_000, 2, 3_000_000] {
        ask(&mut stream, &format!("/{length}"));
    }
    for length in [3_000_000, 2, 3_000_000] {
        read(&mut stream, length);
    }
    // Without content, and with an end that is that of the connection.
    write!(stream, "HEAD /999999 HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n").contains("\r\nContent-Length: 999999\r\n"));
    ask(&mut stream, "/7");
    read(&mut stream, 7);
    let mut old = server.connect();
    old.write_all(b"GET /1000000 HTTP/1.0\r\n\r\n").unwrap();
    read(&mut old, 1_000_000);
    assert_eq!(old.read(&mut [0]).unwrap(), 0);
}

#[test]
fn content_that_is_cut_is_visibly_cut() {
    let server = large(Arc::default());
    for length in [300_000, 5_000_000] {
        let mut stream = server.connect();
        ask(&mut stream, &format!("/{length}?cut"));
        read_until(&mut stream, "\r\n\r\n");
        let mut received = Vec::new();
        // The connection ends, or is reset.
        let ended = stream.read_to_end(&mut received);
        assert!(received.len() < length, "{ended:?}");
        assert!(content(length).starts_with(&received));
    }
}

/// What an upstream sends behind its response never becomes the response to the next request.
#[test]
fn bytes_behind_large_content_are_no_response() {
    let server = large(Arc::default());
    let mut stream = server.connect();
    for _ in 0..3 {
        ask(&mut stream, "/1000000?HTTP/1.1%20200%20OK");
        read(&mut stream, 1_000_000);
        ask(&mut stream, "/8");
        read(&mut stream, 8);
    }
}

#[test]
fn a_client_that_leaves_ends_the_upstream_connection() {
    let ended = Arc::new(AtomicUsize::new(0));
    let server = large(Arc::clone(&ended));
    for number in 1..=3 {
        let mut stream = narrow(&server, 4096);
        ask(&mut stream, "/50000000");
        read_until(&mut stream, "\r\n\r\n");
        drop(stream);
        wait_until("the upstream connection has ended", || {
            ended.load(Ordering::Relaxed) == number
        });
    }
}

/// More clients than there are pipes, none of which reads before all have their heads.
#[test]
fn many_large_responses_at_once() {
    let server = large(Arc::default());
    let mut streams: Vec<_> = (0..40).map(|_| narrow(&server, 4096)).collect();
    for stream in &mut streams {
        ask(stream, "/700000");
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"H");
    }
    let readers: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            std::thread::spawn(move || {
                read(&mut stream, 700_000);
                // What the pipe and the connection have served before does not show.
                ask(&mut stream, "/300000");
                read(&mut stream, 300_000);
            })
        })
        .collect();
    readers
        .into_iter()
        .for_each(|reader| reader.join().unwrap());
}
