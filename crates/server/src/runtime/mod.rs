//! The threads and the event loop of a server.
//!
//! One worker polls for reports of ready connections and gives each its turn; others are woken when there
//! is more work than one can do, or when one blocks. In between, connections are parked.

mod admission;
mod contention;
mod inbox;
mod lifecycle;
mod parked;
mod pool;
mod shared;
mod timer;
mod worker;

pub(crate) use admission::Admission;
pub(crate) use parked::CAPACITY;
pub(crate) use pool::Pool;
pub(crate) use shared::Shared;
pub(crate) use timer::run as run_timer;
pub(crate) use worker::{Worker, end};
