//! Handlers over real sockets: what they read, what they send, that they may wait, and that they
//! may panic.

use crate::support::{LONG, Running, echo, read_until, rest};
use http::{Response, StatusCode};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tinyhttp_server::{Body, Handler, Reply, Request};

#[test]
fn content_reaches_the_handler_however_it_comes() {
    let server = Running::start(echo);
    let table = r"
        POST /a HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello => /a:hello
        POST /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: x\r\n\r\n => /b:hello
        POST /c HTTP/1.0\r\nContent-Length: 0\r\n\r\n => /c:
        GET /d HTTP/1.0\r\n\r\n => /d:
    ";
    for (request, content) in table::cases(table) {
        let request = table::unescaped(request);
        assert!(
            server
                .ask(&request)
                .ends_with(&format!("\r\n\r\n{content}")),
            "{request:?}"
        );
        // Byte by byte, with what the system makes of it.
        let mut stream = server.connect();
        stream.set_nodelay(true).unwrap();
        for byte in request.as_bytes() {
            stream.write_all(&[*byte]).unwrap();
        }
        assert!(
            rest(&mut stream).ends_with(&format!("\r\n\r\n{content}")),
            "{request:?}"
        );
    }
    let large = "x".repeat(3_000_000);
    let request = format!(
        "POST /e HTTP/1.0\r\nContent-Length: {}\r\n\r\n{large}",
        large.len()
    );
    assert!(server.ask(&request).ends_with(&large));
}

/// Content that comes in one-byte chunks is read many chunks at a time.
#[test]
fn small_chunks_are_read_together() {
    let server = Running::start(|request: Request<'_>| {
        let mut body = request.into_body();
        let (mut reads, mut length, mut piece) = (0, 0, vec![0; 64 * 1024]);
        loop {
            match body.read(&mut piece).unwrap() {
                0 => break,
                read => length += read,
            }
            reads += 1;
        }
        Response::new(Body::from(format!("{length}/{}", reads <= length / 16)))
    });
    let chunks = "1\r\nx\r\n".repeat(20_000);
    let answer = server.ask(&format!(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
         {chunks}0\r\n\r\n"
    ));
    assert!(answer.ends_with("20000/true"), "{answer}");
}

#[test]
fn requests_with_content_can_be_pipelined() {
    let server = Running::start(echo);
    let mut stream = server.connect();
    let one = "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    let two =
        "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n";
    let three = "GET /3 HTTP/1.1\r\nHost: h\r\n\r\n";
    stream
        .write_all([one, two, three, three].concat().as_bytes())
        .unwrap();
    for end in ["/1:abc", "/2:de", "/3:", "/3:"] {
        read_until(&mut stream, end);
    }
}

/// What came behind a request's content is looked at, also when so much output has gathered that it
/// had to go out first.
#[test]
fn a_request_behind_content_and_much_output_is_answered() {
    let server = Running::start(|request: Request<'_>| {
        Response::new(Body::from("x".repeat(15_000) + request.path()))
    });
    let get = "GET /get HTTP/1.1\r\nHost: h\r\n\r\n";
    let post = "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    let last = "GET /last HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut stream = server.connect();
    stream
        .write_all([get, get, get, get, post, last].concat().as_bytes())
        .unwrap();
    read_until(&mut stream, "/last");
}

#[test]
fn broken_content_is_an_error_of_the_reader_and_ends_the_connection() {
    let server = Running::start(echo);
    let head = "POST / HTTP/1.1\r\nHost: h\r\n";
    let table = [
        (
            format!("{head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
            "InvalidData",
        ),
        (
            format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n"),
            "InvalidData",
        ),
        (
            format!("{head}Transfer-Encoding: chunked\r\n\r\n") + &"1\r\nx\r\n".repeat(25_000),
            "InvalidData",
        ),
    ];
    for (request, kind) in table {
        let answer = server.ask(&request);
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && answer.ends_with(kind),
            "{answer}"
        );
        assert!(answer.contains("Connection: close\r\n"), "{answer}");
    }
    let mut stream = server.connect();
    stream
        .write_all(format!("{head}Content-Length: 9\r\n\r\nabc").as_bytes())
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(rest(&mut stream).ends_with("UnexpectedEof"));
}

#[test]
fn continue_is_said_when_content_is_wanted() {
    let server = Running::start(echo);
    let mut stream = server.connect();
    let head = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(
        read_until(&mut stream, "\r\n\r\n"),
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    stream.write_all(b"hi").unwrap();
    read_until(&mut stream, "/x:hi");
}

#[test]
fn content_that_the_handler_leaves_is_thrown_away() {
    let server = Running::start(|_: Request<'_>| Response::new(Body::from("unread")));
    let mut stream = server.connect();
    let hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";
    let length = hidden.len() + 10;
    for _ in 0..3 {
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{hidden}"
        )
        .unwrap();
        assert!(read_until(&mut stream, "unread").starts_with("HTTP/1.1 200 OK\r\n"));
        stream.write_all(b"0123456789").unwrap();
    }
}

/// A body that is kept beyond its request can't read what belongs to the next one.
#[test]
fn a_body_that_outlives_its_request_reads_nothing() {
    let (give, take) = mpsc::channel();
    let server = Running::start(move |request: Request<'_>| {
        give.send(request.into_body()).unwrap();
        Response::new(Body::from("kept"))
    });
    let mut stream = server.connect();
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        .unwrap();
    read_until(&mut stream, "kept");
    let mut kept = take.recv_timeout(LONG).unwrap();
    assert!(kept.read(&mut [0; 8]).is_err());
}

