//! Servers that get a bounded number of connections, and requests that wait for room.

use super::script::{ok, read_head, upstream};
use crate::support::{LONG, Running, Seen, read_until, rest, wait_until};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use tinyhttp_server::access_log::{AccessLog, Format};
use tinyhttp_server::gateway::{Balance, Passive, Target, Upstream, UpstreamBuilder};
use tinyhttp_server::{Builder, Handler, Reply, Request};

/// An upstream of servers with so many connections each.
fn limited(servers: &[(SocketAddr, usize)]) -> UpstreamBuilder {
    let targets = servers.iter().map(|(address, limit)| {
        let target: Target = address.to_string().parse().unwrap();
        target.max_connections(*limit)
    });
    // The clock of these tests jumps by minutes.
    Upstream::builder(targets).timeout(Duration::from_secs(36_000))
}

/// Counts the requests that have been taken.
struct Counts {
    inner: Upstream,
    requests: Arc<AtomicUsize>,
}

impl Handler for Counts {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        self.inner.handle(request)
    }
}

/// A server in front of upstreams, with one worker, so that a request has its place in the queue
/// before the next one is looked at.
struct Proxy {
    server: Running,
    requests: Arc<AtomicUsize>,
}

impl Proxy {
    fn new(upstream: UpstreamBuilder) -> Self {
        Proxy::with(|builder| builder, upstream)
    }

    fn with(set: impl FnOnce(Builder) -> Builder, upstream: UpstreamBuilder) -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let handler = Counts {
            inner: upstream.build(),
            requests: Arc::clone(&requests),
        };
        let server = Running::with(|builder| set(builder).workers(1).max_threads(2), handler);
        Proxy { server, requests }
    }

    /// Sends a request, and returns once the server has taken it.
    fn send(&self, path: &str) -> TcpStream {
        let before = self.requests.load(Ordering::SeqCst);
        let mut client = self.server.connect();
        let head = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        client.write_all(head.as_bytes()).unwrap();
        wait_until("the request is taken", || {
            self.requests.load(Ordering::SeqCst) > before
        });
        client
    }
}

/// An upstream server that holds each request until it is told to respond. Returns its address, the
/// paths of the requests as they come, and what lets one go.
fn holding() -> (SocketAddr, mpsc::Receiver<String>, mpsc::Sender<()>) {
    let (came, paths) = mpsc::channel();
    let (let_go, release) = mpsc::channel();
    let (came, release) = (Mutex::new(came), Mutex::new(release));
    let address = upstream(move |mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            came.lock().unwrap().send(path.clone()).unwrap();
            if release.lock().unwrap().recv().is_err() {
                return;
            }
            if stream.write_all(ok(&path).as_bytes()).is_err() {
                return;
            }
        }
    });
    (address, paths, let_go)
}

fn status(client: &mut TcpStream) -> String {
    let answer = rest(client);
    answer.get(9..12).unwrap_or_default().to_owned()
}

/// A thousand requests, of a method that takes idle connections and one that does not.
#[test]
fn a_server_never_has_more_than_its_limit() {
    let (busy, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&busy), Arc::clone(&most));
    let address = upstream(move |mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let at_once = now.fetch_add(1, Ordering::SeqCst) + 1;
            peak.fetch_max(at_once, Ordering::SeqCst);
            if head.contains("Content-Length: 2") {
                stream.read_exact(&mut [0; 2]).unwrap();
            }
            std::thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            if stream.write_all(ok("done").as_bytes()).is_err() {
                return;
            }
        }
    });
    let set = |builder: Builder| builder.workers(2).max_threads(4);
    let proxy = Running::with(set, limited(&[(address, 2)]).build());
    let mut clients: Vec<_> = (0..200).map(|_| proxy.connect()).collect();
    for _ in 0..5 {
        for (number, client) in clients.iter_mut().enumerate() {
            let request = match number % 2 {
                0 => "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                _ => "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
            };
            client.write_all(request.as_bytes()).unwrap();
        }
        for client in &mut clients {
            let head = read_until(client, "\r\n\r\n");
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            read_until(client, "done");
        }
    }
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

