//! The lines of docs/from-other-libraries.md with this library, a function for each task. They are
//! compiled, not run; tests/project/tasks.rs compares them with the document.

use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use tinyhttp_server::{Broadcast, Cors, Error, Files, Next, Request, Response, Router};
use tinyhttp_server::{Server, Upgraded};
use tungstenite::protocol::{Role, WebSocket};

#[derive(Serialize, Deserialize)]
struct Note {
    title: String,
}

fn read(id: u32) -> Result<String, Error> {
    Ok(id.to_string())
}

fn save(note: Note) -> Note {
    note
}

fn hello() -> io::Result<()> {
    Server::bind("127.0.0.1:8080")?.serve(|_: Request| "hello\n")?;
    Ok(())
}

fn parameter() -> Router {
    Router::new().get("/notes/{id}", |r: Request| read(r.param("id")?))
}

fn put(r: Request) -> Result<Response, Error> {
    Ok(Response::json(&save(r.into_json(64 << 10)?)))
}

fn form(r: Request, mut file: File) -> Result<(), Error> {
    let mut form = r.into_multipart(100 << 20)?;
    while let Some(mut part) = form.next_part()? {
        io::copy(&mut part, &mut file)?;
    }
    Ok(())
}

fn directory() -> io::Result<Router> {
    Ok(Router::new().mount("/static", Files::open("www")?))
}

fn events(events: &Broadcast) -> Response {
    events.send("later");
    events.subscribe()
}

fn run(socket: Upgraded) {
    let mut socket = WebSocket::from_raw_socket(socket, Role::Server, None);
    while let Ok(message) = socket.read() {
        drop(message);
    }
}

fn chat(r: Request) -> Response {
    r.upgrade("websocket", run)
}

fn around(app: Router) -> Router {
    app.with(|request: Request, next: Next| next.run(request))
        .with(Cors::any())
}

fn handlers() -> Router {
    let app = Router::new().put("/", put).get("/chat", chat);
    around(app)
}
