//! Prints every datagram that arrives. There is nothing to accept and nothing to close: UDP has no
//! connections.
//!
//! ```text
//! udp_server [PORT [ADDRESS]]        3434 and 127.0.0.1 unless given;
//!                          port 0 lets the system choose
//! ```

use std::io;
use std::net::UdpSocket;

/// Room for the largest datagram; what doesn't fit would be lost without a word.
const LARGEST: usize = 65_535;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or("3434".to_owned());
    let address = arguments.next().unwrap_or("127.0.0.1".to_owned());
    if let Err(error) = serve(&address, &port) {
        eprintln!("udp_server: {address}, port {port}: {error}");
        std::process::exit(1);
    }
}

fn serve(address: &str, port: &str) -> io::Result<()> {
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let socket = UdpSocket::bind((address, port))?;
    println!("Listening at {}", socket.local_addr()?);
    let mut buffer = vec![0; LARGEST];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        // The debug form escapes everything that a terminal would obey.
        println!(
            "Received: {:?} from {from}",
            String::from_utf8_lossy(&buffer[..length])
        );
    }
}
