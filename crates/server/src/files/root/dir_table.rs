//! The entries of a directory as a table: 32 bytes for each, and the names one after another.
//!
//! A directory may have hundreds of thousands of entries, and hundreds of clients may list it. So a
//! table is built behind the [gate](super::super::gate), with memory from a [`Semaphore`], and
//! [`DirTables`] shares it. Requests that arrived before the directory was read share that reading;
//! later requests read it again, and share the memory of the earlier table as long as nothing has
//! changed.

use super::Root;
use crate::body::{FileVersion, Kind, MASK};
use crate::files::dir::{by_name, is_hidden, join};
use crate::files::failure::Failure;
use crate::gate::Pass;
use crate::lock::Lock;
use crate::semaphore::{Permit, Semaphore};
use rustix::fs::{AtFlags, Dir, FileType, StatxFlags};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// The entries of one version of a directory, in natural order, directories first.
#[derive(Debug)]
pub(crate) struct DirTable {
    rows: Vec<Row>,
    names: Vec<u8>,
    /// The version of the directory itself.
    version: FileVersion,
    _permit: Permit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    length: u64,
    modified: i64,
    fingerprint: u64,
    name_start: u32,
    name_length: u16,
    flags: u8,
}

const IS_DIR: u8 = 1;
const IS_LINK: u8 = 2;
const MAYBE_UNREADABLE: u8 = 4;

/// An entry of a [`DirTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'t> {
    pub(crate) name: &'t [u8],
    pub(crate) is_dir: bool,
    /// Whether it is a symbolic link.
    pub(crate) is_link: bool,
    /// Whether its permissions leave open if this process can read it.
    pub(crate) maybe_unreadable: bool,
    /// The length in bytes; 0 for a directory.
    pub(crate) length: u64,
    /// The last modification, in seconds since 1970.
    pub(crate) modified: i64,
    /// [`FileVersion::fingerprint`] of its version.
    pub(crate) fingerprint: u64,
}

impl Entry<'_> {
    /// The name as text, for display only: bytes that are not UTF-8 are replaced.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.name)
    }
}

impl DirTable {
    /// Reads all entries that would be served. Entries that vanish meanwhile, or can't be looked
    /// at, are left out.
    fn read(
        tables: &DirTables,
        root: &Root,
        relative: &[u8],
        pass: &Pass<'_>,
    ) -> Result<Self, Failure> {
        let dir = &root.open_dir(relative).map_err(Failure::of)?;
        let version = FileVersion::of_open(dir).map_err(|error| Failure::of_error(&error))?;
        let mut builder = Builder::new(&tables.budget)?;
        for entry in Dir::read_from(dir).map_err(Failure::of)? {
            pass.step();
            let entry = entry.map_err(Failure::of)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || !tables.shows(relative, name) {
                continue;
            }
            let (found, readable) = match entry.file_type() {
                FileType::Symlink => (root.stat(&join(relative, name)).ok(), false),
                FileType::RegularFile | FileType::Directory | FileType::Unknown => {
                    let mask = MASK | StatxFlags::MODE;
                    let flags = AtFlags::SYMLINK_NOFOLLOW;
                    let stat = rustix::fs::statx(dir, entry.file_name(), flags, mask).ok();
                    let by_all = |mode: u16| mode & 0o444 == 0o444;
                    let readable = stat.is_some_and(|stat| by_all(stat.stx_mode));
                    let found = stat.map(|stat| (Kind::of(&stat), FileVersion::of(&stat)));
                    (found, readable)
                }
                _ => (None, false),
            };
            let Some((kind @ (Kind::File | Kind::Dir), version)) = found else {
                continue;
            };
            let is_dir = kind == Kind::Dir;
            let mut flags = if is_dir { IS_DIR } else { 0 };
            if entry.file_type() == FileType::Symlink {
                flags |= IS_LINK;
            }
            if !is_dir && !readable {
                flags |= MAYBE_UNREADABLE;
            }
            builder.push(name, &version, flags)?;
        }
        Ok(builder.finish(version))
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn version(&self) -> &FileVersion {
        &self.version
    }

    /// The entry at a position, which must be less than [`len`](DirTable::len).
    pub(crate) fn entry(&self, at: usize) -> Entry<'_> {
        let row = &self.rows[at];
        Entry {
            name: row.name(&self.names),
            is_dir: row.flags & IS_DIR != 0,
            is_link: row.flags & IS_LINK != 0,
            maybe_unreadable: row.flags & MAYBE_UNREADABLE != 0,
            length: row.length,
            modified: row.modified,
            fingerprint: row.fingerprint,
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.len()).map(|at| self.entry(at))
    }

    fn is_same(&self, other: &DirTable) -> bool {
        // The kernel may return the names in another order, so that they lie elsewhere.
        self.version == other.version && self.entries().eq(other.entries())
    }
}

impl Row {
    fn name<'n>(&self, names: &'n [u8]) -> &'n [u8] {
        let start = self.name_start as usize;
        &names[start..start + usize::from(self.name_length)]
    }
}

