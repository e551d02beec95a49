//! Files that are asked for often, in memory: their content, and all that is said of them, in each coding that was
//! wanted.
//!
//! Nothing in here is ever stale: whoever looks something up gives the [`FileVersion`] that the file has now, and gets what
//! was made of that state of it, or nothing. So an edited file is seen by the next request, at the price of one
//! `statx`.
//!
//! It is bounded in bytes. What is to make room is chosen by second chance: the oldest entry goes, unless somebody has
//! used it since it last was the oldest. Locks are held for a look-up at most, and eight parts with a lock each keep
//! workers out of each other's way.

use super::representation::{Content, Representation};
use crate::body::FileVersion;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tinyhttp_message::negotiate::Coding;

/// What a path leads to, in one coding: `None` if compressing it was not worth it.
pub(crate) type Kept = Option<Arc<Representation>>;

/// The cache.
#[derive(Debug)]
pub(crate) struct Cache {
    parts: [Mutex<Part>; PARTS],
    /// In bytes, for each part.
    capacity: usize,
}

#[derive(Debug, Default)]
struct Part {
    entries: HashMap<Box<[u8]>, Entry>,
    /// The paths of the entries, the oldest first.
    queue: VecDeque<Box<[u8]>>,
    /// What the entries cost together.
    cost: usize,
}

/// All that is known of one path.
#[derive(Debug, Default)]
struct Entry {
    by_coding: [Option<(FileVersion, Kept)>; CODINGS],
    /// The state of the folder in which there was nothing compressed beforehand.
    no_sidecars: Option<FileVersion>,
    cost: usize,
    used: bool,
}

const PARTS: usize = 8;
const CODINGS: usize = 4;

/// What an entry takes besides its content: two copies of the path, fields, tables; roughly.
const OVERHEAD: usize = 1024;

impl Cache {
    /// An empty cache that holds about as many bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        Cache {
            parts: Default::default(),
            capacity: capacity / PARTS,
        }
    }

    /// How many bytes the largest content may have that is kept: half of what its part of the cache holds.
    pub(crate) fn admits(&self, length: u64) -> bool {
        length <= self.largest() as u64
    }

    /// In bytes.
    pub(crate) fn largest(&self) -> usize {
        self.capacity / 2
    }

    /// Whether anything is kept of the path, which has led to a file inside the root before.
    pub(crate) fn knows(&self, path: &[u8]) -> bool {
        self.part(path).entries.contains_key(path)
    }

    /// What was kept of the path in that coding when the file was in that state.
    pub(crate) fn get(&self, path: &[u8], coding: Coding, version: &FileVersion) -> Option<Kept> {
        let mut part = self.part(path);
        let entry = part.entries.get_mut(path)?;
        let (made_of, kept) = entry.by_coding[coding as usize].as_ref()?;
        if made_of != version {
            return None;
        }
        entry.used = true;
        Some(kept.clone())
    }

    /// Keeps something, in place of what was kept of that path in that coding before.
    pub(crate) fn keep(&self, path: &[u8], coding: Coding, version: FileVersion, kept: Kept) {
        let cost = |kept: &Kept| match kept.as_deref().map(Representation::content) {
            Some(Content::Memory(bytes)) => OVERHEAD + bytes.len(),
            Some(Content::Memfd(memfd)) => OVERHEAD + memfd.length() as usize,
            _ => OVERHEAD,
        };
        let added = cost(&kept);
        if added > self.capacity {
            return;
        }
        let mut part = self.part(path);
        let part = &mut *part;
        let entry = match part.entries.get_mut(path) {
            Some(entry) => entry,
            None => {
                part.queue.push_back(path.into());
                part.entries.entry(path.into()).or_default()
            }
        };
        let before = entry.by_coding[coding as usize].replace((version, kept));
        let removed = before.map_or(0, |(_, kept)| cost(&kept));
        entry.cost = entry.cost + added - removed;
        part.cost = part.cost + added - removed;
        part.make_room(self.capacity);
    }

    /// Whether there was no sidecar when the path's folder was in that state.
    pub(crate) fn has_no_sidecars(&self, path: &[u8], folder: &FileVersion) -> bool {
        let part = self.part(path);
        let entry = part.entries.get(path);
        entry.is_some_and(|entry| entry.no_sidecars.as_ref() == Some(folder))
    }

    /// Remembers that, if anything else is known of the path.
    pub(crate) fn note_no_sidecars(&self, path: &[u8], folder: FileVersion) {
        if let Some(entry) = self.part(path).entries.get_mut(path) {
            entry.no_sidecars = Some(folder);
        }
    }

    fn part(&self, path: &[u8]) -> MutexGuard<'_, Part> {
        let number = path.iter().fold(0, |number: usize, byte| {
            number.wrapping_mul(31) + usize::from(*byte)
        });
        // Whoever panicked with the lock held has left a cache that is complete enough: each entry stands for itself.
        self.parts[number % PARTS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    fn make_room(&mut self, capacity: usize) {
        while self.cost > capacity
            && let Some(path) = self.queue.pop_front()
        {
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
    use http::HeaderValue;

    fn version(length: u64) -> FileVersion {
        let file = tempfile::tempfile().unwrap();
        file.set_len(length).unwrap();
        FileVersion::of_open(&file).unwrap()
    }

    fn content(length: usize, version: &FileVersion) -> Kept {
        let content = Content::Memory(vec![0; length].into());
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
    fn what_was_kept_is_there_for_the_same_state_only() {
        let cache = Cache::new(1 << 20);
        let (old, new) = (version(1), version(2));
        cache.keep(b"a", Coding::Identity, old, content(1, &old));
        cache.keep(b"a", Coding::Br, old, None);
        assert!(cache.get(b"a", Coding::Identity, &old).unwrap().is_some());
        assert!(cache.get(b"a", Coding::Br, &old).unwrap().is_none());
        assert!(cache.get(b"a", Coding::Gzip, &old).is_none());
        assert!(cache.get(b"a", Coding::Identity, &new).is_none());
        assert!(cache.get(b"b", Coding::Identity, &old).is_none());
        cache.keep(b"a", Coding::Identity, new, content(2, &new));
        assert!(cache.get(b"a", Coding::Identity, &old).is_none());
        assert!(cache.get(b"a", Coding::Identity, &new).is_some());
    }

    #[test]
    fn it_holds_so_many_bytes_and_what_is_used_stays_longest() {
        let cache = Cache::new(PARTS * 100_000);
        let version = version(1);
        let is_kept = |path: &[u8]| cache.get(path, Coding::Identity, &version).is_some();
        for number in 0..1000_u32 {
            let path = number.to_be_bytes();
            cache.keep(&path, Coding::Identity, version, content(9_000, &version));
            assert!(is_kept(&0_u32.to_be_bytes()), "always in use: {number}");
            for part in &cache.parts {
                let part = part.lock().unwrap();
                assert!(part.cost <= 100_000);
                assert_eq!(
                    part.cost,
                    part.entries.values().map(|entry| entry.cost).sum()
                );
                assert_eq!(part.entries.len(), part.queue.len());
            }
        }
        let kept = (0..1000_u32)
            .filter(|number| is_kept(&number.to_be_bytes()))
            .count();
        assert!((PARTS * 8..PARTS * 11).contains(&kept), "{kept}");
        cache.keep(
            b"huge",
            Coding::Identity,
            version,
            content(200_000, &version),
        );
        assert!(!is_kept(b"huge"));
    }
}
