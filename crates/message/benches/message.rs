//! The cost of the message, in nanoseconds: `cargo bench -p tinyhttp-message`. An argument selects
//! lines by a part of their name: `cargo bench -p tinyhttp-message -- browser`.
//!
//! Each line of the table repeats one operation on the same bytes, in samples of a few
//! milliseconds. The samples of all lines alternate, and the table shows medians, so that a busy
//! moment of the machine affects all lines alike. The cost of httparse alone stands beside that of
//! the code built on it: the search for the head's end with its limits, the stricter rules, the
//! target, the framing.

#![allow(missing_docs, clippy::unwrap_used)]

use http::{Method, StatusCode};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tinyhttp_message::chunked::{ChunkedDecoder, ChunkedEvent, encode_chunk};
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::{Event, FieldStorage, Limits, RequestHead, ResponseHead, ServerConnection};

const SAMPLE: Duration = Duration::from_millis(2);
const SAMPLES: usize = 51;

const PLAIN: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

const BROWSER: &[u8] = b"GET /articles/2026/how-a-web-server-is-made.html?page=2 HTTP/1.1\r\n\
    Host: www.example.org\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.org/articles/\r\n\
    DNT: 1\r\n\
    Connection: keep-alive\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    If-None-Match: \"400-62a8a0d81f1b3\"\r\n\
    Priority: u=0, i\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Server: tinyhttp/0.1.0\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    ETag: \"400-62a8a0d81f1b3\"\r\n\
    Accept-Ranges: bytes\r\n\
    Content-Length: 1024\r\n\r\n";

const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";

/// One line of the table: an operation, and the number of bytes it processes.
struct Line {
    name: String,
    bytes: usize,
    work: Box<dyn FnMut()>,
    /// Repetitions in one sample.
    times: u32,
    samples: Vec<f64>,
}

fn main() {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let mut lines = lines();
    lines.retain(|line| wanted.as_ref().is_none_or(|part| line.name.contains(part)));
    for line in &mut lines {
        while line.sample() < SAMPLE {
            line.times *= 2;
        }
    }
    for _ in 0..SAMPLES {
        for line in &mut lines {
            let sample = line.sample();
            line.samples
                .push(sample.as_secs_f64() / f64::from(line.times));
        }
    }
    println!("| | ns | MB/s |\n| --- | ---: | ---: |");
    for mut line in lines {
        line.samples.sort_by(f64::total_cmp);
        let seconds = line.samples[line.samples.len() / 2];
        println!(
            "| {} | {:.0} | {:.0} |",
            line.name,
            seconds * 1e9,
            line.bytes as f64 / seconds / 1e6
        );
    }
}

impl Line {
    fn sample(&mut self) -> Duration {
        let start = Instant::now();
        for _ in 0..self.times {
            (self.work)();
        }
        start.elapsed()
    }
}

fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = |name: String, bytes: usize, work: Box<dyn FnMut()>| {
        lines.push(Line {
            name,
            bytes,
            work,
            times: 1,
            samples: Vec::with_capacity(SAMPLES),
        });
    };
    for (name, bytes) in [("plain request", PLAIN), ("browser's 15 fields", BROWSER)] {
        let mut line = |what: &str, work| line(format!("{name}: {what}"), bytes.len(), work);
        line("httparse alone", Box::new(|| httparse_request(bytes)));
        line("head parsed", Box::new(|| parse_request(bytes)));
        line("received", Box::new(|| receive(bytes)));
        line("received and answered", Box::new(exchange(bytes)));
        line("made an `http::Request`", Box::new(|| convert(bytes)));
    }
    let length = RESPONSE.len();
    line(
        "response: httparse alone".into(),
        length,
        Box::new(httparse_response),
    );
    line(
        "response: head parsed".into(),
        length,
        Box::new(parse_response),
    );
    for size in [4096, 16] {
        let coded = chunks(size);
        let name = format!("64 KiB in chunks of {size} bytes");
        line(name, coded.len(), Box::new(move || decode(&coded)));
    }
    line("date: parsed".into(), DATE.len(), Box::new(parse_date));
    line("date: written".into(), DATE.len(), Box::new(write_date));
    lines
}

