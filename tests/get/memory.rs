//! Memory that a server can make `get` take while content is shown: bounded, however long and
//! however deep it is.

use crate::script::{Server, command};
use std::io::Read;
use std::process::Stdio;

const MIB: usize = 1024 * 1024;
/// Bytes of content, and by how much memory may grow with them.
const LONG_CONTENT: usize = 3 * MIB;
const GROWTH: usize = 2 * MIB;

/// The peak once about as many bytes of content as given have been shown: a beginning, and a unit
/// again and again.
fn peak_after(media_type: &'static str, first: &str, unit: &str, length: usize) -> usize {
    let content = first.to_owned() + &unit.repeat(length / unit.len());
    let length = content.len();
    let server = Server::start(move |connection| {
        if connection.request().is_some() {
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n\r\n"
            ));
            connection.send(&content);
            // The content has no end as long as the program is there.
            connection.wait_for_end();
        }
    });
    let mut child = command(["get", "--pretty", &server.url("/")])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut shown, mut buffer) = (0, [0; 65536]);
    while shown + MIB / 2 < length {
        let read = stdout.read(&mut buffer).unwrap();
        assert!(read > 0, "{unit:?}: the output ended after {shown} bytes");
        shown += read;
    }
    let peak = support::status_bytes(child.id(), "VmHWM");
    child.kill().unwrap();
    child.wait().unwrap();
    peak
}

#[test]
fn content_that_nests_or_never_ends_a_token_takes_no_more_memory_than_other_content() {
    let json = "application/json";
    let table = [
        (json, "", "["),
        (json, "", "{\"a\":"),
        (json, "", "[{\"a\":["),
        // A string, a key and a number that don't end.
        (json, "[\"", "a b c d e f g "),
        (json, "{\"", "abcdefgh"),
        (json, "[", "1234567890"),
        // Each character is written out, in eight.
        (json, "[\"", "\u{202e}"),
        ("text/plain", "", "a"),
        ("text/plain", "", "\x1b"),
        ("text/html", "", "<a>"),
    ];
    let usual = peak_after("text/plain", "", "a\n", MIB);
    for (media_type, first, unit) in table {
        let peak = peak_after(media_type, first, unit, LONG_CONTENT);
        assert!(
            peak < usual + GROWTH,
            "{first:?} and {unit:?} as {media_type}: {} KiB, not {}",
            peak / 1024,
            usual / 1024
        );
    }
}
