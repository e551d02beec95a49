//! The sockets that a server listens on, as its user names them.

use super::listener::Listener;
#[cfg(feature = "tls")]
use super::role::Role;
use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Sockets that are bound, for a server that listens on several. Clients that connect before the
/// server has started wait in the kernel's queue.
///
/// ```
/// use tinyhttp_server::{Listeners, Request, Server};
///
/// let directory = tempfile::tempdir()?;
/// let listeners = Listeners::new()
///     .bind("127.0.0.1:0")?
///     .bind_unix(directory.path().join("socket"), Some(0o660))?;
/// println!("listening on {:?}", listeners.local_addrs());
/// let server = Server::on(listeners).spawn(|_: Request| "hello\n")?;
/// server.shutdown(std::time::Duration::from_secs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Listeners {
    listeners: Vec<Listener>,
    shares: bool,
}

impl Listeners {
    /// No sockets yet.
    #[must_use]
    pub fn new() -> Self {
        Listeners::default()
    }

    /// Binds an address, or all addresses of a name, as far as this machine has them: `localhost`
    /// is 127.0.0.1 and, where there is IPv6, `::1`. Port 0 lets the system choose one; the
    /// addresses of one name share it if they can. An IPv6 address takes IPv6 connections only. A
    /// client is accepted when its first bytes have arrived, or after about a second of silence.
    ///
    /// # Errors
    /// Those of looking up the name, and the system's for an address, which the message names:
    /// [`AddrInUse`](io::ErrorKind::AddrInUse),
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) if this machine has none of the
    /// addresses, [`PermissionDenied`](io::ErrorKind::PermissionDenied) for ports below 1024.
    pub fn bind(mut self, addresses: impl ToSocketAddrs) -> io::Result<Self> {
        let mut port = None;
        let mut missing = None;
        let bound = self.listeners.len();
        for mut address in addresses
            .to_socket_addrs()
            .map_err(|error| not_found(&error))?
        {
            if let Some(port) = port.filter(|_| address.port() == 0) {
                address.set_port(port);
                if TcpListener::bind(address).is_err() {
                    address.set_port(0);
                }
            }
            match Listener::bind(address, self.shares) {
                Ok(listener) => {
                    let endpoint = listener.endpoint();
                    port = endpoint.internet().map(|address| address.port());
                    self.listeners.push(listener);
                }
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                    missing.get_or_insert(cannot_listen(address, &error));
                }
                Err(error) => return Err(cannot_listen(address, &error)),
            }
        }
        if self.listeners.len() > bound {
            return Ok(self);
        }
        Err(missing.unwrap_or_else(|| {
            let message = "can't listen: the name has no address";
            io::Error::new(io::ErrorKind::AddrNotAvailable, message)
        }))
    }

    /// Listens on a Unix socket at this path, with these permissions (for example `0o660`), or
    /// those that the umask leaves. A socket without a listener is replaced. The file is removed
    /// when the server ends.
    ///
    /// # Errors
    /// The system's, whose message names the path:
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) if another process listens there,
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if the file is not a socket,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the path is longer than 107 bytes.
    pub fn bind_unix(mut self, path: impl AsRef<Path>, mode: Option<u32>) -> io::Result<Self> {
        let path = path.as_ref();
        let listener = Listener::bind_unix(path, mode, self.shares)
            .map_err(|error| cannot_listen(path.display(), &error))?;
        self.listeners.push(listener);
        Ok(self)
    }

    /// Adopts a stream socket that is bound already: a [`TcpListener`], a
    /// [`UnixListener`](std::os::unix::net::UnixListener), or one from another process.
    ///
    /// # Errors
    /// If it is of another kind, or can't be made non-blocking.
    pub fn adopt(mut self, listener: impl Into<OwnedFd>) -> io::Result<Self> {
        self.listeners.push(Listener::from_bound(listener.into())?);
        Ok(self)
    }

    /// Sets whether sockets that are bound from here on may have another server beside them, so
    /// that one server can take over from another.
    ///
    /// An internet address is shared (`SO_REUSEPORT`) if both servers ask for it and belong to the
    /// same user: each gets a part of the connections until one ends. A Unix socket's path passes
    /// from the old server to the new one at once.
    #[must_use]
    pub fn share_addresses(mut self, shares: bool) -> Self {
        self.shares = shares;
        self
    }

    /// The internet addresses, with the ports that the system chose.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        // Others only redirect to these.
        let serving = self.listeners.iter();
        let serving = serving.filter(|listener| listener.role().serves());
        serving
            .map(Listener::endpoint)
            .filter_map(|endpoint| endpoint.internet())
            .collect()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    #[cfg(feature = "tls")]
    pub(crate) fn bind_redirect(mut self, address: SocketAddr, to: u16) -> io::Result<Self> {
        let mut listener = Listener::bind(address, self.shares)?;
        listener.set_role(Role::Redirect(Some(to)));
        self.listeners.push(listener);
        Ok(self)
    }

    #[cfg(feature = "tls")]
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Listener> {
        self.listeners.iter_mut()
    }

    pub(crate) fn into_vec(self) -> Vec<Listener> {
        self.listeners
    }
}

fn cannot_listen(address: impl Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("can't listen on {address}: {error}"))
}

/// The standard library's error does not say what it is about.
fn not_found(error: &io::Error) -> io::Error {
    let message = match error.kind() {
        io::ErrorKind::InvalidInput => format!("can't listen: {error}: write it as host:port"),
        _ => format!("can't listen: the name has no address: {error}"),
    };
    io::Error::new(error.kind(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_binds_its_addresses_and_shares_a_port() {
        let listeners = Listeners::new().bind("localhost:0").unwrap();
        let found = listeners.local_addrs();
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()));
        // An address that this machine does not have is left out beside one that it has.
        let here: SocketAddr = ([127, 0, 0, 1], 0).into();
        let elsewhere: SocketAddr = ([192, 0, 2, 1], 0).into();
        let listeners = Listeners::new().bind(&[elsewhere, here][..]).unwrap();
        assert_eq!(listeners.local_addrs().len(), 1);
    }

    #[test]
    fn an_error_names_the_address() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = taken.local_addr().unwrap();
        let table = [
            (taken.to_string(), io::ErrorKind::AddrInUse),
            ("192.0.2.1:0".to_owned(), io::ErrorKind::AddrNotAvailable),
        ];
        for (address, kind) in table {
            let error = Listeners::new().bind(&address).unwrap_err();
            assert_eq!(error.kind(), kind);
            let message = error.to_string();
            assert!(message.starts_with(&format!("can't listen on {address}: ")));
        }
        assert!(Listeners::new().bind(&[][..]).is_err());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _taken = Listeners::new().bind_unix(&path, None).unwrap();
        let error = Listeners::new().bind_unix(&path, None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let start = format!("can't listen on {}: ", path.display());
        assert!(error.to_string().starts_with(&start), "{error}");
        for (name, says) in [("127.0.0.1", "host:port"), ("h.invalid:80", "no address")] {
            let error = Listeners::new().bind(name).unwrap_err().to_string();
            assert!(
                error.starts_with("can't listen: ") && error.contains(says),
                "{error}"
            );
        }
    }
}
