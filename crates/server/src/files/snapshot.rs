//! Content of medium size, in a file that has no name and never changes.
//!
//! To send 100 KiB from the program's own memory, the kernel copies them; from a file, `sendfile` hands over its pages, which
//! takes little more than half the time. But what is handed over stays the file's: who writes to it changes bytes that are on
//! their way under an entity tag that isn't theirs. So what the cache keeps of a file of that size is a copy in memory which the
//! kernel sees as a file (`memfd_create(2)`), sealed against every change. It is sent without being copied again, and can't mix
//! two states.

use super::slots::{Slot, Slots};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

/// The least that is worth a descriptor, in bytes: below, copying is as cheap.
pub(super) const WORTHWHILE: usize = 64 * 1024;

/// A copy of some content.
#[derive(Debug)]
pub(crate) struct Snapshot {
    file: Arc<File>,
    length: u64,
    _slot: Slot,
}

impl Snapshot {
    /// Copies content; `None` if it isn't worth it, or no slot is left, or the system gives none.
    pub(super) fn of(content: &[u8], slots: &Slots) -> Option<Self> {
        if content.len() < WORTHWHILE {
            return None;
        }
        let slot = slots.take()?;
        Some(Snapshot {
            file: Arc::new(copy(content)?),
            length: content.len() as u64,
            _slot: slot,
        })
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// In bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

fn copy(content: &[u8]) -> Option<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("tinyhttp", flags).ok()?);
    file.write_all(content).ok()?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals).ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn it_holds_the_content_and_nobody_can_change_it() {
        let slots = Slots::new(1);
        assert!(Snapshot::of(&[1; WORTHWHILE - 1], &slots).is_none());
        let content: Vec<u8> = (0..WORTHWHILE).map(|at| (at % 251) as u8).collect();
        let snapshot = Snapshot::of(&content, &slots).unwrap();
        assert_eq!(snapshot.length(), content.len() as u64);
        let mut read = vec![0; content.len()];
        snapshot.file().read_exact_at(&mut read, 0).unwrap();
        assert!(read == content);
        snapshot.file().write_all_at(b"x", 0).unwrap_err();
        snapshot.file().set_len(1).unwrap_err();
        assert!(Snapshot::of(&content, &slots).is_none(), "there are enough");
        drop(snapshot);
        assert!(Snapshot::of(&content, &slots).is_some());
    }
}
