//! Which directory is the root: the one that its path leads to now.
//!
//! Look-ups start at an open directory, which stays the same when its name changes. But deployments
//! put another directory in its place: by moving one there, by creating it anew, or by switching a
//! symbolic link. So the path is resolved again every [`PAUSE`], and whenever a name is missing; if
//! it leads to another directory, that becomes the root. A request never mixes the two: what it has
//! opened is described by what it has opened.
//!
//! While the path leads nowhere, the earlier directory remains the root, unless it was removed. A
//! removed directory can't be filled again, so an empty listing of it would be wrong.

use crate::body::{FileVersion, MASK};
use crate::lock::{Lock, unpoisoned};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir};
use rustix::io::Errno;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Instant;

/// How long a replacement may go unnoticed, in milliseconds.
const PAUSE: u64 = 100;

/// A path and the directory that it leads to.
#[derive(Debug)]
pub(super) struct RootDir {
    path: PathBuf,
    dir: RwLock<Arc<Dir>>,
    start: Instant,
    /// When to resolve the path again, in milliseconds since `start`.
    next_check: AtomicU64,
    /// What the log's last line about the path was, so that it is not repeated.
    noted: Lock<Noted>,
    /// The end of the log's line about a replacement that can't be opened.
    hint: String,
}

/// A state of the path that is worth one line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Noted {
    #[default]
    Nothing,
    /// The directory was removed, and the path leads nowhere.
    Removed,
    /// The path leads to this directory, which can't be opened.
    Refused(FileVersion),
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Dir {
    pub(super) fd: OwnedFd,
    /// The path without symbolic links.
    pub(super) real_path: PathBuf,
    version: FileVersion,
}

impl Dir {
    fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        let stat = rustix::fs::statx(&fd, c"", AtFlags::EMPTY_PATH, MASK)?;
        Ok(Dir {
            fd,
            real_path: fs::canonicalize(path)?,
            version: FileVersion::of(&stat),
        })
    }
}

/// Whether an open directory has been removed.
///
/// Link counts don't tell on every file system (overlayfs reports 1 for a merged directory that is
/// gone), but the kernel refuses to read a removed directory; a network file system may call it
/// stale.
pub(in crate::files) fn is_removed(directory: impl AsFd) -> bool {
    // Room for one entry with the longest name.
    let mut buffer = [const { MaybeUninit::uninit() }; 1024];
    let mut entries = RawDir::new(directory, &mut buffer);
    matches!(entries.next(), Some(Err(Errno::NOENT | Errno::STALE)))
}

impl RootDir {
    /// Opens the directory. `hint` ends the log's line about a replacement that can't be opened.
    pub(super) fn open(path: &Path, hint: &str) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        Ok(RootDir {
            dir: RwLock::new(Arc::new(Dir::open(&path)?)),
            path,
            start: Instant::now(),
            next_check: AtomicU64::new(PAUSE),
            noted: Lock::default(),
            hint: hint.to_owned(),
        })
    }

    /// The path that was given, as an absolute path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that the path led to at the last check.
    pub(super) fn dir(&self) -> Arc<Dir> {
        // A u64 holds half a billion years.
        let now = self.start.elapsed().as_millis() as u64;
        let due = self.next_check.load(Ordering::Relaxed);
        let next = now.saturating_add(PAUSE);
        let exchange = |to| {
            self.next_check
                .compare_exchange(due, to, Ordering::Relaxed, Ordering::Relaxed)
        };
        if now >= due && exchange(next).is_ok() {
            let _ = self.check();
        }
        self.current()
    }

    fn current(&self) -> Arc<Dir> {
        Arc::clone(&*unpoisoned(self.dir.read()))
    }

    /// Resolves the path at once, because a name was not found. Returns whether the root has
    /// changed.
    pub(super) fn has_moved(&self) -> bool {
        self.check()
    }

    /// Resolves the path, and opens the directory if it is another one. Returns whether that is the
    /// root now.
    fn check(&self) -> bool {
        let Ok(stat) = rustix::fs::statx(CWD, &self.path, AtFlags::empty(), MASK) else {
            self.note_absence();
            return false;
        };
        let found = FileVersion::of(&stat);
        let current = self.current();
        // No other directory has the inode of one that is open.
        if found.is_of_same_file(&current.version) {
            return false;
        }
        let path = self.path.display();
        match Dir::open(&self.path) {
            Ok(dir) => {
                self.note(Noted::Nothing);
                log::info!("{path} is another directory now");
                *unpoisoned(self.dir.write()) = Arc::new(dir);
                true
            }
            Err(error) => {
                self.note_refusal(found, &error, is_removed(&current.fd));
                false
            }
        }
    }

    fn note_absence(&self) {
        if is_removed(&self.current().fd) && self.note(Noted::Removed) {
            let path = self.path.display();
            log::warn!(
                "{path} was removed: nothing is served until a directory of that name exists"
            );
        }
    }

    fn note_refusal(&self, found: FileVersion, error: &io::Error, old_is_removed: bool) {
        if !self.note(Noted::Refused(found)) {
            return;
        }
        let path = self.path.display();
        let served = if old_is_removed {
            "nothing is served"
        } else {
            "the old one is still served"
        };
        let hint = if error.kind() == io::ErrorKind::PermissionDenied {
            self.hint.as_str()
        } else {
            ""
        };
        let gap = if hint.is_empty() { "" } else { "; " };
        log::warn!(
            "{path} is another directory now, which can't be opened ({error}): {served}{gap}{hint}"
        );
    }

    /// Remembers what is about to be logged. Returns whether it differs from the last line.
    fn note(&self, noted: Noted) -> bool {
        let mut last = self.noted.lock();
        let is_new = match (&*last, &noted) {
            (Noted::Refused(last), Noted::Refused(now)) => !last.is_of_same_file(now),
            (last, now) => *last != *now,
        };
        *last = noted;
        is_new
    }
}
