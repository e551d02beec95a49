//! Downloads from a server that changes the file, breaks off, mislabels parts and forgets fields,
//! as the input says: whatever happens, a file under its final name is one version of the resource,
//! and whole.
//!
//! What no client could notice is left out: bytes of one version with the validator of another, a
//! wrong number as the first byte of a part, and content without a length that ends early.

use crate::get::{Args, fetch_all};
use crate::lock::Lock;
use clap::Parser;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// Runs of the command, each of which resumes what the one before it left.
const RUNS: usize = 3;
/// Versions of the file. The last one is the first, in the coding gzip and with the same entity
/// tag, as from a server that compresses carelessly.
const VERSIONS: usize = 4;
const CODED: usize = 3;
/// Bytes of each version. Two have the same length.
const LENGTHS: [usize; VERSIONS] = [1000, 1000, 1400, 600];
/// What makes them long enough for several segments.
const FACTOR: usize = 3000;

#[derive(Parser)]
#[command(version)]
struct Line {
    #[command(flatten)]
    args: Args,
}

/// The steps of a server, four bytes each; the first byte of all chooses segments and the kind of
/// validator.
pub(crate) fn resume(input: &[u8]) {
    let Some((kind, steps)) = input.split_first() else {
        return;
    };
    let server = Server {
        has_segments: kind & 0x0f == 0,
        is_dated: kind & 0x10 != 0,
        steps: steps.to_vec(),
    };
    let folder = folder();
    let target = folder.path().join("file");
    let socket = folder.path().join("socket");
    let stop = serve(&server, &socket);
    let args = arguments(&target, &socket, server.has_segments);
    for _ in 0..RUNS {
        // A failure is fine, and so is a file; half a file isn't.
        let _ = fetch_all(&args);
        if let Ok(found) = std::fs::read(&target) {
            let is_whole = (0..VERSIONS).any(|version| found == server.content(version));
            assert!(is_whole, "{} bytes: {}", found.len(), shown(&found));
            break;
        }
    }
    stop();
}

/// A directory in memory, if the system has such a place.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a temporary directory")
}

fn arguments(target: &Path, socket: &Path, has_segments: bool) -> Args {
    let mut line: Vec<PathBuf> = ["get", "http://h/file", "-s", "-f", "--retry", "2"]
        .iter()
        .map(PathBuf::from)
        .collect();
    line.extend(["--retry-delay", "0.0001", "-m", "10", "-o"].map(PathBuf::from));
    line.extend([target.into(), "--unix-socket".into(), socket.into()]);
    if has_segments {
        line.extend(["--parallel-segments", "3"].map(PathBuf::from));
    }
    Line::parse_from(line).args
}

