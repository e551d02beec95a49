//! Upstreams that speak FastCGI, SCGI and uwsgi.

use super::script::{builder, upstream};
use crate::support::{Running, read_until, rest};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use tinyhttp_server::Files;
use tinyhttp_server::gateway::{Cgi, CgiOptions, Protocol, supervise};

fn proxy(protocol: Protocol, script: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Running {
    let address = upstream(script);
    Running::start(
        builder(&[address])
            .prefix("/app")
            .protocol(protocol)
            .build(),
    )
}

/// Reads one record: its type and its content. `None`: the connection has ended.
fn read_record(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut header = [0; 8];
    stream.read_exact(&mut header).ok()?;
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let mut content = vec![0; length + usize::from(header[6])];
    stream.read_exact(&mut content).unwrap();
    content.truncate(length);
    Some((header[1], content))
}

/// Reads a request in FastCGI: its variables as they are, and its content.
fn read_request(stream: &mut TcpStream) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut variables, mut content) = (Vec::new(), Vec::new());
    loop {
        match read_record(stream)? {
            (4, part) => variables.extend(part),
            (5, part) if part.is_empty() => return Some((variables, content)),
            (5, part) => content.extend(part),
            (kind, _) => assert_eq!(kind, 1),
        }
    }
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    [&[1, kind, 0, 1, high, low, 3, 0], content, b"xyz"].concat()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn fastcgi_on_a_kept_connection() {
    let proxy = proxy(Protocol::FastCgi, |mut stream, number| {
        // All on the first connection but the POST, which must not be sent twice.
        while let Some((variables, content)) = read_request(&mut stream) {
            assert!(
                contains(&variables, b"\x0b\x04SCRIPT_NAME/app"),
                "{}",
                variables.escape_ascii()
            );
            assert!(!contains(&variables, b"HTTP_PROXY"));
            let length = format!("CONTENT_LENGTH{}", content.len());
            assert!(contains(&variables, length.as_bytes()), "{length}");
            let head = record(6, b"Status: 201 Made\nX-A: b\n\n");
            let text = format!("{number} {}", content.len());
            let parts = [
                head,
                record(6, b""),
                record(7, b"a warning\n\x1b"),
                record(6, text.as_bytes()),
                record(3, &[0; 8]),
            ];
            stream.write_all(&parts.concat()).unwrap();
        }
    });
    let mut stream = proxy.connect();
    for _ in 0..3 {
        let get = b"GET /app/x HTTP/1.1\r\nHost: h\r\nProxy: http://evil\r\n\r\n";
        stream.write_all(get).unwrap();
        let head = read_until(&mut stream, "\r\n\r\n");
        assert!(
            head.starts_with("HTTP/1.1 201 ") && head.contains("\r\nX-A: b\r\n"),
            "{head}"
        );
        assert_eq!(
            read_until(&mut stream, "0\r\n\r\n"),
            "3\r\n0 0\r\n0\r\n\r\n"
        );
    }
    // Content that is longer than a record, and in chunks.
    let large = "x".repeat(100_000);
    let post = format!(
        "POST /app HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
         186a0\r\n{large}\r\n0\r\n\r\n"
    );
    stream.write_all(post.as_bytes()).unwrap();
    assert!(rest(&mut stream).ends_with("8\r\n1 100000\r\n0\r\n\r\n"));
}

/// Whatever comes behind the end of a response must not become a part of the next one.
#[test]
fn fastcgi_connections_with_bytes_behind_a_response_are_closed() {
    let other = [record(6, b"A: b\n\nother"), record(3, &[0; 8])].concat();
    for surplus in [&b"\x01"[..], b"\x01\x06\0\x01", &record(6, b"more"), &other] {
        let surplus = surplus.to_vec();
        let proxy = proxy(Protocol::FastCgi, move |mut stream, number| {
            while read_request(&mut stream).is_some() {
                let text = format!("Content-Length: 1\n\n{number}");
                let response = [
                    &record(6, text.as_bytes()),
                    &record(3, &[0; 8]),
                    &surplus[..],
                ];
                let _ = stream.write_all(&response.concat());
            }
        });
        let mut stream = proxy.connect();
        for expected in ["0", "1", "2"] {
            let get = b"GET /app HTTP/1.1\r\nHost: h\r\n\r\n";
            stream.write_all(get).unwrap();
            let head = read_until(&mut stream, "\r\n\r\n");
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert_eq!(read_until(&mut stream, expected), expected);
        }
    }
}

