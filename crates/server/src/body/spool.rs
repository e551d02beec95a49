//! Content that is collected: in memory, or in an unnamed temporary file when it is long.

use super::Body;
use linux_raw_sys::general::O_TMPFILE;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where content is collected.
#[derive(Debug)]
pub(crate) struct Spool {
    /// Bytes that may be kept in memory.
    memory: u64,
    /// The directory of the temporary file.
    directory: PathBuf,
    length: u64,
    buffer: Vec<u8>,
    file: Option<File>,
}

impl Spool {
    pub(crate) fn new(memory: u64, directory: PathBuf) -> Self {
        Spool {
            memory,
            directory,
            length: 0,
            buffer: Vec::new(),
            file: None,
        }
    }

    /// How much has been collected.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Adds content.
    ///
    /// # Errors
    /// If the temporary file can't be made or written.
    pub(crate) fn write(&mut self, content: &[u8]) -> io::Result<()> {
        self.length += content.len() as u64;
        if self.file.is_none() && self.length > self.memory {
            let mut file = unnamed(&self.directory)?;
            file.write_all(&std::mem::take(&mut self.buffer))?;
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(content),
            None => {
                self.buffer.extend_from_slice(content);
                Ok(())
            }
        }
    }

    /// The collected content, from its beginning.
    pub(crate) fn into_body(self) -> Body {
        match self.file {
            Some(file) => Body::file(Arc::new(file), 0, self.length),
            None => self.buffer.into(),
        }
    }
}

/// A file without a name, which the system removes when it is closed.
fn unnamed(directory: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(O_TMPFILE as i32)
        .open(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_content_goes_to_a_file_without_a_name() {
        let directory = tempfile::tempdir().unwrap();
        for (memory, in_file) in [(0, true), (5, true), (9, true), (10, false)] {
            let mut spool = Spool::new(memory, directory.path().to_owned());
            for piece in ["0123", "45", "", "6789"] {
                spool.write(piece.as_bytes()).unwrap();
            }
            assert_eq!((spool.length(), spool.file.is_some()), (10, in_file));
            let content = io::read_to_string(spool.into_body()).unwrap();
            assert_eq!(content, "0123456789", "{memory}");
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let mut nowhere = Spool::new(0, directory.path().join("missing"));
        assert!(nowhere.write(b"x").is_err());
    }
}
