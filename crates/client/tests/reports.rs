//! What users of other blocking clients have reported as faults, and what else can go wrong on a
//! connection: each has a test here, against a server that follows a script.
#![cfg(test)]

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tinyhttp_client::trace::{Closed, Event};
use tinyhttp_client::{Body, Client, Credentials, Error, Timeout};

/// No test waits longer for anything.
const LONG: Duration = Duration::from_secs(20);
const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A server whose connections are handled one after another by a closure that is given their
/// number.
fn serve(
    address: &str,
    mut handle: impl FnMut(usize, &mut TcpStream) + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            stream.set_write_timeout(Some(LONG)).unwrap();
            handle(number, &mut stream);
        }
    });
    address
}

/// Reads up to the end of a head, byte by byte so that nothing behind it is taken.
fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}

/// A server that keeps every head it gets, and answers each with the same bytes on one connection.
fn recording(answer: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    let address = serve("127.0.0.1:0", move |_, stream| {
        while let Some(head) = head(stream) {
            seen.lock().unwrap().push(head);
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (address, heads)
}

fn rest(stream: &mut TcpStream) {
    let _ = std::io::copy(stream, &mut std::io::sink());
}

// ureq #772, #10: requests fail on pooled connections that the server has closed.
#[test]
fn a_stale_connection_is_replaced_when_that_is_safe() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = requests.clone();
    let address = serve("127.0.0.1:0", move |number, stream| {
        // The first connection takes a second request, and closes without a word.
        let exchanges = if number == 0 { 2 } else { 1 };
        for exchange in 0..exchanges {
            if head(stream).is_none() {
                return;
            }
            counted.fetch_add(1, Ordering::SeqCst);
            if (number, exchange) != (0, 1) {
                stream.write_all(HELLO.as_bytes()).unwrap();
            }
        }
    });
    let client = Client::new();
    let url = format!("http://{address}/");
    for _ in 0..2 {
        assert_eq!(client.get(&url).send().unwrap().text().unwrap(), "hello");
    }
    assert_eq!(requests.load(Ordering::SeqCst), 3);
}

#[test]
fn a_request_that_may_have_been_carried_out_is_not_made_twice() {
    let address = serve("127.0.0.1:0", |_, stream| {
        head(stream);
        stream.write_all(HELLO.as_bytes()).unwrap();
        head(stream);
        // The second one is read, and not answered.
    });
    let client = Client::new();
    let url = format!("http://{address}/");
    client.get(&url).send().unwrap().text().unwrap();
    let error = client.post(&url).body(()).send().unwrap_err();
    assert!(
        matches!(error, Error::NoResponse { .. } | Error::Receive { .. }),
        "{error}"
    );
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_not_used() {
    let (closed, is_closed) = mpsc::channel();
    let address = serve("127.0.0.1:0", move |_, stream| {
        head(stream);
        stream.write_all(HELLO.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
        closed.send(()).unwrap();
    });
    let client = Client::new();
    let url = format!("http://{address}/");
    for _ in 0..3 {
        // Even a POST: the connection is looked at before it is used.
        let response = client.post(&url).body("x").send().unwrap();
        assert_eq!(response.text().unwrap(), "hello");
        is_closed.recv_timeout(LONG).unwrap();
    }
}

#[test]
fn connections_are_kept_and_shared_between_clones_and_threads() {
    let (address, heads) = recording(HELLO);
    let client = Client::new();
    let url = format!("http://{address}/");
    for _ in 0..3 {
        let (client, url) = (client.clone(), url.clone());
        thread::spawn(move || client.get(&url).send().unwrap().text().unwrap())
            .join()
            .unwrap();
    }
    let response = client.get(&url).send().unwrap();
    assert_eq!(response.trace().hops[0].reused, 3);
    assert_eq!(heads.lock().unwrap().len(), 4);
}

// ureq #312, attohttpc #85: each redirect began a new timeout.
#[test]
fn one_deadline_covers_all_redirects() {
    let address = serve("127.0.0.1:0", |_, stream| {
        while head(stream).is_some() {
            thread::park_timeout(Duration::from_millis(120));
            let go = "HTTP/1.1 302 Go\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
            if stream.write_all(go.as_bytes()).is_err() {
                break;
            }
        }
    });
    let client = Client::builder()
        .timeouts(|timeouts| timeouts.total = Some(Duration::from_millis(400)))
        .max_redirects(1000)
        .build();
    let begun = Instant::now();
    let error = client
        .get(&format!("http://{address}/"))
        .send()
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Timeout {
                timeout: Timeout::Total,
                ..
            }
        ),
        "{error}"
    );
    assert!(begun.elapsed() < LONG);
}

// ureq #1150, minreq #106: only the first address was tried, or the first used up all the time.
#[test]
fn every_address_of_a_host_is_tried() {
    let (address, _) = recording(HELLO);
    let dead: IpAddr = "127.0.0.9".parse().unwrap();
    let resolver = move |_: &str| Ok(vec![dead, dead, address.ip()]);
    let client = Client::builder().resolver(resolver).build();
    let url = format!("http://many.test:{}/", address.port());
    let response = client.get(&url).send().unwrap();
    let attempts = &response.trace().hops[0].attempts;
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    assert_eq!(response.text().unwrap(), "hello");
}

// minreq 3.0: its map of fields kept one of each name.
#[test]
fn repeated_fields_are_kept() {
    let (address, heads) = recording(
        "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nX: y\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
    );
    let client = Client::new();
    let request = client
        .get(&format!("http://{address}/"))
        .field("X-A", "1")
        .field("X-A", "2");
    let response = request.send().unwrap();
    let cookies: Vec<_> = response.fields().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a", "b"]);
    assert!(heads.lock().unwrap()[0].contains("X-A: 1\r\nX-A: 2\r\n"));
}

// ureq #1171: IPv6 literals in Host and SNI; minreq #100: fragments on the wire.
#[test]
fn literals_keep_their_brackets_and_fragments_stay_here() {
    let heads = Arc::new(Mutex::new(String::new()));
    let seen = heads.clone();
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        *seen.lock().unwrap() = head(&mut stream).unwrap();
        stream.write_all(HELLO.as_bytes()).unwrap();
    });
    let url = format!("http://[::1]:{}/a?b#c", address.port());
    Client::new().get(&url).send().unwrap().text().unwrap();
    let sent = heads.lock().unwrap();
    let want = format!("GET /a?b HTTP/1.1\r\nHost: [::1]:{}\r\n", address.port());
    assert!(sent.starts_with(&want), "{sent}");
}

