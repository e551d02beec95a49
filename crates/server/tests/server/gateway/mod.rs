//! Requests that upstream servers respond to.
//!
//! | module | holds |
//! |---|---|
//! | `script` | an upstream server that follows a script |
//! | `messages` | what the upstream and the client get of each other |
//! | `buffered` | content that is received before an upstream gets it |
//! | `faults` | upstreams that fail, close, or are slow, and clients that leave |
//! | `endings` | connections that end in the middle of something |
//! | `deadlines` | bytes that come too slowly, or never |
//! | `large`, `uploads` | large content of responses, and of requests |
//! | `full` | servers that are full |
//! | `load` | faults of every kind under load |
//! | `desync` | messages that two servers could read differently |
//! | `observed` | what is told of an upstream: log, Server-Timing, error pages |
//! | `programs` | upstreams that speak FastCGI, SCGI and uwsgi |
//! | `secured` | upstreams that speak TLS |
//! | `sent` | files that an upstream names, and that are sent in its place |
//! | `queued` | servers with a bounded number of connections, and requests that wait |
//! | `tunnels` | protocols that both sides switch to |

mod buffered;
mod deadlines;
mod desync;
mod endings;
mod faults;
mod full;
mod large;
mod load;
mod messages;
mod observed;
mod programs;
mod script;
#[cfg(feature = "tls")]
mod secured;
mod sent;
mod queued;
mod tunnels;
mod uploads;
