//! From the name of a file to its representation: from the cache if it is there, otherwise from the disk.
//!
//! In which coding is settled here too. A file that somebody has compressed beforehand (`app.js.br`, `.zst` or `.gz`
//! beside `app.js`, and not older) comes first. Other content of a compressible type is compressed when somebody first
//! wants it, and kept; what is too large to be kept is compressed while it is sent.

use super::budget::Budget;
use super::cache::Cache;
use super::checksums::Checksums;
use super::coding::{self, CODINGS, COMPRESSED, WORTHWHILE};
use super::compression::{Compression, Shelf};
use super::dir_table::DirTables;
use super::failure::Failure;
use super::folder;
use super::gate::GATE;
use super::glance::Glance;
use super::media_type::SNIFFED;
use super::options::Options;
use super::representation::{About, Content, Representation};
use super::resolve::Root;
use super::slots::Slots;
use super::snapshot::Snapshot;
use super::stamp::{Kind, Stamp};
use crate::open_file::OpenFile;
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

/// How many [`Snapshot`]s are kept: each takes a descriptor.
const SNAPSHOTS: usize = 64;

/// How often a file is read again that changes while it is read.
const ATTEMPTS: u32 = 16;

/// The folder, and what is kept of it.
#[derive(Debug)]
pub(crate) struct Store {
    root: Root,
    glance: Glance,
    cache: Arc<Cache>,
    checksums: Checksums,
    tables: DirTables,
    budget: Budget,
    snapshots: Slots,
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
    stamp: Stamp,
    /// Whether another write would change the stamp, so that what is made of the content may be kept.
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
        coding::may_be_stream(&first[..length], self.stamp.length, coding, original)
    }
}

