//! The banner that `serve` prints when it is ready: the directory, the URLs, and what the sandbox
//! enforces.

use super::args::Args;
use super::listen::Sockets;
use super::privileges;
use super::sandbox::Enforced;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Returns the URLs of a path on these listeners.
pub(super) fn urls(scheme: &str, listeners: &[SocketAddr], path: &str) -> Vec<String> {
    let mut urls = Vec::new();
    for listener in listeners {
        let port = listener.port();
        let addresses = match listener.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => {
                vec![
                    Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                    outward(Ipv4Addr::UNSPECIFIED.into()),
                ]
            }
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                vec![
                    Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
                    outward(Ipv6Addr::UNSPECIFIED.into()),
                ]
            }
            address => vec![Some(address)],
        };
        urls.extend(addresses.into_iter().flatten().map(|address| {
            let host = match (address, listener) {
                // A zone, the link of a link-local address, is percent-encoded (RFC 6874 §2).
                (IpAddr::V6(ip), SocketAddr::V6(on)) if on.scope_id() > 0 => {
                    format!("[{ip}%25{}]", on.scope_id())
                }
                (IpAddr::V6(ip), _) => format!("[{ip}]"),
                (IpAddr::V4(ip), _) => ip.to_string(),
            };
            format!("{scheme}://{host}:{port}{path}")
        }));
    }
    urls
}

/// Returns the address that this machine uses for connections to other machines. Connecting a UDP
/// socket makes the system choose a route; nothing is sent. The addresses are reserved for
/// documentation.
fn outward(from: IpAddr) -> Option<IpAddr> {
    let far: SocketAddr = match from {
        IpAddr::V4(_) => (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
        IpAddr::V6(_) => (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
    };
    let socket = UdpSocket::bind((from, 0)).ok()?;
    socket.connect(far).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified() && !address.is_loopback()).then_some(address)
}

/// Prints the banner to stdout. `secured` is what there is to say of the certificate.
pub(super) fn print(
    urls: &[String],
    sockets: &Sockets,
    args: &Args,
    (enforced, secured): (Enforced, &[String]),
) {
    let dir = args.dir.canonicalize().unwrap_or_else(|_| args.dir.clone());
    let places = [urls, &sockets.names].concat().join("\n  ");
    let sandbox = sandbox(sockets, args, enforced);
    let root = match privileges::is_root() {
        true => "running as root: --user NAME continues as NAME once the ports are bound\n",
        false => "",
    };
    let secured: String = secured.iter().map(|line| format!("{line}\n")).collect();
    let mut out = io::stdout().lock();
    // The server also works without stdout.
    let _ = writeln!(
        out,
        "serving {}\n  {places}\n{secured}{sandbox}\n{root}Ctrl-C stops it",
        dir.display()
    )
    .and_then(|()| out.flush());
}

/// Describes the sandbox in a line.
fn sandbox(sockets: &Sockets, args: &Args, enforced: Enforced) -> String {
    let readable = match enforced {
        Enforced::Nothing => return "without a sandbox".to_owned(),
        Enforced::Some => {
            return "in a sandbox (Landlock), as far as this kernel supports it".to_owned();
        }
        Enforced::All if args.files.leads_outside() => "nothing can be written",
        Enforced::All if !args.tls_directories().is_empty() => match args.is_replaceable() {
            true => {
                "only it, what is beside it, and what is beside the certificates can be read, nothing written"
            }
            false => "only it and what is beside the certificates can be read, nothing written",
        },
        Enforced::All if args.is_replaceable() => {
            "only it and what is beside it can be read, nothing written"
        }
        Enforced::All => "nothing else can be read, nothing written",
    };
    let sockets = match sockets.made.is_empty() {
        true => "",
        false => ", and nothing removed but in the socket's directory",
    };
    let log = match args.log.file() {
        None => "",
        Some(_) => "; a separate process writes the log",
    };
    let programs = match args.cgi.patterns() {
        [] => String::new(),
        patterns => format!("; programs run outside of it: {}", patterns.join(", ")),
    };
    format!("in a sandbox (Landlock): {readable}{sockets}{log}{programs}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_one_address_has_one_url() {
        let listeners = [
            "127.0.0.1:8080".parse().unwrap(),
            "[::1]:80".parse().unwrap(),
            "[fe80::1%3]:80".parse().unwrap(),
        ];
        assert_eq!(
            urls("http", &listeners, "/docs/"),
            [
                "http://127.0.0.1:8080/docs/",
                "http://[::1]:80/docs/",
                "http://[fe80::1%253]:80/docs/"
            ]
        );
    }

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_this_machine_too() {
        let all = urls("http", &["0.0.0.0:80".parse().unwrap()], "/");
        assert_eq!(
            all.first().map(String::as_str),
            Some("http://127.0.0.1:80/")
        );
        assert!(!all.iter().any(|url| url.contains("0.0.0.0")));
    }
}