#[test]
fn faults_of_fastcgi() {
    let ok = record(6, b"Content-Type: a\n\nhi");
    let table = [
        // Without its end, a response is not complete.
        (ok.clone(), "200", false),
        ([&ok[..], b"\0\0\0\0\0\0\0\0"].concat(), "502", true),
        (record(6, b"no head"), "502", true),
        (
            [record(6, b"Status: x\n\n"), record(3, &[0; 8])].concat(),
            "502",
            true,
        ),
        (record(3, &[0; 8]), "502", true),
        (record(3, &[0, 0, 0, 0, 2, 0, 0, 0]), "502", true),
        (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), "502", true),
        ([&ok[..], &record(3, &[0; 8])].concat(), "200", true),
        (
            [record(6, b"Content-Length: 9\n\nhi"), record(3, &[0; 8])].concat(),
            "200",
            false,
        ),
    ];
    for (response, status, is_whole) in table {
        let bytes = response.clone();
        let proxy = proxy(Protocol::FastCgi, move |mut stream, _| {
            read_request(&mut stream);
            let _ = stream.write_all(&bytes);
        });
        let answer = proxy.ask("GET /app HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert_eq!(&answer[9..12], status, "{}", response.escape_ascii());
        let ends = answer.ends_with("0\r\n\r\n") || answer.ends_with("</p>\n");
        assert_eq!(ends, is_whole, "{}: {answer}", response.escape_ascii());
    }
}

#[test]
fn scgi_and_uwsgi() {
    let scgi = proxy(Protocol::Scgi, |mut stream, _| {
        let length: usize = read_until(&mut stream, ":")
            .trim_end_matches(':')
            .parse()
            .unwrap();
        let mut variables = vec![0; length + 1];
        stream.read_exact(&mut variables).unwrap();
        assert!(variables.starts_with(b"CONTENT_LENGTH\x002\0SCGI\x001\0"));
        assert!(contains(&variables, b"\0PATH_INFO\0/a b\0") && variables.ends_with(b"\0,"));
        let mut content = [0; 2];
        stream.read_exact(&mut content).unwrap();
        stream
            .write_all(b"Content-Type: text/plain\r\n\r\nscgi")
            .unwrap();
    });
    let uwsgi = proxy(Protocol::Uwsgi, |mut stream, _| {
        let mut header = [0; 4];
        stream.read_exact(&mut header).unwrap();
        let length = usize::from(u16::from_le_bytes([header[1], header[2]]));
        let mut variables = vec![0; length + 2];
        stream.read_exact(&mut variables).unwrap();
        assert!(contains(&variables, b"\x09\0PATH_INFO\x04\0/a b"));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nuwsgi")
            .unwrap();
    });
    for (server, expected) in [(scgi, "scgi"), (uwsgi, "uwsgi")] {
        let post = "POST /app/a%20b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
        let answer = server.ask(post);
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.contains(expected),
            "{answer}"
        );
        // Names of files that end early or in two lines.
        for path in ["/app/a%0a", "/app/%7f", "/app/%00"] {
            let answer = server.ask(&format!("GET {path} HTTP/1.0\r\n\r\n"));
            assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
        }
    }
}

