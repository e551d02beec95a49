//! The program: `tinyhttp serve [DIR]` and `tinyhttp get URL...`.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod failure;
mod get;
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
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Get(args) => get::run(&args),
    }
}
