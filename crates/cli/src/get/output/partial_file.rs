//! A file on its way: `NAME.part`, which gets its name when it is complete.
//!
//! Beside it lies `NAME.part.version`, which names the version and the URL, so that another run can
//! resume without joining two versions. Where nothing can be created beside the file, an unnamed
//! temporary file takes the content.

use super::kept::Kept;
use super::temporary::{Found, Own, Temporary};
use super::version::{Version, identity};
use super::{kept, replace};
use crate::failure::Failure;
use crate::get::failure::write_failure;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use url::Url;

/// A file that is being written.
pub(in crate::get) struct PartialFile {
    /// Its name in the end.
    pub(in crate::get) path: PathBuf,
    home: Home,
    file: File,
    /// Bytes of it that are right.
    pub(in crate::get) length: u64,
    version: Version,
    may_replace: bool,
    kept: Kept,
    /// Nothing is left to do when it is dropped.
    is_settled: bool,
}

/// Where the bytes are until they are complete.
enum Home {
    /// In a file beside the target, with its record.
    Beside(Temporary, File),
    /// In a file without a name.
    Unnamed,
    /// In the target: a file of the user's that grows at its end.
    InPlace,
}

impl PartialFile {
    /// The part of that URL that an earlier run has left, if it can be resumed.
    pub(in crate::get) fn find(
        path: &Path,
        url: &Url,
        may_replace: bool,
    ) -> Result<Option<Self>, Failure> {
        for names in Temporary::of(&replace::resolve(path)?) {
            let own = match names.look() {
                Found::Nothing => break,
                Found::Foreign => continue,
                Found::Ours(own) => own,
            };
            lock(&own.part, path)?;
            let version = &own.version;
            let file_length = own.part.metadata().map_or(0, |metadata| metadata.len());
            let length = version.present(file_length);
            let fits = version.total.is_none_or(|total| file_length <= total);
            let is_resumable = version.url == identity(url) && version.validator.is_some();
            if !(is_resumable && fits && length > 0 && names.leads_to(&own.part)) {
                break;
            }
            let mut part = PartialFile::beside(path, names, own, may_replace);
            part.go_to(length)?;
            return Ok(Some(part));
        }
        Ok(None)
    }

    /// Begins a file anew.
    pub(in crate::get) fn create(
        path: &Path,
        url: &Url,
        may_replace: bool,
    ) -> Result<Self, Failure> {
        let mode = replace::check(path)?;
        if mode.is_some() && !may_replace {
            return Err(replace::is_there(path));
        }
        kept::create(|| PartialFile::create_files(path, url, may_replace, mode))
    }

    /// Creates the first of the temporary files that no other program uses.
    fn create_files(
        path: &Path,
        url: &Url,
        may_replace: bool,
        mode: Option<u32>,
    ) -> Result<Self, Failure> {
        for names in Temporary::of(&replace::resolve(path)?) {
            let own = match names.look() {
                Found::Foreign => continue,
                Found::Ours(own) => own,
                Found::Nothing => {
                    match names.create(mode.unwrap_or(0o666), Version::unknown(url)) {
                        Ok(Some(own)) => own,
                        Ok(None) => continue,
                        Err(error) if is_denied(&error) && mode.is_some() => {
                            return PartialFile::unnamed(path, url, may_replace);
                        }
                        Err(error) => return Err(failure(path, &error)),
                    }
                }
            };
            lock(&own.part, path)?;
            if !names.leads_to(&own.part) {
                // Another download has finished it just now.
                continue;
            }
            let mut part = PartialFile::beside(path, names, own, may_replace);
            part.restart(Version::unknown(url))?;
            return Ok(part);
        }
        let path = path.display();
        Err(
            Failure::with_code(23, format!("all temporary names for {path} are taken"))
                .hint("remove the files beside it whose names end in .part"),
        )
    }

    fn beside(path: &Path, names: Temporary, own: Own, may_replace: bool) -> Self {
        let kept = Kept::new(names.part.clone(), Some(names.clone()));
        PartialFile {
            path: path.to_owned(),
            home: Home::Beside(names, own.record),
            file: own.part,
            length: 0,
            version: own.version,
            may_replace,
            kept,
            is_settled: false,
        }
    }

