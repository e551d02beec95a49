//! The same exchange twice, each system call named as it happens: once with calls that wait, once
//! with one that waits for all.
//!
//! ```text
//! primitives [PORT]        any free port unless given
//! ```
//!
//! [`blocking`]: each side needs a thread of its own, since it is asleep inside one of its calls
//! most of the time. [`non_blocking`]: one thread plays both sides. A call that would have to wait
//! fails instead, and `epoll_wait`, the only one that waits, says which socket is worth another
//! try. The crate's server waits so for thousands.

mod blocking;
mod calls;
mod non_blocking;

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or("0".to_owned());
    let port = port.parse().map_err(std::io::Error::other)?;
    println!("Blocking: a call returns when it is done");
    blocking::exchange(port)?;
    println!("Non-blocking: a call returns at once, and epoll_wait() says when to call again");
    Ok(non_blocking::exchange(port)?)
}
