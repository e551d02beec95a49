//! A bound on what may be in use at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many of something and no more. Who gets none does without.
#[derive(Debug)]
pub(crate) struct Slots {
    left: Arc<AtomicUsize>,
}

/// The right to use one of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    left: Arc<AtomicUsize>,
}

impl Slots {
    pub(super) fn new(number: usize) -> Self {
        Slots {
            left: Arc::new(AtomicUsize::new(number)),
        }
    }

    /// A slot, if one is left.
    pub(crate) fn take(&self) -> Option<Slot> {
        let one_less = |left: usize| left.checked_sub(1);
        let taken = self
            .left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less);
        taken.is_ok().then(|| Slot {
            left: Arc::clone(&self.left),
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.left.fetch_add(1, Ordering::AcqRel);
    }
}
