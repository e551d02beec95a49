//! Exchanges over the public interface: every case in one piece, byte by byte, and with trailing
//! bytes.
#![cfg(test)]

use http::{Method, StatusCode, Version};
use proptest::prelude::*;
use tinyhttp_message::connection::{Request, RequestContent, Response};
use tinyhttp_message::{
    ClientConnection, Event, FieldStorage, Limits, MisuseError, ProtocolError, RequestHead,
    ResponseHead, ServerConnection,
};

/// The events that one side received, as text, and the number of bytes used.
#[derive(Debug, PartialEq, Eq, Clone)]
struct Seen {
    events: Vec<String>,
    used: usize,
    error: Option<ProtocolError>,
}

impl Seen {
    fn new() -> Self {
        Seen {
            events: Vec::new(),
            used: 0,
            error: None,
        }
    }

    /// Joins consecutive pieces of content, which depend on where the input is cut.
    fn content(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        match self.events.last_mut() {
            Some(last) if last.starts_with("content ") => last.push_str(&text),
            _ => self.events.push(format!("content {text}")),
        }
    }
}

/// Feeds requests, in pieces of `step` bytes, to a server that responds to each with an empty 200.
fn serve(input: &[u8], step: usize, limits: Limits) -> Seen {
    let mut connection = ServerConnection::new(limits);
    let mut seen = Seen::new();
    let mut have = 0;
    while have < input.len() {
        have = (have + step).min(input.len());
        loop {
            let mut storage = FieldStorage::new();
            let (used, event) = match connection.receive(&input[seen.used..have], &mut storage) {
                Ok(received) => received,
                Err(error) => {
                    seen.error = Some(error);
                    return seen;
                }
            };
            seen.used += used;
            match event {
                Event::NeedMore => break,
                Event::Head(Request { head, framing }) => seen.events.push(format!(
                    "{} {} {:?} {:?}{}",
                    head.method,
                    head.target,
                    framing.length,
                    framing.close,
                    if framing.expects_continue {
                        " expects"
                    } else {
                        ""
                    }
                )),
                Event::Content(bytes) => seen.content(bytes),
                Event::End(trailers) => seen.events.push(format!("end {}", trailers.len())),
                Event::Paused => {
                    let mut out = Vec::new();
                    connection.continue_if_expected(&mut out);
                    connection
                        .respond(StatusCode::OK, Some(0), &mut out, |_| Ok(()))
                        .unwrap();
                    if let Some(reason) = connection.finish_exchange() {
                        seen.events.push(format!("close: {reason:?}"));
                        return seen;
                    }
                }
            }
        }
    }
    seen
}

fn every_split(input: &[u8], run: impl Fn(&[u8], usize) -> Seen) -> Seen {
    let whole = run(input, input.len().max(1));
    for step in [1, 2, 7] {
        assert_eq!(
            run(input, step),
            whole,
            "{:?} by {step}",
            String::from_utf8_lossy(input)
        );
    }
    whole
}

