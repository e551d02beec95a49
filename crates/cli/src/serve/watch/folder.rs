//! Waits for changes in a folder. Those that come together, as when an editor saves a file or a tool builds a site, are one.

use super::changes::{Change, Changes};
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long nothing has to change before a change is over.
const QUIET: Duration = Duration::from_millis(50);

/// How long changes are gathered if it never gets quiet.
const AT_MOST: Duration = Duration::from_millis(500);

/// What a path in a URL has encoded (URL Standard, §1.3), so that the script can compare the two; and the percent sign itself.
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

/// Watches for as long as it lives.
pub(super) type Watcher = Arc<Mutex<RecommendedWatcher>>;

/// How often to check whether the path leads to another folder: a watch is on a folder, not on a name.
const LOOK: Duration = Duration::from_millis(250);

/// How long the handler of the folder may take to notice another folder in its place.
const NOTICED: Duration = Duration::from_millis(150);

/// Something that the system has said.
enum Noise {
    /// Something happened to this; perhaps it was not there before.
    At { path: PathBuf, appeared: bool },
    /// The system could not keep up: it is not known what happened.
    Lost,
}

/// Tells of all changes below the folder. Symbolic links are not followed: they may lead anywhere, and round.
pub(super) fn watch(
    folder: &Path,
    log: Option<&Path>,
    changes: Arc<Changes>,
) -> notify::Result<Watcher> {
    let path = std::path::absolute(folder).map_err(notify::Error::io)?;
    let root = Root::find(&path).map_err(notify::Error::io)?;
    let own = own_files(log);
    let (give, take) = channel();
    let told = move |event| {
        for noise in noises(event) {
            // The receiver lives as long as the watcher.
            let _ = give.send(noise);
        }
    };
    let config = Config::default().with_follow_symlinks(false);
    let mut watcher = RecommendedWatcher::new(told, config)?;
    watcher.watch(&root.path, RecursiveMode::Recursive)?;
    let watcher = Arc::new(Mutex::new(watcher));
    let weak = Arc::downgrade(&watcher);
    std::thread::Builder::new()
        .name("watch".to_owned())
        .stack_size(128 * 1024)
        .spawn(move || gather(&take, &path, root, &weak, &own, &changes))
        .map_err(notify::Error::io)?;
    Ok(watcher)
}

