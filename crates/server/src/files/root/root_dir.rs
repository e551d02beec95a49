//! Which directory is the root: the one that its path leads to, now.
//!
//! Look-ups start at an open directory, which stays the same whatever becomes of its name. But sites are deployed by putting
//! another directory in the place of the old one: moved there, made anew, or behind a symbolic link that is switched. So the
//! path is looked at again from time to time, and whenever a name is missing; when it leads elsewhere, that is the root. A
//! request never sees half of each: what it has opened is described by what it has opened.
//!
//! While the path leads nowhere, the directory that it led to is still the root, unless it was removed: a removed directory
//! holds nothing and can't be filled again, so a list of its content would be a lie.

use crate::body::{FileVersion, MASK};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir};
use rustix::io::Errno;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

/// How long another folder may go unnoticed, in milliseconds.
const PAUSE: u64 = 100;

/// A path, and the folder that it leads to.
#[derive(Debug)]
pub(super) struct RootDir {
    path: PathBuf,
    folder: RwLock<Arc<Dir>>,
    start: Instant,
    /// When to look at the path again, in milliseconds since the start.
    next_look: AtomicU64,
    /// What was logged last about the path, so that it is logged once.
    noted: Mutex<Noted>,
    /// What the log says when another directory may not be opened.
    hint: String,
}

/// Something about the path that is worth one line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Noted {
    #[default]
    Nothing,
    /// The directory was removed, and the path leads nowhere.
    Removed,
    /// The path leads to this directory, which can't be opened.
    Refused(FileVersion),
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Dir {
    pub(super) fd: OwnedFd,
    /// Its path without symbolic links.
    pub(super) real_path: PathBuf,
    version: FileVersion,
}

impl Dir {
    /// Whether the directory was removed. Link counts don't say so on every file system (overlayfs reports 1 for a merged
    /// directory that is gone), but the kernel itself refuses to read a removed directory. A file server may call it stale.
    fn is_removed(&self) -> bool {
        is_removed(&self.fd)
    }

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
pub(in crate::files) fn is_removed(directory: impl AsFd) -> bool {
    // Room for one entry with the longest name.
    let mut buffer = [const { MaybeUninit::uninit() }; 1024];
    let mut entries = RawDir::new(directory, &mut buffer);
    matches!(entries.next(), Some(Err(Errno::NOENT | Errno::STALE)))
}

impl RootDir {
    /// Opens the directory. `hint` ends the log's line about another directory that may not be opened.
    pub(super) fn open(path: &Path, hint: &str) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        Ok(RootDir {
            folder: RwLock::new(Arc::new(Dir::open(&path)?)),
            path,
            start: Instant::now(),
            next_look: AtomicU64::new(PAUSE),
            noted: Mutex::default(),
            hint: hint.to_owned(),
        })
    }

    /// The path that was given, made absolute.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder.
    pub(super) fn folder(&self) -> Arc<Dir> {
        // Half a billion years fit in.
        let now = self.start.elapsed().as_millis() as u64;
        let due = self.next_look.load(Ordering::Relaxed);
        let next = now.saturating_add(PAUSE);
        let exchange = |to| {
            self.next_look
                .compare_exchange(due, to, Ordering::Relaxed, Ordering::Relaxed)
        };
        if now >= due && exchange(next).is_ok() {
            let _ = self.look();
        }
        self.open_now()
    }

    /// Nobody panics while holding these locks, so poison says nothing.
    fn open_now(&self) -> Arc<Dir> {
        let folder = self.folder.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&folder)
    }

    /// Looks at the path at once, for a name that was not found: whether the root is another directory now.
    pub(super) fn has_moved(&self) -> bool {
        self.look()
    }

    /// Looks at the path: whether it has become the root's that it leads to another directory.
    fn look(&self) -> bool {
        let Ok(stat) = rustix::fs::statx(CWD, &self.path, AtFlags::empty(), MASK) else {
            self.note_absence();
            return false;
        };
        let found = FileVersion::of(&stat);
        let current = self.open_now();
        // As long as the old one is open, no other has its inode.
        if found.is_of_same_file(&current.version) {
            return false;
        }
        let path = self.path.display();
        match Dir::open(&self.path) {
            Ok(folder) => {
                self.note(Noted::Nothing);
                log::info!("{path} is another folder now");
                *self.folder.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(folder);
                true
            }
            Err(error) => {
                self.note_refusal(found, &error, current.is_removed());
                false
            }
        }
    }

    fn note_absence(&self) {
        if self.open_now().is_removed() && self.note(Noted::Removed) {
            let path = self.path.display();
            log::warn!(
                "{path} was removed: there is nothing to serve until a folder of that name exists"
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
            "{path} is another folder now, which can't be opened ({error}): {served}{gap}{hint}"
        );
    }

    /// Remembers what is to be logged; whether it differs from what was logged last.
    fn note(&self, noted: Noted) -> bool {
        let mut last = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = match (&*last, &noted) {
            (Noted::Refused(last), Noted::Refused(now)) => !last.is_of_same_file(now),
            (last, now) => *last != *now,
        };
        *last = noted;
        is_new
    }
}
