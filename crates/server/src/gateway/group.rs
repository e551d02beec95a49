//! The servers of an upstream, the requests under way, and those that wait for room.

use super::balance::{Balance, Candidate, admitted, choose};
use super::capacity::LateRequests;
use super::health::Check;
use super::idle::Moment;
use super::queue::{Given, Joined, Offer, Place, Queue};
use super::server::{Server, securing};
use super::settings::Settings;
use super::socket::{OpenSockets, Socket};
use super::stage::Stage;
use super::starving::PATIENCE;
use super::target::Target;
use super::tried::{Tried, Wish};
use crate::poller::alarm::Alarm;
use crate::random;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The servers of an upstream.
#[derive(Debug)]
pub(crate) struct Group {
    servers: Vec<Server>,
    pub(crate) settings: Settings,
    turn: AtomicUsize,
    start: Instant,
    /// Requests that wait for room; `None` if there always is some.
    queue: Option<Queue<Wish, Lease, Alarm>>,
    late: LateRequests,
}

/// What there is for a request.
#[derive(Debug)]
pub(crate) enum Choice {
    Server(Lease),
    /// All servers that work have as many requests as they may.
    Waits(Ticket),
    /// And as many requests wait as may.
    Full,
    /// No server works.
    Nothing,
}

/// What a search for a server finds.
enum Found {
    /// The server with this number, and whether it is out and no better one is left.
    Server(usize, bool),
    Full,
    Nothing,
}

/// A request's place in the queue, which it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    group: Arc<Group>,
    place: Arc<Place<Wish, Lease, Alarm>>,
}

/// A request under way at a server. It is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    group: Arc<Group>,
    /// There are far fewer servers than that.
    number: u32,
    /// The server was out, but no better one was left.
    pub(crate) is_last_resort: bool,
    stage: Stage,
}

impl Group {
    /// Looks up the addresses of the servers, which may block.
    pub(crate) fn new(targets: Vec<Target>, settings: Settings) -> Self {
        let securing = securing(&targets, &settings);
        let servers = targets.into_iter().zip(securing);
        let servers = servers.map(|(target, securing)| Server::new(target, securing));
        let group = Group::of(servers.collect(), settings);
        group.servers.iter().for_each(Server::look_up);
        group
    }

    /// The group of what runs programs: there is nothing to connect to.
    pub(crate) fn of_programs(target: Target, settings: Settings) -> Self {
        Group::of(vec![Server::new(target, None)], settings)
    }

    fn of(servers: Vec<Server>, settings: Settings) -> Self {
        let mut limits = servers.iter().map(|server| server.target.limit());
        let may_be_full = limits.any(|limit| limit.is_some()) || settings.has_processes;
        let queue = may_be_full.then(Queue::new);
        Group {
            servers,
            settings,
            turn: AtomicUsize::new(0),
            start: Instant::now(),
            queue,
            late: LateRequests::default(),
        }
    }

    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The servers' names in messages.
    pub(crate) fn name(&self) -> String {
        let names = self
            .servers
            .iter()
            .map(|server| server.target.label().to_string());
        names.collect::<Vec<_>>().join(", ")
    }

    /// The time that health is told by.
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Chooses a server for a request, or gives it a place in the queue, behind those that arrived
    /// before it. `arrival` is that of a request that has waited before.
    pub(crate) fn choose(
        self: &Arc<Self>,
        wish: Wish,
        arrival: Option<u64>,
        now: Instant,
    ) -> Choice {
        let Some(queue) = &self.queue else {
            return match self.search(&wish) {
                Found::Server(number, is_last) => Choice::Server(self.lease(number, is_last)),
                Found::Full | Found::Nothing => Choice::Nothing,
            };
        };
        let (limit, _) = self.settings.queue;
        let (joined, woken) = queue.join(wish, arrival, (limit, now), |wish, _| self.offer(wish));
        woken.into_iter().for_each(Alarm::ring);
        match joined {
            Joined::Granted(lease) => Choice::Server(lease),
            Joined::Waits(place) => Choice::Waits(Ticket {
                group: Arc::clone(self),
                place,
            }),
            // Where only the processes are taken, the kernel has a queue, too.
            Joined::Full => match self.offer(&wish.late()) {
                Offer::Granted(lease) => Choice::Server(lease),
                _ => Choice::Full,
            },
            Joined::Nothing => Choice::Nothing,
        }
    }

    /// Whether a server that works is left for a request, with or without room.
    pub(crate) fn has_server(&self, wish: &Wish) -> bool {
        !matches!(self.search(wish), Found::Nothing)
    }

    /// Lets requests that wait have what room there is, because something has changed.
    pub(crate) fn grant(self: &Arc<Self>) {
        let granted = self.grant_into(Instant::now());
        granted.into_iter().for_each(Alarm::ring);
    }

