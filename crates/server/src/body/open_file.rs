//! One descriptor for all responses that send the same version of a file. Open files are counted.

use super::version::FileVersion;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// The number of open files in all servers of the process, which share its descriptors.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// A file whose last write is not longer ago than this may be growing, as a log does.
const RECENT: Duration = Duration::from_secs(60 * 60);

/// How much of each end of the content a [`Sample`] covers, in bytes.
const SAMPLED: u64 = 4096;

/// A version of a file, open for reading.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: Arc<File>,
    version: FileVersion,
    /// `None` if the file was written too long ago to be growing.
    sample: Option<Sample>,
}

/// A hash of both ends of the content, which tells later whether the file was appended to or
/// rewritten.
#[derive(Debug)]
struct Sample {
    hasher: RandomState,
    hash: u64,
}

impl OpenFile {
    pub(crate) fn new(file: File, version: FileVersion, now: SystemTime) -> Self {
        OPEN.fetch_add(1, Ordering::Relaxed);
        let may_grow = version.is_modified_since(now.checked_sub(RECENT));
        OpenFile {
            sample: may_grow.then(|| Sample::of(&file, version.length)),
            file: Arc::new(file),
            version,
        }
    }

    /// The number of descriptors in use.
    pub(crate) fn count() -> usize {
        OPEN.load(Ordering::Relaxed)
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(crate) fn version(&self) -> &FileVersion {
        &self.version
    }

    /// Fails if what was sent may be a mixture of two versions: the file was written meanwhile,
    /// other than at its end.
    pub(crate) fn confirm(&self) -> io::Result<()> {
        self.version.confirm(&self.file)?;
        let now = FileVersion::of_open(&self.file)?;
        let has_grown = now.length > self.version.length;
        let is_same = || {
            let sample = self.sample.as_ref();
            sample.is_some_and(|sample| {
                sample.hash == sample.hash_of(&self.file, self.version.length)
            })
        };
        if has_grown && !is_same() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file was rewritten while it was sent",
            ));
        }
        Ok(())
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Sample {
    fn of(file: &File, length: u64) -> Self {
        let mut sample = Sample {
            hasher: RandomState::new(),
            hash: 0,
        };
        sample.hash = sample.hash_of(file, length);
        sample
    }

    /// The hash of the sampled bytes; of none, if they can't be read.
    fn hash_of(&self, file: &File, length: u64) -> u64 {
        let mut ends = vec![0; 2 * SAMPLED.min(length) as usize];
        let (first, last) = ends.split_at_mut(SAMPLED.min(length) as usize);
        let read = file.read_exact_at(first, 0);
        let read = read.and_then(|()| file.read_exact_at(last, length - last.len() as u64));
        if read.is_err() {
            ends.clear();
        }
        self.hasher.hash_one(&ends)
    }
}
