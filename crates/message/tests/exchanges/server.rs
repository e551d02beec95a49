//! What a server receives and sends.

use crate::{Seen, every_split};
use http::{StatusCode, Version};
use table::check;
use tinyhttp_message::connection::Request;
use tinyhttp_message::{
    Event, FieldStorage, Limits, MisuseError, ProtocolError, RequestHead, ResponseHead,
    ServerConnection,
};

/// Feeds requests, in pieces of `step` bytes, to a server that responds to each with an empty 200.
pub(crate) fn serve(input: &[u8], step: usize, limits: Limits) -> Seen {
    serve_past(input, step, 0, limits)
}

/// As [`serve`], but up to `past` bytes of content at a time are taken past the receiver.
pub(crate) fn serve_past(input: &[u8], step: usize, past: usize, limits: Limits) -> Seen {
    let mut connection = ServerConnection::new(limits);
    let mut seen = Seen::new();
    let mut have = 0;
    while have < input.len() {
        have = (have + step).min(input.len());
        loop {
            let unread = connection.unread().unwrap_or(0);
            let taken = past.min(have - seen.used).min(unread as usize);
            if taken > 0 {
                connection.content_taken(taken as u64).unwrap();
                seen.content(&input[seen.used..seen.used + taken]);
                seen.used += taken;
            }
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

#[test]
fn requests() {
    let table = r"
        GET / HTTP/1.1\r\nHost: h\r\n\r\n => GET / Empty None
        \r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n => GET / Empty None
        GET / HTTP/1.0\r\n\r\n => GET / Empty Some(Http10) | close: Http10
        GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n => GET / Empty None
        GET /a HTTP/1.1\r\nHost: h\r\n\r\nHEAD /b HTTP/1.1\r\nHost:h\r\n\r\n => GET /a Empty None | HEAD /b Empty None
        GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n => GET / Empty Some(PeerAsked) | close: PeerAsked
        POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello => POST / Known(5) None | content hello | end 0
        POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n => POST / Known(0) None
        POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx => POST / Known(1) None expects | content x | end 0
        POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n => POST / Chunked None | content abcde | end 1
        OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n => OPTIONS * Empty None
        GET http://h/x?y HTTP/1.1\r\nHost: other\r\n\r\n => GET http://h/x?y Empty None
        FANCY / HTTP/1.1\r\nHost: h\r\nX-Odd:\u{a0}ü\r\nEmpty:\r\n\r\n => FANCY / Empty None
    ";
    check(table, |case| {
        let input = table::bytes(case);
        let seen = every_split(&input, |input, step| serve(input, step, Limits::default()));
        assert_eq!(seen.used, input.len(), "{case}");
        // The bytes after a message do not change its events.
        let longer = [&input, &b"GET /next HTTP/1.1\r\nHo"[..]].concat();
        let again = every_split(&longer, |input, step| serve(input, step, Limits::default()));
        assert_eq!(again, seen, "{case} with trailing bytes");
        seen
    });
}

#[test]
fn refused_requests() {
    let table = r"
        GET / HTTP/1.1\nHost: h\r\n\r\n => 400 BareLineFeed
        GET / HTTP/1.1\r\nHost: h\n\r\n => 400 BareLineFeed
        GET / HTTP/1.1\r\nHost: h\r\n\n => 400 BareLineFeed
        \nGET / HTTP/1.1\r\nHost: h\r\n\r\n => 400 BareLineFeed
        GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n => 400 BareCarriageReturn
        GET / HTTP/1.1\r\nHost: h\r\nA\r: b\r\n\r\n => 400 BareCarriageReturn
        GET /\r HTTP/1.1\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET / HTTP/1.1\r\r\nHost: h\r\n\r\n => 400 BareCarriageReturn
        GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n folded\r\n\r\n => 400 LineFolding
        GET / HTTP/1.1\r\n Host: h\r\n\r\n => 400 LineFolding
        GET / HTTP/1.1\r\nHost : h\r\n\r\n => 400 SpaceBeforeColon
        GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\t: chunked\r\n\r\n => 400 SpaceBeforeColon
        GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n => 400 InvalidFieldName
        GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n => 400 InvalidFieldName
        GET / HTTP/1.1\r\nHost: h\r\na(b: x\r\n\r\n => 400 InvalidFieldName
        GET / HTTP/1.1\r\nHost: h\r\na: x\0y\r\n\r\n => 400 InvalidFieldValue
        GET / HTTP/1.1\r\nHost: h\r\na: x\x08y\r\n\r\n => 400 InvalidFieldValue
        GET / HTTP/1.1\r\nHost: h\r\na: x\x7fy\r\n\r\n => 400 InvalidFieldValue
        GET / HTTP/2.0\r\nHost: h\r\n\r\n => 505 UnsupportedVersion
        GET / HTTP/0.9\r\nHost: h\r\n\r\n => 505 UnsupportedVersion
        GET / HTTP/1.10\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET / HTTP/1.2 \r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET  / HTTP/1.2\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET HTTP/1.2\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET / HTTP/1.2\r*Host: h\r\n\r\n => 400 BareCarriageReturn
        GET / HTTP/1.2\r\r\nHost: h\r\n\r\n => 400 BareCarriageReturn
        GET / HTTP/1.2\rHost: h\r\n\r\n => 400 BareCarriageReturn
        GET / HTTP/1.2\r\n\r\n => 400 MissingHost
        GET / HTTP/1.9\r\nHost: h\r\nA : x\r\n\r\n => 400 SpaceBeforeColon
        GET / HTTP/1.9\r\nHost: h\r\nA: x\r\n y\r\n\r\n => 400 LineFolding
        PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n => 505 UnsupportedVersion
        GET / http/1.1\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET / HTTP/1.1 \r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET / HTTP/11\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET /\r\n\r\n => 400 MalformedStartLine
        GET\r\n\r\n => 400 MalformedStartLine
        GET  / HTTP/1.1\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET /  HTTP/1.1\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        \x20GET / HTTP/1.1\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        G{T / HTTP/1.1\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET /a b HTTP/1.1\r\nHost: h\r\n\r\n => 400 MalformedStartLine
        GET a HTTP/1.1\r\nHost: h\r\n\r\n => 400 MalformedTarget
        GET /#f HTTP/1.1\r\nHost: h\r\n\r\n => 400 MalformedTarget
        \x16\x03\x01\x02\x00\x01\r\n\r\n => 400 MalformedStartLine
        GET / HTTP/1.1\r\n\r\n => 400 MissingHost
        GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n => 400 RepeatedHost
        GET / HTTP/1.1\r\nHost: h h\r\n\r\n => 400 MalformedHost
        POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n => 400 ContentLengthWithTransferEncoding
        POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n => 501 UnknownTransferCoding
        POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n => 400 TransferEncodingInHttp10
        POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n => 417 UnknownExpectation
        POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX => 400 MissingChunkEnd
    ";
    check(table, |case| {
        let seen = every_split(&table::bytes(case), |input, step| {
            serve(input, step, Limits::default())
        });
        let error = seen.error.expect("the request is refused");
        format!("{} {error:?}", error.status().as_u16())
    });
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
    let table = r"
        GET / HTTP/1.1\r\nA: b\r\n\r\n => read
        GET / HTTP/1.1\r\nA: b\r\n\r\nGET => read
        GET / HTTP/1.1\r\nA: b\r\n => UnexpectedEnd
        GET / HTTP/1.1\nA: b\r\n\r\n => BareLineFeed
        GET / HTTP/1.1\r\nA: b\n\r\n => BareLineFeed
        GET / HTTP/1.1\r\nA: b\r\n\n => BareLineFeed
        \r\nGET / HTTP/1.1\r\n\r\n => MalformedStartLine
        GET /aaaaaaaa HTTP/1.1\r\n\r\n => RequestLineTooLong { limit: 20 }
        GET / HTTP/1.1\r\nA: bbbbbbbbbbbbbbbbbbbbb\r\n\r\n => HeadTooLarge { limit: 40 }
    ";
    let read = |parsed: Option<ProtocolError>| match parsed {
        Some(error) => format!("{error:?}"),
        None => "read".to_owned(),
    };
    check(table, |case| {
        let mut storage = FieldStorage::new();
        let bytes = table::bytes(case);
        let head = RequestHead::parse(&bytes, &mut storage, &limits);
        if let Ok(head) = &head {
            assert_eq!(head.raw(), b"GET / HTTP/1.1\r\nA: b\r\n\r\n");
        }
        read(head.err())
    });
    // A response has no limit on its first line.
    let table = table.replace("GET / HTTP/1.1", "HTTP/1.1 200 O");
    let table = table.replace("RequestLineTooLong { limit: 20 }", "MalformedStartLine");
    check(&table, |case| {
        let mut storage = FieldStorage::new();
        read(ResponseHead::parse(&table::bytes(case), &mut storage, &limits).err())
    });
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
    // The lengths of target, fields and host. "GET " + target + " HTTP/1.1" is the target's length
    // and 13, and the head is 16 + 8 + host + 2 with the shortest target.
    let table = "
        7 0 1 => None
        8 0 1 => Some(RequestLineTooLong { limit: 20 })
        1 2 1 => None
        1 3 1 => Some(TooManyFields { limit: 3 })
        1 0 54 => None
        1 0 55 => Some(HeadTooLarge { limit: 80 })
    ";
    check(table, |case| {
        let ([target, fields, host], _) = table::words(case);
        let [target, fields, host] = [target, fields, host].map(|count| count.parse().unwrap());
        let input = request(target, fields, host);
        let seen = every_split(input.as_bytes(), |input, step| serve(input, step, limits));
        format!("{:?}", seen.error)
    });
    // However much of the line has arrived, the first fault is its length.
    let input = format!("GET /{}\n", "a".repeat(40));
    let seen = every_split(input.as_bytes(), |input, step| serve(input, step, limits));
    let too_long = Some(ProtocolError::RequestLineTooLong { limit: 20 });
    assert_eq!(seen.error, too_long);
    // A line that is too long is refused before its end arrives.
    let seen = serve(b"GET /aaaaaaaaaaaaaaaaaaaaaaa", 1, limits);
    assert_eq!(seen.error, too_long);
}

#[test]
fn the_end_of_input() {
    let table = r"
        => fine
        GET / => UnexpectedEnd
        GET / HTTP/1.1\r\nHost: h\r\n\r\n => fine
        POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n => UnexpectedEnd
    ";
    check(table, |case| {
        let mut connection = ServerConnection::new(Limits::default());
        connection
            .receive(&table::bytes(case), &mut FieldStorage::new())
            .unwrap();
        match connection.end_of_input() {
            Ok(()) => "fine".to_owned(),
            Err(error) => format!("{error:?}"),
        }
    });
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
    let table = r"
        200 2 GET / HTTP/1.1 => HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
        200 None GET / HTTP/1.1 => HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n
        200 2 GET / HTTP/1.0 => HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi
        200 None GET / HTTP/1.0 => HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi
        200 2 HEAD / HTTP/1.1 => HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n
        200 None HEAD / HTTP/1.1 => HTTP/1.1 200 OK\r\n\r\n
        204 2 GET / HTTP/1.1 => HTTP/1.1 204 No Content\r\n\r\n
        304 2 GET / HTTP/1.1 => HTTP/1.1 304 Not Modified\r\n\r\n
    ";
    check(table, |case| {
        let ([status, length], line) = table::words(case);
        let length = length.parse().ok();
        let mut connection = ServerConnection::new(Limits::default());
        let request = format!("{line}\r\nHost: h\r\n\r\n");
        connection
            .receive(request.as_bytes(), &mut FieldStorage::new())
            .unwrap();
        let mut out = Vec::new();
        let status: StatusCode = status.parse().unwrap();
        let mut content = connection
            .respond(status, length, &mut out, |_| Ok(()))
            .unwrap();
        content.encode(b"hi", &mut out).unwrap();
        content.finish(&mut out).unwrap();
        let again = connection.respond(status, length, &mut Vec::new(), |_| Ok(()));
        assert_eq!(again.err(), Some(MisuseError::OutOfTurn));
        out.escape_ascii().to_string()
    });
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

#[test]
fn content_is_taken_past_the_receiver_only_where_its_end_is_known() {
    let too_long = Err(MisuseError::ContentLengthMismatch);
    let out_of_turn = Err(MisuseError::OutOfTurn);
    // What was received, how much is taken past it, the outcome, and what is left.
    let table = [
        ("", 0, out_of_turn, Some(0)),
        ("POST / HTTP/1.1\r\n", 1, out_of_turn, Some(0)),
        ("Content-Length: 5\r\n\r\n", 0, Ok(()), Some(5)),
        ("Content-Length: 5\r\n\r\n", 3, Ok(()), Some(2)),
        ("Content-Length: 5\r\n\r\n", 5, Ok(()), Some(0)),
        ("Content-Length: 5\r\n\r\n", 6, too_long, Some(5)),
        ("Content-Length: 5\r\n\r\nab", 3, Ok(()), Some(0)),
        ("Content-Length: 5\r\n\r\nab", 4, too_long, Some(3)),
        ("Content-Length: 5\r\n\r\nab", u64::MAX, too_long, Some(3)),
        ("Content-Length: 5\r\n\r\nabcde", 0, Ok(()), Some(0)),
        ("Content-Length: 5\r\n\r\nabcde", 1, too_long, Some(0)),
        ("Content-Length: 0\r\n\r\n", 0, out_of_turn, Some(0)),
        ("\r\n", 1, out_of_turn, Some(0)),
        ("Transfer-Encoding: chunked\r\n\r\n", 1, out_of_turn, None),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
            3,
            out_of_turn,
            None,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            1,
            out_of_turn,
            Some(0),
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\nx",
            1,
            out_of_turn,
            Some(0),
        ),
    ];
    for (received, taken, outcome, left) in table {
        let begins = received.is_empty() || received.starts_with("POST");
        let start = "POST / HTTP/1.1\r\nHost: h\r\n";
        let message = [if begins { "" } else { start }, received].concat();
        let mut connection = ServerConnection::new(Limits::default());
        let mut input = message.as_bytes();
        // After the event that uses no more, the input is used up.
        for _ in 0..3 {
            let mut storage = FieldStorage::new();
            if let Ok((used, Event::Head(_) | Event::Content(_))) =
                connection.receive(input, &mut storage)
            {
                input = &input[used..];
                if input.is_empty() {
                    break;
                }
            }
        }
        assert_eq!(connection.content_taken(taken), outcome, "{message:?}");
        assert_eq!(connection.unread(), left, "{message:?}");
    }
}
