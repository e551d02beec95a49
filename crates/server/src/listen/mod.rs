//! Listening sockets, and the connections of each client.
//!
//! | module | holds |
//! |---|---|
//! | `listeners` | the sockets that a server listens on |
//! | `listener` | listening sockets, and accepting |
//! | `defer` | silent clients, which the kernel holds back |
//! | `role` | what the clients of a listener speak |
//! | `unix_socket` | the file of a Unix socket |
//! | `clients` | how many connections each client has |

mod clients;
mod defer;
mod listener;
mod listeners;
mod role;
mod unix_socket;

pub(crate) use clients::{ClientPermit, Clients};
pub(crate) use listener::{Accepted, BACKLOG, Listener};
pub use listeners::Listeners;
pub(crate) use role::Role;
