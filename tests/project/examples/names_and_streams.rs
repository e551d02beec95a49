//! `getname`, `gopher`, `ask`, `time_server` and `time_client`, `primitives`: names, and TCP.

use super::program::{Running, deserted_port, run};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use support::{LONG, Raw};

#[test]
fn getname_tells_addresses() {
    let said = run("getname", ["127.0.0.1", "localhost"]);
    let lines: Vec<_> = said.stdout.lines().collect();
    assert_eq!(lines[0], "The address of 127.0.0.1 is 127.0.0.1");
    let local =
        ["127.0.0.1", "::1"].map(|address| format!("The address of localhost is {address}"));
    assert!(
        lines.len() > 1
            && lines[1..]
                .iter()
                .all(|line| local.contains(&(*line).to_owned())),
        "{lines:?}"
    );
    let said = run("getname", ["not a name"]);
    assert!(
        !said.ok
            && said
                .stderr
                .starts_with("getname: no address of not a name: "),
        "{}",
        said.stderr
    );
}

#[test]
fn gopher_sends_a_line_and_shows_lines() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut asked = String::new();
        BufReader::new(&stream).read_line(&mut asked).unwrap();
        // In pieces, with an escape sequence, bytes that are no UTF-8, a line that begins with a
        // dot, and an end.
        for piece in [
            &b"1Docu"[..],
            b"ments\t/docs\r\n\x1b[2Jred \xff\n..dot\r\n.\r\nmore",
        ] {
            stream.write_all(piece).unwrap();
        }
        asked
    });
    let said = run("gopher", ["127.0.0.1", "/docs", &port]);
    assert_eq!(
        said.stdout,
        "1Documents\t/docs\n\u{fffd}[2Jred \u{fffd}\n.dot\n"
    );
    assert!(said.ok, "{}", said.stderr);
    assert_eq!(server.join().unwrap(), "/docs\r\n");
}

#[test]
fn gopher_says_which_step_failed() {
    let port = deserted_port();
    let table = r#"
        'not a name' / 70 => gopher: no address of not a name:
        127.0.0.1 / {port} => gopher: can't connect to 127.0.0.1, port {port}:
        127.0.0.1 / 70000 => gopher: "70000" is no port
        127.0.0.1 a\r\nb 70 => gopher: a selector is a single line
    "#;
    for (arguments, message) in table::cases(table) {
        let arguments = table::unescaped(arguments).replace("{port}", &port);
        let message = message.replace("{port}", &port);
        let said = run("gopher", table::arguments(&arguments));
        assert!(
            !said.ok && said.stderr.starts_with(&message),
            "{arguments:?}: {}",
            said.stderr
        );
    }
}

/// Reads up to the question, which has no line's end.
fn question(client: &Raw) -> String {
    let mut text = String::new();
    while !text.ends_with(": ") {
        let mut piece = [0; 64];
        let length = client.stream().read(&mut piece).unwrap();
        assert!(length > 0, "the connection ended after {text:?}");
        text.push_str(str::from_utf8(&piece[..length]).unwrap());
    }
    text
}

#[test]
fn ask_counts_characters_for_many_at_once() {
    let server = Running::start("ask", ["0"]);
    let long = format!("{}\n", "x".repeat(5000));
    let table: &[(&[u8], &str)] = &[
        (b"123\r\n", "You entered 3 characters.\n"),
        (b"  two words \n", "You entered 9 characters.\n"),
        ("你好，世界\n".as_bytes(), "You entered 5 characters.\n"),
        ("h\u{e9}llo".as_bytes(), "You entered 5 characters.\n"),
        (b"", "You entered 0 characters.\n"),
        (
            b"\xff\xfe\n",
            "That is not UTF-8, so it has bytes, but no characters.\n",
        ),
        (long.as_bytes(), "That is more than 4096 bytes.\n"),
    ];
    // All clients connect before any sends, and the last one sends first.
    let mut clients: Vec<_> = table.iter().map(|_| server.connect()).collect();
    for client in &clients {
        let from = client.stream().local_addr().unwrap();
        assert_eq!(
            question(client),
            format!("Welcome, {from}\nPlease enter a string: ")
        );
    }
    for (client, (line, answer)) in clients.iter_mut().zip(table).rev() {
        client.send(line);
        client.stream().shutdown(Shutdown::Write).unwrap();
        assert_eq!(String::from_utf8(client.rest()).unwrap(), *answer);
    }
}

#[test]
fn time_is_told_to_everyone() {
    let server = Running::start("time_server", ["0"]);
    // One that is gone before it is served does not end it.
    drop(server.connect());
    let said = run("time_client", server.place());
    let lines: Vec<_> = said.stdout.lines().collect();
    assert_eq!(
        lines[0],
        format!("Connected to {} OK", server.address),
        "{}",
        said.stderr
    );
    let time = lines[1]
        .strip_prefix("Received: \"Current time is ")
        .unwrap();
    let time = time.strip_suffix("\\n\"").unwrap();
    // As in 2026-11-20T20:31:35.123+00:00.
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert!(
        [
            "0000-00-00T00:00:00.000+00:00",
            "0000-00-00T00:00:00.000-00:00"
        ]
        .contains(&shape.as_str()),
        "{time}"
    );
    let sent = format!("Sent: Current time is {time}");
    while server.line() != sent {}
    let said = run("time_client", ["127.0.0.1", &deserted_port()]);
    assert!(
        !said.ok && said.stderr.contains("refused"),
        "{}",
        said.stderr
    );
}

#[test]
fn primitives_show_the_same_exchange_twice() {
    let said = run("primitives", ["0"]);
    assert!(said.ok, "{}", said.stderr);
    let (blocking, other) = said.stdout.split_once("Non-blocking").unwrap();
    for (name, half) in [("blocking", blocking), ("non-blocking", other)] {
        let calls = |side: &str| -> Vec<&str> {
            let calls = half
                .lines()
                .filter_map(|line| line.trim().strip_prefix(side));
            calls
                .map(|call| call.split('(').next().unwrap().trim())
                .collect()
        };
        let mut server = calls("server");
        server.dedup();
        let want = [
            "socket",
            "bind",
            "listen",
            "getsockname",
            "accept",
            "recv",
            "send",
            "recv",
            "close",
        ];
        assert_eq!(server, want, "{name}");
        let mut client = calls("client");
        client.retain(|call| *call != "getsockopt");
        assert_eq!(
            client,
            ["socket", "connect", "send", "recv", "close"],
            "{name}"
        );
        assert!(
            half.contains("server recv() -> \"hello, server\""),
            "{name}"
        );
        assert!(
            half.contains("client recv() -> \"hello, client\""),
            "{name}"
        );
    }
    assert!(!blocking.contains("EAGAIN") && !blocking.contains("epoll_wait"));
    for word in [
        "accept() -> EAGAIN",
        "connect() -> EINPROGRESS",
        "epoll_wait() -> ",
    ] {
        assert!(other.contains(word), "{word}");
    }
}