#[test]
fn requests() {
    let table: &[(&str, &[&str])] = &[
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", &["GET / Empty None"]),
        (
            "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            &["GET / Empty None"],
        ),
        (
            "GET / HTTP/1.0\r\n\r\n",
            &["GET / Empty Some(Http10)", "close: Http10"],
        ),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            &["GET / Empty None"],
        ),
        (
            "GET /a HTTP/1.1\r\nHost: h\r\n\r\nHEAD /b HTTP/1.1\r\nHost:h\r\n\r\n",
            &["GET /a Empty None", "HEAD /b Empty None"],
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            &["GET / Empty Some(PeerAsked)", "close: PeerAsked"],
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
            &["POST / Known(5) None", "content hello", "end 0"],
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
            &["POST / Known(0) None"],
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx",
            &["POST / Known(1) None expects", "content x", "end 0"],
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n",
            &["POST / Chunked None", "content abcde", "end 1"],
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
            &["OPTIONS * Empty None"],
        ),
        (
            "GET http://h/x?y HTTP/1.1\r\nHost: other\r\n\r\n",
            &["GET http://h/x?y Empty None"],
        ),
        (
            "FANCY / HTTP/1.1\r\nHost: h\r\nX-Odd:\u{a0}ü\r\nEmpty:\r\n\r\n",
            &["FANCY / Empty None"],
        ),
    ];
    for (input, want) in table {
        let seen = every_split(input.as_bytes(), |input, step| {
            serve(input, step, Limits::default())
        });
        assert_eq!(
            (seen.events.as_slice(), seen.error),
            (want.map_to_strings().as_slice(), None),
            "{input:?}"
        );
        assert_eq!(seen.used, input.len(), "{input:?}");
        // The bytes after a message do not change its events.
        let longer = [input.as_bytes(), b"GET /next HTTP/1.1\r\nHo"].concat();
        let seen = every_split(&longer, |input, step| serve(input, step, Limits::default()));
        assert_eq!(
            (seen.events.as_slice(), seen.used),
            (want.map_to_strings().as_slice(), input.len()),
            "{input:?} with trailing bytes"
        );
    }
}

trait MapToStrings {
    fn map_to_strings(&self) -> Vec<String>;
}

impl MapToStrings for [&str] {
    fn map_to_strings(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

#[test]
fn refused_requests() {
    use ProtocolError::*;
    let table: &[(&str, ProtocolError, u16)] = &[
        ("GET / HTTP/1.1\nHost: h\r\n\r\n", BareLineFeed, 400),
        ("GET / HTTP/1.1\r\nHost: h\n\r\n", BareLineFeed, 400),
        ("GET / HTTP/1.1\r\nHost: h\r\n\n", BareLineFeed, 400),
        ("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", BareLineFeed, 400),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n",
            BareCarriageReturn,
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nA\r: b\r\n\r\n",
            BareCarriageReturn,
            400,
        ),
        (
            "GET /\r HTTP/1.1\r\nHost: h\r\n\r\n",
            MalformedStartLine,
            400,
        ),
        (
            "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n",
            BareCarriageReturn,
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n folded\r\n\r\n",
            LineFolding,
            400,
        ),
        ("GET / HTTP/1.1\r\n Host: h\r\n\r\n", LineFolding, 400),
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", SpaceBeforeColon, 400),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\t: chunked\r\n\r\n",
            SpaceBeforeColon,
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
            InvalidFieldName,
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n",
            InvalidFieldName,
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\na(b: x\r\n\r\n",
            InvalidFieldName,
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\na: x\0y\r\n\r\n",
            InvalidFieldValue,
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\na: x\x08y\r\n\r\n",
            InvalidFieldValue,
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\na: x\x7fy\r\n\r\n",
            InvalidFieldValue,
            400,
        ),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", UnsupportedVersion, 505),
        ("GET / HTTP/0.9\r\nHost: h\r\n\r\n", UnsupportedVersion, 505),
        (
            "GET / HTTP/1.10\r\nHost: h\r\n\r\n",
            MalformedStartLine,
            400,
        ),
        (
            "GET / HTTP/1.2 \r\nHost: h\r\n\r\n",
            MalformedStartLine,
            400,
        ),
        (
            "GET  / HTTP/1.2\r\nHost: h\r\n\r\n",
            MalformedStartLine,
            400,
        ),
        ("GET HTTP/1.2\r\nHost: h\r\n\r\n", MalformedStartLine, 400),
        ("GET / HTTP/1.2\r*Host: h\r\n\r\n", BareCarriageReturn, 400),
        (
            "GET / HTTP/1.2\r\r\nHost: h\r\n\r\n",
            BareCarriageReturn,
            400,
        ),
        ("GET / HTTP/1.2\rHost: h\r\n\r\n", BareCarriageReturn, 400),
        ("GET / HTTP/1.2\r\n\r\n", MissingHost, 400),
        (
            "GET / HTTP/1.9\r\nHost: h\r\nA : x\r\n\r\n",
            SpaceBeforeColon,
            400,
        ),
        (
            "GET / HTTP/1.9\r\nHost: h\r\nA: x\r\n y\r\n\r\n",
            LineFolding,
            400,
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", UnsupportedVersion, 505),
        ("GET / http/1.1\r\nHost: h\r\n\r\n", MalformedStartLine, 400),
        (
            "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
            MalformedStartLine,
            400,
        ),
        ("GET / HTTP/11\r\nHost: h\r\n\r\n", MalformedStartLine, 400),
        ("GET /\r\n\r\n", MalformedStartLine, 400),
        ("GET\r\n\r\n", MalformedStartLine, 400),
        (
            "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
            MalformedStartLine,
            400,
        ),
        (
            "GET /  HTTP/1.1\r\nHost: h\r\n\r\n",
            MalformedStartLine,
            400,
        ),
        (
            "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n",
            MalformedStartLine,
            400,
        ),
        (
            " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            MalformedStartLine,
            400,
        ),
        ("G{T / HTTP/1.1\r\nHost: h\r\n\r\n", MalformedStartLine, 400),
        (
            "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
            MalformedStartLine,
            400,
        ),
        ("GET a HTTP/1.1\r\nHost: h\r\n\r\n", MalformedTarget, 400),
        ("GET /#f HTTP/1.1\r\nHost: h\r\n\r\n", MalformedTarget, 400),
        ("\x16\x03\x01\x02\x00\x01\r\n\r\n", MalformedStartLine, 400),
        ("GET / HTTP/1.1\r\n\r\n", MissingHost, 400),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
            RepeatedHost,
            400,
        ),
        ("GET / HTTP/1.1\r\nHost: h h\r\n\r\n", MalformedHost, 400),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            ContentLengthWithTransferEncoding,
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            UnknownTransferCoding,
            501,
        ),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            TransferEncodingInHttp10,
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n",
            UnknownExpectation,
            417,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
            MissingChunkEnd,
            400,
        ),
    ];
    for (input, want, status) in table {
        let seen = every_split(input.as_bytes(), |input, step| {
            serve(input, step, Limits::default())
        });
        assert_eq!(seen.error, Some(*want), "{input:?}");
        assert_eq!(want.status().as_u16(), *status, "{input:?}");
    }
}

