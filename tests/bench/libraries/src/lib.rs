//! What the programs of `make bench-library` share: each listens at the port of 127.0.0.1 that its
//! first argument names, and has `/` (hello world), `/echo` (JSON is read into a [`Note`] and
//! written again), and `/slow` (a handler that waits).

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a slow handler waits.
pub const SLOW: Duration = Duration::from_secs(60);

/// What `/echo` reads and writes.
#[derive(Serialize, Deserialize)]
pub struct Note {
    pub title: String,
    pub text: String,
    pub tags: Vec<String>,
    pub priority: u32,
    pub done: bool,
}

/// Where to listen.
pub fn address() -> (&'static str, u16) {
    let port = std::env::args().nth(1);
    (
        "127.0.0.1",
        port.and_then(|port| port.parse().ok())
            .expect("usage: PROGRAM PORT"),
    )
}
