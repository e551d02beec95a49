//! `101 Switching Protocols`: the connection becomes a socket, if the client asked for that.

use crate::server::{self, LONG};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;
use tinyhttp_client::{Client, Error, ProtocolError};
use tungstenite::Message;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket};

/// Reads a head, sends these bytes, and echoes what comes then.
fn echo(head: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let request = server::head(&mut stream).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        request
    });
    (address, server)
}

const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: Echo\r\nConnection: upgrade\r\n\r\n";

#[test]
fn the_connection_becomes_a_socket() {
    // The first bytes of the other protocol may come with the head.
    for (head, early) in [
        (SWITCHED, ""),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nearly",
            "early",
        ),
    ] {
        let (address, server) = echo(head);
        let request = Client::new().get(&format!("http://{address}/"));
        let response = request.upgrade("other, echo").close().send().unwrap();
        assert_eq!(
            (
                response.status().as_u16(),
                response.header("upgrade").is_some()
            ),
            (101, true)
        );
        let mut socket = response.into_upgraded().unwrap();
        let mut got = vec![0; early.len()];
        socket.read_exact(&mut got).unwrap();
        assert_eq!(got, early.as_bytes());
        for message in ["one", "another"] {
            socket.write_all(message.as_bytes()).unwrap();
            let mut got = vec![0; message.len()];
            socket.read_exact(&mut got).unwrap();
            assert_eq!(got, message.as_bytes());
        }
        socket.set_timeout(Some(Duration::from_millis(20)));
        let error = socket.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(socket);
        let request = server.join().unwrap();
        let fields: Vec<&str> = request
            .lines()
            .filter(|line| line.contains("pgrade"))
            .collect();
        assert_eq!(fields, ["Connection: Upgrade", "Upgrade: other, echo"]);
        assert!(!request.contains("close"), "{request}");
    }
}

#[test]
fn a_server_may_decline() {
    let (address, server) = echo("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
    let response = Client::new()
        .get(&format!("http://{address}/"))
        .upgrade("echo")
        .send()
        .unwrap();
    let response = response.into_upgraded().unwrap_err();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().unwrap(), "no");
    server.join().unwrap();
}

#[test]
fn only_offered_protocols_are_switched_to() {
    for (offer, head) in [
        (None, SWITCHED),
        (Some("other"), SWITCHED),
        (Some("echo"), "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        (
            Some("echo"),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo, x\r\n\r\n",
        ),
    ] {
        let (address, server) = echo(head);
        let mut request = Client::new().get(&format!("http://{address}/"));
        if let Some(offer) = offer {
            request = request.upgrade(offer);
        }
        let error = request.send().unwrap_err();
        let is_right = matches!(
            error,
            Error::Protocol {
                source: ProtocolError::UnexpectedUpgrade,
                ..
            }
        );
        assert!(is_right, "{offer:?} {error}");
        server.join().unwrap();
    }
}

/// WebSocket (RFC 6455) over the socket, with tungstenite at both ends.
#[test]
fn a_websocket_runs_over_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut socket = tungstenite::accept(stream).unwrap();
        socket.send("welcome".into()).unwrap();
        while let Ok(message) = socket.read() {
            if message.is_binary() {
                socket.send(message).unwrap();
            }
        }
    });
    let key = generate_key();
    let request = Client::new()
        .get(&format!("http://{address}/"))
        .upgrade("websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", &key);
    let response = request.send().unwrap();
    let accept = derive_accept_key(key.as_bytes());
    assert_eq!(response.header("sec-websocket-accept"), Some(&*accept));
    let mut socket = response.into_upgraded().unwrap();
    socket.set_timeout(Some(LONG));
    let mut socket = WebSocket::from_raw_socket(socket, Role::Client, None);
    assert_eq!(socket.read().unwrap(), Message::from("welcome"));
    let large = Message::from(vec![7; 3_000_000]);
    socket.send(large.clone()).unwrap();
    assert_eq!(socket.read().unwrap(), large);
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    server.join().unwrap();
}