/// A later minor version is processed as HTTP/1.1 (RFC 9110 §2.5).
#[test]
fn later_minor_versions_are_read_as_1_1() {
    for minor in 2..=9 {
        let input = format!(
            "PUT /a?b HTTP/1.{minor}\r\nHost: h\r\nA: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let mut connection = ServerConnection::new(Limits::default());
        let mut storage = FieldStorage::new();
        let (used, event) = connection.receive(input.as_bytes(), &mut storage).unwrap();
        let Event::Head(Request { head, framing }) = event else {
            panic!("{event:?}");
        };
        assert_eq!(used, input.len());
        assert_eq!(head.method, "PUT");
        assert_eq!(head.target.as_str(), "/a?b");
        assert_eq!(head.version, Version::HTTP_11);
        assert_eq!(head.fields.get("a"), Some(&b"x"[..]));
        assert_eq!(framing.length, tinyhttp_message::BodyLength::Chunked);
        assert_eq!(framing.close, None);
    }
}

/// A head parsed on its own gets the verdict of one received by a connection.
#[test]
fn heads_on_their_own() {
    let limits = Limits {
        request_line: 20,
        head: 40,
        fields: 3,
    };
    let table = [
        ("GET / HTTP/1.1\r\nA: b\r\n\r\n", None),
        ("GET / HTTP/1.1\r\nA: b\r\n\r\nGET", None),
        (
            "GET / HTTP/1.1\r\nA: b\r\n",
            Some(ProtocolError::UnexpectedEnd),
        ),
        (
            "GET / HTTP/1.1\nA: b\r\n\r\n",
            Some(ProtocolError::BareLineFeed),
        ),
        (
            "GET / HTTP/1.1\r\nA: b\n\r\n",
            Some(ProtocolError::BareLineFeed),
        ),
        (
            "GET / HTTP/1.1\r\nA: b\r\n\n",
            Some(ProtocolError::BareLineFeed),
        ),
        (
            "\r\nGET / HTTP/1.1\r\n\r\n",
            Some(ProtocolError::MalformedStartLine),
        ),
        (
            "GET /aaaaaaaa HTTP/1.1\r\n\r\n",
            Some(ProtocolError::RequestLineTooLong { limit: 20 }),
        ),
        (
            "GET / HTTP/1.1\r\nA: bbbbbbbbbbbbbbbbbbbbb\r\n\r\n",
            Some(ProtocolError::HeadTooLarge { limit: 40 }),
        ),
    ];
    for (input, want) in table {
        let mut storage = FieldStorage::new();
        let head = RequestHead::parse(input.as_bytes(), &mut storage, &limits);
        assert_eq!(head.as_ref().err(), want.as_ref(), "{input:?}");
        if let Ok(head) = head {
            assert_eq!(head.raw(), b"GET / HTTP/1.1\r\nA: b\r\n\r\n");
        }
        // A response has no limit on its first line.
        let input = input.replace("GET / HTTP/1.1", "HTTP/1.1 200 O");
        let want = match want {
            Some(ProtocolError::RequestLineTooLong { .. }) => {
                Some(ProtocolError::MalformedStartLine)
            }
            other => other,
        };
        let mut storage = FieldStorage::new();
        let head = ResponseHead::parse(input.as_bytes(), &mut storage, &limits);
        assert_eq!(head.err(), want, "{input:?}");
    }
}

#[test]
fn limits_are_inclusive() {
    let limits = Limits {
        request_line: 20,
        head: 80,
        fields: 3,
    };
    let request = |target: usize, fields: usize, value: usize| {
        let target = "/".repeat(target);
        let fields = "A: b\r\n".repeat(fields);
        format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n",
            "h".repeat(value)
        )
    };
    // "GET " + target + " HTTP/1.1" is the target's length and 13.
    let table = [
        (request(7, 0, 1), None),
        (
            request(8, 0, 1),
            Some(ProtocolError::RequestLineTooLong { limit: 20 }),
        ),
        // However much of the line has arrived, the first fault is its length.
        (
            format!("GET /{}\n", "a".repeat(40)),
            Some(ProtocolError::RequestLineTooLong { limit: 20 }),
        ),
        (request(1, 2, 1), None),
        (
            request(1, 3, 1),
            Some(ProtocolError::TooManyFields { limit: 3 }),
        ),
        // 16 + 8 + value + 2
        (request(1, 0, 54), None),
        (
            request(1, 0, 55),
            Some(ProtocolError::HeadTooLarge { limit: 80 }),
        ),
    ];
    for (input, want) in table {
        let seen = every_split(input.as_bytes(), |input, step| serve(input, step, limits));
        assert_eq!(seen.error, want, "{input:?}");
    }
    // A line that is too long is refused before its end arrives.
    let seen = serve(b"GET /aaaaaaaaaaaaaaaaaaaaaaa", 1, limits);
    assert_eq!(
        seen.error,
        Some(ProtocolError::RequestLineTooLong { limit: 20 })
    );
}

