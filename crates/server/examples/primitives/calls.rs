//! The calls, each of which prints what it returned.

use rustix::io::{Errno, Result};
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use std::fmt::Debug;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

/// Sockets whose calls wait.
pub(crate) const BLOCKING: SocketFlags = SocketFlags::CLOEXEC;

/// Sockets whose calls never wait.
pub(crate) const NON_BLOCKING: SocketFlags = BLOCKING.union(SocketFlags::NONBLOCK);

pub(crate) fn socket(side: &str, flags: SocketFlags) -> Result<OwnedFd> {
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
    named(side, "socket", socket)
}

/// `socket`, `bind` and `listen`; and the address, with the port that the system chose.
pub(crate) fn listener(port: u16, flags: SocketFlags) -> Result<(OwnedFd, SocketAddr)> {
    let listener = socket("server", flags)?;
    // Permits binding a port whose earlier connections are still in TIME_WAIT.
    sockopt::set_socket_reuseaddr(&listener, true)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    named("server", "bind", net::bind(&listener, &address))?;
    named("server", "listen", net::listen(&listener, 1))?;
    let address = SocketAddr::try_from(net::getsockname(&listener)?)?;
    Ok((listener, named("server", "getsockname", Ok(address))?))
}

pub(crate) fn connect(client: &OwnedFd, address: SocketAddr) -> Result<()> {
    named("client", "connect", net::connect(client, &address))
}

/// How the connecting that was under way has ended.
pub(crate) fn connected(client: &OwnedFd) -> Result<()> {
    named("client", "getsockopt", sockopt::socket_error(client)?)
}

pub(crate) fn accept(listener: &OwnedFd, flags: SocketFlags) -> Result<OwnedFd> {
    named("server", "accept", net::accept_with(listener, flags))
}

/// So short a message is taken whole; of a long one it might be a part, and the rest would have to
/// be sent later.
pub(crate) fn send(side: &str, socket: &OwnedFd, message: &str) -> Result<usize> {
    named(
        side,
        "send",
        net::send(socket, message.as_bytes(), SendFlags::NOSIGNAL),
    )
}

/// So short a message comes whole; a long one might come in pieces. Nothing at all is the end: the
/// other side has closed.
pub(crate) fn recv(side: &str, socket: &OwnedFd) -> Result<String> {
    let mut buffer = [0; 64];
    let received = net::recv(socket, &mut buffer[..], RecvFlags::empty());
    let text = received.map(|(_, length)| String::from_utf8_lossy(&buffer[..length]).into_owned());
    named(side, "recv", text)
}

pub(crate) fn close(side: &str, socket: OwnedFd) {
    drop(socket);
    println!("  {side} close()");
}

fn named<T: Debug>(side: &str, call: &str, result: Result<T>) -> Result<T> {
    match &result {
        Ok(value) => println!("  {side} {call}() -> {value:?}"),
        Err(Errno::AGAIN) => println!("  {side} {call}() -> EAGAIN: it would have to wait"),
        Err(Errno::INPROGRESS) => {
            println!("  {side} {call}() -> EINPROGRESS: the handshake is under way");
        }
        Err(error) => println!("  {side} {call}() -> {error}"),
    }
    result
}