/// A thread that still waits for content when the handler has answered holds that answer up, and no
/// other one.
#[test]
fn a_body_that_is_read_elsewhere_delays_no_other() {
    let (arrived, told) = mpsc::channel();
    let (let_go, release) = mpsc::channel();
    let release = Mutex::new(release);
    let server = Running::with(
        |builder| builder.workers(1),
        move |request: Request<'_>| {
            match request.path() {
                "/elsewhere" => {
                    let mut body = request.into_body();
                    std::thread::spawn(move || body.read_to_end(&mut Vec::new()));
                    // No event tells that a read waits. Most likely it does by then; otherwise the
                    // test passes without having tried it.
                    std::thread::sleep(Duration::from_millis(50));
                    arrived.send(()).unwrap();
                }
                "/hold" => {
                    arrived.send(()).unwrap();
                    release.lock().unwrap().recv_timeout(LONG).unwrap();
                }
                _ => {}
            }
            Response::new(Body::from("done"))
        },
    );
    let mut elsewhere = server.connect();
    elsewhere
        .write_all(b"POST /elsewhere HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na")
        .unwrap();
    told.recv_timeout(LONG).unwrap();
    let mut hold = server.connect();
    hold.write_all(b"GET /hold HTTP/1.0\r\n\r\n").unwrap();
    told.recv_timeout(LONG).unwrap();
    assert!(server.ask("GET / HTTP/1.0\r\n\r\n").ends_with("done"));
    let_go.send(()).unwrap();
    assert!(rest(&mut hold).ends_with("done"));
    elsewhere.write_all(b"b").unwrap();
    read_until(&mut elsewhere, "done");
}

#[test]
fn what_handlers_send() {
    let server = Running::start(|request: Request<'_>| {
        let reader = io::Cursor::new("0123456789".repeat(20_000));
        match request.path() {
            "/chunks" => Response::new(Body::reader(reader, None)),
            "/known" => Response::new(Body::reader(reader, Some(200_000))),
            "/short" => Response::new(Body::reader(reader, Some(200_001))),
            "/long" => Response::new(Body::reader(reader, Some(199_999))),
            "/fails" => Response::new(Body::reader(reader.chain(Fails), None)),
            "/large" => Response::new(Body::from("x".repeat(5_000_000))),
            _ => Response::builder()
                .status(StatusCode::NO_CONTENT)
                .header("server", "mine")
                .header("content-length", "999")
                .header("transfer-encoding", "gzip")
                .body(Body::from("not sent"))
                .unwrap(),
        }
    });
    let get = |path: &str, version: &str| {
        server.ask(&format!(
            "GET {path} {version}\r\nHost: h\r\nConnection: close\r\n\r\n"
        ))
    };
    let content = "0123456789".repeat(20_000);
    let chunked = get("/chunks", "HTTP/1.1");
    assert!(
        chunked.contains("Transfer-Encoding: chunked\r\n") && chunked.ends_with("\r\n0\r\n\r\n")
    );
    let until_close = get("/chunks", "HTTP/1.0");
    assert!(until_close.ends_with(&content) && !until_close.contains("chunked"));
    assert!(get("/known", "HTTP/1.1").contains("Content-Length: 200000\r\n"));
    assert!(get("/known", "HTTP/1.1").ends_with(&content));
    assert!(get("/large", "HTTP/1.1").ends_with(&"x".repeat(5_000_000)));
    // What is wrong can't look right: too few bytes, or no last chunk, or a reset.
    for path in ["/short", "/long", "/fails"] {
        let answer = get(path, "HTTP/1.1");
        let (head, sent) = answer.split_once("\r\n\r\n").unwrap();
        match head.split("Content-Length: ").nth(1) {
            Some(length) => assert_ne!(
                length.lines().next().unwrap(),
                sent.len().to_string(),
                "{path}"
            ),
            None => assert!(!sent.ends_with("0\r\n\r\n"), "{path}"),
        }
    }
    let nothing = get("/nothing", "HTTP/1.1");
    assert!(
        nothing.contains("Server: mine\r\n")
            && !nothing.contains("tinyhttp")
            && !nothing.contains("gzip")
    );
    assert!(
        !nothing.contains("Content-Length") && nothing.ends_with("\r\n\r\n"),
        "{nothing}"
    );
}

struct Fails;

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("on purpose"))
    }
}

