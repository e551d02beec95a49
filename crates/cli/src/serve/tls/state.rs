//! The user's state directory, where keys are kept that were made here.

use crate::paths::directory_of;
use rustix::fs::Mode;
use rustix::process::geteuid;
use std::env;
use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The longest file that is read.
const LONGEST: u64 = 64 * 1024;

/// The directory: the service manager's, the user's own, or the usual one below the user's home.
pub(super) fn directory() -> io::Result<PathBuf> {
    let variable = |name| {
        // A service manager may name several directories, with colons in between.
        let value = env::var_os(name)?;
        let first = value.as_bytes().split(|byte| *byte == b':').next()?;
        let path = PathBuf::from(OsStr::from_bytes(first));
        path.is_absolute().then_some(path)
    };
    let directory = variable("STATE_DIRECTORY")
        .or_else(|| Some(variable("XDG_STATE_HOME")?.join("tinyhttp")))
        .or_else(|| Some(variable("HOME")?.join(".local/state/tinyhttp")));
    directory.ok_or_else(|| io::Error::other("neither XDG_STATE_HOME nor HOME names a directory"))
}

/// Reads a file that was written here. `None` if there is none, or it is not only this user's: then
/// others may know the key in it.
pub(super) fn read(path: &Path) -> io::Result<Option<String>> {
    let opened = OpenOptions::new()
        .read(true)
        // A FIFO would hold up the start.
        .custom_flags(NO_FOLLOW | rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    let is_private = found.mode() & 0o077 == 0 && found.uid() == geteuid().as_raw();
    if !found.is_file() || !is_private {
        log::warn!(
            "{}: it is no file that only this user can read, so it is not used",
            path.display()
        );
        return Ok(None);
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Makes a directory that only this user can write to.
///
/// # Errors
/// If that is not possible, or it or the two around it are links, or belong to others, or others
/// can write to them: they could put another one in its place.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.map_err(|error| in_file(path, &error))?;
    for directory in path.ancestors().take(3) {
        let found = directory.symlink_metadata()?;
        let is_ours = found.uid() == geteuid().as_raw() && found.mode() & 0o022 == 0;
        if !found.is_dir() || !is_ours {
            let why = "it is a link, or other users can write to it";
            return Err(in_file(directory, &io::Error::other(why)));
        }
    }
    Ok(())
}

/// Names the file that an error is about.
fn in_file(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The flag of `open` that refuses links.
pub(super) const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// Writes a file that only this user can read, and replaces an older one at once.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = directory_of(path);
    // A process may be permitted to write files there, but not to make directories.
    if !directory.is_dir() {
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(directory);
        made.map_err(|error| in_file(directory, &error))?;
    }
    let new = path.with_extension(format!("new-{}", std::process::id()));
    // What an earlier process with this number has left.
    let _ = std::fs::remove_file(&new);
    let written = write_new(&new, text).and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written.map_err(|error| in_file(path, &error))?;
    // The name, too, must outlast a loss of power.
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| in_file(directory, &error))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut file: File = options
        .mode(Mode::RUSR.union(Mode::WUSR).bits())
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
