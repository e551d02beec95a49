//! The servers of an upstream: their addresses, their health, and the requests under way.

use super::balance::{Balance, Candidate, choose};
use super::health::{Check, Health, Passive};
use super::idle::IdleConnections;
use super::socket::{Address, OpenSockets, Securing, Socket};
use super::starving::Starving;
use super::target::Target;
use crate::lock::Lock;
use crate::random;
#[cfg(feature = "tls")]
use crate::tls::Trust;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What is set for all servers of an upstream.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) balance: Balance,
    pub(crate) passive: Passive,
    pub(crate) check: Option<Check>,
    /// For a connection to be established.
    pub(crate) connect: Duration,
    /// For the response to begin, and to go on.
    pub(crate) response: Duration,
    /// Whether clients get Server-Timing.
    pub(crate) sends_timing: bool,
    /// For a tunnel without a byte in either direction.
    pub(crate) tunnel: Duration,
    /// Which certificates of servers are accepted; `None`: those of the system's authorities.
    #[cfg(feature = "tls")]
    pub(crate) trust: Option<Trust>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            balance: Balance::default(),
            passive: Passive::default(),
            check: None,
            connect: Duration::from_secs(5),
            response: Duration::from_secs(60),
            sends_timing: false,
            tunnel: Duration::from_secs(3600),
            #[cfg(feature = "tls")]
            trust: None,
        }
    }
}

/// The servers of an upstream.
#[derive(Debug)]
pub(crate) struct Group {
    servers: Vec<Server>,
    pub(crate) settings: Settings,
    turn: AtomicUsize,
    start: Instant,
}

/// How the connections to each target are secured.
#[cfg(feature = "tls")]
fn securing(targets: &[Target], settings: &Settings) -> Vec<Option<Securing>> {
    let system = || {
        Trust::system().unwrap_or_else(|error| {
            log::error!("no upstream server can be verified: {error}");
            Trust::nothing()
        })
    };
    let mut trust = settings.trust.clone();
    let secured = |target: &Target| {
        let name = target.server_name()?;
        let trust = trust.get_or_insert_with(system);
        // The target has been checked when it was read.
        Securing::new(trust, name)
            .inspect_err(|error| log::error!("{target}: {error}"))
            .ok()
    };
    targets.iter().map(secured).collect()
}

#[cfg(not(feature = "tls"))]
fn securing(targets: &[Target], _: &Settings) -> Vec<Option<Securing>> {
    targets.iter().map(|_| None).collect()
}

/// One server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) target: Target,
    /// How connections are secured.
    pub(crate) securing: Option<Securing>,
    addresses: Lock<Arc<[Address]>>,
    /// The address of the last connection that was established.
    preferred: AtomicUsize,
    pub(super) idle: IdleConnections,
    /// Requests under way.
    active: AtomicUsize,
    /// Requests that may wait for a process.
    starving: Starving,
    health: Lock<Health>,
}

/// The servers that have been tried for one request, as bits; those beyond 64 are tried again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tried {
    /// They can't be connected to.
    excluded: u64,
    /// They have closed a connection: another server is better.
    avoided: u64,
}

impl Tried {
    pub(crate) fn exclude(&mut self, number: usize) {
        self.excluded |= bit(number);
    }

    pub(crate) fn avoid(&mut self, number: usize) {
        self.avoided |= bit(number);
    }

    fn contains(self, number: usize) -> bool {
        (self.excluded | self.avoided) & bit(number) != 0
    }

    /// Those that can't be used at all.
    pub(crate) fn excluded(self) -> Self {
        Tried { avoided: 0, ..self }
    }
}

fn bit(number: usize) -> u64 {
    1u64.checked_shl(number as u32).unwrap_or(0)
}

/// A request under way at a server. It is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    group: Arc<Group>,
    number: usize,
    /// Since when it has been among those that may wait for a process.
    starving_since: Option<Instant>,
}

impl Group {
    /// Looks up the addresses of the servers, which may block.
    pub(crate) fn new(targets: Vec<Target>, settings: Settings) -> Self {
        let securing = securing(&targets, &settings);
        let servers = targets.into_iter().zip(securing);
        let group = Group {
            servers: servers
                .map(|(target, securing)| Server::new(target, securing))
                .collect(),
            settings,
            turn: AtomicUsize::new(0),
            start: Instant::now(),
        };
        group.servers.iter().for_each(Server::look_up);
        group
    }

    /// The group of what runs programs: there is nothing to connect to.
    pub(crate) fn of_programs(target: Target, settings: Settings) -> Self {
        Group {
            servers: vec![Server::new(target, None)],
            settings,
            turn: AtomicUsize::new(0),
            start: Instant::now(),
        }
    }

    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The servers' names in messages.
    pub(crate) fn name(&self) -> String {
        let names = self.servers.iter().map(|server| server.target.to_string());
        names.collect::<Vec<_>>().join(", ")
    }

