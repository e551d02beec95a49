//! WebSocket (RFC 6455) with `tungstenite`: what a client sends at `/chat`, all others get, and
//! `/echo` sends back what it receives.
//!
//! ```text
//! chat [ADDRESS]        127.0.0.1:8080 unless given; port 0 lets the system choose
//! ```

use std::sync::{Arc, Mutex, PoisonError};
use tinyhttp_server::{Request, Response, Router, Server, Upgraded};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Error, Message};

type Socket = WebSocket<Upgraded>;

#[derive(Default)]
struct Room(Mutex<Vec<(usize, Socket)>>);

impl Room {
    fn clients(&self) -> std::sync::MutexGuard<'_, Vec<(usize, Socket)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chat(&self, socket: Upgraded) {
        let sending = WebSocket::from_raw_socket(socket.try_clone(), Role::Server, None);
        let mut clients = self.clients();
        let number = clients.last().map_or(0, |(last, _)| last + 1);
        clients.push((number, sending));
        drop(clients);
        let mut receiving = WebSocket::from_raw_socket(socket, Role::Server, None);
        while let Ok(message) = receiving.read() {
            if message.is_text() || message.is_binary() {
                let others = |(other, socket): &mut (usize, Socket)| {
                    *other == number || socket.send(message.clone()).is_ok()
                };
                self.clients().retain_mut(others);
            }
        }
        self.clients().retain(|(other, _)| *other != number);
    }
}

fn echo(socket: Upgraded) {
    let mut socket: Socket = WebSocket::from_raw_socket(socket, Role::Server, None);
    loop {
        let sent = match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message),
            Ok(_) => socket.flush(),
            Err(error) => Err(error),
        };
        match sent {
            Err(Error::ConnectionClosed | Error::Io(_)) => return,
            Err(_) if socket.flush().is_err() => return,
            _ => {}
        }
    }
}

fn accept(request: Request<'_>, run: impl FnOnce(Upgraded) + Send + 'static) -> Response {
    let key = derive_accept_key(request.field("sec-websocket-key").unwrap_or_default());
    request
        .upgrade("websocket", run)
        .with_header("sec-websocket-accept", key)
}

fn main() -> std::io::Result<()> {
    let room = Arc::new(Room::default());
    let app = Router::new()
        .get("/echo", |request: Request<'_>| accept(request, echo))
        .get("/chat", move |request: Request<'_>| {
            let room = Arc::clone(&room);
            accept(request, move |socket| room.chat(socket))
        });
    let address = std::env::args()
        .nth(1)
        .unwrap_or("127.0.0.1:8080".to_owned());
    let server = Server::bind(address)?.start(app)?;
    println!("Listening at http://{}/", server.local_addrs()[0]);
    server.run()
}
