//! The server as its user sees it: built, started, run, stopped.

use crate::access_log::AccessLog;
use crate::connection::Env;
use crate::deadline::{Clock, Timeouts};
use crate::handler::Handler;
use crate::listen::Listener;
#[cfg(feature = "tls")]
use crate::listen::Role;
use crate::runtime::{self, Admission, CAPACITY, Pool, Shared, Worker};
#[cfg(feature = "tls")]
use crate::tls::{Tls, TlsError, TlsHandle};
use rustix::process::{Resource, getrlimit};
#[cfg(feature = "tls")]
use std::borrow::Borrow;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tinyhttp_message::Limits;

/// Descriptors that are reserved for files, logs and the like; a quarter where the limit is low.
const RESERVED_DESCRIPTORS: u64 = 128;

/// How long threads may take to end once nothing is left for them to do. One that a handler blocks
/// is left behind.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// How long the access log may take to be written when the server ends. Beyond that, its output is
/// stuck.
const LAST_LINES: Duration = Duration::from_secs(5);

/// What a server is made of. See [`Server::builder`].
#[derive(Debug)]
pub struct Builder {
    listeners: Vec<Listener>,
    shares: bool,
    workers: Option<usize>,
    max_threads: Option<usize>,
    max_connections: Option<usize>,
    max_connections_per_client: Option<usize>,
    timeouts: Timeouts,
    limits: Limits,
    access_log: Option<AccessLog>,
    #[cfg(feature = "tls")]
    tls: Option<TlsHandle>,
}

impl Builder {
    /// Listens on an address; may be called several times. Port 0 lets the system choose. An IPv6
    /// address takes IPv6 connections only. A client is accepted when its first bytes have come, or
    /// when it has been silent for about a second.
    ///
    /// # Errors
    /// What the system says: [`AddrInUse`](io::ErrorKind::AddrInUse),
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable),
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for ports below 1024.
    pub fn bind(mut self, address: SocketAddr) -> io::Result<Self> {
        self.listeners.push(Listener::bind(address, self.shares)?);
        Ok(self)
    }

    /// Listens on a Unix socket of this name, with these permissions (`0o660`), or those that the
    /// umask leaves. A socket without a listener is replaced. The name is removed when
    /// the server ends.
    ///
    /// # Errors
    /// What the system says: [`AddrInUse`](io::ErrorKind::AddrInUse) if the address is in use,
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if what has this name is no socket,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is longer than the 107 bytes that the
    /// system has for it.
    pub fn bind_unix(mut self, path: impl AsRef<Path>, mode: Option<u32>) -> io::Result<Self> {
        let listener = Listener::bind_unix(path.as_ref(), mode, self.shares)?;
        self.listeners.push(listener);
        Ok(self)
    }

    /// Whether what is bound from here on may have another server beside it, so that one can take
    /// over from the other.
    ///
    /// An internet address is shared (`SO_REUSEPORT`) if both servers say so and belong to the same
    /// user: each of them gets a part of the connections until one ends. A Unix socket's name goes
    /// from the old server to the new one at once.
    #[must_use]
    pub fn share_addresses(mut self, shares: bool) -> Self {
        self.shares = shares;
        self
    }

    /// Listens on a stream socket that is bound already: a [`TcpListener`](std::net::TcpListener),
    /// a [`UnixListener`](std::os::unix::net::UnixListener), or one that came from another process.
    ///
    /// # Errors
    /// If it is of another kind, or can't be made non-blocking.
    pub fn listener(mut self, listener: impl Into<OwnedFd>) -> io::Result<Self> {
        self.listeners.push(Listener::from_bound(listener.into())?);
        Ok(self)
    }

    /// Speaks HTTPS on all listeners, those that are added later included. A client that speaks
    /// HTTP there is redirected.
    ///
    /// # Errors
    /// [`TlsError::NoIdentity`] if there is no certificate, or what rustls says.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: impl Borrow<Tls>) -> Result<Self, TlsError> {
        self.tls = Some(TlsHandle::new(tls.borrow())?);
        Ok(self)
    }

    /// Redirects requests for an address to HTTPS, on this port of the host that they name. As
    /// [`Builder::bind`].
    ///
    /// # Errors
    /// As [`Builder::bind`].
    #[cfg(feature = "tls")]
    pub fn bind_redirect(mut self, address: SocketAddr, to: u16) -> io::Result<Self> {
        let mut listener = Listener::bind(address, self.shares)?;
        listener.set_role(Role::Redirect(Some(to)));
        self.listeners.push(listener);
        Ok(self)
    }

    /// The internet addresses that it has been bound to, with the ports that the system chose.
    /// Connections to them wait until the server has started.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.listeners)
    }

    /// How many workers may be busy at a time; as many as there are cores unless set.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How many threads there may be when handlers wait; 256 unless set. Beyond that requests
    /// queue.
    #[must_use]
    pub fn max_threads(mut self, threads: usize) -> Self {
        self.max_threads = Some(threads);
        self
    }

    /// The maximum number of connections; by default as many as the limit on open files admits.
    /// When there are that many and a client connects, the connections that have been idle for
    /// longest are closed, or else those that send content that is skipped, or whose head is
    /// incomplete, or a reader of a response that has fallen behind [`Timeouts::slowest`]. If there
    /// are none of these, new clients wait to be accepted.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = Some(connections);
        self
    }

    /// How many connections one client may have: an IPv4 address, or an IPv6 network of 64 bits.
    /// What it has beyond that is closed at once. Half of all unless set, which keeps anybody from
    /// having them all and lets many share an address; connections from this machine, where a
    /// reverse proxy may be, are bound only if it is set.
    #[must_use]
    pub fn max_connections_per_client(mut self, connections: usize) -> Self {
        self.max_connections_per_client = Some(connections);
        self
    }

    /// How long clients may take.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How large requests' heads may be.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where a line for each exchange goes.
    #[must_use]
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.access_log = Some(log);
        self
    }

    /// Starts the workers. Requests are answered from now on; [`Server::run`] keeps the time.
    ///
    /// # Errors
    /// If there is no listener, or the system has no descriptor or thread left.
    pub fn start(mut self, handler: impl Handler) -> io::Result<Server> {
        if self.listeners.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the server has no address to listen on",
            ));
        }
        self.assign_roles();
        let env = Env {
            handler: Box::new(handler),
            timeouts: self.timeouts,
            limits: self.limits,
            clock: Clock::new(),
            access_log: self.access_log,
            #[cfg(feature = "tls")]
            tls: self.tls,
        };
        let most = self
            .max_connections
            .unwrap_or_else(descriptors_for_connections)
            .clamp(1, CAPACITY);
        let admission = Admission::new(self.listeners, most, self.max_connections_per_client);
        let shared = Arc::new(Shared::new(env, admission)?);
        let workers = self
            .workers
            .unwrap_or_else(|| available_parallelism().map_or(2, usize::from));
        let theirs = Arc::clone(&shared);
        let pool = Pool::start(workers, self.max_threads.unwrap_or(256), move |pool| {
            Worker::new(&theirs, pool).run();
        })?;
        Ok(Server { shared, pool })
    }
}