    /// The time that health is told by.
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Chooses a server that has not been tried. `None`: there is none that is healthy.
    pub(crate) fn choose(self: &Arc<Self>, tried: Tried, key: u64) -> Option<Lease> {
        if let [only] = &self.servers[..] {
            // Without another server, it would only turn one failure into many.
            let is_open = !tried.contains(0) && only.health.lock().is_good(Duration::MAX);
            return is_open.then(|| self.lease(0));
        }
        let now = self.now();
        let candidates = |is_backup: bool| -> Vec<Candidate> {
            let all = self.servers.iter().enumerate();
            all.filter(|(number, server)| {
                server.target.is_backup() == is_backup
                    && !tried.contains(*number)
                    && server.health.lock().is_good(now)
            })
            .map(|(number, server)| Candidate {
                number,
                weight: server.target.share(),
                active: server.active.load(Ordering::Relaxed),
            })
            .collect()
        };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let random = match self.settings.balance {
            Balance::TwoChoices => random::number(),
            _ => 0,
        };
        let pick = |candidates: &[Candidate]| {
            choose(&self.settings.balance, candidates, turn, random, key)
        };
        let number = pick(&candidates(false)).or_else(|| pick(&candidates(true)))?;
        Some(self.lease(number))
    }

    fn lease(self: &Arc<Self>, number: usize) -> Lease {
        self.servers[number].active.fetch_add(1, Ordering::Relaxed);
        Lease {
            group: Arc::clone(self),
            number,
            starving_since: None,
        }
    }

    /// Closes idle connections that have been idle for too long, or were closed by their server.
    pub(crate) fn prune(&self) {
        self.servers.iter().for_each(|server| server.idle.prune());
    }

    /// Notes the result of a check.
    pub(crate) fn checked(&self, server: &Server, is_good: bool, check: &Check) {
        if server.health.lock().checked(is_good, check) {
            let state = if is_good {
                "healthy again"
            } else {
                "out: its checks fail"
            };
            log::warn!("the upstream server {} is {state}", server.target);
        }
    }
}

impl Server {
    fn new(target: Target, securing: Option<Securing>) -> Self {
        Server {
            target,
            securing,
            addresses: Lock::new(Arc::new([])),
            preferred: AtomicUsize::new(0),
            idle: IdleConnections::default(),
            active: AtomicUsize::new(0),
            starving: Starving::default(),
            health: Lock::default(),
        }
    }

    /// Looks up the addresses, which may block. If the name has none for now, the last known ones
    /// stay.
    pub(crate) fn look_up(&self) {
        match self.target.resolve() {
            Ok(found) if !found.is_empty() => {
                let mut addresses = self.addresses.lock();
                if **addresses != *found {
                    *addresses = found.into();
                }
            }
            Ok(_) => log::warn!("the upstream name {} has no address", self.target),
            Err(error) => log::warn!("the upstream name {} has no address: {error}", self.target),
        }
    }

    pub(crate) fn addresses(&self) -> Arc<[Address]> {
        Arc::clone(&self.addresses.lock())
    }

    /// Closes the idle connections if a request has waited for a process for too long. Returns when
    /// that will be so, if requests wait.
    pub(crate) fn relieve(&self, now: Instant) -> Option<Instant> {
        let due = self.starving.relief()?;
        if now < due {
            return Some(due);
        }
        self.idle.close_all();
        None
    }
}

