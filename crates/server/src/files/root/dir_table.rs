//! What is in a directory, as a table: 32 bytes for each entry, and the names behind one another.
//!
//! A directory may have hundreds of thousands of entries, and be asked for by hundreds of clients. So a table is built behind
//! the [gate](crate::files::gate) and paid for from the [budget](super::budget), and [`DirTables`] shares it: requests that had come
//! before the directory was read share that reading, and later ones, which read it again, share the memory of an earlier
//! table as long as nothing has changed.

use crate::body::{FileVersion, Kind, MASK};
use crate::files::content::store::Store;
use crate::files::dir::{by_name, join};
use crate::files::failure::Failure;
use crate::files::gate::Pass;
use crate::semaphore::{Permit, Semaphore};
use rustix::fs::{AtFlags, Dir, FileType, StatxFlags};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

/// The entries of a directory in one state: directories first, and in the order of their names.
#[derive(Debug)]
pub(crate) struct DirTable {
    rows: Vec<Row>,
    names: Vec<u8>,
    /// The state of the directory itself.
    version: FileVersion,
    _permit: Permit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    /// In bytes; of a directory, 0.
    length: u64,
    /// In seconds since 1970.
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
    /// Whether it is a symbolic link to one.
    pub(crate) is_link: bool,
    /// Whether its permissions leave open if this process can read it.
    pub(crate) maybe_unreadable: bool,
    /// In bytes; of a directory, 0.
    pub(crate) length: u64,
    /// In seconds since 1970.
    pub(crate) modified: i64,
    /// [`FileVersion::fingerprint`] of its state.
    pub(crate) fingerprint: u64,
}

impl Entry<'_> {
    /// The name as text. What isn't text in it is replaced, so this is for reading only.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.name)
    }
}

impl DirTable {
    /// Reads everything in the directory that would be served. What vanishes meanwhile, or can't be looked at, is left out.
    fn read(
        store: &Store,
        dir: &File,
        relative: &[u8],
        budget: &Semaphore,
        _: &Pass<'_>,
    ) -> Result<Self, Failure> {
        let version = FileVersion::of_open(dir).map_err(|error| Failure::of_error(&error))?;
        let mut builder = Builder::new(budget)?;
        for entry in Dir::read_from(dir).map_err(Failure::of)? {
            let entry = entry.map_err(Failure::of)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || !store.shows(relative, name) {
                continue;
            }
            let (found, readable) = match entry.file_type() {
                FileType::Symlink => (store.stat(&join(relative, name)).ok(), false),
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

    /// The entry at a place in that order, which must be less than [`len`](DirTable::len).
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

    fn is_like(&self, other: &DirTable) -> bool {
        // The kernel may give the names in another order, so that they lie elsewhere.
        self.version == other.version && self.entries().eq(other.entries())
    }
}

impl Row {
    fn name<'n>(&self, names: &'n [u8]) -> &'n [u8] {
        let start = self.name_start as usize;
        &names[start..start + usize::from(self.name_length)]
    }
}

/// A table that grows.
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
        let places = (u32::try_from(self.names.len()), u16::try_from(name.len()));
        let (Ok(name_start), Ok(name_length)) = places else {
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

    /// Grows both vectors by an eighth when they are full, after the permit.
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
        // The rest is for what is made of the table, and for other requests.
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

/// The tables that are in use.
#[derive(Debug, Default)]
pub(crate) struct DirTables(Mutex<HashMap<Box<[u8]>, Known>>);

#[derive(Debug)]
struct Known {
    /// A moment before the directory was read.
    since: Instant,
    table: Weak<DirTable>,
}

impl DirTables {
    /// The table of a directory in a state that it had at `arrived` or later.
    pub(crate) fn get(
        &self,
        store: &Store,
        relative: &[u8],
        arrived: Instant,
        pass: &Pass<'_>,
    ) -> Result<Arc<DirTable>, Failure> {
        if let Some(known) = self.lock().get(relative)
            && known.since >= arrived
            && let Some(table) = known.table.upgrade()
        {
            return Ok(table);
        }
        let since = Instant::now();
        let dir = store.folder(relative)?;
        let table = DirTable::read(store, &dir, relative, store.budget(), pass)?;
        Ok(self.share(relative, since, table))
    }

    /// The table, or an earlier one that is equal.
    fn share(&self, relative: &[u8], since: Instant, table: DirTable) -> Arc<DirTable> {
        let earlier = self
            .lock()
            .get(relative)
            .and_then(|known| known.table.upgrade());
        let shared = match earlier {
            Some(earlier) if earlier.is_like(&table) => earlier,
            _ => Arc::new(table),
        };
        let mut tables = self.lock();
        // Looking for the dead ones costs little as long as it is done when their number has doubled.
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

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Box<[u8]>, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
