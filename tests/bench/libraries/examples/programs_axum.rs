//! Six typical programs with axum; crates/server/tests/server/programs.rs has the same ones, and
//! counts the lines of both.

use axum::Router;
use axum::extract::multipart::MultipartError;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{DefaultBodyLimit, Json, Multipart, Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::BroadcastStream;

#[derive(Clone, Serialize, Deserialize)]
struct Note {
    title: String,
}

#[derive(Deserialize)]
struct Language {
    lang: String,
}

type Notes = Arc<Mutex<BTreeMap<u32, Note>>>;

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello\n" }))
}

fn greet() -> Router {
    let greet = |Path(name): Path<String>, Query(query): Query<Language>| async move {
        format!("hello {name} in {}\n", query.lang)
    };
    Router::new().route("/{name}", get(greet))
}

fn notes() -> Router {
    let read = |State(notes): State<Notes>, Path(id): Path<u32>| async move {
        let note = notes.lock().unwrap().get(&id).cloned();
        note.map(Json).ok_or(StatusCode::NOT_FOUND)
    };
    let write = |State(notes): State<Notes>, Path(id): Path<u32>, Json(note): Json<Note>| async move {
        notes.lock().unwrap().insert(id, note);
        StatusCode::NO_CONTENT
    };
    Router::new()
        .route("/{id}", get(read).put(write))
        .with_state(Notes::default())
        .layer(DefaultBodyLimit::max(64 << 10))
}

fn upload() -> Router {
    let receive = |mut form: Multipart| async move {
        let mut lines = String::new();
        while let Some(mut part) = form.next_field().await? {
            let name = part.name().unwrap_or_default().to_owned();
            let mut length = 0;
            while let Some(chunk) = part.chunk().await? {
                length += chunk.len();
            }
            lines += &format!("{name}: {length} bytes\n");
        }
        Ok::<_, MultipartError>(lines)
    };
    Router::new()
        .route("/", post(receive))
        .layer(DefaultBodyLimit::max(100 << 20))
}

fn events() -> Router {
    let (events, _) = broadcast::channel::<String>(64);
    let listeners = events.clone();
    let listen = || async move {
        let texts = BroadcastStream::new(listeners.subscribe());
        let events = texts.map(|text| text.map(|text| Event::default().data(text)));
        Sse::new(events).keep_alive(KeepAlive::default())
    };
    let send = |text: String| async move {
        let _ = events.send(text);
    };
    Router::new().route("/", get(listen).post(send))
}

fn websocket() -> Router {
    let echo = |upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(|mut socket| async move {
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    break;
                }
            }
        })
    };
    Router::new().route("/", get(echo))
}

fn main() {
    let programs = [hello(), greet(), notes(), upload(), events(), websocket()];
    println!("{} programs", programs.len());
}
