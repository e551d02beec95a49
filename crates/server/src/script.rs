//! A script in a served directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A script: a regular file that lies in the served directory, and the parts of the request's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub(crate) root: PathBuf,
    pub(crate) relative: Vec<u8>,
    pub(crate) name: Vec<u8>,
    pub(crate) info: Vec<u8>,
}

impl Script {
    /// The absolute path of the served directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of the script below the served directory.
    #[must_use]
    pub fn relative(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.relative))
    }

    /// The absolute path of the script.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.root.join(self.relative())
    }

    /// The part of the request's path that names the script, decoded: SCRIPT_NAME.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The part of the request's path behind the script, decoded: PATH_INFO. Empty, or a path that
    /// begins with a slash.
    #[must_use]
    pub fn info(&self) -> &[u8] {
        &self.info
    }
}