// RUSTSEC-2024-0009, RUSTSEC-2017-0002 and their like, on this side.
#[test]
fn nothing_can_be_smuggled_into_a_request() {
    let (address, heads) = recording(HELLO);
    let url = format!("http://{address}/");
    let client = Client::new();
    let bad = [
        client.get(&url).field("X", "a\r\nEvil: b"),
        client.get(&url).field("X\r\nEvil", "b"),
        client.get(&url).field("X", "a\0b"),
        client.get(&url).field("X ", "b"),
        client.get(&url).target("/ HTTP/1.1\r\nEvil: b\r\n\r\n"),
        client.get(&url).target("/a b"),
        client.get(&url).target("/a#b"),
        client.get(&url).target(""),
    ];
    for request in bad {
        let error = request.send().unwrap_err();
        assert!(matches!(error, Error::Request { .. }), "{error}");
    }
    // A URL that looks like one is encoded.
    client
        .get(&format!("http://{address}/a b\r\nEvil: c"))
        .send()
        .unwrap();
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert!(
        heads[0].starts_with("GET /a%20bEvil:%20c HTTP/1.1\r\n"),
        "{heads:?}"
    );
}

#[test]
fn the_framing_is_the_clients() {
    let (address, heads) = recording(HELLO);
    let client = Client::new();
    let request = client.post(&format!("http://{address}/"));
    request
        .field("Content-Length", "99")
        .field("Transfer-Encoding", "chunked")
        .field("Connection", "close")
        .send()
        .unwrap();
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.contains("Content-Length: 0\r\n"), "{head}");
    assert!(
        !head.contains("Length: 99") && !head.contains("chunked") && !head.contains("close"),
        "{head}"
    );
}

// ureq #867, #1139: 100-continue.
#[test]
fn content_waits_for_the_go_ahead_but_not_for_ever() {
    for says_so in [true, false] {
        let address = serve("127.0.0.1:0", move |_, stream| {
            assert!(head(stream).unwrap().contains("Expect: 100-continue\r\n"));
            if says_so {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
            }
            let mut content = [0; 7];
            stream.read_exact(&mut content).unwrap();
            assert_eq!(&content, b"content");
            stream.write_all(HELLO.as_bytes()).unwrap();
        });
        let request = Client::new()
            .post(&format!("http://{address}/"))
            .body("content");
        let response = request.expect_continue().send().unwrap();
        assert_eq!(response.text().unwrap(), "hello", "{says_so}");
    }
}

