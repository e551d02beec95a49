//! The server as its user sees it: built, started, run, stopped.

#[cfg(feature = "access-log")]
use crate::access_log::AccessLog;
use crate::connection::Env;
use crate::deadline::{Clock, Timeouts};
use crate::handler::Handler;
use crate::intake::MAX_BODY;
#[cfg(feature = "tls")]
use crate::listen::Role;
use crate::listen::{Listener, Listeners};
use crate::runtime::{
    self, Admission, CAPACITY, Pool, Shared, Worker, descriptors_for_connections,
};
#[cfg(feature = "tls")]
use crate::tls::{Tls, TlsError, TlsHandle};
#[cfg(feature = "tls")]
use std::borrow::Borrow;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::thread::{JoinHandle, available_parallelism};
use std::time::Duration;
use tinyhttp_message::Limits;

/// How long threads may take to end once nothing is left for them to do. One that a handler blocks
/// is left behind.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// How long the access log may take to be written when the server ends. Beyond that, its output is
/// stuck.
#[cfg(feature = "access-log")]
const LAST_LINES: Duration = Duration::from_secs(5);

/// What a server is made of. See [`Server::builder`].
#[derive(Debug)]
pub struct Builder {
    listeners: Listeners,
    workers: Option<usize>,
    max_threads: Option<usize>,
    max_connections: Option<usize>,
    max_connections_per_client: Option<usize>,
    timeouts: Timeouts,
    limits: Limits,
    max_body: u64,
    #[cfg(feature = "access-log")]
    access_log: Option<AccessLog>,
    #[cfg(feature = "tls")]
    tls: Option<TlsHandle>,
}

impl Builder {
    /// Listens on further addresses. See [`Listeners::bind`].
    ///
    /// # Errors
    /// As [`Listeners::bind`].
    pub fn bind(mut self, addresses: impl ToSocketAddrs) -> io::Result<Self> {
        self.listeners = self.listeners.bind(addresses)?;
        Ok(self)
    }

    /// Listens on a Unix socket, too. See [`Listeners::bind_unix`].
    ///
    /// # Errors
    /// As [`Listeners::bind_unix`].
    pub fn bind_unix(mut self, path: impl AsRef<Path>, mode: Option<u32>) -> io::Result<Self> {
        self.listeners = self.listeners.bind_unix(path, mode)?;
        Ok(self)
    }

    /// Sets whether sockets that are bound from here on may have another server beside them. See
    /// [`Listeners::share_addresses`].
    #[must_use]
    pub fn share_addresses(mut self, shares: bool) -> Self {
        self.listeners = self.listeners.share_addresses(shares);
        self
    }

    /// Listens on a socket that is bound already, too. See [`Listeners::adopt`].
    ///
    /// # Errors
    /// As [`Listeners::adopt`].
    pub fn listener(mut self, listener: impl Into<OwnedFd>) -> io::Result<Self> {
        self.listeners = self.listeners.adopt(listener)?;
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
        self.listeners = self.listeners.bind_redirect(address, to)?;
        Ok(self)
    }

    /// The internet addresses that it has been bound to, with the ports that the system chose.
    /// Connections to them wait until the server has started.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.local_addrs()
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
    /// What it has beyond that is closed at once. Half of all unless set, which keeps one client
    /// from having them all and lets many share an address; connections from this machine, where a
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

    /// How long the content of a request may be, in bytes, for closures and routes: 2 MiB unless
    /// set. A longer one gets a 413. It is received before the closure runs and holds no thread
    /// while it arrives; more than 64 KiB go to an unnamed temporary file. A router or a route can
    /// override it, and other handlers set limits of their own: [`Receive`](crate::Receive).
    #[must_use]
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.max_body = bytes;
        self
    }

    /// Where a line for each exchange goes.
    #[cfg(feature = "access-log")]
    #[must_use]
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.access_log = Some(log);
        self
    }

    /// Serves until the server is shut down, on this thread and those that it starts.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn serve(self, handler: impl Handler) -> io::Result<()> {
        self.start(handler)?.run()
    }

    /// Serves on threads of its own, until the handle says otherwise or is dropped.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tinyhttp_server::{Request, Server};
    ///
    /// let server = Server::bind("127.0.0.1:0")?.spawn(|_: Request| "hello\n")?;
    /// println!("http://{}/", server.local_addrs()[0]);
    /// server.shutdown(Duration::from_secs(5))?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn spawn(self, handler: impl Handler) -> io::Result<Handle> {
        Handle::spawn(self.start(handler)?)
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
            handler: Arc::new(handler),
            max_body: self.max_body,
            timeouts: self.timeouts,
            limits: self.limits,
            clock: Clock::new(),
            #[cfg(feature = "access-log")]
            access_log: self.access_log,
            #[cfg(feature = "tls")]
            tls: self.tls,
            #[cfg(feature = "gateway")]
            upstreams: crate::gateway::Registry::default(),
        };
        let most = self
            .max_connections
            .unwrap_or_else(descriptors_for_connections)
            .clamp(1, CAPACITY);
        let listeners = self.listeners.into_vec();
        let admission = Admission::new(listeners, most, self.max_connections_per_client);
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
    // Others only redirect to these.
    let serving = listeners.iter().filter(|listener| listener.role().serves());
    serving
        .map(Listener::endpoint)
        .filter_map(|endpoint| endpoint.internet())
        .collect()
}

