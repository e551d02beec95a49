//! From the name of a file to its representation: from the cache if it is there, otherwise from the disk.
//!
//! In which coding is settled here too. A file that somebody has compressed beforehand (`app.js.br`, `.zst` or `.gz`
//! beside `app.js`, and not older) comes first. Other content of a compressible type is compressed when somebody first
//! wants it, and kept; what is too large to be kept is compressed while it is sent.

use super::cache::Cache;
use super::checksums::Checksums;
use super::coding::{self, CODINGS, COMPRESSED, WORTHWHILE};
use super::compression::{CacheKey, Compression};
use super::representation::{Content, Metadata, Representation};
use crate::body::Memfd;
use crate::body::OpenFile;
use crate::body::{FileVersion, Kind};
use crate::files::dir;
use crate::files::failure::Failure;
use crate::files::gate::GATE;
use crate::files::options::Options;
use crate::files::options::media_type::SNIFFED;
use crate::files::root::Root;
use crate::files::root::dir_table::DirTables;
use crate::files::root::shared_stat::SharedStat;
use crate::semaphore::Semaphore;
use bytes::Bytes;
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Instant, SystemTime};
use tinyhttp_message::negotiate::{AcceptEncoding, Coding};

/// Content up to this size is read into memory, and may be kept there. In bytes.
const IN_MEMORY: u64 = 256 * 1024;

/// The largest file of which a compressed form is kept, in bytes.
const KEPT_COMPRESSED: u64 = 16 * 1024 * 1024;

/// What compressing in memory takes of the budget, in bytes. It bounds how many requests queue at the gate, each with a thread.
const QUEUEING: usize = 512 * 1024;

/// How many [`Memfd`]s are kept: each takes a descriptor.
const MEMFDS: usize = 64;

/// How often a file is read again that changes while it is read.
const ATTEMPTS: u32 = 16;

/// The folder, and what is kept of it.
#[derive(Debug)]
pub(crate) struct Store {
    root: Root,
    shared_stat: SharedStat,
    cache: Arc<Cache>,
    checksums: Checksums,
    tables: DirTables,
    budget: Semaphore,
    memfds: Semaphore,
    open: Mutex<Shared>,
    options: Options,
}

/// The files that are being sent, by their paths.
#[derive(Debug, Default)]
struct Shared {
    files: HashMap<Box<[u8]>, Weak<OpenFile>>,
    /// How many paths there may be before those of closed files are removed.
    clear_at: usize,
}

/// Content that has been opened or read.
struct Loaded {
    content: Content,
    version: FileVersion,
    /// Whether another write would change the version, so that what is made of the content may be kept.
    settled: bool,
}

impl Loaded {
    /// Whether this may be content of that length in a coding.
    fn may_be(&self, coding: Coding, original: u64) -> bool {
        let mut first = [0; 4];
        let length = match &self.content {
            Content::Memory(bytes) => {
                let length = bytes.len().min(first.len());
                first[..length].copy_from_slice(&bytes[..length]);
                length
            }
            Content::File(file) => file.file().read_at(&mut first, 0).unwrap_or(0),
            _ => 0,
        };
        coding::may_be_stream(&first[..length], self.version.length, coding, original)
    }
}

