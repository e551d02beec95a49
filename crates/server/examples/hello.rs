//! Hello world, JSON that is read and written again, and a handler that waits: what
//! `make bench-library` measures beside other libraries (tests/bench/libraries).
//!
//! ```text
//! hello PORT
//! ```

use serde::{Deserialize, Serialize};
use std::time::Duration;
use tinyhttp_server::{Error, Request, Response, Router, Server};

/// How long a slow handler waits.
const SLOW: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
struct Note {
    title: String,
    text: String,
    tags: Vec<String>,
    priority: u32,
    done: bool,
}

fn echo(request: Request<'_>) -> Result<Response, Error> {
    Ok(Response::json(&request.into_json::<Note>(64 << 10)?))
}

fn slow(_: Request<'_>) -> &'static str {
    // The handler that waits.
    std::thread::sleep(SLOW);
    "slow\n"
}

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let address = ("127.0.0.1", port.expect("usage: hello PORT"));
    let app = Router::new()
        .get("/", |_: Request<'_>| "hello\n")
        .post("/echo", echo)
        .get("/slow", slow);
    Server::bind(address)?.serve(app)
}