    /// As [`grant`](Group::grant), and returns what wakes the connections.
    fn grant_into(self: &Arc<Self>, now: Instant) -> Vec<Alarm> {
        let Some(queue) = &self.queue else {
            return Vec::new();
        };
        let granted = queue.grant(|wish, _| self.offer(wish));
        if !granted.is_empty() {
            self.late.moved(now);
        }
        granted
    }

    /// Closes idle connections for requests that have waited for a process for too long, and lets
    /// late ones go on new connections. Returns when that is to be done next, if requests wait.
    pub(crate) fn relieve(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let relieved = self.servers.iter().filter_map(|it| it.relieve(now));
        let next = relieved.min();
        let queue = self.queue.as_ref().filter(|_| self.settings.has_processes);
        let Some((queue, first)) = queue.and_then(|it| Some((it, it.first_since()?))) else {
            return next;
        };
        let known = self.servers.iter().filter_map(|it| it.capacity.probe(now));
        let mut left = self.late.allowed(known.sum(), first, now);
        let granted = queue.grant(|wish, since| match since + PATIENCE <= now && left > 0 {
            true => {
                left -= 1;
                self.offer(&wish.late())
            }
            false => self.offer(wish),
        });
        granted.into_iter().for_each(Alarm::ring);
        let due = |since| Some(since + PATIENCE).filter(|due| *due > now);
        let first = queue
            .first_since()
            .map(|since| due(since).unwrap_or(now + PATIENCE));
        next.into_iter().chain(first).min()
    }

    /// What there is for a request that waits. Called while the queue is locked.
    fn offer(self: &Arc<Self>, wish: &Wish) -> Offer<Lease> {
        match self.search(wish) {
            Found::Server(number, is_last) => Offer::Granted(self.lease(number, is_last)),
            Found::Full if wish.tried.is_empty() => Offer::Full,
            Found::Full => Offer::Later,
            Found::Nothing => Offer::Nothing,
        }
    }

    /// Searches for a server with room: one that has not been tried, or else one that only closed a
    /// connection, or else one that is out and may have come back. While servers are restarted one
    /// after the other, the first one is still out when the last one ends.
    fn search(&self, wish: &Wish) -> Found {
        let (first, rest) = (wish.tried, wish.tried.excluded());
        let found = self.search_among(first, wish);
        let again = match found {
            Found::Server(..) => return found,
            _ if first == rest => Found::Nothing,
            _ => self.search_among(rest, wish),
        };
        match (again, found) {
            (Found::Nothing, Found::Nothing) => self.last_resort(wish),
            (Found::Nothing, found) => found,
            (other, _) => other,
        }
    }

    fn last_resort(&self, wish: &Wish) -> Found {
        let servers = self.servers.iter().enumerate().filter(|(number, server)| {
            !wish.tried.excluded().contains(*number)
                && server.has_room(wish.is_late)
                && server.health.lock().is_last_resort()
        });
        let least = servers.min_by_key(|(_, server)| server.active.load(Ordering::Relaxed));
        least.map_or(Found::Nothing, |(number, _)| Found::Server(number, true))
    }

    /// Searches among the servers that have not been tried.
    fn search_among(&self, tried: Tried, wish: &Wish) -> Found {
        if let [only] = &self.servers[..] {
            // Without another server, it would only turn one failure into many.
            return match !tried.contains(0) && only.health.lock().is_good(Duration::MAX) {
                true if only.has_room(wish.is_late) => Found::Server(0, false),
                true => Found::Full,
                false => Found::Nothing,
            };
        }
        let now = self.now();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let random = match self.settings.balance {
            Balance::TwoChoices => random::number(),
            _ => 0,
        };
        // A backup is for when no other server works, not for when those that do are full.
        for is_backup in [false, true] {
            let mut is_full = false;
            let works = |(number, server): &(usize, &Server)| {
                server.target.is_backup() == is_backup
                    && !tried.contains(*number)
                    && server.health.lock().is_good(now)
            };
            let servers = self.servers.iter().enumerate().filter(works);
            let with_room = servers.filter(|(_, server)| {
                let has_room = server.has_room(wish.is_late);
                is_full |= !has_room;
                has_room
            });
            let candidates: Vec<_> = with_room
                .map(|(number, server)| Candidate {
                    number,
                    weight: server.target.share(),
                    active: server.active.load(Ordering::Relaxed),
                })
                .collect();
            let (balance, time) = (&self.settings.balance, self.settings.slow_start);
            let candidates = match time.is_zero() || balance.is_by_client() {
                true => candidates,
                false => admitted(candidates, turn, |number| {
                    self.servers[number].health.lock().part(now, time)
                }),
            };
            if let Some(number) = choose(balance, &candidates, turn, random, wish.key) {
                return Found::Server(number, false);
            }
            if is_full {
                return Found::Full;
            }
        }
        Found::Nothing
    }

