//! `udp_server` and `udp_client`, `udp_echo` and `udp_backoff`: UDP, and what to do about its
//! losses.

use super::program::{Running, run};
use std::net::UdpSocket;
use support::LONG;

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

fn port(socket: &UdpSocket) -> String {
    socket.local_addr().unwrap().port().to_string()
}

#[test]
fn a_datagram_arrives_whole_and_its_sender_has_got_a_port() {
    let server = Running::start("udp_server", ["0"]);
    let said = run("udp_client", server.place());
    let lines: Vec<_> = said.stdout.lines().collect();
    assert_eq!(
        lines[0], "Address before sending: 0.0.0.0:0",
        "{}",
        said.stderr
    );
    let after = lines[1]
        .strip_prefix("Address after sending: 0.0.0.0:")
        .unwrap();
    assert_eq!(lines[2], format!("Sent: Hello UDP! to {}", server.address));
    assert_eq!(
        server.line(),
        format!("Received: \"Hello UDP!\" from 127.0.0.1:{after}")
    );
    // What a terminal would obey is shown, not sent to it.
    socket().send_to(b"\x1b[2J\xff", server.address).unwrap();
    assert!(
        server
            .line()
            .starts_with("Received: \"\\u{1b}[2J\u{fffd}\" from ")
    );
}

/// Which of twenty datagrams are lost.
fn losses(loss: &str, seed: &str) -> String {
    let server = Running::start("udp_echo", ["0", loss, seed]);
    let client = socket();
    let lost = |_| {
        client
            .send_to(b"18 bytes are these", server.address)
            .unwrap();
        let line = server.line();
        if line.starts_with("Pretending to drop a packet from ") {
            return 'L';
        }
        let from = client.local_addr().unwrap();
        assert_eq!(
            line,
            format!("The client at {from} says \"18 bytes are these\"")
        );
        let mut answer = [0; 64];
        let (length, _) = client.recv_from(&mut answer).unwrap();
        assert_eq!(&answer[..length], b"Your data was 18 bytes");
        '.'
    };
    (0..20).map(lost).collect()
}

#[test]
fn echo_loses_what_its_seed_says() {
    assert_eq!(losses("0", "1"), ".".repeat(20));
    assert_eq!(losses("100", "1"), "L".repeat(20));
    let some = losses("50", "1");
    assert!(some.contains('L') && some.contains('.'), "{some}");
    assert_eq!(losses("50", "1"), some);
    assert_ne!(losses("50", "2"), some);
}

#[test]
fn backoff_gets_through_losses() {
    // With this seed the first two are lost.
    let server = Running::start("udp_echo", ["0", "50", "2"]);
    let [host, port] = server.place();
    let said = run("udp_backoff", [&host, &port, "0.02", "30"]);
    let lines: Vec<_> = said.stdout.lines().collect();
    assert!(
        lines[0].starts_with("Client socket name is 127.0.0.1:"),
        "{} {}",
        said.stdout,
        said.stderr
    );
    assert_eq!(lines[1], "Waiting up to 0.02 s for a reply");
    assert_eq!(lines[2], "Waiting up to 0.04 s for a reply");
    assert_eq!(lines[3], "Waiting up to 0.08 s for a reply");
    assert_eq!(
        *lines.last().unwrap(),
        "The server says \"Your data was 23 bytes\""
    );
    assert!(said.ok);
}

#[test]
fn backoff_gives_up_in_the_end() {
    let silent = socket();
    let said = run("udp_backoff", ["127.0.0.1", &port(&silent), "0.01", "0.05"]);
    assert!(!said.ok);
    let waits: Vec<_> = said.stdout.lines().skip(1).collect();
    let wanted = ["0.01", "0.02", "0.04"].map(|wait| format!("Waiting up to {wait} s for a reply"));
    assert_eq!(waits, wanted);
    assert!(
        said.stderr.contains("I think the server is down"),
        "{}",
        said.stderr
    );
    for _ in wanted {
        let mut message = [0; 64];
        let length = silent.recv(&mut message).unwrap();
        assert_eq!(&message[..length], b"This is another message");
    }
}

#[test]
fn backoff_reports_a_port_without_a_listener() {
    let gone = port(&socket());
    let said = run("udp_backoff", ["127.0.0.1", &gone]);
    let message = format!("udp_backoff: nothing listens at 127.0.0.1, port {gone}: ");
    assert!(
        !said.ok && said.stderr.starts_with(&message),
        "{}",
        said.stderr
    );
    let said = run("udp_backoff", ["127.0.0.1", &gone, "0"]);
    assert!(
        !said.ok && said.stderr.contains("\"0\" is no wait"),
        "{}",
        said.stderr
    );
}

#[test]
fn backoff_ignores_datagrams_of_others() {
    let server = socket();
    let place = port(&server);
    let client = std::thread::spawn(move || run("udp_backoff", ["127.0.0.1", &place, "30", "30"]));
    let (_, from) = server.recv_from(&mut [0; 64]).unwrap();
    socket()
        .send_to(b"I am the server, believe me", from)
        .unwrap();
    server.send_to(b"the answer", from).unwrap();
    let said = client.join().unwrap();
    assert!(
        said.stdout.ends_with("The server says \"the answer\"\n"),
        "{}",
        said.stdout
    );
}
