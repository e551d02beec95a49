//! How the content of a request is received before its handler is called.

use std::path::PathBuf;

/// The longest content that is received before a handler is called, in bytes, unless the server,
/// the router or the route sets another limit.
pub(crate) const MAX_BODY: u64 = 2 * 1024 * 1024;

/// How the content of a request is received before its handler is called.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Intake {
    /// The longest content, in bytes. Longer content gets a 413. `None`: the server's limit,
    /// [`Builder::max_body`](crate::Builder::max_body).
    pub limit: Option<u64>,
    /// The directory of temporary files. `None`: the system's.
    pub directory: Option<PathBuf>,
}