#[test]
fn requests_are_served_in_the_order_of_their_arrival() {
    let (address, paths, let_go) = holding();
    let proxy = Proxy::new(limited(&[(address, 1)]));
    let mut clients: Vec<_> = (0..30).map(|at| proxy.send(&format!("/{at}"))).collect();
    for (at, client) in clients.iter_mut().enumerate() {
        assert_eq!(paths.recv_timeout(LONG).unwrap(), format!("/{at}"));
        assert!(paths.try_recv().is_err());
        let_go.send(()).unwrap();
        assert_eq!(status(client), "200");
    }
}

#[test]
fn the_queue_is_bounded_in_number_and_in_time() {
    let (address, paths, let_go) = holding();
    let time = Duration::from_secs(30);
    let proxy = Proxy::new(limited(&[(address, 1)]).queue(2, time));
    let mut first = proxy.send("/0");
    assert_eq!(paths.recv_timeout(LONG).unwrap(), "/0");
    let mut waiting = [proxy.send("/1"), proxy.send("/2")];
    let answer = rest(&mut proxy.send("/3"));
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nRetry-After: "), "{answer}");
    assert!(answer.contains("too many requests wait"), "{answer}");
    proxy.server.advance(time / 2);
    // A place that is free again.
    let_go.send(()).unwrap();
    assert_eq!(status(&mut first), "200");
    assert_eq!(paths.recv_timeout(LONG).unwrap(), "/1");
    let mut last = proxy.send("/4");
    proxy.server.advance(time / 2 + Duration::from_secs(1));
    let answer = rest(&mut waiting[1]);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nRetry-After: "), "{answer}");
    assert!(
        answer.contains("no room for the request in time"),
        "{answer}"
    );
    // The one that came later still waits, and those that have a server are not affected.
    let_go.send(()).unwrap();
    assert_eq!(status(&mut waiting[0]), "200");
    assert_eq!(paths.recv_timeout(LONG).unwrap(), "/4");
    let_go.send(()).unwrap();
    assert_eq!(status(&mut last), "200");
}

/// A client that leaves gives up its place at once, and its request does not reach the server.
#[test]
fn a_client_that_leaves_is_taken_out() {
    let (address, paths, let_go) = holding();
    let proxy = Proxy::new(limited(&[(address, 1)]).queue(1, Duration::from_secs(600)));
    let mut first = proxy.send("/0");
    assert_eq!(paths.recv_timeout(LONG).unwrap(), "/0");
    drop(proxy.send("/left"));
    let mut waiting = None;
    wait_until("its place is free", || {
        let mut client = proxy.send("/1");
        client
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        // One that waits gets no response.
        let is_refused = client.read(&mut [0; 1]).is_ok();
        client.set_read_timeout(Some(LONG)).unwrap();
        waiting = (!is_refused).then_some(client);
        waiting.is_some()
    });
    let_go.send(()).unwrap();
    assert_eq!(status(&mut first), "200");
    assert_eq!(paths.recv_timeout(LONG).unwrap(), "/1");
    let_go.send(()).unwrap();
    assert_eq!(status(&mut waiting.unwrap()), "200");
    assert!(paths.try_recv().is_err());
}

