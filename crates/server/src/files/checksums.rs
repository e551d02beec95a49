//! Checksums of files that have been counted before.

use super::stamp::Stamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many are remembered; some 100 bytes each.
const MOST: usize = 65_536;

/// The CRC-32 of files, each in one state.
#[derive(Debug, Default)]
pub(crate) struct Checksums(Mutex<HashMap<Stamp, u32>>);

impl Checksums {
    pub(crate) fn get(&self, stamp: &Stamp) -> Option<u32> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(stamp).copied()
    }

    pub(crate) fn insert(&self, stamp: Stamp, checksum: u32) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // To begin again is simple, and whoever has so many files counts them again without much harm.
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(stamp, checksum);
    }
}
