//! The public API against a server that follows a script.
//!
//! | module | holds |
//! |---|---|
//! | `server` | that server |
//! | `connections`, `fields`, `contents` | what users of other clients have reported, by subject |
//! | `requests` | what a builder sends, and what a response offers |
//! | `retries` | retries by a policy |
//! | `digest` | digest authentication |
//! | `upgrades` | 101 Switching Protocols |
//! | `programs` | six typical programs, beside the same ones with ureq |
//! | `tasks` | the tasks of docs/from-other-libraries.md, compiled |
#![cfg(test)]

mod server;

mod connections;

mod contents;

mod fields;

mod requests;

mod retries;

#[cfg(feature = "digest")]
mod digest;

mod upgrades;

#[cfg(feature = "json")]
mod programs;

#[cfg(feature = "json")]
#[allow(dead_code, reason = "it is compiled, not run")]
mod tasks;
