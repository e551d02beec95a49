//! Whether a closure may run where it is, because it has been quick lately.
//!
//! To let another worker take one's place costs two system calls, a change of threads, and a call
//! for each report that is handed over: many times what a typical closure takes. A closure that has
//! been quick therefore runs where it is. If it takes long after all, the others that the worker
//! has taken wait for it, until the timer notices that the worker is stuck (`inbox`). Each worker
//! judges for itself, by what it has seen.
//!
//! A run of more than [`QUICK`] puts the closure into debt, by a run for each [`PRICE`] that it
//! took, and each quick run pays one back. So closures that are slow now and then give up their
//! place every time, and a thread that is preempted once costs little.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

/// A run up to this long is quick: what the others of a batch wait for anyway.
const QUICK: Duration = Duration::from_micros(100);

/// The time for which one quick run is owed.
const PRICE: Duration = Duration::from_micros(20);

/// What a closure that has not run owes.
const UNKNOWN: u32 = 32;

/// The most that a closure owes.
const MOST: u32 = 20_000;

/// What closures owe, by their types.
#[derive(Debug, Default)]
pub(super) struct Paces(RefCell<HashMap<TypeId, u32, BuildHasherDefault<Number>>>);

/// The hash of a type, whose number is one already. No peer chooses types.
#[derive(Debug, Default)]
struct Number(u64);

impl Hasher for Number {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.rotate_left(8) ^ number;
    }
}

impl Paces {
    /// Whether a closure of this type is expected to be quick.
    pub(super) fn is_quick(&self, closure: TypeId) -> bool {
        self.0.borrow().get(&closure) == Some(&0)
    }

    /// Notes how long a run took, and returns whether the next one is expected to be quick.
    pub(super) fn note(&self, closure: TypeId, time: Duration) -> bool {
        let mut debts = self.0.borrow_mut();
        let debt = debts.entry(closure).or_insert(UNKNOWN);
        *debt = match time <= QUICK {
            true => debt.saturating_sub(1),
            false => {
                let runs = time.as_micros() / PRICE.as_micros();
                debt.saturating_add(u32::try_from(runs).unwrap_or(MOST))
                    .min(MOST)
            }
        };
        *debt == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_been_quick_runs_where_it_is() {
        // Runs in microseconds and their number; quick after that or not.
        let table = [
            ("a new one", &[(1, 31)][..], false),
            ("quick runs", &[(1, 32)], true),
            ("a run of 100 µs is quick", &[(1, 32), (100, 1)], true),
            ("one preemption", &[(1, 32), (3000, 1)], false),
            ("and 150 quick runs", &[(1, 32), (3000, 1), (1, 149)], false),
            ("and one more", &[(1, 32), (3000, 1), (1, 150)], true),
            (
                "a long wait",
                &[(1, 32), (10_000_000, 1), (1, 19_999)],
                false,
            ),
            (
                "counts for so much at most",
                &[(1, 32), (10_000_000, 9), (1, 20_000)],
                true,
            ),
            (
                "often slow",
                &[(1, 100), (50_000, 1), (1, 100), (50_000, 1), (1, 4000)],
                false,
            ),
        ];
        for (name, runs, expected) in table {
            let (paces, closure) = (Paces::default(), TypeId::of::<u8>());
            assert!(!paces.is_quick(closure));
            for (micros, number) in runs {
                for _ in 0..*number {
                    paces.note(closure, Duration::from_micros(*micros));
                }
            }
            assert_eq!(paces.is_quick(closure), expected, "{name}");
            assert!(!paces.is_quick(TypeId::of::<u16>()), "another one");
        }
    }
}
