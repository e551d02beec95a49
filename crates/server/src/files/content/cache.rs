//! Representations of files that are requested often, in memory, for each content coding.
//!
//! Nothing in the cache is ever stale: a look-up gives the [`FileVersion`] that the file has now,
//! and finds what was made of that version or nothing. So the next request sees an edited file, at
//! the price of one `statx`.
//!
//! The cache is bounded in bytes. Eviction is by second chance: the oldest entry goes, unless it
//! has been used since it last was the oldest. Locks are held for one look-up at most, and eight
//! shards with a lock each keep workers out of each other's way.

use super::representation::Representation;
use crate::body::FileVersion;
use crate::lock::Lock;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, MutexGuard};
use tinyhttp_message::negotiate::Coding;

/// What a path leads to in one coding; `None` if compressing it was not worthwhile.
pub(crate) type Cached = Option<Arc<Representation>>;

/// The cache of one served directory.
#[derive(Debug)]
pub(crate) struct Cache {
    shards: [Lock<Shard>; SHARDS],
    /// The capacity of each shard, in bytes.
    capacity: usize,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<Box<[u8]>, Entry>,
    /// The paths of the entries, the oldest first.
    queue: VecDeque<Box<[u8]>>,
    /// The sum of the entries' costs.
    cost: usize,
}

/// What is known of one path.
#[derive(Debug, Default)]
struct Entry {
    by_coding: [Option<(FileVersion, Cached)>; CODINGS],
    /// The version of the directory in which the file had no sidecar.
    no_sidecars: Option<FileVersion>,
    cost: usize,
    used: bool,
}

const SHARDS: usize = 8;
const CODINGS: usize = 4;

/// What an entry takes besides its content, in bytes: two copies of the path, fields and tables.
const OVERHEAD: usize = 1024;

impl Cache {
    /// An empty cache of about `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        Cache {
            shards: Default::default(),
            capacity: capacity / SHARDS,
        }
    }

    /// Whether content of `length` bytes may be kept.
    pub(crate) fn admits(&self, length: u64) -> bool {
        length <= self.largest() as u64
    }

    /// The length of the largest content that may be kept, in bytes: half of a shard.
    pub(crate) fn largest(&self) -> usize {
        self.capacity / 2
    }

    /// Whether there is an entry for `path`, which has therefore led to a file inside the root.
    pub(crate) fn has(&self, path: &[u8]) -> bool {
        self.shard(path).entries.contains_key(path)
    }

    /// What was made of `version` of the file in `coding`.
    pub(crate) fn get(&self, path: &[u8], coding: Coding, version: &FileVersion) -> Option<Cached> {
        let mut shard = self.shard(path);
        let entry = shard.entries.get_mut(path)?;
        let (made_of, cached) = entry.by_coding[coding as usize].as_ref()?;
        if made_of != version {
            return None;
        }
        entry.used = true;
        Some(cached.clone())
    }

    /// Keeps `cached` in place of an earlier version in the same coding.
    pub(crate) fn insert(&self, path: &[u8], coding: Coding, version: FileVersion, cached: Cached) {
        let cost = |cached: &Cached| {
            let content = cached.as_deref().map_or(0, Representation::cost);
            OVERHEAD + content
        };
        let added = cost(&cached);
        if added > self.capacity {
            return;
        }
        let mut shard = self.shard(path);
        let shard = &mut *shard;
        let entry = match shard.entries.get_mut(path) {
            Some(entry) => entry,
            None => {
                shard.queue.push_back(path.into());
                shard.entries.entry(path.into()).or_default()
            }
        };
        let before = entry.by_coding[coding as usize].replace((version, cached));
        let removed = before.map_or(0, |(_, cached)| cost(&cached));
        entry.cost = entry.cost + added - removed;
        shard.cost = shard.cost + added - removed;
        shard.make_room(self.capacity);
    }

    /// Whether the file at `path` had no sidecar in `dir`, the version of its directory.
    pub(crate) fn has_no_sidecars(&self, path: &[u8], dir: &FileVersion) -> bool {
        let shard = self.shard(path);
        let entry = shard.entries.get(path);
        entry.is_some_and(|entry| entry.no_sidecars.as_ref() == Some(dir))
    }

    /// Remembers that the file has no sidecar in `dir`, if the path has an entry.
    pub(crate) fn note_no_sidecars(&self, path: &[u8], dir: FileVersion) {
        if let Some(entry) = self.shard(path).entries.get_mut(path) {
            entry.no_sidecars = Some(dir);
        }
    }

    fn shard(&self, path: &[u8]) -> MutexGuard<'_, Shard> {
        let number = path.iter().fold(0, |number: usize, byte| {
            number.wrapping_mul(31) + usize::from(*byte)
        });
        self.shards[number % SHARDS].lock()
    }
}

