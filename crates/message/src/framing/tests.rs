//! Tests of framing: what each combination of fields means, in tables.

use super::*;
use BodyLength::*;
use ProtocolError::*;

type Lines = &'static [(&'static str, &'static str)];

fn fields(lines: Lines) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    lines.iter().map(|(name, value)| (*name, value.as_bytes()))
}

#[test]
fn length_of_requests() {
    let table: &[(Lines, Result<BodyLength, ProtocolError>)] = &[
        (&[], Ok(Empty)),
        (&[("Content-Length", "0")], Ok(Known(0))),
        (
            &[("content-LENGTH", "18446744073709551615")],
            Ok(Known(u64::MAX)),
        ),
        (
            &[("Content-Length", "18446744073709551616")],
            Err(InvalidContentLength),
        ),
        (&[("Content-Length", "+5")], Err(InvalidContentLength)),
        (&[("Content-Length", "-5")], Err(InvalidContentLength)),
        (&[("Content-Length", "5a")], Err(InvalidContentLength)),
        (&[("Content-Length", "0x5")], Err(InvalidContentLength)),
        (&[("Content-Length", "5 5")], Err(InvalidContentLength)),
        (&[("Content-Length", "5, 5")], Err(InvalidContentLength)),
        (&[("Content-Length", "")], Err(InvalidContentLength)),
        (
            &[("Content-Length", "5"), ("Content-Length", "5")],
            Err(RepeatedContentLength),
        ),
        (
            &[("Content-Length", "5"), ("Content-Length", "6")],
            Err(RepeatedContentLength),
        ),
        (&[("Transfer-Encoding", "chunked")], Ok(Chunked)),
        (&[("Transfer-Encoding", "CHUNKED")], Ok(Chunked)),
        (
            &[("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
            Err(ContentLengthWithTransferEncoding),
        ),
        (
            &[("Content-Length", "5"), ("Transfer-Encoding", "xyz")],
            Err(ContentLengthWithTransferEncoding),
        ),
        (
            &[("Transfer-Encoding", "gzip")],
            Err(TransferEncodingNotChunked),
        ),
        (
            &[("Transfer-Encoding", "identity")],
            Err(TransferEncodingNotChunked),
        ),
        (
            &[("Transfer-Encoding", "chunked, chunked")],
            Err(TransferEncodingNotChunked),
        ),
        (
            &[
                ("Transfer-Encoding", "chunked"),
                ("Transfer-Encoding", "chunked"),
            ],
            Err(TransferEncodingNotChunked),
        ),
        (
            &[("Transfer-Encoding", "chunked, gzip")],
            Err(TransferEncodingNotChunked),
        ),
        (
            &[
                ("Transfer-Encoding", "chunked"),
                ("Transfer-Encoding", "identity"),
            ],
            Err(TransferEncodingNotChunked),
        ),
        (
            &[("Transfer-Encoding", "gzip, chunked")],
            Err(UnknownTransferCoding),
        ),
        (
            &[
                ("Transfer-Encoding", "gzip"),
                ("Transfer-Encoding", "chunked"),
            ],
            Err(UnknownTransferCoding),
        ),
        (
            &[("Transfer-Encoding", "")],
            Err(TransferEncodingNotChunked),
        ),
        (
            &[("Transfer-Encoding", ",chunked")],
            Err(TransferEncodingNotChunked),
        ),
        (
            &[("Transfer-Encoding", "chunked,")],
            Err(TransferEncodingNotChunked),
        ),
        (
            &[("Transfer-Encoding", "\"chunked\"")],
            Err(TransferEncodingNotChunked),
        ),
        (
            &[("Transfer-Encoding", "chunked;q=1")],
            Err(TransferEncodingNotChunked),
        ),
        (
            &[("Transfer-Encoding", "xchunked")],
            Err(TransferEncodingNotChunked),
        ),
        // Other fields with similar names.
        (
            &[("X-Content-Length", "5"), ("Transfer_Encoding", "chunked")],
            Ok(Empty),
        ),
    ];
    for (lines, want) in table {
        let got = request_framing(
            Version::HTTP_11,
            [("Host", &b"h"[..])].into_iter().chain(fields(lines)),
        );
        assert_eq!(got.map(|framing| framing.length), *want, "{lines:?}");
    }
    let old = request_framing(
        Version::HTTP_10,
        fields(&[("Transfer-Encoding", "chunked")]),
    );
    assert_eq!(old, Err(TransferEncodingInHttp10));
}

#[test]
fn hosts() {
    let table: &[(Lines, Result<(), ProtocolError>)] = &[
        (&[], Err(MissingHost)),
        (&[("Host", "")], Ok(())),
        (&[("Host", "example.org")], Ok(())),
        (&[("host", "example.org:8080")], Ok(())),
        (&[("Host", "[::1]:8080")], Ok(())),
        (&[("Host", "a"), ("Host", "a")], Err(RepeatedHost)),
        (&[("Host", "%41%c3%bc")], Ok(())),
        (&[("Host", "a%")], Err(MalformedHost)),
        (&[("Host", "a%4")], Err(MalformedHost)),
        (&[("Host", "a%4g:80")], Err(MalformedHost)),
        (&[("Host", "a b")], Err(MalformedHost)),
        (&[("Host", "u@a")], Err(MalformedHost)),
        (&[("Host", "a/b")], Err(MalformedHost)),
        (&[("Host", "a:b")], Err(MalformedHost)),
        (&[("Host", "a:1:2")], Err(MalformedHost)),
        (&[("Host", "::1")], Err(MalformedHost)),
        (&[("Host", "[::1")], Err(MalformedHost)),
        (&[("Host", "[::1]x")], Err(MalformedHost)),
        (&[("Host", "\u{fc}")], Err(MalformedHost)),
    ];
    for (lines, want) in table {
        assert_eq!(
            request_framing(Version::HTTP_11, fields(lines)).map(|_| ()),
            *want,
            "{lines:?}"
        );
    }
    assert!(request_framing(Version::HTTP_10, fields(&[])).is_ok());
}

#[test]
fn reasons_to_close() {
    let table: &[(Version, Lines, Option<CloseReason>)] = &[
        (Version::HTTP_11, &[], None),
        (Version::HTTP_11, &[("Connection", "keep-alive")], None),
        (
            Version::HTTP_11,
            &[("Connection", "Close")],
            Some(CloseReason::PeerAsked),
        ),
        (
            Version::HTTP_11,
            &[("Connection", "x, close ,y")],
            Some(CloseReason::PeerAsked),
        ),
        (
            Version::HTTP_11,
            &[("Connection", "x"), ("Connection", "close")],
            Some(CloseReason::PeerAsked),
        ),
        (Version::HTTP_11, &[("Connection", "closed")], None),
        (Version::HTTP_11, &[("Proxy-Connection", "close")], None),
        (Version::HTTP_10, &[], Some(CloseReason::Http10)),
        (Version::HTTP_10, &[("Connection", "Keep-Alive")], None),
        (
            Version::HTTP_10,
            &[("Connection", "keep-alive, close")],
            Some(CloseReason::PeerAsked),
        ),
    ];
    for (version, lines, want) in table {
        let with_host = [("Host", &b"h"[..])].into_iter().chain(fields(lines));
        assert_eq!(
            request_framing(*version, with_host).unwrap().close,
            *want,
            "{version:?} {lines:?}"
        );
    }
}

#[test]
fn expectations() {
    let table: &[(Version, Lines, Result<bool, ProtocolError>)] = &[
        (
            Version::HTTP_11,
            &[("Expect", "100-Continue"), ("Content-Length", "5")],
            Ok(true),
        ),
        (Version::HTTP_11, &[("Expect", "100-continue")], Ok(false)),
        (
            Version::HTTP_11,
            &[("Expect", "200-ok"), ("Content-Length", "5")],
            Err(UnknownExpectation),
        ),
        // Empty members of a list are ignored (RFC 9110 §5.6.1.2).
        (
            Version::HTTP_11,
            &[("Expect", ", 100-continue,"), ("Content-Length", "5")],
            Ok(true),
        ),
        (
            Version::HTTP_11,
            &[("Expect", ""), ("Content-Length", "5")],
            Ok(false),
        ),
        (
            Version::HTTP_11,
            &[("Expect", "100-continue, x"), ("Content-Length", "5")],
            Err(UnknownExpectation),
        ),
        (
            Version::HTTP_10,
            &[("Expect", "100-continue"), ("Content-Length", "5")],
            Ok(false),
        ),
    ];
    for (version, lines, want) in table {
        let with_host = [("Host", &b"h"[..])].into_iter().chain(fields(lines));
        assert_eq!(
            request_framing(*version, with_host).map(|f| f.expects_continue),
            *want,
            "{lines:?}"
        );
    }
}

#[test]
fn length_of_responses() {
    let get = &Method::GET;
    let table: &[(&Method, u16, Lines, Result<BodyLength, ProtocolError>)] = &[
        (get, 200, &[], Ok(UntilClose)),
        (get, 200, &[("Content-Length", "5")], Ok(Known(5))),
        (
            get,
            200,
            &[("Content-Length", "5"), ("Content-Length", "5")],
            Ok(Known(5)),
        ),
        (
            get,
            200,
            &[("Content-Length", "05"), ("Content-Length", "5")],
            Err(RepeatedContentLength),
        ),
        (
            get,
            200,
            &[("Content-Length", "5"), ("Content-Length", "6")],
            Err(RepeatedContentLength),
        ),
        (get, 200, &[("Transfer-Encoding", "chunked")], Ok(Chunked)),
        (
            get,
            200,
            &[("Transfer-Encoding", "gzip")],
            Err(TransferEncodingNotChunked),
        ),
        (
            get,
            200,
            &[("Transfer-Encoding", "gzip, chunked")],
            Err(UnknownTransferCoding),
        ),
        (
            get,
            200,
            &[("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
            Err(ContentLengthWithTransferEncoding),
        ),
        (get, 204, &[("Content-Length", "5")], Ok(Empty)),
        (get, 304, &[("Content-Length", "5")], Ok(Empty)),
        (get, 304, &[("Transfer-Encoding", "chunked")], Ok(Empty)),
        (get, 103, &[], Ok(Empty)),
        (&Method::HEAD, 200, &[("Content-Length", "5")], Ok(Empty)),
        (
            &Method::HEAD,
            404,
            &[("Transfer-Encoding", "chunked")],
            Ok(Empty),
        ),
        (
            &Method::CONNECT,
            200,
            &[("Content-Length", "5")],
            Ok(UntilClose),
        ),
        (
            &Method::CONNECT,
            407,
            &[("Content-Length", "5")],
            Ok(Known(5)),
        ),
        // Host has no meaning in a response.
        (
            get,
            200,
            &[("Host", "a b"), ("Host", ""), ("Content-Length", "1")],
            Ok(Known(1)),
        ),
    ];
    for (method, status, lines, want) in table {
        let status = StatusCode::from_u16(*status).unwrap();
        let got = response_framing(method, status, Version::HTTP_11, fields(lines));
        assert_eq!(
            got.map(|framing| framing.length),
            *want,
            "{method} {status} {lines:?}"
        );
    }
}
