//! Content on its way to a server and back, and what users of other blocking clients have reported
//! about it.

use super::server::{HELLO, LONG, head, rest, serve};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::mpsc;
use std::time::Instant;
use tinyhttp_client::{Body, Client, Error};

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
