//! The head of a CGI response: however it is cut, the same comes out, and a head that is accepted
//! is one status line and lines that the program wrote.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../src/gateway/cgi.rs"]
mod cgi;

use cgi::{CgiError, Translator};

fn translate<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> Result<Vec<u8>, CgiError> {
    let mut translator = Translator::default();
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&translator.translate(piece)?);
    }
    Ok(out)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = translate(std::iter::once(bytes));
    assert_eq!(translate(bytes.chunks(usize::from(size) + 1)), whole);
    assert_eq!(translate(bytes.chunks(1)), whole);
    let Ok(out) = whole else {
        return;
    };
    if out.is_empty() {
        return;
    }
    assert!(out.starts_with(b"HTTP/"), "{}", out.escape_ascii());
    let end = out.windows(4).position(|four| four == b"\r\n\r\n");
    let head = &out[..end.expect("a head ends") + 2];
    // Each line ends in CRLF, and none is empty. What is in a line is judged by the reader of HTTP.
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        assert!(line.len() > 2 && line.ends_with(b"\r\n"), "{}", out.escape_ascii());
    }
});
