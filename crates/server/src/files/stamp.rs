//! What tells one state of a file from the next: the source of its validators.

use http::HeaderValue;
use rustix::fs::{FileType, Statx, StatxFlags};
use tinyhttp_message::date::HttpDate;

/// What has to be asked of the kernel for a [`Stamp`].
pub(crate) const MASK: StatxFlags = StatxFlags::TYPE
    .union(StatxFlags::INO)
    .union(StatxFlags::SIZE)
    .union(StatxFlags::MTIME)
    .union(StatxFlags::CTIME);

/// One state of one file. Two stamps are equal as long as nobody has written to the file, replaced it or renamed it.
///
/// Linux stamps times with its clock tick, 1 to 4 ms; from version 6.13 on it does so more finely once somebody has looked,
/// which closes the gap in which two writes of equal length couldn't be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: (u32, u32),
    inode: u64,
    /// In bytes.
    pub(crate) length: u64,
    modified: Time,
    changed: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Time {
    seconds: i64,
    nanoseconds: u32,
}

/// What a name stands for, as far as a web server cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Folder,
    /// A pipe, a socket, a device: nothing that could be sent.
    Other,
}

impl Kind {
    pub(crate) fn of(stat: &Statx) -> Self {
        match FileType::from_raw_mode(stat.stx_mode.into()) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            _ => Kind::Other,
        }
    }
}

impl Stamp {
    pub(crate) fn of(stat: &Statx) -> Self {
        Stamp {
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

    /// When the content was last written, to the second.
    pub(crate) fn modified(&self) -> HttpDate {
        HttpDate::from_unix_seconds(self.modified.seconds)
    }

    /// The strong entity tag of the content in a coding; `suffix` names the coding, and is empty for the content as it is.
    ///
    /// It is made of the length, the times of the last write (mtime) and the last change (ctime), and the inode, all in
    /// hexadecimal. Length and mtime alone would not do: tools that build or unpack things set every mtime to the same value, so
    /// that a file is replaced by another of the same length and mtime. The ctime can't be set; and files that replace one
    /// another within a tick of the clock are still different inodes. The price is that two machines with the same files have
    /// different tags, which costs a cache a transfer, never correctness.
    pub(crate) fn entity_tag(&self, suffix: &str) -> HeaderValue {
        let tag = format!(
            "\"{:x}-{:x}-{:x}-{:x}{suffix}\"",
            self.length,
            self.modified.nanoseconds_since_epoch(),
            self.changed.nanoseconds_since_epoch(),
            self.inode,
        );
        // Hexadecimal digits and a suffix of our own: nothing that a field value couldn't hold. An empty tag is a valid one.
        HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
    }
}

impl Time {
    /// Wraps around for times centuries from now, which only costs them uniqueness.
    fn nanoseconds_since_epoch(self) -> u64 {
        self.seconds
            .wrapping_mul(1_000_000_000)
            .wrapping_add(self.nanoseconds.into()) as u64
    }
}
