//! Early hints: interim responses while a handler computes.

use crate::support::{LONG, Running, read_until, rest};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use tinyhttp_server::{Error, Handler, Reply, Request, Response, Route, Router};

const HINT: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";

fn hint(request: &Request<'_>) {
    let link = [("link", "</a.css>; rel=preload")];
    request.early_hints(link).unwrap();
}

/// A function that gives early hints and waits: what lets it continue, and the function.
fn waiting() -> (
    mpsc::Sender<()>,
    impl Fn(Request<'_>) -> String + Send + Sync,
) {
    let (let_go, release) = mpsc::channel();
    let release = Mutex::new(release);
    let work = move |mut request: Request<'_>| {
        hint(&request);
        release.lock().unwrap().recv_timeout(LONG).unwrap();
        let mut content = String::new();
        request.body_mut().read_to_string(&mut content).unwrap();
        format!("done {content}")
    };
    (let_go, work)
}

/// Reads the hint before the handler may continue, then the response.
fn hinted_response<S: Read>(
    stream: &mut S,
    let_go: &mpsc::Sender<()>,
    mut read: impl FnMut(&mut S, &str) -> String,
) {
    assert_eq!(read(stream, "\r\n\r\n"), HINT);
    let_go.send(()).unwrap();
    let head = read(stream, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        !head.contains("Link"),
        "hints are no fields of the response"
    );
    read(stream, "done ");
}

const REQUESTS: [&str; 3] = [
    "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
    "POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
];

#[test]
fn hints_arrive_while_a_closure_computes() {
    let (let_go, work) = waiting();
    let server = Running::start(work);
    let mut stream = server.connect();
    for request in REQUESTS {
        stream.write_all(request.as_bytes()).unwrap();
        hinted_response(&mut stream, &let_go, |stream: &mut TcpStream, end| {
            read_until(stream, end)
        });
        if request.starts_with("POST") {
            read_until(&mut stream, "abc");
        }
    }
}

/// A route's content has been received, so its handler owns the request.
#[test]
fn hints_arrive_while_a_route_computes() {
    let (let_go, work) = waiting();
    let app = Router::new()
        .with(|request: Request<'_>, next: tinyhttp_server::Next<'_>| next.run(request))
        .any("/a", Route::new(work));
    let server = Running::start(app);
    for request in REQUESTS {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        hinted_response(&mut stream, &let_go, |stream: &mut TcpStream, end| {
            read_until(stream, end)
        });
    }
}

#[cfg(feature = "tls")]
#[test]
fn hints_arrive_over_tls() {
    use crate::tls_support::{Trusted, connect, start};
    let (let_go, work) = waiting();
    let trusted = Trusted::new();
    let server = start(&trusted.tls(), |builder| builder, work);
    let mut client = connect(&server, &trusted);
    for request in REQUESTS {
        client.write_all(request.as_bytes()).unwrap();
        client.flush().unwrap();
        hinted_response(&mut client, &let_go, |client, end| {
            crate::tls_support::read_until(client, end)
        });
        if request.starts_with("POST") {
            crate::tls_support::read_until(&mut client, "abc");
        }
    }
}

/// Hints before its response is there, without blocking.
struct Ready;

impl Handler for Ready {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        hint(&request);
        Response::text("done").into()
    }
}

#[test]
fn hints_of_pipelined_requests_keep_their_places() {
    let server = Running::start(Ready);
    let two = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\
               Connection: close\r\n\r\n";
    let answer = server.ask(two);
    let heads = answer.split("HTTP/1.1 ").skip(1);
    let codes: Vec<_> = heads.map(|head| &head[..3]).collect();
    assert_eq!(codes, ["103", "200", "103", "200"], "{answer}");
}

#[test]
fn a_client_of_http_1_0_gets_no_hints() {
    let server = Running::start(Ready);
    let blocking = Running::start(|request: Request<'_>| {
        hint(&request);
        "done"
    });
    for server in [server, blocking] {
        let answer = server.ask("GET / HTTP/1.0\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(!answer.contains("103"), "{answer}");
    }
}

/// `100 Continue` is sent as well, and in any order (RFC 9110 §10.1.1).
#[test]
fn hints_go_with_a_continue() {
    let server = Running::start(|mut request: Request<'_>| {
        hint(&request);
        let mut content = String::new();
        request.body_mut().read_to_string(&mut content).unwrap();
        hint(&request);
        content
    });
    let mut stream = server.connect();
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\
                Connection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(read_until(&mut stream, "\r\n\r\n"), HINT);
    let interim = read_until(&mut stream, "\r\n\r\n");
    assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").unwrap();
    let answer = rest(&mut stream);
    assert!(answer.starts_with(HINT), "{answer}");
    assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
}

#[test]
fn a_request_has_few_hints_and_only_valid_ones() {
    let server = Running::start(|request: Request<'_>| {
        for _ in 0..1000 {
            hint(&request);
        }
        request.early_hints([("link", "</a>\r\nset-cookie: a=b")])?;
        Ok::<_, Error>("done")
    });
    let answer = server.ask("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.matches("HTTP/1.1 103").count(), 16);
    assert!(answer.contains("HTTP/1.1 500"), "{answer}");
    assert!(!answer.to_lowercase().contains("set-cookie"), "{answer}");
}

/// A handler may keep a request that it owns.
#[test]
fn hints_after_the_response_are_dropped() {
    struct Keeps;
    impl Handler for Keeps {
        fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
            let receive = tinyhttp_server::Receive::new(request, 100, |request| {
                let response = Response::stream(move |out| {
                    hint(&request);
                    out.write_all(b"content")
                });
                response.into()
            });
            receive.into()
        }
    }
    let server = Running::start(Keeps);
    let answer = server.ask(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("content") && !answer.contains("103"),
        "{answer}"
    );
}