impl Shard {
    fn make_room(&mut self, capacity: usize) {
        while self.cost > capacity {
            let Some(path) = self.queue.pop_front() else {
                return;
            };
            match self.entries.get_mut(&path) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.queue.push_back(path);
                }
                _ => {
                    let removed = self.entries.remove(&path);
                    self.cost -= removed.map_or(0, |entry| entry.cost);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::representation::Metadata;
    use super::*;
    use bytes::Bytes;
    use http::HeaderValue;

    fn version(length: u64) -> FileVersion {
        let file = tempfile::tempfile().unwrap();
        file.set_len(length).unwrap();
        FileVersion::of_open(&file).unwrap()
    }

    fn content(length: usize, version: &FileVersion) -> Cached {
        let content = Box::new(Bytes::from(vec![0; length]));
        let metadata = Metadata {
            content_type: HeaderValue::from_static("text/plain"),
            varies: true,
            is_gzip: false,
            cache_control: HeaderValue::from_static("no-cache"),
            resource_policy: None,
            disposition: None,
        };
        Some(Arc::new(Representation::new(
            content,
            Coding::Identity,
            version,
            metadata,
        )))
    }

    #[test]
    fn an_entry_is_found_for_its_version_only() {
        let cache = Cache::new(1 << 20);
        let (old, new) = (version(1), version(2));
        cache.insert(b"a", Coding::Identity, old, content(1, &old));
        cache.insert(b"a", Coding::Br, old, None);
        assert!(cache.get(b"a", Coding::Identity, &old).unwrap().is_some());
        assert!(cache.get(b"a", Coding::Br, &old).unwrap().is_none());
        assert!(cache.get(b"a", Coding::Gzip, &old).is_none());
        assert!(cache.get(b"a", Coding::Identity, &new).is_none());
        assert!(cache.get(b"b", Coding::Identity, &old).is_none());
        cache.insert(b"a", Coding::Identity, new, content(2, &new));
        assert!(cache.get(b"a", Coding::Identity, &old).is_none());
        assert!(cache.get(b"a", Coding::Identity, &new).is_some());
    }

    #[test]
    fn the_cost_is_bounded_and_used_entries_stay_longest() {
        let cache = Cache::new(SHARDS * 100_000);
        let version = version(1);
        let is_kept = |path: &[u8]| cache.get(path, Coding::Identity, &version).is_some();
        for number in 0..1000_u32 {
            let path = number.to_be_bytes();
            cache.insert(&path, Coding::Identity, version, content(9_000, &version));
            assert!(is_kept(&0_u32.to_be_bytes()), "always in use: {number}");
            for shard in &cache.shards {
                let shard = shard.lock();
                assert!(shard.cost <= 100_000);
                assert_eq!(
                    shard.cost,
                    shard
                        .entries
                        .values()
                        .map(|entry| entry.cost)
                        .sum::<usize>()
                );
                assert_eq!(shard.entries.len(), shard.queue.len());
            }
        }
        let kept = (0..1000_u32)
            .filter(|number| is_kept(&number.to_be_bytes()))
            .count();
        assert!((SHARDS * 8..SHARDS * 11).contains(&kept), "{kept}");
        cache.insert(
            b"huge",
            Coding::Identity,
            version,
            content(200_000, &version),
        );
        assert!(!is_kept(b"huge"));
    }
}
