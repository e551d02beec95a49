//! Part of an open file, which `sendfile` sends without copying it through the program.

#[cfg(feature = "files")]
use super::open_file::OpenFile;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Part of an open file, sent with `sendfile` where it can be.
#[derive(Debug, Clone)]
pub(crate) struct FileSlice {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
    pub(crate) left: u64,
    /// The shared descriptor of a file whose version the response has announced.
    #[cfg(feature = "files")]
    open: Option<Arc<OpenFile>>,
}

impl FileSlice {
    /// `length` bytes of a file from `offset` on, whose version nothing has announced.
    pub(crate) fn new(file: Arc<File>, offset: u64, length: u64) -> Self {
        FileSlice {
            file,
            offset,
            left: length,
            #[cfg(feature = "files")]
            open: None,
        }
    }

    /// `length` bytes of an open file from `offset` on.
    #[cfg(feature = "files")]
    pub(crate) fn of(open: &Arc<OpenFile>, offset: u64, length: u64) -> Self {
        FileSlice {
            file: Arc::clone(open.file()),
            offset,
            left: length,
            open: Some(Arc::clone(open)),
        }
    }

    /// Fails if the file is no longer the version that was announced: then what has been sent may
    /// be a mixture of two versions, and must not look complete. Called before the last bytes are
    /// sent.
    pub(crate) fn confirm(&self) -> io::Result<()> {
        #[cfg(feature = "files")]
        if let Some(open) = &self.open {
            open.confirm()?;
        }
        Ok(())
    }
}

impl Read for FileSlice {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(into.len(), |left| left.min(into.len()));
        if most == 0 {
            return Ok(0);
        }
        let length = self.file.read_at(&mut into[..most], self.offset)?;
        if length == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter",
            ));
        }
        self.offset += length as u64;
        self.left -= length as u64;
        if self.left == 0 {
            self.confirm()?;
        }
        Ok(length)
    }
}
