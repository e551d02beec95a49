//! What distinguishes one version of a file from the next: the source of its validators.

use http::HeaderValue;
use rustix::fs::{AtFlags, FileType, Statx, StatxFlags};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tinyhttp_message::date::HttpDate;

/// The fields of `statx` that a [`FileVersion`] is made of.
pub(crate) const MASK: StatxFlags = StatxFlags::TYPE
    .union(StatxFlags::INO)
    .union(StatxFlags::SIZE)
    .union(StatxFlags::MTIME)
    .union(StatxFlags::CTIME);

/// One version of one file. It changes when the file is written, replaced or renamed.
///
/// Linux stamps times with the resolution of its clock tick, 1 to 4 ms. From 6.13 on the resolution
/// is finer once a time has been read, which closes the gap in which two writes of equal length
/// couldn't be distinguished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FileVersion {
    device: (u32, u32),
    inode: u64,
    /// The length in bytes.
    pub(crate) length: u64,
    modified: Time,
    changed: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Time {
    seconds: i64,
    nanoseconds: u32,
}

/// The kind of a directory entry, as far as a web server distinguishes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A pipe, a socket or a device, which can't be served.
    Other,
}

impl Kind {
    pub(crate) fn of(stat: &Statx) -> Self {
        match FileType::from_raw_mode(stat.stx_mode.into()) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Dir,
            _ => Kind::Other,
        }
    }
}

impl FileVersion {
    /// The current version of an open file.
    pub(crate) fn of_open(file: &File) -> io::Result<Self> {
        let stat = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, MASK)?;
        Ok(FileVersion::of(&stat))
    }

    pub(crate) fn of(stat: &Statx) -> Self {
        FileVersion {
            device: (stat.stx_dev_major, stat.stx_dev_minor),
            inode: stat.stx_ino,
            length: stat.stx_size,
            modified: Time {
                seconds: stat.stx_mtime.tv_sec,
                nanoseconds: stat.stx_mtime.tv_nsec,
            },
            changed: Time {
                seconds: stat.stx_ctime.tv_sec,
                nanoseconds: stat.stx_ctime.tv_nsec,
            },
        }
    }

    /// Fails if the file may no longer begin with the content of this version: it was shortened, or
    /// written without becoming longer. A file that has grown, as a log does, still begins with its
    /// earlier content. Renaming or removing the file does not affect an open descriptor.
    pub(crate) fn confirm(&self, file: &File) -> io::Result<()> {
        let now = FileVersion::of_open(file)?;
        if now.length > self.length || (now.length, now.modified) == (self.length, self.modified) {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file was changed while it was sent",
            ))
        }
    }

    /// Whether the last write is long enough ago that another write would make another version.
    /// Before that, nothing made from the content may be kept. It takes longer on file systems that
    /// store whole seconds.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        let whole_seconds = self.changed.nanoseconds == 0 && self.modified.nanoseconds == 0;
        let tick = Duration::from_millis(if whole_seconds { 2000 } else { 20 });
        let changed = u64::try_from(self.changed.seconds).map_or(UNIX_EPOCH, |seconds| {
            UNIX_EPOCH + Duration::new(seconds, self.changed.nanoseconds)
        });
        now.duration_since(changed).is_ok_and(|age| age > tick)
    }

    /// Whether the last write was at `moment` or later; `None` is before all moments.
    pub(crate) fn is_modified_since(&self, moment: Option<SystemTime>) -> bool {
        moment.is_none_or(|moment| HttpDate::from(moment) <= self.modified())
    }

    /// Whether both are versions of the same file.
    pub(crate) fn is_of_same_file(&self, other: &FileVersion) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// A hash of the version, for tables of many files.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// Whether the last write was before that of `other`.
    pub(crate) fn is_older_than(&self, other: &FileVersion) -> bool {
        self.modified < other.modified
    }

    /// The time of the last write, in whole seconds.
    pub(crate) fn modified(&self) -> HttpDate {
        HttpDate::from_unix_seconds(self.modified.seconds)
    }

    /// The time of the last write in seconds since 1970, which HTTP dates may not cover.
    pub(crate) fn modified_seconds(&self) -> i64 {
        self.modified.seconds
    }

    /// The strong entity tag of the content in a coding; `suffix` names the coding, and is empty
    /// for the identity coding.
    ///
    /// The tag consists of the length, the times of the last write (mtime) and the last change
    /// (ctime), and the inode, all in hexadecimal. Length and mtime alone would not suffice: build
    /// tools and archivers set every mtime to the same value, so that a file may replace another of
    /// the same length and mtime. The ctime can't be set, and files that replace one another within
    /// a clock tick are still different inodes. The price is that two machines with the same files
    /// have different tags, which costs a cache a transfer, never correctness.
    pub(crate) fn entity_tag(&self, suffix: &str) -> HeaderValue {
        let tag = format!(
            "\"{:x}-{:x}-{:x}-{:x}{suffix}\"",
            self.length,
            self.modified.nanoseconds_since_epoch(),
            self.changed.nanoseconds_since_epoch(),
            self.inode,
        );
        // Hexadecimal digits and our own suffixes are always a field value; an empty tag is valid.
        HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
    }
}

impl Time {
    /// Wraps around for times centuries from now, which then may not be unique.
    fn nanoseconds_since_epoch(self) -> u64 {
        self.seconds
            .wrapping_mul(1_000_000_000)
            .wrapping_add(self.nanoseconds.into()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(nanoseconds: u32) -> FileVersion {
        let time = Time {
            seconds: 1_000,
            nanoseconds,
        };
        FileVersion {
            device: (0, 1),
            inode: 1,
            length: 10,
            modified: time,
            changed: time,
        }
    }

    #[test]
    fn a_version_is_settled_after_a_clock_tick() {
        let at = |milliseconds| UNIX_EPOCH + Duration::from_millis(milliseconds);
        assert!(!version(5_000_000).is_settled(at(1_000_010)));
        assert!(version(5_000_000).is_settled(at(1_000_030)));
        assert!(
            !version(0).is_settled(at(1_001_000)),
            "the file system may store whole seconds"
        );
        assert!(version(0).is_settled(at(1_002_001)));
        assert!(!version(5_000_000).is_settled(at(0)), "in the future");
    }

    #[test]
    fn tags_of_different_lengths_times_and_codings_differ() {
        let mut tags: Vec<_> = [
            version(1),
            version(2),
            FileVersion {
                length: 11,
                ..version(1)
            },
            FileVersion {
                inode: 2,
                ..version(1)
            },
        ]
        .iter()
        .flat_map(|version| [version.entity_tag(""), version.entity_tag("-br")])
        .map(|tag| tag.to_str().unwrap().to_owned())
        .collect();
        assert_eq!(tags[0], "\"a-e8d4a51001-e8d4a51001-1\"");
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), 8);
    }
}
