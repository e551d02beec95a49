//! Retries by a policy: what is retried, how often, and what is not.

use crate::server::{LONG, Server, response};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tinyhttp_client::http::Method;
use tinyhttp_client::trace::Event;
use tinyhttp_client::{Body, Client, Error, RetryPolicy};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const BUSY: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
const NEVER: &str = "HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 4\r\n\r\nbusy";

fn quick(retries: u32) -> RetryPolicy {
    RetryPolicy::new(retries).waits(Duration::from_millis(1), Duration::from_millis(5))
}

#[test]
fn statuses() {
    let table: &[(&'static [&'static str], Method, RetryPolicy, u16, usize)] = &[
        (&[BUSY, BUSY, OK], Method::GET, quick(2), 200, 3),
        (&[BUSY, BUSY, OK], Method::GET, quick(1), 503, 2),
        (&[BUSY, OK], Method::GET, quick(0), 503, 1),
        (&[BUSY, OK], Method::GET, quick(5).statuses(false), 503, 1),
        (&[BUSY, OK], Method::PUT, quick(1), 200, 2),
        (&[BUSY, OK], Method::DELETE, quick(1), 200, 2),
        (&[BUSY, OK], Method::POST, quick(1), 503, 1),
        (&[BUSY, OK], Method::PATCH, quick(1), 503, 1),
        (&[BUSY, OK], Method::POST, quick(1).any_method(true), 200, 2),
        (&[NEVER, OK], Method::GET, quick(1), 503, 1),
    ];
    for (responses, method, policy, status, requests) in table {
        let server = Server::script(responses);
        let client = Client::builder().retry(policy.clone()).build();
        let request = client.request(method.clone(), &server.url("/"));
        let response = request.body("content").send().unwrap();
        let got = (response.status().as_u16(), server.seen().len());
        assert_eq!(got, (*status, *requests), "{method} {policy:?}");
        // The content of a response that is not retried is there.
        assert!(["ok", "busy"].contains(&&*response.text().unwrap()));
        for seen in server.seen() {
            assert_eq!(seen.text(), "content", "sent again whole");
            assert_eq!(seen.connection, 0, "the connection is kept");
        }
    }
}

#[test]
fn without_a_policy_nothing_is_retried() {
    let server = Server::script(&[BUSY, OK]);
    assert_eq!(
        Client::new().get(&server.url("/")).send().unwrap().status(),
        503
    );
    let request = Client::new().get(&server.url("/")).retry(quick(1));
    assert_eq!(request.send().unwrap().status(), 200);
}

#[test]
fn broken_connections_are_retried_if_that_is_safe() {
    for (method, is_retried) in [("GET", true), ("POST", false)] {
        let server = Server::new(|number, _| (number > 0).then(|| OK.to_owned()));
        let client = Client::builder().retry(quick(1)).build();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let result = client.request(method, &server.url("/")).send();
        assert_eq!(result.is_ok(), is_retried, "{result:?}");
        assert_eq!(server.seen().len(), 1 + usize::from(is_retried));
    }
}

/// Nothing listens at first: the request has reached no server, so that even POST is safe.
#[test]
fn connections_are_retried_for_every_method() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let hops = Arc::new(Mutex::new(0));
    let seen = hops.clone();
    let client = Client::builder()
        .retry(quick(2))
        .observer(move |_: Duration, event: &Event<'_>| {
            if matches!(event, Event::Hop { .. }) {
                *seen.lock().unwrap() += 1;
            }
        })
        .build();
    let stream = Body::reader(&b"once"[..]);
    let request = client.post(&format!("http://{address}/")).body(stream);
    let error = request.send().unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert_eq!(*hops.lock().unwrap(), 3, "two retries");
}

#[test]
fn content_that_is_gone_is_not_retried() {
    let server = Server::script(&[BUSY, OK]);
    let client = Client::builder().retry(quick(3)).build();
    let stream = Body::reader(&b"once"[..]);
    let response = client.put(&server.url("/")).body(stream).send().unwrap();
    assert_eq!((response.status().as_u16(), server.seen().len()), (503, 1));
}

/// A wait that would end after the total timeout is not begun.
#[test]
fn the_total_timeout_bounds_retries() {
    let server = Server::fixed(BUSY);
    let policy = RetryPolicy::new(9).waits(LONG * 2, LONG * 2);
    let client = Client::builder().retry(policy).timeout(LONG / 2).build();
    let begun = Instant::now();
    let response = client.get(&server.url("/")).send().unwrap();
    assert_eq!((response.status().as_u16(), server.seen().len()), (503, 1));
    assert!(begun.elapsed() < LONG / 2);
}

#[test]
fn a_retry_stays_behind_redirects() {
    let server = Server::new(|number, seen| {
        Some(match (number, seen.head.starts_with("GET /to ")) {
            (_, false) => response("302 Found", "Location: /to\r\n", ""),
            (1, true) => response("503 Busy", "Retry-After: 0\r\n", ""),
            _ => OK.to_owned(),
        })
    });
    let client = Client::builder().retry(quick(1)).build();
    let response = client.get(&server.url("/from")).send().unwrap();
    assert_eq!(response.status(), 200);
    let paths: Vec<String> = server
        .seen()
        .iter()
        .map(|seen| seen.head[..8].to_owned())
        .collect();
    assert_eq!(paths, ["GET /fro", "GET /to ", "GET /to "]);
}