    /// For a folder that can't be written to, with a file in it that can.
    fn unnamed(path: &Path, url: &Url, may_replace: bool) -> Result<Self, Failure> {
        let folder = std::env::temp_dir();
        let file = tempfile::tempfile().map_err(|error| failure(&folder, &error))?;
        Ok(PartialFile {
            path: path.to_owned(),
            home: Home::Unnamed,
            file,
            length: 0,
            version: Version::unknown(url),
            may_replace,
            kept: Kept::new(folder, None),
            is_settled: false,
        })
    }

    /// Goes on with the user's file itself, from that byte.
    pub(in crate::get) fn in_place(path: &Path, offset: u64, url: &Url) -> Result<Self, Failure> {
        let length = length_of(path);
        if length < offset {
            return Err(too_short(path, length, offset));
        }
        replace::check(path)?;
        let file = OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(|error| failure(path, &error))?;
        lock(&file, path)?;
        let mut part = PartialFile {
            path: path.to_owned(),
            home: Home::InPlace,
            file,
            length: 0,
            version: Version::unknown(url),
            may_replace: true,
            kept: Kept::new(path.to_owned(), None),
            is_settled: false,
        };
        part.go_to(offset)?;
        Ok(part)
    }

    fn go_to(&mut self, length: u64) -> Result<(), Failure> {
        self.file
            .seek(SeekFrom::Start(length))
            .map_err(|error| failure(&self.path, &error))?;
        self.length = length;
        self.tell_kept();
        Ok(())
    }

    /// Whether it is a file of the user's that must not be emptied.
    pub(in crate::get) fn is_in_place(&self) -> bool {
        matches!(self.home, Home::InPlace)
    }

    /// Whether another run, or another request, can continue with it.
    pub(in crate::get) fn is_resumable(&self) -> bool {
        self.version.validator.is_some() && self.length > 0
    }

    pub(in crate::get) fn version(&self) -> &Version {
        &self.version
    }

    /// Where the bytes are now.
    pub(in crate::get) fn temporary(&self) -> &Path {
        match &self.home {
            Home::Beside(names, _) => &names.part,
            Home::Unnamed | Home::InPlace => &self.path,
        }
    }

    /// Says that more is known about the version now. What is there stays.
    pub(in crate::get) fn set_version(&mut self, version: Version) -> Result<(), Failure> {
        self.version = version;
        self.write_record()
    }

    /// Throws away what is there and begins with that version.
    pub(in crate::get) fn restart(&mut self, version: Version) -> Result<(), Failure> {
        cut(&self.file, 0)
            .and_then(|()| self.file.rewind())
            .map_err(|error| failure(self.temporary(), &error))?;
        self.length = 0;
        self.set_version(version)
    }

    fn write_record(&mut self) -> Result<(), Failure> {
        if let Home::Beside(names, record) = &self.home {
            let text = self.version.text();
            // The new text first: one that is cut off says less than one that has a rest.
            record
                .write_all_at(text.as_bytes(), 0)
                .and_then(|()| record.set_len(text.len() as u64))
                .map_err(|error| failure(&names.part, &error))?;
        }
        self.tell_kept();
        Ok(())
    }

    fn tell_kept(&self) {
        self.kept.set_length(self.length);
        let is_resumable = self.version.validator.is_some() || self.is_in_place();
        self.kept.set_version(self.version.total, is_resumable);
    }

    pub(in crate::get) fn write(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(piece)
            .map_err(|error| failure(self.temporary(), &error))?;
        self.length += piece.len() as u64;
        self.kept.set_length(self.length);
        Ok(())
    }

    /// The file, its record and the note for Ctrl-C, for a download in segments.
    pub(in crate::get) fn for_segments(&self) -> (&File, Option<&File>, &Kept) {
        let record = match &self.home {
            Home::Beside(_, record) => Some(record),
            Home::Unnamed | Home::InPlace => None,
        };
        (&self.file, record, &self.kept)
    }

    /// Takes over how far the segments are.
    pub(in crate::get) fn set_progress(&mut self, version: Version) {
        let length = self.file.metadata().map_or(0, |metadata| metadata.len());
        self.length = version.present(length);
        self.version = version;
        self.tell_kept();
    }