impl Lease {
    pub(crate) fn server(&self) -> &Server {
        &self.group.servers[self.number]
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Takes note that this request, on a new connection, may have to wait for a process of the
    /// server: PHP-FPM and others have a process for each connection, idle ones included. Idle
    /// connections are closed for it.
    pub(crate) fn starve(&mut self, now: Instant) {
        if self.starving_since.is_none() {
            self.starving_since = Some(now);
            self.server().starving.add(now);
        }
        self.server().idle.close_all();
    }

    /// Ends what [`starve`](Lease::starve) began: a process responds.
    pub(crate) fn feed(&mut self) {
        if let Some(since) = self.starving_since.take() {
            self.server().starving.remove(since);
        }
    }

    /// Takes an idle connection of those counted in `open`.
    pub(crate) fn take_idle(&self, open: &Arc<OpenSockets>, now: Instant) -> Option<Socket> {
        self.server().idle.take(open, now)
    }

    /// Begins to connect to one of the server's addresses: `turn` counts those that were tried for
    /// a request. Returns the number of the address, too.
    ///
    /// # Errors
    /// As [`Socket::connect`]; [`NotFound`](io::ErrorKind::NotFound) if the name has no address.
    pub(crate) fn connect(
        &self,
        turn: usize,
        open: &Arc<OpenSockets>,
    ) -> io::Result<(Socket, usize)> {
        let server = self.server();
        let addresses = server.addresses();
        let preferred = server.preferred.load(Ordering::Relaxed);
        let number = (preferred + turn) % addresses.len().max(1);
        let Some(address) = addresses.get(number) else {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "its name has no address",
            ));
        };
        let securing = server.securing.as_ref();
        if server.target.is_secured() && securing.is_none() {
            return Err(io::Error::other("it can't be verified"));
        }
        Ok((Socket::connect(address, securing, open)?, number))
    }

    /// Notes that a response came, on a connection to the address with this number if it is a new
    /// one.
    pub(crate) fn worked(&self, address: Option<usize>) {
        let server = self.server();
        if let Some(address) = address {
            server.preferred.store(address, Ordering::Relaxed);
        }
        server.health.lock().worked();
    }

    /// Notes that a request failed before a response came.
    pub(crate) fn failed(&self) {
        let (group, server) = (&self.group, self.server());
        let now = group.now();
        server.health.lock().failed(now, &group.settings.passive);
    }

    /// Keeps a connection for another request, unless one waits for the process that stays with it.
    /// Returns when the connection has to be closed for a request that has begun to wait.
    pub(crate) fn keep(&self, socket: Socket, now: Instant) -> Option<Instant> {
        let server = self.server();
        server.idle.keep(socket, &server.starving, now)
    }

    /// Closes the idle connections that their server has closed.
    pub(crate) fn prune(&self) {
        self.server().idle.prune();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.feed();
        self.server().active.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn group(targets: &[String]) -> Arc<Group> {
        let targets = targets.iter().map(|text| text.parse().unwrap());
        Arc::new(Group::new(targets.collect(), Settings::default()))
    }

    #[test]
    fn idle_connections_are_used_again_and_dead_ones_are_closed() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let group = group(&[listener.local_addr().unwrap().to_string()]);
        let lease = group.choose(Tried::default(), 0).unwrap();
        let (now, open) = (Instant::now(), Arc::default());
        assert!(lease.take_idle(&open, now).is_none());
        let (first, _) = lease.connect(0, &open).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        lease.keep(first, now);
        // Another server of the process has connections of its own.
        assert!(lease.take_idle(&Arc::default(), now).is_none());
        let taken = lease.take_idle(&open, now).unwrap();
        lease.keep(taken, now);
        group.prune();
        assert_eq!((lease.server().idle.count(), open.count()), (1, 1));
        drop(accepted);
        let is_closed = || {
            group.prune();
            open.count() == 0
        };
        while !is_closed() {
            std::thread::yield_now();
        }
    }

    /// A request on a new connection waits for the process that stays with another connection. That
    /// one is kept for as long as the wait is short.
    #[test]
    fn connections_are_kept_until_a_request_has_starved() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let group = group(&[listener.local_addr().unwrap().to_string()]);
        let (start, open) = (Instant::now(), Arc::default());
        let after = |ms| start + Duration::from_millis(ms);
        let (kept, mut waits) = (group.lease(0), group.lease(0));
        let count = || kept.server().idle.count();
        let connect = || kept.connect(0, &open).unwrap().0;
        assert_eq!(kept.keep(connect(), start), None);
        // One that begins to wait has what is idle by then closed.
        waits.starve(start);
        assert_eq!(count(), 0);
        assert_eq!(kept.keep(connect(), after(9)), Some(after(10)));
        assert!(kept.take_idle(&open, after(9)).is_some());
        kept.keep(connect(), after(9));
        assert_eq!(kept.server().relieve(after(9)), Some(after(10)));
        assert_eq!(count(), 1);
        assert_eq!(kept.server().relieve(after(10)), None);
        assert_eq!(count(), 0);
        assert_eq!(kept.keep(connect(), after(10)), None);
        assert_eq!(count(), 0, "the wait is too long");
        // Of several, the first one counts.
        let mut later = group.lease(0);
        later.starve(after(8));
        waits.feed();
        assert_eq!(kept.keep(connect(), after(17)), Some(after(18)));
        drop(later);
        assert_eq!(kept.keep(connect(), after(18)), None);
        assert_eq!(count(), 2);
    }

    #[test]
    fn servers_that_fail_get_no_requests() {
        let group = group(&["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()]);
        let mut tried = Tried::default();
        let first = group.choose(tried, 0).unwrap();
        tried.exclude(first.number());
        let second = group.choose(tried, 0).unwrap();
        assert_ne!(first.number(), second.number());
        tried.avoid(second.number());
        assert!(group.choose(tried, 0).is_none());
        let again = group.choose(tried.excluded(), 0).unwrap();
        assert_eq!(again.number(), second.number());
        drop(again);
        for _ in 0..3 {
            first.failed();
        }
        for _ in 0..4 {
            let lease = group.choose(Tried::default(), 0).unwrap();
            assert_eq!(lease.number(), second.number());
        }
        (0..3).for_each(|_| second.failed());
        assert!(group.choose(Tried::default(), 0).is_none());
        first.worked(None);
        assert!(group.choose(Tried::default(), 0).is_some());
        assert_eq!(first.server().active.load(Ordering::Relaxed), 1);
    }
}
