//! WebSocket (RFC 6455) with `tungstenite`: `/chat` passes the messages of a client on to all
//! others, and `/echo` sends them back to it.
//!
//! ```text
//! chat [ADDRESS]        127.0.0.1:8080 unless given; port 0 lets the system choose
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tinyhttp_server::{Request, Router, Server, Upgraded};
use tungstenite::protocol::{CloseFrame, Role, WebSocket, frame::coding::CloseCode};
use tungstenite::{Error, Message};

type Socket = WebSocket<Upgraded>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next text or binary message, or `None` at the end. `read` replies to pings and to a Close.
fn receive(socket: &mut Socket) -> Option<Message> {
    loop {
        let code = match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => return Some(message),
            Ok(_) => continue,
            Err(Error::Utf8(_)) => CloseCode::Invalid,
            Err(Error::Capacity(_)) => CloseCode::Size,
            Err(Error::Protocol(_)) => CloseCode::Protocol,
            Err(_) => return None,
        };
        let reason = "".into();
        let _ = socket.close(Some(CloseFrame { code, reason }));
        return None;
    }
}

fn echo(socket: Upgraded) {
    let mut socket = WebSocket::from_raw_socket(socket, Role::Server, None);
    while receive(&mut socket).is_some_and(|message| socket.send(message).is_ok()) {}
}

/// The clients, by number.
type Room = Mutex<Vec<(usize, Socket)>>;

/// One handle of the socket receives, and the other, which is in the room, sends.
fn chat(room: &Room, socket: Upgraded) {
    let sender = WebSocket::from_raw_socket(socket.try_clone(), Role::Server, None);
    let mut clients = lock(room);
    let number = clients.last().map_or(0, |(last, _)| last + 1);
    clients.push((number, sender));
    drop(clients);
    let mut receiver = WebSocket::from_raw_socket(socket, Role::Server, None);
    while let Some(message) = receive(&mut receiver) {
        lock(room)
            .retain_mut(|(other, socket)| *other == number || socket.send(message.clone()).is_ok());
    }
    lock(room).retain(|(other, _)| *other != number);
}

fn main() -> std::io::Result<()> {
    let room = Arc::new(Room::default());
    let app = Router::new()
        .get("/echo", |request: Request<'_>| {
            request.upgrade("websocket", echo)
        })
        .get("/chat", move |request: Request<'_>| {
            let room = Arc::clone(&room);
            request.upgrade("websocket", move |socket| chat(&room, socket))
        });
    let address = std::env::args().nth(1);
    let server = Server::bind(address.as_deref().unwrap_or("127.0.0.1:8080"))?.start(app)?;
    println!("Listening at http://{}/", server.local_addrs()[0]);
    server.run()
}
