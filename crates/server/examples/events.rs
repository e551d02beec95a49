//! Server-sent events: every client sees what any client sends. A silent connection holds no
//! thread.
//!
//! ```text
//! events [ADDRESS]        127.0.0.1:8080 unless given; port 0 lets the system choose
//!
//! curl -N http://127.0.0.1:8080/events
//! curl -d hello http://127.0.0.1:8080/
//! ```

use std::sync::{Arc, Mutex, PoisonError};
use tinyhttp_server::{Error, Event, EventSender, Request, Response, Router, Server, StatusCode};

/// The messages so far, and the connections that listen.
#[derive(Default)]
struct Channel(Mutex<(Vec<String>, Vec<EventSender>)>);

fn event(id: usize, text: &str) -> Event {
    Event::new(text).id(id.to_string())
}

impl Channel {
    fn send(&self, text: String) {
        let (messages, listeners) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A client that has left, or reads too slowly, is dropped.
        listeners.retain(|events| events.send(event(messages.len(), &text)).is_ok());
        messages.push(text);
    }

    /// Begins behind the last message that the client has seen before its connection broke.
    fn listen(&self, request: &Request<'_>) -> Response {
        let seen = request
            .last_event_id()
            .and_then(|id| id.parse::<usize>().ok());
        let (events, response) = Response::sse();
        let (messages, listeners) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = seen.map_or(0, |id| id.saturating_add(1));
        for (id, text) in messages.iter().enumerate().skip(next) {
            // It is in order until the client is found to be gone.
            let _ = events.send(event(id, text));
        }
        listeners.push(events);
        response
    }
}

fn main() -> std::io::Result<()> {
    let channel = Arc::new(Channel::default());
    let listen = Arc::clone(&channel);
    let app = Router::new()
        .get("/events", move |request: Request<'_>| {
            listen.listen(&request)
        })
        .post("/", move |request: Request<'_>| {
            channel.send(request.into_text(4096)?);
            Ok::<_, Error>(StatusCode::NO_CONTENT)
        });
    let address = std::env::args()
        .nth(1)
        .unwrap_or("127.0.0.1:8080".to_owned());
    let server = Server::bind(address)?.start(app)?;
    println!("Listening at http://{}/", server.local_addrs()[0]);
    server.run()
}
