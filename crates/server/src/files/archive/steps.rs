//! The order of an archive's parts, and where each of them lies.

use super::tree::Node;
use super::{Archive, Format, tar, zip};
use std::io;

/// A part of an archive, and how many bytes it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) part: Part,
    pub(super) length: u64,
}

/// The parts; the numbers are those of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Header(usize),
    Content(usize),
    /// Padding in a tar, the checksum in a zip.
    Trailer(usize),
    /// The node in a zip's directory, and where its header lies.
    Directory(usize, u64),
    /// The end, and where a zip's directory lies.
    End(u64),
}

/// Goes through the parts of an archive, from the first to the last.
#[derive(Debug, Default)]
pub(super) struct Steps {
    last: Option<Step>,
    /// Where the last part ends.
    position: u64,
    directory: u64,
}

impl Steps {
    /// The next part; `None` after the end.
    pub(super) fn next(&mut self, archive: &Archive) -> Option<Step> {
        let count = archive.nodes.len();
        let part = match self.last.map(|step| step.part) {
            None => Part::Header(0),
            Some(Part::Header(node)) => Part::Content(node),
            Some(Part::Content(node)) => Part::Trailer(node),
            Some(Part::Trailer(node)) if node + 1 < count => Part::Header(node + 1),
            Some(Part::Trailer(_)) => {
                self.directory = self.position;
                match archive.format {
                    Format::Tar => Part::End(self.directory),
                    Format::Zip => Part::Directory(0, 0),
                }
            }
            Some(Part::Directory(node, _)) if node + 1 == count => Part::End(self.directory),
            Some(Part::Directory(node, header)) => {
                let parts = [Part::Header(node), Part::Content(node), Part::Trailer(node)];
                let lengths = parts.map(|part| archive.part_length(part, 0));
                Part::Directory(node + 1, header + lengths.iter().sum::<u64>())
            }
            Some(Part::End(_)) => return None,
        };
        let step = Step {
            part,
            length: archive.part_length(part, self.position),
        };
        self.position += step.length;
        self.last = Some(step);
        Some(step)
    }

    /// Where the last part begins.
    pub(super) fn start(&self) -> u64 {
        self.position - self.last.map_or(0, |step| step.length)
    }
}

impl Archive {
    /// How many bytes a part has that begins at a position. The checksum makes no difference.
    fn part_length(&self, part: Part, position: u64) -> u64 {
        match part {
            Part::Content(node) => self.nodes[node].length(),
            part => self
                .part(part, position, |_| Ok(0))
                .map_or(0, |bytes| bytes.len() as u64),
        }
    }

    /// The bytes of a part that isn't content.
    ///
    /// # Errors
    /// Those of `checksum`, which gives the checksum of a node's content.
    pub(super) fn part(
        &self,
        part: Part,
        position: u64,
        mut checksum: impl FnMut(usize) -> io::Result<u32>,
    ) -> io::Result<Vec<u8>> {
        Ok(match (self.format, part) {
            (_, Part::Content(_)) | (Format::Tar, Part::Directory(..)) => Vec::new(),
            (Format::Tar, Part::Header(node)) => {
                tar::header(&self.node_name(node), &self.nodes[node])
            }
            (Format::Tar, Part::Trailer(node)) => tar::padding(&self.nodes[node]),
            (Format::Tar, Part::End(_)) => tar::end(),
            (Format::Zip, Part::Header(node)) => {
                zip::header(&self.node_name(node), &self.nodes[node])
            }
            (Format::Zip, Part::Trailer(node)) if self.nodes[node].length() == 0 => Vec::new(),
            (Format::Zip, Part::Trailer(node)) => zip::trailer(&self.nodes[node], checksum(node)?),
            (Format::Zip, Part::Directory(node, header)) => {
                let sum = if self.nodes[node].length() == 0 {
                    0
                } else {
                    checksum(node)?
                };
                zip::directory(&self.node_name(node), &self.nodes[node], header, sum)
            }
            (Format::Zip, Part::End(directory)) => {
                zip::end(self.nodes.len() as u64, directory, position)
            }
        })
    }

    /// The path of a node in the archive; that of a folder ends in a slash.
    fn node_name(&self, node: usize) -> Vec<u8> {
        let Node {
            path, is_folder, ..
        } = &self.nodes[node];
        let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
        let end: &[u8] = if *is_folder { b"/" } else { b"" };
        [&self.name, separator, path, end].concat()
    }
}