#[test]
fn unwanted_content_is_not_sent() {
    let (tell, told) = mpsc::channel();
    let address = serve("127.0.0.1:0", move |_, stream| {
        head(stream);
        stream
            .write_all(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
            .unwrap();
        let mut content = Vec::new();
        stream.read_to_end(&mut content).unwrap();
        tell.send(content).unwrap();
    });
    let client = Client::new();
    let request = client.put(&format!("http://{address}/")).body("a secret");
    let response = request.expect_continue().send().unwrap();
    assert_eq!(response.status(), 403);
    assert_eq!(response.text().unwrap(), "no");
    assert_eq!(
        told.recv_timeout(LONG).unwrap(),
        b"",
        "and the connection was closed"
    );
}

#[test]
fn an_echo_of_any_length_does_not_lock_up() {
    // The server sends back each byte at once, and reads nothing while it can't.
    let address = serve("127.0.0.1:0", |_, stream| {
        head(stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut buffer = [0; 65536];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..read]).is_err() || buffer[..read].ends_with(b"0\r\n\r\n")
            {
                break;
            }
        }
    });
    let content = vec![b'x'; 30 << 20];
    let body = Body::reader(std::io::Cursor::new(content));
    let mut response = Client::new()
        .post(&format!("http://{address}/"))
        .body(body)
        .send()
        .unwrap();
    let mut echoed = Vec::new();
    response.read_to_end(&mut echoed).unwrap();
    assert!(
        echoed.len() > 30 << 20 && echoed.ends_with(b"0\r\n\r\n"),
        "{}",
        echoed.len()
    );
}

#[test]
fn a_server_that_answers_and_stops_reading_is_heard() {
    let address = serve("127.0.0.1:0", |_, stream| {
        head(stream);
        stream
            .write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!")
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(stream);
    });
    let content = Body::reader(std::io::repeat(b'x').take(50 << 20));
    let response = Client::new()
        .post(&format!("http://{address}/"))
        .body(content)
        .send()
        .unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(response.text().unwrap(), "no!");
}

#[test]
fn content_of_the_wrong_length_is_an_error() {
    // A response before the end of the content would count instead.
    let address = serve("127.0.0.1:0", |_, stream| rest(stream));
    let url = format!("http://{address}/");
    for (length, bytes) in [(10, &b"short"[..]), (3, b"longer")] {
        let body = Body::sized_reader(length, bytes);
        let error = Client::new().post(&url).body(body).send().unwrap_err();
        assert!(matches!(error, Error::Content { .. }), "{error}");
    }
    let failing = Body::reader(Failing);
    let error = Client::new().post(&url).body(failing).send().unwrap_err();
    assert!(error.to_string().contains("the disk is on fire"), "{error}");
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the disk is on fire"))
    }
}

// ureq #600: a response without a length stalled; #365: content was cut at 10 MB.
#[test]
fn content_without_a_length_ends_with_the_connection() {
    let address = serve("127.0.0.1:0", |_, stream| {
        head(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        stream.write_all(&vec![b'x'; 20 << 20]).unwrap();
    });
    let begun = Instant::now();
    let response = Client::new()
        .get(&format!("http://{address}/"))
        .send()
        .unwrap();
    assert_eq!(response.bytes().unwrap().len(), 20 << 20);
    assert!(begun.elapsed() < LONG);
}

#[test]
fn trailers_are_kept_apart() {
    let (address, _) = recording(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n",
    );
    let client = Client::new();
    let url = format!("http://{address}/");
    let mut response = client.get(&url).send().unwrap();
    let mut text = String::new();
    response.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    assert_eq!(response.trailers().get("x-sum").unwrap(), "1");
    assert!(!response.fields().contains_key("x-sum"));
    let again = client.get(&url).send().unwrap();
    assert_eq!(again.trace().hops[0].reused, 1, "the end was found");
}

#[test]
fn dropping_a_response_closes_its_connection_unless_it_was_read() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = events.clone();
    let (address, _) = recording(HELLO);
    let (endless, _) = recording("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n...");
    let client = Client::builder()
        .observer(move |_: Duration, event: &Event<'_>| {
            if let Event::End { close, .. } = event {
                seen.lock().unwrap().push(*close);
            }
        })
        .build();
    client
        .get(&format!("http://{address}/"))
        .send()
        .unwrap()
        .text()
        .unwrap();
    drop(client.get(&format!("http://{endless}/")).send().unwrap());
    assert_eq!(*events.lock().unwrap(), [None, Some(Closed::Unread)]);
}

