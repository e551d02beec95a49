//! Upstreams that fail in every way while many requests come: no request is lost that may be sent
//! again, none is sent twice that may not be, and nothing outlives its deadline.
//!
//! The upstream counts each request by its number, which also says what becomes of its first
//! attempt. The second attempt is always responded to.

use super::script::{builder, read_head, upstream};
use crate::support::{LONG, Running};
use socket2::Socket;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tinyhttp_server::gateway::Passive;

/// Clients, and requests of each: about a thousand in a second.
const CLIENTS: usize = 10;
const REQUESTS: usize = 250;
const PACE: Duration = Duration::from_millis(8);

/// How long the upstream may be silent.
const TIME: Duration = Duration::from_secs(1);

/// What becomes of the first attempt at a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fault {
    /// Nothing.
    None,
    /// The connection is closed behind the response, which does not say so.
    ClosesLater,
    /// The connection ends without a response: it is closed, reset, or only its half is.
    Closes,
    Resets,
    HalfCloses,
    /// The head, or the content, is cut.
    CutsHead,
    CutsContent,
    /// No response comes.
    Hangs,
    /// The response comes byte by byte.
    Trickles,
}

const FAULTS: [Fault; 12] = [
    Fault::None,
    Fault::ClosesLater,
    Fault::Closes,
    Fault::None,
    Fault::Resets,
    Fault::ClosesLater,
    Fault::HalfCloses,
    Fault::CutsHead,
    Fault::None,
    Fault::CutsContent,
    Fault::Trickles,
    Fault::ClosesLater,
];

/// Few requests hang: each of them takes its client's time.
fn fault_of(number: usize) -> Fault {
    match number % 251 {
        0 => Fault::Hangs,
        _ => FAULTS[number % FAULTS.len()],
    }
}

const METHODS: [&str; 4] = ["GET", "POST", "GET", "PUT"];

fn method_of(number: usize) -> &'static str {
    METHODS[number / FAULTS.len() % METHODS.len()]
}

fn is_idempotent(number: usize) -> bool {
    method_of(number) != "POST"
}

/// How often each request has come.
type Seen = Arc<Mutex<HashMap<usize, usize>>>;

fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Serves one connection. Every 13th is reset before anything is read.
fn serve(mut stream: TcpStream, connection: usize, seen: &Seen) {
    if connection % 13 == 12 {
        return reset(stream);
    }
    while let Some(head) = read_head(&mut stream) {
        let number = head.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        if head.contains("Content-Length: 5") && stream.read_exact(&mut [0; 5]).is_err() {
            return;
        }
        let times = {
            let mut seen = seen.lock().unwrap();
            let times = seen.entry(number).or_insert(0);
            *times += 1;
            *times
        };
        let fault = if times == 1 {
            fault_of(number)
        } else {
            Fault::None
        };
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{number:08}");
        let sent = match fault {
            Fault::None | Fault::ClosesLater => stream.write_all(response.as_bytes()),
            Fault::Closes => return,
            Fault::Resets => return reset(stream),
            Fault::HalfCloses => {
                stream.shutdown(Shutdown::Write).unwrap();
                let _ = stream.read(&mut [0; 1]);
                return;
            }
            Fault::CutsHead => stream.write_all(&response.as_bytes()[..20]),
            Fault::CutsContent => stream.write_all(&response.as_bytes()[..response.len() - 3]),
            Fault::Hangs => {
                // Until the gateway gives it up.
                let _ = stream.read(&mut [0; 1]);
                return;
            }
            Fault::Trickles => response.bytes().try_for_each(|byte| {
                // Each byte is to come by itself.
                std::thread::sleep(Duration::from_millis(1));
                stream.write_all(&[byte])
            }),
        };
        let ends = [Fault::ClosesLater, Fault::CutsHead, Fault::CutsContent];
        if sent.is_err() || ends.contains(&fault) {
            return;
        }
    }
}

/// A server that is stopped and started again, over and over: while it is stopped, it refuses.
fn restarting(seen: Seen, is_over: Arc<AtomicBool>) -> (SocketAddr, std::thread::JoinHandle<()>) {
    let first = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = first.local_addr().unwrap();
    let connections = AtomicUsize::new(0);
    let thread = std::thread::spawn(move || {
        let mut listener = Some(first);
        while !is_over.load(Ordering::Relaxed) {
            let listening = listener.take().unwrap_or_else(|| {
                let socket = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
                let socket = socket.unwrap();
                socket.set_reuse_address(true).unwrap();
                socket.bind(&address.into()).unwrap();
                socket.listen(128).unwrap();
                socket.into()
            });
            listening.set_nonblocking(true).unwrap();
            let until = Instant::now() + Duration::from_millis(300);
            while Instant::now() < until {
                match listening.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(false).unwrap();
                        stream.set_read_timeout(Some(LONG)).unwrap();
                        let number = connections.fetch_add(1, Ordering::Relaxed);
                        let seen = Arc::clone(&seen);
                        std::thread::spawn(move || serve(stream, number, &seen));
                    }
                    // No event tells that the listener has been open for long enough.
                    Err(_) => std::thread::sleep(Duration::from_millis(1)),
                }
            }
            drop(listening);
            // Connections are refused meanwhile.
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    (address, thread)
}

/// What a client got: the status, and whether the content was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Got {
    status: u16,
    is_whole: bool,
    took: Duration,
}

