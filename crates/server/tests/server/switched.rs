//! Connections that switch protocols, and content that a closure writes.

use crate::support::{LONG, Running, narrow, read_until, rest};
use std::io::{self, Read, Write};
use std::sync::{Mutex, mpsc};
use tinyhttp_server::{Body, Handler, Reply, Request, Response, Server, Upgrade};

const UPGRADE: &str =
    "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: other, Echo\r\nConnection: x, Upgrade\r\n\r\n";

/// Sends back what it receives, up to the end.
fn echo(request: Request<'_>) -> Response {
    request.upgrade("echo", |mut socket| {
        let mut output = socket.try_clone();
        io::copy(&mut socket, &mut output).unwrap();
    })
}

#[test]
fn a_closure_has_the_socket_after_a_101() {
    let server = Running::start(echo);
    let mut stream = server.connect();
    // Bytes that come too early belong to the new protocol, too.
    stream
        .write_all(format!("{UPGRADE}early ").as_bytes())
        .unwrap();
    let head = read_until(&mut stream, "\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nupgrade: echo\r\n") || head.contains("\r\nUpgrade: echo\r\n"));
    assert!(head.contains("\r\nConnection: upgrade\r\n") && !head.contains("Content-Length"));
    read_until(&mut stream, "early ");
    let large = vec![b'x'; 1_000_000];
    let mut writer = stream.try_clone().unwrap();
    let sent = large.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    writing.join().unwrap();
    assert!(back == large);
}

#[test]
fn a_request_that_offers_no_upgrade_is_refused() {
    let server = Running::start(echo);
    let table = r"
        GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n => 426
        GET / HTTP/1.1\r\nHost: h\r\nUpgrade: echo\r\nConnection: close\r\n\r\n => 426
        GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade, close\r\nUpgrade: h2c\r\n\r\n => 426
        GET / HTTP/1.0\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n => 426
        POST / HTTP/1.1\r\nHost: h\r\nUpgrade: echo\r\nConnection: upgrade, close\r\nContent-Length: 2\r\n\r\nab => 400
    ";
    for (request, status) in table::cases(table) {
        let request = table::unescaped(request);
        let answer = server.ask(&request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}{answer}"
        );
        let names_it = answer.to_lowercase().contains("\r\nupgrade: echo\r\n");
        assert_eq!(names_it, status == "426", "{request}");
    }
}

#[test]
fn a_reply_can_be_an_upgrade_and_a_panic_ends_it() {
    struct Panics;
    impl Handler for Panics {
        fn handle<'a>(&'a self, _: Request<'a>) -> Reply<'a> {
            Reply::Upgrade(Upgrade::new("echo", |_| panic!("on purpose")))
        }
    }
    let server = Running::start(Panics);
    for _ in 0..3 {
        let mut stream = server.connect();
        stream.write_all(UPGRADE.as_bytes()).unwrap();
        assert!(rest(&mut stream).starts_with("HTTP/1.1 101 "));
    }
}

/// Upgraded connections hold threads; when there are no more, clients are told so.
#[test]
fn upgrades_beyond_the_threads_get_a_503() {
    let server = Running::with(|builder| builder.workers(1).max_threads(2), echo);
    let mut held = Vec::new();
    let busy = loop {
        let mut stream = server.connect();
        stream.write_all(UPGRADE.as_bytes()).unwrap();
        let head = read_until(&mut stream, "\r\n\r\n");
        if !head.starts_with("HTTP/1.1 101 ") {
            break head;
        }
        held.push(stream);
        assert!(held.len() < 10);
    };
    assert!(busy.starts_with("HTTP/1.1 503 "), "{busy}");
    assert!(!held.is_empty());
}

