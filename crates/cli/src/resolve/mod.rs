//! `tinyhttp resolve HOST`: prints a host's addresses and the time that the lookup took.

use crate::failure::Failure;
use crate::get::{ConnectionArgs, client_builder};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Instant;
use tinyhttp_client::url::Url;
use tinyhttp_client::{Client, hide_passwords, zone};

/// Find the addresses of a host
///
/// Prints one address per line, in the order of connection attempts, and the time of the lookup on
/// stderr.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Host name or URL to look up
    #[arg(required = true, value_name = "HOST")]
    hosts: Vec<String>,
    /// Don't print the time of the lookup
    #[arg(short, long)]
    silent: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Looks up every host and returns the exit code of the last failure.
pub(crate) fn run(args: &Args) -> ExitCode {
    let client = match client_builder(&args.connection) {
        Ok(builder) => builder.build(),
        Err(failure) => return failure.report(),
    };
    let mut code = ExitCode::SUCCESS;
    for text in &args.hosts {
        if let Err(failure) = look_up(args, &client, text) {
            code = failure.report();
        }
    }
    code
}

fn look_up(args: &Args, client: &Client, text: &str) -> Result<(), Failure> {
    let bad = |error: url::ParseError| {
        Failure::with_code(
            3,
            format!("{:?} is not a host: {error}", hide_passwords(text)),
        )
        .hint("give a name or an address, without a path")
    };
    let (host, port) = if text.contains("://") {
        let (without_zone, zone) = zone::split_url(text);
        let url = Url::parse(&without_zone).map_err(bad)?;
        (
            zone::host_of(&url, zone.as_deref()).map_err(bad)?,
            url.port_or_known_default().unwrap_or(80),
        )
    } else {
        // An IPv6 address needs no brackets here.
        let bracketed = format!("[{text}]");
        let address = text.split('%').next().unwrap_or_default();
        let is_v6 = address.parse::<std::net::Ipv6Addr>().is_ok();
        (
            zone::parse_host(if is_v6 { &bracketed } else { text }).map_err(bad)?,
            80,
        )
    };
    let begun = Instant::now();
    let addresses = client.resolve(&host, port)?;
    let took = begun.elapsed();
    let mut lines: String = addresses
        .iter()
        .map(|address| format!("{}\n", without_port(address)))
        .collect();
    if args.hosts.len() > 1 {
        lines = lines
            .lines()
            .map(|line| format!("{host} {line}\n"))
            .collect();
    }
    io::stdout()
        .write_all(lines.as_bytes())
        .map_err(|error| Failure::with_code(23, format!("could not write: {error}")))?;
    if !args.silent {
        eprintln!(
            "{host}: {} found in {:.1} ms",
            addresses.len(),
            took.as_secs_f64() * 1e3
        );
    }
    Ok(())
}

/// The address, with the number of its zone if it has one.
fn without_port(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V6(address) if address.scope_id() > 0 => {
            format!("{}%{}", address.ip(), address.scope_id())
        }
        address => address.ip().to_string(),
    }
}
