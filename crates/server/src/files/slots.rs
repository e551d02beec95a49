//! A bound on what may be in use at a time, and on how much of that may be at work.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

/// So many of something and no more. Who gets none does without. And only so many are at work at a time: a core is left for
/// everybody else.
#[derive(Debug)]
pub(crate) struct Slots(Arc<Bounds>);

/// The right to use one of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Bounds>);

#[derive(Debug)]
struct Bounds {
    left: AtomicUsize,
    at_work: Mutex<usize>,
    /// One of those at work has stopped.
    stopped: Condvar,
}

/// Somebody is at work.
struct AtWork<'b>(&'b Bounds);

/// How many may be at work at a time.
static AT_WORK: LazyLock<usize> =
    LazyLock::new(|| available_parallelism().map_or(1, |cores| cores.get().max(2) - 1));

impl Slots {
    pub(super) fn new(number: usize) -> Self {
        Slots(Arc::new(Bounds {
            left: AtomicUsize::new(number),
            at_work: Mutex::default(),
            stopped: Condvar::new(),
        }))
    }

    /// A slot, if one is left.
    pub(crate) fn take(&self) -> Option<Slot> {
        let one_less = |left: usize| left.checked_sub(1);
        let left = &self.0.left;
        let taken = left.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less);
        taken.is_ok().then(|| Slot(Arc::clone(&self.0)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.left.fetch_add(1, Ordering::AcqRel);
    }
}

impl Slot {
    /// Does some work, once it is its turn.
    pub(crate) fn work<R>(&self, work: impl FnOnce() -> R) -> R {
        let no_core_left = |at_work: &mut usize| *at_work >= *AT_WORK;
        let turn = self.0.stopped.wait_while(self.0.at_work(), no_core_left);
        *turn.unwrap_or_else(PoisonError::into_inner) += 1;
        let _at_work = AtWork(&self.0);
        work()
    }
}

impl Bounds {
    /// Nobody panics while holding this lock, so poison says nothing.
    fn at_work(&self) -> MutexGuard<'_, usize> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        *self.0.at_work() -= 1;
        self.0.stopped.notify_one();
    }
}
