//! Where the server listens: addresses, Unix sockets, and sockets that a service manager has bound beforehand.
//!
//! systemd and its like hand sockets down: the environment says in LISTEN_FDS how many there are, from descriptor 3 on, and in
//! LISTEN_PID for whom. Such a socket stays open between two servers, so that connections wait for the next one instead of
//! being refused. What was handed down stands for the default address.

use super::{Args, folder_of};
use crate::failure::Failure;
use listenfd::ListenFd;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use tinyhttp_server::Builder;

/// What -b takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    Address(IpAddr),
    /// A name, or an address with a zone, for all addresses that the system finds for it.
    Name(String),
    /// A Unix socket.
    Path(PathBuf),
}

impl FromStr for Bind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("unix: wants a path behind it"),
                path => Ok(Bind::Path(path.into())),
            };
        }
        let host = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or(text);
        if let Ok(address) = host.parse() {
            return Ok(Bind::Address(address));
        }
        if let Some(address) = with_zone(host) {
            return Ok(Bind::Name(address));
        }
        if host == text && is_name(text) {
            return Ok(Bind::Name(text.to_owned()));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        if port.parse::<u16>().is_ok() && (is_name(host) || text.parse::<SocketAddr>().is_ok()) {
            return Err("the port goes into -p");
        }
        Err(
            "it takes localhost or another name of this machine, one of its IP addresses, 0.0.0.0 or :: for all of them, \
             or unix:PATH",
        )
    }
}

impl Bind {
    /// The name that browsers may use for it.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Bind::Name(name) if !name.contains('%') => Some(name.clone()),
            _ => None,
        }
    }
}

/// An IPv6 address with a zone as the system takes it, from `fe80::1%eth0`, or `fe80::1%25eth0` as in URLs (RFC 6874 §2).
fn with_zone(text: &str) -> Option<String> {
    let (address, zone) = text.split_once('%')?;
    let zone = zone
        .strip_prefix("25")
        .filter(|zone| !zone.is_empty())
        .unwrap_or(zone);
    let address: Ipv6Addr = address.parse().ok()?;
    (!zone.is_empty() && !zone.contains('%')).then(|| format!("{address}%{zone}"))
}

/// Whether it may be a host name. One whose last label is a number would be an address in an old notation: 127.1.
fn is_name(text: &str) -> bool {
    let labels = text.strip_suffix('.').unwrap_or(text).split('.');
    let is_label = |label: &str| {
        let is_ordinary = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        matches!(label.len(), 1..=63) && label.bytes().all(is_ordinary) && !label.starts_with('-')
    };
    let last = labels.clone().next_back().unwrap_or_default();
    text.len() <= 254
        && labels.clone().all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is listened on, beside internet addresses.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// Unix sockets of our own, which have to be removed in the end.
    pub(crate) made: Vec<PathBuf>,
    /// All Unix sockets, as -b calls them.
    pub(crate) names: Vec<String>,
}

impl Sockets {
    /// The folders in which there is something to be removed.
    pub(crate) fn folders(&self) -> Vec<&Path> {
        self.made.iter().map(|path| folder_of(path)).collect()
    }
}

impl Args {
    /// Takes what was handed down, and binds the addresses.
    pub(crate) fn listen(
        &self,
        mut builder: Builder,
        sockets: &mut Sockets,
    ) -> Result<Builder, Failure> {
        builder = builder.share_addresses(self.service.reuse_port);
        let mut handed_down = ListenFd::from_env();
        for number in 0..handed_down.len() {
            builder = take(&mut handed_down, number, builder, sockets).map_err(|error| {
                Failure::new(
                    format!("can't listen on what LISTEN_FDS hands down: {error}"),
                    "it has to be stream sockets that listen (in a systemd socket unit: ListenStream=, and no Accept=)",
                )
            })?;
        }
        if self.bind.is_empty() && handed_down.len() == 0 {
            return self.listen_on((Ipv4Addr::LOCALHOST, self.port()?).into(), builder);
        }
        self.bind
            .iter()
            .try_fold(builder, |builder, bind| match bind {
                Bind::Address(address) => self.listen_on((*address, self.port()?).into(), builder),
                Bind::Name(name) => self.listen_on_name(name, builder),
                Bind::Path(_) => Ok(builder),
            })
    }

    /// Binds the Unix sockets. They are files, so whoever is going to remove them has to make them.
    pub(crate) fn listen_on_sockets(
        &self,
        mut builder: Builder,
        sockets: &mut Sockets,
    ) -> Result<Builder, Failure> {
        for bind in &self.bind {
            if let Bind::Path(path) = bind {
                builder = builder
                    .bind_unix(path, self.service.socket_mode)
                    .map_err(|error| no_socket(path, &error))?;
                sockets.made.push(path.clone());
                sockets.names.push(format!("unix:{}", path.display()));
            }
        }
        Ok(builder)
    }

