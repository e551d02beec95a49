//! A connection that breaks, or stalls, at each step of a fetch: which step it was is told, and so
//! is the timeout's name.

use crate::script::{Connection, HELLO, Server, command, get, outcome, spawn};
use std::io::Read;
use std::net::UdpSocket;
use std::time::Instant;
use support::{Folder, LONG};

type Script = fn(&mut Connection);

#[test]
fn resets() {
    let table: &[(Script, i32, &str)] = &[
        (|_| {}, 56, "broke before any response came"),
        (
            |connection| connection.send("HTTP/1.1 200 OK\r\nA: b\r\n"),
            56,
            "broke before any content came",
        ),
        (
            |connection| connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"),
            56,
            "broke after 5 bytes of content",
        ),
        (
            |connection| {
                connection
                    .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
            },
            56,
            "broke after 5 bytes of content",
        ),
        (
            |connection| connection.send("HTTP/1.1 200 OK\r\n\r\nhello"),
            56,
            "broke after 5 bytes of content",
        ),
    ];
    for (answer, code, words) in table {
        let answer = *answer;
        let (shown, was_shown) = std::sync::mpsc::channel::<()>();
        let server = Server::start(move |connection| {
            connection.request();
            answer(connection);
            // A reset may overtake what was sent before it, until that has been seen.
            let _ = was_shown.recv_timeout(LONG);
            connection.reset();
        });
        let mut child = spawn(command(["get", &server.url("/")]));
        if words.contains("5 bytes") {
            let mut first = [0; 5];
            child
                .stdout
                .as_mut()
                .unwrap()
                .read_exact(&mut first)
                .unwrap();
            assert_eq!(&first, b"hello");
        }
        shown.send(()).unwrap();
        let outcome = outcome(child).fails(*code);
        assert!(
            outcome.stderr.contains(words),
            "{words}: {}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains(&server.address.to_string()));
    }
}

#[test]
fn a_reset_in_the_handshake() {
    let server = Server::start(|connection| {
        connection.read_exactly(5);
        connection.reset();
    });
    let outcome = get(["-k", &format!("https://{}/", server.address)]).fails(35);
    assert!(
        outcome.stderr.contains("no secure connection"),
        "{outcome:?}"
    );
}

#[test]
fn an_address_that_leads_nowhere() {
    // The kernel refuses connections to the broadcast address, whatever the network.
    let outcome = get(["--noproxy", "*", "http://255.255.255.255/"]).fails(7);
    assert!(
        outcome.stderr.contains("255.255.255.255:80: "),
        "{outcome:?}"
    );
    assert_eq!(outcome.stderr.lines().count(), 2, "{outcome:?}");
}

#[test]
fn a_kept_connection_that_breaks_under_a_post() {
    let table: [(bool, &str, i32, &str); 4] = [
        (true, "POST", 56, "broke before any response came"),
        (
            false,
            "POST",
            52,
            "closed the connection without a response",
        ),
        (true, "PATCH", 56, "broke before any response came"),
        (false, "GET", 0, ""),
    ];
    for (resets, method, code, words) in table {
        let server = Server::start(move |connection| {
            connection.request();
            connection.send(HELLO);
            if connection.number == 0 {
                connection.request();
                if resets {
                    connection.reset();
                }
            }
        });
        let outcome = get([
            "-X",
            method,
            "-d",
            "x",
            &server.url("/1"),
            &server.url("/2"),
        ]);
        assert_eq!(outcome.code, code, "{outcome:?}");
        let requests = server.requests().len();
        if code == 0 {
            assert_eq!((outcome.text(), requests), ("hellohello", 3));
            continue;
        }
        let not_again = format!("{method} is not idempotent, so it was not sent again");
        for part in [words, &not_again, "may have processed it"] {
            assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
        }
        assert_eq!(requests, 2);
    }
}

#[test]
fn content_that_can_be_read_once_is_not_sent_again() {
    let server = Server::start(|connection| {
        connection.request();
        connection.send(HELLO);
        connection.request();
    });
    let mut command = command(["get", "-T", "-", "-T", "-"]);
    command.args([server.url("/1"), server.url("/2")]);
    let outcome = crate::script::run(command, b"some");
    assert_eq!(outcome.code, 52, "{outcome:?}");
    let words = "its content can be read only once, so it was not sent again";
    assert!(outcome.stderr.contains(words), "{outcome:?}");
}

#[test]
fn every_timeout_says_its_name() {
    let silent: Script = Connection::wait_for_end;
    let half_head: Script = |connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\n");
        connection.wait_for_end();
    };
    let half_content: Script = |connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
        connection.wait_for_end();
    };
    // Reads nothing, so that the client can't send all of it.
    let deaf: Script = |connection| {
        connection.head();
        std::thread::park_timeout(LONG);
    };
    let folder = Folder::new().with("big", vec![b'x'; 32 << 20]);
    let upload = folder.join("big");
    let stall = ["--stall-timeout", "0.3"];
    let table: &[(Script, &str, &[&str], &str)] = &[
        (
            silent,
            "https",
            &["-k", "--connect-timeout", "0.3"],
            "the handshake timeout of 300 ms ran out while shaking hands",
        ),
        (
            silent,
            "http",
            &stall,
            "the stall timeout of 300 ms ran out while waiting for the response",
        ),
        (
            half_head,
            "http",
            &["-m", "0.3"],
            "the total timeout of 300 ms ran out while waiting for the response",
        ),
        (
            half_content,
            "http",
            &stall,
            "the stall timeout of 300 ms ran out while receiving the content",
        ),
        (
            deaf,
            "http",
            &["--stall-timeout", "0.3", "-H", "Expect:", "-T", &upload],
            "the stall timeout of 300 ms ran out while sending the request",
        ),
    ];
    for (script, scheme, flags, words) in table {
        let server = Server::start(*script);
        let url = format!("{scheme}://{}/", server.address);
        let outcome = get(flags.iter().chain([&url.as_str()])).fails(28);
        assert!(
            outcome.stderr.contains(words),
            "{words}: {}",
            outcome.stderr
        );
    }
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = mute.local_addr().unwrap().to_string();
    let outcome = get([
        "--dns-servers",
        &server,
        "--connect-timeout",
        "0.3",
        "http://h.test/",
    ])
    .fails(28);
    let words = "the resolve timeout of 300 ms ran out while looking up the host";
    assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
}

