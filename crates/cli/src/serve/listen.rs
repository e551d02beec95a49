//! Where the server listens: addresses, Unix sockets, and sockets that a service manager has bound beforehand.
//!
//! systemd and its like hand sockets down: the environment says in LISTEN_FDS how many there are, from descriptor 3 on, and in
//! LISTEN_PID for whom. Such a socket stays open between two servers, so that connections wait for the next one instead of
//! being refused. What was handed down stands for the default address.

use super::{Args, folder_of};
use crate::failure::Failure;
use listenfd::ListenFd;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use tinyhttp_server::Builder;

/// What -b takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    Address(IpAddr),
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
        let address = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        match address.unwrap_or(text).parse() {
            Ok(address) => Ok(Bind::Address(address)),
            Err(_) if text.parse::<SocketAddr>().is_ok() => Err("the port goes into -p"),
            Err(_) => Err(
                "it takes 127.0.0.1, 0.0.0.0, ::, another IP address of this machine, or unix:PATH",
            ),
        }
    }
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
            return self.listen_on(Ipv4Addr::LOCALHOST.into(), builder);
        }
        self.bind
            .iter()
            .try_fold(builder, |builder, bind| match bind {
                Bind::Address(address) => self.listen_on(*address, builder),
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

    fn listen_on(&self, address: IpAddr, builder: Builder) -> Result<Builder, Failure> {
        let address = SocketAddr::new(address, self.port);
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
        ];
        for (text, want) in table {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
        for text in [
            "",
            "localhost",
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
