//! Parked connections: a slot for each descriptor, with the deadline beside it.
//!
//! A parked connection is owned by its slot. A worker that takes it out owns it: the worker that
//! got the report of its descriptor, or the sweep that found its deadline passed. A worker that
//! gets a report for a connection another worker owns sets the slot's `missed` flag, and the owner
//! finds it when it parks the connection: it must ask the poller again, since the reported bytes
//! may have come after its last read.
//!
//! A descriptor number can be used again while an old report of it is pending. A worker then finds
//! an empty slot, or a connection that is not ready after all, and both are harmless.

use crate::deadline::{Deadline, Ticks, Waiting};
use crate::lock::Lock;
use std::collections::BinaryHeap;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const SLOTS_PER_BLOCK: usize = 256;
const BLOCKS: usize = 4096;

/// The most descriptors that can be parked: 1,048,576, the kernel's own default bound.
pub(crate) const CAPACITY: usize = SLOTS_PER_BLOCK * BLOCKS;

struct Slot<T> {
    /// The connection's deadline, packed; zero for none. It is outside of the lock so that a sweep
    /// can read it without.
    due: AtomicU64,
    inside: Lock<Inside<T>>,
}

struct Inside<T> {
    connection: Option<Box<T>>,
    /// A report came while the slot was empty.
    missed: bool,
}

impl<T> Slot<T> {
    fn new() -> Self {
        Slot {
            due: AtomicU64::new(0),
            inside: Lock::new(Inside {
                connection: None,
                missed: false,
            }),
        }
    }

    fn due(&self) -> Option<Deadline> {
        Deadline::unpacked(self.due.load(Ordering::Relaxed))
    }

    fn take_from(&self, inside: &mut Inside<T>) -> Option<Box<T>> {
        let taken = inside.connection.take()?;
        self.due.store(0, Ordering::Relaxed);
        Some(taken)
    }

    /// Takes the connection out if its deadline is as it should be.
    fn take_if(&self, leaves: impl Fn(Deadline) -> bool) -> Option<(Box<T>, Waiting)> {
        self.due().filter(|due| leaves(*due))?;
        let mut inside = self.inside.lock();
        // Read again: until the lock was held, the connection could have moved.
        let due = self.due().filter(|due| leaves(*due))?;
        Some((self.take_from(&mut inside)?, due.waiting))
    }
}

/// Places are made a block at a time, when a descriptor first needs one.
type Block<T> = Box<[Slot<T>]>;

/// All slots.
pub(crate) struct Parked<T> {
    blocks: Box<[OnceLock<Block<T>>]>,
}

impl<T> Parked<T> {
    pub(crate) fn new() -> Self {
        Parked {
            blocks: (0..BLOCKS).map(|_| OnceLock::new()).collect(),
        }
    }

    fn slot(&self, descriptor: usize) -> Option<&Slot<T>> {
        let block = self.blocks.get(descriptor / SLOTS_PER_BLOCK)?;
        let block = block.get_or_init(|| (0..SLOTS_PER_BLOCK).map(|_| Slot::new()).collect());
        block.get(descriptor % SLOTS_PER_BLOCK)
    }

