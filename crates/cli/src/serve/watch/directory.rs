//! Watches a directory. Changes that arrive together, as when an editor saves a file or a tool
//! builds a site, become one.

use super::changes::{Change, Changes};
use crate::lock::Lock;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// A change is over when nothing else has changed for this long.
const QUIET: Duration = Duration::from_millis(50);

/// The longest time for which changes are joined.
const AT_MOST: Duration = Duration::from_millis(500);

/// Characters that are percent-encoded in the path of a URL (URL Standard, §1.3), so that the
/// script can compare paths; and the percent sign itself.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// The watch. Dropping it ends the watch.
pub(super) type Watcher = Arc<Lock<RecommendedWatcher>>;

/// How often to check whether another directory has replaced the watched one: a watch is on a
/// directory, not on its name.
const LOOK: Duration = Duration::from_millis(250);

/// How long the handler of the files may take to notice another directory.
const NOTICED: Duration = Duration::from_millis(150);

/// An event of the system.
enum Notice {
    /// Something happened to this path. `appeared`: it is new.
    At { path: PathBuf, appeared: bool },
    /// Events were lost.
    Lost,
}

/// Publishes all changes below the directory. Symbolic links are not followed: they may lead
/// outside, or in a circle.
pub(super) fn watch(
    dir: &Path,
    log: Option<&Path>,
    changes: Arc<Changes>,
) -> notify::Result<Watcher> {
    let path = std::path::absolute(dir).map_err(notify::Error::io)?;
    let root = Root::find(&path).map_err(notify::Error::io)?;
    let own = own_files(log);
    let (give, take) = channel();
    let send = move |event| {
        for notice in notices(event) {
            // The receiver lives as long as the watcher.
            let _ = give.send(notice);
        }
    };
    let config = Config::default().with_follow_symlinks(false);
    let mut watcher = RecommendedWatcher::new(send, config)?;
    watcher.watch(&root.path, RecursiveMode::Recursive)?;
    let watcher = Arc::new(Lock::new(watcher));
    let weak = Arc::downgrade(&watcher);
    std::thread::Builder::new()
        .name("watch".to_owned())
        .stack_size(128 * 1024)
        .spawn(move || gather(&take, &path, root, &weak, &own, &changes))
        .map_err(notify::Error::io)?;
    Ok(watcher)
}

