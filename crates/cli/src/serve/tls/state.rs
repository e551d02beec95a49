//! The user's state directory, where keys are kept that were made here.

use rustix::fs::Mode;
use rustix::process::geteuid;
use std::env;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The longest file that is read.
const LONGEST: u64 = 64 * 1024;

/// The directory: the service manager's, the user's own, or the usual one below the user's home.
pub(super) fn directory() -> io::Result<PathBuf> {
    let variable = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
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
        .custom_flags(NO_FOLLOW)
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
            "{}: other users can read this key, so another one is made",
            path.display()
        );
        return Ok(None);
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(Some(text))
}

const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// Writes a file that only this user can read, and replaces an older one at once.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(directory)?;
    let new = path.with_extension(format!("new-{}", std::process::id()));
    // What an earlier process with this number has left.
    let _ = std::fs::remove_file(&new);
    let written = write_new(&new, text).and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
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
