//! A fair queue for password checks: one check runs at a time, and no client can lock others out.
//!
//! A check takes a tenth of a second of a core, so checks wait for each other. In a first-come,
//! first-served queue, forty connections that guess passwords hold every place, and a user with the
//! right one is refused. Here a waiter belongs to its client network and user name:
//!
//! 1. The next check is for the network that was served longest ago, and within it for the name
//!    that was served longest ago.
//! 2. When the queue is full, the newest waiter of the network and name with the most waiters loses
//!    its place, so that a client with fewer waiters always gets one.

use super::origin::Network;
use crate::lock::{Lock, unpoisoned};
use std::collections::HashMap;
use std::sync::{Arc, Condvar};

/// The maximum number of waiting checks. Each holds a thread; with hashes that take 0.05 s, the
/// last of them waits for 3 s.
const PLACES: usize = 64;

/// How many networks and names the queue remembers having served.
const REMEMBERED: usize = 1024;

/// The unit of fairness: a client network and the user name that it sent.
pub(super) type Share = (Network, Arc<str>);

/// The waiting checks and the running one.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Lock<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiter>,
    /// The waiter that runs its check.
    running: Option<u64>,
    /// Counts arrivals and services.
    clock: u64,
    networks: HashMap<Network, u64>,
    shares: HashMap<Share, u64>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    share: Share,
}

/// The right to run one check, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'q>(&'q Queue);

impl Queue {
    /// Waits for a turn. `None` if the queue is full and no other client has more waiters than this
    /// one.
    pub(super) fn turn(&self, share: &Share) -> Option<Turn<'_>> {
        let mut state = self.state.lock();
        let number = state.enter(share.clone())?;
        state.serve_next();
        self.changed.notify_all();
        while state.running != Some(number) {
            if !state.waiting.iter().any(|waiter| waiter.number == number) {
                return None;
            }
            let waited = self.changed.wait(state);
            state = unpoisoned(waited);
        }
        Some(Turn(self))
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.running = None;
        state.serve_next();
        self.0.changed.notify_all();
    }
}

impl State {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Adds a waiter, and evicts one of the heaviest client if the queue is full. Returns the
    /// waiter's number.
    fn enter(&mut self, share: Share) -> Option<u64> {
        let number = self.tick();
        self.waiting.push(Waiter { number, share });
        if self.waiting.len() > PLACES {
            let evicted = self.heaviest()?;
            let is_this = self.waiting[evicted].number == number;
            self.waiting.remove(evicted);
            if is_this {
                return None;
            }
        }
        Some(number)
    }

    /// The newest waiter of the heaviest name in the heaviest network. Of equally heavy ones, it is
    /// the last to arrive.
    fn heaviest(&self) -> Option<usize> {
        let weight = |waiter: &Waiter| {
            let (network, name) = &waiter.share;
            let of_network = self
                .waiting
                .iter()
                .filter(|other| other.share.0 == *network);
            let of_name = of_network.clone().filter(|other| other.share.1 == *name);
            (of_network.count(), of_name.count(), waiter.number)
        };
        let places = self.waiting.iter().enumerate();
        places
            .max_by_key(|(_, waiter)| weight(waiter))
            .map(|(index, _)| index)
    }

    /// Gives the turn to the waiter whose network, and then whose name, was served longest ago.
    fn serve_next(&mut self) {
        if self.running.is_some() {
            return;
        }
        let served = |waiter: &Waiter| {
            let network = self.networks.get(&waiter.share.0).copied();
            let share = self.shares.get(&waiter.share).copied();
            (network.unwrap_or(0), share.unwrap_or(0), waiter.number)
        };
        let places = self.waiting.iter().enumerate();
        let Some((next, _)) = places.min_by_key(|(_, waiter)| served(waiter)) else {
            return;
        };
        let waiter = self.waiting.remove(next);
        self.running = Some(waiter.number);
        let now = self.tick();
        // Forgetting the order costs fairness for one round.
        if self.networks.len() >= REMEMBERED || self.shares.len() >= REMEMBERED {
            self.networks.clear();
            self.shares.clear();
        }
        self.networks.insert(waiter.share.0, now);
        self.shares.insert(waiter.share, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    fn share(network: u32, name: &str) -> Share {
        (Network::V4(network), name.into())
    }

    /// Cases: the waiters in order of arrival, of which the first holds the turn, and the order in
    /// which they are served. `1a` is the name `a` in network 1.
    #[test]
    fn networks_take_turns_and_names_within_them() {
        let table = [
            ("1a 1a 1a 2b", "1a 2b 1a 1a"),
            ("1a 1a 1a 1b", "1a 1b 1a 1a"),
            ("1a 1b 1c 2a 2b", "1a 2a 1b 2b 1c"),
            ("1a 2a 3a", "1a 2a 3a"),
        ];
        for (arrivals, want) in table {
            let mut state = State::default();
            let parse = |text: &str| share(text[..1].parse().unwrap(), &text[1..]);
            let mut names = HashMap::new();
            for text in arrivals.split(' ') {
                let number = state.enter(parse(text)).unwrap();
                names.insert(number, text);
            }
            let mut order = Vec::new();
            while !state.waiting.is_empty() {
                state.running = None;
                state.serve_next();
                order.push(names[&state.running.unwrap()]);
            }
            assert_eq!(order.join(" "), want, "{arrivals}");
        }
    }

    #[test]
    fn a_full_queue_has_a_place_for_a_lighter_client() {
        let fill = |state: &mut State| {
            for _ in 0..PLACES {
                state.enter(share(1, "ann")).unwrap();
            }
        };
        for (newcomer, gets_in) in [
            (share(1, "ann"), false),
            (share(1, "bob"), true),
            (share(2, "ann"), true),
        ] {
            let mut state = State::default();
            fill(&mut state);
            assert_eq!(
                state.enter(newcomer.clone()).is_some(),
                gets_in,
                "{newcomer:?}"
            );
            assert_eq!(state.waiting.len(), PLACES);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut state = State::default();
        for number in 0..3 * REMEMBERED {
            state.enter(share(number as u32, "ann")).unwrap();
            state.running = None;
            state.serve_next();
        }
        assert!(state.networks.len() <= REMEMBERED && state.shares.len() <= REMEMBERED);
    }

    #[test]
    fn an_evicted_waiter_is_told() {
        let queue = Queue::default();
        let first = queue.turn(&share(1, "ann")).unwrap();
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..PLACES {
                let (queue, tell) = (&queue, tell.clone());
                scope.spawn(move || tell.send(queue.turn(&share(1, "ann")).is_some()));
            }
            while queue.waiting() < PLACES {
                thread::yield_now();
            }
            let (queue, tell) = (&queue, tell.clone());
            scope.spawn(move || tell.send(queue.turn(&share(2, "bob")).is_some()));
            assert!(!told.recv().unwrap(), "one of the many is turned away");
            drop(first);
            assert!((0..PLACES).all(|_| told.recv().unwrap()));
        });
    }
}
