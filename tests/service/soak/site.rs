//! A directory whose files are replaced all the time. The bytes of each version follow from its
//! number.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use support::Folder;

/// A file, and which version of it is there.
pub(crate) struct Versioned {
    pub(crate) name: &'static str,
    pub(crate) length: usize,
    /// The version that was last put in place, and the one that is being put there.
    done: AtomicU64,
    next: AtomicU64,
}

/// The folder.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) files: Vec<Versioned>,
    /// The version that each entity tag stood for when it was first seen.
    tags: Mutex<HashMap<String, (usize, u64)>>,
}

/// Names and lengths: empty, one byte, sent with the head or after it, cached or not. Text is
/// compressed on request.
const FILES: [(&str, usize); 10] = [
    ("empty", 0),
    ("one", 1),
    ("small", 1_000),
    ("page.txt", 20_000),
    ("edge", 16 * 1024),
    ("medium", 100_001),
    ("book.txt", 900_000),
    ("large", 3_000_000),
    ("huge", 9_000_000),
    ("sub/deep/small", 500),
];

impl Site {
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let files = FILES.map(|(name, length)| Versioned {
            name,
            length,
            done: AtomicU64::new(0),
            next: AtomicU64::new(0),
        });
        for (number, file) in files.iter().enumerate() {
            folder.write(file.name, file.content(number, 0, 0, file.length));
        }
        folder.write("sub/index.html", "<p>an index</p>");
        Site {
            folder,
            files: files.into(),
            tags: Mutex::default(),
        }
    }

    /// Replaces a file by its next version, at once.
    pub(crate) fn replace(&self, number: usize) {
        let file = &self.files[number];
        let version = file.next.fetch_add(1, Ordering::SeqCst) + 1;
        let temporary = format!(".new-{number}");
        self.folder
            .write(&temporary, file.content(number, version, 0, file.length));
        let path = |name: &str| self.folder.path().join(name);
        std::fs::rename(path(&temporary), path(file.name)).unwrap();
        file.done.store(version, Ordering::SeqCst);
    }

    /// The version that is there at least, from now on.
    pub(crate) fn at_least(&self, number: usize) -> u64 {
        self.files[number].done.load(Ordering::SeqCst)
    }

    /// The version that is there at most, until now.
    pub(crate) fn at_most(&self, number: usize) -> u64 {
        self.files[number].next.load(Ordering::SeqCst)
    }

    /// Which version these bytes from that offset on are of.
    pub(crate) fn version(
        &self,
        number: usize,
        offset: usize,
        bytes: &[u8],
        versions: RangeInclusive<u64>,
    ) -> Option<u64> {
        let file = &self.files[number];
        versions
            .rev()
            .find(|version| file.content(number, *version, offset, bytes.len()) == bytes)
    }

    /// Checks that a tag has never stood for other bytes.
    pub(crate) fn check_tag(&self, tag: &str, number: usize, version: u64) {
        let mut tags = self.tags.lock().unwrap();
        let known = *tags.entry(tag.to_owned()).or_insert((number, version));
        assert_eq!(known, (number, version), "{tag} stands for two versions");
    }
}

impl Versioned {
    /// The bytes of a version from an offset on.
    pub(crate) fn content(
        &self,
        number: usize,
        version: u64,
        offset: usize,
        length: usize,
    ) -> Vec<u8> {
        let word = |index: usize| {
            // The finaliser of splitmix64.
            let mut word = (number as u64) << 56 | version << 28 | index as u64;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (word ^ (word >> 31)).to_be_bytes()
        };
        let end = offset + length;
        let mut bytes: Vec<u8> = (offset / 8..end.div_ceil(8)).flat_map(word).collect();
        bytes.drain(..offset % 8);
        bytes.truncate(length);
        if self.name.ends_with(".txt") {
            bytes
                .iter_mut()
                .for_each(|byte| *byte = b"abcdefg\n"[usize::from(*byte % 8)]);
        }
        bytes
    }
}
