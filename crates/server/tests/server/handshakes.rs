//! Clients that break the rules of TLS, flood, or stop in the middle of a handshake.

use crate::support::{LONG, Running, echo, wait_until};
use crate::tls_support::{Trusted, ask, connect, connect_as, connect_over, rest, start};
use rustix::process::{Resource, getrlimit, setrlimit};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use tinyhttp_server::{Request, Timeouts};

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// The time for a handshake.
const HEAD: Duration = Duration::from_millis(800);

fn served(trusted: &Trusted) -> Running {
    let timeouts = Timeouts {
        head: HEAD,
        ..Timeouts::default()
    };
    // One thread, so that a connection that held it would be noticed.
    start(
        &trusted.tls(),
        |builder| builder.timeouts(timeouts).workers(1).max_threads(1),
        |_: Request<'_>| "done",
    )
}

/// The bytes of a ClientHello.
fn hello(trusted: &Trusted) -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(trusted.config()), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

fn is_served(server: &Running, trusted: &Trusted) {
    assert!(ask(&mut connect(server, trusted), GET).ends_with("done"));
}

#[test]
fn unfinished_handshakes_hold_no_thread_and_end_at_the_head_deadline() {
    let trusted = Trusted::new();
    let server = served(&trusted);
    let hello = hello(&trusted);
    let half = &hello[..hello.len() / 2];
    let mut unfinished = Vec::new();
    for number in 0..300 {
        let mut stream = server.connect();
        match number % 3 {
            0 => {}
            1 => stream.write_all(half).unwrap(),
            // All of it, and then nothing.
            _ => stream.write_all(&hello).unwrap(),
        }
        unfinished.push(stream);
    }
    is_served(&server, &trusted);
    for (number, stream) in unfinished.iter_mut().enumerate() {
        if number % 3 != 0 {
            let mut all = Vec::new();
            // Reset, as bytes of the client may be unread.
            let _ = stream.read_to_end(&mut all);
        }
    }
    is_served(&server, &trusted);
}

/// As many as descriptors allow, which are two for each connection here, up to 5,000: a third
/// silent, a third in the middle of a ClientHello, a third that sends it byte by byte.
#[test]
fn thousands_of_unfinished_handshakes_hold_no_thread() {
    let trusted = Trusted::new();
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let descriptors = limit.current.map_or(20_000, |limit| limit as usize);
    let count = (descriptors.saturating_sub(1000) / 2).min(5000);
    if count < 5000 {
        eprintln!(
            "skipped: {} of 5000 handshakes, by the limit on descriptors",
            5000 - count
        );
    }
    let server = start(
        &trusted.tls(),
        |builder| builder.workers(1).max_threads(1),
        |_: Request<'_>| "done",
    );
    let hello = hello(&trusted);
    let mut unfinished: Vec<TcpStream> = Vec::new();
    for number in 0..count {
        let mut stream = server.connect();
        if number % 3 == 1 {
            stream.write_all(&hello[..hello.len() / 2]).unwrap();
        }
        unfinished.push(stream);
    }
    for byte in &hello[..4] {
        for stream in unfinished.iter_mut().skip(2).step_by(3) {
            stream.write_all(&[*byte]).unwrap();
        }
        is_served(&server, &trusted);
    }
    // Those that continue are served.
    for (number, stream) in unfinished.into_iter().enumerate().skip(3).take(9) {
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = stream;
        let sent = match number % 3 {
            0 => 0,
            1 => hello.len() / 2,
            _ => 4,
        };
        if sent > 0 {
            stream.write_all(&hello[sent..]).unwrap();
            let mut record = [0; 5];
            stream.read_exact(&mut record).unwrap();
            assert_eq!(record[0], 22, "a ServerHello");
        } else {
            let config = Arc::new(trusted.config());
            let client = ClientConnection::new(config, name).unwrap();
            let mut client = rustls::StreamOwned::new(client, stream);
            assert!(ask(&mut client, GET).ends_with("done"));
        }
    }
}

