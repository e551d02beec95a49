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
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Statx};
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
            let fd = self.locate(root, relative, OFlags::PATH | OFlags::CLOEXEC)?;
            stat_opened(&fd)
        })
    }

    /// [`Root::stat`] for a path without symbolic links: one with links names nothing.
    pub(crate) fn stat_without_links(&self, relative: &[u8]) -> Result<(Kind, FileVersion), Errno> {
        self.in_current_root(|root| {
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
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsStr;
    use std::fs;
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    /// A directory that holds `root`, whose files contain "inside", and neighbours, whose files
    /// contain "outside".
    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        let at = |name: &str| tree.path().join(name);
        for folder in ["root/folder/deep", "neighbour/folder"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for file in ["root/file", "root/folder/file", "root/folder/deep/file"] {
            fs::write(at(file), "inside").unwrap();
        }
        for file in ["file", "neighbour/file", "neighbour/folder/file"] {
            fs::write(at(file), "outside").unwrap();
        }
        let links = [
            ("file", "root/to-file"),
            ("folder", "root/to-folder"),
            ("../file", "root/folder/up"),
            ("deep/../file", "root/folder/down-and-up"),
            (".", "root/folder/self"),
            ("../file", "root/out-file"),
            ("../neighbour", "root/out-folder"),
            ("folder/../../file", "root/out-around"),
            ("../root/file", "root/out-and-in"),
            ("nowhere", "root/broken"),
            ("circle", "root/circle"),
            ("/proc/self/root", "root/magic"),
        ];
        for (target, link) in links {
            symlink(target, at(link)).unwrap();
        }
        for (target, link) in [
            ("root/file", "root/absolute-inside"),
            ("root/folder", "root/absolute-folder"),
            ("root", "root/absolute-root"),
            ("file", "root/absolute-outside"),
            ("neighbour", "root/absolute-neighbour"),
        ] {
            symlink(at(target), at(link)).unwrap();
        }
        let fifo = at("root/fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        drop(UnixListener::bind(at("root/socket")).unwrap());
        tree
    }

    fn open(tree: &tempfile::TempDir, symlinks: Symlinks) -> Root {
        Root::open(&tree.path().join("root"), symlinks, "").unwrap()
    }

    /// The content of the file that a name leads to, "folder", "nothing" or an error.
    fn found(root: &Root, name: &[u8]) -> String {
        match root.stat(name).and_then(|_| root.open_found(name)) {
            Ok(mut opened) if opened.kind == Kind::File => {
                let mut content = String::new();
                opened.file.read_to_string(&mut content).unwrap();
                content
            }
            Ok(_) => "folder".into(),
            Err(Errno::NOENT | Errno::NOTDIR) => "nothing".into(),
            Err(errno) => errno.to_string(),
        }
    }

    #[test]
    fn names_and_links() {
        let tree = tree();
        let roots = [Symlinks::Never, Symlinks::Inside, Symlinks::Anywhere];
        let roots = roots.map(|symlinks| open(&tree, symlinks));
        let table = [
            (".", "folder", "folder", "folder"),
            ("file", "inside", "inside", "inside"),
            ("folder", "folder", "folder", "folder"),
            ("folder/deep/file", "inside", "inside", "inside"),
            ("missing", "nothing", "nothing", "nothing"),
            ("file/file", "nothing", "nothing", "nothing"),
            ("fifo", "nothing", "nothing", "nothing"),
            ("socket", "nothing", "nothing", "nothing"),
            ("to-file", "nothing", "inside", "inside"),
            ("to-folder", "nothing", "folder", "folder"),
            ("to-folder/deep/file", "nothing", "inside", "inside"),
            ("folder/up", "nothing", "inside", "inside"),
            ("folder/down-and-up", "nothing", "inside", "inside"),
            ("folder/self/self/file", "nothing", "inside", "inside"),
            ("absolute-inside", "nothing", "inside", "inside"),
            ("absolute-folder/file", "nothing", "inside", "inside"),
            ("absolute-root", "nothing", "folder", "folder"),
            ("out-file", "nothing", "nothing", "outside"),
            ("out-folder", "nothing", "nothing", "folder"),
            ("out-folder/folder/file", "nothing", "nothing", "outside"),
            ("out-around", "nothing", "nothing", "outside"),
            ("absolute-outside", "nothing", "nothing", "outside"),
            ("absolute-neighbour/file", "nothing", "nothing", "outside"),
            ("out-and-in", "nothing", "inside", "inside"),
            ("broken", "nothing", "nothing", "nothing"),
            ("circle", "nothing", "nothing", "nothing"),
        ];
        for (name, never, inside, anywhere) in table {
            for (root, want) in roots.iter().zip([never, inside, anywhere]) {
                assert_eq!(found(root, name.as_bytes()), want, "{name} {root:?}");
            }
        }
        // Normalised paths contain none of these; the kernel refuses them all the same.
        for name in [
            "..",
            "../file",
            "folder/../../file",
            "/etc/passwd",
            "magic/etc/passwd",
        ] {
            for root in &roots[..2] {
                assert_eq!(found(root, name.as_bytes()), "nothing", "{name}");
            }
        }
    }

    #[test]
    fn a_name_too_long_is_an_error_of_its_own() {
        let tree = tree();
        let root = open(&tree, Symlinks::Inside);
        assert_eq!(root.stat(&[b'a'; 300]).unwrap_err(), Errno::NAMETOOLONG);
        assert_eq!(
            root.open_found(&[b'a'; 300]).unwrap_err(),
            Errno::NAMETOOLONG
        );
    }

    #[test]
    fn a_root_that_is_no_folder_is_refused() {
        let tree = tree();
        for name in ["missing", "file", "root/fifo"] {
            let error = Root::open(&tree.path().join(name), Symlinks::Inside, "").unwrap_err();
            assert!(matches!(error, OpenError::Directory { .. }), "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn the_root_stays_the_same_folder_when_it_is_renamed() {
        let tree = tree();
        let root = open(&tree, Symlinks::Inside);
        fs::rename(tree.path().join("root"), tree.path().join("moved")).unwrap();
        fs::rename(tree.path().join("neighbour"), tree.path().join("root")).unwrap();
        assert_eq!(found(&root, b"file"), "inside");
        assert_eq!(found(&root, b"to-folder/file"), "inside");
        // The text of a link is compared with the path that the root had when it was opened.
        assert_eq!(found(&root, b"absolute-inside"), "inside");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_walk_over_names_and_links_leaves_the_root(walks in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec![
                "..", ".", "file", "folder", "deep", "root", "neighbour", "to-folder", "up",
                "down-and-up", "self", "out-file", "out-folder", "out-around", "out-and-in",
                "absolute-root", "absolute-folder", "absolute-neighbour", "absolute-outside",
                "magic", "proc", "circle", "broken", "fifo", "",
            ]), 1..8), 32)
        ) {
            let tree = tree();
            let root = open(&tree, Symlinks::Inside);
            for walk in walks {
                let name = walk.join("/");
                prop_assert_ne!(found(&root, name.as_bytes()), "outside", "{}", name);
            }
        }

        #[test]
        fn any_name_that_a_file_can_have_is_found(name in prop::collection::vec(1u8.., 1..60)) {
            prop_assume!(!name.contains(&b'/') && name != b"." && name != b"..");
            let tree = tempfile::tempdir().unwrap();
            fs::write(tree.path().join(OsStr::from_bytes(&name)), "inside").unwrap();
            let root = Root::open(tree.path(), Symlinks::Inside, "").unwrap();
            prop_assert_eq!(found(&root, &name), "inside");
        }
    }
}