#[test]
fn the_end_of_input() {
    let table: &[(&str, Result<(), ProtocolError>)] = &[
        ("", Ok(())),
        ("GET /", Err(ProtocolError::UnexpectedEnd)),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", Ok(())),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n",
            Err(ProtocolError::UnexpectedEnd),
        ),
    ];
    for (input, want) in table {
        let mut connection = ServerConnection::new(Limits::default());
        connection
            .receive(input.as_bytes(), &mut FieldStorage::new())
            .unwrap();
        assert_eq!(connection.end_of_input(), *want, "{input:?}");
    }
    // Half-closed after a request: the response is still sent, and announces that it is the last.
    let mut connection = ServerConnection::new(Limits::default());
    connection
        .receive(
            b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            &mut FieldStorage::new(),
        )
        .unwrap();
    connection.end_of_input().unwrap();
    let mut out = Vec::new();
    connection
        .respond(StatusCode::OK, Some(0), &mut out, |_| Ok(()))
        .unwrap();
    assert_eq!(
        out,
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}

#[test]
fn responses_as_sent() {
    let table: &[(&str, u16, Option<u64>, &str)] = &[
        (
            "GET / HTTP/1.1",
            200,
            Some(2),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        ),
        (
            "GET / HTTP/1.1",
            200,
            None,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ),
        (
            "GET / HTTP/1.0",
            200,
            Some(2),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
        ),
        (
            "GET / HTTP/1.0",
            200,
            None,
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi",
        ),
        (
            "HEAD / HTTP/1.1",
            200,
            Some(2),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        ),
        ("HEAD / HTTP/1.1", 200, None, "HTTP/1.1 200 OK\r\n\r\n"),
        (
            "GET / HTTP/1.1",
            204,
            Some(2),
            "HTTP/1.1 204 No Content\r\n\r\n",
        ),
        (
            "GET / HTTP/1.1",
            304,
            Some(2),
            "HTTP/1.1 304 Not Modified\r\n\r\n",
        ),
    ];
    for (line, status, length, want) in table {
        let mut connection = ServerConnection::new(Limits::default());
        let request = format!("{line}\r\nHost: h\r\n\r\n");
        connection
            .receive(request.as_bytes(), &mut FieldStorage::new())
            .unwrap();
        let mut out = Vec::new();
        let status = StatusCode::from_u16(*status).unwrap();
        let mut content = connection
            .respond(status, *length, &mut out, |_| Ok(()))
            .unwrap();
        content.encode(b"hi", &mut out).unwrap();
        content.finish(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), *want, "{line} {status}");
        let again = connection.respond(status, *length, &mut Vec::new(), |_| Ok(()));
        assert_eq!(again.err(), Some(MisuseError::OutOfTurn));
    }
}

