//! Connections that end in the middle of something: what was sent before is delivered, and nothing
//! of one exchange becomes a part of another.

use super::script::{builder, ok, proxy, read_head, responds, upstream};
use crate::support::{LONG, Running, Seen, read_until, rest, wait_until};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tinyhttp_server::access_log::{AccessLog, Format};

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
const SWITCHING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n";

/// Sends until the other side takes nothing more.
fn flood(mut stream: TcpStream) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || while stream.write_all(&[b'f'; 65_536]).is_ok() {})
}

/// The upstream closes a tunnel with bytes that it has not read: its connection is reset.
#[test]
fn the_last_bytes_of_an_upstream_reach_a_client_that_still_sends() {
    // As much as fits into the window: the kernel of the upstream drops what it has not sent.
    const LAST: usize = 20_000;
    for waits in [false, true] {
        let (flooded, told) = mpsc::channel();
        let told = Mutex::new(told);
        let address = upstream(move |mut stream, _| {
            read_head(&mut stream).unwrap();
            stream.write_all(SWITCHING).unwrap();
            // Some of the flood has come.
            stream.read_exact(&mut [0; 100_000]).unwrap();
            stream.write_all(&vec![b'l'; LAST]).unwrap();
            if waits {
                told.lock().unwrap().recv_timeout(LONG).unwrap();
            }
        });
        let proxy = proxy(address);
        let mut stream = proxy.connect();
        stream.write_all(UPGRADE.as_bytes()).unwrap();
        read_until(&mut stream, "\r\n\r\n");
        let flooding = flood(stream.try_clone().unwrap());
        if waits {
            // Reading begins after the upstream has closed.
            flooded.send(()).unwrap();
        }
        let mut last = vec![0; LAST];
        stream.read_exact(&mut last).unwrap();
        assert!(last.iter().all(|byte| *byte == b'l'));
        // Then comes the end, and not before.
        let _ = stream.read_to_end(&mut Vec::new());
        drop(stream);
        flooding.join().unwrap();
    }
}

/// The other way round: the client closes while the upstream still sends.
#[test]
fn the_last_bytes_of_a_client_reach_an_upstream_that_still_sends() {
    let (seen, told) = mpsc::channel();
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream).unwrap();
        stream.write_all(SWITCHING).unwrap();
        let flooding = flood(stream.try_clone().unwrap());
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        flooding.join().unwrap();
        seen.send(all).unwrap();
    });
    let proxy = proxy(address);
    let mut stream = proxy.connect();
    stream.write_all(UPGRADE.as_bytes()).unwrap();
    stream.read_exact(&mut [0; 100_000]).unwrap();
    stream.write_all(&[b'l'; 50_000]).unwrap();
    // Closed with unread bytes.
    drop(stream);
    let all = told.recv_timeout(LONG).unwrap();
    assert_eq!(all.len(), 50_000);
}

/// The content of a request is refused by an upstream that responds and closes at once.
#[test]
fn an_early_refusal_reaches_a_client_that_still_sends() {
    const REFUSAL: &[u8] = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno\n";
    let requests = [
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2faf080\r\n",
    ];
    // How much of the content the upstream reads, and whether it resets the connection.
    for (reads, resets) in [
        (0, false),
        (1, false),
        (70_000, false),
        (0, true),
        (70_000, true),
    ] {
        for request in requests {
            let address = upstream(move |mut stream, _| {
                read_head(&mut stream).unwrap();
                stream.read_exact(&mut vec![0; reads]).unwrap();
                stream.write_all(REFUSAL).unwrap();
                if !resets {
                    // It waits for the other side's end, as a lingering server does.
                    stream.shutdown(Shutdown::Write).unwrap();
                    let _ = std::io::copy(&mut stream, &mut std::io::sink());
                }
            });
            let proxy = proxy(address);
            let mut stream = proxy.connect();
            stream.write_all(request.as_bytes()).unwrap();
            let flooding = flood(stream.try_clone().unwrap());
            let head = read_until(&mut stream, "no\n");
            assert!(
                head.starts_with("HTTP/1.1 413 "),
                "{reads} {resets}: {head}"
            );
            stream.shutdown(Shutdown::Both).unwrap();
            flooding.join().unwrap();
        }
    }
}

