//! Six typical programs, next to the same ones with axum, which are compiled in
//! tests/bench/libraries.
//!
//! Both are formatted by rustfmt, and none of ours has more lines.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use tinyhttp_server::{Broadcast, Error, Request, Response, Route, Router, Server};
use tinyhttp_server::{StatusCode, Upgraded};
use tungstenite::protocol::{Role, WebSocket};

#[derive(Serialize, Deserialize)]
struct Note {
    title: String,
}

type Notes = Mutex<BTreeMap<u32, Note>>;

fn hello() -> Router {
    Router::new().get("/", |_: Request<'_>| "hello\n")
}

fn greet() -> Router {
    Router::new().get("/{name}", |request: Request<'_>| {
        let (name, lang): (String, String) = (request.param("name")?, request.query_value("lang")?);
        Ok::<_, Error>(format!("hello {name} in {lang}\n"))
    })
}

fn notes() -> Router {
    let notes = Arc::new(Notes::default());
    let written = Arc::clone(&notes);
    let read = move |request: Request<'_>| {
        let notes = notes.lock().unwrap();
        Ok::<_, Error>(notes.get(&request.param("id")?).map(Response::json))
    };
    let write = move |request: Request<'_>| {
        let (id, note) = (request.param("id")?, request.into_json(64 << 10)?);
        written.lock().unwrap().insert(id, note);
        Ok::<_, Error>(StatusCode::NO_CONTENT)
    };
    Router::new().get("/{id}", read).put("/{id}", write)
}

fn upload() -> Router {
    let receive = |request: Request<'_>| {
        let mut form = request.into_multipart(100 << 20)?;
        let mut lines = String::new();
        while let Some(mut part) = form.next_part()? {
            let name = part.name().to_owned();
            let length = io::copy(&mut part, &mut io::sink())?;
            lines += &format!("{name}: {length} bytes\n");
        }
        Ok::<_, Error>(lines)
    };
    Router::new().post("/", Route::new(receive).max_body(100 << 20))
}

fn events() -> Router {
    let events = Broadcast::new();
    let listeners = events.clone();
    let send = move |request: Request<'_>| {
        events.send(request.into_text(4096)?);
        Ok::<_, Error>(StatusCode::NO_CONTENT)
    };
    let listen = move |_: Request<'_>| listeners.subscribe();
    Router::new().get("/", listen).post("/", send)
}

fn websocket() -> Router {
    let echo = |socket: Upgraded| {
        let mut socket = WebSocket::from_raw_socket(socket, Role::Server, None);
        while socket.read().is_ok_and(|sent| socket.send(sent).is_ok()) {}
    };
    Router::new().get("/", move |request: Request<'_>| {
        request.upgrade("websocket", echo)
    })
}

/// The number of lines of a function.
fn lines(source: &str, name: &str) -> usize {
    let start = source.find(&format!("\nfn {name}(")).unwrap();
    let end = source[start..].find("\n}\n").unwrap();
    source[start..start + end].lines().count()
}

#[test]
fn programs_are_as_short_as_with_axum() {
    let ours = include_str!("programs.rs");
    let axum = include_str!("../../../../tests/bench/libraries/examples/programs_axum.rs");
    for name in "hello greet notes upload events websocket".split(' ') {
        let (own, other) = (lines(ours, name), lines(axum, name));
        assert!(own <= other, "{name}: {own} lines, {other} with axum");
    }
}

#[test]
fn programs_work() {
    let text = |response: Response| response.into_text().unwrap();
    assert_eq!(text(hello().call(Request::get("/"))), "hello\n");
    let answer = greet().call(Request::get("/ann?lang=French"));
    assert_eq!(text(answer), "hello ann in French\n");

    let notes = notes();
    let json = Request::put("/1", r#"{"title":"Milk"}"#);
    let answer = notes.call(json.with_header("content-type", "application/json"));
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let note = text(notes.call(Request::get("/1")));
    assert_eq!(note, r#"{"title":"Milk"}"#);
    let missing = notes.call(Request::get("/2"));
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);

    let form = "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n\
        12345\r\n--x--\r\n";
    let form = Request::post("/", form);
    let form = form.with_header("content-type", "multipart/form-data; boundary=x");
    assert_eq!(text(upload().call(form)), "a: 5 bytes\n");

    let app = events();
    let stream = app.call(Request::get("/"));
    let sent = app.call(Request::post("/", "hello"));
    assert_eq!(sent.status(), StatusCode::NO_CONTENT);
    drop(app);
    assert_eq!(text(stream), "data: hello\n\n");
}

#[test]
fn the_websocket_works() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.spawn(websocket()).unwrap();
    let address = server.local_addrs()[0].to_string();
    let stream = TcpStream::connect(&address).unwrap();
    let (mut socket, _) = tungstenite::client(format!("ws://{address}/"), stream).unwrap();
    socket.send("hello".into()).unwrap();
    assert_eq!(socket.read().unwrap(), "hello".into());
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
}
