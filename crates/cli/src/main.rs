//! The program: `tinyhttp serve [DIR]`, `tinyhttp get URL...` and `tinyhttp resolve HOST...`.
//!
//! | module | holds |
//! |---|---|
//! | `flags` | flags that clap builds only for the command that is used |
//! | `usage` | the hint for a command line without a command |
//! | `serve` | serving a directory; a feature of the package |
//! | `get` | fetching URLs |
//! | `resolve` | finding the addresses of a host |
//! | `manual` | man pages and shell completions |
//! | `failure` | what failed, what to try, and the exit code |
//! | `lock` | locks that ignore poisoning |
//! | `paths` | helpers for paths |
//! | `visible` | text from elsewhere, made harmless for a terminal |

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod flags;
mod usage;
#[cfg(feature = "serve")]
mod serve;
mod get;
mod resolve;
mod manual;
mod failure;
mod lock;
mod paths;
mod visible;

use clap::{CommandFactory, Parser, Subcommand};
use flags::Flags;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Serve a directory or fetch a URL: HTTP/1.1 from raw sockets
#[derive(Parser)]
#[command(
    name = "tinyhttp",
    version,
    about,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a directory over HTTP
    #[cfg(feature = "serve")]
    Serve(Flags<serve::Args>),
    /// Fetch URLs: readable on a terminal, exact in a pipe
    Get(Flags<get::Args>),
    /// Find the addresses of a host
    Resolve(Flags<resolve::Args>),
    /// Print completions for bash, zsh, fish and other shells
    Completions(manual::Completions),
    /// Print a man page
    Man(manual::ManPage),
}

fn main() -> ExitCode {
    #[cfg(feature = "serve")]
    if let Some(code) = serve::run_process(std::env::args_os().next().as_deref()) {
        return code;
    }
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let args = Args::try_parse().unwrap_or_else(|error| {
        let parse = |arguments: &[OsString]| {
            let line = std::iter::once(OsString::new()).chain(arguments.iter().cloned());
            Args::try_parse_from(line).err().map(|error| error.kind())
        };
        if let Some(message) = usage::explain(&error, &arguments, parse) {
            // Without stderr there is no other place to report this.
            let _ = io::stderr().write_all(message.as_bytes());
            std::process::exit(2);
        }
        error.exit()
    });
    match args.command {
        #[cfg(feature = "serve")]
        Command::Serve(Flags(args)) => serve::run(&args),
        Command::Get(Flags(args)) => get::run(*args),
        Command::Resolve(Flags(args)) => resolve::run(&args),
        Command::Completions(completions) => completions.run(Args::command()),
        Command::Man(page) => page.run(Args::command()),
    }
}