    /// Binds all addresses of a name that this machine has: of localhost, ::1 may be missing. With -p 0 they share a port
    /// if they can.
    fn listen_on_name(&self, name: &str, mut builder: Builder) -> Result<Builder, Failure> {
        let mut addresses = addresses(name, self.port()?)?;
        if addresses.iter().any(is_here) {
            addresses.retain(is_here);
        }
        let mut shared = None;
        for mut address in addresses {
            if address.port() == 0
                && let Some(port) = shared
            {
                address.set_port(port);
                if TcpListener::bind(address).is_err() {
                    address.set_port(0);
                }
            }
            builder = self.listen_on(address, builder)?;
            shared = builder.addresses().last().map(SocketAddr::port);
        }
        Ok(builder)
    }

    fn listen_on(&self, address: SocketAddr, builder: Builder) -> Result<Builder, Failure> {
        builder.bind(address).map_err(|error| {
            let (why, hint) = match error.kind() {
                io::ErrorKind::AddrInUse if self.service.reuse_port => (
                    "the port is taken".to_owned(),
                    "whoever has it must have been started with --reuse-port, too, by the same user",
                ),
                io::ErrorKind::AddrInUse => (
                    "the port is taken".to_owned(),
                    "choose another with -p, or -p 0 for any free one",
                ),
                io::ErrorKind::PermissionDenied => (
                    "ports below 1024 need privileges".to_owned(),
                    "choose a higher one, -p 8080 for example, or start it as root with --user NAME",
                ),
                io::ErrorKind::AddrNotAvailable => (
                    "this machine has no such address".to_owned(),
                    "-b 0.0.0.0 listens on all that it has",
                ),
                _ => (
                    error.to_string(),
                    "choose another address with -b, or another port with -p",
                ),
            };
            Failure::new(format!("can't listen on {address}: {why}"), hint)
        })
    }
}

/// The addresses of a name, each once.
fn addresses(name: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let failure = |why: &str| {
        Failure::new(
            format!("can't listen on {name}: {why}"),
            "name an address of this machine, or 0.0.0.0 for all of them",
        )
    };
    let mut found: Vec<SocketAddr> = Vec::new();
    let all = (name, port).to_socket_addrs();
    for address in all.map_err(|error| failure(&format!("no address was found for it: {error}")))? {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    match found.is_empty() {
        true => Err(failure("it has no address")),
        false => Ok(found),
    }
}

/// Whether this machine has the address.
fn is_here(address: &SocketAddr) -> bool {
    let mut address = *address;
    address.set_port(0);
    TcpListener::bind(address).is_ok()
}

/// Hands one of the sockets to the builder.
fn take(
    handed_down: &mut ListenFd,
    number: usize,
    builder: Builder,
    sockets: &mut Sockets,
) -> io::Result<Builder> {
    // Neither call closes what isn't of its kind.
    if let Ok(Some(listener)) = handed_down.take_unix_listener(number) {
        sockets.names.push(name(&listener));
        return builder.listener(listener);
    }
    match handed_down.take_tcp_listener(number)? {
        Some(listener) => builder.listener(listener),
        None => Ok(builder),
    }
}

fn name(listener: &UnixListener) -> String {
    let address = listener.local_addr().ok();
    let path = address.as_ref().and_then(|address| address.as_pathname());
    path.map_or("unix:".to_owned(), |path| {
        format!("unix:{}", path.display())
    })
}

fn no_socket(path: &Path, error: &io::Error) -> Failure {
    let (why, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            "another server listens there".to_owned(),
            "end that one, choose another path, or take over from it with --reuse-port",
        ),
        io::ErrorKind::AlreadyExists => (
            "there is a file of this name".to_owned(),
            "remove it, or choose another path",
        ),
        io::ErrorKind::NotFound => (
            "there is no such folder".to_owned(),
            "make it, or choose another path",
        ),
        io::ErrorKind::PermissionDenied => (
            "permission denied".to_owned(),
            "choose a path in a folder to which this user may write",
        ),
        io::ErrorKind::InvalidInput => (
            "the path is too long for a socket".to_owned(),
            "the system has room for 107 bytes",
        ),
        _ => (error.to_string(), "choose another path"),
    };
    Failure::new(
        format!("can't listen on unix:{}: {why}", path.display()),
        hint,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_listened_on() {
        let table = [
            ("127.0.0.1", Bind::Address(Ipv4Addr::LOCALHOST.into())),
            ("::", Bind::Address("::".parse().unwrap())),
            ("[::1]", Bind::Address("::1".parse().unwrap())),
            ("unix:/run/a b", Bind::Path("/run/a b".into())),
            ("unix:a", Bind::Path("a".into())),
            ("localhost", Bind::Name("localhost".into())),
            ("my-box.example.", Bind::Name("my-box.example.".into())),
            ("fe80::1%eth0", Bind::Name("fe80::1%eth0".into())),
            ("[fe80::1%25eth0]", Bind::Name("fe80::1%eth0".into())),
            ("[fe80::1%2]", Bind::Name("fe80::1%2".into())),
        ];
        for (text, want) in table {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
        for text in [
            "",
            "localhost:80",
            "[localhost]",
            "http://localhost",
            "a..b",
            "-a",
            "fe80::1%",
            "127.0.0.1%eth0",
            "unix:",
            "/run/socket",
            "127.0.0.1:80",
            "[::1]:80",
            "[::1",
            "127.1",
            "*",
        ] {
            assert!(text.parse::<Bind>().is_err(), "{text}");
        }
    }
}