/// A server that answers requests.
pub struct Server {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("local_addrs", &self.local_addrs())
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A server yet to be made: bind it, set what differs from the defaults, start it.
    #[must_use]
    pub fn builder() -> Builder {
        Server::on(Listeners::new())
    }

    /// A server yet to be made that listens on an address, or on all addresses of a name.
    ///
    /// ```no_run
    /// use tinyhttp_server::{Request, Server};
    ///
    /// Server::bind("127.0.0.1:8080")?.serve(|_: Request| "hello\n")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Listeners::bind`].
    pub fn bind(addresses: impl ToSocketAddrs) -> io::Result<Builder> {
        Server::builder().bind(addresses)
    }

    /// A server yet to be made that listens on these sockets.
    #[must_use]
    pub fn on(listeners: Listeners) -> Builder {
        Builder {
            listeners,
            workers: None,
            max_threads: None,
            max_connections: None,
            max_connections_per_client: None,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            max_body: MAX_BODY,
            #[cfg(feature = "access-log")]
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
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        addresses(&self.shared.admission.listeners)
    }

    /// A handle that ends the server, from any thread.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle {
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
        self.shared.switched.end();
        match self.pool.wait_for_end(LAST_WAIT) {
            0 => {}
            left => log::warn!("{left} threads are blocked by a handler and are left behind"),
        }
        // Handles may live on, and with them everything that is shared.
        runtime::end(&self.shared);
        // A handle keeps the log from being dropped.
        #[cfg(feature = "access-log")]
        if let Some(access_log) = &self.shared.env.access_log {
            if !access_log.flush(LAST_LINES) {
                log::warn!("the access log takes no more lines; the last ones are lost");
            }
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
pub struct ShutdownHandle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for ShutdownHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShutdownHandle").finish_non_exhaustive()
    }
}

impl ShutdownHandle {
    /// Begins to end the server gracefully, and returns at once.
    ///
    /// After a tenth of a second the server accepts no more connections. It closes idle ones, and
    /// lets busy ones finish their exchange, for at most `grace`. A client that has only just
    /// connected may still send a request for half a second.
    pub fn shutdown(&self, grace: Duration) {
        self.shared.lifecycle.drain(grace);
    }

    /// The number of requests in flight: those that a handler works on, and those whose response
    /// the client has not received whole.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight()
    }

    /// Ends the server at once. Exchanges in progress are aborted.
    pub fn abort(&self) {
        self.shared.lifecycle.stop();
    }

    /// Brings all deadlines nearer, so that tests of this crate need not wait for them.
    #[doc(hidden)]
    pub fn advance_clock(&self, by: Duration) {
        self.shared.env.clock.advance(by);
        self.shared.lifecycle.notify();
    }
}

/// A server that runs on threads of its own, from [`Builder::spawn`]. Dropping it ends the server
/// at once.
#[derive(Debug)]
#[must_use = "the server ends when its handle is dropped"]
pub struct Handle {
    local_addrs: Vec<SocketAddr>,
    shutdown: ShutdownHandle,
    timer: Option<JoinHandle<io::Result<()>>>,
}

impl Handle {
    fn spawn(server: Server) -> io::Result<Self> {
        let (local_addrs, shutdown) = (server.local_addrs(), server.shutdown_handle());
        let timer = std::thread::Builder::new().name("http-timer".to_owned());
        let timer = timer.spawn(move || server.run())?;
        Ok(Handle {
            local_addrs,
            shutdown,
            timer: Some(timer),
        })
    }

    /// The internet addresses that the server listens on, with the ports that the system chose.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// A handle that ends the server from elsewhere, for example from a thread for signals.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        self.shutdown.clone()
    }

    /// Ends the server as [`ShutdownHandle::shutdown`] does, and waits until it has ended: for at
    /// most about `grace` and half a second.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub fn shutdown(self, grace: Duration) -> io::Result<()> {
        self.shutdown.shutdown(grace);
        self.join()
    }

    /// Waits until the server has ended, which a [`ShutdownHandle`] brings about.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub fn join(mut self) -> io::Result<()> {
        self.timer.take().map_or(Ok(()), wait_for)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.shutdown.abort();
            if let Err(error) = wait_for(timer) {
                log::error!("the server did not end as it should: {error}");
            }
        }
    }
}

fn wait_for(timer: JoinHandle<io::Result<()>>) -> io::Result<()> {
    let panicked = |_| Err(io::Error::other("the server's timer thread panicked"));
    timer.join().unwrap_or_else(panicked)
}
