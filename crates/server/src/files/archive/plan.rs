//! The result of the first walk: everything that the head of the response says about an archive.

use super::format::Format;
use super::walk::{Digest, Walk};
use super::{tar, zip};
use crate::files::content::store::Store;
use crate::files::failure::Failure;
use crate::gate::GATE;
use crate::semaphore::Permit;
use std::fmt;
use std::sync::Arc;
use tinyhttp_message::date::HttpDate;

/// What an archive takes of the budget besides its tables, in bytes: a generous bound on buffers
/// and paths. It also bounds how many archives are made at a time, each of which may hold a thread
/// that waits for files.
const WEIGHT: usize = 512 * 1024;

/// How many nodes are visited before another job has its turn at the gate.
const TURN: u64 = 2048;

/// An archive that can be read from any position.
pub(super) struct Plan {
    pub(super) store: Arc<Store>,
    pub(super) format: Format,
    /// The directory's path below the root.
    directory: Vec<u8>,
    /// The name of the archive, and of the directory in it that holds everything.
    pub(super) name: Vec<u8>,
    pub(super) figures: Figures,
    _permit: Permit,
}

/// Totals of a walk, which every later walk must reach again.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    /// The number of files and directories.
    pub(super) count: u64,
    /// Where the last node ends, and a zip's directory or a tar's end begins.
    pub(super) directory: u64,
    /// The length of the archive in bytes.
    pub(super) length: u64,
    pub(super) digest: u64,
    /// The latest modification.
    pub(super) modified: HttpDate,
}

impl Plan {
    /// Walks through a directory for the first time.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::TooManyFiles`], and those of reading a directory.
    pub(super) fn make(
        store: &Arc<Store>,
        relative: &[u8],
        format: Format,
    ) -> Result<Self, Failure> {
        let permit = store.budget().take(WEIGHT).ok_or(Failure::Busy)?;
        let name = match relative.rsplit(|byte| *byte == b'/').next() {
            None | Some(b".") => b"files",
            Some(name) => name,
        };
        let figures = Figures::of(Walk::new(store, relative, name), format)?;
        Ok(Plan {
            store: Arc::clone(store),
            format,
            directory: relative.to_vec(),
            name: name.to_vec(),
            figures,
            _permit: permit,
        })
    }

    /// Another walk through the same directory.
    pub(super) fn walk(&self) -> Walk {
        Walk::new(&self.store, &self.directory, &self.name)
    }
}

impl Figures {
    /// Walks to the end.
    fn of(mut walk: Walk, format: Format) -> Result<Self, Failure> {
        let mut digest = Digest::default();
        let (mut position, mut directory_length, mut modified) = (0, 0, i64::MIN);
        let mut pass = GATE.admit().ok_or(Failure::Busy)?;
        while walk.next(&pass)? {
            let node = walk.node();
            digest.push(node);
            modified = modified.max(node.modified);
            directory_length += format.directory_length(node, position);
            position += format.node_length(node);
            if walk.count() % TURN == 0 {
                drop(pass);
                pass = GATE.admit().ok_or(Failure::Busy)?;
            }
        }
        drop(pass);
        let left_out = walk.left_out();
        if left_out.count > 0 {
            log::warn!(
                "can't read {} and {} others: left out of an archive",
                left_out.first.escape_ascii(),
                left_out.count - 1
            );
        }
        let end = match format {
            Format::Tar => tar::end().len(),
            Format::Zip => zip::end(walk.count(), position, position + directory_length).len(),
        };
        Ok(Figures {
            count: walk.count(),
            directory: position,
            length: position + directory_length + end as u64,
            digest: digest.finish(),
            modified: HttpDate::from_unix_seconds(modified),
        })
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plan = f.debug_struct("Plan");
        plan.field("format", &self.format)
            .field("figures", &self.figures);
        plan.finish_non_exhaustive()
    }
}
