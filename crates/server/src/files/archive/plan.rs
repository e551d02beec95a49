//! What the first walk finds out: everything about an archive that its head says.

use super::walk::{Digest, Node, Walk};
use super::{Format, tar, zip};
use crate::files::failure::Failure;
use crate::files::gate::GATE;
use tinyhttp_message::date::HttpDate;

/// How many nodes are visited before others have their turn at the gate.
const TURN: u64 = 2048;

/// An archive's figures, of which all others follow when a walk is repeated.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// How many files and directories there are.
    pub(super) count: u64,
    /// Where the last node's part ends: there a zip's directory begins, or a tar's end.
    pub(super) directory: u64,
    /// In bytes.
    pub(super) length: u64,
    pub(super) digest: u64,
    pub(super) modified: HttpDate,
}

impl Plan {
    /// Walks to the end.
    ///
    /// # Errors
    /// [`Failure::Busy`], [`Failure::TooManyFiles`], and whatever keeps a directory from being read.
    pub(super) fn make(mut walk: Walk, format: Format) -> Result<Self, Failure> {
        let mut digest = Digest::default();
        let (mut position, mut directory_length, mut modified) = (0, 0, i64::MIN);
        let mut pass = GATE.admit().ok_or(Failure::Busy)?;
        while walk.next(&pass)? {
            let node = walk.node();
            digest.push(node);
            modified = modified.max(node.modified);
            directory_length += format.directory_length(node, position);
            position += format.node_length(node);
            if walk.count().is_multiple_of(TURN) {
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
        Ok(Plan {
            count: walk.count(),
            directory: position,
            length: position + directory_length + end as u64,
            digest: digest.finish(),
            modified: HttpDate::from_unix_seconds(modified),
        })
    }
}

impl Format {
    /// How many bytes a node takes: header, content and what follows.
    pub(super) fn node_length(self, node: &Node) -> u64 {
        self.header_length(node) + node.length + self.trailer_length(node)
    }

    pub(super) fn header_length(self, node: &Node) -> u64 {
        match self {
            Format::Tar => tar::header_length(node),
            Format::Zip => zip::header_length(node),
        }
    }

    pub(super) fn trailer_length(self, node: &Node) -> u64 {
        match self {
            Format::Tar => tar::padding(node).len() as u64,
            Format::Zip => zip::trailer_length(node),
        }
    }

    /// How many bytes a node whose header lies at `at` takes in a zip's directory.
    pub(super) fn directory_length(self, node: &Node, at: u64) -> u64 {
        match self {
            Format::Tar => 0,
            Format::Zip => zip::directory_length(node, at),
        }
    }
}
