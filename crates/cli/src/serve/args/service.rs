//! The flags for a server that runs as a service: identity, limits, sandbox and restarts.

use std::time::Duration;
use tinyhttp_server::{Builder, Timeouts};

/// The flags for a service.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Service")]
pub(crate) struct ServiceArgs {
    /// When started as root: continue as the user NAME once the ports are bound
    ///
    /// GROUP defaults to the user's own group; both may be numbers. The directory, the log and Unix
    /// sockets are opened as this user, so that root touches nothing that the user could have put
    /// there.
    #[arg(long, value_name = "NAME[:GROUP]", env = "TINYHTTP_USER")]
    pub(in crate::serve) user: Option<String>,

    /// Permissions of Unix sockets, in octal: 660 [default: those that the umask leaves]
    #[arg(long, value_name = "MODE", env = "TINYHTTP_SOCKET_MODE", value_parser = mode)]
    pub(in crate::serve) socket_mode: Option<u32>,

    /// Number of threads that may be busy at a time [default: the number of cores]
    #[arg(long, value_name = "N", env = "TINYHTTP_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// Maximum number of connections; idle ones are closed for new ones [default: the limit on open
    /// files]
    #[arg(long, value_name = "N", env = "TINYHTTP_MAX_CONNECTIONS", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: Option<u32>,

    /// Maximum number of connections of one IPv4 address or IPv6 /64 network [default: half of all;
    /// no limit for this machine]
    #[arg(long, value_name = "N", env = "TINYHTTP_MAX_CONNECTIONS_PER_CLIENT", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections_per_client: Option<u32>,

    /// Minimum average rate of a client, in bytes per second; 0 for none
    ///
    /// A client that sends content more slowly is disconnected after 30 s, one that reads a
    /// response more slowly after 60 s.
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = Timeouts::default().slowest,
        env = "TINYHTTP_SLOWEST"
    )]
    slowest: u32,

    /// Keep idle connections open for SECONDS, and announce that to clients
    ///
    /// Behind a load balancer, this must be longer than the load balancer keeps connections (60 s
    /// at AWS).
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = Timeouts::default().idle.as_secs() as u16,
        env = "TINYHTTP_KEEP_ALIVE",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    keep_alive: u16,

    /// Don't let the kernel restrict this process to what it needs to serve DIR
    #[arg(long, env = "TINYHTTP_NO_SANDBOX")]
    pub(in crate::serve) no_sandbox: bool,

    /// Keep serving when another directory replaces DIR: by mv, by a build, or by switching a
    /// symbolic link
    ///
    /// The sandbox then permits reading what lies beside DIR, too. Without this flag, the new
    /// directory is served after a restart, or with --no-sandbox. --watch implies this flag.
    #[arg(long, env = "TINYHTTP_REPLACEABLE")]
    pub(in crate::serve) replaceable: bool,

    /// Start beside a running server with the same address, to replace it without interruption
    ///
    /// Both servers need this flag. A Unix socket's name goes to the new server at once; the
    /// connections of a port are shared until the old server ends. Connections that arrive in the
    /// moment in which the old server closes the port are reset; the kernel prevents most of that
    /// if net.ipv4.tcp_migrate_req is 1. Sockets passed by systemd (LISTEN_FDS) have no such
    /// moment.
    #[arg(long, env = "TINYHTTP_REUSE_PORT")]
    pub(in crate::serve) reuse_port: bool,
}

impl ServiceArgs {
    /// Sets the limits of the server.
    pub(in crate::serve) fn limit(&self, mut builder: Builder) -> Builder {
        let number = |flag: u32| usize::try_from(flag).unwrap_or(usize::MAX);
        if let Some(workers) = self.workers {
            builder = builder.workers(usize::from(workers));
        }
        if let Some(connections) = self.max_connections {
            builder = builder.max_connections(number(connections));
        }
        if let Some(connections) = self.max_connections_per_client {
            builder = builder.max_connections_per_client(number(connections));
        }
        builder.timeouts(Timeouts {
            slowest: self.slowest,
            idle: Duration::from_secs(u64::from(self.keep_alive)),
            ..Timeouts::default()
        })
    }
}

/// Parses permissions in octal.
fn mode(text: &str) -> Result<u32, &'static str> {
    match u32::from_str_radix(text, 8) {
        Ok(mode @ 0..=0o777) if !text.starts_with('+') => Ok(mode),
        _ => Err("expected three octal digits, as in 600, 660 or 666"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        for (text, want) in [("600", 0o600), ("0660", 0o660), ("0", 0), ("777", 0o777)] {
            assert_eq!(mode(text), Ok(want));
        }
        for text in ["", "+600", "-1", "1000", "668", "rw", "99999999999999"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }
}
