//! Both kinds of requests say the same, and their paths are normalised once.

use super::{Peer, Request};
use crate::body::Body;
use crate::endpoint::Endpoint;
use http::{Method, Version};
use std::time::Instant;
use tinyhttp_message::{FieldStorage, Limits, ProtocolError, RequestHead};

/// Both kinds of heads say the same.
#[test]
fn a_received_request_is_as_a_built_one() {
    let bytes = b"GET http://h:80/a%20b/?q HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\n\r\n";
    let mut storage = FieldStorage::new();
    let head = RequestHead::parse(bytes, &mut storage, &Limits::default()).unwrap();
    let peer = Peer {
        remote: Endpoint::Unix,
        local: Endpoint::Unix,
    };
    let received = Request::new(&head, peer, Instant::now(), Body::empty());
    let built = http::Request::get("http://h:80/a%20b/?q")
        .header("host", "x")
        .header("a", "1")
        .header("a", "2");
    let built = Request::from(built.body(()).unwrap());
    for request in [&received, &built] {
        assert_eq!(request.method(), Method::GET);
        assert_eq!((request.path(), request.query()), ("/a%20b/", Some("q")));
        assert_eq!(request.authority(), Some("h:80"));
        assert_eq!(request.uri(), "http://h:80/a%20b/?q");
        assert_eq!(request.normal_path().unwrap().as_bytes(), b"/a b/");
        assert_eq!(request.field("host"), Some(&b"x"[..]));
        assert!(request.field_values("a").eq([b"1", b"2"]));
        assert!(request.has_field(|name| name.eq_ignore_ascii_case("A")));
        assert!(!request.has_field(|name| name == "b"));
        assert_eq!(request.headers().get_all("a").iter().count(), 2);
        assert_eq!(request.version(), Version::HTTP_11);
    }
    let http = received.into_http();
    assert_eq!(http.extensions().get(), Some(&peer));
    assert_eq!((http.uri().path(), http.headers().len()), ("/a%20b/", 3));
}

#[test]
fn a_malformed_path_is_an_error_each_time() {
    let request = Request::from(http::Request::get("/%zz").body(()).unwrap());
    for _ in 0..2 {
        assert_eq!(
            request.normal_path().unwrap_err(),
            ProtocolError::MalformedPath
        );
    }
}

#[test]
fn targets_of_built_requests_begin_with_a_slash() {
    let path = |target: &str| Request::get(target).path().to_owned();
    let built = ["/a", "http://h/a", "*", "/"].map(path);
    assert_eq!(built, ["/a", "/a", "*", "/"]);
    for wrong in ["notes", "h:80", "", "/a b"] {
        let panic = std::panic::catch_unwind(|| path(wrong)).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains("not the target of a request"), "{message}");
    }
    // The host of a tunnel.
    let _ = Request::build(Method::CONNECT, "h:80", ());
}
