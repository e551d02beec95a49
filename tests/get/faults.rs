//! Bad servers: each fault has its exit code and its message; never a hang, a panic or a silent
//! short file.

use crate::script::{HELLO, Server, get};
use std::time::Instant;
use support::{Folder, LONG};

/// Checks that a response is refused: the exit code, and a part of the message.
#[track_caller]
fn check(answer: &str, want: &str) {
    let ([code], message) = table::words(want);
    let server = Server::answering([answer]);
    let outcome = get([server.url("/")]).fails(code.parse().unwrap());
    let first = outcome.stderr.lines().next().unwrap();
    assert!(first.contains(message), "{answer:.80} {first}");
    assert!(
        first.contains(&server.address.to_string()),
        "the address: {first}"
    );
    assert_eq!(outcome.stderr.lines().count(), 2, "{}", outcome.stderr);
}

#[test]
fn answers_that_are_refused() {
    let endless_head = format!("HTTP/1.1 200 OK\r\n{}", "A: b\r\n".repeat(50_000));
    let many_fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1001));
    let long_field = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(200_000));
    let interims = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    let table = r"
        => 52 without a response
        HTTP/1.1 200 => 56 ended inside a message
        HTTP/1.1 200 OK\r\nA: b\r\n => 56 ended inside a message
        220 ftp ready\r\n\r\n => 8 start line
        <html>hello</html>\r\n\r\n => 8 start line
        HTTP/2 200\r\n\r\n => 8
        HTTP/1.1 200 OK\r\n A: b\r\n\r\n => 8
        HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello => 8 more than one Content-Length
        HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello => 8 decimal
        HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n => 61 transfer coding
        HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n => 8 switches protocols
        HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello => 18 5 of 10 bytes
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel => 18 after 3 bytes
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n => 18 after 5
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n => 56 chunk size
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n => 56 chunk size
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld => 56 followed by CRLF
    ";
    for (answer, want) in table::cases(table) {
        check(&table::unescaped(answer), want);
    }
    let many = [
        (endless_head, "100 longer than 131072 bytes"),
        (many_fields, "100 more than 1000 fields"),
        (long_field, "100 longer than 131072 bytes"),
        (interims, "8 interim"),
    ];
    for (answer, want) in many {
        check(&answer, want);
    }
}

#[test]
fn equal_lengths_are_one() {
    let server = Server::answering([
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    ]);
    assert_eq!(get([server.url("/")]).succeeds().text(), "hello");
}

#[test]
fn bytes_after_the_content_are_not_content() {
    let server = Server::answering([
        [HELLO, "HTTP/1.1 200 OK\r\n\r\nevil"].concat(),
        HELLO.into(),
    ]);
    let outcome = get([server.url("/1"), server.url("/2")]).succeeds();
    assert_eq!(outcome.text(), "hellohello");
}

#[test]
fn a_short_file_does_not_get_its_name() {
    let folder = Folder::new();
    let server = Server::answering(["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"]);
    get([
        "--retry-delay",
        "0.01",
        "-o",
        &folder.join("a"),
        &server.url("/"),
    ])
    .fails(18);
    assert_eq!(folder.names(), ["a.part"]);
    assert_eq!(folder.read("a.part"), b"hello");
}

#[test]
fn a_reset_in_the_content() {
    let server = Server::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhello");
        connection.reset();
    });
    let outcome = get([server.url("/")]);
    assert!(matches!(outcome.code, 18 | 56), "{outcome:?}");
}

#[test]
fn a_silent_server_runs_into_the_timeout() {
    let server = Server::start(|connection| {
        connection.request();
        connection.wait_for_end();
    });
    let begun = Instant::now();
    let outcome = get(["-m", "0.3", &server.url("/")]).fails(28);
    assert!(begun.elapsed() < LONG);
    assert!(
        outcome
            .stderr
            .contains("the total timeout of 300 ms ran out while waiting for the response"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn drops_of_content_run_into_the_total_timeout() {
    let server = Server::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        let patience = Some(std::time::Duration::from_millis(10));
        connection.stream.set_read_timeout(patience).unwrap();
        // The read paces the drops, and ends when the client has gone.
        while !matches!(std::io::Read::read(&mut connection.stream, &mut [0]), Ok(0)) {
            if std::io::Write::write_all(&mut connection.stream, b"x").is_err() {
                break;
            }
        }
    });
    let outcome = get(["-m", "0.4", &server.url("/")]).fails(28);
    assert!(
        outcome.stderr.contains("receiving the content"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn every_address_is_told() {
    let free = support::free_address();
    let outcome = get([format!("http://{free}/")]).fails(7);
    assert!(
        outcome
            .stderr
            .contains(&format!("{free}: Connection refused")),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("nothing listens there"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_unknown_host() {
    let outcome = get(["http://no-such-host.invalid/"]).fails(6);
    assert!(
        outcome.stderr.contains("no-such-host.invalid"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_early_refusal_is_read_although_the_server_stops_reading() {
    let server = Server::start(|connection| {
        connection.head();
        connection
            .send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!");
        connection.shutdown();
        connection.wait_for_end();
    });
    let folder = Folder::new();
    std::fs::write(folder.join("big"), vec![b'x'; 8 << 20]).unwrap();
    let outcome = get(["-d", &format!("@{}", folder.join("big")), &server.url("/")]).succeeds();
    assert_eq!(outcome.text(), "no!");
}

#[test]
fn a_connection_that_went_stale_is_replaced() {
    // The server keeps the connection until the second request has arrived, and then closes it
    // without a word.
    let server = Server::start(|connection| {
        connection.request();
        connection.send(HELLO);
        if connection.number == 0 {
            connection.request();
        }
    });
    let outcome = get([server.url("/1"), server.url("/2")]).succeeds();
    assert_eq!(outcome.text(), "hellohello");
    assert_eq!(server.requests().len(), 3);
}
