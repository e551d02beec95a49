//! Tests of framing: what each combination of fields means, in tables.

use super::*;
use ProtocolError::TransferEncodingInHttp10;
use std::fmt::Debug;
use table::check;

fn fields(lines: &str) -> impl Iterator<Item = (&str, &[u8])> {
    table::fields(lines).map(|(name, value)| (name, value.as_bytes()))
}

/// The framing of a request for a host: its version, and field lines.
fn request(case: &str) -> Result<RequestFraming, ProtocolError> {
    let ([version], lines) = table::words(case);
    let version = match version {
        "HTTP/1.0" => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    request_framing(version, fields("Host: h").chain(fields(lines)))
}

/// A part of the framing, or the error, as Rust shows it.
fn show<F, T: Debug>(framing: Result<F, ProtocolError>, part: impl Fn(F) -> T) -> String {
    framing.map_or_else(
        |error| format!("{error:?}"),
        |framing| format!("{:?}", part(framing)),
    )
}

#[test]
fn length_of_requests() {
    let table = r#"
        => Empty
        Content-Length: 0 => Known(0)
        content-LENGTH: 18446744073709551615 => Known(18446744073709551615)
        Content-Length: 18446744073709551616 => InvalidContentLength
        Content-Length: +5 => InvalidContentLength
        Content-Length: -5 => InvalidContentLength
        Content-Length: 5a => InvalidContentLength
        Content-Length: 0x5 => InvalidContentLength
        Content-Length: 5 5 => InvalidContentLength
        Content-Length: 5, 5 => InvalidContentLength
        Content-Length: => InvalidContentLength
        Content-Length: 5 | Content-Length: 5 => RepeatedContentLength
        Content-Length: 5 | Content-Length: 6 => RepeatedContentLength
        Transfer-Encoding: chunked => Chunked
        Transfer-Encoding: CHUNKED => Chunked
        Transfer-Encoding: chunked | Content-Length: 5 => ContentLengthWithTransferEncoding
        Content-Length: 5 | Transfer-Encoding: xyz => ContentLengthWithTransferEncoding
        Transfer-Encoding: gzip => TransferEncodingNotChunked
        Transfer-Encoding: identity => TransferEncodingNotChunked
        Transfer-Encoding: chunked, chunked => TransferEncodingNotChunked
        Transfer-Encoding: chunked | Transfer-Encoding: chunked => TransferEncodingNotChunked
        Transfer-Encoding: chunked, gzip => TransferEncodingNotChunked
        Transfer-Encoding: chunked | Transfer-Encoding: identity => TransferEncodingNotChunked
        Transfer-Encoding: gzip, chunked => UnknownTransferCoding
        Transfer-Encoding: gzip | Transfer-Encoding: chunked => UnknownTransferCoding
        Transfer-Encoding: => TransferEncodingNotChunked
        Transfer-Encoding: ,chunked => TransferEncodingNotChunked
        Transfer-Encoding: chunked, => TransferEncodingNotChunked
        Transfer-Encoding: "chunked" => TransferEncodingNotChunked
        Transfer-Encoding: chunked;q=1 => TransferEncodingNotChunked
        Transfer-Encoding: xchunked => TransferEncodingNotChunked
        # Other fields with similar names.
        X-Content-Length: 5 | Transfer_Encoding: chunked => Empty
    "#;
    check(table, |lines| {
        show(request(&format!("HTTP/1.1 {lines}")), |framing| {
            framing.length
        })
    });
    let old = request_framing(Version::HTTP_10, fields("Transfer-Encoding: chunked"));
    assert_eq!(old, Err(TransferEncodingInHttp10));
}

#[test]
fn hosts() {
    let table = r"
        => MissingHost
        Host: => Empty
        Host: example.org => Empty
        host: example.org:8080 => Empty
        Host: [::1]:8080 => Empty
        Host: a | Host: a => RepeatedHost
        Host: %41%c3%bc => Empty
        Host: a% => MalformedHost
        Host: a%4 => MalformedHost
        Host: a%4g:80 => MalformedHost
        Host: a b => MalformedHost
        Host: u@a => MalformedHost
        Host: a/b => MalformedHost
        Host: a:b => MalformedHost
        Host: a:1:2 => MalformedHost
        Host: ::1 => MalformedHost
        Host: [::1 => MalformedHost
        Host: [::1]x => MalformedHost
        Host: [] => MalformedHost
        Host: [127.0.0.1] => MalformedHost
        Host: [fe80::1%25eth0] => MalformedHost
        Host: [v1.a] => Empty
        Host: [V1aF.-._~!$&'()*+,;=:z]:80 => Empty
        Host: [v1.a]x => MalformedHost
        Host: [v1.a]:x => MalformedHost
        Host: [v1.] => MalformedHost
        Host: [v.a] => MalformedHost
        Host: [v1] => MalformedHost
        Host: [vg.a] => MalformedHost
        Host: [v1.a%41] => MalformedHost
        Host: [v1.a/b] => MalformedHost
        Host: [v1.a@b] => MalformedHost
        Host: ü => MalformedHost
    ";
    check(table, |lines| {
        show(
            request_framing(Version::HTTP_11, fields(lines)),
            |framing| framing.length,
        )
    });
    assert!(request_framing(Version::HTTP_10, fields("")).is_ok());
}

#[test]
fn reasons_to_close() {
    let table = r"
        HTTP/1.1 => None
        HTTP/1.1 Connection: keep-alive => None
        HTTP/1.1 Connection: Close => Some(PeerAsked)
        HTTP/1.1 Connection: x, close ,y => Some(PeerAsked)
        HTTP/1.1 Connection: x | Connection: close => Some(PeerAsked)
        HTTP/1.1 Connection: closed => None
        HTTP/1.1 Proxy-Connection: close => None
        HTTP/1.0 => Some(Http10)
        HTTP/1.0 Connection: Keep-Alive => None
        HTTP/1.0 Connection: keep-alive, close => Some(PeerAsked)
    ";
    check(table, |case| show(request(case), |framing| framing.close));
}

#[test]
fn expectations() {
    let table = r"
        HTTP/1.1 Expect: 100-Continue | Content-Length: 5 => true
        HTTP/1.1 Expect: 100-continue => false
        HTTP/1.1 Expect: 100-continue | Content-Length: 0 => false
        HTTP/1.1 Expect: 200-ok | Content-Length: 5 => UnknownExpectation
        # Empty members of a list are ignored (RFC 9110 §5.6.1.2).
        HTTP/1.1 Expect: , 100-continue, | Content-Length: 5 => true
        HTTP/1.1 Expect: | Content-Length: 5 => false
        HTTP/1.1 Expect: 100-continue, x | Content-Length: 5 => UnknownExpectation
        HTTP/1.0 Expect: 100-continue | Content-Length: 5 => false
    ";
    check(table, |case| {
        show(request(case), |framing| framing.expects_continue)
    });
}

#[test]
fn length_of_responses() {
    let table = r"
        GET 200 => UntilClose
        GET 200 Content-Length: 5 => Known(5)
        GET 200 Content-Length: 5 | Content-Length: 5 => Known(5)
        GET 200 Content-Length: 05 | Content-Length: 5 => RepeatedContentLength
        GET 200 Content-Length: 5 | Content-Length: 6 => RepeatedContentLength
        GET 200 Transfer-Encoding: chunked => Chunked
        GET 200 Transfer-Encoding: gzip => TransferEncodingNotChunked
        GET 200 Transfer-Encoding: gzip, chunked => UnknownTransferCoding
        GET 200 Transfer-Encoding: chunked | Content-Length: 5 => ContentLengthWithTransferEncoding
        GET 204 Content-Length: 5 => Empty
        GET 304 Content-Length: 5 => Empty
        GET 304 Transfer-Encoding: chunked => Empty
        GET 103 => Empty
        HEAD 200 Content-Length: 5 => Empty
        HEAD 404 Transfer-Encoding: chunked => Empty
        CONNECT 200 Content-Length: 5 => UntilClose
        CONNECT 407 Content-Length: 5 => Known(5)
        # Host has no meaning in a response.
        GET 200 Host: a b | Host: | Content-Length: 1 => Known(1)
    ";
    check(table, |case| {
        let ([method, status], lines) = table::words(case);
        let (method, status) = (method.parse().unwrap(), status.parse().unwrap());
        let framing = response_framing(&method, status, Version::HTTP_11, fields(lines));
        show(framing, |framing| framing.length)
    });
}
