//! The last look at the disk, for requests that had come when it was taken.
//!
//! A request must see every change that was made before it came; a change after that it may see or not. So one look is good for
//! all requests that were there already, and when a file is asked for by many at a time, it is looked at once for all of them.
//! Nothing is ever taken on trust for some milliseconds, as caches of open files do.

use super::Root;
use crate::body::{FileVersion, Kind};
use rustix::io::Errno;
use std::sync::Mutex;
use std::time::Instant;

/// What was seen last.
#[derive(Debug, Default)]
pub(in crate::files) struct SharedStat(Mutex<Option<Seen>>);

#[derive(Debug)]
struct Seen {
    /// A moment before the look.
    since: Instant,
    name: Vec<u8>,
    found: (Kind, FileVersion),
}

impl SharedStat {
    /// What there is under a name, for a request that had come by then.
    pub(in crate::files) fn stat(
        &self,
        root: &Root,
        relative: &[u8],
        arrived: Instant,
    ) -> Result<(Kind, FileVersion), Errno> {
        // Whoever would have to wait for the lock looks for themselves.
        if let Ok(seen) = self.0.try_lock()
            && let Some(seen) = &*seen
            && seen.since >= arrived
            && seen.name == relative
        {
            return Ok(seen.found);
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
    fn a_look_is_good_for_who_came_before_it_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path(), Symlinks::Never, "").unwrap();
        let shared_stat = SharedStat::default();
        let length = |name: &[u8], arrived| {
            shared_stat
                .stat(&root, name, arrived)
                .map(|(_, version)| version.length)
        };
        std::fs::write(folder.path().join("a"), "1").unwrap();
        let first = Instant::now();
        assert_eq!(length(b"a", first), Ok(1));
        std::fs::write(folder.path().join("a"), "22").unwrap();
        std::fs::write(folder.path().join("b"), "333").unwrap();
        let second = Instant::now();
        assert_eq!(length(b"a", first), Ok(1), "it came with the first");
        assert_eq!(length(b"a", second), Ok(2));
        assert_eq!(length(b"a", first), Ok(2), "newer is as good");
        assert_eq!(length(b"b", second), Ok(3));
        std::fs::remove_file(folder.path().join("b")).unwrap();
        assert_eq!(length(b"b", Instant::now()), Err(Errno::NOENT));
        assert_eq!(length(b"c", second), Err(Errno::NOENT));
    }
}
