//! `tinyhttp get`: fetch URLs, readable on a terminal, exact in a pipe.
//!
//! Its files are in the order of a fetch:
//!
//! | file | question it answers |
//! |---|---|
//! | `args` | What was asked for? |
//! | `address` | Which URL is meant? |
//! | `connection`, `secrets`, `netrc`, `cookies` | How is the server reached, and as whom? |
//! | `request`, `data`, `multipart` | What goes on the wire? |
//! | `verbose` | What happens meanwhile? (`-v`) |
//! | `transfer` | Is the response one to be shown, and where? |
//! | `output` | How do its bytes get there? |
//! | `terminal` | What may a terminal see of them? |
//! | `failure` | What went wrong, and which exit code says so? |

mod address;
mod args;
mod connection;
#[cfg(feature = "cookies")]
mod cookies;
mod data;
mod failure;
mod multipart;
mod netrc;
mod output;
mod request;
mod secrets;
mod terminal;
mod transfer;
mod verbose;

pub(crate) use args::Args;

use crate::failure::Failure;
use std::process::ExitCode;
use terminal::Console;
use tinyhttp_client::Client;

/// Fetches every URL; the exit code is that of the last failure.
pub(crate) fn run(args: &Args) -> ExitCode {
    match fetch_all(args) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}

fn fetch_all(args: &Args) -> Result<u8, Failure> {
    let console = Console::new(&args.output);
    let mut builder = connection::builder(&args.connection)?
        // `request` writes it, so that -H can take it out.
        .user_agent(None)
        .max_redirects(max_redirects(args))
        .trust_redirects(args.request.location_trusted)
        .decompress(decompresses(args, console));
    #[cfg(feature = "cookies")]
    let jar = cookies::open(&args.request)?;
    #[cfg(feature = "cookies")]
    if let Some(jar) = &jar {
        builder = builder.cookies(jar.clone());
    }
    if args.output.verbose {
        builder = builder.observer(verbose::Narrator::new(console));
    }
    let client = builder.build();
    let code = fetch_each(args, &client, console);
    #[cfg(feature = "cookies")]
    if let Some(jar) = &jar {
        cookies::save(&args.request, jar)?;
    }
    Ok(code)
}

fn fetch_each(args: &Args, client: &Client, console: Console) -> u8 {
    let mut code = 0;
    for (index, url) in args.urls.iter().enumerate() {
        if let Err(failure) = transfer::transfer(args, client, console, index, url) {
            code = failure.code();
            if !args.output.silent || args.output.show_error {
                failure.report();
            }
        }
    }
    code
}

fn max_redirects(args: &Args) -> u32 {
    if args.request.location || args.request.location_trusted {
        args.request.max_redirs
    } else {
        0
    }
}

/// People read text; a pipe gets what was sent unless it asks otherwise.
fn decompresses(args: &Args, console: Console) -> bool {
    let writes_files = args.download.remote_name || !args.download.output.is_empty();
    let for_people = console.is_readable && !writes_files;
    (args.request.compressed || for_people) && !args.request.no_compressed
}
