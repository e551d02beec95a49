//! Notes as a JSON API, with state that all requests share.
//!
//! ```text
//! json_api [ADDRESS]        127.0.0.1:8080 unless given; port 0 lets the system choose
//!
//! curl -d '{"title":"Milk"}' -H content-type:application/json http://127.0.0.1:8080/notes
//! curl http://127.0.0.1:8080/notes/1
//! ```

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tinyhttp_server::{Cors, Error, Request, Response, Router, Server, StatusCode};

#[derive(Serialize, Deserialize)]
struct Note {
    title: String,
    #[serde(default)]
    done: bool,
}

#[derive(Default)]
struct Notes(Mutex<BTreeMap<u64, Note>>);

impl Notes {
    fn with<R>(&self, act: impl FnOnce(&mut BTreeMap<u64, Note>) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, note: Note) -> Response {
        let (id, response) = self.with(|notes| {
            let id = notes.last_key_value().map_or(1, |(last, _)| last + 1);
            (id, Response::json(notes.entry(id).or_insert(note)))
        });
        response
            .with_status(StatusCode::CREATED)
            .with_header("location", format!("/notes/{id}"))
    }

    fn read(&self, id: u64) -> Option<Response> {
        self.with(|notes| notes.get(&id).map(Response::json))
    }

    fn remove(&self, id: u64) -> Option<StatusCode> {
        self.with(|notes| notes.remove(&id).map(|_| StatusCode::NO_CONTENT))
    }
}

fn app() -> Router {
    let notes = Arc::new(Notes::default());
    let [all, new, one, gone] = [0; 4].map(|_| Arc::clone(&notes));
    Router::new()
        .max_body(64 << 10)
        .with(Cors::any())
        .get("/notes", move |_: Request<'_>| {
            all.with(|notes| Response::json(notes))
        })
        .post("/notes", move |request: Request<'_>| {
            Ok::<_, Error>(new.add(request.into_json(64 << 10)?))
        })
        .get("/notes/{id}", move |request: Request<'_>| {
            Ok::<_, Error>(one.read(request.param("id")?))
        })
        .delete("/notes/{id}", move |request: Request<'_>| {
            Ok::<_, Error>(gone.remove(request.param("id")?))
        })
}

fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or("127.0.0.1:8080".to_owned());
    let server = Server::bind(address)?.start(app())?;
    println!("Listening at http://{}/", server.local_addrs()[0]);
    server.run()
}
