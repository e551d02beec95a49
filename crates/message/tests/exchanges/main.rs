//! Exchanges over the public interface: every case in one piece, byte by byte, and with trailing
//! bytes.
//!
//! | module | holds |
//! |---|---|
//! | `server` | requests as a server receives them, and its responses |
//! | `client` | responses as a client receives them, and its requests |
#![cfg(test)]

mod client;
mod server;

use client::receive;
use http::Method;
use proptest::prelude::*;
use server::{serve, serve_past};
use std::fmt;
use tinyhttp_message::{FieldStorage, Limits, ProtocolError, RequestHead};

/// The events that one side received, as text, and the number of bytes used.
#[derive(Debug, PartialEq, Eq, Clone)]
struct Seen {
    events: Vec<String>,
    used: usize,
    error: Option<ProtocolError>,
}

/// The events, and the error if there is one, as parts of a line.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.error.map(|error| format!("error {error:?}"));
        let parts: Vec<_> = self.events.iter().cloned().chain(error).collect();
        f.write_str(&parts.join(" | "))
    }
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

    /// Content that is taken past the receiver ends where it would have ended.
    #[test]
    fn events_do_not_depend_on_how_content_is_taken(
        length in 0usize..40, behind in PIECES, step in 1usize..20, past in 1usize..5,
    ) {
        let head = format!("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        let input = [head, "x".repeat(length), behind].concat();
        let whole = serve(input.as_bytes(), input.len().max(1), Limits::default());
        let past = serve_past(input.as_bytes(), step, past, Limits::default());
        prop_assert_eq!(past.events, whole.events);
        prop_assert!(past.used == whole.used || whole.error.is_some());
        prop_assert_eq!(past.error, whole.error);
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