/// The watched directory.
struct Root {
    /// Its path without links.
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Root {
    /// Finds the directory that a path leads to now.
    fn find(path: &Path) -> std::io::Result<Self> {
        let path = path.canonicalize()?;
        let metadata = path.metadata()?;
        let identity = (metadata.dev(), metadata.ino());
        Ok(Root { path, identity })
    }
}

/// Files that this program writes itself. They may be in the directory, and the log line of a
/// reload must not cause the next one.
fn own_files(log: Option<&Path>) -> Vec<PathBuf> {
    let outputs = ["/proc/self/fd/1", "/proc/self/fd/2"];
    let outputs = outputs.iter().map(std::fs::read_link);
    let log = log.map(Path::canonicalize);
    outputs.chain(log).filter_map(Result::ok).collect()
}

/// Returns the paths of an event. Opening and reading are ignored: this server does that itself.
fn notices(event: notify::Result<Event>) -> Vec<Notice> {
    let event = match event {
        Ok(event) if event.need_rescan() => return vec![Notice::Lost],
        Ok(event) => event,
        Err(error) => {
            log::warn!("some changes may not be noticed: {error}");
            return Vec::new();
        }
    };
    let appeared = match event.kind {
        // Each of the two names has an event of its own.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return Vec::new(),
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => true,
        EventKind::Modify(_) | EventKind::Remove(_) => false,
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        _ => return Vec::new(),
    };
    let paths = event.paths.into_iter();
    paths.map(|path| Notice::At { path, appeared }).collect()
}

/// Runs until the watcher is dropped.
fn gather(
    notices: &Receiver<Notice>,
    path: &Path,
    mut root: Root,
    watcher: &Weak<Lock<RecommendedWatcher>>,
    own: &[PathBuf],
    changes: &Changes,
) {
    loop {
        changes.keep_alive(Instant::now());
        let mut batch = Batch::default();
        match notices.recv_timeout(LOOK) {
            Ok(first) => batch.add(first, &root.path, own),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let until = Instant::now() + AT_MOST;
        while !batch.is_empty() && Instant::now() < until {
            let Ok(next) = notices.recv_timeout(QUIET) else {
                break;
            };
            batch.add(next, &root.path, own);
        }
        if let Some(other) = another(path, &root) {
            let Some(watcher) = watcher.upgrade() else {
                return;
            };
            watch_instead(&watcher, &root, &other);
            root = other;
            // Pages that reload now must come from the new directory.
            std::thread::sleep(NOTICED);
            changes.publish(Change::Anything);
            continue;
        }
        // A dangling link exists, too.
        let is_there = |path: &Path| root.path.join(path).symlink_metadata().is_ok();
        if let Some(change) = batch.change(is_there) {
            log::debug!("changed: {change:?}");
            changes.publish(change);
        }
    }
}

/// Returns the directory that the path leads to, if it is another one.
fn another(path: &Path, watched: &Root) -> Option<Root> {
    let metadata = path.metadata().ok()?;
    if (metadata.dev(), metadata.ino()) == watched.identity {
        return None;
    }
    Root::find(path).ok()
}

fn watch_instead(watcher: &Lock<RecommendedWatcher>, old: &Root, new: &Root) {
    let mut watcher = watcher.lock();
    // The old one may be gone, and its watches with it.
    let _ = watcher.unwatch(&old.path);
    match watcher.watch(&new.path, RecursiveMode::Recursive) {
        Ok(()) => log::debug!("watching another directory at {}", new.path.display()),
        Err(error) => log::warn!("some changes may not be noticed: {error}"),
    }
}

/// The events of one change.
#[derive(Default)]
struct Batch {
    /// Paths from the root, and whether their first event was that they appeared.
    paths: HashMap<PathBuf, bool>,
    lost: bool,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.lost
    }

    fn add(&mut self, notice: Notice, root: &Path, own: &[PathBuf]) {
        let (path, appeared) = match notice {
            Notice::At { path, appeared } => (path, appeared),
            Notice::Lost => return self.lost = true,
        };
        let Ok(name) = path.strip_prefix(root) else {
            return;
        };
        if !own.contains(&path) && !is_private(name) {
            self.paths.entry(name.to_owned()).or_insert(appeared);
        }
    }

    /// Joins the events into one change, if there is one. A file that appeared and is gone was
    /// temporary.
    fn change(&self, is_there: impl Fn(&Path) -> bool) -> Option<Change> {
        if self.lost {
            return Some(Change::Anything);
        }
        let mut styles = Vec::new();
        let mut only_styles = true;
        for (path, appeared) in &self.paths {
            match (is_there(path), style_sheet(path)) {
                (true, Some(path)) => styles.push(path),
                (false, _) if *appeared => {}
                _ => only_styles = false,
            }
        }
        styles.sort();
        match (only_styles, styles.is_empty()) {
            (true, true) => None,
            (true, false) => Some(Change::Styles(styles)),
            (false, _) => Some(Change::Anything),
        }
    }
}

/// Whether a path is no part of a site: a name in it begins with a dot, or it is an editor's copy.
fn is_private(name: &Path) -> bool {
    let is_hidden = |part: Component<'_>| part.as_os_str().as_bytes().starts_with(b".");
    let last = name.file_name().map_or(&b""[..], OsStr::as_bytes);
    name.components().any(is_hidden)
        || last.ends_with(b"~")
        || (last.starts_with(b"#") && last.ends_with(b"#"))
}

/// Returns the path of a style sheet, encoded as in a URL; `None` for other files.
fn style_sheet(path: &Path) -> Option<String> {
    let ending = path.extension()?;
    let path = path.to_str()?;
    ending
        .eq_ignore_ascii_case("css")
        .then(|| utf8_percent_encode(path, ENCODED).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, appeared: bool) -> Notice {
        let path = Path::new("/root").join(path);
        Notice::At { path, appeared }
    }

    /// The third column lists the files that exist afterwards.
    #[test]
    fn a_batch_becomes_one_change() {
        let styles = |paths: &[&str]| {
            let paths = paths.iter().map(|path| (*path).to_owned());
            Some(Change::Styles(paths.collect()))
        };
        type Case<'c> = (&'c str, Vec<Notice>, &'c [&'c str], Option<Change>);
        let table: [Case<'_>; 11] = [
            ("nothing", vec![], &[], None),
            (
                "a page",
                vec![at("a.html", false)],
                &["a.html"],
                Some(Change::Anything),
            ),
            (
                "a new page",
                vec![at("a.html", true)],
                &["a.html"],
                Some(Change::Anything),
            ),
            (
                "a page is gone",
                vec![at("a.html", false)],
                &[],
                Some(Change::Anything),
            ),
            (
                "a style sheet",
                vec![at("b/A.CSS", false)],
                &["b/A.CSS"],
                styles(&["b/A.CSS"]),
            ),
            (
                "odd names",
                vec![at("b 1%/ü?.css", false), at("a.css", false)],
                &["b 1%/ü?.css", "a.css"],
                styles(&["a.css", "b%201%25/%C3%BC%3F.css"]),
            ),
            (
                "a style sheet and a page",
                vec![at("a.css", false), at("a.html", false)],
                &["a.css", "a.html"],
                Some(Change::Anything),
            ),
            (
                "a style sheet is gone",
                vec![at("a.css", false)],
                &[],
                Some(Change::Anything),
            ),
            (
                "an editor saves",
                vec![
                    at("4913", true),
                    at("4913", false),
                    at("a.css", false),
                    at("a.css~", true),
                    at("a.css", true),
                ],
                &["a.css", "a.css~"],
                styles(&["a.css"]),
            ),
            (
                "no part of the site",
                vec![
                    at(".git/index", false),
                    at("b/.a.css.swp", true),
                    at("#a.css#", true),
                    at("access.log", false),
                ],
                &[".git/index", "b/.a.css.swp", "#a.css#", "access.log"],
                None,
            ),
            ("lost", vec![Notice::Lost], &[], Some(Change::Anything)),
        ];
        let own = [PathBuf::from("/root/access.log")];
        for (name, notices, there, change) in table {
            let mut batch = Batch::default();
            for notice in notices {
                batch.add(notice, Path::new("/root"), &own);
            }
            let is_there = |path: &Path| there.iter().any(|there| Path::new(there) == path);
            assert_eq!(batch.change(is_there), change, "{name}");
        }
    }
}