/// A request that has waited for a server with room says for how long, and others say nothing.
#[test]
fn the_wait_is_told() {
    let (address, paths, let_go) = holding();
    let seen = Seen::default();
    let log = AccessLog::new(seen.clone(), Format::Json).unwrap();
    let upstream = limited(&[(address, 1)]).send_server_timing(true);
    let proxy = Proxy::with(|builder| builder.access_log(log), upstream);
    let first = proxy.send("/0");
    assert_eq!(paths.recv_timeout(LONG).unwrap(), "/0");
    let second = proxy.send("/1");
    let since = Instant::now();
    // For as long as that at least.
    std::thread::sleep(Duration::from_millis(20));
    let waited = since.elapsed().as_secs_f64();
    let_go.send(()).unwrap();
    assert_eq!(paths.recv_timeout(LONG).unwrap(), "/1");
    let_go.send(()).unwrap();
    for (mut client, waits) in [(first, false), (second, true)] {
        let response = rest(&mut client);
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        assert!(response.contains("upstream-connect;dur="), "{response}");
        let told = response.contains("\r\nServer-Timing: upstream-queue;dur=");
        assert_eq!(told, waits, "{response}");
    }
    let lines = || String::from_utf8(seen.0.lock().unwrap().clone()).unwrap();
    wait_until("there is a line for each", || lines().lines().count() == 2);
    for line in lines().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let time = |name: &str| line[name].as_f64();
        let queue = time("upstream_queue_time");
        match line["target"] == "/1" {
            true => assert!(queue >= Some(waited), "{line}"),
            false => assert_eq!(queue, None, "{line}"),
        }
        assert!(queue <= time("upstream_connect_time"), "{line}");
    }
}

/// A client that has ended only its half waits on.
#[test]
fn a_half_closed_client_keeps_its_place() {
    let (address, paths, let_go) = holding();
    let proxy = Proxy::new(limited(&[(address, 1)]));
    let mut first = proxy.send("/0");
    assert_eq!(paths.recv_timeout(LONG).unwrap(), "/0");
    let mut client = proxy.server.connect();
    let before = proxy.requests.load(Ordering::SeqCst);
    // The end comes with the request.
    client
        .write_all(b"GET /half HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    wait_until("the request is taken", || {
        proxy.requests.load(Ordering::SeqCst) > before
    });
    let_go.send(()).unwrap();
    assert_eq!(status(&mut first), "200");
    assert_eq!(paths.recv_timeout(LONG).unwrap(), "/half");
    let_go.send(()).unwrap();
    assert_eq!(status(&mut client), "200");
}

/// Whatever the policy, a full server is passed over while another one has room.
#[test]
fn a_full_server_is_passed_over() {
    for balance in [
        Balance::RoundRobin,
        Balance::LeastConnections,
        Balance::TwoChoices,
        Balance::Client,
        Balance::Cookie("a".to_owned()),
    ] {
        let held = [holding(), holding()];
        let servers = [(held[0].0, 1), (held[1].0, 1)];
        let proxy = Proxy::new(limited(&servers).balance(balance.clone()));
        let mut clients = [proxy.send("/0"), proxy.send("/1"), proxy.send("/2")];
        // Each server gets one of the first two, in either order; the third one waits.
        let mut came: Vec<_> = held
            .iter()
            .map(|(_, paths, _)| paths.recv_timeout(LONG).unwrap())
            .collect();
        came.sort();
        assert_eq!(came, ["/0", "/1"], "{balance:?}");
        held[1].2.send(()).unwrap();
        assert_eq!(held[1].1.recv_timeout(LONG).unwrap(), "/2", "{balance:?}");
        for (_, _, let_go) in &held {
            let_go.send(()).unwrap();
        }
        for client in &mut clients {
            assert_eq!(status(client), "200", "{balance:?}");
        }
    }
}

