//! What the upstream gets of a request, and the client of a response.

use super::script::{builder, content_length, ok, proxy, read_head, responds, upstream};
use crate::support::{LONG, Running, read_until, rest};
use std::io::{Read, Write};
use std::sync::mpsc;
use tinyhttp_server::Handler;
use tinyhttp_server::gateway::Gateways;
use tinyhttp_server::middleware::{Fields, HostCheck};

/// The lines of a message without Date and Server, which differ, joined with `|`.
fn lines(message: &str) -> String {
    let differs = |line: &&str| !line.starts_with("Date: ") && !line.starts_with("Server: ");
    let lines = message.split("\r\n").filter(differs);
    lines.collect::<Vec<_>>().join("|")
}

#[test]
fn a_response_is_framed_anew() {
    // Method and version, response of the upstream (`|` for CRLF, `$` for the end of the
    // connection) => what the client gets, without its version.
    let table = r#"
        GET 1.1 HTTP/1.1 200 OK|Content-Length: 2|A: b||hi => 200 OK|A: b|Content-Length: 2|Connection: close||hi
        GET 1.1 HTTP/1.1 200 OK|Transfer-Encoding: chunked||2;x=y|hi|0|Trailer: x|| => 200 OK|Transfer-Encoding: chunked|Connection: close||2|hi|0||
        GET 1.1 HTTP/1.1 200 OK||hi$ => 200 OK|Transfer-Encoding: chunked|Connection: close||2|hi|0||
        GET 1.0 HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|hi|0|| => 200 OK|Connection: close||hi
        GET 1.0 HTTP/1.0 200 OK||hi$ => 200 OK|Connection: close||hi
        HEAD 1.1 HTTP/1.1 200 OK|Content-Length: 5|| => 200 OK|Content-Length: 5|Connection: close||
        HEAD 1.1 HTTP/1.1 200 OK|Transfer-Encoding: chunked|| => 200 OK|Connection: close||
        GET 1.1 HTTP/1.1 204 No Content|Content-Length: 0|| => 204 No Content|Connection: close||
        GET 1.1 HTTP/1.1 304 Not Modified|Content-Length: 5|ETag: "x"|| => 304 Not Modified|ETag: "x"|Connection: close||
        GET 1.1 HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 0|| => 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 0|Connection: close||
        GET 1.1 HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Content-Length: 0|| => 200 OK|Content-Length: 0|Connection: close||
        GET 1.0 HTTP/1.1 103 Early Hints||HTTP/1.1 200 OK|Content-Length: 0|| => 200 OK|Content-Length: 0|Connection: close||
        GET 1.1 HTTP/1.1 200 OK|Connection: x-a|X-A: 1|Keep-Alive: timeout=5|Upgrade: h2c|Content-Length: 0|| => 200 OK|Content-Length: 0|Connection: close||
        GET 1.1 HTTP/1.1 200 OK|Set-Cookie: a|Set-Cookie: b|Content-Length: 0|X-Accel-Buffering: no|| => 200 OK|Set-Cookie: a|Set-Cookie: b|Content-Length: 0|Connection: close||
    "#;
    for (case, expected) in table::cases(table) {
        let ([method, version], response) = table::words(case);
        let bytes = response.replace('|', "\r\n").replace('$', "");
        let is_last = response.ends_with('$');
        let address = upstream(move |mut stream, _| match is_last {
            true => {
                read_head(&mut stream);
                stream.write_all(bytes.as_bytes()).unwrap();
            }
            false => responds(stream, bytes.as_bytes()),
        });
        let proxy = proxy(address);
        let request = format!("{method} / HTTP/{version}\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert_eq!(
            lines(&proxy.ask(&request)),
            format!("HTTP/1.1 {expected}"),
            "{case}"
        );
    }
}

#[test]
fn a_malformed_response_is_a_502() {
    let malformed = [
        "nonsense",
        "HTTP/1.1 200 OK|A : b||",
        "HTTP/1.1 200 OK|A||",
        "HTTP/1.1 200 OK|: b||",
        "HTTP/1.1 200 OK|A: b\n||",
        "HTTP/1.1 200 OK|A: b\0||",
        "HTTP/1.1 2000 OK||",
        "HTTP/1.1 099 OK||",
        "HTTP/2 200 OK||",
        "HTTP/1.1 200 OK|Content-Length: x||",
        "HTTP/1.1 200 OK|Content-Length: ||",
        "HTTP/1.1 200 OK|Content-Length: 0x10||",
        "HTTP/1.1 200 OK|Content-Length: +2||hi",
        "HTTP/1.1 200 OK|Content-Length: 1|Content-Length: 2||hi",
        "HTTP/1.1 200 OK|Content-Length: 2|Transfer-Encoding: chunked||2|hi|0||",
        "HTTP/1.1 200 OK|Transfer-Encoding: gzip||",
        "HTTP/1.1 200 OK|Transfer-Encoding: ,chunked||0||",
        "HTTP/1.1 200 OK|Transfer-Encoding: gzip|Transfer-Encoding: chunked||0||",
        "HTTP/1.1 101 Switching Protocols|Upgrade: x||",
        "HTTP/1.1 200 OK|Content-",
        "",
    ];
    for response in malformed {
        let bytes = response.replace('|', "\r\n");
        let address = upstream(move |mut stream, _| {
            read_head(&mut stream);
            let _ = stream.write_all(bytes.as_bytes());
        });
        let proxy = proxy(address);
        let answer = proxy.ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 502 "), "{response}: {answer}");
        assert!(answer.contains("</p>"), "{response}: {answer}");
    }
}