#[test]
fn surplus_bytes_end_the_connection() {
    let (address, heads) = recording("HTTP/1.1 204 No Content\r\n\r\nsurprise");
    let client = Client::new();
    let url = format!("http://{address}/");
    let response = client.get(&url).send().unwrap();
    assert_eq!(response.trace().hops[0].close, Some(Closed::Surplus));
    assert_eq!(response.text().unwrap(), "");
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[test]
fn the_types_of_http_come_in_and_go_out() {
    let (address, heads) = recording(HELLO);
    let request = http::Request::post(format!("http://{address}/x"))
        .header("x-test", "1")
        .body(Body::from("data"))
        .unwrap();
    let response = Client::new().send(request).unwrap().into_http();
    assert_eq!(response.status(), http::StatusCode::OK);
    let mut text = String::new();
    response.into_body().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    let head = heads.lock().unwrap()[0].clone();
    assert!(
        head.starts_with("POST /x HTTP/1.1\r\n") && head.contains("X-Test: 1\r\n"),
        "{head}"
    );
}

#[test]
fn an_error_in_the_content_can_be_taken_out_of_its_io_error() {
    let address = serve("127.0.0.1:0", |_, stream| {
        head(stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
            .unwrap();
    });
    let mut response = Client::new()
        .get(&format!("http://{address}/"))
        .send()
        .unwrap();
    let mut content = Vec::new();
    let error = response.read_to_end(&mut content).unwrap_err();
    assert_eq!(
        (content.as_slice(), error.kind()),
        (&b"hel"[..], std::io::ErrorKind::UnexpectedEof)
    );
    let error = Error::from_io(error).unwrap();
    assert!(
        matches!(
            error,
            Error::Incomplete {
                received: 3,
                expected: Some(5),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        response.read(&mut [0; 9]).unwrap(),
        0,
        "nothing more, and no second error"
    );
}

#[test]
fn each_timeout_gives_its_name() {
    let silent = serve("127.0.0.1:0", |_, stream| rest(stream));
    let slow = serve("127.0.0.1:0", |_, stream| {
        head(stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
            .unwrap();
        rest(stream);
    });
    let short = Some(Duration::from_millis(150));
    let fetch = |address: SocketAddr, timeout: Timeout| {
        let request = Client::new()
            .get(&format!("http://{address}/"))
            .timeouts(|timeouts| match timeout {
                Timeout::Response => timeouts.response = short,
                Timeout::Stall => timeouts.stall = short,
                _ => timeouts.total = short,
            });
        request
            .send()
            .and_then(tinyhttp_client::Response::bytes)
            .unwrap_err()
    };
    for timeout in [Timeout::Response, Timeout::Stall, Timeout::Total] {
        let error = fetch(silent, timeout);
        assert!(
            matches!(error, Error::Timeout { timeout: which, .. } if which == timeout),
            "{error}"
        );
    }
    for timeout in [Timeout::Stall, Timeout::Total] {
        let error = fetch(slow, timeout);
        assert!(
            matches!(error, Error::Timeout { timeout: which, .. } if which == timeout),
            "{error}"
        );
    }
}

/// A request of the `http` crate is one like any other: the logins of the client count for it, and
/// so do a user and password in its URI.
#[test]
fn a_request_of_the_http_crate_logs_in() {
    let table = [
        // Whether the URI has credentials and the client a login; the Authorization field.
        ("", false, None),
        ("", true, Some("Basic Y2xpZW50Om9uZQ==")),
        ("url:two@", false, Some("Basic dXJsOnR3bw==")),
        ("url:two@", true, Some("Basic Y2xpZW50Om9uZQ==")),
    ];
    for (user, has_login, want) in table {
        let (address, heads) = recording(HELLO);
        let mut builder = Client::builder();
        if has_login {
            builder = builder.logins(|_| Some(Credentials::new("client", "one")));
        }
        let client = builder.build();
        for path in ["http", "own"] {
            let url = format!("http://{user}{address}/{path}");
            let response = match path {
                "http" => client.send(http::Request::get(url).body(Body::empty()).unwrap()),
                _ => client.get(&url).send(),
            };
            assert_eq!(response.unwrap().text().unwrap(), "hello");
        }
        for head in heads.lock().unwrap().iter() {
            let sent = head
                .lines()
                .find_map(|line| line.strip_prefix("Authorization: "));
            assert_eq!(sent, want, "{head}");
        }
    }
}
