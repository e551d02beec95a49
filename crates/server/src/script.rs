//! A script in a served directory, and what runs it.

use crate::handler::Reply;
use crate::request::Request;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Runs the scripts that [`Files`](crate::Files) finds for a pattern.
pub trait Interpreter: Send + Sync + 'static {
    /// Decides how a request for a script is answered, as [`Handler::handle`] does.
    ///
    /// [`Handler::handle`]: crate::Handler::handle
    fn run<'a>(&'a self, request: Request<'a>, script: Script) -> Reply<'a>;
}

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
