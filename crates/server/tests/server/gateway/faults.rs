//! Upstreams that fail, close connections at will, or are slow, and clients that leave.

use super::script::{
    builder, content_length, has_settled, ok, proxy, read_head, responds, upstream,
};
use crate::support::{LONG, Running, Seen, narrow, read_until, wait_until};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tinyhttp_server::access_log::{AccessLog, Format};
use tinyhttp_server::gateway::{Check, Target, Upstream};

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const LAST: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// An address that refuses connections.
fn refusing() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Reads a response and returns its status and content.
fn response(stream: &mut std::net::TcpStream) -> (String, String) {
    let head = read_until(stream, "\r\n\r\n");
    let mut content = vec![0; content_length(&head).unwrap_or(0)];
    stream.read_exact(&mut content).unwrap();
    let status = head[9..12].to_owned();
    (status, String::from_utf8(content).unwrap())
}

/// Connections that the upstream closes at will, with and without unread bytes, cost no request.
#[test]
fn an_upstream_that_closes_idle_connections_causes_no_502() {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let address = upstream(move |mut stream, number| {
        // Each connection serves a few requests. Then it is closed: at once, or when the next
        // request has come.
        for _ in 0..=number % 3 {
            if read_head(&mut stream).is_none() {
                return;
            }
            count.fetch_add(1, Ordering::Relaxed);
            stream.write_all(ok("done").as_bytes()).unwrap();
        }
        match number % 3 {
            0 => {}
            1 => drop(stream.read(&mut [0; 1])),
            _ => drop(read_head(&mut stream)),
        }
    });
    let proxy = proxy(address);
    let mut stream = proxy.connect();
    for number in 0..300 {
        stream.write_all(GET.as_bytes()).unwrap();
        let (status, content) = response(&mut stream);
        assert_eq!((&*status, &*content), ("200", "done"), "{number}");
    }
    assert_eq!(requests.load(Ordering::Relaxed), 300);
}

/// A request that must not be sent twice is not lost to a closed connection either.
#[test]
fn a_post_is_sent_once_and_not_lost() {
    let posts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&posts);
    let address = upstream(move |mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            if head.starts_with("POST") {
                count.fetch_add(1, Ordering::Relaxed);
                stream.read_exact(&mut [0; 2]).unwrap();
            }
            stream.write_all(ok("done").as_bytes()).unwrap();
            if head.starts_with("POST") {
                return;
            }
        }
    });
    let proxy = proxy(address);
    let mut stream = proxy.connect();
    for _ in 0..50 {
        for request in [
            GET,
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
        ] {
            stream.write_all(request.as_bytes()).unwrap();
            assert_eq!(response(&mut stream).0, "200");
        }
    }
    assert_eq!(posts.load(Ordering::Relaxed), 50);
}

/// An upstream that dies with a request is asked again only if the request may be sent twice.
#[test]
fn requests_without_a_response_are_repeated_if_they_may_be() {
    let table = r"
        GET / HTTP/1.1\r\nHost: h\r\n\r\n => 200 2
        PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi => 200 2
        POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi => 502 1
        PATCH / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n => 502 1
    ";
    for (request, outcome) in table::cases(table) {
        let request = table::unescaped(request);
        let ([status, asked], _) = table::words(outcome);
        let asked: usize = asked.parse().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        let address = upstream(move |mut stream, number| {
            let head = read_head(&mut stream).unwrap();
            seen.fetch_add(1, Ordering::Relaxed);
            if head.contains("Content-Length: 2") {
                let mut content = [0; 2];
                stream.read_exact(&mut content).unwrap();
                assert_eq!(&content, b"hi");
            }
            if number > 0 {
                stream.write_all(ok("done").as_bytes()).unwrap();
            }
        });
        let proxy = proxy(address);
        let mut stream = proxy.connect();
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(response(&mut stream).0, status, "{request}");
        assert_eq!(count.load(Ordering::Relaxed), asked, "{request}");
    }
}

#[test]
fn an_upstream_that_refuses_is_passed_over() {
    let good = upstream(|stream, _| responds(stream, ok("good").as_bytes()));
    let server = Running::start(builder(&[refusing(), good]).build());
    let mut stream = server.connect();
    for _ in 0..10 {
        stream.write_all(GET.as_bytes()).unwrap();
        assert_eq!(response(&mut stream), ("200".to_owned(), "good".to_owned()));
    }
    // A POST that has not been sent may go elsewhere, too.
    for _ in 0..4 {
        let post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(post).unwrap();
        assert_eq!(response(&mut stream).0, "200");
    }
}

/// Responses between failures don't make up for them.
#[test]
fn a_server_that_fails_now_and_then_is_taken_out() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let failing = upstream(move |mut stream, number| {
        if read_head(&mut stream).is_some() && number % 3 != 2 {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(ok("good").as_bytes());
        }
    });
    let working = upstream(|mut stream, _| {
        read_head(&mut stream);
        let _ = stream.write_all(ok("good").as_bytes());
    });
    let server = Running::start(builder(&[failing, working]).build());
    for _ in 0..30 {
        let answer = server.ask(LAST);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    // Its third failure, with its ninth connection, takes it out.
    assert_eq!(served.load(Ordering::SeqCst), 6);
}

