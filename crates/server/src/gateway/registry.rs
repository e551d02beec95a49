//! The connections of one server to its upstream servers: how many are open, and which groups keep
//! idle ones.
//!
//! Several servers of a process can share an upstream, but each has connections of its own: its
//! poller knows their sockets, and they count towards its limit.

use super::group::Group;
use super::pipes::Pipes;
use super::socket::OpenSockets;
use super::starving::PATIENCE;
use crate::lock::Lock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// What one server knows of its connections to upstream servers.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// The sockets that are open.
    pub(super) open: Arc<OpenSockets>,
    /// What large content goes through.
    pub(crate) pipes: Pipes,
    /// The groups that this server has connected to.
    groups: Lock<Vec<Weak<Group>>>,
    /// When [`relieve`](Registry::relieve) is due.
    relief: Lock<Option<Instant>>,
    /// Whether `relief` is set: most polls need no lock to find that it is not.
    awaits_relief: AtomicBool,
}

impl Registry {
    /// The descriptors of sockets to upstream servers, idle ones included, and of pipes.
    pub(crate) fn descriptors(&self) -> usize {
        self.open.count() + self.pipes.descriptors()
    }

    /// Takes note of a group that this server connects to.
    pub(super) fn add(&self, group: &Arc<Group>) {
        let mut groups = self.groups.lock();
        if groups
            .iter()
            .all(|known| known.as_ptr() != Arc::as_ptr(group))
        {
            groups.retain(|known| known.strong_count() > 0);
            groups.push(Arc::downgrade(group));
        }
    }

    fn groups(&self) -> Vec<Arc<Group>> {
        self.groups
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// Closes pipes that are not in use, and the connections that have been idle for longest, N at
    /// most. Returns whether there were any.
    pub(crate) fn close_idle(&self, most: usize) -> bool {
        let groups = self.groups();
        let servers = || groups.iter().flat_map(|group| group.servers());
        let close_oldest = || {
            let oldest = servers()
                .filter_map(|server| Some((server.idle.oldest(&self.open)?, server)))
                .min_by_key(|(since, _)| *since);
            oldest.is_some_and(|(_, server)| server.idle.close_oldest(&self.open))
        };
        let closed = (0..most).take_while(|_| close_oldest()).count();
        self.pipes.close_kept() || closed > 0
    }

    /// Takes note that a request waits for a server of this group, since now.
    pub(crate) fn await_server(&self, group: &Arc<Group>, now: Instant) {
        if group.settings.has_processes {
            self.add(group);
            self.relieve_at(now + PATIENCE);
        }
    }

    /// Has [`relieve`](Registry::relieve) called at this time, or earlier.
    pub(super) fn relieve_at(&self, at: Instant) {
        let mut relief = self.relief.lock();
        *relief = Some(relief.map_or(at, |earlier| earlier.min(at)));
        self.awaits_relief.store(true, Ordering::Release);
    }

    /// The time until [`relieve`](Registry::relieve) is due; `None` if nothing waits for it.
    pub(crate) fn until_relief(&self) -> Option<Duration> {
        if !self.awaits_relief.load(Ordering::Acquire) {
            return None;
        }
        let due = *self.relief.lock();
        due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Calls [`Group::relieve`] if it is due.
    pub(crate) fn relieve(&self, now: Instant) {
        if !self.awaits_relief.load(Ordering::Acquire) {
            return;
        }
        {
            let mut relief = self.relief.lock();
            if relief.is_some_and(|due| now < due) {
                return;
            }
            self.awaits_relief.store(false, Ordering::Release);
            *relief = None;
        }
        for group in self.groups() {
            if let Some(next) = group.relieve(now) {
                self.relieve_at(next);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::*;
    use std::net::TcpListener;

    /// The connections of all upstreams in the order in which they became idle; another server's
    /// stay.
    #[test]
    fn the_longest_idle_connections_are_closed_first() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let target = listener.local_addr().unwrap().to_string();
        let group = || {
            let targets = vec![target.parse().unwrap(); 2];
            Arc::new(Group::new(targets, Settings::default()))
        };
        let groups = [group(), group()];
        let (registry, other) = (Registry::default(), Registry::default());
        let start = Instant::now();
        // Which group and server, of which registry, and when the connection became idle.
        let table = [(0, 0, 1), (1, 1, 2), (0, 1, 3), (1, 0, 4), (0, 0, 5)];
        let idle = || {
            let mut since: Vec<u64> = Vec::new();
            for server in groups.iter().flat_map(|group| group.servers()) {
                let oldest = server.idle.oldest(&registry.open);
                since.extend(oldest.map(|oldest| (oldest - start).as_secs()));
            }
            since.sort_unstable();
            since
        };
        for (number, server, second) in table {
            for registry in [&registry, &other] {
                registry.add(&groups[number]);
                let lease = groups[number].lease(server, false);
                let (socket, _) = lease.connect(0, &registry.open).unwrap();
                lease.keep(socket, start + Duration::from_secs(second));
            }
        }
        assert_eq!(idle(), [1, 2, 3, 4]);
        assert!(registry.close_idle(1));
        assert_eq!(idle(), [2, 3, 4, 5]);
        assert!(registry.close_idle(3));
        assert_eq!(idle(), [5]);
        assert_eq!((registry.descriptors(), other.descriptors()), (1, 5));
        assert!(registry.close_idle(9));
        assert!(!registry.close_idle(9));
        assert_eq!((registry.descriptors(), other.descriptors()), (0, 5));
    }
}
