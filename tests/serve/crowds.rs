//! Thousands of event streams and tunnels through `--proxy`: none of them holds a thread.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;
use support::{Folder, Serve};

/// Event streams, and as many tunnels, where the limit of descriptors allows it.
const MANY: usize = 10_000;

/// Memory for each of them, with its log record.
const EACH: usize = 1_500;

const EVENTS: &str = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
const TUNNEL: &str =
    "GET /tunnel HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";

/// As many descriptors as this process may have.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    soft.unwrap_or(usize::MAX)
}

/// Reads up to the end of a head.
fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// An upstream that begins each response, and hands out the connection.
fn upstream(listener: TcpListener) -> mpsc::Receiver<TcpStream> {
    let (begun, connections) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = read_head(&mut stream);
            let response: &[u8] = match head.starts_with("GET /events ") {
                true => b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
                false => {
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
                }
            };
            stream.write_all(response).unwrap();
            if begun.send(stream).is_err() {
                return;
            }
        }
    });
    connections
}

/// Begins this many exchanges, and returns both ends of each.
fn begin(
    number: usize,
    request: &str,
    serve: &Serve,
    connections: &mpsc::Receiver<TcpStream>,
) -> Vec<(TcpStream, TcpStream)> {
    let one = |_| {
        let mut client = TcpStream::connect(serve.address()).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        client.write_all(request.as_bytes()).unwrap();
        let upstream = connections.recv_timeout(Duration::from_secs(60)).unwrap();
        let head = read_head(&mut client);
        assert!(
            head.starts_with("HTTP/1.1 200 ") || head.starts_with("HTTP/1.1 101 "),
            "{head}"
        );
        (client, upstream)
    };
    (0..number).map(one).collect()
}

#[test]
fn thousands_of_event_streams_and_tunnels_hold_no_thread() {
    // Each has two descriptors here, and two in the server. Tests beside this one have some, too.
    let number = MANY.min(descriptors().saturating_sub(4_000) / 4);
    if number < 100 {
        return eprintln!(
            "skipped: the limit of {} descriptors is too low",
            descriptors()
        );
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("/=http://{}", listener.local_addr().unwrap());
    let connections = upstream(listener);
    let folder = Folder::new();
    let serve = Serve::start(folder.path(), ["--proxy", &proxy, "--workers", "4"]);
    let warm = [
        begin(20, EVENTS, &serve, &connections),
        begin(20, TUNNEL, &serve, &connections),
    ];
    let (threads, memory) = (serve.threads(), serve.memory());
    let mut streams = begin(number, EVENTS, &serve, &connections);
    let mut tunnels = begin(number, TUNNEL, &serve, &connections);
    // A worker that is stuck on a busy machine gets a stand-in.
    assert!(
        serve.threads() <= threads + 8,
        "{} threads, {threads} before",
        serve.threads()
    );
    let each = serve.memory().saturating_sub(memory) / (2 * number);
    assert!(each <= EACH, "{each} bytes for each of {}", 2 * number);
    // All of them are alive, in both directions.
    for (client, upstream) in &mut streams {
        upstream.write_all(b"data: 1\n\n").unwrap();
        let mut event = [0; "9\r\ndata: 1\n\n\r\n".len()];
        client.read_exact(&mut event).unwrap();
        assert_eq!(&event, b"9\r\ndata: 1\n\n\r\n");
    }
    for (client, upstream) in &mut tunnels {
        let mut byte = [0];
        client.write_all(b"?").unwrap();
        upstream.read_exact(&mut byte).unwrap();
        upstream.write_all(&byte).unwrap();
        client.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"?");
    }
    // A client that leaves takes its connection to the upstream with it.
    drop(warm);
    drop((streams, tunnels));
    serve.wait_until("all connections are closed", |serve| {
        serve.descriptors() < 100
    });
}
