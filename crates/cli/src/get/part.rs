//! A file on its way: `NAME.part`, which gets its name when it is complete.
//!
//! Beside it lies `NAME.part.version`, which says of which version of which URL it is a part, so that another run can go
//! on with it (`-C -`) without gluing two versions together.

use super::failure::write_failure;
use crate::failure::Failure;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tinyhttp_client::retry::Validator;

/// A file that is being written.
pub(super) struct Part {
    /// Its name in the end.
    pub(super) path: PathBuf,
    /// Its name until then; the same if a file is gone on with under its own name.
    temporary: PathBuf,
    file: File,
    /// Bytes of it that are right.
    pub(super) length: u64,
    pub(super) validator: Option<Validator>,
}

impl Part {
    /// Begins a file anew.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        Part::open(path, &with_suffix(path, ".part"), 0)
    }

    /// Goes on with what is there: a part of that URL, else the file itself, else nothing.
    pub(super) fn resume(path: &Path, url: &str) -> Result<Self, Failure> {
        let temporary = with_suffix(path, ".part");
        if let Ok(length) = length_of(&temporary) {
            let mut part = Part::open(path, &temporary, length)?;
            let version = fs::read_to_string(part.version_path()).unwrap_or_default();
            match version.split_once('\n') {
                Some((of, validator)) if of == url => {
                    part.validator = Validator::from_text(validator.trim());
                }
                // Nobody knows of what it is a part.
                _ => part.restart(None, url)?,
            }
            return Ok(part);
        }
        match length_of(path) {
            Ok(length) => Part::open(path, path, length),
            Err(_) => Part::create(path),
        }
    }

    /// Goes on with the file itself, from that byte.
    pub(super) fn resume_at(path: &Path, offset: u64) -> Result<Self, Failure> {
        let length = length_of(path).unwrap_or(0);
        if length < offset {
            let path = path.display();
            return Err(Failure::with_code(
                36,
                format!("{path} has {length} bytes; it can't go on at {offset}"),
            )
            .hint("-C - goes on where it ends"));
        }
        Part::open(path, path, offset)
    }

    fn open(path: &Path, temporary: &Path, length: u64) -> Result<Self, Failure> {
        let failed = |error: io::Error| failure(temporary, &error);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(temporary)
            .map_err(failed)?;
        // Two downloads to one file would make a third one of it.
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let path = path.display();
                return Err(
                    Failure::with_code(23, format!("another download is writing {path}"))
                        .hint("wait for it, or name another file with -o"),
                );
            }
            // A file system that knows no locks has to do without.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        if length == 0 {
            cut(&file, 0).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(length)).map_err(failed)?;
        Ok(Part {
            path: path.to_owned(),
            temporary: temporary.to_owned(),
            file,
            length,
            validator: None,
        })
    }

    /// Whether it is a file of the user's that must not be emptied.
    pub(super) fn is_in_place(&self) -> bool {
        self.temporary == self.path
    }

    /// Throws away what is there and begins with that version.
    pub(super) fn restart(
        &mut self,
        validator: Option<Validator>,
        url: &str,
    ) -> Result<(), Failure> {
        cut(&self.file, 0)
            .and_then(|()| self.file.rewind())
            .map_err(|error| failure(&self.temporary, &error))?;
        self.length = 0;
        self.validator = validator;
        let version = self.version_path();
        match &self.validator {
            // Without it a later run begins anew, which costs time only.
            Some(validator) => drop(fs::write(
                version,
                format!("{url}\n{}\n", validator.as_str()),
            )),
            None => drop(fs::remove_file(version)),
        }
        Ok(())
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(piece)
            .map_err(|error| failure(&self.temporary, &error))?;
        self.length += piece.len() as u64;
        Ok(())
    }

    /// Where the bytes are now.
    pub(super) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Gives it its name and, if wanted, its date.
    pub(super) fn finish(self, modified: Option<SystemTime>) -> Result<(), Failure> {
        let failed = |error: io::Error| failure(&self.path, &error);
        // Beyond the length there may be rests of an older, longer file.
        cut(&self.file, self.length).map_err(failed)?;
        if let Some(modified) = modified {
            self.file.set_modified(modified).map_err(failed)?;
        }
        if !self.is_in_place() {
            fs::rename(&self.temporary, &self.path).map_err(failed)?;
        }
        // There may be none.
        let _ = fs::remove_file(self.version_path());
        Ok(())
    }

    /// Removes it: nobody should go on with it.
    pub(super) fn discard(self) {
        if !self.is_in_place() {
            let _ = fs::remove_file(self.version_path());
            let _ = fs::remove_file(&self.temporary);
        }
    }

    fn version_path(&self) -> PathBuf {
        with_suffix(&self.path, ".part.version")
    }
}

/// Takes away what lies beyond that length. Where nothing does, nothing is done: ext4 writes out at once, when it is closed,
/// what was cut to nothing before, even if it was empty.
fn cut(file: &File, length: u64) -> io::Result<()> {
    if file.metadata()?.len() > length {
        file.set_len(length)?;
    }
    Ok(())
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    write_failure(&path.display().to_string(), error)
}

fn length_of(path: &Path) -> io::Result<u64> {
    let metadata = fs::metadata(path)?;
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
