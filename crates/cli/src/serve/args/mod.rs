//! The flags of `tinyhttp serve`, grouped as `--help` shows them.
//!
//! | module | flags about |
//! |---|---|
//! | `bind` | what `-b` takes |
//! | `files` | which files are served, and how |
//! | `access` | passwords, host names, and fields of every response |
//! | `gateway` | upstream servers |
//! | `route` | which of them get the requests for a path |
//! | `content` | the content of forwarded requests |
//! | `balancing` | several upstream servers that share requests |
//! | `upstream_tls`, `no_upstream_tls` | upstream servers that are reached over https:// |
//! | `cgi` | programs that are run for requests |
//! | `log` | the access log |
//! | `tls` | HTTPS |
//! | `acme` | certificates by ACME |
//! | `development` | live reload, and opening a browser |
//! | `service` | identity, limits and restarts |

mod access;
#[cfg(feature = "tls")]
mod acme;
mod balancing;
mod bind;
mod cgi;
mod content;
mod development;
mod files;
mod gateway;
mod log;
#[cfg(not(feature = "tls"))]
mod no_upstream_tls;
mod route;
mod service;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod upstream_tls;

pub(super) use access::AccessArgs;
#[cfg(feature = "tls")]
pub(super) use acme::LETS_ENCRYPT;
pub(super) use bind::Bind;
pub(super) use cgi::CgiArgs;
pub(super) use development::{BrowserArgs, WatchArgs};
pub(super) use files::FilesArgs;
pub(super) use gateway::{GatewayArgs, Opened};
pub(super) use log::LogArgs;
#[cfg(not(feature = "tls"))]
use no_upstream_tls as upstream_tls;
pub(super) use service::ServiceArgs;
#[cfg(feature = "tls")]
pub(super) use tls::TlsArgs;

use crate::failure::Failure;
use clap::builder::FalseyValueParser;
use clap::{Arg, ArgAction};
use std::path::PathBuf;

/// Serve a directory over HTTP
///
/// Prints the URLs to open and serves until Ctrl-C. Only this machine can connect, unless -b says
/// otherwise.
///
/// Each flag can also be set by an environment variable: TINYHTTP_PORT for --port,
/// TINYHTTP_FOLLOW_SYMLINKS for --follow-symlinks.
#[derive(clap::Args, Debug)]
#[command(mut_args(environment))]
pub(crate) struct Args {
    /// Directory to serve
    #[arg(default_value = ".", value_name = "DIR", env = "TINYHTTP_DIR")]
    pub(super) dir: PathBuf,

    /// Port to listen on; 0 chooses a free one [default: 8080, or the environment variable PORT]
    #[arg(short, long, value_name = "PORT", env = "TINYHTTP_PORT", value_parser = port)]
    port: Option<u16>,

    /// Address or name to listen on, or unix:PATH; repeatable. 0.0.0.0 and :: let other machines
    /// connect [default: 127.0.0.1]
    #[arg(
        short,
        long,
        value_name = "ADDRESS",
        env = "TINYHTTP_BIND",
        value_delimiter = ','
    )]
    pub(super) bind: Vec<Bind>,

    /// Log why connections are closed and requests refused
    #[arg(short, long, env = "TINYHTTP_VERBOSE", conflicts_with = "quiet")]
    pub(super) verbose: bool,

    /// Only log errors: no banner, no line for each request
    #[arg(short, long, env = "TINYHTTP_QUIET")]
    pub(super) quiet: bool,

    #[command(flatten)]
    pub(super) files: FilesArgs,

    #[command(flatten)]
    pub(super) access: AccessArgs,

    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub(super) tls: TlsArgs,

    #[command(flatten)]
    pub(super) gateway: GatewayArgs,

    #[command(flatten)]
    pub(super) cgi: CgiArgs,

    #[command(flatten)]
    pub(super) log: LogArgs,

    #[command(flatten)]
    pub(super) watch: WatchArgs,

    #[command(flatten)]
    pub(super) browser: BrowserArgs,

    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

impl Args {
    /// Returns the port to listen on. Platforms that start programs commonly name it in PORT.
    pub(super) fn port(&self) -> Result<u16, Failure> {
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

    /// Returns the directory of temporary files for content; `None` if there are none.
    pub(super) fn spool(&self) -> Option<PathBuf> {
        self.gateway.spool().or_else(|| self.cgi.spool())
    }

    /// Whether the sandbox permits another directory in the place of the served one. A build that
    /// is watched may make one.
    pub(super) fn is_replaceable(&self) -> bool {
        self.service.replaceable || self.watch.watch
    }
}

fn port(text: &str) -> Result<u16, &'static str> {
    text.parse()
        .map_err(|_| "a port is a number from 0 to 65535")
}

/// Hides the environment variables in the help, which names their pattern once, and makes a switch
/// off if its variable is empty, 0, no, off or false.
fn environment(arg: Arg) -> Arg {
    let arg = arg.hide_env(true);
    match arg.get_action() {
        ArgAction::SetTrue => arg.value_parser(FalseyValueParser::new()),
        _ => arg,
    }
}