/// Servers are restarted one after the other: the first one is back, but still out because of its
/// failures, when the last one ends.
#[test]
fn a_server_that_is_back_takes_over_at_once() {
    let (first, second) = (refusing(), refusing());
    let server = Running::start(builder(&[first, second]).build());
    let serve = |address: SocketAddr| {
        let listener = TcpListener::bind(address).unwrap();
        std::thread::spawn(move || {
            // It ends with the request for this path.
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let head = read_head(&mut stream).unwrap();
                let _ = stream.write_all(ok("good").as_bytes());
                if head.starts_with("GET /end ") {
                    return;
                }
            }
        })
    };
    let end = LAST.replace("GET / ", "GET /end ");
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for turn in 0..3 {
        // One of them takes over from the other, by turns.
        let working = serve(if turn % 2 == 0 { first } else { second });
        for request in [LAST, LAST, post, LAST, LAST, post, LAST, LAST] {
            let answer = server.ask(request);
            assert!(answer.starts_with("HTTP/1.1 200 "), "{turn}: {answer}");
        }
        server.ask(&end);
        working.join().unwrap();
    }
}

#[test]
fn statuses_of_upstreams_that_fail() {
    let answer = proxy(refusing()).ask(LAST);
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    // A client on this machine may know what failed.
    assert!(
        answer.contains("127.0.0.1") && answer.contains("refused"),
        "{answer}"
    );
    // A Unix socket is called by its path, which tells it from others.
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let target: Target = format!("unix:{}", socket.display()).parse().unwrap();
    let answer = Running::start(Upstream::builder([target]).build()).ask(LAST);
    let message = format!("(unix:{}: it can", socket.display());
    assert!(answer.contains(&message), "{answer}");
    // All servers are out.
    let server = Running::start(builder(&[refusing(), refusing()]).build());
    let statuses: Vec<_> = (0..5).map(|_| server.ask(LAST)[9..12].to_owned()).collect();
    assert_eq!(statuses, ["502", "502", "502", "503", "503"]);
    assert!(server.ask(LAST).contains("\r\nRetry-After: 5\r\n"));
    // Silence, before and after the head.
    let silent = upstream(|mut stream, _| {
        read_head(&mut stream);
        let _ = stream.read(&mut [0; 1]);
    });
    let time = Duration::from_millis(200);
    let server = Running::start(builder(&[silent]).timeout(time).build());
    let answer = server.ask(GET);
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    let stalls = upstream(|mut stream, _| {
        read_head(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            .unwrap();
        let _ = stream.read(&mut [0; 1]);
    });
    let server = Running::start(builder(&[stalls]).timeout(time).build());
    let answer = server.ask(GET);
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("half"),
        "{answer}"
    );
}

#[test]
fn a_client_that_leaves_takes_the_upstream_connection_with_it() {
    let (gone, told) = mpsc::channel();
    let (seen, asked) = mpsc::channel();
    let address = upstream(move |mut stream, number| {
        read_head(&mut stream);
        if number == 1 {
            let events = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
            stream.write_all(events).unwrap();
        }
        seen.send(()).unwrap();
        gone.send(stream.read(&mut [0; 1]).unwrap_or(0)).unwrap();
    });
    let lines = Seen::default();
    let log = AccessLog::new(lines.clone(), Format::Common).unwrap();
    let upstream = builder(&[address]).build();
    let server = Running::with(|builder| builder.access_log(log), upstream);
    for number in 0..2 {
        let mut stream = server.connect();
        stream.write_all(GET.as_bytes()).unwrap();
        asked.recv_timeout(LONG).unwrap();
        if number == 1 {
            read_until(&mut stream, "data: 1\n\n");
        }
        drop(stream);
        assert_eq!(told.recv_timeout(LONG), Ok(0), "{number}");
        let text = || String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
        wait_until("a line", || text().lines().count() == number + 1);
        assert!(
            text().lines().all(|line| line.contains("\" 499 ")),
            "{}",
            text()
        );
    }
}

