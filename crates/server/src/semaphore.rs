//! A weighted semaphore: a bound on how much of something is in use at a time.
//!
//! [`Semaphore::take`] returns a permit, or `None` when too little is left; it never blocks. The
//! file server takes a permit of as many bytes as it is about to allocate for a response, and
//! refuses the request with 503 if it gets none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A weighted semaphore. Clones share its units.
#[derive(Debug, Clone)]
pub(crate) struct Semaphore(Arc<Units>);

#[derive(Debug)]
struct Units {
    total: usize,
    left: AtomicUsize,
}

/// Units of a [`Semaphore`], returned when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    semaphore: Semaphore,
    units: usize,
}

impl Semaphore {
    pub(crate) fn new(units: usize) -> Self {
        Semaphore(Arc::new(Units {
            total: units,
            left: AtomicUsize::new(units),
        }))
    }

    /// A permit for `units`; `None` if fewer are left.
    pub(crate) fn take(&self, units: usize) -> Option<Permit> {
        let mut permit = Permit {
            semaphore: self.clone(),
            units: 0,
        };
        permit.grow_to(units).then_some(permit)
    }

    /// The number of units in use and left together.
    pub(crate) fn total(&self) -> usize {
        self.0.total
    }

    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.0.left.load(Ordering::Acquire)
    }
}

impl Permit {
    /// Raises the permit to `units`. Returns `false` and leaves it unchanged if too few are left.
    pub(crate) fn grow_to(&mut self, units: usize) -> bool {
        let more = units.saturating_sub(self.units);
        let left = &self.semaphore.0.left;
        let less = |left: usize| left.checked_sub(more);
        let taken = left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        if taken.is_ok() {
            self.units += more;
        }
        taken.is_ok()
    }

    /// Lowers the permit to `units`; a smaller permit stays as it is.
    pub(crate) fn shrink_to(&mut self, units: usize) {
        let less = self.units.saturating_sub(units);
        self.units -= less;
        self.semaphore.0.left.fetch_add(less, Ordering::AcqRel);
    }

    #[cfg(feature = "files")]
    pub(crate) fn units(&self) -> usize {
        self.units
    }

    /// The semaphore's [total](Semaphore::total).
    #[cfg(feature = "files")]
    pub(crate) fn total(&self) -> usize {
        self.semaphore.total()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_permits_return_their_units() {
        let semaphore = Semaphore::new(100);
        let mut first = semaphore.take(60).unwrap();
        assert!(semaphore.take(41).is_none());
        assert!(!first.grow_to(101));
        assert!(first.grow_to(70) && first.grow_to(10));
        assert_eq!(semaphore.left(), 30);
        first.shrink_to(50);
        let second = semaphore.take(50).unwrap();
        assert_eq!(semaphore.left(), 0);
        drop((first, second));
        assert_eq!((semaphore.left(), semaphore.total()), (100, 100));
    }
}
