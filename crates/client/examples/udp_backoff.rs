//! Gets an answer through a network that loses datagrams: sends again, waits twice as long each
//! time, and gives up.
//!
//! ```text
//! udp_backoff [HOST [PORT [FIRST [LAST]]]]    127.0.0.1, 1060 (of `udp_echo`), 0.1 and 2 s
//! ```
//!
//! Why longer each time? If the network loses datagrams because it is full, sending as often as
//! before would keep it full. Why an end? A server that is down looks like a slow one; after the
//! longest wait the client has to decide.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    match converse(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(answer) => {
            println!("The server says {answer:?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("udp_backoff: {error}");
            ExitCode::FAILURE
        }
    }
}

fn converse(arguments: &[String]) -> Result<String, String> {
    let argument = |at: usize, default| arguments.get(at).map_or(default, String::as_str);
    let (host, port) = (argument(0, "127.0.0.1"), argument(1, "1060"));
    let (mut wait, last) = (seconds(argument(2, "0.1"))?, seconds(argument(3, "2"))?);
    let server = format!("{host}, port {port}");
    let socket = connect(host, port).map_err(|error| format!("{server}: {error}"))?;
    while wait <= last {
        println!("Waiting up to {} s for a reply", wait.as_secs_f64());
        match ask(&socket, wait) {
            Ok(answer) => return Ok(answer),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                return Err(format!("nothing listens at {server}: {error}"));
            }
            Err(error) => return Err(format!("{server}: {error}")),
        }
        wait *= 2;
    }
    let last = last.as_secs_f64();
    Err(format!(
        "{server}: I think the server is down: no answer, and the next wait would be over {last} s"
    ))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok();
    let wait = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
    wait.filter(|wait| !wait.is_zero())
        .ok_or(format!("{text:?} is no wait: seconds above zero are"))
}

/// Sends nothing, but fixes the peer of the socket: the kernel drops datagrams from other senders.
fn connect(host: &str, port: &str) -> io::Result<UdpSocket> {
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let server = (host, port).to_socket_addrs()?.next();
    let server = server.ok_or(io::Error::other("the host has no address"))?;
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    println!("Client socket name is {}", socket.local_addr()?);
    Ok(socket)
}

fn ask(socket: &UdpSocket, wait: Duration) -> io::Result<String> {
    socket.send(b"This is another message")?;
    socket.set_read_timeout(Some(wait))?;
    let mut buffer = [0; 1024];
    let length = socket.recv(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}
