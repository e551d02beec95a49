//! The files that servers may have sent in the place of their own content.

use crate::handler::Handler;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// The files that servers may name in `X-Accel-Redirect` and `X-Sendfile`.
///
/// ```
/// use tinyhttp_server::Files;
/// use tinyhttp_server::gateway::{SentFiles, Upstream};
///
/// let directory = tempfile::tempdir()?;
/// // `X-Accel-Redirect: /protected/a.pdf`, or `X-Sendfile: /var/app/a.pdf`.
/// let files = SentFiles::new(Files::open(directory.path())?)
///     .prefix("/protected")
///     .directory("/var/app");
/// let application = Upstream::builder(["http://127.0.0.1:9000".parse()?])
///     .send_files([files])
///     .build();
/// # let _ = application;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SentFiles {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) prefix: Vec<u8>,
    directories: Vec<Vec<u8>>,
}

impl SentFiles {
    /// Files that are sent by a handler, which gets a GET or HEAD for a path below the prefix or
    /// the directory. Only its responses 200, 206, 304, 412 and 416 are sent, any other is a 404.
    #[must_use]
    pub fn new(handler: impl Handler) -> Self {
        SentFiles {
            handler: Arc::new(handler),
            prefix: b"/".to_vec(),
            directories: Vec::new(),
        }
    }

    /// Sets the URL path that stands for the directory in `X-Accel-Redirect`; `/` unless set.
    /// Clients can't request it: it leads to these files only in a server's response.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.as_bytes().to_vec();
        self
    }

    /// Adds a path of the directory in the file system, by which servers name it in `X-Sendfile`.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        let path = directory.as_ref().as_os_str().as_bytes();
        let without = path.strip_suffix(b"/").unwrap_or(path);
        self.directories.push(without.to_vec());
        self
    }

    /// What follows the longest path of the directory.
    pub(super) fn below_directory<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let rests = self.directories.iter().filter_map(|directory| {
            let rest = path.strip_prefix(&directory[..])?;
            rest.starts_with(b"/").then_some(rest)
        });
        rests.min_by_key(|rest| rest.len())
    }
}

impl fmt::Debug for SentFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentFiles")
            .field("prefix", &String::from_utf8_lossy(&self.prefix))
            .finish_non_exhaustive()
    }
}

/// The files, unless there are none.
pub(super) fn sent_files(files: impl IntoIterator<Item = SentFiles>) -> Option<Arc<[SentFiles]>> {
    let files: Vec<_> = files.into_iter().collect();
    (!files.is_empty()).then(|| files.into())
}
