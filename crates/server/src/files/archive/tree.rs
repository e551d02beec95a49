//! Everything in a folder, and in the folders in it.

use crate::files::failure::Failure;
use crate::files::folder::{self, by_name, join};
use crate::files::stamp::Stamp;
use crate::files::store::Store;
use rustix::io::Errno;

/// How many files and folders an archive may have. Each takes some 150 bytes of memory while it is sent.
const MOST: usize = 1_000_000;

/// A file or a folder in an archive.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Node {
    /// From the folder that the archive is made of, whose own path is empty.
    pub(crate) path: Box<[u8]>,
    pub(crate) is_folder: bool,
    pub(crate) stamp: Stamp,
}

impl Node {
    /// Of the content, in bytes.
    pub(crate) fn length(&self) -> u64 {
        if self.is_folder { 0 } else { self.stamp.length }
    }
}

/// Finds everything that would be served, a folder before what is in it, in the order of names.
pub(crate) fn find(store: &Store, relative: &[u8]) -> Result<Vec<Node>, Failure> {
    let (_, stamp) = store.stat(relative)?;
    let top = Node {
        path: Box::default(),
        is_folder: true,
        stamp,
    };
    let mut nodes = Vec::new();
    // What is still to be visited, the next at the end.
    let mut left = vec![top];
    while let Some(node) = left.pop() {
        if node.is_folder {
            let path = match &node.path[..] {
                b"" => relative.to_vec(),
                inside => join(relative, inside),
            };
            let unreadable = |error| Failure::of(Errno::from_io_error(&error).unwrap_or(Errno::IO));
            let mut entries =
                folder::read(store, &store.folder(&path)?, &path).map_err(unreadable)?;
            entries.retain(|entry| !(entry.is_folder && entry.is_link));
            entries.sort_unstable_by(|a, b| by_name(&b.name, &a.name));
            left.extend(entries.into_iter().map(|entry| {
                let path = match &node.path[..] {
                    b"" => entry.name,
                    inside => join(inside, &entry.name),
                };
                Node {
                    path: path.into(),
                    is_folder: entry.is_folder,
                    stamp: entry.stamp,
                }
            }));
        }
        nodes.push(node);
        if nodes.len() + left.len() > MOST {
            return Err(Failure::TooManyFiles);
        }
    }
    Ok(nodes)
}
