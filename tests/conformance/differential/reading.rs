//! What a server takes some bytes for: where it believes that the messages in them end.

use super::peers::Server;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;
use support::strict::{self, Not};

/// Asked for behind the bytes; what comes back tells whether a server has found it there.
pub(crate) const MARKER: &[u8] = b"GET /marker HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
pub(crate) const MARKER_CONTENT: &[u8] = b"found behind it";

/// How long a server may say nothing before it counts as waiting for more.
const QUIET: Duration = Duration::from_millis(300);

/// How long it may take to end once it has been told that there is no more.
const END: Duration = Duration::from_secs(3);

/// What becomes of the marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Found, behind so many messages.
    Kept(usize),
    /// Not looked for: the last message was answered, and the connection closed.
    Closed,
    /// Not looked for: something before it was refused, and the connection closed.
    Refused,
    /// Taken for a part of what came before it, which is still incomplete.
    Waits,
}

impl Fate {
    /// As the corpus writes it.
    pub(crate) fn parse(text: &str) -> Fate {
        match text.split_once(' ') {
            Some(("kept", messages)) => Fate::Kept(messages.parse().unwrap()),
            None if text == "closed" => Fate::Closed,
            None if text == "refused" => Fate::Refused,
            None if text == "waits" => Fate::Waits,
            _ => panic!("no fate: {text}"),
        }
    }

    fn stops(self) -> bool {
        matches!(self, Fate::Closed | Fate::Refused)
    }

    /// Whether two readers agree about where messages end, as far as they have gone: one that
    /// answers and closes has no opinion of what follows, and of two that stop it doesn't matter
    /// which was friendlier.
    pub(crate) fn agrees(self, theirs: Fate) -> bool {
        self == theirs || theirs == Fate::Closed || (self.stops() && theirs.stops())
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Kept(messages) => write!(f, "kept {messages}"),
            Fate::Closed => f.write_str("closed"),
            Fate::Refused => f.write_str("refused"),
            Fate::Waits => f.write_str("waits"),
        }
    }
}

/// What the server makes of these bytes.
pub(crate) fn ask(server: &Server, bytes: &[u8]) -> Fate {
    let mut stream = server.connect().unwrap();
    // A server that refuses the first bytes may have closed already.
    let _ = stream.write_all(&[bytes, MARKER].concat());
    let (mut said, mut waits) = (Vec::new(), false);
    stream.set_read_timeout(QUIET);
    loop {
        let mut piece = [0; 4096];
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => said.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock && !waits => {
                waits = true;
                stream.set_read_timeout(END);
                stream.end();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    fate(&said, waits)
}

fn fate(mut said: &[u8], waits: bool) -> Fate {
    let (mut messages, mut last) = (0, None);
    while let Ok(answer) = strict::response(b"GET", said, true) {
        if answer.content == MARKER_CONTENT {
            return Fate::Kept(messages);
        }
        said = &said[answer.length..];
        // Interim answers end nothing.
        if answer.start.0[0] != b'1' {
            messages += 1;
            last = Some(answer.start.0);
        }
    }
    let refusals = [
        "400", "411", "413", "414", "417", "421", "431", "501", "505",
    ];
    match last {
        _ if waits => Fate::Waits,
        Some(status) if !refusals.iter().any(|refusal| refusal.as_bytes() == status) => {
            Fate::Closed
        }
        _ => Fate::Refused,
    }
}

/// A method that no server knows is a 501, which looks like a refusal.
fn is_known(method: &[u8]) -> bool {
    let known = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ];
    known.iter().any(|known| known.as_bytes() == method)
}

/// Whether there is a request with such a method, as far as lines tell.
pub(crate) fn has_unknown_method(bytes: &[u8]) -> bool {
    let lines = bytes.split(|byte| *byte == b'\n');
    let mut starts = lines.filter(|line| line.windows(8).any(|window| window == b" HTTP/1."));
    starts.any(|line| !is_known(line.split(|byte| *byte == b' ').next().unwrap_or_default()))
}

/// What the strict reader makes of them, and the section by which it refuses them, if it does.
pub(crate) fn strictly(bytes: &[u8]) -> (Fate, &'static str) {
    let all = [bytes, MARKER].concat();
    let (mut rest, mut messages) = (&all[..], 0);
    loop {
        match strict::request(rest) {
            Ok(_) if rest.trim_ascii_start() == MARKER => return (Fate::Kept(messages), ""),
            Ok(message) => {
                rest = &rest[message.length..];
                messages += 1;
                match is_known(&message.start.0) {
                    _ if message.persists => {}
                    true => return (Fate::Closed, ""),
                    false => return (Fate::Refused, "9110 §15.6.2: an unknown method"),
                }
            }
            Err(Not::Complete) => return (Fate::Waits, ""),
            Err(Not::Allowed(section)) => return (Fate::Refused, section),
        }
    }
}
