//! The flags of `tinyhttp serve`.

use super::access_log::Log;
use super::guards::Guards;
use super::share::Share;
use super::site::Site;
use super::watch::Watch;
use std::net::IpAddr;
use std::path::PathBuf;
use tinyhttp_server::{Builder, Timeouts};

/// Serve a folder, right now
///
/// Prints the URLs that work and serves until Ctrl-C. Only this machine can connect unless -b says otherwise.
///
/// Each flag has an environment variable: TINYHTTP_PORT for --port, TINYHTTP_FOLLOW_SYMLINKS for --follow-symlinks.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The folder to serve
    #[arg(default_value = ".", value_name = "DIR", env = "TINYHTTP_DIR")]
    pub(crate) dir: PathBuf,

    /// The port; 0 takes any free one
    #[arg(
        short,
        long,
        default_value_t = 8080,
        value_name = "PORT",
        env = "TINYHTTP_PORT"
    )]
    pub(crate) port: u16,

    /// An address to listen on; may be repeated. 0.0.0.0 and :: let other machines in
    #[arg(
        short,
        long,
        default_value = "127.0.0.1",
        value_name = "ADDRESS",
        env = "TINYHTTP_BIND",
        value_delimiter = ','
    )]
    pub(crate) bind: Vec<IpAddr>,

    /// Tell more: why connections are closed, which requests are refused
    #[arg(short, long, env = "TINYHTTP_VERBOSE", conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Tell nothing but errors: no banner, no line for each request
    #[arg(short, long, env = "TINYHTTP_QUIET")]
    pub(crate) quiet: bool,

    /// Threads that may be busy at a time; as many as there are cores by default
    #[arg(long, value_name = "N", env = "TINYHTTP_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,

    /// Connections that are kept; for more, the longest idle are closed. As many as may be open files by default
    #[arg(long, value_name = "N", env = "TINYHTTP_MAX_CONNECTIONS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: Option<u32>,

    /// Connections that one address (of IPv6: a /64 network) may have; half of all by default, and any number from here
    #[arg(long, value_name = "N", env = "TINYHTTP_MAX_CONNECTIONS_PER_CLIENT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_client: Option<u32>,

    /// Bytes a second that clients have to send or take on average, after 30 s or 60 s; 0 for any
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = Timeouts::default().slowest,
        env = "TINYHTTP_SLOWEST"
    )]
    pub(crate) slowest: u32,

    /// Don't let the kernel shut this program in with the folder that it serves
    #[arg(long, env = "TINYHTTP_NO_SANDBOX")]
    pub(crate) no_sandbox: bool,

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
}

impl Args {
    /// Lets clients have no more than they may.
    pub(crate) fn bound(&self, mut builder: Builder) -> Builder {
        let number = |flag: u32| usize::try_from(flag).unwrap_or(usize::MAX);
        if let Some(connections) = self.max_connections {
            builder = builder.max_connections(number(connections));
        }
        if let Some(connections) = self.max_connections_per_client {
            builder = builder.max_connections_per_client(number(connections));
        }
        builder.timeouts(Timeouts {
            slowest: self.slowest,
            ..Timeouts::default()
        })
    }
}
