//! How many connections a FastCGI server serves at a time, as far as that is known.
//!
//! PHP-FPM and others have a process for each connection, and do not announce how many. A request
//! on one connection more waits in the kernel until another connection is closed, and each request
//! after it costs a connection. So once the number is known, requests beyond it wait in this
//! process, for a connection that is kept.
//!
//! The number is learned from a request that has waited for much longer than responses take. If it
//! is wrong, or processes are added, requests show it: one that has waited here for a moment goes
//! on a new connection all the same, and now and then one does so earlier. When such a connection
//! is served beside the others, there are as many processes as that.

use super::starving::PATIENCE;
use crate::lock::Lock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often one connection more is tried, while requests wait.
const PROBES: Duration = Duration::from_secs(1);

/// A wait for a process is as many times as long as a response takes, if nothing is known yet.
const MUCH_LONGER: u32 = 2;

/// The longest time of a response is forgotten by one part of this many with each response.
const FORGOTTEN: u32 = 64;

/// Requests that may wait outside at a time are one part of this many of the processes.
const FEW: usize = 4;

/// How many requests may be on connections that wait for one of `processes`.
pub(super) fn few(processes: usize) -> usize {
    (processes / FEW).max(1)
}

/// What is known of one server.
#[derive(Debug, Default)]
pub(super) struct Capacity {
    /// The number of connections that are served at a time; zero if unknown.
    connections: AtomicUsize,
    /// The requests that are being served: each has a process.
    served: AtomicUsize,
    /// The longest that the response to a request with a process has taken lately, in microseconds.
    longest: AtomicU32,
    /// When one connection more is tried.
    next_probe: Lock<Option<Instant>>,
}

impl Capacity {
    /// The number of connections that are served at a time; `None` if unknown.
    pub(super) fn known(&self) -> Option<usize> {
        match self.connections.load(Ordering::Relaxed) {
            0 => None,
            number => Some(number),
        }
    }

    /// The requests that are being served.
    pub(super) fn served(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }

    /// Counts a request that has a process.
    pub(super) fn add_served(&self) {
        let served = self.served.fetch_add(1, Ordering::Relaxed) + 1;
        // Only one worker at a time learns more than this, so nothing is lost for long.
        if self.known().is_some_and(|number| number < served) {
            self.connections.store(served, Ordering::Relaxed);
            *self.next_probe.lock() = None;
        }
    }

    pub(super) fn remove_served(&self) {
        self.served.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes note of how long the response to a request with a process has taken.
    pub(super) fn responded(&self, time: Duration) {
        let time = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let longest = self.longest.load(Ordering::Relaxed);
        let longest = time.max(longest - longest.div_ceil(FORGOTTEN));
        self.longest.store(longest, Ordering::Relaxed);
    }

    /// Takes note that a request has waited for a process, beside `idle` kept connections and the
    /// requests that are being served.
    pub(super) fn exhausted(&self, idle: usize, waited: Duration) {
        let longest = Duration::from_micros(self.longest.load(Ordering::Relaxed).into());
        let times = self.known().map_or(MUCH_LONGER, |_| 1);
        if waited >= longest.saturating_mul(times) {
            let number = (self.served() + idle).max(1);
            self.connections.store(number, Ordering::Relaxed);
        }
    }

    /// Lets one connection more be tried, if it is time. Called while requests wait. Returns the
    /// number that is known.
    pub(super) fn probe(&self, now: Instant) -> Option<usize> {
        let number = self.known()?;
        let mut next = self.next_probe.lock();
        if next.is_none_or(|at| at <= now) {
            *next = Some(now + PROBES);
            self.connections.store(number + 1, Ordering::Relaxed);
        }
        Some(number)
    }
}

/// How many requests that have waited for long go on new connections: few beside those that are
/// served, as they wait for a process there, too, if the number of processes is right. While others
/// get connections that are kept, none goes: the one that has waited for longest is the next.
#[derive(Debug, Default)]
pub(super) struct LateRequests {
    next: Lock<Option<Instant>>,
}

impl LateRequests {
    /// Takes note that a request that waited has got a connection that is kept.
    pub(super) fn moved(&self, now: Instant) {
        *self.next.lock() = Some(now + PATIENCE);
    }

    /// How many may go now, beside this number of processes, if the first one waits since `first`.
    pub(super) fn allowed(&self, processes: usize, first: Instant, now: Instant) -> usize {
        let mut next = self.next.lock();
        if now < first + PATIENCE || next.is_some_and(|next| now < next) {
            return 0;
        }
        *next = Some(now + PATIENCE);
        few(processes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_number_of_processes_is_learned_from_long_waits() {
        let capacity = Capacity::default();
        (0..3).for_each(|_| capacity.add_served());
        assert_eq!((capacity.known(), capacity.served()), (None, 3));
        // How long a response took before, how many connections are idle, how long a request has
        // waited, and what is known then.
        let table = [
            (8, 1, 15, None),
            (8, 1, 16, Some(4)),
            (0, 0, 7, Some(4)),
            (0, 0, 8, Some(3)),
            (50, 9, 49, Some(3)),
        ];
        for (took, idle, waited, known) in table {
            capacity.responded(took * MS);
            capacity.exhausted(idle, waited * MS);
            assert_eq!(capacity.known(), known, "{took} {idle} {waited}");
        }
        // The longest time is forgotten.
        (0..200).for_each(|_| capacity.responded(MS));
        capacity.exhausted(2, 10 * MS);
        assert_eq!(capacity.known(), Some(5));
        let empty = Capacity::default();
        empty.exhausted(0, 10 * MS);
        assert_eq!(empty.known(), Some(1), "never none");
    }

    #[test]
    fn few_late_requests_go_at_a_time() {
        let late = LateRequests::default();
        let start = Instant::now();
        // The number of processes, since when the first request waits, the time, and how many go.
        let table = [
            (0, 0, 9, 0),
            (0, 0, 10, 1),
            (4, 0, 19, 0),
            (4, 0, 20, 1),
            (9, 21, 30, 0),
            (9, 21, 31, 2),
        ];
        for row in table {
            let (processes, first, ms, expected) = row;
            let (first, now) = (start + first * MS, start + ms * MS);
            assert_eq!(late.allowed(processes, first, now), expected, "{row:?}");
        }
        late.moved(start + 45 * MS);
        let allowed = |ms| late.allowed(4, start, start + ms * MS);
        assert_eq!([allowed(54), allowed(55)], [0, 1]);
    }

    #[test]
    fn more_processes_are_found() {
        let capacity = Capacity::default();
        let start = Instant::now();
        capacity.probe(start);
        assert_eq!(capacity.known(), None, "there is no bound to try");
        (0..2).for_each(|_| capacity.add_served());
        capacity.exhausted(0, 10 * MS);
        capacity.probe(start);
        assert_eq!(capacity.known(), Some(3));
        // It waited as long as any.
        capacity.exhausted(0, 10 * MS);
        capacity.probe(start + PROBES / 2);
        assert_eq!(capacity.known(), Some(2));
        capacity.probe(start + PROBES);
        assert_eq!(capacity.known(), Some(3));
        // Three are served at a time, and then a request that had waited for long enough.
        (0..2).for_each(|_| capacity.add_served());
        assert_eq!(capacity.known(), Some(4));
        capacity.probe(start + PROBES);
        assert_eq!(capacity.known(), Some(5), "the next is tried at once");
        (0..4).for_each(|_| capacity.remove_served());
        assert_eq!((capacity.known(), capacity.served()), (Some(5), 0));
    }
}
