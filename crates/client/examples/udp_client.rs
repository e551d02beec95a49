//! Sends one datagram, and shows when a socket gets its address: not when it is made, but when it
//! first sends.
//!
//! ```text
//! udp_client [HOST [PORT [TEXT]]]        127.0.0.1, 3434 (of `udp_server`), `Hello UDP!`
//! ```
//!
//! The program knows only that the datagram was sent, not whether it arrived; `udp_backoff` finds
//! out.

use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or("127.0.0.1".to_owned());
    let port = arguments.next().unwrap_or("3434".to_owned());
    let text = arguments.next().unwrap_or("Hello UDP!".to_owned());
    if let Err(error) = send(&host, &port, &text) {
        eprintln!("udp_client: {host}, port {port}: {error}");
        std::process::exit(1);
    }
}

fn send(host: &str, port: &str, text: &str) -> io::Result<()> {
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let no_address = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let server = (host, port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(no_address)?;
    // `std::net::UdpSocket` binds at once; this one leaves it to the system.
    let socket = Socket::new(Domain::for_address(server), Type::DGRAM, None)?;
    println!("Address before sending: {}", address(&socket)?);
    socket.send_to(text.as_bytes(), &SockAddr::from(server))?;
    println!("Address after sending: {}", address(&socket)?);
    println!("Sent: {text} to {server}");
    Ok(())
}

fn address(socket: &Socket) -> io::Result<SocketAddr> {
    let no_address = || io::Error::other("not an internet socket");
    socket.local_addr()?.as_socket().ok_or_else(no_address)
}