    /// Parks a connection and calls `arm` while the slot is locked: a report that comes at once
    /// must find the connection there. The second argument of `arm` is whether a report was missed.
    ///
    /// # Errors
    /// What `arm` returns; the connection is dropped then.
    pub(crate) fn park(
        &self,
        descriptor: usize,
        connection: Box<T>,
        deadline: Deadline,
        arm: impl FnOnce(&mut T, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let slot = self.slot(descriptor).ok_or(io::ErrorKind::QuotaExceeded)?;
        let mut inside = slot.inside.lock();
        let missed = std::mem::take(&mut inside.missed);
        let connection = inside.connection.insert(connection);
        slot.due.store(deadline.packed(), Ordering::Relaxed);
        let armed = arm(connection, missed);
        if armed.is_err() {
            slot.take_from(&mut inside);
        }
        armed
    }

    /// Takes out the connection whose descriptor was reported. If there is none, the report is
    /// missed.
    pub(crate) fn take(&self, descriptor: usize) -> Option<Box<T>> {
        let slot = self.slot(descriptor)?;
        let mut inside = slot.inside.lock();
        let taken = slot.take_from(&mut inside);
        inside.missed |= taken.is_none();
        taken
    }

    /// Calls `act` with the connection whose descriptor was reported. If there is none, the report
    /// is missed.
    pub(crate) fn with<R>(&self, descriptor: usize, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut inside = self.slot(descriptor)?.inside.lock();
        inside.missed |= inside.connection.is_none();
        inside.connection.as_deref_mut().map(act)
    }

    /// The slots that have been made, with their descriptors.
    fn slots(&self) -> impl Iterator<Item = (usize, &Slot<T>)> {
        let blocks = self.blocks.iter().enumerate();
        blocks
            .filter_map(|(number, block)| Some((number * SLOTS_PER_BLOCK, block.get()?)))
            .flat_map(|(first, block)| (first..).zip(block.iter()))
    }

    /// The number of connections that wait for what `counts` admits.
    pub(crate) fn count(&self, counts: impl Fn(Waiting) -> bool) -> usize {
        let waiting = self.slots().filter_map(|(_, slot)| slot.due());
        waiting.filter(|due| counts(due.waiting)).count()
    }

    /// Takes out each connection whose deadline is not after `until` and that waits for what
    /// `leaves` admits, and calls `each` with it.
    pub(crate) fn sweep(
        &self,
        until: Ticks,
        leaves: impl Fn(Waiting) -> bool,
        mut each: impl FnMut(Box<T>, Waiting),
    ) {
        let leaving = |due: Deadline| due.at <= until && leaves(due.waiting);
        for (_, slot) in self.slots() {
            if let Some((connection, waiting)) = slot.take_if(leaving) {
                each(connection, waiting);
            }
        }
    }

    /// The descriptors of the connections with the lowest ranks, at most `number` of them, each
    /// with its rank, in order. Of two with the same rank, the one with the earlier deadline comes
    /// first. A connection without a rank is left out.
    pub(crate) fn first(
        &self,
        number: usize,
        rank: impl Fn(Deadline) -> Option<usize>,
    ) -> Vec<(usize, usize)> {
        let mut first = BinaryHeap::with_capacity(number + 1);
        for (descriptor, slot) in self.slots() {
            let ranked = slot.due().and_then(|due| Some((rank(due)?, due.at)));
            if let Some((rank, at)) = ranked {
                first.push((rank, at, descriptor));
                if first.len() > number {
                    first.pop();
                }
            }
        }
        let sorted = first.into_sorted_vec().into_iter();
        sorted.map(|(rank, _, slot)| (rank, slot)).collect()
    }

    /// Takes out the connection with this descriptor, if there is one and its deadline still is as
    /// it should be.
    pub(crate) fn take_if(
        &self,
        descriptor: usize,
        leaves: impl Fn(Deadline) -> bool,
    ) -> Option<Box<T>> {
        Some(self.slot(descriptor)?.take_if(leaves)?.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::NEVER;

    fn deadline(waiting: Waiting, at: u64) -> Deadline {
        Deadline {
            waiting,
            at: Ticks(at),
        }
    }

    #[test]
    fn a_taken_connection_is_gone() {
        let parked = Parked::new();
        parked
            .park(5, Box::new("five"), deadline(Waiting::Idle, 10), |_, _| {
                Ok(())
            })
            .unwrap();
        parked
            .park(
                300,
                Box::new("three hundred"),
                deadline(Waiting::Head, 5),
                |_, _| Ok(()),
            )
            .unwrap();
        assert_eq!(parked.take(6), None);
        assert_eq!(parked.take(5).as_deref(), Some(&"five"));
        assert_eq!(parked.take(5), None);
        let refused = parked.park(7, Box::new("x"), deadline(Waiting::Idle, 1), |_, _| {
            Err(io::ErrorKind::Other.into())
        });
        assert!(refused.is_err() && parked.take(7).is_none());
        assert!(
            parked
                .park(
                    CAPACITY,
                    Box::new("x"),
                    deadline(Waiting::Idle, 1),
                    |_, _| Ok(())
                )
                .is_err()
        );
    }

    #[test]
    fn a_missed_report_is_told_at_the_next_park() {
        let parked = Parked::new();
        let missed = || {
            let mut missed = None;
            parked
                .park(5, Box::new(5), deadline(Waiting::Idle, 1), |_, told| {
                    missed = Some(told);
                    Ok(())
                })
                .unwrap();
            missed
        };
        assert_eq!(missed(), Some(false));
        assert!(parked.take(5).is_some());
        assert_eq!(missed(), Some(false));
        assert!(parked.take(5).is_some() && parked.take(5).is_none());
        assert_eq!(missed(), Some(true));
        assert!(parked.take(5).is_some());
        assert_eq!(missed(), Some(false), "told once");
        assert!(parked.take(5).is_some() && parked.with(5, |_| ()).is_none());
        assert_eq!(missed(), Some(true));
    }

    #[test]
    fn a_sweep_takes_those_that_are_due() {
        let parked = Parked::new();
        let waits = [
            (1, Waiting::Idle, 10),
            (2, Waiting::Head, 11),
            (3, Waiting::Idle, 12),
            (4, Waiting::Write, 9),
        ];
        for (descriptor, waiting, at) in waits {
            parked
                .park(
                    descriptor,
                    Box::new(descriptor),
                    deadline(waiting, at),
                    |_, _| Ok(()),
                )
                .unwrap();
        }
        let swept = |until, only: Option<Waiting>| {
            let mut left = Vec::new();
            parked.sweep(
                Ticks(until),
                |w| only.is_none_or(|only| only == w),
                |it, waiting| left.push((*it, waiting)),
            );
            left
        };
        assert_eq!(swept(8, None), []);
        assert_eq!(swept(11, Some(Waiting::Idle)), [(1, Waiting::Idle)]);
        assert_eq!(swept(11, None), [(2, Waiting::Head), (4, Waiting::Write)]);
        assert_eq!(swept(NEVER.0, None), [(3, Waiting::Idle)]);
    }

    #[test]
    fn the_lowest_rank_and_the_earliest_deadline_come_first() {
        let parked = Parked::new();
        let idle = [(1, 30), (400, 10), (3, 20), (800, 40)].map(|it| (it, Waiting::Idle));
        let others = [((5, 1), Waiting::Head), ((6, 1), Waiting::Write)];
        for ((descriptor, at), waiting) in idle.into_iter().chain(others) {
            let due = deadline(waiting, at);
            parked
                .park(descriptor, Box::new(descriptor), due, |_, _| Ok(()))
                .unwrap();
        }
        let rank = |due: Deadline| match due.waiting {
            Waiting::Idle if due.at < Ticks(40) => Some(1),
            Waiting::Head => Some(2),
            _ => None,
        };
        assert_eq!(parked.first(2, rank), [(1, 400), (1, 3)]);
        assert_eq!(parked.first(9, rank), [(1, 400), (1, 3), (1, 1), (2, 5)]);
        let is_idle = |due: Deadline| due.waiting == Waiting::Idle;
        assert_eq!(parked.take_if(400, is_idle).as_deref(), Some(&400));
        assert_eq!(parked.take_if(400, is_idle), None);
        assert_eq!(parked.take_if(5, is_idle), None, "another deadline by now");
        assert_eq!(parked.first(1, rank), [(1, 3)]);
    }
}