/// The response to a broken request has content, even if the request before it was HEAD.
#[test]
fn the_response_to_a_broken_request_has_content() {
    let mut connection = ServerConnection::new(Limits::default());
    let mut out = Vec::new();
    let head = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
    connection.receive(head, &mut FieldStorage::new()).unwrap();
    connection
        .respond(StatusCode::OK, Some(3), &mut out, |_| Ok(()))
        .unwrap();
    assert_eq!(connection.finish_exchange(), None);
    let error = connection
        .receive(b"broken\r\n\r\n", &mut FieldStorage::new())
        .unwrap_err();
    out.clear();
    connection
        .respond(error.status(), Some(3), &mut out, |_| Ok(()))
        .unwrap()
        .encode(b"why", &mut out)
        .unwrap();
    assert!(out.ends_with(b"\r\n\r\nwhy"));
}

#[test]
fn continue_is_sent_once_and_only_when_content_is_read() {
    let request =
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let mut connection = ServerConnection::new(Limits::default());
    connection
        .receive(request, &mut FieldStorage::new())
        .unwrap();
    let mut out = Vec::new();
    connection.continue_if_expected(&mut out);
    connection.continue_if_expected(&mut out);
    assert_eq!(out, b"HTTP/1.1 100 Continue\r\n\r\n");

    // Responded to before content arrived: the client may or may not send it, so the connection
    // closes.
    let mut connection = ServerConnection::new(Limits::default());
    connection
        .receive(request, &mut FieldStorage::new())
        .unwrap();
    let mut out = Vec::new();
    connection
        .respond(StatusCode::NOT_FOUND, Some(0), &mut out, |_| Ok(()))
        .unwrap();
    assert!(
        String::from_utf8(out)
            .unwrap()
            .contains("Connection: close")
    );
}