    pub(super) fn lease(self: &Arc<Self>, number: usize, is_last_resort: bool) -> Lease {
        self.servers[number].active.fetch_add(1, Ordering::Relaxed);
        Lease {
            group: Arc::clone(self),
            number: number as u32,
            is_last_resort,
            stage: Stage::default(),
        }
    }

    /// Closes idle connections that have been idle for too long, or were closed by their server.
    pub(crate) fn prune(&self) {
        self.servers.iter().for_each(|server| server.idle.prune());
    }

    /// Notes the result of a check.
    pub(crate) fn checked(self: &Arc<Self>, server: &Server, is_good: bool, check: &Check) {
        if server.health.lock().checked(is_good, check, self.now()) {
            let state = if is_good {
                "healthy again"
            } else {
                "out: its checks fail"
            };
            log::warn!("the upstream server {} is {state}", server.target.label());
            self.grant();
        }
    }
}

impl Lease {
    pub(crate) fn server(&self) -> &Server {
        &self.group.servers[self.number as usize]
    }

    pub(crate) fn number(&self) -> usize {
        self.number as usize
    }

    /// Takes note that this request, on a new connection, may have to wait for a process, and
    /// closes idle connections for it.
    pub(crate) fn starve(&mut self, now: Instant) {
        let server = &self.group.servers[self.number as usize];
        self.stage.starve(server, now);
        server.make_room_for_process();
    }

    /// Takes note that a connection that was kept for this request has a process.
    pub(crate) fn serve(&mut self, now: Instant) {
        self.stage
            .serve(&self.group.servers[self.number as usize], now);
    }

    /// Ends what [`starve`](Lease::starve) began: a process responds.
    pub(crate) fn feed(&mut self) {
        self.stage.feed(&self.group.servers[self.number as usize]);
    }

    /// Ends the request. Returns what wakes the connections whose requests have got its place.
    pub(crate) fn end(mut self, now: Instant) -> Vec<Alarm> {
        self.stage.complete(self.server(), now);
        self.leave(|| now)
    }

    fn leave(&mut self, now: impl FnOnce() -> Instant) -> Vec<Alarm> {
        match self.stage.end(&self.group.servers[self.number as usize]) {
            true => self.group.grant_into(now()),
            false => Vec::new(),
        }
    }

    /// Takes an idle connection of those counted in `open`.
    pub(crate) fn take_idle(&self, open: &Arc<OpenSockets>, moment: Moment) -> Option<Socket> {
        self.server().idle.take(open, moment)
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
        // Idle connections count for the server, too.
        server.make_room();
        Ok((Socket::connect(address, securing, open)?, number))
    }

    /// The settings of the upstream.
    pub(crate) fn settings(&self) -> &Settings {
        &self.group.settings
    }

    /// Notes that a response came, on a new connection to the address with this number if any.
    pub(crate) fn worked(&self, address: Option<usize>) {
        let server = self.server();
        if let Some(address) = address {
            server.preferred.store(address, Ordering::Relaxed);
        }
        let now = || self.group.now();
        let is_back = server.health.lock().worked(self.is_last_resort, now);
        if is_back {
            self.group.grant();
        }
    }

    /// Notes that a request failed before a response came; `is_slow`: at the end of a timeout.
    pub(crate) fn failed(&self, is_slow: bool) {
        let (group, server) = (&self.group, self.server());
        let now = group.now();
        let is_out = server
            .health
            .lock()
            .failed(now, is_slow, &group.settings.passive);
        if is_out {
            group.grant();
        }
    }

    /// Keeps a connection for another request, unless one waits for its process. Returns when the
    /// connection has to be closed for a request that has begun to wait.
    pub(crate) fn keep(&self, socket: Socket, now: Instant) -> Option<Instant> {
        let server = self.server();
        server
            .idle
            .keep(socket, (&server.starving, &server.capacity), now)
    }

    /// Closes the idle connections that their server has closed.
    pub(crate) fn prune(&self) {
        self.server().idle.prune();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let woken = self.leave(Instant::now);
        woken.into_iter().for_each(Alarm::ring);
    }
}

impl Ticket {
    /// The number of the request's arrival, which is kept for the next time that it waits.
    pub(crate) fn arrival(&self) -> u64 {
        self.place.arrival()
    }

    /// Takes the server that the request was given.
    pub(crate) fn take(&self) -> Given<Lease> {
        self.place.take()
    }

    /// Whether there is nothing to wait for any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.place.is_settled()
    }

    /// Leaves what wakes the request's connection. Returns it if there is nothing to wait for.
    pub(crate) fn park(&self, alarm: Alarm) -> Option<Alarm> {
        self.place.park(alarm)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(queue) = &self.group.queue {
            // What it was given goes to the next one when it is dropped.
            drop(queue.leave(&self.place));
        }
    }
}

#[cfg(test)]
mod tests;
