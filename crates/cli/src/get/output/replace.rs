//! Puts a finished download under its name, where the user may have a file already.
//!
//! Like curl, which writes into the file that is there, this keeps its mode, owner, links and
//! attributes, and refuses a file that is read-only. Unlike curl, it leaves the old content alone
//! until the new one is complete, and renames over it whenever that preserves everything. Otherwise
//! (hard links, another owner, attributes, a mount point, a folder that cannot be written to) the
//! complete content is copied into the file that is there.

use crate::failure::Failure;
use crate::get::failure::write_failure;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Seek};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// How many links may lead to a file, as on Linux.
const MOST_LINKS: usize = 40;

/// A file of the user's, opened for writing.
struct Existing {
    /// `None` for a program that is running: it can be replaced, but not written to.
    file: Option<File>,
    metadata: Metadata,
}

/// Whether and how the file may be written: `None` if there is none, else its mode.
pub(in crate::get) fn check(path: &Path) -> Result<Option<u32>, Failure> {
    Ok(existing(path, &resolve(path)?)?.map(|existing| existing.metadata.mode() & 0o777))
}

/// The file that the name leads to, whether it exists or not. The kernel decides which links may be
/// followed.
pub(in crate::get) fn resolve(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: &io::Error| write_failure(&path.display().to_string(), error);
    let mut real = path.to_owned();
    for _ in 0..MOST_LINKS {
        if !fs::symlink_metadata(&real).is_ok_and(|metadata| metadata.is_symlink()) {
            return Ok(real);
        }
        match fs::metadata(&real) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
            _ => {}
        }
        let target = fs::read_link(&real).map_err(|error| failed(&error))?;
        real = real.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(failed(&Errno::LOOP.into()))
}

/// Gives the content of `part` the name `path`. `beside` is its present name, if it has one.
/// Returns whether that name is gone now.
pub(in crate::get) fn put(
    part: &mut File,
    beside: Option<&Path>,
    path: &Path,
    may_replace: bool,
) -> Result<bool, Failure> {
    let failed = |error: &io::Error| write_failure(&path.display().to_string(), error);
    let real = resolve(path)?;
    for _ in 0..MOST_LINKS {
        let found = existing(path, &real)?;
        match (found, beside) {
            (Some(_), _) if !may_replace => return Err(is_there(path)),
            (Some(found), _) => {
                if let Some(beside) = beside {
                    if is_like(part, &found) {
                        match fs::rename(beside, &real) {
                            Ok(()) => return Ok(true),
                            Err(error) if is_refused(&error) => {}
                            Err(error) => return Err(failed(&error)),
                        }
                    }
                }
                return copy(part, &found, beside, path).map(|()| false);
            }
            (None, Some(beside)) => match rename_new(beside, &real) {
                Ok(()) => return Ok(true),
                // Another program has made one in the meantime.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&error)),
            },
            (None, None) => {
                let error = io::Error::from(io::ErrorKind::NotFound);
                return Err(failed(&error));
            }
        }
    }
    Err(failed(&io::ErrorKind::AlreadyExists.into()))
}

/// A name that the user did not choose must not replace a file.
pub(in crate::get) fn is_there(path: &Path) -> Failure {
    Failure::with_code(23, format!("{} is there already", path.display()))
        .hint("overwrite it with --clobber, resume it with -C -, or name another file with -o")
}

/// Opens the file that is there, as writing to it would, without emptying it.
fn existing(path: &Path, real: &Path) -> Result<Option<Existing>, Failure> {
    let failed = |error: &io::Error| write_failure(&path.display().to_string(), error);
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(real);
    let (file, metadata) = match opened {
        Ok(file) => {
            let metadata = file.metadata().map_err(|error| failed(&error))?;
            (Some(file), metadata)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::TXTBSY) => {
            let metadata = fs::symlink_metadata(real).map_err(|error| failed(&error))?;
            (None, metadata)
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(read_only(path));
        }
        Err(error) => return Err(failed(&error)),
    };
    if !metadata.is_file() {
        return Err(failed(&io::ErrorKind::InvalidInput.into()));
    }
    // The superuser could write to it all the same; its owner has said that it should stay.
    if metadata.mode() & 0o222 == 0 {
        return Err(read_only(path));
    }
    Ok(Some(Existing { file, metadata }))
}

fn read_only(path: &Path) -> Failure {
    let path = path.display();
    Failure::with_code(23, format!("could not write {path}: it is read-only"))
        .hint("name another file with -o, or permit it with chmod u+w")
}

/// Makes the part like the file whose name it will get; false if it would lose something.
fn is_like(part: &File, found: &Existing) -> bool {
    let old = &found.metadata;
    let special = old.mode() & 0o7000;
    let has_attributes = match &found.file {
        Some(file) => has_attributes(file),
        None => false,
    };
    if old.nlink() > 1 || special != 0 || has_attributes {
        return false;
    }
    let Ok(new) = part.metadata() else {
        return false;
    };
    let has_owner = (new.uid(), new.gid()) == (old.uid(), old.gid())
        || fchown(part, Some(old.uid()), Some(old.gid())).is_ok();
    let mode = Permissions::from_mode(old.mode() & 0o777);
    has_owner && part.set_permissions(mode).is_ok()
}

/// Whether the file has extended attributes, access control lists among them, that a new file would
/// not get by itself.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn has_attributes(file: &File) -> bool {
    let mut names = [0u8; 4096];
    match rustix::fs::flistxattr(file, &mut names) {
        Ok(length) => names[..length]
            .split(|byte| *byte == 0)
            .any(|name| !matches!(name, b"" | b"security.selinux")),
        Err(Errno::NOTSUP | Errno::NOSYS) => false,
        // Too many for the buffer, or not to be read.
        Err(_) => true,
    }
}

/// It is unknown here, and a file that is written to keeps whatever it has.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn has_attributes(_: &File) -> bool {
    true
}

/// Whether the file can't be renamed over, though it may be written to.
fn is_refused(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::BUSY | Errno::XDEV | Errno::PERM | Errno::ACCESS | Errno::ROFS)
    )
}

/// Renames to a name that nothing has.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match exclusive_rename(from, to) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            // The file system knows no exclusive renaming.
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        result => Ok(result?),
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exclusive_rename(from: &Path, to: &Path) -> rustix::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exclusive_rename(_: &Path, _: &Path) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}

/// Reserves room for content, without a change of the file's length.
#[cfg(target_os = "linux")]
fn reserve(file: &File, length: u64) -> rustix::io::Result<()> {
    rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, length)
}

/// Elsewhere it can't be reserved without that.
#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: u64) -> rustix::io::Result<()> {
    Ok(())
}

/// Writes the complete content into the file that is there.
fn copy(
    part: &mut File,
    found: &Existing,
    beside: Option<&Path>,
    path: &Path,
) -> Result<(), Failure> {
    let named = || path.display().to_string();
    let Some(mut file) = found.file.as_ref() else {
        return Err(write_failure(&named(), &Errno::TXTBSY.into()));
    };
    let result = (|| {
        let length = part.metadata()?.len();
        // What has no room is found out before the old content is gone.
        let reserved = reserve(file, length.max(1));
        if let Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) = reserved {
            return Err(error.into());
        }
        part.rewind()?;
        io::copy(part, &mut file)?;
        file.set_len(length)
    })();
    result.map_err(|error| {
        let failure = write_failure(&named(), &error);
        match beside {
            Some(beside) => failure.hint(format!(
                "its whole content is in {}; copy it from there",
                beside.display()
            )),
            None => failure,
        }
    })
}
