//! Where connections wait: a place for each descriptor, with the deadline beside it.
//!
//! A parked connection belongs to its place and to nobody else. Whoever takes it out owns it: the worker to whom the
//! poller reported its descriptor, or the sweep that found its deadline past. Whoever is told of a connection that somebody
//! else owns just then leaves a note in the empty place, and the owner finds it when it parks the connection: it has to ask
//! the poller again, since what was reported may have come after it had looked.
//!
//! A descriptor number can be used again while an old report of it is still under way; then a worker finds an empty place,
//! or a connection that isn't ready after all, and both are harmless.

use crate::deadline::{Deadline, Ticks, Waiting};
use std::collections::BinaryHeap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

const PLACES_PER_BLOCK: usize = 256;
const BLOCKS: usize = 4096;

/// The most descriptors that can be parked: 1,048,576, the kernel's own default bound.
pub(crate) const PLACES: usize = PLACES_PER_BLOCK * BLOCKS;

struct Place<T> {
    /// The occupant's deadline, packed; zero for none. Kept outside so that a sweep needs no lock to read it.
    due: AtomicU64,
    inside: Mutex<Inside<T>>,
}

struct Inside<T> {
    occupant: Option<Box<T>>,
    /// Something was reported while nobody was here.
    missed: bool,
}

impl<T> Place<T> {
    fn new() -> Self {
        Place {
            due: AtomicU64::new(0),
            inside: Mutex::new(Inside {
                occupant: None,
                missed: false,
            }),
        }
    }

    /// Nobody panics while holding this lock, so poison says nothing.
    fn lock(&self) -> MutexGuard<'_, Inside<T>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self) -> Option<Deadline> {
        Deadline::unpacked(self.due.load(Ordering::Relaxed))
    }

    fn take_from(&self, inside: &mut Inside<T>) -> Option<Box<T>> {
        let taken = inside.occupant.take()?;
        self.due.store(0, Ordering::Relaxed);
        Some(taken)
    }

    /// Takes the occupant out if its deadline is as it should be.
    fn take_if(&self, leaves: impl Fn(Deadline) -> bool) -> Option<(Box<T>, Waiting)> {
        self.due().filter(|due| leaves(*due))?;
        let mut inside = self.lock();
        // Read again: until the lock was held, the occupant could have moved.
        let due = self.due().filter(|due| leaves(*due))?;
        Some((self.take_from(&mut inside)?, due.waiting))
    }
}

/// Places are made a block at a time, when a descriptor first needs one.
type Block<T> = Box<[Place<T>]>;

/// All the places.
pub(crate) struct Parked<T> {
    blocks: Box<[OnceLock<Block<T>>]>,
}

impl<T> Parked<T> {
    pub(crate) fn new() -> Self {
        Parked {
            blocks: (0..BLOCKS).map(|_| OnceLock::new()).collect(),
        }
    }

    fn place(&self, descriptor: usize) -> Option<&Place<T>> {
        let block = self.blocks.get(descriptor / PLACES_PER_BLOCK)?;
        let block = block.get_or_init(|| (0..PLACES_PER_BLOCK).map(|_| Place::new()).collect());
        block.get(descriptor % PLACES_PER_BLOCK)
    }

