//! The only source of randomness: for values that must differ and be hard to guess, not for keys.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Returns a random number: a counter, hashed (SipHash) with a key from the system's random source.
pub(crate) fn number() -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    KEY.get_or_init(RandomState::new).hash_one(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ() {
        let numbers: std::collections::HashSet<u64> = (0..1000).map(|_| number()).collect();
        assert_eq!(numbers.len(), 1000);
    }
}
