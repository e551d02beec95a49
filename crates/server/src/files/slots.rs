//! A bound on how many of something are in use at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A semaphore: `take` returns a slot, or `None` when all are in use.
#[derive(Debug)]
pub(crate) struct Slots(Arc<AtomicUsize>);

/// The right to use one of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Slots {
    pub(super) fn new(number: usize) -> Self {
        Slots(Arc::new(AtomicUsize::new(number)))
    }

    pub(crate) fn take(&self) -> Option<Slot> {
        let one_less = |left: usize| left.checked_sub(1);
        let taken = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less);
        taken.is_ok().then(|| Slot(Arc::clone(&self.0)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
