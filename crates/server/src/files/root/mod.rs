//! The served directory: from a normalised path to an open file below it.
//!
//! The root is an open directory at which every look-up starts. `openat2` with `RESOLVE_BENEATH`
//! makes the kernel refuse every path that leaves the root, through `..` or a symbolic link, in any
//! component and without a race. The safety of the server therefore does not depend on the code
//! that normalises paths.
//!
//! | module | holds |
//! |---|---|
//! | `root_dir` | which directory the root's path leads to now |
//! | `links` | symbolic links that leave the root and come back |
//! | `shared_stat` | one `statx` for all requests that arrived before it |
//! | `dir_table` | the entries of a directory |

pub(super) mod dir_table;
mod links;
pub(super) mod root_dir;
pub(super) mod shared_stat;

use crate::body::{FileVersion, Kind, MASK};
use root_dir::{Dir, RootDir, is_removed};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx};
use rustix::io::Errno;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Which symbolic links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symlinks {
    /// None: a path that contains a symbolic link names nothing.
    Never,
    /// Links that lead to something below the root.
    #[default]
    Inside,
    /// All links. Any user with write access below the root then decides what is served.
    Anywhere,
}

/// The root directory could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory can't be opened; `source` says why.
    Directory {
        /// The path that was given.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The system call `openat2` is missing: Linux is older than 5.6, or a sandbox hides it.
    NoOpenat2 {
        /// The error of the operating system.
        source: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Directory { path, source } => {
                write!(f, "can't open the directory {path:?}: {source}")
            }
            OpenError::NoOpenat2 { source } => write!(
                f,
                "the system call openat2, which confines requests to the directory, fails: {source}; \
                 it needs Linux 5.6 or newer and a sandbox that permits it"
            ),
        }
    }
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        let kind = match &error {
            OpenError::Directory { source, .. } | OpenError::NoOpenat2 { source } => source.kind(),
        };
        io::Error::new(kind, error)
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Directory { source, .. } | OpenError::NoOpenat2 { source } => Some(source),
        }
    }
}

/// The directory that is served.
#[derive(Debug)]
pub(crate) struct Root {
    root_dir: RootDir,
    symlinks: Symlinks,
}

/// A file or directory that was opened below the root.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) kind: Kind,
    pub(crate) version: FileVersion,
}

/// The flags for opening: it must not block, nor let a child process inherit the descriptor, nor
/// make the file the controlling terminal.
const OPEN: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// How often a look-up is retried that a rename elsewhere in the tree has disturbed.
const ATTEMPTS: u32 = 8;

