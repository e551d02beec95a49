//! A walk through a directory and everything below it, in an order that depends on names alone.
//!
//! A walk holds one table for each level on the way to its node, and nothing of the nodes before
//! it. An archive takes two or three walks, which are compared by their [`Digest`]s.

use super::names::push_escaped;
use crate::files::content::store::Store;
use crate::files::failure::Failure;
use crate::files::root::dir_table::{DirTable, Entry};
use crate::gate::Pass;
use rustix::io::Errno;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

/// The maximum number of files and directories in an archive. More would keep the gate busy for
/// seconds.
const MAX_NODES: u64 = 1_000_000;

/// A file or a directory in an archive.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// The escaped path in the archive; that of a directory ends in a slash.
    pub(super) name: Vec<u8>,
    /// The path below the served root; the root's is empty.
    pub(super) path: Vec<u8>,
    pub(super) is_dir: bool,
    /// The length of the content in bytes.
    pub(super) length: u64,
    /// The last modification, in seconds since 1970.
    pub(super) modified: i64,
    pub(super) fingerprint: u64,
}

/// A walk, at one of its nodes.
pub(super) struct Walk {
    store: Arc<Store>,
    /// The tables are not older than this.
    began: Instant,
    levels: Vec<Level>,
    node: Node,
    /// The top directory has not been visited.
    at_top: bool,
    count: u64,
    left_out: LeftOut,
}

/// A directory on the way from the top to the current node.
struct Level {
    table: Arc<DirTable>,
    next: usize,
    /// The lengths of its name in the archive and of its path.
    name: usize,
    path: usize,
}

/// Entries that can't be read and are left out.
#[derive(Debug, Default, Clone)]
pub(super) struct LeftOut {
    pub(super) count: u64,
    pub(super) first: Vec<u8>,
}

/// A hash of all nodes of a walk.
#[derive(Debug, Clone, Default)]
pub(super) struct Digest(DefaultHasher);

impl Digest {
    pub(super) fn push(&mut self, node: &Node) {
        (
            &node.name,
            node.is_dir,
            node.length,
            node.modified,
            node.fingerprint,
        )
            .hash(&mut self.0);
    }

    pub(super) fn finish(&self) -> u64 {
        self.0.finish()
    }
}

impl Walk {
    /// A walk through the directory `relative`, which is called `name` in the archive.
    pub(super) fn new(store: &Arc<Store>, relative: &[u8], name: &[u8]) -> Self {
        let path = if relative == b"." { b"" } else { relative };
        let mut node = Node {
            path: path.to_vec(),
            ..Node::default()
        };
        push_escaped(name, &mut node.name);
        node.name.push(b'/');
        Walk {
            store: Arc::clone(store),
            began: Instant::now(),
            levels: Vec::new(),
            node,
            at_top: true,
            count: 0,
            left_out: LeftOut::default(),
        }
    }

    /// The current node.
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// The number of nodes so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Goes to the next node; `false` at the end.
    ///
    /// # Errors
    /// Those of reading a directory, except missing permission below the top. After
    /// [`Failure::Busy`] the walk can continue.
    pub(super) fn next(&mut self, pass: &Pass<'_>) -> Result<bool, Failure> {
        pass.step();
        if self.at_top {
            self.enter(None, pass)?;
            self.at_top = false;
            return self.counted();
        }
        while let Some(level) = self.levels.last() {
            self.node.name.truncate(level.name);
            self.node.path.truncate(level.path);
            if level.next == level.table.len() {
                self.levels.pop();
                continue;
            }
            let table = Arc::clone(&level.table);
            let entry = table.entry(level.next);
            let found = self.visit(&entry, pass);
            if found == Err(Failure::Busy) {
                return Err(Failure::Busy);
            }
            // A directory that was entered is the last level now; its parent is the one before.
            let depth = self.levels.len() - usize::from(found == Ok(true) && entry.is_dir);
            self.levels[depth - 1].next += 1;
            if found? {
                return self.counted();
            }
        }
        Ok(false)
    }

    fn counted(&mut self) -> Result<bool, Failure> {
        self.count += 1;
        if self.count > MAX_NODES {
            return Err(Failure::TooManyFiles);
        }
        Ok(true)
    }

    /// Makes an entry of the last level the current node. `false`: it does not belong in archives.
    fn visit(&mut self, entry: &Entry<'_>, pass: &Pass<'_>) -> Result<bool, Failure> {
        if entry.is_dir && entry.is_link {
            return Ok(false);
        }
        if !self.node.path.is_empty() {
            self.node.path.push(b'/');
        }
        self.node.path.extend_from_slice(entry.name);
        push_escaped(entry.name, &mut self.node.name);
        let found = if !entry.is_dir && self.store.scripts().of(&self.node.path).is_some() {
            // Scripts are run, and never sent.
            Err(Failure::NotFound)
        } else if entry.is_dir {
            self.node.name.push(b'/');
            self.enter(Some(entry), pass)
        } else {
            self.node.is_dir = false;
            self.node.length = entry.length;
            self.node.modified = entry.modified;
            self.node.fingerprint = entry.fingerprint;
            self.check(entry)
        };
        match found {
            Ok(()) => Ok(true),
            Err(Failure::NotFound) => Ok(false),
            Err(Failure::System(Errno::ACCESS | Errno::PERM)) => {
                if self.left_out.count == 0 {
                    self.left_out.first.clone_from(&self.node.path);
                }
                self.left_out.count += 1;
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Opens a file whose permissions leave open if this process can read it.
    fn check(&self, entry: &Entry<'_>) -> Result<(), Failure> {
        if entry.maybe_unreadable {
            let opened = self.store.open_file(&self.node.path);
            opened.map_err(|error| Failure::of_error(&error))?;
        }
        Ok(())
    }

    /// Reads the directory at the current path, and makes it a level.
    fn enter(&mut self, entry: Option<&Entry<'_>>, pass: &Pass<'_>) -> Result<(), Failure> {
        let path = match &self.node.path[..] {
            b"" => b".",
            path => path,
        };
        let table = self.store.table(path, self.began, pass)?;
        self.node.is_dir = true;
        self.node.length = 0;
        self.node.modified = table.version().modified_seconds();
        self.node.fingerprint = table.version().fingerprint();
        debug_assert!(entry.is_none_or(|entry| entry.is_dir));
        self.levels.push(Level {
            table,
            next: 0,
            name: self.node.name.len(),
            path: self.node.path.len(),
        });
        Ok(())
    }
}
