//! Which folder is the root: the one that its path leads to, now.
//!
//! Look-ups start at an open folder, which stays the same whatever becomes of its name. But sites are deployed by putting
//! another folder in the place of the old one: moved there, made anew, or behind a symbolic link that is switched. So the path is
//! looked at again from time to time, and when it leads elsewhere, that is the root. A request never sees half of each: what
//! it has opened is described by what it has opened. While the path leads nowhere, the folder that it led to is still the root.

use super::stamp::{MASK, Stamp};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

/// How long another folder may go unnoticed, in milliseconds.
const PAUSE: u64 = 100;

/// A path, and the folder that it leads to.
#[derive(Debug)]
pub(super) struct Anchor {
    path: PathBuf,
    folder: RwLock<Arc<Folder>>,
    start: Instant,
    /// When to look at the path again, in milliseconds since the start.
    next_look: AtomicU64,
    /// The last one that couldn't be opened: that is told once.
    refused: Mutex<Option<Stamp>>,
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) fd: OwnedFd,
    /// Its path without symbolic links.
    pub(super) real_path: PathBuf,
    stamp: Stamp,
}

impl Folder {
    fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        let stat = rustix::fs::statx(&fd, c"", AtFlags::EMPTY_PATH, MASK)?;
        Ok(Folder {
            fd,
            real_path: fs::canonicalize(path)?,
            stamp: Stamp::of(&stat),
        })
    }
}

impl Anchor {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        Ok(Anchor {
            folder: RwLock::new(Arc::new(Folder::open(&path)?)),
            path,
            start: Instant::now(),
            next_look: AtomicU64::new(PAUSE),
            refused: Mutex::default(),
        })
    }

    /// The folder.
    pub(super) fn folder(&self) -> Arc<Folder> {
        // Half a billion years fit in.
        let now = self.start.elapsed().as_millis() as u64;
        let due = self.next_look.load(Ordering::Relaxed);
        let next = now.saturating_add(PAUSE);
        let exchange = |to| {
            self.next_look
                .compare_exchange(due, to, Ordering::Relaxed, Ordering::Relaxed)
        };
        if now >= due && exchange(next).is_ok() {
            self.look();
        }
        self.open_now()
    }

    /// Nobody panics while holding these locks, so poison says nothing.
    fn open_now(&self) -> Arc<Folder> {
        let folder = self.folder.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&folder)
    }

    fn look(&self) {
        let Ok(stat) = rustix::fs::statx(CWD, &self.path, AtFlags::empty(), MASK) else {
            return;
        };
        let found = Stamp::of(&stat);
        // As long as the old one is open, no other has its inode.
        if found.is_of_same_file(&self.open_now().stamp) {
            return;
        }
        let path = self.path.display();
        match Folder::open(&self.path) {
            Ok(folder) => {
                log::info!("{path} is another folder now");
                *self.folder.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(folder);
            }
            Err(error) => {
                let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                if !refused
                    .replace(found)
                    .is_some_and(|last| last.is_of_same_file(&found))
                {
                    log::warn!(
                        "{path} is another folder now, which can't be opened ({error}): the old one is still served"
                    );
                }
            }
        }
    }
}