/// Sends one request and reads the response. `Err`: the connection ended before the response.
fn ask(stream: &mut TcpStream, number: usize) -> std::io::Result<(Got, bool)> {
    let method = method_of(number);
    let content = match method {
        "GET" => "\r\n",
        _ => "Content-Length: 5\r\n\r\nhello",
    };
    let start = Instant::now();
    stream.write_all(format!("{method} /{number} HTTP/1.1\r\nHost: h\r\n{content}").as_bytes())?;
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    let head = String::from_utf8(answer).unwrap();
    let status: u16 = head[9..12].parse().unwrap();
    let length: usize = head
        .split("Content-Length: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next()?.parse().ok())
        .unwrap();
    let mut content = vec![0; length];
    let is_whole = stream.read_exact(&mut content).is_ok();
    let expected = format!("{number:08}");
    let is_right = status != 200 || !is_whole || content == expected.as_bytes();
    assert!(is_right, "{number}: {}", String::from_utf8_lossy(&content));
    let is_last = head.contains("Connection: close") || !is_whole;
    let took = start.elapsed();
    let got = Got {
        status,
        is_whole,
        took,
    };
    Ok((got, is_last))
}

/// The requests of one client.
fn client(server: &Running, first: usize) -> Vec<(usize, Got)> {
    let mut stream = server.connect();
    let (start, mut all) = (Instant::now(), Vec::new());
    for turn in 0..REQUESTS {
        let number = first + turn;
        let (got, is_last) = match ask(&mut stream, number) {
            Ok(got) => got,
            Err(error) => panic!("{number} ({:?}): {error}", fault_of(number)),
        };
        all.push((number, got));
        if is_last {
            stream = server.connect();
        }
        let due = start + PACE * turn as u32;
        // The load is bounded, so that it is the same on each machine.
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    all
}

#[test]
fn faults_under_load_lose_and_double_no_request() {
    let seen = Seen::default();
    let is_over = Arc::new(AtomicBool::new(false));
    let steady = {
        let seen = Arc::clone(&seen);
        upstream(move |stream, number| serve(stream, number, &seen))
    };
    let (restarting, restarts) = restarting(Arc::clone(&seen), Arc::clone(&is_over));
    // Servers that fail are not taken out: each kind of fault goes on to the end.
    let never = Passive {
        failures: 0,
        ..Passive::default()
    };
    let upstream = builder(&[steady, restarting])
        .timeout(TIME)
        .passive_health(never);
    let server = Running::start(upstream.build());
    let results: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let server = &server;
                scope.spawn(move || client(server, number * REQUESTS))
            })
            .collect();
        let results = clients.into_iter().map(|client| client.join().unwrap());
        results.flatten().collect()
    });
    is_over.store(true, Ordering::Relaxed);
    restarts.join().unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(results.len(), CLIENTS * REQUESTS);
    for (number, got) in results {
        let (fault, times) = (fault_of(number), seen.get(&number).copied().unwrap_or(0));
        let what = format!("{number}: {} {fault:?} {got:?} {times}", method_of(number));
        // A loaded machine takes its time, but not for as long as a client that is forgotten.
        assert!(got.took < LONG, "{what}");
        if !is_idempotent(number) {
            assert!(times <= 1, "sent twice: {what}");
            // A connection may be reset before the request was read.
            let statuses = match (fault, times) {
                (_, 0) => &[502][..],
                (Fault::None | Fault::ClosesLater | Fault::Trickles, _) => &[200],
                (Fault::CutsContent, _) => &[200],
                (Fault::Hangs, _) => &[504],
                _ => &[502],
            };
            assert!(statuses.contains(&got.status), "{what}");
            continue;
        }
        let (status, is_whole) = match fault {
            Fault::CutsHead => (502, true),
            Fault::CutsContent => (200, false),
            Fault::Hangs => (504, true),
            _ => (200, true),
        };
        assert_eq!(
            (got.status, got.is_whole),
            (status, is_whole),
            "lost: {what}"
        );
    }
}