/// A client that ends its half right behind its request gets its response, whether the end comes
/// with the request or shortly after.
#[test]
fn a_client_may_end_its_half_behind_its_request() {
    let address = upstream(|stream, _| responds(stream, ok("done").as_bytes()));
    let proxy = proxy(address);
    for number in 0..50 {
        let mut stream = proxy.connect();
        stream.write_all(GET.as_bytes()).unwrap();
        if number % 2 == 0 {
            std::thread::yield_now();
        }
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = rest(&mut stream);
        assert!(answer.ends_with("\r\n\r\ndone"), "{number}: {answer}");
    }
}

/// A client that has left is noticed although its end may have been that of a half.
#[test]
fn a_client_that_left_early_is_given_up_soon() {
    let (asked, told) = mpsc::channel();
    let (gone, left) = mpsc::channel();
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream).unwrap();
        asked.send(()).unwrap();
        gone.send(stream.read(&mut [0; 1]).unwrap_or(0)).unwrap();
    });
    let lines = Seen::default();
    let log = AccessLog::new(lines.clone(), Format::Common).unwrap();
    let server = Running::with(|it| it.access_log(log), builder(&[address]).build());
    let mut stream = server.connect();
    stream.write_all(GET.as_bytes()).unwrap();
    told.recv_timeout(LONG).unwrap();
    drop(stream);
    assert_eq!(left.recv_timeout(LONG), Ok(0));
    let text = || String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    wait_until("a line", || text().contains("\" 499 "));
}

/// Bytes that no request asked for must not become the response to the next one.
#[test]
fn what_comes_on_an_idle_connection_is_no_response() {
    let (extra, told) = mpsc::channel();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let address = upstream(move |mut stream, number| {
        count.fetch_add(1, Ordering::Relaxed);
        while read_head(&mut stream).is_some() {
            let content = ok(&format!("right {number}"));
            stream.write_all(content.as_bytes()).unwrap();
            // Behind the response, in a packet of its own.
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(ok("wrong").as_bytes()).unwrap();
            extra.send(()).unwrap();
        }
    });
    let proxy = proxy(address);
    let mut stream = proxy.connect();
    for number in 0..5 {
        stream.write_all(GET.as_bytes()).unwrap();
        read_until(&mut stream, &format!("right {number}"));
        told.recv_timeout(LONG).unwrap();
    }
    assert_eq!(connections.load(Ordering::Relaxed), 5);
    // In one packet.
    let address = upstream(|mut stream, number| {
        while read_head(&mut stream).is_some() {
            let content = ok(&format!("right {number}")) + &ok("wrong");
            stream.write_all(content.as_bytes()).unwrap();
        }
    });
    let proxy = self::proxy(address);
    let mut stream = proxy.connect();
    for number in 0..5 {
        stream.write_all(GET.as_bytes()).unwrap();
        read_until(&mut stream, &format!("right {number}"));
    }
}

/// Requests with content behind one another, to an upstream that takes its time.
#[test]
fn pipelined_requests_keep_their_content() {
    let address = upstream(|mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let content = match head.contains("chunked") {
                true => read_until(&mut stream, "0\r\n\r\n"),
                false => {
                    let length = head.split("Content-Length: ").nth(1).unwrap();
                    let length = length.split("\r\n").next().unwrap().parse().unwrap();
                    let mut content = vec![0; length];
                    stream.read_exact(&mut content).unwrap();
                    String::from_utf8(content).unwrap()
                }
            };
            let target = head.split(' ').nth(1).unwrap();
            // An upstream that is slow on purpose.
            std::thread::sleep(Duration::from_millis(5));
            let text = format!("{target}:{};", content.replace("\r\n", "|"));
            stream.write_all(ok(&text).as_bytes()).unwrap();
        }
    });
    let proxy = proxy(address);
    let mut stream = proxy.connect();
    let (mut requests, mut expected) = (String::new(), Vec::new());
    for number in 0..20 {
        let (fields, content, seen) = match number % 2 {
            0 => ("Content-Length: 5", "hello", "hello"),
            _ => (
                "Transfer-Encoding: chunked",
                "2\r\nhi\r\n0\r\n\r\n",
                "2|hi|0||",
            ),
        };
        requests += &format!("POST /{number} HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n{content}");
        expected.push(format!("/{number}:{seen};"));
    }
    // Cut at odd places.
    for piece in requests.as_bytes().chunks(37) {
        stream.write_all(piece).unwrap();
    }
    for text in expected {
        let seen = read_until(&mut stream, ";");
        assert!(seen.ends_with(&text), "{text}: {seen}");
    }
}
