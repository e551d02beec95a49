//! The examples of the server as a library: `json_api`, `upload`, `events`, `chat`, `sessions` and
//! `graceful`.

use super::program::Running;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use support::{LONG, curl_status, curl_text};

const ANY_PORT: [&str; 1] = ["127.0.0.1:0"];

fn stream(server: &Running, request: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    BufReader::new(stream)
}

/// Reads lines up to one that begins so, and returns it.
fn line(stream: &mut impl BufRead, start: &str) -> String {
    let mut lines = stream.lines().map(Result::unwrap);
    let start = start.to_lowercase();
    lines
        .find(|line| line.to_lowercase().starts_with(&start))
        .unwrap()
}

#[test]
fn notes_are_kept() {
    let server = Running::start("json_api", ANY_PORT);
    let notes = server.url("/notes");
    let json = ["-H", "content-type: application/json", "-d"];
    let add = |text: &str| curl_status(json.into_iter().chain([text, &notes]));
    let table = [
        (r#"{"title": "Milk"}"#, 201),
        (r#"{"title": "Bread", "done": true}"#, 201),
        (r#"{"title": 7}"#, 422),
        (r#"{"title": "#, 400),
    ];
    for (text, status) in table {
        assert_eq!(add(text), status, "{text}");
    }
    assert_eq!(curl_status(["-d", "title=Milk", &notes]), 415);
    assert_eq!(
        curl_text([&server.url("/notes/2")]),
        r#"{"title":"Bread","done":true}"#
    );
    assert_eq!(curl_status(["-X", "DELETE", &server.url("/notes/2")]), 204);
    for (path, status) in [("/notes/2", 404), ("/notes/x", 400), ("/notes/1/x", 404)] {
        assert_eq!(curl_status([&server.url(path)]), status, "{path}");
    }
}

#[test]
fn a_file_is_uploaded() {
    let server = Running::start("upload", ANY_PORT);
    let folder = support::Folder::new();
    let file = folder.path().join("a.bin");
    std::fs::write(
        &file,
        [b"12345678".repeat(50_000), b"\r\n--".to_vec()].concat(),
    )
    .unwrap();
    let photo = format!("photo=@{}", file.display());
    let answer = curl_text(["-F", "title=Holidays", "-F", &photo, &server.url("/")]);
    assert_eq!(
        answer,
        "title: Holidays\nphoto: 400004 bytes, from 12345678 on\n"
    );
    assert_eq!(curl_status(["-d", "title=x", &server.url("/")]), 415);
}

#[test]
fn events_reach_all_clients_and_those_that_come_back() {
    let server = Running::start("events", ANY_PORT);
    let listen = |fields: &str| {
        let mut stream = stream(
            &server,
            &format!("GET /events HTTP/1.1\r\nHost: h\r\n{fields}\r\n"),
        );
        assert!(line(&mut stream, "Content-Type").contains("text/event-stream"));
        stream
    };
    let send = |text: &str| assert_eq!(curl_status(["-d", text, &server.url("/")]), 204);
    send("one");
    let mut first = listen("");
    assert_eq!(line(&mut first, "data: "), "data: one");
    send("two");
    assert_eq!(line(&mut first, "data: "), "data: two");
    assert_eq!(
        line(&mut listen("Last-Event-ID: 0\r\n"), "data: "),
        "data: two"
    );
}

#[test]
fn a_websocket_is_accepted() {
    let server = Running::start("chat", ANY_PORT);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    let join = |path: &str| {
        let mut stream = stream(
            &server,
            &format!("GET {path} HTTP/1.1\r\nHost: h\r\n{upgrade}\r\n"),
        );
        assert!(line(&mut stream, "HTTP/1.1").contains(" 101 "));
        // The example of RFC 6455 §1.3.
        let accept = line(&mut stream, "sec-websocket-accept").to_lowercase();
        assert!(accept.ends_with("s3pplmbitxaq9kygzzhzrbk+xoo="), "{accept}");
        while !line(&mut stream, "").is_empty() {}
        stream
    };
    // A masked text of two bytes: RFC 6455 §5.2.
    let frame = [0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
    let unmasked = [0x81, 0x02, b'h', b'i'];
    let mut echo = join("/echo");
    echo.get_mut().write_all(&frame).unwrap();
    let mut answer = [0; 4];
    echo.read_exact(&mut answer).unwrap();
    assert_eq!(answer, unmasked);
    assert_eq!(curl_status([&server.url("/chat")]), 426);
    // RFC 6455 §4.2.2: another version, and no key.
    let table = [
        (upgrade.replace("13", "8"), " 426 "),
        (upgrade.replace("Sec-WebSocket-Key", "X-Key"), " 400 "),
    ];
    for (fields, status) in table {
        let request = format!("GET /echo HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let mut stream = stream(&server, &request);
        assert!(line(&mut stream, "HTTP/1.1").contains(status), "{fields}");
        if status == " 426 " {
            assert_eq!(
                line(&mut stream, "sec-websocket-version").to_lowercase(),
                "sec-websocket-version: 13"
            );
        }
    }
}

#[test]
fn a_session_begins_and_ends() {
    let server = Running::start("sessions", ANY_PORT);
    let jar = support::Folder::new();
    let jar = jar.path().join("jar").display().to_string();
    let ask = |arguments: &[&str], path: &str| {
        let url = server.url(path);
        let all = ["-b", &jar, "-c", &jar]
            .into_iter()
            .chain(arguments.iter().copied());
        curl_status(all.chain([url.as_str()]))
    };
    assert_eq!(ask(&[], "/"), 303);
    assert_eq!(ask(&["-d", "name=ann&password=x"], "/login"), 401);
    assert_eq!(ask(&["-d", "name=ann&password=open sesame"], "/login"), 303);
    assert_eq!(ask(&[], "/"), 200);
    assert_eq!(curl_text(["-b", &jar, &server.url("/")]), "hello ann\n");
    assert_eq!(ask(&["-X", "POST"], "/logout"), 303);
    assert_eq!(ask(&[], "/"), 303);
    let forged = "session=OTk5OTk5OTk5OSBhbm4.AAAA";
    assert_eq!(curl_status(["-b", forged, &server.url("/")]), 303);
}

#[test]
fn a_server_ends_when_its_input_does() {
    let server = Running::start("graceful", ANY_PORT);
    assert_eq!(server.line(), "Ending");
    assert_eq!(server.line(), "Ended");
}
