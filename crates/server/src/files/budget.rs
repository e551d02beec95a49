//! A bound, in bytes, on everything that is built for responses: directories, the order of listings, archives, compressors
//! and READMEs.
//!
//! A [`Permit`] is acquired before the memory is, and returns its bytes when it is dropped. A response that gets none is
//! refused with 503, before its head is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A weighted semaphore.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    total: usize,
    left: AtomicUsize,
}

/// Some bytes of a [`Budget`].
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Budget(Arc::new(Account {
            total: bytes,
            left: AtomicUsize::new(bytes),
        }))
    }

    /// A permit for that many bytes; `None` if fewer are left.
    pub(crate) fn take(&self, bytes: usize) -> Option<Permit> {
        let mut permit = Permit {
            budget: self.clone(),
            bytes: 0,
        };
        permit.grow_to(bytes).then_some(permit)
    }

    /// How many bytes there are in all.
    pub(crate) fn total(&self) -> usize {
        self.0.total
    }

    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.0.left.load(Ordering::Acquire)
    }
}

impl Permit {
    /// Raises the permit to that many bytes. `false`: it stays as it is, because too few are left.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let account = &self.budget.0;
        let less = |left: usize| left.checked_sub(more);
        let taken = account
            .left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        if taken.is_ok() {
            self.bytes += more;
        }
        taken.is_ok()
    }

    /// Returns what exceeds that many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes -= less;
        self.budget.0.left.fetch_add(less, Ordering::AcqRel);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes the whole budget has.
    pub(crate) fn total(&self) -> usize {
        self.budget.total()
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
    fn what_is_dropped_comes_back() {
        let budget = Budget::new(100);
        let mut first = budget.take(60).unwrap();
        assert!(budget.take(41).is_none());
        assert!(!first.grow_to(101));
        assert!(first.grow_to(70) && first.grow_to(10));
        assert_eq!(budget.left(), 30);
        first.shrink_to(50);
        let second = budget.take(50).unwrap();
        assert_eq!(budget.left(), 0);
        drop((first, second));
        assert_eq!((budget.left(), budget.total()), (100, 100));
    }
}
