//! The program: `tinyhttp serve [DIR]`, `tinyhttp get URL...` and `tinyhttp resolve HOST...`.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod failure;
mod get;
mod resolve;
mod serve;
mod visible;

use clap::{Parser, Subcommand};
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
    Serve(serve::Args),
    Get(Box<get::Args>),
    Resolve(Box<resolve::Args>),
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Resolve(args) => resolve::run(&args),
    }
}
