//! Asks every client for a string, and responds with its number of characters (not bytes).
//!
//! ```text
//! ask [PORT [ADDRESS]]        51423 and 127.0.0.1 unless given;
//!                          port 0 lets the system choose
//! ```
//!
//! This is the thread pool in its oldest form: every thread accepts a connection, serves its
//! client, and accepts again. So there are many clients at once, and a bound on them; further
//! clients wait in the kernel's queue. But a client that is slow to respond keeps a thread waiting.
//! The crate's server avoids that: see its `parked` module.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// How many clients are served at a time.
const THREADS: usize = 64;

/// How long a client may think.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a client that has its answer is listened to.
const LINGER: Duration = Duration::from_secs(1);

/// The longest line, in bytes.
const MOST: u64 = 4096;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or("51423".to_owned());
    let address = arguments.next().unwrap_or("127.0.0.1".to_owned());
    if let Err(error) = serve(&address, &port) {
        eprintln!("ask: {address}, port {port}: {error}");
        std::process::exit(1);
    }
}

fn serve(address: &str, port: &str) -> io::Result<()> {
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let listener = TcpListener::bind((address, port))?;
    println!(
        "Listening at {}; press Ctrl-C to end",
        listener.local_addr()?
    );
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| accept(&listener));
        }
    });
    Ok(())
}

fn accept(listener: &TcpListener) {
    loop {
        let asked = listener
            .accept()
            .and_then(|(client, from)| ask(client, from));
        if let Err(error) = asked {
            eprintln!("ask: {error}");
        }
    }
}

fn ask(mut client: TcpStream, from: SocketAddr) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    // One write for the whole request: with one per line, each would be a packet.
    let question = format!("Welcome, {from}\nPlease enter a string: ");
    client.write_all(question.as_bytes())?;
    let mut line = Vec::new();
    BufReader::new((&client).take(MOST)).read_until(b'\n', &mut line)?;
    client.write_all(answer(&line).as_bytes())?;
    // Closing a socket with unread data resets the connection, and the client could lose the
    // response. So the socket is shut down for writing, and read for a moment; the outcome does not
    // matter.
    client.shutdown(Shutdown::Write)?;
    client.set_read_timeout(Some(LINGER))?;
    let _ = io::copy(&mut (&client).take(16 * MOST), &mut io::sink());
    Ok(())
}

fn answer(line: &[u8]) -> String {
    if line.len() as u64 == MOST && !line.ends_with(b"\n") {
        return format!("That is more than {MOST} bytes.\n");
    }
    match std::str::from_utf8(line) {
        Ok(text) => format!("You entered {} characters.\n", text.trim().chars().count()),
        Err(_) => "That is not UTF-8, so it has bytes, but no characters.\n".to_owned(),
    }
}