impl Root {
    /// Opens the directory. `hint` ends the log's line about a replacement that can't be opened.
    pub(crate) fn open(path: &Path, symlinks: Symlinks, hint: &str) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Directory {
            path: path.to_owned(),
            source,
        };
        let root = Root {
            root_dir: RootDir::open(path, hint).map_err(failed)?,
            symlinks,
        };
        match root.open_beneath(&root.root_dir.dir(), b".", OPEN) {
            Ok(_) => Ok(root),
            Err(errno @ (Errno::NOSYS | Errno::PERM)) => Err(OpenError::NoOpenat2 {
                source: errno.into(),
            }),
            Err(errno) => Err(failed(errno.into())),
        }
    }

    /// The kind and version of what has this path. It is not opened, because opening a pipe or a
    /// device affects the process at its other end. `relative` has no leading slash; `.` is the
    /// root. Nothing outside the root is looked at.
    ///
    /// # Errors
    /// [`Errno::NOENT`] for a path that can't be served or leads outside; otherwise the kernel's
    /// error.
    pub(crate) fn stat(&self, relative: &[u8]) -> Result<(Kind, FileVersion), Errno> {
        self.in_current_root(|root| {
            if let Some(found) = stat_entry(root, relative) {
                return found;
            }
            let fd = self.locate(root, relative, OFlags::PATH | OFlags::CLOEXEC)?;
            stat_opened(&fd)
        })
    }

    /// [`Root::stat`] for a path without symbolic links: one with links names nothing.
    pub(crate) fn stat_without_links(&self, relative: &[u8]) -> Result<(Kind, FileVersion), Errno> {
        self.in_current_root(|root| {
            if let Some(found) = stat_entry(root, relative) {
                return found;
            }
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let fd = open_resolved(root, relative, flags, resolve).map_err(absent)?;
            stat_opened(&fd)
        })
    }

    /// The path of the root as it was given, made absolute.
    pub(crate) fn path(&self) -> &Path {
        self.root_dir.path()
    }

    /// [`Root::stat`] with one system call instead of three, for a path that has led inside before.
    /// A link on the way may lead outside by now; then the result is still only a hint, because
    /// nothing outside is ever opened.
    pub(crate) fn stat_known(&self, relative: &[u8]) -> Result<(Kind, FileVersion), Errno> {
        self.in_current_root(|root| {
            let stat = rustix::fs::statx(&root.fd, relative, AtFlags::empty(), MASK);
            servable(&stat.map_err(absent)?)
        })
    }

    /// Opens a file or directory that [`Root::stat`] has found. Its kind and version are those of
    /// what is open, whatever `stat` returned.
    ///
    /// # Errors
    /// [`Errno::NOENT`] for a path that can't be served or leads outside, and for a directory that
    /// has been removed; otherwise the kernel's error.
    pub(crate) fn open_found(&self, relative: &[u8]) -> Result<Opened, Errno> {
        self.in_current_root(|root| {
            let fd = self.locate(root, relative, OPEN)?;
            let stat = rustix::fs::statx(&fd, c"", AtFlags::EMPTY_PATH, MASK)?;
            let (kind, version) = servable(&stat)?;
            if kind == Kind::Dir && is_removed(&fd) {
                return Err(Errno::NOENT);
            }
            let file = File::from(fd);
            Ok(Opened {
                file,
                kind,
                version,
            })
        })
    }

    /// Opens a directory.
    ///
    /// # Errors
    /// As [`Root::open_found`]; [`Errno::NOENT`] also for a file.
    pub(crate) fn open_dir(&self, relative: &[u8]) -> Result<File, Errno> {
        let opened = self.open_found(relative)?;
        match opened.kind {
            Kind::Dir => Ok(opened.file),
            _ => Err(Errno::NOENT),
        }
    }

    /// Runs a look-up; and again if it finds nothing because the root has been replaced meanwhile.
    fn in_current_root<T>(&self, look_up: impl Fn(&Dir) -> Result<T, Errno>) -> Result<T, Errno> {
        match look_up(&self.root_dir.dir()) {
            Err(Errno::NOENT) if self.root_dir.has_moved() => look_up(&self.root_dir.dir()),
            found => found,
        }
    }

    /// Opens a path with `flags`, inside the root or not at all.
    fn locate(&self, root: &Dir, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let opened = match self.open_beneath(root, relative, flags) {
            Err(Errno::XDEV) if self.symlinks == Symlinks::Inside => {
                let inside = links::resolve(root, self.root_dir.path(), relative);
                inside.and_then(|inside| self.open_beneath(root, &inside, flags))
            }
            opened => opened,
        };
        opened.map_err(absent)
    }

    fn open_beneath(&self, root: &Dir, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::NO_MAGICLINKS
            | match self.symlinks {
                Symlinks::Never => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
                Symlinks::Inside => ResolveFlags::BENEATH,
                Symlinks::Anywhere => ResolveFlags::empty(),
            };
        open_resolved(root, relative, flags, resolve)
    }
}

/// The kind and version of an entry of the root itself, with one system call instead of three.
/// `None`: the path has several names, or is that of a link, so that it might lead outside.
fn stat_entry(root: &Dir, relative: &[u8]) -> Option<Result<(Kind, FileVersion), Errno>> {
    if relative.contains(&b'/') || relative == b".." {
        return None;
    }
    let stat = rustix::fs::statx(&root.fd, relative, AtFlags::SYMLINK_NOFOLLOW, MASK);
    match stat {
        Ok(stat) if is_link(&stat) => None,
        stat => Some(stat.map_err(absent).and_then(|stat| servable(&stat))),
    }
}

fn is_link(stat: &Statx) -> bool {
    FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Symlink
}

fn open_resolved(
    root: &Dir,
    relative: &[u8],
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let mut attempt = 1;
    loop {
        match rustix::fs::openat2(&root.fd, relative, flags, Mode::empty(), resolve) {
            // A rename may have moved the `..` of a link out of the root: the kernel can't tell.
            Err(Errno::AGAIN | Errno::INTR) if attempt < ATTEMPTS => attempt += 1,
            opened => return opened,
        }
    }
}

/// The kind and version of what has been opened, perhaps only to look at it.
fn stat_opened(fd: &OwnedFd) -> Result<(Kind, FileVersion), Errno> {
    let stat = rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, MASK)?;
    servable(&stat)
}

/// The kind and version of something that can be served.
fn servable(stat: &Statx) -> Result<(Kind, FileVersion), Errno> {
    match Kind::of(stat) {
        Kind::Other => Err(Errno::NOENT),
        kind => Ok((kind, FileVersion::of(stat))),
    }
}

/// Turns errors that mean "nothing to serve" into NOENT. LOOP: a link where none may be followed,
/// or links in a circle. XDEV: outside the root. NXIO: a pipe or a socket.
fn absent(errno: Errno) -> Errno {
    match errno {
        Errno::LOOP | Errno::XDEV | Errno::NXIO => Errno::NOENT,
        errno => errno,
    }
}

#[cfg(test)]
mod tests;