/// Nothing waits on a socket of a server that has ended, and clients learn that it has.
#[test]
fn the_end_of_the_server_ends_upgraded_connections() {
    let (ended, seen) = mpsc::channel();
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.spawn(move |request: Request<'_>| {
        let (ended, in_threads) = (ended.clone(), request.path() == "/threads");
        request.upgrade("echo", move |mut socket| {
            if in_threads {
                let mut clone = socket.try_clone();
                let ended = ended.clone();
                std::thread::spawn(move || ended.send(clone.read(&mut [0]).ok()));
            }
            ended.send(socket.read(&mut [0]).ok()).unwrap();
        })
    });
    let server = server.unwrap();
    let mut clients = ["/", "/", "/threads"].map(|path| {
        let mut stream = std::net::TcpStream::connect(server.local_addrs()[0]).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let request = UPGRADE.replace("GET / ", &format!("GET {path} "));
        stream.write_all(request.as_bytes()).unwrap();
        read_until(&mut stream, "\r\n\r\n");
        stream
    });
    assert!(seen.try_recv().is_err());
    server
        .shutdown(std::time::Duration::from_millis(1))
        .unwrap();
    for _ in 0..4 {
        assert_eq!(seen.recv_timeout(LONG).unwrap(), Some(0));
    }
    for stream in &mut clients {
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn a_stream_is_sent_as_it_is_flushed() {
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(Some(wait));
    let server = Running::start(move |_: Request<'_>| {
        let wait = wait.lock().unwrap().take().unwrap();
        Body::stream(move |out| {
            write!(out, "first")?;
            out.flush()?;
            wait.recv_timeout(LONG).map_err(io::Error::other)?;
            write!(out, "last")
        })
    });
    let mut stream = server.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    let begun = read_until(&mut stream, "first\r\n");
    assert!(
        begun.contains("\r\nTransfer-Encoding: chunked\r\n"),
        "{begun}"
    );
    go_on.send(()).unwrap();
    assert_eq!(
        read_until(&mut stream, "0\r\n\r\n"),
        "4\r\nlast\r\n0\r\n\r\n"
    );
}

#[test]
fn a_stream_waits_for_a_slow_reader_and_notices_when_it_leaves() {
    let (ended, seen) = mpsc::channel();
    let server = Running::start(move |request: Request<'_>| {
        let (ended, long) = (ended.clone(), request.path() == "/long");
        Body::stream(move |out| {
            let lines = if long { u64::MAX } else { 100_000 };
            let written = (0..lines).try_for_each(|line| writeln!(out, "{line}"));
            ended.send(written.is_ok()).unwrap();
            written
        })
    });
    let mut slow = narrow(&server, 4096);
    slow.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let all = rest(&mut slow);
    assert!(all.ends_with("\n99999\n") && all.contains("\r\n\r\n0\n1\n"));
    assert!(seen.recv_timeout(LONG).unwrap());
    let mut leaves = server.connect();
    leaves
        .write_all(b"GET /long HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    read_until(&mut leaves, "\n100\n");
    drop(leaves);
    assert!(!seen.recv_timeout(LONG).unwrap());
}

/// A stream that fails ends without its last chunk.
#[test]
fn a_stream_that_fails_is_visibly_incomplete() {
    let server = Running::start(|request: Request<'_>| {
        let panics = request.path() == "/panic";
        Body::stream(move |out| {
            write!(out, "part")?;
            out.flush()?;
            assert!(!panics, "on purpose");
            Err(io::Error::other("broken"))
        })
    });
    for path in ["/", "/panic"] {
        let answer = server.ask(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert!(answer.ends_with("\r\n\r\n4\r\npart\r\n"), "{answer}");
    }
}

/// A channel whose sender fails ends as a stream does.
#[test]
fn a_channel_that_fails_is_visibly_incomplete() {
    let server = Running::start(|request: Request<'_>| {
        let (sender, body) = Body::channel();
        sender.send("part").unwrap();
        let panics = request.path() == "/panic";
        std::thread::spawn(move || {
            assert!(!panics, "on purpose");
            sender.abort();
        });
        body
    });
    for path in ["/", "/panic"] {
        let answer = server.ask(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert!(answer.ends_with("\r\n\r\n4\r\npart\r\n"), "{answer}");
        // Without chunks, only a reset tells.
        let mut stream = server.connect();
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{path}");
    }
}

#[test]
fn a_handle_shuts_its_server_down() {
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .spawn(|_: Request<'_>| "hello")
        .unwrap();
    let address = server.local_addrs()[0];
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert!(rest(&mut stream).ends_with("hello"));
    server.shutdown(LONG).unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
    // Dropped, it ends at once, and the address is free.
    drop(
        Server::bind(address)
            .unwrap()
            .spawn(|_: Request<'_>| "")
            .unwrap(),
    );
    let server = Server::bind(address)
        .unwrap()
        .spawn(|_: Request<'_>| "")
        .unwrap();
    let handle = server.shutdown_handle();
    handle.abort();
    server.join().unwrap();
}