#[test]
fn a_hello_that_comes_byte_by_byte_does_not_renew_its_deadline() {
    let trusted = Trusted::new();
    let server = served(&trusted);
    let hello = hello(&trusted);
    let mut stream = server.connect();
    let others = &hello[..hello.len() - 1];
    let step = HEAD * 2 / u32::try_from(others.len()).unwrap();
    for byte in others {
        // The server may have closed the connection already.
        let _ = stream.write_all(&[*byte]);
        server.advance(step);
    }
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    let waits = end.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    assert!(!waits && answer.is_empty(), "{waits} {answer:?}");
}

/// One handshake message in records of a byte each (RFC 8446 §5.1), and in TCP segments of a byte.
#[test]
fn a_hello_in_pieces_is_put_together() {
    let trusted = Trusted::new();
    let server = served(&trusted);
    let name = ServerName::try_from("localhost").unwrap();
    for in_records in [false, true] {
        let mut stream = server.connect();
        stream.set_nodelay(true).unwrap();
        let mut client = ClientConnection::new(Arc::new(trusted.config()), name.clone()).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        if in_records {
            let (head, message) = hello.split_at(5);
            let records = message
                .iter()
                .flat_map(|byte| [&head[..3], &[0, 1, *byte]].concat());
            let records: Vec<u8> = records.collect();
            stream.write_all(&records).unwrap();
        } else {
            for byte in &hello {
                stream.write_all(&[*byte]).unwrap();
            }
        }
        let mut client = rustls::StreamOwned::new(client, stream);
        assert!(ask(&mut client, GET).ends_with("done"), "{in_records}");
    }
}

/// What is no handshake gets an alert or the end, and the server goes on.
#[test]
fn garbage_is_refused() {
    let trusted = Trusted::new();
    let server = served(&trusted);
    let hello = hello(&trusted);
    let mut wrong_version = hello.clone();
    wrong_version[1] = 9;
    let mut damaged = hello.clone();
    damaged[5] = 0x55;
    let endless = [&[22, 3, 1, 0xff, 0xff][..], &[0; 70_000]].concat();
    let huge_message = [22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff].to_vec();
    let table: [(&str, Vec<u8>); 9] = [
        ("zeroes", vec![0; 100]),
        (
            "SSLv2",
            vec![0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10, 1, 0, 0x80],
        ),
        ("an alert", vec![21, 3, 3, 0, 2, 2, 40]),
        ("content", vec![23, 3, 3, 0, 5, 1, 2, 3, 4, 5]),
        ("an unknown type", vec![200, 3, 3, 0, 5, 1, 2, 3, 4, 5]),
        ("an unknown version", wrong_version),
        ("a damaged message", damaged),
        ("a record that is too long", endless),
        (
            "a message that is too long",
            [huge_message, vec![0; 0x4000]].concat(),
        ),
    ];
    for (what, bytes) in table {
        let mut stream = server.connect();
        let _ = stream.write_all(&bytes);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{what}"),
        }
        assert!(answer.is_empty() || answer[0] == 21, "{what}: {answer:?}");
    }
    is_served(&server, &trusted);
}

#[test]
fn a_failed_handshake_tells_why() {
    let trusted = Trusted::new();
    let server = served(&trusted);
    let mut stream = server.connect();
    let mut hello = hello(&trusted);
    hello[5] = 0x55;
    stream.write_all(&hello).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    // A fatal alert: unexpected_message or decode_error.
    assert_eq!((answer[0], answer[5]), (21, 2), "{answer:?}");
}

/// Key updates are bounded, unless there is content in between.
#[test]
fn floods_of_key_updates_end_the_connection() {
    let trusted = Trusted::new();
    let server = served(&trusted);
    let mut client = connect(&server, &trusted);
    client.conn.complete_io(&mut client.sock).unwrap();
    for _ in 0..20 {
        client.conn.refresh_traffic_keys().unwrap();
    }
    assert!(ask(&mut client, GET).ends_with("done"), "a few are fine");
    let mut client = connect(&server, &trusted);
    client.conn.complete_io(&mut client.sock).unwrap();
    let mut ended = false;
    for _ in 0..10_000 {
        client.conn.refresh_traffic_keys().unwrap();
        while client.conn.wants_write() {
            if client.conn.write_tls(&mut client.sock).is_err() {
                ended = true;
                break;
            }
        }
        if ended {
            break;
        }
    }
    let (all, clean) = rest(&mut client);
    assert!(all.is_empty() && !clean);
    is_served(&server, &trusted);
}

