//! The parts of the program that the targets call. They are the program's own files, which a binary
//! offers to no other crate.

// Commands that aren't here use the rest.
#![allow(dead_code)]

#[path = "../../src/failure.rs"]
mod failure;
#[path = "../../src/get/mod.rs"]
mod get;
#[path = "../../src/lock.rs"]
mod lock;
#[path = "../../src/paths.rs"]
mod paths;
#[path = "../../src/visible.rs"]
mod visible;

/// The properties, under the names of the targets.
pub mod properties {
    use crate::get::properties as inner;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    pub fn file_name(input: &[u8]) {
        inner::file_name(input);
    }

    pub fn netrc(input: &[u8]) {
        inner::netrc(input);
    }

    pub fn form(input: &[u8]) {
        inner::form(input);
    }

    pub fn record(input: &[u8]) {
        inner::record(input);
    }

    pub fn terminal(input: &[u8]) {
        inner::terminal(input);
    }

    pub fn resume(input: &[u8]) {
        inner::resume::resume(input);
    }

    /// Lets a write to a connection that the other side has closed fail, as in any program of Rust.
    /// libFuzzer's main function leaves the signal as it is, which ends the process.
    pub fn ignore_broken_pipes() {
        let seen = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGPIPE, seen).expect("a handler");
    }
}
