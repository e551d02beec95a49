//! Asks a server for the time by connecting to it: the whole protocol is one connection, one line
//! and its end.
//!
//! ```text
//! time_client [HOST [PORT]]        127.0.0.1 and 3434, where `time_server` is, unless given
//! ```

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::Duration;

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// No time takes more bytes than this.
const MOST: u64 = 1024;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or("127.0.0.1".to_owned());
    let port = arguments.next().unwrap_or("3434".to_owned());
    if let Err(error) = ask(&host, &port) {
        eprintln!("time_client: {host}, port {port}: {error}");
        std::process::exit(1);
    }
}

fn ask(host: &str, port: &str) -> io::Result<()> {
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let stream = TcpStream::connect((host, port))?;
    println!("Connected to {} OK", stream.peer_addr()?);
    stream.set_read_timeout(Some(PATIENCE))?;
    // One read might give half of it. What marks the end here is that the server closes.
    let mut message = Vec::new();
    stream.take(MOST).read_to_end(&mut message)?;
    // The quoted form leaves nothing in it that a terminal would obey.
    println!("Received: {:?}", String::from_utf8_lossy(&message));
    Ok(())
}
