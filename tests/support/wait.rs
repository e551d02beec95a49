//! Waiting for what no event announces, and addresses that are free or have a listener.

use crate::LONG;
use std::fmt::Display;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// The time between two looks.
const PACE: Duration = Duration::from_millis(5);

/// Looks again and again until a condition holds that no event announces.
///
/// # Panics
/// If it does not hold in time: with `what`, which is written then.
#[track_caller]
pub fn wait_until(what: impl Display, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        // No event announces it.
        std::thread::sleep(PACE);
    }
}

/// Waits until a server listens on the address.
///
/// # Panics
/// If none does in time.
#[track_caller]
pub fn listens(address: SocketAddr) {
    wait_until(format_args!("a listener on {address}"), || {
        TcpStream::connect(address).is_ok()
    });
}

/// A loopback address that was free a moment ago: for servers that can't be asked for their port.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