#[test]
fn too_slow_is_told() {
    let server = Server::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        let patience = Some(std::time::Duration::from_millis(10));
        connection.stream.set_read_timeout(patience).unwrap();
        // The read paces the drops, and ends when the client has gone.
        while !matches!(connection.stream.read(&mut [0]), Ok(0)) {
            connection.send("x");
        }
    });
    let flags = ["-Y", "1M", "-y", "0.3"];
    let url = server.url("/");
    let outcome = get(flags.iter().chain([&url.as_str()])).fails(28);
    assert!(
        outcome
            .stderr
            .contains("bytes per second were received for 0.3 s"),
        "{outcome:?}"
    );
    let silent = Server::start(Connection::wait_for_end);
    let outcome = get(["-y", "0.3", &silent.url("/")]).fails(28);
    assert!(
        outcome.stderr.contains("the stall timeout of 300 ms"),
        "{outcome:?}"
    );
}

#[test]
fn time_runs_out_although_there_is_always_something_to_read() {
    let server = Server::start(|connection| {
        connection.request();
        connection.send(format!(
            "HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: 1000000\r\n\r\n{}",
            "x".repeat(1_000_000)
        ));
        connection.wait_for_end();
    });
    let folder = Folder::new();
    let file = folder.join("file");
    let begun = Instant::now();
    // At that rate it would take a quarter of an hour.
    let outcome = get([
        "-m",
        "0.3",
        "--limit-rate",
        "1K",
        "-o",
        &file,
        &server.url("/"),
    ])
    .fails(28);
    assert!(begun.elapsed() < LONG);
    assert!(
        outcome.stderr.contains("the total timeout of 300 ms"),
        "{outcome:?}"
    );
    assert!(!outcome.stderr.contains("trying again"), "{outcome:?}");
    assert_eq!(server.requests().len(), 1);
}
