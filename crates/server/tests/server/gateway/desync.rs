//! Messages that two servers could read differently: each is refused, or written anew, and never
//! copied. The bytes on both sides are compared.

use super::script::{proxy, read_head, upstream};
use crate::support::{LONG, Running, rest};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver};

/// Cases of three lines: what it is, the request, and the outcome. That is a status, if the request
/// is refused and nothing of it reaches the upstream; `cut` with a status and the bytes at the
/// upstream, if its content is; else the bytes at the upstream. `|` stands for CRLF.
const REQUESTS: &str = include_str!("desync-requests.txt");

/// Cases of four lines: what it is, the request, the upstream's bytes, and the client's without
/// Date and the page of an error.
const RESPONSES: &str = include_str!("desync-responses.txt");

const HOPS: &str = "X-Forwarded-For: 127.0.0.1|X-Forwarded-Host: h|X-Forwarded-Proto: http|\
                    X-Forwarded-Port: 80|Via: 1.1 tinyhttp";

/// The bytes that a line of a case stands for.
fn bytes(line: &str) -> Vec<u8> {
    let line = line.replace("HOPS", HOPS).replace('|', "\r\n");
    let (mut bytes, mut rest) = (Vec::new(), line.as_str());
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let (byte, length) = match rest.as_bytes()[at + 1] {
            b'r' => (b'\r', 2),
            b'n' => (b'\n', 2),
            b't' => (b'\t', 2),
            b'x' => (u8::from_str_radix(&rest[at + 2..at + 4], 16).unwrap(), 4),
            other => panic!("\\{other}"),
        };
        bytes.push(byte);
        rest = &rest[at + length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn cases(text: &str, lines: usize) -> impl Iterator<Item = Vec<&str>> {
    let blocks = text
        .split("\n\n")
        .map(str::trim)
        .filter(|it| !it.is_empty());
    blocks.map(move |block| {
        let block: Vec<_> = block.lines().collect();
        assert_eq!(block.len(), lines, "{block:?}");
        block
    })
}

/// An upstream that responds to each request, and says what it has received when a connection ends
/// or a request is complete.
fn recording() -> (Running, Receiver<Vec<u8>>) {
    let (seen, requests) = mpsc::channel();
    let address = upstream(move |mut stream, _| {
        while let Some(head) = read_head(&mut stream) {
            let mut all = head.clone().into_bytes();
            let is_whole = read_content(&mut stream, &head, &mut all);
            seen.send(all).unwrap();
            let response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            if !is_whole || stream.write_all(response).is_err() {
                return;
            }
        }
    });
    (proxy(address), requests)
}

/// Reads the content that a head announces. `false`: it is not whole.
fn read_content(stream: &mut TcpStream, head: &str, all: &mut Vec<u8>) -> bool {
    let is_whole = |all: &[u8]| match head.split("Content-Length: ").nth(1) {
        Some(length) => {
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            all.len() >= head.len() + length
        }
        None => !head.contains("Transfer-Encoding") || all.ends_with(b"0\r\n\r\n"),
    };
    let mut byte = [0];
    while !is_whole(all) {
        match stream.read(&mut byte) {
            Ok(1) => all.push(byte[0]),
            _ => return false,
        }
    }
    true
}

#[test]
fn requests_are_refused_or_written_anew() {
    let mut failures = Vec::new();
    for case in cases(REQUESTS, 3) {
        let [name, request, outcome] = case[..] else {
            panic!("{case:?}");
        };
        let (proxy, requests) = recording();
        let mut stream = proxy.connect();
        stream.write_all(&bytes(request)).unwrap();
        // Nothing follows: what is incomplete stays so.
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = rest(&mut stream);
        // A request behind it shows that nothing else has come.
        let canary = "GET /canary HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        proxy.ask(canary);
        let (status, expected) = match outcome.strip_prefix("cut ") {
            Some(cut) => cut.split_once(' ').unwrap(),
            None if outcome.len() == 3 => (outcome, ""),
            None => ("200", outcome),
        };
        let expected = bytes(expected);
        // The upstream notices the end of a request that is cut at any time.
        let (mut seen, mut is_over) = (Vec::new(), false);
        while !is_over || seen.is_empty() && !expected.is_empty() {
            let request = requests.recv_timeout(LONG).unwrap();
            match request.starts_with(b"GET /canary ") {
                true => is_over = true,
                false => seen.extend_from_slice(&request),
            }
        }
        let shown = |bytes: &[u8]| bytes.escape_ascii().to_string().replace("\\r\\n", "|");
        let is_status = answer.starts_with(&format!("HTTP/1.1 {status} "));
        let is_alone = status == "200" || answer.matches("HTTP/1.1 ").count() == 1;
        if !is_status || !is_alone || seen != expected {
            failures.push(format!(
                "{name}\n  sent     {request}\n  upstream {}\n  expected {}\n  client   {}",
                shown(&seen),
                shown(&expected),
                shown(answer.as_bytes())
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The client's bytes without the fields that differ, and without the page of an error.
fn normal(answer: &str) -> String {
    let mut answer = answer.replace("\r\n", "|");
    if let (Some(page), Some(end)) = (answer.find("<!doctype"), answer.find("</p>\n")) {
        answer.replace_range(page..end + "</p>\n".len(), "");
    }
    let differs = |line: &&str| {
        let starts = [
            "Date: ",
            "Server: ",
            "Keep-Alive: ",
            "Content-Type: text/html",
            "X-Content-Type",
        ];
        !starts.iter().any(|start| line.starts_with(start))
    };
    let is_error = answer.starts_with("HTTP/1.1 502 ");
    let lines = answer.split('|').filter(differs);
    let lines = lines.filter(|line| !is_error || !line.starts_with("Content-Length: "));
    lines.collect::<Vec<_>>().join("|")
}

/// Each response comes twice, for two requests on one connection: whatever comes behind the first
/// is not the response to the second.
#[test]
fn responses_are_refused_or_written_anew() {
    let mut failures = Vec::new();
    for case in cases(RESPONSES, 4) {
        let [name, request, response, expected] = case[..] else {
            panic!("{case:?}");
        };
        let (bytes_of_response, is_last) = (bytes(response), response.ends_with('$'));
        let length = bytes_of_response.len() - usize::from(is_last);
        let address = upstream(move |mut stream, number| {
            // The first connection only: then comes the response to the second request.
            if number > 0 || read_head(&mut stream).is_none() {
                let _ = read_head(&mut stream);
                let _ = stream.write_all(b"HTTP/1.1 204 Second\r\n\r\n");
                return;
            }
            let _ = stream.write_all(&bytes_of_response[..length]);
            if !is_last && read_head(&mut stream).is_some() {
                let _ = stream.write_all(b"HTTP/1.1 204 Same\r\n\r\n");
            }
        });
        let proxy = proxy(address);
        let mut stream = proxy.connect();
        let second = "GET /second HTTP/1.1|Host: h|Connection: close||";
        let both = [bytes(request), bytes(second)].concat();
        stream.write_all(&both).unwrap();
        let answer = normal(&rest(&mut stream));
        if answer != expected {
            failures.push(format!(
                "{name}\n  upstream {response}\n  client   {answer}\n  expected {expected}"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