impl Store {
    pub(crate) fn new(root: Root, options: Options) -> Self {
        let cache = Arc::new(Cache::new(options.cache_size));
        Store {
            root,
            glance: Glance::default(),
            cache,
            checksums: Checksums::default(),
            tables: DirTables::default(),
            budget: Budget::new(options.working_memory),
            snapshots: Slots::new(SNAPSHOTS),
            open: Mutex::default(),
            options,
        }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// What pays for everything that is built for responses.
    pub(crate) fn budget(&self) -> &Budget {
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
    pub(crate) fn stat(&self, relative: &[u8]) -> Result<(Kind, Stamp), Failure> {
        self.root.stat(relative).map_err(Failure::of)
    }

    /// The same, for a request that had come by then.
    pub(crate) fn stat_for(
        &self,
        relative: &[u8],
        arrived: Instant,
    ) -> Result<(Kind, Stamp), Failure> {
        let found = if self.cache.knows(relative) {
            self.glance.stat(&self.root, relative, arrived)
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
    pub(crate) fn open_file(&self, relative: &[u8]) -> io::Result<(File, Stamp)> {
        let opened = self.root.open_found(relative)?;
        match opened.kind {
            Kind::File => Ok((opened.file, opened.stamp)),
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
            Ok(opened) if opened.kind == Kind::Folder => Ok(opened.file),
            Ok(_) => Err(Failure::NotFound),
            Err(errno) => Err(Failure::of(errno)),
        }
    }

    /// A file in the coding that suits the client best. The stamp is what [`Store::stat`] has just said.
    pub(crate) fn representation(
        &self,
        relative: &[u8],
        stamp: &Stamp,
        accepted: &AcceptEncoding,
    ) -> Result<Arc<Representation>, Failure> {
        if let Some(ready) = self.ready(relative, stamp, accepted)? {
            return Ok(ready);
        }
        let about = self.about(relative);
        let wanted = coding::wanted(accepted);
        match self.compressed(relative, wanted, &about)? {
            Some(compressed) => Ok(compressed),
            None => self.identity(relative, about),
        }
    }

    /// The same; `None` if it has to be compressed first, which takes its time.
    pub(crate) fn ready(
        &self,
        relative: &[u8],
        stamp: &Stamp,
        accepted: &AcceptEncoding,
    ) -> Result<Option<Arc<Representation>>, Failure> {
        let kept = self.cache.get(relative, Coding::Identity, stamp).flatten();
        let wanted = coding::wanted(accepted);
        let about = match &kept {
            Some(identity) if wanted == Coding::Identity || !identity.about().varies => {
                return Ok(kept);
            }
            Some(identity) => identity.about().clone(),
            None => self.about(relative),
        };
        if about.varies && wanted != Coding::Identity {
            if let Some(sidecar) = self.sidecar(relative, stamp, accepted, &about) {
                return Ok(Some(sidecar));
            }
            match self.cache.get(relative, wanted, stamp) {
                Some(Some(compressed)) => return Ok(Some(compressed)),
                // It wasn't worth it.
                Some(None) => {}
                None if !self.options.compress || stamp.length < WORTHWHILE => {}
                None if stamp.length <= IN_MEMORY => return Ok(None),
                // It is compressed while it is sent.
                None => {
                    let compressed = self.compressed(relative, wanted, &about)?;
                    if compressed.is_some() {
                        return Ok(compressed);
                    }
                }
            }
        }
        match kept {
            Some(identity) => Ok(Some(identity)),
            None => self.identity(relative, about).map(Some),
        }
    }

    /// Whether a file of that name may be one that has to be compressed.
    pub(crate) fn may_compress(&self, relative: &[u8]) -> bool {
        self.options.compress && self.about(relative).varies
    }

    /// The file as it is.
    fn identity(&self, relative: &[u8], about: About) -> Result<Arc<Representation>, Failure> {
        let mut loaded = self.load(relative)?;
        if let Content::Memory(content) = &loaded.content
            && loaded.settled
            && self.cache.admits(loaded.stamp.length)
            && let Some(snapshot) = Snapshot::of(content, &self.snapshots)
        {
            loaded.content = Content::Snapshot(Arc::new(snapshot));
        }
        Ok(self.represent(relative, Coding::Identity, loaded, about))
    }

    /// What somebody has compressed beforehand. Whatever is wrong with it: there is always the original.
    fn sidecar(
        &self,
        relative: &[u8],
        original: &Stamp,
        accepted: &AcceptEncoding,
        about: &About,
    ) -> Option<Arc<Representation>> {
        if !self.options.sidecars {
            return None;
        }
        // A name can't have come into a folder that hasn't changed: one look instead of three.
        let (_, folder) = self.root.stat_known(folder::of(relative)).ok()?;
        if self.cache.has_no_sidecars(relative, &folder) {
            return None;
        }
        let path = |coding| [relative, coding::sidecar_ending(coding)].concat();
        let found = COMPRESSED.map(|coding| self.root.stat(&path(coding)).ok());
        if found.iter().all(Option::is_none) && folder.is_settled(SystemTime::now()) {
            self.cache.note_no_sidecars(relative, folder);
        }
        let stamp_of = |coding| {
            let at = COMPRESSED.iter().position(|known| *known == coding)?;
            match found[at] {
                Some((Kind::File, stamp)) if !stamp.is_older_than(original) => Some(stamp),
                _ => None,
            }
        };
        let mut available = CODINGS.map(|coding| match stamp_of(coding) {
            Some(_) => coding,
            None => Coding::Identity,
        });
        // What turns out to be no stream in its coding gives way to the next best.
        loop {
            let coding = accepted.choose(&available)?;
            let stamp = stamp_of(coding)?;
            if let Some(Some(kept)) = self.cache.get(relative, coding, &stamp) {
                return Some(kept);
            }
            let loaded = self.load(&path(coding)).ok();
            if let Some(loaded) = loaded.filter(|loaded| loaded.may_be(coding, original.length)) {
                return Some(self.represent(relative, coding, loaded, about.clone()));
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
        about: About,
    ) -> Arc<Representation> {
        let in_memory = matches!(loaded.content, Content::Memory(_) | Content::Snapshot(_));
        let keep = loaded.settled && in_memory;
        let made = Arc::new(Representation::new(
            loaded.content,
            coding,
            &loaded.stamp,
            about,
        ));
        if keep {
            self.cache
                .keep(relative, coding, loaded.stamp, Some(Arc::clone(&made)));
        }
        made
    }

    /// The file compressed here; `None` if that is not worth it.
    fn compressed(
        &self,
        relative: &[u8],
        coding: Coding,
        about: &About,
    ) -> Result<Option<Arc<Representation>>, Failure> {
        let loaded = self.load(relative)?;
        let stamp = loaded.stamp;
        let made = |content| Arc::new(Representation::new(content, coding, &stamp, about.clone()));
        match loaded.content {
            Content::Memory(content) => {
                let Some(_permit) = self.budget.take(QUEUEING) else {
                    return Ok(None);
                };
                let length = content.len();
                let compressed = compress(content, coding).filter(|made| made.len() < length);
                let compressed = compressed.map(|content| made(Content::Memory(content.into())));
                if loaded.settled {
                    self.cache.keep(relative, coding, stamp, compressed.clone());
                }
                Ok(compressed)
            }
            Content::File(file) => {
                let keep = loaded.settled && stamp.length <= KEPT_COMPRESSED;
                let mut weight = coding::weight(coding);
                if keep {
                    weight += self.cache.largest().min(stamp.length as usize);
                }
                let Some(permit) = self.budget.take(weight) else {
                    return Ok(None);
                };
                let shelf = Shelf {
                    cache: Arc::clone(&self.cache),
                    path: relative.into(),
                    about: about.clone(),
                };
                let compression = Compression {
                    file,
                    coding,
                    _permit: permit,
                    shelf: keep.then_some(shelf),
                };
                Ok(Some(made(Content::Compressed(Arc::new(compression)))))
            }
            _ => Ok(None),
        }
    }

    fn about(&self, relative: &[u8]) -> About {
        let first = || self.first_bytes(relative).ok();
        let media_type = self.options.media_types.of(relative, first);
        let varies = !media_type.is_gzip
            && coding::is_compressible(&media_type.value)
            && (self.options.sidecars || self.options.compress);
        About {
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
    fn share(&self, relative: &[u8], file: File, stamp: Stamp) -> Arc<OpenFile> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = open.files.get(relative).and_then(Weak::upgrade);
        if let Some(shared) = shared.filter(|shared| *shared.stamp() == stamp) {
            return shared;
        }
        if open.files.len() >= open.clear_at {
            open.files.retain(|_, file| file.strong_count() > 0);
            open.clear_at = 2 * open.files.len() + 64;
        }
        let shared = Arc::new(OpenFile::new(file, stamp, SystemTime::now()));
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
            let (file, stamp) = (opened.file, opened.stamp);
            let content = if stamp.length > IN_MEMORY {
                Content::File(self.share(relative, file, stamp))
            } else {
                match read(&file, stamp.length) {
                    Ok(Read::Exactly(bytes))
                        if Stamp::of_open(&file).is_ok_and(|now| now == stamp) =>
                    {
                        Content::Memory(bytes)
                    }
                    Ok(Read::Other)
                        if Stamp::of_open(&file).is_ok_and(|now| now.length == stamp.length) =>
                    {
                        Content::Unmeasured(Arc::new(file))
                    }
                    _ if attempt < ATTEMPTS => {
                        attempt += 1;
                        continue;
                    }
                    Ok(_) => Content::File(self.share(relative, file, stamp)),
                    Err(error) => {
                        return Err(Failure::of(
                            Errno::from_io_error(&error).unwrap_or(Errno::IO),
                        ));
                    }
                }
            };
            let settled = stamp.is_settled(started);
            return Ok(Loaded {
                content,
                stamp,
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
