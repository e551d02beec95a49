//! Protocols that client and upstream switch to.

use super::script::{builder, proxy, read_head, upstream};
use crate::support::{LONG, Running, read_until};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::mpsc;
use std::time::Duration;
use tinyhttp_server::middleware::Fields;

const UPGRADE: &str =
    "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX: y\r\n\r\n";

#[test]
fn bytes_pass_in_both_directions_and_each_half_ends_by_itself() {
    let address = upstream(|mut stream, _| {
        let head = read_head(&mut stream).unwrap();
        assert!(
            head.contains("\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"),
            "{head}"
        );
        // The first bytes come with the response.
        stream.write_all(&[SWITCHING, b"welcome"].concat()).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        // The other half is still open.
        all.reverse();
        stream.write_all(&all).unwrap();
    });
    let proxy = proxy(address);
    let mut stream = proxy.connect();
    stream.write_all(UPGRADE.as_bytes()).unwrap();
    let head = read_until(&mut stream, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(
        head.contains("\r\nUpgrade: websocket\r\n") && head.contains("\r\nX: y\r\n"),
        "{head}"
    );
    read_until(&mut stream, "welcome");
    let sent: Vec<u8> = (0..3_000_000).map(|at| (at % 251) as u8).collect();
    stream.write_all(&sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    got.reverse();
    assert!(got == sent, "{} bytes", got.len());
}

#[test]
fn an_upstream_may_end_its_half_first() {
    let (seen, told) = mpsc::channel();
    let address = upstream(move |mut stream, _| {
        read_head(&mut stream).unwrap();
        stream.write_all(SWITCHING).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        seen.send(all).unwrap();
    });
    let proxy = proxy(address);
    let mut stream = proxy.connect();
    stream.write_all(UPGRADE.as_bytes()).unwrap();
    read_until(&mut stream, "\r\n\r\n");
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    stream.write_all(b"still here").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(told.recv_timeout(LONG).unwrap(), "still here");
}

/// They might be a request, if the upstream refuses to switch (RUSTSEC-2026-0033).
#[test]
fn bytes_behind_the_request_wait_for_the_101() {
    for switches in [true, false] {
        let (seen, told) = mpsc::channel();
        let (let_go, release) = mpsc::channel();
        let release = std::sync::Mutex::new(release);
        let address = upstream(move |mut stream, _| {
            read_head(&mut stream).unwrap();
            release.lock().unwrap().recv_timeout(LONG).unwrap();
            stream.set_nonblocking(true).unwrap();
            seen.send(stream.read(&mut [0; 1]).is_err()).unwrap();
            stream.set_nonblocking(false).unwrap();
            if switches {
                stream.write_all(SWITCHING).unwrap();
                let mut early = [0; 5];
                stream.read_exact(&mut early).unwrap();
                assert_eq!(&early, b"early");
                stream.write_all(b"done").unwrap();
            } else {
                stream
                    .write_all(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
                    .unwrap();
                assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
            }
        });
        let proxy = proxy(address);
        let mut stream = proxy.connect();
        stream
            .write_all(format!("{UPGRADE}early").as_bytes())
            .unwrap();
        let_go.send(()).unwrap();
        assert!(told.recv_timeout(LONG).unwrap(), "it was sent early");
        let head = read_until(&mut stream, "\r\n\r\n");
        match switches {
            true => drop(read_until(&mut stream, "done")),
            false => assert!(head.starts_with("HTTP/1.1 403 "), "{head}"),
        }
    }
}

#[test]
fn an_idle_tunnel_is_closed() {
    let address = upstream(|mut stream, _| {
        read_head(&mut stream).unwrap();
        stream.write_all(SWITCHING).unwrap();
        let _ = stream.read(&mut [0; 1]);
    });
    let tunnel = builder(&[address]).tunnel_timeout(Duration::from_millis(200));
    let server = Running::start(tunnel.build());
    let answer = server.ask(UPGRADE);
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
}

/// A 426 names the protocols that it demands (RFC 9110 §15.5.22). In other responses, an offer is
/// for the connection to the upstream.
#[test]
fn a_426_names_its_protocols() {
    let address = upstream(|mut stream, _| {
        let head = read_head(&mut stream).unwrap();
        let status = head.split_whitespace().nth(1).unwrap();
        let fields = "Connection: upgrade\r\nUpgrade: websocket, x/2\r\nContent-Length: 0";
        let _ = write!(stream, "HTTP/1.1 {} No\r\n{fields}\r\n\r\n", &status[1..]);
    });
    let plain = proxy(address);
    let changed = Fields::new(builder(&[address]).build()).with("X-Added: 1");
    let changed = Running::start(changed.unwrap());
    let expected = "\r\nConnection: upgrade\r\nUpgrade: websocket, x/2\r\n";
    for (status, is_named) in [("426", true), ("200", false), ("400", false)] {
        for server in [&plain, &changed] {
            let request = UPGRADE.replace("/chat", &format!("/{status}"));
            let answer = server.ask(&request.replace("Upgrade\r\nUpgrade: websocket", "close"));
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
            assert_eq!(answer.contains(expected), is_named, "{answer}");
            assert_eq!(answer.contains("Upgrade"), is_named, "{answer}");
        }
    }
}

/// A 101 that was not asked for, or for a request that cannot be upgraded.
#[test]
fn only_an_upgrade_is_upgraded() {
    let address = upstream(|mut stream, _| {
        let head = read_head(&mut stream).unwrap();
        assert!(!head.contains("Upgrade"), "{head}");
        let _ = stream.write_all(SWITCHING);
    });
    let proxy = proxy(address);
    for request in [
        "GET / HTTP/1.1|Host: h|Upgrade: websocket||",
        "GET / HTTP/1.0|Connection: upgrade|Upgrade: websocket||",
        "POST / HTTP/1.1|Host: h|Connection: upgrade|Upgrade: x|Content-Length: 1||x",
        "GET / HTTP/1.1|Host: h|Connection: upgrade, http2-settings|Upgrade: h2c||",
        "GET / HTTP/1.1|Host: h|Connection: upgrade|Upgrade: TLS/1.2, HTTP/2.0||",
        "GET / HTTP/1.1|Host: h|Connection: upgrade|Upgrade:||",
    ] {
        let mut stream = proxy.connect();
        stream
            .write_all(request.replace('|', "\r\n").as_bytes())
            .unwrap();
        let head = read_until(&mut stream, "\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 502 "), "{request}: {head}");
    }
}

/// The server chooses among the protocols that the client has offered (RFC 9110 §7.8).
#[test]
fn a_server_switches_to_nothing_else() {
    let address = upstream(|mut stream, _| {
        let head = read_head(&mut stream).unwrap();
        assert!(
            head.contains("\r\nConnection: upgrade\r\nUpgrade: chat/1, websocket\r\n"),
            "{head}"
        );
        let fields = head.split(' ').nth(1).unwrap().replace('/', "");
        let fields = fields
            .replace('=', ": ")
            .replace('&', "\r\n")
            .replace('+', "/");
        let response = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n");
        let _ = stream.write_all(response.as_bytes());
    });
    let proxy = proxy(address);
    for (fields, is_right) in [
        ("Upgrade=websocket", true),
        ("Upgrade=CHAT+1", true),
        ("Upgrade=h2c", false),
        ("Upgrade=other", false),
        ("Upgrade=websocket&Upgrade=other", false),
        ("Upgrade=", false),
        ("X=y", false),
    ] {
        let mut stream = proxy.connect();
        let offers = "Upgrade: chat/1, h2c\r\nUpgrade: websocket\r\n";
        let head =
            format!("GET /{fields} HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n{offers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let head = read_until(&mut stream, "\r\n\r\n");
        let status = if is_right { "101" } else { "502" };
        assert_eq!(head[9..12].to_owned(), status, "{fields}: {head}");
    }
}