/// A client that reads nothing stops the upstream, and the other way round.
#[test]
fn a_side_that_does_not_read_stops_the_other() {
    const MUCH: usize = 64 * 1024 * 1024;
    // More than the kernel buffers on the way: two of them grow to 32 MiB each (Linux 6.18).
    const BEYOND_BUFFERS: usize = 128 * 1024 * 1024;
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let address = upstream(move |mut stream, _| {
        let head = read_head(&mut stream).unwrap();
        if head.starts_with("GET") {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {MUCH}\r\n\r\n").unwrap();
            for _ in 0..MUCH / 65_536 {
                if stream.write_all(&[b'x'; 65_536]).is_err() {
                    return;
                }
                count.fetch_add(65_536, Ordering::Relaxed);
            }
        } else {
            std::thread::park();
        }
    });
    let proxy = proxy(address);
    let mut stream = narrow(&proxy, 65_536);
    stream.write_all(LAST.as_bytes()).unwrap();
    wait_until("the upstream waits", || has_settled(&written));
    assert!(written.load(Ordering::Relaxed) < MUCH / 2);
    let length = std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    assert!(length > MUCH as u64);
    // The upstream takes nothing.
    let mut stream = proxy.connect();
    write!(
        stream,
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        2 * BEYOND_BUFFERS
    )
    .unwrap();
    stream
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut sent = 0;
    let error = loop {
        match stream.write(&[b'x'; 65_536]) {
            Ok(length) => sent += length,
            Err(error) => break error,
        }
        assert!(sent < BEYOND_BUFFERS, "it takes everything");
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

/// A response that comes while content is still sent is relayed at once.
#[test]
fn an_early_response_is_relayed() {
    let address = upstream(|mut stream, _| {
        let head = read_head(&mut stream).unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
        let early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n";
        stream.write_all(early).unwrap();
        assert!(head.contains("1000000"));
        // Closed with unread bytes: the kernel resets the connection.
    });
    let proxy = proxy(address);
    let mut stream = proxy.connect();
    let head = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nhello";
    stream.write_all(head.as_bytes()).unwrap();
    let head = read_until(&mut stream, "no\n");
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    // The rest of the content is not taken for a request.
    let _ = stream.write_all(&vec![b'G'; 999_995]);
    let _ = stream.shutdown(Shutdown::Write);
    let mut rest = String::new();
    let _ = stream.read_to_string(&mut rest);
    assert_eq!(rest, "");
}

/// No thread waits for an upstream.
#[test]
fn many_clients_wait_for_a_slow_upstream_together() {
    const CLIENTS: usize = 200;
    let (arrived, all) = mpsc::channel();
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream);
        arrived.send(stream).unwrap();
    });
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let upstream = builder(&[address]).build();
    let proxy = Running::with(|builder| builder.workers(2), upstream);
    let before = threads();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| proxy.connect()).collect();
    for client in &mut clients {
        client.write_all(LAST.as_bytes()).unwrap();
    }
    let waiting: Vec<_> = (0..CLIENTS)
        .map(|_| all.recv_timeout(LONG).unwrap())
        .collect();
    // Tests beside this one have threads, too, but not hundreds.
    assert!(threads() < before + CLIENTS / 2);
    for mut stream in waiting {
        stream.write_all(ok("done").as_bytes()).unwrap();
    }
    for client in &mut clients {
        assert_eq!(response(client).1, "done");
    }
}

/// A server that fails its checks gets no requests until it passes them again.
#[test]
fn checks_take_servers_out_and_bring_them_back() {
    let state = Arc::new(AtomicUsize::new(200));
    let status = Arc::clone(&state);
    let sick = upstream(move |mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let status = status.load(Ordering::Relaxed);
            let answer = match head.starts_with("GET /health ") {
                true => format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n"),
                false => ok("sick"),
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let well = upstream(|stream, _| responds(stream, ok("well").as_bytes()));
    let check = Check {
        interval: Duration::from_secs(1),
        rise: 1,
        fall: 1,
        ..Check::new("/health")
    };
    let server = Running::start(builder(&[sick, well]).check(check).build());
    let asked = || {
        let answers = (0..6).map(|_| server.ask(LAST));
        answers.filter(|answer| answer.ends_with("sick")).count()
    };
    assert_eq!(asked(), 3);
    state.store(500, Ordering::Relaxed);
    wait_until("it is out", || asked() == 0);
    state.store(200, Ordering::Relaxed);
    wait_until("it is back", || asked() == 3);
}

/// A server that accepts connections and is silent keeps no other from being checked in time.
#[test]
fn servers_that_hang_delay_no_other_check() {
    let silent = || {
        upstream(|mut stream, _| {
            let _ = stream.read_to_end(&mut Vec::new());
        })
    };
    let is_ill = Arc::new(AtomicUsize::new(0));
    let health = Arc::clone(&is_ill);
    let checked = upstream(move |mut stream, _| {
        while read_head(&mut stream).is_some() {
            let status = match health.load(Ordering::Relaxed) {
                0 => "200 OK",
                _ => "500 Error",
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            if stream.write_all(head.as_bytes()).is_err() {
                return;
            }
        }
    });
    let check = Check {
        interval: Duration::from_secs(1),
        // Longer than the test.
        timeout: Duration::from_secs(600),
        rise: 1,
        fall: 1,
        ..Check::new("/health")
    };
    let _hanging = builder(&[silent(), silent()]).check(check.clone()).build();
    let server = Running::start(builder(&[checked]).check(check).build());
    is_ill.store(1, Ordering::Relaxed);
    wait_until("the server is out", || {
        server.ask(LAST).starts_with("HTTP/1.1 503 ")
    });
    is_ill.store(0, Ordering::Relaxed);
    wait_until("the server is back", || {
        server.ask(LAST).starts_with("HTTP/1.1 200 ")
    });
}
