//! A Gopher client (RFC 1436), one of the smallest protocols that there are: connect, send a line,
//! read lines.
//!
//! ```text
//! gopher [HOST [SELECTOR [PORT]]]        quux.org, / and 70 unless given
//! ```
//!
//! It says which of its three steps failed: the name, the connection, or the conversation.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many bytes are read at most.
const MOST: u64 = 16 * 1024 * 1024;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or("quux.org".to_owned());
    let selector = arguments.next().unwrap_or("/".to_owned());
    let port = arguments.next().unwrap_or("70".to_owned());
    match fetch(&host, &port, &selector) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gopher: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fetch(host: &str, port: &str, selector: &str) -> Result<(), String> {
    let port: u16 = port
        .parse()
        .map_err(|_| format!("{port:?} is no port: a number up to 65535 is"))?;
    if selector.contains(['\r', '\n']) {
        return Err("a selector is a single line".to_owned());
    }
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|error| format!("no address of {host}: {error}"))?;
    let stream = connect(addresses)
        .map_err(|error| format!("can't connect to {host}, port {port}: {error}"))?;
    converse(stream, selector).map_err(|error| format!("{host} stopped halfway: {error}"))
}

/// Connects to the first of the addresses that can be reached.
fn connect(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn converse(mut stream: TcpStream, selector: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{selector}\r\n").as_bytes())?;
    let mut out = io::stdout().lock();
    // Lines, but of bytes: Gopher is older than UTF-8.
    for line in BufReader::new(stream.take(MOST)).split(b'\n') {
        let line = line?;
        match String::from_utf8_lossy(&line).trim_end_matches('\r') {
            // A dot of its own ends a text; one that begins a line has another put before it.
            "." => break,
            line => writeln!(out, "{}", visible(line.strip_prefix('.').unwrap_or(line)))?,
        }
    }
    Ok(())
}

/// The text without what would move a terminal's cursor or worse.
fn visible(line: &str) -> String {
    let harmless = |c: char| c == '\t' || !c.is_control();
    line.chars()
        .map(|c| if harmless(c) { c } else { '\u{fffd}' })
        .collect()
}