    /// The bytes so far, from the first one.
    pub(in crate::get) fn reader(&self) -> io::Result<File> {
        match self.home {
            Home::InPlace => File::open(&self.path),
            Home::Beside(..) | Home::Unnamed => {
                let mut file = self.file.try_clone()?;
                file.rewind()?;
                Ok(file)
            }
        }
    }

    /// Gives it its name and, if wanted, its date.
    pub(in crate::get) fn finish(mut self, modified: Option<SystemTime>) -> Result<(), Failure> {
        // Beyond the length there may be rests of an older, longer file.
        cut(&self.file, self.length).map_err(|error| failure(&self.path, &error))?;
        self.set_date(modified);
        let kept = self.kept.clone();
        kept.forget(|| {
            let beside = match &self.home {
                Home::Beside(names, _) => Some(names.clone()),
                Home::Unnamed => None,
                Home::InPlace => {
                    self.is_settled = true;
                    return Ok(());
                }
            };
            let name = beside.as_ref().map(|names| names.part.as_path());
            let result = replace::put(&mut self.file, name, &self.path, self.may_replace);
            match (&result, &beside) {
                (Ok(true), Some(names)) => names.remove_record(),
                (Ok(false), Some(names)) => names.remove(),
                _ => {}
            }
            if matches!(result, Ok(false)) && modified.is_some() {
                set_date_of(&self.path, modified);
            }
            // A complete part that could not get its name stays, with its record.
            self.is_settled = true;
            result.map(drop)
        })
    }

    /// A file of another user's may be written to, but not be dated.
    fn set_date(&self, modified: Option<SystemTime>) {
        if let Some(modified) = modified {
            let _ = self.file.set_modified(modified);
        }
    }

    /// Removes it: it must not be resumed.
    pub(in crate::get) fn discard(mut self) {
        self.is_settled = true;
        self.kept.clone().forget(|| {
            if let Home::Beside(names, _) = &self.home {
                names.remove();
            }
        });
    }

    /// What is kept of it for another run, in words; `None` if it can't be resumed.
    pub(in crate::get) fn summary(&self) -> Option<String> {
        let is_kept = matches!(self.home, Home::Beside(..)) && self.is_resumable();
        is_kept.then(|| kept::summary(self.length, self.version.total, self.temporary()))
    }
}

impl Drop for PartialFile {
    /// An interrupted part stays if another run can resume it. Without a validator it is the
    /// user's, without the record; only one of these is kept.
    fn drop(&mut self) {
        if self.is_settled {
            return;
        }
        self.kept.clone().forget(|| {
            let Home::Beside(names, _) = &self.home else {
                return;
            };
            match (self.length, &self.version.validator) {
                (0, _) => names.remove(),
                (_, None) if !names.is_first => names.remove(),
                (_, None) => names.remove_record(),
                (_, Some(_)) => {}
            }
        });
    }
}

/// The failure of a file that ends before the byte where it is to be resumed.
pub(in crate::get) fn too_short(path: &Path, length: u64, offset: u64) -> Failure {
    let path = path.display();
    let what = format!("{path} has {length} bytes; it can't be resumed at {offset}");
    Failure::with_code(36, what).hint("-C - resumes where it ends")
}

/// The length of a regular file; 0 for anything else.
pub(in crate::get) fn length_of(path: &Path) -> u64 {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    }
}

/// Two downloads to one file would mix.
fn lock(file: &File, path: &Path) -> Result<(), Failure> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {
            let path = path.display();
            Err(
                Failure::with_code(23, format!("another download is writing {path}"))
                    .hint("wait for it, or name another file with -o"),
            )
        }
        // Some file systems know no locks.
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Takes away what lies beyond that length. Where nothing does, nothing is done: ext4 writes out at
/// once, when it is closed, what was cut to nothing before, even if it was empty.
fn cut(file: &File, length: u64) -> io::Result<()> {
    if file.metadata()?.len() > length {
        file.set_len(length)?;
    }
    Ok(())
}

fn set_date_of(path: &Path, modified: Option<SystemTime>) {
    let file = OpenOptions::new().write(true).open(path);
    if let (Ok(file), Some(modified)) = (file, modified) {
        let _ = file.set_modified(modified);
    }
}

/// Whether the folder can't be written to.
fn is_denied(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    write_failure(&path.display().to_string(), error)
}