impl Store {
    pub(crate) fn new(root: Root, options: Options) -> Self {
        let cache = Arc::new(Cache::new(options.cache_size));
        Store {
            root,
            shared_stat: SharedStat::default(),
            cache,
            checksums: Checksums::default(),
            tables: DirTables::default(),
            budget: Semaphore::new(options.working_memory),
            memfds: Semaphore::new(MEMFDS),
            open: Mutex::default(),
            options,
        }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// What pays for everything that is built for responses.
    pub(crate) fn budget(&self) -> &Semaphore {
        &self.budget
    }

    /// The directories that are being listed or archived.
    pub(crate) fn tables(&self) -> &DirTables {
        &self.tables
    }

    pub(crate) fn checksums(&self) -> &Checksums {
        &self.checksums
    }

    /// What there is under a name: a hint, until it is opened.
    pub(crate) fn stat(&self, relative: &[u8]) -> Result<(Kind, FileVersion), Failure> {
        self.root.stat(relative).map_err(Failure::of)
    }

    /// The same, for a request that had come by then.
    pub(crate) fn stat_for(
        &self,
        relative: &[u8],
        arrived: Instant,
    ) -> Result<(Kind, FileVersion), Failure> {
        let found = if self.cache.knows(relative) {
            self.shared_stat.stat(&self.root, relative, arrived)
        } else {
            self.root.stat(relative)
        };
        found.map_err(Failure::of)
    }

    /// Whether a name in a folder may be shown.
    pub(crate) fn shows(&self, folder: &[u8], name: &[u8]) -> bool {
        self.options.hidden || !name.starts_with(b".") || (folder == b"." && name == b".well-known")
    }

    /// Opens a file.
    pub(crate) fn open_file(&self, relative: &[u8]) -> io::Result<(File, FileVersion)> {
        let opened = self.root.open_found(relative)?;
        match opened.kind {
            Kind::File => Ok((opened.file, opened.version)),
            _ => Err(Errno::NOENT.into()),
        }
    }

    /// The content of a small file.
    pub(crate) fn read(&self, relative: &[u8]) -> Result<Bytes, Failure> {
        match self.load(relative)?.content {
            Content::Memory(content) => Ok(content),
            _ => Err(Failure::NotFound),
        }
    }

    /// Opens a folder, to be sure that it is inside.
    pub(crate) fn folder(&self, relative: &[u8]) -> Result<File, Failure> {
        match self.root.open_found(relative) {
            Ok(opened) if opened.kind == Kind::Dir => Ok(opened.file),
            Ok(_) => Err(Failure::NotFound),
            Err(errno) => Err(Failure::of(errno)),
        }
    }

    /// A file in the coding that suits the client best. The version is what [`Store::stat`] has just said.
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

    /// The same; `None` if it has to be compressed first, which takes its time.
    pub(crate) fn ready(
        &self,
        relative: &[u8],
        version: &FileVersion,
        accepted: &AcceptEncoding,
    ) -> Result<Option<Arc<Representation>>, Failure> {
        let kept = self
            .cache
            .get(relative, Coding::Identity, version)
            .flatten();
        let wanted = coding::wanted(accepted);
        let metadata = match &kept {
            Some(identity) if wanted == Coding::Identity || !identity.metadata().varies => {
                return Ok(kept);
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
                // It wasn't worth it.
                Some(None) => {}
                None if !self.options.compress || version.length < WORTHWHILE => {}
                None if version.length <= IN_MEMORY => return Ok(None),
                // It is compressed while it is sent.
                None => {
                    let compressed = self.compressed(relative, wanted, &metadata)?;
                    if compressed.is_some() {
                        return Ok(compressed);
                    }
                }
            }
        }
        match kept {
            Some(identity) => Ok(Some(identity)),
            None => self.identity(relative, metadata).map(Some),
        }
    }

    /// Whether a file of that name may be one that has to be compressed.
    pub(crate) fn may_compress(&self, relative: &[u8]) -> bool {
        self.options.compress && self.metadata(relative).varies
    }

    /// The file as it is.
    fn identity(
        &self,
        relative: &[u8],
        metadata: Metadata,
    ) -> Result<Arc<Representation>, Failure> {
        let mut loaded = self.load(relative)?;
        if let Content::Memory(content) = &loaded.content
            && loaded.settled
            && self.cache.admits(loaded.version.length)
            && let Some(memfd) = Memfd::of(content, &self.memfds)
        {
            loaded.content = Content::Memfd(Arc::new(memfd));
        }
        Ok(self.represent(relative, Coding::Identity, loaded, metadata))
    }

    /// What somebody has compressed beforehand. Whatever is wrong with it: there is always the original.
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
        // A name can't have come into a folder that hasn't changed: one look instead of three.
        let (_, folder) = self.root.stat_known(dir::of(relative)).ok()?;
        if self.cache.has_no_sidecars(relative, &folder) {
            return None;
        }
        let path = |coding| [relative, coding::sidecar_ending(coding)].concat();
        let found = COMPRESSED.map(|coding| self.root.stat(&path(coding)).ok());
        if found.iter().all(Option::is_none) && folder.is_settled(SystemTime::now()) {
            self.cache.note_no_sidecars(relative, folder);
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
        // What turns out to be no stream in its coding gives way to the next best.
        loop {
            let coding = accepted.choose(&available)?;
            let version = version_of(coding)?;
            if let Some(Some(kept)) = self.cache.get(relative, coding, &version) {
                return Some(kept);
            }
            let loaded = self.load(&path(coding)).ok();
            if let Some(loaded) = loaded.filter(|loaded| loaded.may_be(coding, original.length)) {
                return Some(self.represent(relative, coding, loaded, metadata.clone()));
            }
            let unfit = available.iter_mut().find(|known| **known == coding)?;
            *unfit = Coding::Identity;
        }
    }

    /// What was loaded, as a representation; kept, if it is small enough and old enough.
    fn represent(
        &self,
        relative: &[u8],
        coding: Coding,
        loaded: Loaded,
        metadata: Metadata,
    ) -> Arc<Representation> {
        let in_memory = matches!(loaded.content, Content::Memory(_) | Content::Memfd(_));
        let keep = loaded.settled && in_memory;
        let made = Arc::new(Representation::new(
            loaded.content,
            coding,
            &loaded.version,
            metadata,
        ));
        if keep {
            self.cache
                .keep(relative, coding, loaded.version, Some(Arc::clone(&made)));
        }
        made
    }

    /// The file compressed here; `None` if that is not worth it.
    fn compressed(
        &self,
        relative: &[u8],
        coding: Coding,
        metadata: &Metadata,
    ) -> Result<Option<Arc<Representation>>, Failure> {
        let loaded = self.load(relative)?;
        let version = loaded.version;
        let made = |content| {
            Arc::new(Representation::new(
                content,
                coding,
                &version,
                metadata.clone(),
            ))
        };
        match loaded.content {
            Content::Memory(content) => {
                let Some(_permit) = self.budget.take(QUEUEING) else {
                    return Ok(None);
                };
                let length = content.len();
                let compressed = compress(content, coding).filter(|made| made.len() < length);
                let compressed = compressed.map(|content| made(Content::Memory(content.into())));
                if loaded.settled {
                    self.cache
                        .keep(relative, coding, version, compressed.clone());
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
                Ok(Some(made(Content::Compressed(Arc::new(compression)))))
            }
            _ => Ok(None),
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
            cache_control: self.options.freshness.of(relative),
            resource_policy: self.options.resource_policy.clone(),
            disposition: None,
        }
    }

    /// Enough of a file to see what it is.
    fn first_bytes(&self, relative: &[u8]) -> io::Result<Vec<u8>> {
        let (file, _) = self.open_file(relative)?;
        let mut first = Vec::with_capacity(SNIFFED);
        file.take(SNIFFED as u64).read_to_end(&mut first)?;
        Ok(first)
    }

    /// The descriptor that other readers of the file in this state have, or else this one.
    fn share(&self, relative: &[u8], file: File, version: FileVersion) -> Arc<OpenFile> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = open.files.get(relative).and_then(Weak::upgrade);
        if let Some(shared) = shared.filter(|shared| *shared.version() == version) {
            return shared;
        }
        if open.files.len() >= open.clear_at {
            open.files.retain(|_, file| file.strong_count() > 0);
            open.clear_at = 2 * open.files.len() + 64;
        }
        let shared = Arc::new(OpenFile::new(file, version, SystemTime::now()));
        open.files.insert(relative.into(), Arc::downgrade(&shared));
        shared
    }

    /// Opens a file, and reads it if it is small. If it changes meanwhile, what was read is of no use.
    fn load(&self, relative: &[u8]) -> Result<Loaded, Failure> {
        let mut attempt = 1;
        loop {
            let started = SystemTime::now();
            let opened = self.root.open_found(relative).map_err(Failure::of)?;
            if opened.kind != Kind::File {
                return Err(Failure::NotFound);
            }
            let (file, version) = (opened.file, opened.version);
            let content = if version.length > IN_MEMORY {
                Content::File(self.share(relative, file, version))
            } else {
                match read(&file, version.length) {
                    Ok(Read::Exactly(bytes))
                        if FileVersion::of_open(&file).is_ok_and(|now| now == version) =>
                    {
                        Content::Memory(bytes)
                    }
                    Ok(Read::Other)
                        if FileVersion::of_open(&file)
                            .is_ok_and(|now| now.length == version.length) =>
                    {
                        Content::Unmeasured(Arc::new(file))
                    }
                    _ if attempt < ATTEMPTS => {
                        attempt += 1;
                        continue;
                    }
                    Ok(_) => Content::File(self.share(relative, file, version)),
                    Err(error) => {
                        return Err(Failure::of(
                            Errno::from_io_error(&error).unwrap_or(Errno::IO),
                        ));
                    }
                }
            };
            let settled = version.is_settled(started);
            return Ok(Loaded {
                content,
                version,
                settled,
            });
        }
    }
}

/// What reading a small file came to.
enum Read {
    /// As many bytes as its length says.
    Exactly(Bytes),
    /// More or fewer: it is changing, or the kernel makes its content while it is read, as in /proc and /sys.
    Other,
}

fn read(file: &File, length: u64) -> io::Result<Read> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    // An empty file is asked for a byte, to be sure.
    let mut content = vec![0; length.max(1)];
    let mut filled = 0;
    while filled < content.len() {
        match file.read_at(&mut content[filled..], filled as u64) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if filled != length {
        return Ok(Read::Other);
    }
    content.truncate(length);
    Ok(Read::Exactly(content.into()))
}

fn compress(content: Bytes, coding: Coding) -> Option<Vec<u8>> {
    let _pass = GATE.pass();
    let mut compressed = Vec::new();
    let mut compressor = coding::compress(io::Cursor::new(content), coding);
    compressor.read_to_end(&mut compressed).ok()?;
    Some(compressed)
}
