//! The last `statx`, shared with requests that arrived before it.
//!
//! A request must see every change that was made before it arrived; later changes it may see or
//! not. So one `statx` serves all requests that are already there, and a file that many clients
//! request at the same time is looked at once. Unlike a cache of open files, this never trusts an
//! old result.

use super::Root;
use crate::body::{FileVersion, Kind};
use rustix::io::Errno;
use std::sync::Mutex;
use std::time::Instant;

/// The last result, if there is one.
#[derive(Debug, Default)]
pub(in crate::files) struct SharedStat(Mutex<Option<Seen>>);

#[derive(Debug)]
struct Seen {
    /// A moment before the system call.
    since: Instant,
    name: Vec<u8>,
    found: (Kind, FileVersion),
}

impl SharedStat {
    /// [`Root::stat_known`], or a result that is not older than `arrived`.
    pub(in crate::files) fn stat(
        &self,
        root: &Root,
        relative: &[u8],
        arrived: Instant,
    ) -> Result<(Kind, FileVersion), Errno> {
        // Under contention, a system call is cheaper than waiting for the lock.
        if let Ok(seen) = self.0.try_lock() {
            if let Some(seen) = &*seen {
                if seen.since >= arrived && seen.name == relative {
                    return Ok(seen.found);
                }
            }
        }
        let found = root.stat_known(relative)?;
        if let Ok(mut last) = self.0.try_lock() {
            let mut name = last.take().map_or_else(Vec::new, |seen| seen.name);
            name.clear();
            name.extend_from_slice(relative);
            *last = Some(Seen {
                since: arrived,
                name,
                found,
            });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::root::Symlinks;

    #[test]
    fn a_result_serves_requests_that_arrived_before_it_only() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path(), Symlinks::Never, "").unwrap();
        let shared_stat = SharedStat::default();
        let length = |name: &[u8], arrived| {
            shared_stat
                .stat(&root, name, arrived)
                .map(|(_, version)| version.length)
        };
        std::fs::write(dir.path().join("a"), "1").unwrap();
        let first = Instant::now();
        assert_eq!(length(b"a", first), Ok(1));
        std::fs::write(dir.path().join("a"), "22").unwrap();
        std::fs::write(dir.path().join("b"), "333").unwrap();
        let second = Instant::now();
        assert_eq!(length(b"a", first), Ok(1), "it arrived with the first");
        assert_eq!(length(b"a", second), Ok(2));
        assert_eq!(length(b"a", first), Ok(2), "newer is as good");
        assert_eq!(length(b"b", second), Ok(3));
        std::fs::remove_file(dir.path().join("b")).unwrap();
        assert_eq!(length(b"b", Instant::now()), Err(Errno::NOENT));
        assert_eq!(length(b"c", second), Err(Errno::NOENT));
    }
}
