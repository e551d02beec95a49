//! Reads an archive from any position.
//!
//! The reader repeats the walk. It skips nodes before the requested part, and walks once more for a
//! zip's directory at the end. Before it hands out the last byte that a walk contributes, it
//! finishes the walk and compares it with the plan, so that an archive of changed files is aborted,
//! never complete and wrong.
//!
//! A step that yields no bytes, such as reading a large file for its checksum, ends with
//! [`io::ErrorKind::Interrupted`]: the caller can check that the client is still there, and read
//! again.

use super::format::Format;
use super::plan::Plan;
use super::walk::{Digest, Node, Walk};
use super::{tar, zip};
use crate::body::{FileSlice, FileVersion};
use crate::files::content::checksums::Job;
use crate::files::failure::Failure;
use crate::gate::GATE;
use crc32fast::Hasher;
use std::io::{self, Read};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How many nodes one step skips.
const TURN: usize = 2048;

/// How long a walk waits for memory that other responses hold, and how often, before the transfer
/// is aborted.
const WAIT: Duration = Duration::from_millis(20);
const WAITS: u32 = 500;

/// Reads part of an archive.
pub(super) struct Reader {
    plan: Arc<Plan>,
    walk: Walk,
    digest: Digest,
    /// The walk has contributed bytes and has not been compared with the plan.
    unconfirmed: bool,
    next: Part,
    /// Where the next part begins.
    position: u64,
    /// In a zip's directory: the position of the header of the walk's node.
    header_at: u64,
    /// The number of bytes before the requested part.
    skip: u64,
    /// The number of bytes of the requested part that are still to be read.
    left: u64,
    current: Current,
    /// The checksum of the walk's node, if it is known.
    sum: Option<u32>,
    /// The job that computes the checksum otherwise.
    job: Option<Arc<Job>>,
    waits: u32,
}

/// The parts of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The next node of the walk.
    Node,
    Header,
    Content,
    /// Padding in a tar, the checksum in a zip.
    Trailer,
    /// The next node in a zip's directory.
    DirectoryNode,
    Directory,
    /// The end of the archive.
    End,
    Done,
}

/// Where the next bytes come from.
enum Current {
    Bytes(io::Cursor<Vec<u8>>),
    /// The content of the walk's node, and its checksum so far, if a zip's file is read from the
    /// beginning.
    File(FileSlice, Option<Hasher>),
}

impl Reader {
    pub(super) fn new(plan: Arc<Plan>, offset: u64, length: u64) -> Self {
        let directory = plan.figures.directory;
        let in_directory = plan.format == Format::Zip && offset >= directory;
        Reader {
            walk: plan.walk(),
            digest: Digest::default(),
            unconfirmed: false,
            next: if in_directory {
                Part::DirectoryNode
            } else {
                Part::Node
            },
            position: if in_directory { directory } else { 0 },
            header_at: 0,
            skip: if in_directory {
                offset - directory
            } else {
                offset
            },
            left: length,
            current: Current::Bytes(io::Cursor::default()),
            sum: None,
            job: None,
            waits: 0,
            plan,
        }
    }

