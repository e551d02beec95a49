//! The program: `tinyhttp serve [DIR]`, `tinyhttp get URL...` and `tinyhttp resolve HOST...`.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod failure;
mod get;
mod resolve;
mod serve;
mod visible;

use clap::builder::FalseyValueParser;
use clap::{Arg, ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};
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
    Serve(Box<serve::Args>),
    Get(Box<get::Args>),
    Resolve(Box<resolve::Args>),
}

fn main() -> ExitCode {
    let matches = Args::command()
        .mut_subcommands(|command| command.mut_args(environment))
        .get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match args.command {
        Command::Serve(args) => serve::run(&args),
        Command::Get(args) => get::run(*args),
        Command::Resolve(args) => resolve::run(&args),
    }
}

/// What all flags have in common: `--help` says once how their environment variables are called, and a switch is off if its
/// variable is empty, 0, no, off or false.
fn environment(arg: Arg) -> Arg {
    let arg = arg.hide_env(true);
    match arg.get_action() {
        ArgAction::SetTrue => arg.value_parser(FalseyValueParser::new()),
        _ => arg,
    }
}
