//! The program: `tinyhttp serve [DIR]`, `tinyhttp get URL...` and `tinyhttp resolve HOST...`.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod failure;
mod flags;
mod get;
mod resolve;
mod serve;
mod visible;

use clap::{Parser, Subcommand};
use flags::Flags;
use std::process::ExitCode;

/// Serve a folder or fetch a URL: HTTP/1.1 from raw sockets.
#[derive(Parser)]
#[command(
    version,
    about,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a folder, right now
    Serve(Flags<serve::Args>),
    /// Fetch URLs: readable on a terminal, exact in a pipe
    Get(Flags<get::Args>),
    /// Find the addresses of a host
    Resolve(Flags<resolve::Args>),
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Serve(Flags(args)) => serve::run(&args),
        Command::Get(Flags(args)) => get::run(*args),
        Command::Resolve(Flags(args)) => resolve::run(&args),
    }
}
