//! Listening: on addresses, on Unix sockets, and on sockets passed by a service manager.
//!
//! systemd passes sockets to a service from descriptor 3 on; LISTEN_FDS says how many, LISTEN_PID
//! to which process. Such a socket stays open between two servers, so that connections wait for the
//! next server instead of being refused. Passed sockets replace the default address.

use super::args::{Args, Bind};
use crate::failure::Failure;
use crate::paths::directory_of;
use listenfd::ListenFd;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use tinyhttp_server::Builder;

/// The Unix sockets that the server listens on.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// Those that it created, and removes at the end.
    pub(super) made: Vec<PathBuf>,
    /// All of them, in the notation of -b.
    pub(super) names: Vec<String>,
}

impl Sockets {
    /// Returns the directories of the sockets that it removes.
    pub(super) fn directories(&self) -> Vec<&Path> {
        self.made.iter().map(|path| directory_of(path)).collect()
    }
}

impl Args {
    /// Takes the passed sockets, and binds the addresses.
    pub(super) fn listen(
        &self,
        mut builder: Builder,
        sockets: &mut Sockets,
    ) -> Result<Builder, Failure> {
        builder = builder.share_addresses(self.service.reuse_port);
        let mut passed = ListenFd::from_env();
        for number in 0..passed.len() {
            builder = take(&mut passed, number, builder, sockets).map_err(|error| {
                Failure::new(
                    format!("can't listen on the sockets of LISTEN_FDS: {error}"),
                    "they have to be listening stream sockets (in a systemd socket unit: ListenStream=, and no Accept=)",
                )
            })?;
        }
        if self.bind.is_empty() && passed.len() == 0 {
            builder = self.listen_on((Ipv4Addr::LOCALHOST, self.port()?).into(), builder)?;
        }
        let builder = self
            .bind
            .iter()
            .try_fold(builder, |builder, bind| match bind {
                Bind::Address(address) => self.listen_on((*address, self.port()?).into(), builder),
                Bind::Name(name) => self.listen_on_name(name, builder),
                Bind::Path(_) => Ok(builder),
            })?;
        self.bind_redirects(builder)
    }

    /// Binds the Unix sockets. They are files, so the user that removes them has to create them.
    pub(super) fn listen_on_sockets(
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

    /// Binds those addresses of a name that this machine has: ::1 of localhost may be missing. With
    /// -p 0 they share a port if possible.
    fn listen_on_name(&self, name: &str, mut builder: Builder) -> Result<Builder, Failure> {
        let mut addresses = addresses(name, self.port()?)?;
        if addresses.iter().any(is_here) {
            addresses.retain(is_here);
        }
        let mut shared = None;
        for mut address in addresses {
            if address.port() == 0 {
                if let Some(port) = shared {
                    address.set_port(port);
                    if TcpListener::bind(address).is_err() {
                        address.set_port(0);
                    }
                }
            }
            builder = self.listen_on(address, builder)?;
            shared = builder.local_addrs().last().map(SocketAddr::port);
        }
        Ok(builder)
    }

    fn listen_on(&self, address: SocketAddr, builder: Builder) -> Result<Builder, Failure> {
        builder
            .bind(address)
            .map_err(|error| self.not_bound(address, &error))
    }

    /// Says why an address can't be listened on.
    pub(super) fn not_bound(&self, address: SocketAddr, error: &io::Error) -> Failure {
        let (why, hint) = match error.kind() {
            io::ErrorKind::AddrInUse if self.service.reuse_port => (
                "the port is taken".to_owned(),
                "the server that has it needs --reuse-port, too, and the same user",
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
                "-b 0.0.0.0 listens on all of its addresses",
            ),
            // Its message names the address.
            _ => {
                let hint = "choose another address with -b, or another port with -p";
                return Failure::new(error.to_string(), hint);
            }
        };
        Failure::new(format!("can't listen on {address}: {why}"), hint)
    }
}

/// Looks up the addresses of a name, each once.
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

/// Gives one of the passed sockets to the builder.
fn take(
    passed: &mut ListenFd,
    number: usize,
    builder: Builder,
    sockets: &mut Sockets,
) -> io::Result<Builder> {
    // Neither call closes a socket of another kind.
    if let Ok(Some(listener)) = passed.take_unix_listener(number) {
        sockets.names.push(socket_name(&listener));
        return builder.listener(listener);
    }
    match passed.take_tcp_listener(number)? {
        Some(listener) => builder.listener(listener),
        None => Ok(builder),
    }
}

fn socket_name(listener: &UnixListener) -> String {
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
            "stop that one, choose another path, or replace it with --reuse-port",
        ),
        io::ErrorKind::AlreadyExists => (
            "there is a file of this name".to_owned(),
            "remove it, or choose another path",
        ),
        io::ErrorKind::NotFound => (
            "there is no such directory".to_owned(),
            "create it, or choose another path",
        ),
        io::ErrorKind::PermissionDenied => (
            "permission denied".to_owned(),
            "choose a path in a directory to which this user may write",
        ),
        io::ErrorKind::InvalidInput => (
            "the path is too long for a socket".to_owned(),
            "at most 107 bytes are possible",
        ),
        // Its message names the path.
        _ => return Failure::new(error.to_string(), "choose another path"),
    };
    Failure::new(
        format!("can't listen on unix:{}: {why}", path.display()),
        hint,
    )
}