/// Endless interim responses are bounded.
#[test]
fn interim_responses_are_bounded() {
    let address = upstream(|stream, _| {
        responds(
            stream,
            "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100).as_bytes(),
        );
    });
    let answer = proxy(address).ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.matches("HTTP/1.1 103 ").count(), 16, "{answer}");
    assert!(answer.contains("HTTP/1.1 502 "), "{answer}");
}

#[test]
fn a_truncated_response_is_visibly_truncated() {
    // Response of the upstream => the end that its client may not see.
    let table = "
        HTTP/1.1 200 OK|Content-Length: 10||hi =>
        HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|hi| => |0||
        HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|hi|+1|x|0|| => |0||
        HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|hi|0x1|x|0|| => |0||
        HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|hix|0|| => |0||
    ";
    for (response, end) in table::cases(table) {
        let end = end.replace('|', "\r\n");
        let bytes = response.replace('|', "\r\n");
        let address = upstream(move |mut stream, _| {
            read_head(&mut stream);
            let _ = stream.write_all(bytes.as_bytes());
        });
        let proxy = proxy(address);
        let answer = proxy.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{response}: {answer}");
        assert!(
            end.is_empty() || !answer.ends_with(&end),
            "{response}: {answer}"
        );
        assert!(
            answer.ends_with("hi") || answer.contains("\r\nhi"),
            "{response}: {answer}"
        );
    }
    // A client of HTTP/1.0 knows the end by that of the connection, which must be a reset.
    let address = upstream(|mut stream, _| {
        read_head(&mut stream);
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n";
        stream.write_all(chunked).unwrap();
    });
    let proxy = proxy(address);
    let mut stream = proxy.connect();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn what_the_upstream_gets() {
    const HOPS: &str = "X-Forwarded-For: 127.0.0.1|X-Forwarded-Host: h|X-Forwarded-Proto: http|\
                        X-Forwarded-Port: 80|Via: 1.1 tinyhttp";
    // Request => what the upstream gets (`HOPS` for the fields above).
    let table = "
        GET /a/../b%20c?q=/%2e HTTP/1.1|Host: h|| => GET /b%20c?q=/%2e HTTP/1.1|Host: h|HOPS||
        GET http://h/x HTTP/1.1|Host: other|| => GET /x HTTP/1.1|Host: h|HOPS||
        POST / HTTP/1.1|Host: h|Content-Length: 2||hi => POST / HTTP/1.1|Host: h|HOPS|Content-Length: 2||hi
        POST / HTTP/1.1|Host: h|Transfer-Encoding: chunked||2;x|hi|0|T: x|| => POST / HTTP/1.1|Host: h|HOPS|Transfer-Encoding: chunked||2|hi|0||
        DELETE / HTTP/1.1|Host: h|| => DELETE / HTTP/1.1|Host: h|HOPS||
        POST / HTTP/1.1|Host: h|| => POST / HTTP/1.1|Host: h|HOPS|Content-Length: 0||
        GET / HTTP/1.1|Host: h|Content-Length: 2|Connection: x-a|X-A: 1|X_B: 2|TE: x||hi => GET / HTTP/1.1|Host: h|HOPS|Content-Length: 2||hi
        QUERY /x HTTP/1.1|Host: h|| => QUERY /x HTTP/1.1|Host: h|HOPS||
    ";
    let (seen, requests) = mpsc::channel();
    let address = upstream(move |mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let content = match () {
                () if head.contains("Content-Length: 2") => read_exactly(&mut stream, 2),
                () if head.contains("chunked") => read_until(&mut stream, "\r\n0\r\n\r\n"),
                () => String::new(),
            };
            seen.send(head + &content).unwrap();
            stream.write_all(ok("").as_bytes()).unwrap();
        }
    });
    let proxy = proxy(address);
    let mut stream = proxy.connect();
    for (request, expected) in table::cases(table) {
        stream
            .write_all(request.replace('|', "\r\n").as_bytes())
            .unwrap();
        let got = requests.recv_timeout(LONG).unwrap().replace("\r\n", "|");
        assert_eq!(got, expected.replace("HOPS", HOPS), "{request}");
        read_until(&mut stream, "\r\n\r\n");
    }
}