/// Programs run for requests, supervised by a thread.
#[test]
fn cgi_without_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("a.cgi");
    let text = "#!/bin/sh\nprintf 'Content-Type: a\\n\\n%s ' \"$REQUEST_METHOD\"\ncat\n";
    std::fs::write(&program, text).unwrap();
    let options = || CgiOptions::new(folder.path()).pattern("*.cgi");
    let cgi = Cgi::start(options().processes(2)).unwrap();
    let files = Files::open(folder.path()).unwrap();
    let server = Running::start(files.script("*.cgi", cgi).unwrap());
    let post =
        "POST /a.cgi HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    assert!(server.ask(post).starts_with("HTTP/1.1 403 "));
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).unwrap();
    for _ in 0..5 {
        let answer = server.ask(post);
        assert!(
            answer.ends_with("POST hi\r\n0\r\n\r\n") || answer.contains("\r\nPOST "),
            "{answer}"
        );
    }
    // A supervisor runs what its own options name.
    let (socket, theirs) = Cgi::pair().unwrap();
    let other = CgiOptions::new(folder.path()).pattern("/cgi-bin");
    let supervisor = std::thread::spawn(move || supervise(theirs, &other));
    let files = Files::open(folder.path()).unwrap();
    let cgi = Cgi::connected(socket, &options());
    let server = Running::start(files.script("*.cgi", cgi).unwrap());
    let answer = server.ask(post);
    assert!(
        answer.starts_with("HTTP/1.1 502 ") && answer.contains("be run: permission"),
        "{answer}"
    );
    drop(server);
    supervisor.join().unwrap().unwrap();
}

/// PHP-FPM has a process for each connection, idle ones included. With one process, no request may
/// wait for a connection that is kept for another.
#[test]
fn one_process_serves_many_requests() {
    let process = Mutex::new(());
    let proxy = proxy(Protocol::FastCgi, move |mut stream, _| {
        let _busy = process.lock();
        while let Some((_, content)) = read_request(&mut stream) {
            let text = format!("Content-Type: a\n\n{}", content.len());
            let response = [record(6, text.as_bytes()), record(3, &[0; 8])].concat();
            if stream.write_all(&response).is_err() {
                return;
            }
        }
    });
    let request = |method: &str, length: usize| {
        let content = "x".repeat(length);
        let head = format!("{method} /app HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
        format!("{head}Content-Length: {length}\r\n\r\n{content}")
    };
    // GET leaves a connection that POST and long content must not use.
    for (method, length) in [
        ("GET", 0),
        ("POST", 3),
        ("GET", 0),
        ("PUT", 100_000),
        ("GET", 0),
    ] {
        let answer = proxy.ask(&request(method, length));
        assert!(
            answer.ends_with(&format!("\r\n{length}\r\n0\r\n\r\n")),
            "{answer}"
        );
    }
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (proxy, request) = (&proxy, &request);
            scope.spawn(move || {
                for _ in 0..10 {
                    let method = if number % 2 == 0 { "GET" } else { "POST" };
                    let answer = proxy.ask(&request(method, 0));
                    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
                }
            });
        }
    });
}

/// Clients that wait for `100 Continue` get it from this server: the protocols have none.
#[test]
fn clients_are_told_to_continue() {
    for protocol in [Protocol::FastCgi, Protocol::Scgi] {
        let proxy = proxy(protocol, move |mut stream, _| {
            let response = match protocol {
                Protocol::FastCgi => {
                    let (_, content) = read_request(&mut stream).unwrap();
                    assert_eq!(content, b"hi");
                    [record(6, b"Content-Length: 2\n\nok"), record(3, &[0; 8])].concat()
                }
                _ => {
                    let length = read_until(&mut stream, ":");
                    let length: usize = length.trim_end_matches(':').parse().unwrap();
                    stream.read_exact(&mut vec![0; length + 3]).unwrap();
                    b"Content-Length: 2\n\nok".to_vec()
                }
            };
            stream.write_all(&response).unwrap();
        });
        for framing in ["Content-Length: 2", "Transfer-Encoding: chunked"] {
            let mut stream = proxy.connect();
            let head = "PUT /app HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n";
            write!(stream, "{head}{framing}\r\nConnection: close\r\n\r\n").unwrap();
            let interim = read_until(&mut stream, "\r\n\r\n");
            assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n", "{protocol:?}");
            let content = match framing.starts_with('T') {
                true => "2\r\nhi\r\n0\r\n\r\n",
                false => "hi",
            };
            stream.write_all(content.as_bytes()).unwrap();
            assert!(rest(&mut stream).ends_with("ok"), "{protocol:?} {framing}");
        }
    }
}
