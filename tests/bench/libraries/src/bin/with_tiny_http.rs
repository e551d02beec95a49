//! tiny_http, with as many threads as its example of several.

use libraries::{Note, SLOW, address};
use std::sync::Arc;
use tiny_http::{Header, Request, Response, Server};

const THREADS: usize = 4;

fn main() {
    let server = Arc::new(Server::http(address()).unwrap());
    let run = |server: Arc<Server>| {
        for request in server.incoming_requests() {
            // The client may be gone.
            let _ = respond(request);
        }
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let server = Arc::clone(&server);
            std::thread::spawn(move || run(server))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn respond(mut request: Request) -> std::io::Result<()> {
    match request.url() {
        "/echo" => match serde_json::from_reader::<_, Note>(request.as_reader()) {
            Ok(note) => {
                let json = Header::from_bytes("Content-Type", "application/json").unwrap();
                let text = serde_json::to_string(&note).unwrap();
                request.respond(Response::from_string(text).with_header(json))
            }
            Err(_) => request.respond(Response::empty(400)),
        },
        "/slow" => {
            // The handler that waits.
            std::thread::sleep(SLOW);
            request.respond(Response::from_string("slow\n"))
        }
        _ => request.respond(Response::from_string("hello\n")),
    }
}