    /// Parks an occupant and lets `arm` see to its descriptor, while the place is locked: a report that arrives at once
    /// must find the occupant there. `arm` is told whether a report was missed while it wasn't.
    ///
    /// # Errors
    /// What `arm` returns; the occupant is dropped then.
    pub(crate) fn park(
        &self,
        descriptor: usize,
        occupant: Box<T>,
        deadline: Deadline,
        arm: impl FnOnce(&mut T, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let place = self.place(descriptor).ok_or(io::ErrorKind::QuotaExceeded)?;
        let mut inside = place.lock();
        let missed = std::mem::take(&mut inside.missed);
        let occupant = inside.occupant.insert(occupant);
        place.due.store(deadline.packed(), Ordering::Relaxed);
        let armed = arm(occupant, missed);
        if armed.is_err() {
            place.take_from(&mut inside);
        }
        armed
    }

    /// Takes out the occupant, whose descriptor was reported. If there is none, it is noted.
    pub(crate) fn take(&self, descriptor: usize) -> Option<Box<T>> {
        let place = self.place(descriptor)?;
        let mut inside = place.lock();
        let taken = place.take_from(&mut inside);
        inside.missed |= taken.is_none();
        taken
    }

    /// Lets `act` have the occupant where it is, whose descriptor was reported. If there is none, it is noted.
    pub(crate) fn with<R>(&self, descriptor: usize, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut inside = self.place(descriptor)?.lock();
        inside.missed |= inside.occupant.is_none();
        inside.occupant.as_deref_mut().map(act)
    }

    /// The places that have been made, with their descriptors.
    fn places(&self) -> impl Iterator<Item = (usize, &Place<T>)> {
        let blocks = self.blocks.iter().enumerate();
        blocks
            .filter_map(|(number, block)| Some((number * PLACES_PER_BLOCK, block.get()?)))
            .flat_map(|(first, block)| (first..).zip(block.iter()))
    }

    /// How many wait for what `counts` says.
    pub(crate) fn count(&self, counts: impl Fn(Waiting) -> bool) -> usize {
        let waiting = self.places().filter_map(|(_, place)| place.due());
        waiting.filter(|due| counts(due.waiting)).count()
    }

    /// Takes out everyone whose deadline is not after `until` and who waits for what `leaves` says, and gives each of
    /// them to `each`.
    pub(crate) fn sweep(
        &self,
        until: Ticks,
        leaves: impl Fn(Waiting) -> bool,
        mut each: impl FnMut(Box<T>, Waiting),
    ) {
        let leaving = |due: Deadline| due.at <= until && leaves(due.waiting);
        for (_, place) in self.places() {
            if let Some((occupant, waiting)) = place.take_if(leaving) {
                each(occupant, waiting);
            }
        }
    }

    /// Takes out the connections that have waited for `what` for longest and have a deadline that is not
    /// after `until`, at most `number` of them, the earliest deadline first.
    pub(crate) fn take_oldest(&self, what: Waiting, until: Ticks, number: usize) -> Vec<Box<T>> {
        let is_wanted = |due: Deadline| due.waiting == what && due.at <= until;
        let mut oldest = BinaryHeap::with_capacity(number + 1);
        for (descriptor, place) in self.places() {
            if let Some(due) = place.due().filter(|due| is_wanted(*due)) {
                oldest.push((due.at, descriptor));
                if oldest.len() > number {
                    oldest.pop();
                }
            }
        }
        let take = |(_, descriptor)| self.place(descriptor)?.take_if(is_wanted);
        let taken = oldest.into_sorted_vec().into_iter().filter_map(take);
        taken.map(|(occupant, _)| occupant).collect()
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
    fn whoever_takes_an_occupant_owns_it() {
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
                    PLACES,
                    Box::new("x"),
                    deadline(Waiting::Idle, 1),
                    |_, _| Ok(())
                )
                .is_err()
        );
    }

    #[test]
    fn a_report_that_finds_nobody_is_told_to_who_comes_back() {
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
                |who, waiting| left.push((*who, waiting)),
            );
            left
        };
        assert_eq!(swept(8, None), []);
        assert_eq!(swept(11, Some(Waiting::Idle)), [(1, Waiting::Idle)]);
        assert_eq!(swept(11, None), [(2, Waiting::Head), (4, Waiting::Write)]);
        assert_eq!(swept(NEVER.0, None), [(3, Waiting::Idle)]);
    }

    #[test]
    fn who_has_waited_longest_goes_first() {
        let parked = Parked::new();
        for (descriptor, at) in [(1, 30), (400, 10), (3, 20), (800, 40)] {
            let idle = deadline(Waiting::Idle, at);
            parked
                .park(descriptor, Box::new(descriptor), idle, |_, _| Ok(()))
                .unwrap();
        }
        let head = deadline(Waiting::Head, 1);
        parked.park(5, Box::new(5), head, |_, _| Ok(())).unwrap();
        let oldest = |number| -> Vec<usize> {
            let taken = parked.take_oldest(Waiting::Idle, NEVER, number);
            let mut taken: Vec<_> = taken.into_iter().map(|who| *who).collect();
            taken.sort_unstable();
            taken
        };
        assert_eq!(oldest(2), [3, 400]);
        assert_eq!(oldest(9), [1, 800]);
        assert_eq!(oldest(9), []);
        assert_eq!(parked.take(5).as_deref(), Some(&5));
    }
}
