//! The lines of docs/from-other-libraries.md with other libraries, a module for each library, a
//! function for each task. They are compiled, not run.

#![allow(dead_code)]

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Note {
    title: String,
}

fn read(id: u32) -> rouille::Response {
    rouille::Response::text(id.to_string())
}

fn save(note: Note) -> Note {
    note
}

mod with_tiny_http {
    use super::Note;
    use std::io::Read;
    use tiny_http::{Request, Response};

    fn hello() {
        let server = tiny_http::Server::http("127.0.0.1:8080").unwrap();
        for request in server.incoming_requests() {
            let _ = request.respond(tiny_http::Response::from_string("hello\n"));
        }
    }

    fn json(mut request: Request) -> serde_json::Result<Note> {
        serde_json::from_reader(request.as_reader().take(65536))
    }

    fn websocket(request: Request, response: Response<std::io::Empty>) {
        let _stream = request.upgrade("websocket", response);
    }
}

mod with_rouille {
    use super::{Note, read, save};
    use rouille::{Request, Response, post_input, router, try_or_400};

    fn hello() {
        rouille::start_server("127.0.0.1:8080", |_| rouille::Response::text("hello\n"));
    }

    fn parameter(request: &Request) -> Response {
        router!(request, (GET) (/notes/{id: u32}) => { read(id) }, _ => Response::empty_404())
    }

    fn json(request: &Request) -> Response {
        let note: Note = try_or_400!(rouille::input::json_input(request));
        Response::json(&save(note))
    }

    fn form(request: &Request) -> Response {
        let form = try_or_400!(
            post_input!(request, { title: String, photo: rouille::input::post::BufferedFile })
        );
        Response::text(format!("{}: {} bytes", form.title, form.photo.data.len()))
    }

    fn directory(request: &Request) -> Response {
        rouille::match_assets(&request, "www")
    }

    fn websocket(request: &Request) -> Response {
        let (response, websocket) = try_or_400!(rouille::websocket::start(&request, Some("chat")));
        drop(websocket);
        response
    }
}

mod with_axum {
    use super::{Note, save};
    use axum::extract::ws::{WebSocket, WebSocketUpgrade};
    use axum::extract::{Json, Multipart, Path, Request};
    use axum::middleware::{self, Next};
    use axum::response::sse::{Event, KeepAlive, Sse};
    use axum::response::{IntoResponse, Response};
    use axum::{Router, routing::get};
    use std::error::Error;
    use tokio::fs::File;
    use tokio::io::AsyncWriteExt;
    use tokio::sync::broadcast;
    use tokio_stream::StreamExt;
    use tokio_stream::wrappers::BroadcastStream;
    use tower_http::cors::CorsLayer;

    async fn hello() -> std::io::Result<()> {
        let app = Router::new().route("/", get(|| async { "hello\n" }));
        axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, app).await?;
        Ok(())
    }

    fn read(id: u32) -> String {
        id.to_string()
    }

    fn parameter() -> Router {
        Router::new().route(
            "/notes/{id}",
            get(|Path(id): Path<u32>| async move { read(id) }),
        )
    }

    async fn put(Json(note): Json<Note>) -> Json<Note> {
        Json(save(note))
    }

    async fn form(mut form: Multipart, mut file: File) -> Result<(), Box<dyn Error>> {
        while let Some(mut part) = form.next_field().await? {
            while let Some(chunk) = part.chunk().await? {
                file.write_all(&chunk).await?;
            }
        }
        Ok(())
    }

    fn directory() -> Router {
        Router::new().nest_service("/static", tower_http::services::ServeDir::new("www"))
    }

    async fn events(events: broadcast::Sender<String>) -> impl IntoResponse {
        let texts = BroadcastStream::new(events.subscribe());
        let events = texts.map(|text| text.map(|text| Event::default().data(text)));
        Sse::new(events).keep_alive(KeepAlive::default())
    }

    async fn run(mut socket: WebSocket) {
        while let Some(Ok(message)) = socket.recv().await {
            drop(message);
        }
    }

    async fn chat(upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(|socket| run(socket))
    }

    fn around(app: Router) -> Router {
        app.layer(middleware::from_fn(
            |request: Request, next: Next| async move { next.run(request).await },
        ))
        .layer(CorsLayer::permissive())
    }
}

mod with_clients {
    use super::Note;
    use std::error::Error;
    use std::time::Duration;

    fn ureq_json(url: &str) -> Result<Note, Box<dyn Error>> {
        let note: Note = ureq::get(url).call()?.body_mut().read_json()?;
        Ok(note)
    }

    fn ureq_text(url: &str, limit: Duration) -> Result<String, Box<dyn Error>> {
        let text = ureq::get(url)
            .config()
            .timeout_global(Some(limit))
            .build()
            .call()?
            .body_mut()
            .read_to_string()?;
        Ok(text)
    }

    fn reqwest_json(url: &str) -> Result<Note, Box<dyn Error>> {
        let note: Note = reqwest::blocking::get(url)?.error_for_status()?.json()?;
        Ok(note)
    }

    fn reqwest_text(url: &str, limit: Duration) -> Result<String, Box<dyn Error>> {
        let text = reqwest::blocking::Client::new()
            .get(url)
            .timeout(limit)
            .send()?
            .error_for_status()?
            .text()?;
        Ok(text)
    }
}

fn main() {}