fn httparse_request(bytes: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut fields);
    assert!(request.parse(black_box(bytes)).unwrap().is_complete());
    black_box(&request);
}

fn httparse_response() {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut fields);
    assert!(response.parse(black_box(RESPONSE)).unwrap().is_complete());
    black_box(&response);
}

fn parse_request(bytes: &[u8]) {
    let mut storage = FieldStorage::new();
    let head = RequestHead::parse(black_box(bytes), &mut storage, &Limits::default()).unwrap();
    assert_eq!(black_box(&head).method, Method::GET);
}

/// Finds the head's end, parses the head, and determines its framing.
fn receive(bytes: &[u8]) {
    let mut connection = ServerConnection::new(Limits::default());
    let mut storage = FieldStorage::new();
    let (_, event) = connection.receive(black_box(bytes), &mut storage).unwrap();
    assert!(matches!(black_box(event), Event::Head(_)));
}

fn convert(bytes: &[u8]) {
    let mut storage = FieldStorage::new();
    let head = RequestHead::parse(black_box(bytes), &mut storage, &Limits::default()).unwrap();
    black_box(head.to_http().unwrap());
}

fn parse_response() {
    let mut storage = FieldStorage::new();
    let head = ResponseHead::parse(black_box(RESPONSE), &mut storage, &Limits::default()).unwrap();
    assert_eq!(black_box(&head).status, StatusCode::OK);
}

/// Everything a server needs of this crate for one request: its head and framing, and a response
/// head with seven fields.
fn exchange(bytes: &'static [u8]) -> impl FnMut() {
    let mut connection = ServerConnection::new(Limits::default());
    let mut out = Vec::new();
    move || {
        let mut storage = FieldStorage::new();
        let (_, event) = connection.receive(black_box(bytes), &mut storage).unwrap();
        assert!(matches!(event, Event::Head(_)));
        out.clear();
        let fields: [(&str, &[u8]); 6] = [
            ("Date", DATE),
            ("Server", b"tinyhttp/0.1.0"),
            ("Content-Type", b"text/html; charset=utf-8"),
            ("Last-Modified", DATE),
            ("ETag", b"\"400-62a8a0d81f1b3\""),
            ("Accept-Ranges", b"bytes"),
        ];
        connection
            .respond(StatusCode::OK, Some(1024), &mut out, |head| {
                fields
                    .iter()
                    .try_for_each(|(name, value)| head.field(name, value))
            })
            .unwrap();
        assert_eq!(connection.finish_exchange(), None);
        black_box(&out);
    }
}

fn chunks(size: usize) -> Vec<u8> {
    let mut coded = Vec::new();
    for chunk in vec![b'x'; 64 * 1024].chunks(size) {
        encode_chunk(chunk, &mut coded);
    }
    coded.extend_from_slice(b"0\r\n\r\n");
    coded
}

fn decode(coded: &[u8]) {
    let limits = Limits::default();
    let mut decoder = ChunkedDecoder::new();
    let (mut at, mut content) = (0, 0);
    loop {
        let (used, event) = decoder.decode(black_box(&coded[at..]), &limits).unwrap();
        at += used;
        match event {
            ChunkedEvent::Content(piece) => content += black_box(piece).len(),
            ChunkedEvent::End(_) => break,
            ChunkedEvent::NeedMore => panic!("all of it is there"),
        }
    }
    assert_eq!(content, 64 * 1024);
}

fn parse_date() {
    black_box(HttpDate::parse(black_box(DATE), HttpDate::from_unix_seconds(0)).unwrap());
}

fn write_date() {
    black_box(HttpDate::from_unix_seconds(black_box(784_111_777)).write());
}
