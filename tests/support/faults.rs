//! Upstream servers that fail in every way, and clients that count what becomes of their requests:
//! no request may be lost that may be sent again, and none sent twice that may not be.
//!
//! The servers count each request by its number, which also says what becomes of its first attempt.
//! The second attempt is always responded to.

use crate::LONG;
use socket2::Socket;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the servers may be silent: the timeout of the gateway in front of them.
pub const SILENCE: Duration = Duration::from_secs(1);

/// The time between two requests of a client.
const PACE: Duration = Duration::from_millis(8);

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

/// Resets a connection.
fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Serves one connection. Every 13th is reset before anything is read.
fn serve(mut stream: TcpStream, connection: usize, seen: &Seen) {
    if connection % 13 == 12 {
        return reset(stream);
    }
    stream.set_read_timeout(Some(LONG)).unwrap();
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

/// Reads a head. `None`: the connection ends before it begins.
pub fn read_head(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ if head.is_empty() => return None,
            other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&head)),
        }
    }
    Some(String::from_utf8(head).unwrap())
}

/// A server that runs all the time.
fn steady(seen: Seen) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || serve(stream.unwrap(), number, &seen));
        }
    });
    address
}

/// A server that is stopped and started again, over and over: while it is stopped, it refuses.
fn restarting(seen: Seen, is_over: Arc<AtomicBool>) -> (SocketAddr, JoinHandle<()>) {
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
pub struct Got {
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
fn client(address: SocketAddr, first: usize, requests: usize) -> Vec<(usize, Got)> {
    let connect = || {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    };
    let mut stream = connect();
    let (start, mut all) = (Instant::now(), Vec::new());
    for turn in 0..requests {
        let number = first + turn;
        let (got, is_last) = match ask(&mut stream, number) {
            Ok(got) => got,
            Err(error) => panic!("{number} ({:?}): {error}", fault_of(number)),
        };
        all.push((number, got));
        if is_last {
            stream = connect();
        }
        let due = start + PACE * turn as u32;
        // The load is bounded, so that it is the same on each machine.
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    all
}

/// What became of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub requests: usize,
    /// Those that were sent to a server more than once.
    pub repeated: usize,
    /// Those with another status than 200, or content that was cut.
    pub failed: usize,
}

impl std::ops::AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.repeated += other.repeated;
        self.failed += other.failed;
    }
}

/// Two servers that fail: one runs all the time, the other is stopped and started.
pub struct FaultyServers {
    pub addresses: [SocketAddr; 2],
    seen: Seen,
    is_over: Arc<AtomicBool>,
    restarts: Option<JoinHandle<()>>,
}

impl FaultyServers {
    #[must_use]
    pub fn start() -> Self {
        let seen = Seen::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let steady = steady(Arc::clone(&seen));
        let (restarting, restarts) = restarting(Arc::clone(&seen), Arc::clone(&is_over));
        FaultyServers {
            addresses: [steady, restarting],
            seen,
            is_over,
            restarts: Some(restarts),
        }
    }

    /// Has this many clients send this many requests each through the gateway at an address. The
    /// numbers of the requests begin with `first`.
    ///
    /// # Panics
    /// If a request was lost that may be sent again, or one was sent twice that may not be.
    pub fn load(&self, gateway: SocketAddr, first: usize, clients: usize, each: usize) -> Summary {
        let results: Vec<_> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..clients)
                .map(|number| scope.spawn(move || client(gateway, first + number * each, each)))
                .collect();
            let results = clients.into_iter().map(|client| client.join().unwrap());
            results.flatten().collect()
        });
        assert_eq!(results.len(), clients * each);
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        let mut summary = Summary::default();
        for (number, got) in results {
            let times = seen.get(&number).copied().unwrap_or(0);
            check(number, got, times);
            summary += Summary {
                requests: 1,
                repeated: usize::from(times > 1),
                failed: usize::from((got.status, got.is_whole) != (200, true)),
            };
        }
        summary
    }
}

impl Drop for FaultyServers {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(restarts) = self.restarts.take() {
            let _ = restarts.join();
        }
    }
}

/// Checks what became of a request that came to a server this often.
fn check(number: usize, got: Got, times: usize) {
    let fault = fault_of(number);
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
        return;
    }
    let expected = match fault {
        Fault::CutsHead => (502, true),
        Fault::CutsContent => (200, false),
        Fault::Hangs => (504, true),
        _ => (200, true),
    };
    assert_eq!((got.status, got.is_whole), expected, "lost: {what}");
}