/// A record that is damaged in the middle of a request's content, while a handler reads it, and
/// then the handler's response.
#[test]
fn a_damaged_record_ends_the_connection_and_the_handler() {
    let trusted = Trusted::new();
    let server = start(&trusted.tls(), |builder| builder, echo);
    let mut client = connect(&server, &trusted);
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhello")
        .unwrap();
    client.conn.writer().write_all(&[b'x'; 95]).unwrap();
    let mut record = Vec::new();
    client.conn.write_tls(&mut record).unwrap();
    let last = record.len() - 1;
    record[last] ^= 1;
    client.sock.write_all(&record).unwrap();
    let (all, clean) = rest(&mut client);
    assert!(all.is_empty() && !clean, "{all:?}");
    assert!(ask(&mut connect(&server, &trusted), GET).starts_with("HTTP/1.1 200"));
}

/// Content that comes with the client's last handshake message is not lost.
#[test]
fn content_right_behind_the_handshake() {
    let trusted = Trusted::new();
    let server = served(&trusted);
    let request = format!(
        "{}{GET}",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50)
    );
    for config in [trusted.config(), trusted.config_1_2()] {
        let mut client = connect_as(&server, &config, "localhost");
        client.conn.writer().write_all(request.as_bytes()).unwrap();
        let (all, clean) = rest(&mut client);
        assert!(clean);
        assert_eq!(String::from_utf8(all).unwrap().matches("done").count(), 51);
    }
}

/// Sessions are resumed by tickets, with either version.
#[test]
fn sessions_are_resumed() {
    let trusted = Trusted::new();
    let server = served(&trusted);
    for config in [trusted.config(), trusted.config_1_2()] {
        let config = Arc::new(config);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let name = ServerName::try_from("localhost").unwrap();
            let connection = ClientConnection::new(Arc::clone(&config), name).unwrap();
            let mut client = rustls::StreamOwned::new(connection, server.connect());
            assert!(ask(&mut client, GET).ends_with("done"));
            kinds.push(client.conn.handshake_kind().unwrap());
        }
        assert_ne!(kinds[0], rustls::HandshakeKind::Resumed);
        assert_eq!(kinds[1], rustls::HandshakeKind::Resumed);
    }
}

#[test]
fn names_that_the_server_does_not_have() {
    let trusted = Trusted::new();
    let tls = trusted
        .tls()
        .with(trusted.sign(&["xn--bcher-kva.test"]).identity().clone());
    let server = start(&tls, |builder| builder, |_: Request<'_>| "done");
    let get = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let mut client = connect_as(&server, &trusted.config(), "xn--bcher-kva.test");
    assert!(ask(&mut client, &get("xn--bcher-kva.test")).ends_with("done"));
    // An unknown name gets the first certificate, which the client refuses.
    let mut client = connect_as(&server, &trusted.config(), "unknown.test");
    let refused = client.write_all(b"x").unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
    is_served(&server, &trusted);
}

#[test]
fn a_client_that_leaves_during_the_handshake_costs_nothing() {
    let trusted = Trusted::new();
    let server = served(&trusted);
    let hello = hello(&trusted);
    for length in [0, 1, 5, hello.len() / 2, hello.len()] {
        let mut stream = server.connect();
        stream.write_all(&hello[..length]).unwrap();
        drop(stream);
    }
    let config = trusted.config();
    drop(connect_over(server.connect(), &config, "localhost"));
    is_served(&server, &trusted);
    wait_until("nothing is left", || server.shutdown.in_flight() == 0);
    server.shutdown.shutdown(LONG);
}