impl Builder {
    /// Has the listeners speak HTTPS if it is set up.
    fn assign_roles(&mut self) {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            let plain = self.listeners.iter_mut();
            let plain = plain.filter(|listener| listener.role() == Role::Plain);
            plain.for_each(|listener| listener.set_role(Role::Secured));
        }
    }
}

fn addresses(listeners: &[Listener]) -> Vec<SocketAddr> {
    let endpoints = listeners.iter().map(Listener::endpoint);
    endpoints
        .filter_map(|endpoint| endpoint.internet())
        .collect()
}

fn descriptors_for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit - RESERVED_DESCRIPTORS.min(limit / 4)).unwrap_or(usize::MAX)
}

/// A server that answers requests.
pub struct Server {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses())
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A server yet to be made: bind it, set what differs from the defaults, start it.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            listeners: Vec::new(),
            shares: false,
            workers: None,
            max_threads: None,
            max_connections: None,
            max_connections_per_client: None,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            access_log: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// What replaces the certificates while the server runs. `None` if it speaks HTTP.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<TlsHandle> {
        self.shared.env.tls.clone()
    }

    /// The internet addresses it listens on, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.shared.admission.listeners)
    }

    /// What ends the server, from any thread.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Keeps the time until the server has been stopped: ends what has passed its deadline, and
    /// accepts again after there was no room. When this returns, whatever was left has been cut,
    /// and the access log is complete. A server that is dropped without having been run ends, too.
    ///
    /// # Errors
    /// None at present; the type leaves room for some.
    pub fn run(self) -> io::Result<()> {
        runtime::run_timer(&self.shared, &self.pool);
        Ok(())
    }

    /// Closes what is left, whether the timer has run or not.
    fn end(&self) {
        self.shared.lifecycle.stop();
        self.pool.stop();
        match self.pool.wait_for_end(LAST_WAIT) {
            0 => {}
            left => log::warn!("{left} threads are blocked by a handler and are left behind"),
        }
        // Stoppers may live on, and with them everything that is shared.
        runtime::end(&self.shared);
        // A Stopper keeps the log from being dropped.
        if let Some(access_log) = &self.shared.env.access_log
            && !access_log.flush(LAST_LINES)
        {
            log::warn!("the access log takes no more lines; the last ones are lost");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ends a server. It can be cloned, and used from any thread.
#[derive(Clone)]
pub struct Stopper {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Stopper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stopper").finish_non_exhaustive()
    }
}

impl Stopper {
    /// Ends the server gracefully: accepting ends after a tenth of a second, idle connections are
    /// closed, and busy ones finish their exchange, for at most `grace`. A client that has only
    /// just connected may still send a request: for half a second, or for a tenth of one if it has
    /// sent nothing, because the kernel has kept it for longer.
    pub fn drain(&self, grace: Duration) {
        self.shared.lifecycle.drain(grace);
    }

    /// The number of requests in flight: those that a handler works on, and those whose response
    /// the client has not taken whole.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight()
    }

    /// Ends the server at once. Whatever is under way is cut.
    pub fn stop(&self) {
        self.shared.lifecycle.stop();
    }
}
