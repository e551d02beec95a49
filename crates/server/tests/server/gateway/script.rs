//! An upstream server that follows a script, and the server in front of it.

use crate::support::{LONG, Running};
pub(super) use ::support::faults::read_head;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tinyhttp_server::gateway::{Upstream, UpstreamBuilder};

/// Runs an upstream server. `script` gets each connection and its number, in a thread of its own.
pub(super) fn upstream(script: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::new(script);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (script, stream) = (Arc::clone(&script), stream.unwrap());
            stream.set_read_timeout(Some(LONG)).unwrap();
            std::thread::spawn(move || script(stream, number));
        }
    });
    address
}

/// An upstream of these servers.
pub(super) fn builder(addresses: &[SocketAddr]) -> UpstreamBuilder {
    let targets = addresses.iter().map(|address| address.to_string().parse());
    Upstream::builder(targets.map(Result::unwrap))
}

/// A server that forwards everything.
pub(super) fn proxy(address: SocketAddr) -> Running {
    Running::start(builder(&[address]).build())
}

/// Responds to each request without content with the same bytes.
pub(super) fn responds(mut stream: TcpStream, response: &[u8]) {
    while read_head(&mut stream).is_some() {
        if stream.write_all(response).is_err() {
            return;
        }
    }
}

/// A response of HTTP/1.1 with this content.
pub(super) fn ok(content: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}",
        content.len()
    )
}

/// What Content-Length says in a head.
pub(super) fn content_length(head: &str) -> Option<usize> {
    let (_, rest) = head.split_once("\r\nContent-Length: ")?;
    rest.split("\r\n").next()?.parse().ok()
}

/// Whether a counter has begun, and stands still.
pub(super) fn has_settled(counter: &AtomicUsize) -> bool {
    let before = counter.load(Ordering::Relaxed);
    // No event tells that a write waits.
    std::thread::sleep(Duration::from_millis(100));
    before > 0 && before == counter.load(Ordering::Relaxed)
}
