//! The examples as their readers run them: as programs, over loopback.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

#[path = "examples/program.rs"]
mod program;

#[path = "examples/names_and_streams.rs"]
mod names_and_streams;

#[path = "examples/datagrams.rs"]
mod datagrams;

#[path = "examples/pages.rs"]
mod pages;

#[path = "examples/cgi.rs"]
mod cgi;
