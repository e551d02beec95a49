//! `tinyhttp serve` as a service that runs for months.
//!
//! | module | holds |
//! |---|---|
//! | `life` | Unix sockets, inherited sockets, another user, restarts |
//! | `signals` | signals that stop the server, make it reload, or do nothing |
//! | `logs` | the access log and the program's own log |
//! | `memory` | the ceiling of memory that the documentation states |
//! | `soak` | a mixed load with faults; long, so `make soak` runs it |

#![cfg(test)]

mod life;
mod logs;
mod memory;
mod signals;
mod soak;
