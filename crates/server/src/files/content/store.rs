//! From the path of a file to its representation: from the cache, or else from the disk.
//!
//! The store also chooses the content coding. A sidecar, which is a compressed copy that lies
//! beside the file and is not older (`app.js.br`, `.zst` or `.gz` beside `app.js`), comes first.
//! Other content of a compressible type is compressed on first use and cached; a file too large for
//! the cache is compressed while it is sent.

use super::cache::Cache;
use super::checksums::Checksums;
use super::coding::{self, CODINGS, COMPRESSED, WORTHWHILE};
use super::compression::{CacheKey, Compression};
use super::loader::{Content, IN_MEMORY, Loaded, Loader};
use super::representation::{Metadata, Representation};
use super::source::{Source, Unmeasured};
use crate::body::{FileVersion, Kind, Memfd};
use crate::files::dir;
use crate::files::failure::Failure;
use crate::files::options::Options;
use crate::files::options::media_type::SNIFFED;
use crate::files::root::Root;
use crate::files::root::dir_table::{DirTable, DirTables};
use crate::files::root::shared_stat::SharedStat;
use crate::files::scripts::Scripts;
use crate::gate::{GATE, Pass};
use crate::semaphore::Semaphore;
use bytes::Bytes;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use tinyhttp_message::negotiate::{AcceptEncoding, Coding};

/// The largest file of which a compressed form is kept, in bytes.
const KEPT_COMPRESSED: u64 = 16 * 1024 * 1024;

/// What compressing in memory takes of the budget, in bytes. It bounds how many requests queue at
/// the gate, each of which holds a thread.
const QUEUEING: usize = 512 * 1024;

/// How many [`Memfd`]s are kept: each takes a descriptor.
const MEMFDS: usize = 64;

/// A served directory, and everything that is kept of its files.
#[derive(Debug)]
pub(crate) struct Store {
    root: Root,
    shared_stat: SharedStat,
    loader: Loader,
    cache: Arc<Cache>,
    checksums: Checksums,
    tables: DirTables,
    /// Memory for everything that is built for responses.
    budget: Semaphore,
    memfds: Semaphore,
    options: Options,
    scripts: Scripts,
}

impl Store {
    pub(crate) fn new(root: Root, options: Options) -> Self {
        let budget = Semaphore::new(options.working_memory);
        Store {
            root,
            shared_stat: SharedStat::default(),
            loader: Loader::default(),
            cache: Arc::new(Cache::new(options.cache_size)),
            checksums: Checksums::default(),
            tables: DirTables::new(options.hidden, budget.clone()),
            budget,
            memfds: Semaphore::new(MEMFDS),
            options,
            scripts: Scripts::default(),
        }
    }

    /// The files that are run, and never sent.
    pub(crate) fn scripts(&self) -> &Scripts {
        &self.scripts
    }

    pub(crate) fn scripts_mut(&mut self) -> &mut Scripts {
        &mut self.scripts
    }

    /// The kind of what has the path of a script.
    pub(crate) fn stat_script(&self, relative: &[u8]) -> Result<Kind, Failure> {
        let found = match self.scripts.has_exclusions() {
            true => self.root.stat_without_links(relative),
            false => self.root.stat(relative),
        };
        found.map(|(kind, _)| kind).map_err(Failure::of)
    }

