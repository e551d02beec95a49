//! From a path to an open or loaded file: small files are read, larger ones share a descriptor.

use crate::body::{FileVersion, Kind, OpenFile};
use crate::files::failure::Failure;
use crate::files::root::Root;
use crate::lock::Lock;
use bytes::Bytes;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

/// The largest content that is read into memory and may be kept there, in bytes.
pub(super) const IN_MEMORY: u64 = 256 * 1024;

/// How often a file that changes while it is read is read again.
const ATTEMPTS: u32 = 16;

/// Opens files, and shares the descriptors of those that are being sent.
#[derive(Debug, Default)]
pub(super) struct Loader {
    open: Lock<OpenFiles>,
}

/// The files that are being sent, by path.
#[derive(Debug, Default)]
struct OpenFiles {
    files: HashMap<Box<[u8]>, Weak<OpenFile>>,
    /// The number of paths at which those of closed files are removed.
    clear_at: usize,
}

/// A file that has been opened or read.
pub(super) struct Loaded {
    pub(super) content: Content,
    pub(super) version: FileVersion,
    /// Whether another write would change the version, so that what is made of the content may be
    /// kept.
    pub(super) settled: bool,
}

/// What loading a file yields.
pub(super) enum Content {
    Memory(Bytes),
    File(Arc<OpenFile>),
    /// A file of the kernel's whose length says nothing.
    Unmeasured(File),
}

impl Loaded {
    /// The first bytes of the content: as many as `into` has room for, if there are that many.
    pub(super) fn first<'b>(&self, into: &'b mut [u8]) -> &'b [u8] {
        let length = match &self.content {
            Content::Memory(bytes) => {
                let length = bytes.len().min(into.len());
                into[..length].copy_from_slice(&bytes[..length]);
                length
            }
            Content::File(file) => file.file().read_at(into, 0).unwrap_or(0),
            Content::Unmeasured(_) => 0,
        };
        &into[..length]
    }
}

impl Loader {
    /// Opens a file, and reads it if it is small. A file that changes meanwhile is read again.
    ///
    /// # Errors
    /// [`Failure::NotFound`] for anything but a file, and [`Failure::System`].
    pub(super) fn load(&self, root: &Root, relative: &[u8]) -> Result<Loaded, Failure> {
        let mut attempt = 1;
        loop {
            let started = SystemTime::now();
            let opened = root.open_found(relative).map_err(Failure::of)?;
            if opened.kind != Kind::File {
                return Err(Failure::NotFound);
            }
            let (file, version) = (opened.file, opened.version);
            let content = if version.length > IN_MEMORY {
                Content::File(self.share(relative, file, version))
            } else {
                match read_small(file, &version)? {
                    Small::Read(content) => content,
                    Small::Changing(_) if attempt < ATTEMPTS => {
                        attempt += 1;
                        continue;
                    }
                    Small::Changing(file) => Content::File(self.share(relative, file, version)),
                }
            };
            return Ok(Loaded {
                content,
                version,
                settled: version.is_settled(started),
            });
        }
    }

    /// The descriptor that the other readers of this version have; `file` becomes it if there is
    /// none.
    fn share(&self, relative: &[u8], file: File, version: FileVersion) -> Arc<OpenFile> {
        let mut open = self.open.lock();
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
}

/// The result of reading a small file.
enum Small {
    Read(Content),
    /// The content does not belong to the version, because the file is being written.
    Changing(File),
}

/// Reads a small file of which `version` has just been seen.
fn read_small(file: File, version: &FileVersion) -> Result<Small, Failure> {
    let read = read(&file, version.length);
    let Ok(now) = FileVersion::of_open(&file) else {
        return Ok(Small::Changing(file));
    };
    match read {
        Ok(Some(bytes)) if now == *version => Ok(Small::Read(Content::Memory(bytes))),
        Ok(None) if now.length == version.length => Ok(Small::Read(Content::Unmeasured(file))),
        Ok(_) => Ok(Small::Changing(file)),
        Err(error) => Err(Failure::of_error(&error)),
    }
}

/// Reads a file of `length` bytes. `None` if it has more or fewer: it is being written, or the
/// kernel makes up its content, as in /proc and /sys.
fn read(file: &File, length: u64) -> io::Result<Option<Bytes>> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    // One byte is read of a file that is said to be empty.
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
        return Ok(None);
    }
    content.truncate(length);
    Ok(Some(content.into()))
}
