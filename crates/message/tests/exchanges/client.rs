//! What a client receives and sends.

use crate::{Seen, every_split};
use http::{Method, Version};
use table::check;
use tinyhttp_message::connection::{RequestContent, Response};
use tinyhttp_message::{ClientConnection, Event, FieldStorage, Limits, MisuseError, ProtocolError};

/// Feeds a response to a client that has sent a request with that method.
pub(crate) fn receive(method: &Method, input: &[u8], step: usize) -> Seen {
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
    let table = r#"
        GET HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi => 200 "OK" Known(2) None | content hi | end 0
        GET HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n => 200 "" Known(0) None
        GET HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n => 404 "" Known(0) None
        GET HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n => interim 100 | interim 103 | 204 "No Content" Empty None
        GET HTTP/1.1 200 OK\r\n\r\nall of it => 200 "OK" UntilClose Some(UntilClose) | content all of it
        GET HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx => 200 "OK" Known(1) Some(Http10) | content x | end 0
        GET HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n => 200 "OK" Chunked None | content x | end 0
        HEAD HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n => 200 "OK" Empty None
        GET HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n => 304 "Not Modified" Empty None
        GET HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi => 200 "OK" Known(9) None | content hi | error UnexpectedEnd
        GET HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi => 200 "OK" Chunked None | content hi | error UnexpectedEnd
        GET HTTP/1.1 200 OK\r\nContent-Le => error UnexpectedEnd
        GET HTTP/1.1 101 Switching\r\n\r\n => error UnexpectedUpgrade
        GET HTTP/1.1 99 No\r\n\r\n => error MalformedStartLine
        GET HTTP/1.1 200 OK\nA: b\n\n => error BareLineFeed
        GET <html>hello</html>\r\n\r\n => error MalformedStartLine
        GET HTTP/2 200\r\n\r\n => error MalformedStartLine
    "#;
    check(table, |case| {
        let ([method], input) = table::words(case);
        let (method, input) = (method.parse().unwrap(), table::bytes(input));
        let seen = every_split(&input, |input, step| receive(&method, input, step));
        if seen.error.is_none() && !input.ends_with(b"all of it") {
            let longer = [&input, &b"HTTP/1.1 200 OK\r\n"[..]].concat();
            let again = every_split(&longer, |input, step| receive(&method, input, step));
            assert_eq!(again.used, input.len(), "{case} with trailing bytes");
        }
        seen
    });
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    assert_eq!(
        receive(&Method::GET, endless.as_bytes(), 100).error,
        Some(ProtocolError::TooManyInterimResponses)
    );
}

#[test]
fn requests_as_sent() {
    let table = r"
        GET none => GET /a HTTP/1.1\r\nHost: h\r\n\r\n
        POST none => POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n
        POST 2 => POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi
        PUT unknown => PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n
    ";
    check(table, |case| {
        let ([method, length], _) = table::words(case);
        let method: Method = method.parse().unwrap();
        let content = match length {
            "none" => RequestContent::None,
            "unknown" => RequestContent::Unknown,
            length => RequestContent::Known(length.parse().unwrap()),
        };
        let mut connection = ClientConnection::new(Limits::default());
        let fields = |head: &mut tinyhttp_message::encode::HeadWriter<'_>| head.field("host", b"h");
        let mut request = |out: &mut Vec<u8>| {
            let version = Version::HTTP_11;
            let mut writer = connection.request(&method, "/a", version, content, out, fields)?;
            writer.encode(b"hi", out)?;
            writer.finish(out)
        };
        let mut out = Vec::new();
        request(&mut out).unwrap();
        let second = request(&mut Vec::new());
        assert_eq!(second, Err(MisuseError::OutOfTurn), "a response is due");
        out.escape_ascii().to_string()
    });
}