    /// Continues with the next part that contributes to the request. `false`: there is none.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            let format = self.plan.format;
            let (next, bytes) = match self.next {
                Part::Node | Part::DirectoryNode => {
                    self.skip_nodes()?;
                    continue;
                }
                Part::Header => {
                    let node = self.walk.node();
                    let bytes = match format {
                        Format::Tar => tar::header(node),
                        Format::Zip => zip::header(node),
                    };
                    (Part::Content, bytes)
                }
                Part::Content => {
                    if self.begin_content()? {
                        return Ok(true);
                    }
                    continue;
                }
                Part::Trailer => {
                    let bytes = match format {
                        Format::Tar => tar::padding(self.walk.node()),
                        Format::Zip if self.walk.node().length == 0 => Vec::new(),
                        Format::Zip => {
                            let sum = self.checksum()?;
                            zip::trailer(self.walk.node(), sum)
                        }
                    };
                    (Part::Node, bytes)
                }
                Part::Directory => {
                    let sum = self.checksum()?;
                    let bytes = zip::directory(self.walk.node(), self.header_at, sum);
                    self.header_at += format.node_length(self.walk.node());
                    (Part::DirectoryNode, bytes)
                }
                Part::End => {
                    let figures = &self.plan.figures;
                    let bytes = match format {
                        Format::Tar => tar::end(),
                        Format::Zip => zip::end(figures.count, figures.directory, self.position),
                    };
                    (Part::Done, bytes)
                }
                Part::Done => return Ok(false),
            };
            self.next = next;
            let length = bytes.len() as u64;
            if !self.skips(length) {
                self.position += length;
                let mut bytes = io::Cursor::new(bytes);
                bytes.set_position(std::mem::take(&mut self.skip));
                self.current = Current::Bytes(bytes);
                return Ok(true);
            }
        }
    }

    /// Skips a part that ends before the requested one.
    fn skips(&mut self, length: u64) -> bool {
        let skips = self.skip >= length;
        if skips {
            self.skip -= length;
            self.position += length;
        }
        skips
    }

    /// Goes to the next node that contributes to the request, or to the end of the walk.
    ///
    /// # Errors
    /// Interrupted, after [`TURN`] nodes that contribute nothing.
    fn skip_nodes(&mut self) -> io::Result<()> {
        let in_directory = self.next == Part::DirectoryNode;
        let format = self.plan.format;
        let pass = GATE.pass();
        for _ in 0..TURN {
            match self.walk.next(&pass) {
                Ok(true) => {}
                Ok(false) => return self.finish_walk(),
                Err(Failure::Busy) if self.waits < WAITS => {
                    drop(pass);
                    self.waits += 1;
                    thread::sleep(WAIT);
                    return Err(io::ErrorKind::Interrupted.into());
                }
                Err(failure) => return Err(unreadable(failure)),
            }
            self.waits = 0;
            (self.sum, self.job) = (None, None);
            let node = self.walk.node();
            self.digest.push(node);
            self.unconfirmed = true;
            let length = format.node_length(node);
            if !in_directory {
                if !self.skips(length) {
                    self.next = Part::Header;
                    return Ok(());
                }
            } else if self.skips(format.directory_length(node, self.header_at)) {
                self.header_at += length;
            } else {
                self.next = Part::Directory;
                return Ok(());
            }
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Compares the finished walk with the plan. For a zip's directory another walk begins.
    fn finish_walk(&mut self) -> io::Result<()> {
        if self.digest.finish() != self.plan.figures.digest {
            return Err(changed());
        }
        self.unconfirmed = false;
        if self.next == Part::Node && self.plan.format == Format::Zip {
            self.walk = self.plan.walk();
            self.digest = Digest::default();
            self.next = Part::DirectoryNode;
        } else {
            self.next = Part::End;
        }
        Ok(())
    }

    /// Opens the content of the walk's node, if it is still the version that the walk has found.
    /// `false`: it contributes nothing to the request.
    fn begin_content(&mut self) -> io::Result<bool> {
        let length = self.walk.node().length;
        if self.skips(length) {
            self.next = Part::Trailer;
            return Ok(false);
        }
        let content = self.open(self.skip)?;
        let sums = self.plan.format == Format::Zip && self.skip == 0;
        self.current = Current::File(content, sums.then(Hasher::new));
        self.next = Part::Trailer;
        self.skip = 0;
        self.position += length;
        Ok(true)
    }

    fn open(&self, offset: u64) -> io::Result<FileSlice> {
        let node = self.walk.node();
        let (file, version) = self.plan.store.open_file(&node.path)?;
        if version.fingerprint() != node.fingerprint {
            return Err(changed());
        }
        let left = node.length - offset;
        // `confirm` compares the version at the end, more strictly than a slice does.
        Ok(FileSlice::new(Arc::new(file), offset, left))
    }

    /// The checksum of the walk's node: computed on the way, remembered, or computed by a job.
    ///
    /// # Errors
    /// Interrupted, after a step of the job that has not finished it.
    fn checksum(&mut self) -> io::Result<u32> {
        let node = self.walk.node();
        if node.length == 0 {
            return Ok(0);
        }
        let checksums = self.plan.store.checksums();
        if let Some(sum) = self.sum.or_else(|| checksums.get(node.fingerprint)) {
            return Ok(sum);
        }
        let job = match &self.job {
            Some(job) => Arc::clone(job),
            None => checksums.job(node.fingerprint, || self.open(0))?,
        };
        let stepped = job.step()?;
        self.job = Some(job);
        match stepped {
            Some(sum) => {
                self.learn(sum);
                Ok(sum)
            }
            None => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    fn learn(&mut self, sum: u32) {
        let fingerprint = self.walk.node().fingerprint;
        self.plan.store.checksums().insert(fingerprint, sum);
        self.sum = Some(sum);
    }

    /// Reads from the current part; 0 at its end.
    fn fill(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (content, hasher) = match &mut self.current {
            Current::Bytes(bytes) => return bytes.read(into),
            Current::File(content, hasher) => (content, hasher),
        };
        let length = content.read(into)?;
        if let Some(hasher) = hasher {
            let _pass = GATE.pass();
            hasher.update(&into[..length]);
        }
        if length == 0 {
            confirm(content, self.walk.node())?;
            let sum = hasher.take().map(Hasher::finalize);
            self.current = Current::Bytes(io::Cursor::default());
            if let Some(sum) = sum {
                self.learn(sum);
            }
        }
        Ok(length)
    }

    /// Finishes a walk that has contributed bytes.
    fn confirm(&mut self) -> io::Result<()> {
        if let Current::File(content, _) = &self.current {
            confirm(content, self.walk.node())?;
        }
        while self.unconfirmed {
            self.next = match self.next {
                Part::Node | Part::Header | Part::Content | Part::Trailer => Part::Node,
                _ => Part::DirectoryNode,
            };
            // Skip all remaining nodes.
            self.skip = u64::MAX;
            match self.skip_nodes() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => other?,
            }
        }
        Ok(())
    }
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(into.len(), |left| left.min(into.len()));
        let mut filled = 0;
        while filled < most {
            let length = self.fill(&mut into[filled..most])?;
            filled += length;
            if length > 0 {
                continue;
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => break,
                // What has been read goes out first.
                Err(error) if error.kind() == io::ErrorKind::Interrupted && filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        self.left -= filled as u64;
        if self.left == 0 && filled > 0 {
            self.confirm()?;
        }
        Ok(filled)
    }
}

/// Fails if the content that has been read may not be that of the node's version.
fn confirm(content: &FileSlice, node: &Node) -> io::Result<()> {
    let now = FileVersion::of_open(&content.file)?;
    if now.fingerprint() == node.fingerprint {
        Ok(())
    } else {
        Err(changed())
    }
}

fn changed() -> io::Error {
    let text = "files have changed while their archive was sent";
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn unreadable(failure: Failure) -> io::Error {
    match failure {
        Failure::System(errno) => errno.into(),
        Failure::Busy => io::Error::other("other responses have used up the memory for archives"),
        _ => changed(),
    }
}
