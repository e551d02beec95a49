//! From the path of a request to a script, and to nothing else.

use crate::failure::Failure;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A script, and what the path has for it.
pub(crate) struct Script {
    /// A single name, so it can't lead out of the folder.
    pub(crate) name: OsString,
    /// The rest of the path, decoded: empty, or from its `/` on.
    pub(crate) path_info: OsString,
}

/// Finds the script that a path names first. Hidden files, links and what may not be executed are
/// not there.
pub(crate) fn find(folder: &Path, path: &str) -> Result<Script, Failure> {
    // The path is decoded once: it has no `..`, no empty name, no NUL, and no `/` that was encoded.
    let path = tinyhttp_message::Path::normalize(path).map_err(|_| Failure::NotFound)?;
    let name = path.segments().next().ok_or(Failure::NotFound)?;
    if name.starts_with(b".") {
        return Err(Failure::NotFound);
    }
    let name = OsStr::from_bytes(name);
    let metadata = folder
        .join(name)
        .symlink_metadata()
        .map_err(|_| Failure::NotFound)?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(Failure::NotFound);
    }
    let rest = &path.as_bytes()[1 + name.len()..];
    Ok(Script {
        name: name.to_owned(),
        path_info: OsString::from_vec(rest.to_vec()),
    })
}