/// A reader that does what it is told to, one thing at each call, and then gives no more.
struct Script(std::vec::IntoIter<io::Result<&'static [u8]>>);

impl Read for Script {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(next) = self.0.next() else {
            return Ok(0);
        };
        let bytes = next?;
        into[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

/// Faults of whatever content comes from, at every point of it: what is interrupted is repeated,
/// and after anything else the answer ends where the fault was, short of what was announced. Other
/// connections are not affected.
#[test]
fn content_that_fails_on_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "0123456789").unwrap();
    let not_for_reading = Arc::new(std::fs::File::options().write(true).open(&path).unwrap());
    let a_folder = Arc::new(std::fs::File::open(folder.path()).unwrap());
    let file = Arc::new(std::fs::File::open(&path).unwrap());
    let script = |kinds: &[io::ErrorKind], at: usize| {
        let mut calls: Vec<io::Result<&'static [u8]>> = vec![Ok(b"01234"), Ok(b"56789")];
        calls.splice(at..at, kinds.iter().map(|kind| Err((*kind).into())));
        Body::reader(Script(calls.into_iter()), Some(10))
    };
    let server = Running::start(move |request: Request<'_>| {
        let path = request.path();
        let (what, at) = path[1..].split_once('/').unwrap();
        let at = at.parse().unwrap();
        Response::new(match what {
            "file" => Body::file(Arc::clone(&file), at, 10),
            "write-only" => Body::file(Arc::clone(&not_for_reading), at, 10),
            "folder" => Body::file(Arc::clone(&a_folder), at, 10),
            "interrupted" => script(&[io::ErrorKind::Interrupted; 3], at as usize),
            "blocked" => script(&[io::ErrorKind::WouldBlock], at as usize),
            "broken" => script(&[io::ErrorKind::Other], at as usize),
            "pipe" => script(&[io::ErrorKind::BrokenPipe], at as usize),
            _ => Body::from("0123456789"),
        })
    });
    let table = [
        ("/memory/0", "0123456789"),
        ("/file/0", "0123456789"),
        ("/file/4", "456789"),
        ("/file/11", ""),
        ("/write-only/0", ""),
        ("/folder/0", ""),
        ("/interrupted/0", "0123456789"),
        ("/interrupted/1", "0123456789"),
        ("/interrupted/2", "0123456789"),
        ("/blocked/0", ""),
        ("/blocked/1", "01234"),
        ("/broken/0", ""),
        ("/broken/1", "01234"),
        ("/pipe/1", "01234"),
    ];
    for (path, content) in table {
        let answer = server.ask(&format!("GET {path} HTTP/1.0\r\n\r\n"));
        let (head, sent) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Content-Length: 10"), "{path}: {head}");
        assert_eq!(sent, content, "{path}");
    }
}

/// HTTP/1.0 without a length ends with the connection; if the content was cut short, that must be a
/// reset.
#[test]
fn content_that_fails_and_has_no_length_ends_in_a_reset() {
    let server = Running::start(|_: Request<'_>| {
        Response::new(Body::reader(io::Cursor::new("abc").chain(Fails), None))
    });
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_panic_costs_one_connection() {
    let server = Running::start(|request: Request<'_>| {
        assert!(request.path() != "/panic", "on purpose");
        Response::new(Body::from("fine"))
    });
    let mut other = server.connect();
    other
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    read_until(&mut other, "fine");
    for _ in 0..5 {
        let answer = server.ask("GET /panic HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(
            answer.starts_with("HTTP/1.1 500 ") && answer.contains("Connection: close\r\n"),
            "{answer}"
        );
        assert!(
            !answer.contains("on purpose"),
            "what went wrong is not the client's business"
        );
    }
    other
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    read_until(&mut other, "fine");
}

#[test]
fn an_interim_status_is_no_answer() {
    let server = Running::start(|request: Request<'_>| {
        let mut response = Response::new(Body::from("earlier"));
        if request.path() == "/interim" {
            *response.status_mut() = StatusCode::PROCESSING;
        }
        response
    });
    let answers =
        server.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /interim HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(
        answers.contains("earlierHTTP/1.1 500 ") && !answers.contains(" 102 "),
        "{answers}"
    );
}

/// A reader of content, and whatever else of a handler's is called, may panic too: with more panics
/// than there are workers or connections, the next request is still answered.
#[test]
fn other_panics_cost_one_connection_too() {
    struct Careless;

    impl Handler for Careless {
        fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
            assert!(request.path() != "/deciding", "on purpose");
            Reply::blocking(move || match request.path() {
                "/reader" => Body::reader(Panics, None),
                _ => Body::from("fine"),
            })
        }
    }

    let server = Running::with(
        |builder| builder.workers(1).max_threads(2).max_connections(3),
        Careless,
    );
    for path in ["/reader", "/deciding"].repeat(5) {
        let answer = server.ask(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    }
    // Without a length, the end of the connection must not look like the end of the content.
    let mut stream = server.connect();
    stream.write_all(b"GET /reader HTTP/1.0\r\n\r\n").unwrap();
    let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert!(server.ask("GET / HTTP/1.0\r\n\r\n").ends_with("fine"));
}

struct Panics;

impl Read for Panics {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("on purpose")
    }
}