/// Feeds a response to a client that has sent a request with that method.
fn receive(method: &Method, input: &[u8], step: usize) -> Seen {
    let mut connection = ClientConnection::new(Limits::default());
    connection
        .request(
            method,
            "/",
            Version::HTTP_11,
            RequestContent::None,
            &mut Vec::new(),
            |_| Ok(()),
        )
        .unwrap();
    let mut seen = Seen::new();
    let mut have = 0;
    'input: while have < input.len() {
        have = (have + step).min(input.len());
        loop {
            let mut storage = FieldStorage::new();
            let (used, event) = match connection.receive(&input[seen.used..have], &mut storage) {
                Ok(received) => received,
                Err(error) => {
                    seen.error = Some(error);
                    return seen;
                }
            };
            seen.used += used;
            match event {
                Event::NeedMore => break,
                Event::Head(Response::Interim(head)) => seen
                    .events
                    .push(format!("interim {}", head.status.as_u16())),
                Event::Head(Response::Final { head, framing }) => seen.events.push(format!(
                    "{} {:?} {:?} {:?}",
                    head.status.as_u16(),
                    head.reason,
                    framing.length,
                    framing.close
                )),
                Event::Content(bytes) => seen.content(bytes),
                Event::End(trailers) => seen.events.push(format!("end {}", trailers.len())),
                Event::Paused => break 'input,
            }
        }
    }
    seen.error = connection.end_of_input().err();
    seen
}

#[test]
fn responses() {
    let get = &Method::GET;
    let head = &Method::HEAD;
    let table: &[(&Method, &str, &[&str], Option<ProtocolError>)] = &[
        (
            get,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            &["200 \"OK\" Known(2) None", "content hi", "end 0"],
            None,
        ),
        (
            get,
            "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
            &["200 \"\" Known(0) None"],
            None,
        ),
        (
            get,
            "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n",
            &["404 \"\" Known(0) None"],
            None,
        ),
        (
            get,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            &[
                "interim 100",
                "interim 103",
                "204 \"No Content\" Empty None",
            ],
            None,
        ),
        (
            get,
            "HTTP/1.1 200 OK\r\n\r\nall of it",
            &[
                "200 \"OK\" UntilClose Some(UntilClose)",
                "content all of it",
            ],
            None,
        ),
        (
            get,
            "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
            &["200 \"OK\" Known(1) Some(Http10)", "content x", "end 0"],
            None,
        ),
        (
            get,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            &["200 \"OK\" Chunked None", "content x", "end 0"],
            None,
        ),
        (
            head,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
            &["200 \"OK\" Empty None"],
            None,
        ),
        (
            get,
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
            &["304 \"Not Modified\" Empty None"],
            None,
        ),
        (
            get,
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
            &["200 \"OK\" Known(9) None", "content hi"],
            Some(ProtocolError::UnexpectedEnd),
        ),
        (
            get,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi",
            &["200 \"OK\" Chunked None", "content hi"],
            Some(ProtocolError::UnexpectedEnd),
        ),
        (
            get,
            "HTTP/1.1 200 OK\r\nContent-Le",
            &[],
            Some(ProtocolError::UnexpectedEnd),
        ),
        (
            get,
            "HTTP/1.1 101 Switching\r\n\r\n",
            &[],
            Some(ProtocolError::UnexpectedUpgrade),
        ),
        (
            get,
            "HTTP/1.1 99 No\r\n\r\n",
            &[],
            Some(ProtocolError::MalformedStartLine),
        ),
        (
            get,
            "HTTP/1.1 200 OK\nA: b\n\n",
            &[],
            Some(ProtocolError::BareLineFeed),
        ),
        (
            get,
            "<html>hello</html>\r\n\r\n",
            &[],
            Some(ProtocolError::MalformedStartLine),
        ),
        (
            get,
            "HTTP/2 200\r\n\r\n",
            &[],
            Some(ProtocolError::MalformedStartLine),
        ),
    ];
    for (method, input, want, error) in table {
        let seen = every_split(input.as_bytes(), |input, step| receive(method, input, step));
        assert_eq!(
            (seen.events, seen.error),
            (want.map_to_strings(), *error),
            "{input:?}"
        );
        if error.is_none() && !input.ends_with("all of it") {
            let longer = [input.as_bytes(), b"HTTP/1.1 200 OK\r\n"].concat();
            let seen = every_split(&longer, |input, step| receive(method, input, step));
            assert_eq!(seen.used, input.len(), "{input:?} with trailing bytes");
        }
    }
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    assert_eq!(
        receive(get, endless.as_bytes(), 100).error,
        Some(ProtocolError::TooManyInterimResponses)
    );
}

