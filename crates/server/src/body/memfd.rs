//! A sealed copy of content in an anonymous memory file (`memfd_create(2)`).
//!
//! `sendfile` hands the kernel a file's pages instead of copying them, which takes little more than
//! half the time for 100 KiB. But the pages stay the file's: a later write to the file changes
//! bytes that are already queued under the entity tag of the earlier version. A sealed memfd gives
//! both: it is sent without a copy, and its content can't change.

use crate::semaphore::{Permit, Semaphore};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

/// The smallest content that justifies a descriptor, in bytes: below it, copying is as cheap.
pub(crate) const WORTHWHILE: usize = 64 * 1024;

/// An immutable copy of some content, held in memory and readable as a file.
#[derive(Debug)]
pub(crate) struct Memfd {
    file: Arc<File>,
    length: u64,
    _permit: Permit,
}

impl Memfd {
    /// Copies `content`. `None` if it is shorter than [`WORTHWHILE`], if `descriptors` has no
    /// permit left, or if the kernel refuses.
    pub(crate) fn of(content: &[u8], descriptors: &Semaphore) -> Option<Self> {
        if content.len() < WORTHWHILE {
            return None;
        }
        let permit = descriptors.take(1)?;
        Some(Memfd {
            file: Arc::new(copy(content)?),
            length: content.len() as u64,
            _permit: permit,
        })
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The length of the content in bytes.
    pub(crate) fn length(&self) -> u64 {
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
    fn a_memfd_holds_the_content_and_is_immutable() {
        let descriptors = Semaphore::new(1);
        assert!(Memfd::of(&[1; WORTHWHILE - 1], &descriptors).is_none());
        let content: Vec<u8> = (0..WORTHWHILE).map(|at| (at % 251) as u8).collect();
        let memfd = Memfd::of(&content, &descriptors).unwrap();
        assert_eq!(memfd.length(), content.len() as u64);
        let mut read = vec![0; content.len()];
        memfd.file().read_exact_at(&mut read, 0).unwrap();
        assert!(read == content);
        memfd.file().write_all_at(b"x", 0).unwrap_err();
        memfd.file().set_len(1).unwrap_err();
        assert!(
            Memfd::of(&content, &descriptors).is_none(),
            "no permit left"
        );
        drop(memfd);
        assert!(Memfd::of(&content, &descriptors).is_some());
    }
}
