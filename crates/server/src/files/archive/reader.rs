//! Reads an archive, from anywhere in it.

use super::steps::{Part, Steps};
use super::{Archive, Format};
use crate::body::FileSlice;
use crate::files::folder::join;
use crc32fast::Hasher;
use std::io::{self, Read};
use std::sync::Arc;

/// How much of a file is read at once for its checksum, in bytes.
const PIECE: usize = 64 * 1024;

/// Reads part of an archive.
pub(crate) struct Reader {
    archive: Arc<Archive>,
    steps: Steps,
    /// Bytes up to the part that is wanted.
    skip: u64,
    /// Bytes of that part that are still to be read.
    left: u64,
    source: Source,
    /// The checksums of the nodes' content, as far as they are known.
    checksums: Vec<Option<u32>>,
}

/// Where the next bytes come from.
enum Source {
    Bytes(io::Cursor<Vec<u8>>),
    /// A node's content; and its checksum so far, if it is read from the beginning and anybody needs it.
    File(usize, FileSlice, Option<Hasher>),
}

impl Reader {
    pub(super) fn new(archive: Arc<Archive>, offset: u64, length: u64) -> Self {
        let checksums = match archive.format {
            Format::Tar => Vec::new(),
            Format::Zip => vec![None; archive.nodes.len()],
        };
        Reader {
            archive,
            steps: Steps::default(),
            skip: offset,
            left: length,
            source: Source::Bytes(io::Cursor::default()),
            checksums,
        }
    }

    /// Goes on to the next part of which anything is wanted. `false`: there is none.
    fn advance(&mut self) -> io::Result<bool> {
        let archive = Arc::clone(&self.archive);
        loop {
            let Some(step) = self.steps.next(&archive) else {
                return Ok(false);
            };
            if self.skip >= step.length {
                self.skip -= step.length;
                continue;
            }
            let skip = std::mem::take(&mut self.skip);
            self.source = match step.part {
                Part::Content(node) => {
                    let counts = archive.format == Format::Zip && skip == 0;
                    let content = archive.open(node, skip)?;
                    Source::File(node, content, counts.then(Hasher::new))
                }
                part => {
                    let position = self.steps.start();
                    let bytes = archive.part(part, position, |node| self.checksum(node))?;
                    let mut bytes = io::Cursor::new(bytes);
                    bytes.set_position(skip);
                    Source::Bytes(bytes)
                }
            };
            return Ok(true);
        }
    }

    /// The checksum of a node's content: counted on the way, remembered, or found by reading it.
    fn checksum(&mut self, node: usize) -> io::Result<u32> {
        if let Some(known) = self.checksums[node] {
            return Ok(known);
        }
        let stamp = &self.archive.nodes[node].stamp;
        let known = self.archive.store.checksums().get(stamp);
        let checksum = match known {
            Some(checksum) => checksum,
            None => {
                let mut content = self.archive.open(node, 0)?;
                let mut hasher = Hasher::new();
                let mut piece = vec![0; PIECE];
                loop {
                    match content.read(&mut piece)? {
                        0 => break hasher.finalize(),
                        length => hasher.update(&piece[..length]),
                    }
                }
            }
        };
        self.learn(node, checksum);
        Ok(checksum)
    }

    fn learn(&mut self, node: usize, checksum: u32) {
        self.checksums[node] = Some(checksum);
        let stamp = self.archive.nodes[node].stamp;
        self.archive.store.checksums().insert(stamp, checksum);
    }
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(into.len(), |left| left.min(into.len()));
        let mut filled = 0;
        while filled < most {
            let rest = &mut into[filled..most];
            let length = match &mut self.source {
                Source::Bytes(bytes) => bytes.read(rest)?,
                Source::File(node, content, hasher) => {
                    let length = content.read(rest)?;
                    if let Some(hasher) = hasher {
                        hasher.update(&rest[..length]);
                    }
                    if length == 0
                        && let Some(hasher) = hasher.take()
                    {
                        let node = *node;
                        self.learn(node, hasher.finalize());
                    }
                    length
                }
            };
            filled += length;
            if length == 0 && !self.advance()? {
                break;
            }
        }
        self.left -= filled as u64;
        Ok(filled)
    }
}

impl Archive {
    /// Opens the content of a node, from an offset on, if it is still what was found.
    fn open(&self, node: usize, offset: u64) -> io::Result<FileSlice> {
        let node = &self.nodes[node];
        let (file, stamp) = self.store.open_file(&join(&self.folder, &node.path))?;
        if !stamp.is_of_same_file(&node.stamp) {
            let text = "a file was replaced while the archive was sent";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(FileSlice::new(
            &Arc::new(file),
            &node.stamp,
            offset,
            node.length() - offset,
        ))
    }
}
