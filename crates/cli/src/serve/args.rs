//! The flags of `tinyhttp serve`.

use super::access_log::Log;
use super::guards::Guards;
use super::listen::Bind;
use super::service::Service;
use super::share::Share;
use super::site::Site;
use super::watch::Watch;
use crate::failure::Failure;
use clap::builder::FalseyValueParser;
use clap::{Arg, ArgAction};
use std::path::PathBuf;

/// Serve a folder, right now
///
/// Prints the URLs that work and serves until Ctrl-C. Only this machine can connect unless -b says otherwise.
///
/// Each flag has an environment variable: TINYHTTP_PORT for --port, TINYHTTP_FOLLOW_SYMLINKS for --follow-symlinks.
#[derive(clap::Args, Debug)]
#[command(mut_args(environment))]
pub(crate) struct Args {
    /// The folder to serve
    #[arg(default_value = ".", value_name = "DIR", env = "TINYHTTP_DIR")]
    pub(crate) dir: PathBuf,

    /// The port; 0 takes any free one [default: 8080, or the variable PORT]
    #[arg(short, long, value_name = "PORT", env = "TINYHTTP_PORT", value_parser = port)]
    port: Option<u16>,

    /// A name or an address to listen on, or unix:PATH; may be repeated. 0.0.0.0 and :: let other machines in [default: 127.0.0.1]
    #[arg(
        short,
        long,
        value_name = "ADDRESS",
        env = "TINYHTTP_BIND",
        value_delimiter = ','
    )]
    pub(crate) bind: Vec<Bind>,

    /// Tell more: why connections are closed, which requests are refused
    #[arg(short, long, env = "TINYHTTP_VERBOSE", conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Tell nothing but errors: no banner, no line for each request
    #[arg(short, long, env = "TINYHTTP_QUIET")]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) site: Site,

    #[command(flatten)]
    pub(crate) guards: Guards,

    #[command(flatten)]
    pub(crate) log: Log,

    #[command(flatten)]
    pub(crate) watch: Watch,

    #[command(flatten)]
    pub(crate) share: Share,

    #[command(flatten)]
    pub(crate) service: Service,
}

impl Args {
    /// The port to listen on. Platforms that start programs commonly name it in PORT.
    pub(crate) fn port(&self) -> Result<u16, Failure> {
        if let Some(port) = self.port {
            return Ok(port);
        }
        match std::env::var("PORT").unwrap_or_default().trim() {
            "" => Ok(8080),
            text => port(text).map_err(|why| {
                Failure::new(
                    format!("the environment variable PORT is {text:?}: {why}"),
                    "unset it, or choose the port with -p",
                )
            }),
        }
    }
}

fn port(text: &str) -> Result<u16, &'static str> {
    text.parse()
        .map_err(|_| "a port is a number from 0 to 65535")
}

/// What all these flags have in common: `--help` says once how their environment variables are called, and a switch is off
/// if its variable is empty, 0, no, off or false.
fn environment(arg: Arg) -> Arg {
    let arg = arg.hide_env(true);
    match arg.get_action() {
        ArgAction::SetTrue => arg.value_parser(FalseyValueParser::new()),
        _ => arg,
    }
}
