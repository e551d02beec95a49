//! The threads and the event loop of a server.
//!
//! One worker polls for reports of ready connections and gives each its turn; others are woken when
//! there is more work than one can do, or when one blocks. In between, connections are parked.
//!
//! | module | holds |
//! |---|---|
//! | `timer` | deadlines, stuck workers, shutdown |
//! | `worker` | the event loop, and accepting |
//! | `eviction` | which connections make room for new ones |
//! | `call` | calling a handler |
//! | `pace` | closures that have been quick, and run where they are |
//! | `blocking` | handing a blocked worker's place to others |
//! | `inbox` | the reports that a worker has taken |
//! | `pool` | the threads |
//! | `contention` | whether another worker would find a core |
//! | `parked` | connections that wait |
//! | `switched` | the sockets that closures have after a switch of protocols |
//! | `shared` | what all workers share |
//! | `admission` | listeners, limits, and whether connections are accepted |
//! | `descriptors` | how many connections the limit on open files admits |
//! | `lifecycle` | the stages of a server |

mod timer;
mod worker;
mod eviction;
mod call;
mod pace;
mod blocking;
mod inbox;
mod pool;
mod contention;
mod parked;
mod switched;
mod shared;
mod admission;
mod descriptors;
mod lifecycle;

pub(crate) use admission::Admission;
pub(crate) use descriptors::descriptors_for_connections;
pub(crate) use parked::CAPACITY;
pub(crate) use pool::Pool;
pub(crate) use shared::Shared;
pub(crate) use timer::run as run_timer;
pub(crate) use worker::{Worker, end};
