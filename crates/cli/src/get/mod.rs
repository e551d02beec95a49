//! `tinyhttp get`: fetch URLs, readable on a terminal, exact in a pipe.
//!
//! Its files are in the order of a fetch:
//!
//! | file | question it answers |
//! |---|---|
//! | `args` | What was asked for? |
//! | `address` | Which URL is meant? |
//! | `request` | What goes on the wire? |
//! | `verbose` | What happens meanwhile? (`-v`) |
//! | `transfer` | Is the response one to be shown, and where? |
//! | `output` | How do its bytes get there? |
//! | `terminal` | What may a terminal see of them? |
//! | `failure` | What went wrong, and which exit code says so? |

mod address;
mod args;
mod failure;
mod output;
mod request;
mod terminal;
mod transfer;
mod verbose;

pub(crate) use args::Args;

use std::process::ExitCode;
use std::time::Duration;
use terminal::Console;
use tinyhttp_client::{Client, Family};

/// Fetches every URL; the exit code is that of the last failure.
pub(crate) fn run(args: &Args) -> ExitCode {
    let console = Console::new(args);
    let client = client(args, console);
    let mut code = 0;
    for (index, url) in args.urls.iter().enumerate() {
        if let Err(failure) = transfer::transfer(args, &client, console, index, url) {
            code = failure.code();
            if !args.silent || args.show_error {
                failure.report();
            }
        }
    }
    ExitCode::from(code)
}

fn client(args: &Args, console: Console) -> Client {
    let mut builder = Client::builder()
        // `request` writes it, so that -H can take it out.
        .user_agent(None)
        .max_redirects(if args.location { args.max_redirs } else { 0 })
        .family(match (args.ipv4, args.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        })
        .timeouts(|timeouts| {
            let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
            timeouts.total = args.max_time.and_then(seconds);
            if let Some(limit) = args.connect_timeout {
                timeouts.resolve = seconds(limit);
                timeouts.connect = seconds(limit);
            }
        });
    if args.verbose {
        builder = builder.observer(verbose::Narrator::new(console));
    }
    builder.build()
}
