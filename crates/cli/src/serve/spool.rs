//! The directory of the temporary files for content that is received before it is forwarded, or
//! before a program is started for it.
//!
//! The files have no names, so the directory stays empty. It belongs to the server's user, since
//! the sandbox permits writing there: in the directory around it, which all users share, that would
//! be a right too many. It is left behind, since the sandbox permits no removal.

use super::args::Args;
use crate::failure::Failure;
use rustix::process::geteuid;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// Makes the directory, if one is needed.
///
/// # Errors
/// If it can't be made, or something else has its name.
pub(super) fn make_directory(args: &Args) -> Result<(), Failure> {
    let Some(path) = args.spool() else {
        return Ok(());
    };
    make(&path).map_err(|error| {
        Failure::new(
            format!("{} can't hold temporary files: {error}", path.display()),
            "TMPDIR names another place for this directory",
        )
    })
}

fn make(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Not through a link: another user may have put one here.
    let found = path.symlink_metadata()?;
    let is_own = found.is_dir() && found.uid() == geteuid().as_raw();
    match is_own && found.mode() & 0o077 == 0 {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is no directory of this user alone",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn only_a_directory_of_this_user_alone_is_used() {
        let around = tempfile::tempdir().unwrap();
        let at = |name: &str| around.path().join(name);
        make(&at("new")).unwrap();
        make(&at("new")).unwrap();
        assert_eq!(at("new").metadata().unwrap().mode() & 0o777, 0o700);
        symlink(at("new"), at("link")).unwrap();
        std::fs::write(at("file"), "").unwrap();
        make(&at("open")).unwrap();
        set_permissions(at("open"), Permissions::from_mode(0o770)).unwrap();
        for wrong in ["link", "file", "open", "none/new"] {
            assert!(make(&at(wrong)).is_err(), "{wrong}");
        }
    }
}
