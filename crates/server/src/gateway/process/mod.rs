//! Programs that are run for one request each (CGI, RFC 3875).
//!
//! The server itself starts no process: it is shut in a sandbox, and a process takes its time to
//! start. A *supervisor*, which may be a process of its own, does it:
//!
//! ```text
//!              order: two descriptors              stdin ──▶
//!   server ──────────────────────────▶ supervisor  ◀── stdout   program
//!          ◀═══ data: content, output ══▶          ◀── stderr
//!          ◀─── control: variables, report ─▶
//! ```
//!
//! The connection of a request owns its ends of data and control. It exchanges content and response
//! on data as with an upstream server. Nothing waits for a program but a poll in the supervisor.
//! When the server closes control, the request has ended, and its program with it.
//!
//! | module | holds |
//! |---|---|
//! | `cgi` | what runs the scripts of a directory |
//! | `options` | which programs are run, and their bounds |
//! | `launch` | the server's side: an order, and the program that is run for it |
//! | `order` | orders and reports as bytes |
//! | `supervisor` | the other side: a poll over all programs |
//! | `program` | one program: its process and its deadlines |
//! | `streams` | what goes in and out of it |

mod cgi;
mod options;
mod launch;
mod order;
mod supervisor;
mod program;
mod streams;

pub use cgi::Cgi;
pub use options::CgiOptions;
pub use supervisor::supervise;

pub(crate) use launch::{Launch, Running};
