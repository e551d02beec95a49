//! Sends the time to every client that connects, and closes the connection.
//!
//! ```text
//! time_server [PORT [ADDRESS]]        3434 and 127.0.0.1 unless given;
//!                          port 0 lets the system choose
//! ```
//!
//! One thread is enough, because a client can't make it wait: nothing is read, and a line fits into
//! the buffer that every new connection has.

use chrono::{Local, SecondsFormat};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or("3434".to_owned());
    let address = arguments.next().unwrap_or("127.0.0.1".to_owned());
    if let Err(error) = serve(&address, &port) {
        eprintln!("time_server: {address}, port {port}: {error}");
        std::process::exit(1);
    }
}

fn serve(address: &str, port: &str) -> io::Result<()> {
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let listener = TcpListener::bind((address, port))?;
    println!("Listening at {}", listener.local_addr()?);
    loop {
        // An error of one client, even before it is accepted, must not end the loop for the others.
        let told = listener
            .accept()
            .and_then(|(client, from)| tell(client, from));
        if let Err(error) = told {
            eprintln!("time_server: {error}");
        }
    }
}

fn tell(mut client: TcpStream, from: SocketAddr) -> io::Result<()> {
    println!("Client {from} connected!");
    let now = Local::now().to_rfc3339_opts(SecondsFormat::Millis, false);
    let message = format!("Current time is {now}\n");
    client.write_all(message.as_bytes())?;
    print!("Sent: {message}");
    Ok(())
    // Dropping the client closes the connection, which tells it that the time is complete.
}
