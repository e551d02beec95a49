//! Connections that are kept, lost, shared, or waited for, and what users of other blocking clients
//! have reported about them.

use super::server::{HELLO, LONG, Server, head, rest, serve};
use std::io::Write;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tinyhttp_client::trace::{Closed, Event};
use tinyhttp_client::{Client, Error, Timeout};

/// Asserts that this timeout ended the request.
#[track_caller]
pub(crate) fn assert_timeout(error: &Error, expected: Timeout) {
    assert!(
        matches!(error, Error::Timeout { timeout, .. } if *timeout == expected),
        "{error}"
    );
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
    let server = Server::fixed(HELLO);
    let address = server.address;
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
    assert_eq!(server.heads().len(), 4);
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
    assert_timeout(&error, Timeout::Total);
    assert!(begun.elapsed() < LONG);
}

// ureq #1150, minreq #106: only the first address was tried, or the first used up all the time.
#[test]
fn every_address_of_a_host_is_tried() {
    let address = Server::fixed(HELLO).address;
    let dead: IpAddr = "127.0.0.9".parse().unwrap();
    let resolver = move |_: &str| Ok(vec![dead, dead, address.ip()]);
    let client = Client::builder().resolver(resolver).build();
    let url = format!("http://many.test:{}/", address.port());
    let response = client.get(&url).send().unwrap();
    let attempts = &response.trace().hops[0].attempts;
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    assert_eq!(response.text().unwrap(), "hello");
}

#[test]
fn dropping_a_response_closes_its_connection_unless_it_was_read() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = events.clone();
    let address = Server::fixed(HELLO).address;
    let endless = Server::fixed("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n...").address;
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
    let server = Server::fixed("HTTP/1.1 204 No Content\r\n\r\nsurprise");
    let address = server.address;
    let client = Client::new();
    let url = format!("http://{address}/");
    let response = client.get(&url).send().unwrap();
    assert_eq!(response.trace().hops[0].close, Some(Closed::Surplus));
    assert_eq!(response.text().unwrap(), "");
    assert_eq!(server.heads().len(), 1);
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
        assert_timeout(&error, timeout);
    }
    for timeout in [Timeout::Stall, Timeout::Total] {
        let error = fetch(slow, timeout);
        assert_timeout(&error, timeout);
    }
}
