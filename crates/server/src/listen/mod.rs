//! Where connections come from: listeners, Unix sockets, and the number of connections of each client.

mod clients;
mod listener;
mod unix_socket;

pub(crate) use clients::{ClientPermit, Clients};
pub(crate) use listener::{Accepted, BACKLOG, Listener};
