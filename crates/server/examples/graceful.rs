//! Ends gracefully: after a line on standard input, or its end, requests in flight are finished.
//!
//! ```text
//! graceful [ADDRESS]        127.0.0.1:8080 unless given; port 0 lets the system choose
//! ```
//!
//! A program that ends on SIGTERM calls the same method from its thread for signals, for example
//! with the crate `signal-hook`.

use std::io::Write;
use std::time::Duration;
use tinyhttp_server::{Request, Response, Router, Server};

/// How long requests in flight may take.
const GRACE: Duration = Duration::from_secs(30);

fn main() -> std::io::Result<()> {
    let app = Router::new()
        .get("/", |_: Request<'_>| "hello\n")
        .get("/slow", |_: Request<'_>| {
            Response::stream(|out| {
                for number in 1..=5 {
                    writeln!(out, "{number}")?;
                    out.flush()?;
                    std::thread::sleep(Duration::from_millis(200));
                }
                Ok(())
            })
        });
    let address = std::env::args()
        .nth(1)
        .unwrap_or("127.0.0.1:8080".to_owned());
    let server = Server::bind(address)?.spawn(app)?;
    println!("Listening at http://{}/", server.local_addrs()[0]);
    std::io::stdin().read_line(&mut String::new())?;
    println!("Ending");
    server.shutdown(GRACE)?;
    println!("Ended");
    Ok(())
}
