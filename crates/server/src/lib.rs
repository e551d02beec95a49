//! A thread-pool HTTP/1.1 server.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod body;
pub mod files;
mod handler;

pub use body::Body;
pub use handler::{Handler, Peer};
