//! The archive formats, and how many bytes each part takes.

use super::walk::Node;
use super::{tar, zip};
use crate::files::query::Query;

/// An archive format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Tar,
    Zip,
}

impl Format {
    /// The format that `?download=` requests.
    pub(crate) fn of(query: &Query) -> Option<Self> {
        match query.value("download")?.as_str() {
            "tar" => Some(Format::Tar),
            "zip" => Some(Format::Zip),
            _ => None,
        }
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Format::Tar => ".tar",
            Format::Zip => ".zip",
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Format::Tar => "application/x-tar",
            Format::Zip => "application/zip",
        }
    }

    /// The length of a node in bytes: header, content and trailer.
    pub(super) fn node_length(self, node: &Node) -> u64 {
        self.header_length(node) + node.length + self.trailer_length(node)
    }

    fn header_length(self, node: &Node) -> u64 {
        match self {
            Format::Tar => tar::header_length(node),
            Format::Zip => zip::header_length(node),
        }
    }

    fn trailer_length(self, node: &Node) -> u64 {
        match self {
            Format::Tar => tar::padding(node).len() as u64,
            Format::Zip => zip::trailer_length(node),
        }
    }

    /// The length in a zip's directory of a node whose header lies at `at`.
    pub(super) fn directory_length(self, node: &Node, at: u64) -> u64 {
        match self {
            Format::Tar => 0,
            Format::Zip => zip::directory_length(node, at),
        }
    }
}