/// Tunnels and event streams are connections until they end.
#[test]
fn tunnels_and_streams_count_until_they_end() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    let stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
    for (fields, response) in [
        ("Connection: upgrade\r\nUpgrade: x\r\n", switch),
        ("", stream),
    ] {
        let (came, paths) = mpsc::channel();
        let came = Mutex::new(came);
        let address = upstream(move |mut upstream, _| {
            let head = read_head(&mut upstream).unwrap();
            let path = head.split(' ').nth(1).unwrap().to_owned();
            came.lock().unwrap().send(path.clone()).unwrap();
            if path == "/long" {
                upstream.write_all(response.as_bytes()).unwrap();
                let _ = upstream.read(&mut [0; 1]);
            } else {
                upstream.write_all(ok("done").as_bytes()).unwrap();
            }
        });
        let proxy = Proxy::new(limited(&[(address, 1)]));
        let mut long = proxy.server.connect();
        write!(long, "GET /long HTTP/1.1\r\nHost: h\r\n{fields}\r\n").unwrap();
        read_until(&mut long, "\r\n\r\n");
        assert_eq!(paths.recv_timeout(LONG).unwrap(), "/long");
        let mut waits = proxy.send("/short");
        proxy.server.advance(Duration::from_secs(20));
        assert!(paths.try_recv().is_err());
        drop(long);
        assert_eq!(paths.recv_timeout(LONG).unwrap(), "/short");
        assert_eq!(status(&mut waits), "200");
    }
}

/// A server that dies under its requests: all that wait learn of it, and none of them hangs.
#[test]
fn requests_that_wait_for_a_server_that_dies_get_a_response() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::new(limited(&[(address, 1)]));
    let mut clients: Vec<_> = (0..20).map(|at| proxy.send(&format!("/{at}"))).collect();
    let (mut stream, _) = listener.accept().unwrap();
    read_head(&mut stream).unwrap();
    drop(listener);
    drop(stream);
    for client in &mut clients {
        let status = status(client);
        assert!(["502", "503"].contains(&&*status), "{status}");
    }
    // One that is killed among several: the others serve what it leaves.
    let (other, paths, let_go) = holding();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::new(limited(&[(address, 1), (other, 1)]));
    let mut clients: Vec<_> = (0..20).map(|at| proxy.send(&format!("/{at}"))).collect();
    // One of the first two requests is here.
    let (mut stream, _) = listener.accept().unwrap();
    read_head(&mut stream).unwrap();
    drop(listener);
    drop(stream);
    for _ in 0..20 {
        paths.recv_timeout(LONG).unwrap();
        let_go.send(()).unwrap();
    }
    for client in &mut clients {
        assert_eq!(status(client), "200");
    }
}

/// A server that is back takes the requests that wait for others.
#[test]
fn a_server_that_is_back_takes_requests_that_wait() {
    let (busy, paths, let_go) = holding();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let passive = Passive {
        failures: 1,
        window: Duration::from_secs(2),
    };
    // The first request finds that this server is down, so the second one waits for the other.
    let proxy = Proxy::new(limited(&[(address, 1), (busy, 1)]).passive_health(passive));
    let mut first = proxy.send("/0");
    assert_eq!(paths.recv_timeout(LONG).unwrap(), "/0");
    let mut waits = proxy.send("/1");
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    wait_until("the server gets the request", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (mut stream, _) = accepted.unwrap();
    stream.set_nonblocking(false).unwrap();
    let head = read_head(&mut stream).unwrap();
    assert!(head.starts_with("GET /1 "), "{head}");
    stream.write_all(ok("back").as_bytes()).unwrap();
    assert_eq!(status(&mut waits), "200");
    let_go.send(()).unwrap();
    assert_eq!(status(&mut first), "200");
}

/// Connections that are idle count for the server, too.
#[test]
fn idle_connections_make_way() {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&open), Arc::clone(&most));
    let address = upstream(move |mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            if head.starts_with("GET /first") {
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            }
            stream.write_all(ok("done").as_bytes()).unwrap();
        }
        now.fetch_sub(1, Ordering::SeqCst);
    });
    let proxy = Proxy::new(limited(&[(address, 1)]));
    assert_eq!(status(&mut proxy.send("/first")), "200");
    assert_eq!(open.load(Ordering::SeqCst), 1);
    // A POST goes on a connection of its own, for which the idle one is closed.
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert!(proxy.server.ask(post).ends_with("done"));
    wait_until("the first connection is closed", || {
        open.load(Ordering::SeqCst) == 0
    });
}