fn read_exactly(stream: &mut std::net::TcpStream, length: usize) -> String {
    let mut content = vec![0; length];
    stream.read_exact(&mut content).unwrap();
    String::from_utf8(content).unwrap()
}

#[test]
fn requests_that_are_not_forwarded() {
    let address = upstream(|stream, _| responds(stream, ok("from behind").as_bytes()));
    let proxy = proxy(address);
    let table = [
        ("CONNECT h:443 HTTP/1.1", "405"),
        ("TRACE / HTTP/1.1", "405"),
        ("GET /..;/admin HTTP/1.1", "400"),
        ("GET /%00 HTTP/1.1", "400"),
        ("OPTIONS * HTTP/1.1", "400"),
    ];
    for (line, status) in table {
        let host = if line.contains(":443") { "h:443" } else { "h" };
        let answer = proxy.ask(&format!(
            "{line}\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{line}: {answer}"
        );
        assert!(!answer.contains("from behind"), "{line}");
    }
    let options = "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n";
    let answer = proxy.ask(options);
    assert!(answer.contains("\r\nAllow: GET"), "{answer}");
}

#[test]
fn the_longest_prefix_wins_and_middleware_applies() {
    let names = ["api", "v1", "root"];
    let servers = names.map(|name| {
        upstream(move |mut stream, _| {
            while let Some(head) = read_head(&mut stream) {
                let target = head.split(' ').nth(1).unwrap();
                let content = ok(&format!("{name} {target}"));
                stream.write_all(content.as_bytes()).unwrap();
            }
        })
    });
    let target = |server: usize, path: &str| {
        let text = format!("http://{}{path}", servers[server]);
        tinyhttp_server::gateway::Upstream::builder([text.parse().unwrap()])
    };
    // A Unix socket has no path of its own.
    let beside_socket = tinyhttp_server::gateway::Upstream::builder([
        "unix:/nowhere/a.sock".parse().unwrap(),
        format!("http://{}/deep/", servers[2]).parse().unwrap(),
    ]);
    let files = |_: tinyhttp_server::Request<'_>| "file";
    let gateways = Gateways::new(files)
        .with(target(0, "").prefix("/api").build())
        .with(target(1, "/").prefix("/api/v1/").build())
        .with(target(2, "/deep/").prefix("/r").build())
        .with(beside_socket.prefix("/u").build());
    let site = Fields::new(gateways).with("X-Frame: deny").unwrap();
    let server = Running::start(HostCheck::new(site, ["h"]));
    let table = [
        ("/api", "api /api"),
        ("/api/x?y", "api /api/x?y"),
        ("/apix", "file"),
        ("/api/v1/a/b", "v1 /a/b"),
        ("/r", "root /deep/"),
        ("/r/x%20y", "root /deep/x%20y"),
        ("/u/x", "root /deep/x"),
        ("/", "file"),
    ];
    let mut stream = server.connect();
    for (path, expected) in table {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let head = read_until(&mut stream, "\r\n\r\n");
        assert!(head.contains("\r\nX-Frame: deny\r\n"), "{path}: {head}");
        assert_eq!(
            read_exactly(&mut stream, expected.len()),
            expected,
            "{path}"
        );
    }
    let answer = server.ask("GET /api/v1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(
        answer.contains(" 308 ") && answer.contains("\r\nLocation: /api/v1/\r\n"),
        "{answer}"
    );
    let answer = server.ask("GET /api HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
}

#[test]
fn content_waits_for_the_upstreams_consent() {
    let address = upstream(|mut stream, number| {
        let head = read_head(&mut stream).unwrap();
        assert!(head.contains("\r\nExpect: 100-continue\r\n"), "{head}");
        if number == 0 {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
            assert_eq!(read_exactly(&mut stream, 2), "hi");
            stream.write_all(ok("thanks").as_bytes()).unwrap();
        } else {
            let refusal = b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(refusal).unwrap();
        }
    });
    let proxy = proxy(address);
    let request =
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    let mut stream = proxy.connect();
    stream.write_all(request).unwrap();
    let interim = read_until(&mut stream, "\r\n\r\n");
    assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hi").unwrap();
    read_until(&mut stream, "thanks");
    let mut stream = proxy.connect();
    stream.write_all(request).unwrap();
    let head = read_until(&mut stream, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 417 "), "{head}");
}

/// Requests behind one that is forwarded wait for their turn, and get their responses in order.
#[test]
fn pipelined_requests_are_responded_to_in_order() {
    let address = upstream(|mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let target = head.split(' ').nth(1).unwrap().to_owned();
            stream.write_all(ok(&target).as_bytes()).unwrap();
        }
    });
    let gateways = Gateways::new(|_: tinyhttp_server::Request<'_>| "/file");
    let server = Running::start(gateways.with(builder(&[address]).prefix("/p").build()));
    let mut requests = String::new();
    let paths: Vec<_> = (0..50)
        .map(|number| match number % 3 {
            0 => "/file".to_owned(),
            _ => format!("/p/{number}"),
        })
        .collect();
    for path in &paths {
        requests += &format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    let mut stream = server.connect();
    stream.write_all(requests.as_bytes()).unwrap();
    for path in &paths {
        read_until(&mut stream, "\r\n\r\n");
        assert_eq!(&read_exactly(&mut stream, path.len()), path);
    }
}

#[test]
fn large_content_passes_in_both_directions() {
    let address = upstream(|mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let length = content_length(&head).unwrap();
            let mut content = vec![0; length];
            stream.read_exact(&mut content).unwrap();
            content.iter_mut().for_each(|byte| *byte ^= 0xff);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&content).unwrap();
        }
    });
    let proxy = proxy(address);
    for length in [0, 1, 65_535, 65_536, 65_537, 3_000_000] {
        let mut stream = proxy.connect();
        let content: Vec<u8> = (0..length).map(|at: usize| (at * 7 / 3) as u8).collect();
        write!(
            stream,
            "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        stream.write_all(&content).unwrap();
        read_until(&mut stream, "\r\n\r\n");
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        got.iter_mut().for_each(|byte| *byte ^= 0xff);
        assert!(got == content, "{length}: {} bytes", got.len());
    }
}

/// The log counts content that is relayed in several turns, and the same connection is used again.
#[test]
fn a_response_that_comes_in_pieces_is_logged_whole() {
    use tinyhttp_server::access_log::{AccessLog, Format};
    let (let_go, release) = mpsc::channel();
    let release = std::sync::Mutex::new(release);
    let address = upstream(move |mut stream, _| {
        while read_head(&mut stream).is_some() {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            stream.write_all(head).unwrap();
            for _ in 0..3 {
                stream.write_all(b"5\r\nhello\r\n").unwrap();
                release.lock().unwrap().recv_timeout(LONG).unwrap();
            }
            stream.write_all(b"0\r\n\r\n").unwrap();
        }
    });
    let lines = crate::support::Seen::default();
    let log = AccessLog::new(lines.clone(), Format::Common).unwrap();
    let upstream = builder(&[address]).build();
    let server = Running::with(|builder| builder.access_log(log), upstream);
    let mut stream = server.connect();
    for number in 1..=2 {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
        for _ in 0..3 {
            read_until(&mut stream, "hello\r\n");
            let_go.send(()).unwrap();
        }
        read_until(&mut stream, "0\r\n\r\n");
        let text = || String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
        crate::support::wait_until("a line", || text().lines().count() == number);
        assert!(
            text().lines().all(|line| line.ends_with(" 200 15")),
            "{}",
            text()
        );
    }
}

/// A handler can forward what it has received before.
#[test]
fn received_content_can_be_forwarded() {
    struct First<H>(std::sync::Arc<H>);
    impl<H: Handler> Handler for First<H> {
        fn handle<'a>(
            &'a self,
            request: tinyhttp_server::Request<'a>,
        ) -> tinyhttp_server::Reply<'a> {
            let inner = std::sync::Arc::clone(&self.0);
            let receive = tinyhttp_server::Receive::new(request, 1 << 20, move |request| {
                // The reply borrows nothing of the handler.
                match inner.handle(request) {
                    tinyhttp_server::Reply::Forward(forward) => {
                        tinyhttp_server::Reply::Forward(forward)
                    }
                    _ => tinyhttp_server::Response::new("not forwarded").into(),
                }
            });
            receive.into()
        }
    }
    let address = upstream(|mut stream, _| {
        let head = read_head(&mut stream).unwrap();
        assert!(head.contains("\r\nContent-Length: 100000\r\n"), "{head}");
        let content = read_exactly(&mut stream, 100_000);
        assert!(content.bytes().all(|byte| byte == b'x'));
        stream.write_all(ok("all").as_bytes()).unwrap();
    });
    let server = Running::start(First(std::sync::Arc::new(builder(&[address]).build())));
    let mut stream = server.connect();
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 100_000, "x".repeat(100_000));
    let head =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    stream
        .write_all((head.to_owned() + &chunk).as_bytes())
        .unwrap();
    assert!(rest(&mut stream).ends_with("all"));
}