/// A table that is being built.
struct Builder {
    rows: Vec<Row>,
    names: Vec<u8>,
    permit: Permit,
}

impl Builder {
    fn new(budget: &Semaphore) -> Result<Self, Failure> {
        Ok(Builder {
            rows: Vec::new(),
            names: Vec::new(),
            permit: budget.take(0).ok_or(Failure::Busy)?,
        })
    }

    fn push(&mut self, name: &[u8], version: &FileVersion, flags: u8) -> Result<(), Failure> {
        let ends = (u32::try_from(self.names.len()), u16::try_from(name.len()));
        let (Ok(name_start), Ok(name_length)) = ends else {
            return Err(Failure::TooManyFiles);
        };
        self.make_room(name.len())?;
        self.names.extend_from_slice(name);
        self.rows.push(Row {
            length: if flags & IS_DIR == 0 {
                version.length
            } else {
                0
            },
            modified: version.modified_seconds(),
            fingerprint: version.fingerprint(),
            name_start,
            name_length,
            flags,
        });
        Ok(())
    }

    /// Makes room for one more row and a name of `name` bytes: raises the permit, then grows the
    /// full vectors by an eighth.
    fn make_room(&mut self, name: usize) -> Result<(), Failure> {
        let rows_are_full = self.rows.len() == self.rows.capacity();
        let names_are_full = self.names.len() + name > self.names.capacity();
        if !rows_are_full && !names_are_full {
            return Ok(());
        }
        let more = |full: bool, length: usize, least: usize| {
            if full { (length / 8).max(least) } else { 0 }
        };
        let rows = more(rows_are_full, self.rows.len(), 16);
        let names = more(names_are_full, self.names.len(), 512.max(name));
        let bytes =
            (self.rows.capacity() + rows) * size_of::<Row>() + self.names.capacity() + names;
        // The rest is for what is built from the table, and for other requests.
        if bytes > self.permit.total() / 4 * 3 {
            return Err(Failure::TooManyFiles);
        }
        if !self.permit.grow_to(bytes) {
            return Err(Failure::Busy);
        }
        if rows > 0 {
            self.rows.reserve_exact(rows);
        }
        if names > 0 {
            self.names
                .reserve_exact(self.names.capacity() - self.names.len() + names);
        }
        Ok(())
    }

    fn finish(mut self, version: FileVersion) -> DirTable {
        let names = &self.names;
        self.rows.sort_unstable_by(|a, b| {
            let directories_first = (b.flags & IS_DIR).cmp(&(a.flags & IS_DIR));
            directories_first.then_with(|| by_name(a.name(names), b.name(names)))
        });
        self.rows.shrink_to_fit();
        self.names.shrink_to_fit();
        self.permit
            .shrink_to(self.rows.capacity() * size_of::<Row>() + self.names.capacity());
        DirTable {
            rows: self.rows,
            names: self.names,
            version,
            _permit: self.permit,
        }
    }
}

/// The tables that are in use, by the path of their directory.
#[derive(Debug)]
pub(crate) struct DirTables {
    shows_hidden: bool,
    budget: Semaphore,
    tables: Lock<HashMap<Box<[u8]>, Known>>,
}

#[derive(Debug)]
struct Known {
    /// A moment before the directory was read.
    since: Instant,
    table: Weak<DirTable>,
}

impl DirTables {
    /// No tables yet; they will take their memory from `budget`.
    pub(crate) fn new(shows_hidden: bool, budget: Semaphore) -> Self {
        DirTables {
            shows_hidden,
            budget,
            tables: Lock::default(),
        }
    }

    /// Whether a name in a directory may be shown.
    fn shows(&self, dir: &[u8], name: &[u8]) -> bool {
        self.shows_hidden || !is_hidden(name, dir == b".")
    }

    /// The table of a directory as it was at `arrived` or later.
    pub(crate) fn get(
        &self,
        root: &Root,
        relative: &[u8],
        arrived: Instant,
        pass: &Pass<'_>,
    ) -> Result<Arc<DirTable>, Failure> {
        if let Some(known) = self.tables.lock().get(relative) {
            if known.since >= arrived {
                if let Some(table) = known.table.upgrade() {
                    return Ok(table);
                }
            }
        }
        let since = Instant::now();
        let table = DirTable::read(self, root, relative, pass)?;
        Ok(self.share(relative, since, table))
    }

    /// The table, or an equal earlier one in its place.
    fn share(&self, relative: &[u8], since: Instant, table: DirTable) -> Arc<DirTable> {
        let earlier = self
            .tables
            .lock()
            .get(relative)
            .and_then(|known| known.table.upgrade());
        let shared = match earlier {
            Some(earlier) if earlier.is_same(&table) => earlier,
            _ => Arc::new(table),
        };
        let mut tables = self.tables.lock();
        // Removing dead entries when the map is full costs little for each insertion.
        if tables.len() == tables.capacity() {
            tables.retain(|_, known| known.table.strong_count() > 0);
        }
        let known = Known {
            since,
            table: Arc::downgrade(&shared),
        };
        tables.insert(relative.into(), known);
        shared
    }
}