/// The first bytes of each stretch in which the kind of bytes is the same.
fn shown(found: &[u8]) -> String {
    let kind = |byte: &u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        b'!'..=b'/' => 3,
        _ => 4,
    };
    let stretches = found.chunk_by(|one, other| kind(one) == kind(other));
    let texts = stretches.take(8).map(|stretch| {
        let start = String::from_utf8_lossy(&stretch[..stretch.len().min(8)]).into_owned();
        format!("{start}… ({})", stretch.len())
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// A server, and what it does.
struct Server {
    has_segments: bool,
    /// Its validators are dates, not entity tags.
    is_dated: bool,
    steps: Vec<u8>,
}

/// What the server does with one request.
struct Step {
    version: usize,
    /// Whether a request for a part is granted.
    grants_parts: bool,
    framing: Framing,
    /// Whether the validator is sent.
    names_version: bool,
    names_total: bool,
    status: u16,
    /// Bytes of content that are left out at the end, or added to it, beside what is announced.
    less: usize,
    more: usize,
    /// The connection breaks after that share of the content, in 256ths.
    breaks_after: Option<u8>,
}

#[derive(PartialEq)]
enum Framing {
    Length,
    Chunks,
    Close,
}

impl Server {
    fn content(&self, version: usize) -> Vec<u8> {
        let (first, count) = [(b'a', 26), (b'A', 26), (b'0', 10), (b'!', 15)][version];
        let factor = if self.has_segments { FACTOR } else { 1 };
        let length = LENGTHS[version] * factor;
        let unit: Vec<u8> = (0..count).map(|at| first + at as u8).collect();
        let mut content = unit.repeat(length / count + 1);
        content.truncate(length);
        content
    }

    fn step(&self, number: usize) -> Step {
        let byte = |at: usize| self.steps.get(number * 4 + at).copied().unwrap_or(0);
        let [version, fields, length, end] = [0, 1, 2, 3].map(byte);
        Step {
            // Most versions are the first one: a change is an event.
            version: usize::from(version & 7).saturating_sub(4),
            grants_parts: version & 0x18 != 0x18,
            status: match version >> 5 {
                6 => 503,
                7 => 404,
                _ => 200,
            },
            framing: match fields & 3 {
                0 | 1 => Framing::Length,
                2 => Framing::Chunks,
                _ => Framing::Close,
            },
            names_version: fields & 0x0c != 0x0c,
            names_total: fields & 0x30 != 0x30,
            less: usize::from(length & 0x0f).saturating_sub(8),
            // Not both: other bytes of the right number are other content, which no client could
            // notice.
            more: match length & 0x0f {
                0..=8 => usize::from(length >> 4).saturating_sub(8),
                _ => 0,
            },
            breaks_after: (end & 1 == 1).then_some(end),
        }
    }

    /// The response to a request, and whether the connection ends with it.
    fn respond(&self, request: &str, step: &Step) -> Vec<u8> {
        let field = |name: &str| {
            let mut lines = request.lines();
            lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
        };
        let content = self.content(step.version);
        let mut fields = "Date: Sun, 06 Nov 2022 08:49:37 GMT\r\nConnection: close\r\n".to_owned();
        if self.has_segments {
            fields += "Accept-Ranges: bytes\r\n";
        }
        if step.version == CODED {
            fields += "Content-Encoding: gzip\r\n";
        }
        // A date has to be there, for a server sends it with If-Range to be on the safe side only.
        let validator = self.validator(step.version);
        if self.is_dated {
            fields += &format!("Last-Modified: {validator}\r\n");
        } else if step.names_version {
            fields += &format!("ETag: {validator}\r\n");
        }
        if step.status != 200 {
            return format!(
                "HTTP/1.1 {} No\r\n{fields}Content-Length: 2\r\n\r\nno",
                step.status
            )
            .into();
        }
        let range = field("Range").filter(|_| step.grants_parts);
        let Some(range) = range.as_deref().and_then(|range| self.range(range)) else {
            return self.whole(&content, fields, step);
        };
        let (first, last) = range;
        if first >= content.len() {
            let length = content.len();
            return format!("HTTP/1.1 416 No\r\n{fields}Content-Range: bytes */{length}\r\nContent-Length: 0\r\n\r\n").into();
        }
        let last = last.unwrap_or(content.len() - 1).min(content.len() - 1);
        let total = match step.names_total {
            true => content.len().to_string(),
            false => "*".to_owned(),
        };
        fields += &format!("Content-Range: bytes {first}-{last}/{total}\r\n");
        let part = &content[first..=last];
        let mut sent = part[..part.len() - step.less.min(part.len())].to_vec();
        sent.extend(vec![b'?'; step.more]);
        framed("206 Partial Content", fields, &sent, sent.len(), step)
    }

    fn whole(&self, content: &[u8], fields: String, step: &Step) -> Vec<u8> {
        // More than is announced, or less: unless that can't be noticed.
        let mut sent = content.to_vec();
        if step.framing == Framing::Length {
            sent.truncate(content.len() - step.less);
            sent.extend(vec![b'?'; step.more]);
        }
        framed("200 OK", fields, &sent, content.len(), step)
    }

    fn validator(&self, version: usize) -> String {
        let version = if version == CODED { 0 } else { version };
        match self.is_dated {
            true => format!("Sun, 06 Nov 2022 0{version}:00:00 GMT"),
            false => format!("\"v{version}\""),
        }
    }

    /// The first and the last byte of a range.
    fn range(&self, value: &str) -> Option<(usize, Option<usize>)> {
        let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()))
    }
}

/// A response in that framing, perhaps broken off.
fn framed(status: &str, mut fields: String, sent: &[u8], announced: usize, step: &Step) -> Vec<u8> {
    let mut content = sent.to_vec();
    match step.framing {
        Framing::Length => fields += &format!("Content-Length: {announced}\r\n"),
        Framing::Chunks => {
            fields += "Transfer-Encoding: chunked\r\n";
            content = match sent {
                [] => b"0\r\n\r\n".to_vec(),
                sent => [
                    format!("{:x}\r\n", sent.len()).as_bytes(),
                    sent,
                    b"\r\n0\r\n\r\n",
                ]
                .concat(),
            };
        }
        Framing::Close => {}
    }
    let is_endless = step.framing == Framing::Close && status.starts_with("200");
    if let Some(share) = step.breaks_after.filter(|_| !is_endless) {
        content.truncate(content.len() * usize::from(share) / 256);
    }
    [
        format!("HTTP/1.1 {status}\r\n{fields}\r\n").as_bytes(),
        &content,
    ]
    .concat()
}

/// Serves until the function that comes back is called.
fn serve(server: &Server, socket: &Path) -> impl FnOnce() + use<> {
    let listener = UnixListener::bind(socket).expect("a socket");
    let server = Server {
        steps: server.steps.clone(),
        ..*server
    };
    let number = Arc::new(Lock::new(0));
    let socket = socket.to_owned();
    let thread = thread::spawn(move || {
        let server = &server;
        thread::scope(|scope| {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let Ok(request) = read_head(&mut stream) else {
                    break;
                };
                let number = {
                    let mut number = number.lock();
                    *number += 1;
                    *number - 1
                };
                let step = server.step(number);
                // A client that leaves is none of the server's business. Segments come at once.
                scope.spawn(move || stream.write_all(&server.respond(&request, &step)));
            }
        });
    });
    move || {
        // A connection without a request ends it.
        drop(UnixStream::connect(socket));
        thread.join().expect("the server doesn't panic");
    }
}

fn read_head(stream: &mut UnixStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => head.extend(&buffer[..length]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