#[test]
fn requests_as_sent() {
    let table: &[(&Method, RequestContent, &str)] = &[
        (
            &Method::GET,
            RequestContent::None,
            "GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
        ),
        (
            &Method::POST,
            RequestContent::None,
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            &Method::POST,
            RequestContent::Known(2),
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
        ),
        (
            &Method::PUT,
            RequestContent::Unknown,
            "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ),
    ];
    for (method, length, want) in table {
        let mut connection = ClientConnection::new(Limits::default());
        let mut out = Vec::new();
        let fields = |head: &mut tinyhttp_message::encode::HeadWriter<'_>| head.field("host", b"h");
        let mut content = connection
            .request(method, "/a", Version::HTTP_11, *length, &mut out, fields)
            .unwrap();
        content.encode(b"hi", &mut out).unwrap();
        content.finish(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), *want);
        let second = connection.request(
            method,
            "/a",
            Version::HTTP_11,
            *length,
            &mut Vec::new(),
            fields,
        );
        assert_eq!(
            second.err(),
            Some(MisuseError::OutOfTurn),
            "a response is due"
        );
    }
}

const PIECES: &str = "(GET / HTTP/1.1\r\n|POST /x HTTP/1.1\r\n|Host: h\r\n|Content-Length: 3\r\n\
    |Transfer-Encoding: chunked\r\n|\r\n|3\r\nabc\r\n|0\r\n\r\n|abc|[ -~]|\r|\n|\0){0,12}";

proptest! {
    #[test]
    fn events_do_not_depend_on_cuts(input in PIECES, step in 1usize..20) {
        let whole = serve(input.as_bytes(), input.len().max(1), Limits::default());
        let split = serve(input.as_bytes(), step, Limits::default());
        prop_assert_eq!(split.events, whole.events);
        prop_assert_eq!(split.error, whole.error);
    }

    #[test]
    fn any_bytes_are_accepted_or_refused(input in proptest::collection::vec(any::<u8>(), 0..200), step in 1usize..20) {
        serve(&input, step, Limits::default());
        receive(&Method::GET, &input, step);
    }

    #[test]
    fn a_head_prints_as_it_was_sent(
        path in "/[a-z0-9%/._~-]{0,20}", fields in proptest::collection::vec(("[A-Za-z-]{1,12}", "[!-~]([ -~]{0,20}[!-~])?"), 0..10)
    ) {
        let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let wire = format!("GET {path} HTTP/1.1\r\n{lines}\r\n");
        let mut storage = FieldStorage::new();
        let head = RequestHead::parse(wire.as_bytes(), &mut storage, &Limits::default()).unwrap();
        prop_assert_eq!(head.to_string(), wire);
    }
}