/// The folder that is watched.
struct Root {
    /// Its path without links.
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Root {
    /// The folder that a path leads to now.
    fn find(path: &Path) -> std::io::Result<Self> {
        let path = path.canonicalize()?;
        let metadata = path.metadata()?;
        let identity = (metadata.dev(), metadata.ino());
        Ok(Root { path, identity })
    }
}

/// What this program writes itself, perhaps into the folder: a page that reloads writes a line, which must not make it reload.
fn own_files(log: Option<&Path>) -> Vec<PathBuf> {
    let outputs = ["/proc/self/fd/1", "/proc/self/fd/2"];
    let outputs = outputs.iter().map(std::fs::read_link);
    let log = log.map(Path::canonicalize);
    outputs.chain(log).filter_map(Result::ok).collect()
}

/// What of an event is worth knowing. That a file was opened or read isn't: this server does that all the time.
fn noises(event: notify::Result<Event>) -> Vec<Noise> {
    let event = match event {
        Ok(event) if event.need_rescan() => return vec![Noise::Lost],
        Ok(event) => event,
        Err(error) => {
            log::warn!("some changes may not be noticed: {error}");
            return Vec::new();
        }
    };
    let appeared = match event.kind {
        // It is said of each of the two names, too.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return Vec::new(),
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => true,
        EventKind::Modify(_) | EventKind::Remove(_) => false,
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        _ => return Vec::new(),
    };
    let paths = event.paths.into_iter();
    paths.map(|path| Noise::At { path, appeared }).collect()
}

/// Runs until the watcher is dropped.
fn gather(
    noises: &Receiver<Noise>,
    path: &Path,
    mut root: Root,
    watcher: &Weak<Mutex<RecommendedWatcher>>,
    own: &[PathBuf],
    changes: &Changes,
) {
    loop {
        let mut batch = Batch::default();
        match noises.recv_timeout(LOOK) {
            Ok(first) => batch.add(first, &root.path, own),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let until = Instant::now() + AT_MOST;
        while !batch.is_empty()
            && Instant::now() < until
            && let Ok(next) = noises.recv_timeout(QUIET)
        {
            batch.add(next, &root.path, own);
        }
        if let Some(other) = another(path, &root) {
            let Some(watcher) = watcher.upgrade() else {
                return;
            };
            watch_instead(&watcher, &root, &other);
            root = other;
            // Pages that reload now have to come from the new folder.
            std::thread::sleep(NOTICED);
            changes.tell(Change::Anything);
            continue;
        }
        // A link that leads nowhere is there, too.
        let is_there = |path: &Path| root.path.join(path).symlink_metadata().is_ok();
        if let Some(change) = batch.change(is_there) {
            log::debug!("changed: {change:?}");
            changes.tell(change);
        }
    }
}

/// The folder that the path leads to, if it isn't the one that is watched.
fn another(path: &Path, watched: &Root) -> Option<Root> {
    let metadata = path.metadata().ok()?;
    if (metadata.dev(), metadata.ino()) == watched.identity {
        return None;
    }
    Root::find(path).ok()
}

fn watch_instead(watcher: &Mutex<RecommendedWatcher>, old: &Root, new: &Root) {
    let mut watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
    // The old one may be gone, and its watches with it.
    let _ = watcher.unwatch(&old.path);
    match watcher.watch(&new.path, RecursiveMode::Recursive) {
        Ok(()) => log::debug!("watching another folder at {}", new.path.display()),
        Err(error) => log::warn!("some changes may not be noticed: {error}"),
    }
}

/// What has happened within a moment.
#[derive(Default)]
struct Batch {
    /// Names from the root, and whether the first that was heard of them is that they appeared.
    paths: HashMap<PathBuf, bool>,
    lost: bool,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.lost
    }

    fn add(&mut self, noise: Noise, root: &Path, own: &[PathBuf]) {
        let (path, appeared) = match noise {
            Noise::At { path, appeared } => (path, appeared),
            Noise::Lost => return self.lost = true,
        };
        let Ok(name) = path.strip_prefix(root) else {
            return;
        };
        if !own.contains(&path) && !is_private(name) {
            self.paths.entry(name.to_owned()).or_insert(appeared);
        }
    }

    /// What all of it amounts to, if to anything. A file that came and is gone again was somebody's on the way to another.
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

/// Names that are no part of a site: those that begin with a dot, anywhere on the way, and editors' copies.
fn is_private(name: &Path) -> bool {
    let is_hidden = |part: Component<'_>| part.as_os_str().as_bytes().starts_with(b".");
    let last = name.file_name().map_or(&b""[..], OsStr::as_bytes);
    name.components().any(is_hidden)
        || last.ends_with(b"~")
        || (last.starts_with(b"#") && last.ends_with(b"#"))
}

/// The path of a style sheet, as in a URL.
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

    fn at(path: &str, appeared: bool) -> Noise {
        let path = Path::new("/root").join(path);
        Noise::At { path, appeared }
    }

    /// What is there afterwards is listed.
    #[test]
    fn what_a_batch_amounts_to() {
        let styles = |paths: &[&str]| {
            let paths = paths.iter().map(|path| (*path).to_owned());
            Some(Change::Styles(paths.collect()))
        };
        type Case<'c> = (&'c str, Vec<Noise>, &'c [&'c str], Option<Change>);
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
                "others' affairs",
                vec![
                    at(".git/index", false),
                    at("b/.a.css.swp", true),
                    at("#a.css#", true),
                    at("access.log", false),
                ],
                &[".git/index", "b/.a.css.swp", "#a.css#", "access.log"],
                None,
            ),
            ("lost", vec![Noise::Lost], &[], Some(Change::Anything)),
        ];
        let own = [PathBuf::from("/root/access.log")];
        for (name, noises, there, change) in table {
            let mut batch = Batch::default();
            for noise in noises {
                batch.add(noise, Path::new("/root"), &own);
            }
            let is_there = |path: &Path| there.iter().any(|there| Path::new(there) == path);
            assert_eq!(batch.change(is_there), change, "{name}");
        }
    }
}
