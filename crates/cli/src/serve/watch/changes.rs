//! What has changed, told to everyone who listens, as server-sent events (HTML Standard, §9.2).

use std::io::{self, Cursor, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Streams that may be open at a time. Each has a thread, of 256 that the server has.
const LISTENERS: usize = 64;

/// How long a stream is silent at most: writing is how a client that has gone is noticed.
const SILENCE: Duration = Duration::from_secs(15);

/// What pages have to do about a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Take these style sheets anew, whose paths from the root are given as in a URL.
    Styles(Vec<String>),
    /// Load everything.
    Anything,
}

/// The state of the folder, as a number that grows with each change.
#[derive(Debug)]
pub(crate) struct Changes {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Starts with the time, in milliseconds, so that no number of an earlier server is one of this one's.
    version: u64,
    /// The change that led to this version.
    last: Change,
    listeners: usize,
    ended: bool,
}

impl Changes {
    pub(crate) fn new() -> Arc<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let state = State {
            // It fits for as long as there will be milliseconds.
            version: now.map_or(0, |now| now.as_millis() as u64),
            last: Change::Anything,
            listeners: 0,
            ended: false,
        };
        Arc::new(Changes {
            state: Mutex::new(state),
            changed: Condvar::new(),
        })
    }

    /// Nobody panics while holding this lock, so poison says nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Tells all who listen.
    pub(super) fn tell(&self, change: Change) {
        let mut state = self.lock();
        state.version += 1;
        state.last = change;
        drop(state);
        self.changed.notify_all();
    }

    /// Ends all streams, those to come as well.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// A stream of what changes after that version; `None` if too many listen already.
    pub(super) fn listen(self: &Arc<Self>, since: Option<u64>) -> Option<Events> {
        let mut state = self.lock();
        if state.listeners >= LISTENERS {
            return None;
        }
        state.listeners += 1;
        let seen = since.unwrap_or(state.version);
        // Should the stream be cut, the browser says up to where it had come.
        let first = format!("retry: 1000\nid: {seen}\n\n");
        Some(Events {
            changes: Arc::clone(self),
            seen,
            ready: Cursor::new(first),
        })
    }
}

/// A stream of events. It ends with [`Changes::end`]; until then its reader waits.
pub(super) struct Events {
    changes: Arc<Changes>,
    /// The version up to which everything has been told.
    seen: u64,
    ready: Cursor<String>,
}

impl Events {
    /// Waits for something to say; `None` at the end.
    fn next(&mut self) -> Option<String> {
        let nothing = |state: &mut State| state.version == self.seen && !state.ended;
        let (state, _) = self
            .changes
            .changed
            .wait_timeout_while(self.changes.lock(), SILENCE, nothing)
            .unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return None;
        }
        let version = state.version;
        if version == self.seen {
            return Some(":\n\n".to_owned());
        }
        let told = match &state.last {
            Change::Styles(paths) if self.seen.checked_add(1) == Some(version) => {
                format!(
                    "event: styles\nid: {version}\ndata: {}\n\n",
                    paths.join("\ndata: ")
                )
            }
            // What else has changed since is not known any more.
            _ => format!("event: reload\nid: {version}\ndata:\n\n"),
        };
        drop(state);
        self.seen = version;
        Some(told)
    }
}

impl Read for Events {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ready.position() == self.ready.get_ref().len() as u64 {
            match self.next() {
                Some(text) => self.ready = Cursor::new(text),
                None => return Ok(0),
            }
        }
        self.ready.read(into)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.changes.lock().listeners -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn styles(paths: &[&str]) -> Change {
        Change::Styles(paths.iter().map(|path| (*path).to_owned()).collect())
    }

    #[test]
    fn what_a_listener_is_told() {
        let changes = Changes::new();
        let start = changes.version();
        let mut events = changes.listen(Some(start)).unwrap();
        let mut read = || {
            let mut buffer = [0; 200];
            let length = events.read(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        assert_eq!(read(), format!("retry: 1000\nid: {start}\n\n"));
        changes.tell(styles(&["a.css", "b/c.css"]));
        let id = start + 1;
        assert_eq!(
            read(),
            format!("event: styles\nid: {id}\ndata: a.css\ndata: b/c.css\n\n")
        );
        changes.tell(Change::Anything);
        let id = start + 2;
        assert_eq!(read(), format!("event: reload\nid: {id}\ndata:\n\n"));
        // Two at once: of the first it is not known what it was.
        changes.tell(Change::Anything);
        changes.tell(styles(&["a.css"]));
        let id = start + 4;
        assert_eq!(read(), format!("event: reload\nid: {id}\ndata:\n\n"));
        changes.end();
        assert_eq!(read(), "");
    }

    #[test]
    fn who_comes_late_is_told_at_once() {
        let changes = Changes::new();
        let start = changes.version();
        changes.tell(styles(&["a.css"]));
        let table = [
            (Some(start), "event: styles\n"),
            (Some(start - 1), "event: reload\n"),
            (Some(0), "event: reload\n"),
            (Some(u64::MAX), "event: reload\n"),
        ];
        for (since, told) in table {
            let mut events = changes.listen(since).unwrap();
            events
                .ready
                .set_position(events.ready.get_ref().len() as u64);
            let next = events.next().unwrap();
            assert!(next.starts_with(told), "{since:?}: {next}");
        }
        // Who knows nothing has missed nothing.
        assert_eq!(changes.listen(None).unwrap().seen, start + 1);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let changes = Changes::new();
        let mut crowd: Vec<_> = (0..LISTENERS)
            .map(|_| changes.listen(None).unwrap())
            .collect();
        assert!(changes.listen(None).is_none());
        crowd.pop();
        assert!(changes.listen(None).is_some());
    }
}