    /// The absolute path of the directory.
    pub(crate) fn root_path(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn budget(&self) -> &Semaphore {
        &self.budget
    }

    pub(crate) fn checksums(&self) -> &Checksums {
        &self.checksums
    }

    /// The kind and version of what has this path: a hint, until it is opened.
    pub(crate) fn stat(&self, relative: &[u8]) -> Result<(Kind, FileVersion), Failure> {
        self.root.stat(relative).map_err(Failure::of)
    }

    /// Like [`Store::stat`]; the result may be shared with other requests, but is never older than
    /// `arrived`.
    pub(crate) fn stat_since(
        &self,
        relative: &[u8],
        arrived: Instant,
    ) -> Result<(Kind, FileVersion), Failure> {
        let found = if self.cache.has(relative) {
            self.shared_stat.stat(&self.root, relative, arrived)
        } else {
            self.root.stat(relative)
        };
        found.map_err(Failure::of)
    }

    /// Opens a file that is no script.
    pub(crate) fn open_file(&self, relative: &[u8]) -> io::Result<(File, FileVersion)> {
        if self.scripts.of(relative).is_some() {
            return Err(Errno::NOENT.into());
        }
        let opened = self.root.open_found(relative)?;
        match opened.kind {
            Kind::File => Ok((opened.file, opened.version)),
            _ => Err(Errno::NOENT.into()),
        }
    }

    /// The content of a small file.
    ///
    /// # Errors
    /// [`Failure::NotFound`], for large files too, and [`Failure::System`].
    pub(crate) fn read(&self, relative: &[u8]) -> Result<Bytes, Failure> {
        match self.load(relative)?.content {
            Content::Memory(content) => Ok(content),
            _ => Err(Failure::NotFound),
        }
    }

    /// Opens a directory, which proves that it lies inside the root.
    pub(crate) fn open_dir(&self, relative: &[u8]) -> Result<File, Failure> {
        self.not_of_scripts(relative)?;
        self.root.open_dir(relative).map_err(Failure::of)
    }

    /// The entries of a directory, as they were at `arrived` or later.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::TooManyFiles`], and those of opening the directory.
    pub(crate) fn table(
        &self,
        relative: &[u8],
        arrived: Instant,
        pass: &Pass<'_>,
    ) -> Result<Arc<DirTable>, Failure> {
        self.not_of_scripts(relative)?;
        self.tables.get(&self.root, relative, arrived, pass)
    }

    /// A file in the coding that suits the client best; `version` comes from [`Store::stat`].
    pub(crate) fn representation(
        &self,
        relative: &[u8],
        version: &FileVersion,
        accepted: &AcceptEncoding,
    ) -> Result<Arc<Representation>, Failure> {
        if let Some(ready) = self.ready(relative, version, accepted)? {
            return Ok(ready);
        }
        let metadata = self.metadata(relative);
        let wanted = coding::wanted(accepted);
        match self.compressed(relative, wanted, &metadata)? {
            Some(compressed) => Ok(compressed),
            None => self.identity(relative, metadata),
        }
    }

    /// Like [`Store::representation`]; `None` if the file has to be compressed first, which takes
    /// long.
    pub(crate) fn ready(
        &self,
        relative: &[u8],
        version: &FileVersion,
        accepted: &AcceptEncoding,
    ) -> Result<Option<Arc<Representation>>, Failure> {
        let cached = self.cache.get(relative, Coding::Identity, version);
        let cached = cached.flatten();
        let wanted = coding::wanted(accepted);
        let metadata = match &cached {
            Some(identity) if wanted == Coding::Identity || !identity.metadata().varies => {
                return Ok(cached);
            }
            Some(identity) => identity.metadata().clone(),
            None => self.metadata(relative),
        };
        if metadata.varies && wanted != Coding::Identity {
            if let Some(sidecar) = self.sidecar(relative, version, accepted, &metadata) {
                return Ok(Some(sidecar));
            }
            match self.cache.get(relative, wanted, version) {
                Some(Some(compressed)) => return Ok(Some(compressed)),
                // Compressing it was not worthwhile.
                Some(None) => {}
                None if !self.options.compress || version.length < WORTHWHILE => {}
                None if version.length <= IN_MEMORY => return Ok(None),
                // A large file is compressed while it is sent.
                None => {
                    let compressed = self.compressed(relative, wanted, &metadata)?;
                    if compressed.is_some() {
                        return Ok(compressed);
                    }
                }
            }
        }
        match cached {
            Some(identity) => Ok(Some(identity)),
            None => self.identity(relative, metadata).map(Some),
        }
    }

    /// Refuses directories of scripts.
    fn not_of_scripts(&self, directory: &[u8]) -> Result<(), Failure> {
        match self.scripts.hide_dir(directory) {
            true => Err(Failure::NotFound),
            false => Ok(()),
        }
    }

    fn load(&self, relative: &[u8]) -> Result<Loaded, Failure> {
        if self.scripts.of(relative).is_some() {
            return Err(Failure::NotFound);
        }
        self.loader.load(&self.root, relative)
    }

    /// The file without a coding.
    fn identity(
        &self,
        relative: &[u8],
        metadata: Metadata,
    ) -> Result<Arc<Representation>, Failure> {
        let loaded = self.load(relative)?;
        Ok(self.represent(relative, Coding::Identity, loaded, metadata))
    }

    /// The best sidecar of a file. A sidecar that can't be used is skipped: there is always the
    /// original.
    fn sidecar(
        &self,
        relative: &[u8],
        original: &FileVersion,
        accepted: &AcceptEncoding,
        metadata: &Metadata,
    ) -> Option<Arc<Representation>> {
        if !self.options.sidecars {
            return None;
        }
        // A directory that hasn't changed has no new names: one statx instead of three.
        let (_, dir) = self.root.stat_known(dir::parent(relative)).ok()?;
        if self.cache.has_no_sidecars(relative, &dir) {
            return None;
        }
        let path = |coding| [relative, coding::sidecar_extension(coding)].concat();
        let found = COMPRESSED.map(|coding| self.root.stat(&path(coding)).ok());
        if found.iter().all(Option::is_none) && dir.is_settled(SystemTime::now()) {
            self.cache.note_no_sidecars(relative, dir);
        }
        let version_of = |coding| {
            let at = COMPRESSED.iter().position(|known| *known == coding)?;
            match found[at] {
                Some((Kind::File, version)) if !version.is_older_than(original) => Some(version),
                _ => None,
            }
        };
        let mut available = CODINGS.map(|coding| match version_of(coding) {
            Some(_) => coding,
            None => Coding::Identity,
        });
        // A file that turns out not to be a stream in its coding gives way to the next best.
        loop {
            let coding = accepted.choose(&available)?;
            let version = version_of(coding)?;
            if let Some(Some(cached)) = self.cache.get(relative, coding, &version) {
                return Some(cached);
            }
            let loaded = self.load(&path(coding)).ok();
            let is_stream = |loaded: &Loaded| {
                let (mut first, length) = ([0; 4], loaded.version.length);
                coding::may_be_stream(loaded.first(&mut first), length, coding, original.length)
            };
            if let Some(loaded) = loaded.filter(is_stream) {
                return Some(self.represent(relative, coding, loaded, metadata.clone()));
            }
            let unfit = available.iter_mut().find(|known| **known == coding)?;
            *unfit = Coding::Identity;
        }
    }

    /// The representation of a loaded file. It is cached if the file is small and settled.
    fn represent(
        &self,
        relative: &[u8],
        coding: Coding,
        loaded: Loaded,
        metadata: Metadata,
    ) -> Arc<Representation> {
        let version = loaded.version;
        let keep = loaded.settled && matches!(loaded.content, Content::Memory(_));
        let may_be_memfd = keep && coding == Coding::Identity && self.cache.admits(version.length);
        let source: Box<dyn Source> = match loaded.content {
            Content::Memory(content) => {
                let memfd = may_be_memfd.then(|| Memfd::of(&content, &self.memfds));
                match memfd.flatten() {
                    Some(memfd) => Box::new(memfd),
                    None => Box::new(content),
                }
            }
            Content::File(file) => Box::new(file),
            Content::Unmeasured(file) => Box::new(Unmeasured::new(file)),
        };
        let made = Arc::new(Representation::new(source, coding, &version, metadata));
        if keep {
            let cached = Some(Arc::clone(&made));
            self.cache.insert(relative, coding, version, cached);
        }
        made
    }

    /// The file compressed by this server; `None` if that is not worthwhile.
    fn compressed(
        &self,
        relative: &[u8],
        coding: Coding,
        metadata: &Metadata,
    ) -> Result<Option<Arc<Representation>>, Failure> {
        let loaded = self.load(relative)?;
        let version = loaded.version;
        let made = |source: Box<dyn Source>| {
            let metadata = metadata.clone();
            Arc::new(Representation::new(source, coding, &version, metadata))
        };
        match loaded.content {
            Content::Memory(content) => {
                let Some(_permit) = self.budget.take(QUEUEING) else {
                    return Ok(None);
                };
                let length = content.len();
                let compressed = compress(content, coding).filter(|made| made.len() < length);
                let compressed = compressed.map(|content| made(Box::new(Bytes::from(content))));
                if loaded.settled {
                    let cached = compressed.clone();
                    self.cache.insert(relative, coding, version, cached);
                }
                Ok(compressed)
            }
            Content::File(file) => {
                let keep = loaded.settled && version.length <= KEPT_COMPRESSED;
                let mut weight = coding::weight(coding);
                if keep {
                    weight += self.cache.largest().min(version.length as usize);
                }
                let Some(permit) = self.budget.take(weight) else {
                    return Ok(None);
                };
                let key = CacheKey {
                    cache: Arc::clone(&self.cache),
                    path: relative.into(),
                    metadata: metadata.clone(),
                };
                let compression = Compression {
                    file,
                    coding,
                    _permit: permit,
                    key: keep.then_some(key),
                };
                Ok(Some(made(Box::new(Arc::new(compression)))))
            }
            Content::Unmeasured(_) => Ok(None),
        }
    }

    fn metadata(&self, relative: &[u8]) -> Metadata {
        let first = || self.first_bytes(relative).ok();
        let media_type = self.options.media_types.of(relative, first);
        let varies = !media_type.is_gzip
            && coding::is_compressible(&media_type.value)
            && (self.options.sidecars || self.options.compress);
        Metadata {
            content_type: media_type.value,
            varies,
            is_gzip: media_type.is_gzip,
            cache_control: self.options.cache_control.of(relative),
            resource_policy: self.options.resource_policy.clone(),
            disposition: None,
        }
    }

    /// Enough of a file to recognise its type.
    fn first_bytes(&self, relative: &[u8]) -> io::Result<Vec<u8>> {
        let (file, _) = self.open_file(relative)?;
        let mut first = Vec::with_capacity(SNIFFED);
        file.take(SNIFFED as u64).read_to_end(&mut first)?;
        Ok(first)
    }
}

/// Compressed bytes after which a compressor makes way.
const PIECE: u64 = 16 * 1024;

fn compress(content: Bytes, coding: Coding) -> Option<Vec<u8>> {
    let pass = GATE.pass();
    let mut compressed = Vec::new();
    let mut compressor = coding::compress(io::Cursor::new(content), coding);
    while (&mut compressor)
        .take(PIECE)
        .read_to_end(&mut compressed)
        .ok()?
        > 0
    {
        pass.make_way();
    }
    Some(compressed)
}
