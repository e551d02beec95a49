//! Fields, targets and framing: what goes over the wire, and what users of other blocking clients
//! have reported about it.

use super::server::{HELLO, Server, head};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use tinyhttp_client::{Body, Client, Credentials, Error, RequestBuilder};

// minreq 3.0: its map of fields kept one of each name.
#[test]
fn repeated_fields_are_kept() {
    let server = Server::fixed(
        "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nX: y\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
    );
    let address = server.address;
    let client = Client::new();
    let request = client
        .get(&format!("http://{address}/"))
        .field("X-A", "1")
        .field("X-A", "2");
    let response = request.send().unwrap();
    let cookies: Vec<_> = response.fields().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a", "b"]);
    assert!(server.heads()[0].contains("X-A: 1\r\nX-A: 2\r\n"));
}

/// A field that asks for the connection to be closed has it closed.
#[test]
fn a_given_connection_field_can_close() {
    let table = [
        (&["close"][..], true),
        (&["Close"], true),
        (&["te, close"], true),
        (&["te", "close"], true),
        (&["keep-alive"], false),
        (&["closed"], false),
        (&[], false),
    ];
    let server = Server::fixed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (values, closes) in table {
        let request = |url: &str| {
            let request = tinyhttp_client::get(url);
            let add = |request: RequestBuilder, value: &&str| request.header("connection", *value);
            values.iter().fold(request, add)
        };
        let head = request("http://h/").preview().unwrap();
        let head = String::from_utf8(head).unwrap();
        assert_eq!(head.contains("Connection: close\r\n"), closes, "{values:?}");
        assert_eq!(head.matches("Connection:").count(), usize::from(closes));
        request(&server.url("/")).send().unwrap().text().unwrap();
    }
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
    let server = Server::fixed(HELLO);
    let address = server.address;
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
    let heads = server.heads();
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert!(
        heads[0].starts_with("GET /a%20bEvil:%20c HTTP/1.1\r\n"),
        "{heads:?}"
    );
}

#[test]
fn the_framing_is_the_clients() {
    let server = Server::fixed(HELLO);
    let address = server.address;
    let client = Client::new();
    let request = client.post(&format!("http://{address}/"));
    request
        .field("Content-Length", "99")
        .field("Transfer-Encoding", "chunked")
        .field("Connection", "x-option")
        .send()
        .unwrap();
    let head = server.heads()[0].clone();
    assert!(head.contains("Content-Length: 0\r\n"), "{head}");
    assert!(
        !head.contains("Length: 99") && !head.contains("chunked") && !head.contains("option"),
        "{head}"
    );
}

#[test]
fn trailers_are_kept_apart() {
    let address = Server::fixed(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n",
    ).address;
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
fn the_types_of_http_come_in_and_go_out() {
    let server = Server::fixed(HELLO);
    let address = server.address;
    let request = http::Request::post(format!("http://{address}/x"))
        .header("x-test", "1")
        .body(Body::from("data"))
        .unwrap();
    let response = Client::new().send(request).unwrap().into_http();
    assert_eq!(response.status(), http::StatusCode::OK);
    let mut text = String::new();
    response.into_body().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    let head = server.heads()[0].clone();
    assert!(
        head.starts_with("POST /x HTTP/1.1\r\n") && head.contains("X-Test: 1\r\n"),
        "{head}"
    );
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
        let server = Server::fixed(HELLO);
        let address = server.address;
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
        for head in server.heads().iter() {
            let sent = head
                .lines()
                .find_map(|line| line.strip_prefix("Authorization: "));
            assert_eq!(sent, want, "{head}");
        }
    }
}
