//! Changes of the directory, as streams of server-sent events (HTML Standard, §9.2).

use std::io::{self, Cursor, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The maximum number of open streams. Each has one of the server's 256 threads.
const LISTENERS: usize = 64;

/// The longest silence of a stream. Only a write reveals that the client is gone.
const SILENCE: Duration = Duration::from_secs(15);

/// A change, by what pages have to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Reload these style sheets. Their paths from the root are encoded as in a URL.
    Styles(Vec<String>),
    /// Reload the page.
    Anything,
}

/// The version of the directory: a number that grows with each change.
#[derive(Debug)]
pub(crate) struct Changes {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Starts with the time in milliseconds, so that it is greater than every version of an earlier
    /// server.
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
            // Fits for the next 500 million years.
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

    /// No code panics while holding this lock, so poison means nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Sends a change to all streams.
    pub(super) fn publish(&self, change: Change) {
        let mut state = self.lock();
        state.version += 1;
        state.last = change;
        drop(state);
        self.changed.notify_all();
    }

    /// Ends all streams, and later ones at once.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Opens a stream of the changes after the version `since`; `None` if too many are open.
    pub(super) fn listen(self: &Arc<Self>, since: Option<u64>) -> Option<Events> {
        let mut state = self.lock();
        if state.listeners >= LISTENERS {
            return None;
        }
        state.listeners += 1;
        let seen = since.unwrap_or(state.version);
        // When a stream is interrupted, the browser sends the last ID.
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
    /// The last version that was sent.
    seen: u64,
    ready: Cursor<String>,
}

impl Events {
    /// Waits for the next event; `None` at the end.
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
        let event = match &state.last {
            Change::Styles(paths) if self.seen.checked_add(1) == Some(version) => {
                format!(
                    "event: styles\nid: {version}\ndata: {}\n\n",
                    paths.join("\ndata: ")
                )
            }
            // The changes before the last one are not kept.
            _ => format!("event: reload\nid: {version}\ndata:\n\n"),
        };
        drop(state);
        self.seen = version;
        Some(event)
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
    fn events_of_a_stream() {
        let changes = Changes::new();
        let start = changes.version();
        let mut events = changes.listen(Some(start)).unwrap();
        let mut read = || {
            let mut buffer = [0; 200];
            let length = events.read(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        assert_eq!(read(), format!("retry: 1000\nid: {start}\n\n"));
        changes.publish(styles(&["a.css", "b/c.css"]));
        let id = start + 1;
        assert_eq!(
            read(),
            format!("event: styles\nid: {id}\ndata: a.css\ndata: b/c.css\n\n")
        );
        changes.publish(Change::Anything);
        let id = start + 2;
        assert_eq!(read(), format!("event: reload\nid: {id}\ndata:\n\n"));
        // Of two changes at once, only the last one is known.
        changes.publish(Change::Anything);
        changes.publish(styles(&["a.css"]));
        let id = start + 4;
        assert_eq!(read(), format!("event: reload\nid: {id}\ndata:\n\n"));
        changes.end();
        assert_eq!(read(), "");
    }

    #[test]
    fn a_late_stream_starts_with_the_missed_change() {
        let changes = Changes::new();
        let start = changes.version();
        changes.publish(styles(&["a.css"]));
        let table = [
            (Some(start), "event: styles\n"),
            (Some(start - 1), "event: reload\n"),
            (Some(0), "event: reload\n"),
            (Some(u64::MAX), "event: reload\n"),
        ];
        for (since, want) in table {
            let mut events = changes.listen(since).unwrap();
            events
                .ready
                .set_position(events.ready.get_ref().len() as u64);
            let next = events.next().unwrap();
            assert!(next.starts_with(want), "{since:?}: {next}");
        }
        // A new stream has missed nothing.
        assert_eq!(changes.listen(None).unwrap().seen, start + 1);
    }

    #[test]
    fn number_of_streams_is_limited() {
        let changes = Changes::new();
        let mut streams: Vec<_> = (0..LISTENERS)
            .map(|_| changes.listen(None).unwrap())
            .collect();
        assert!(changes.listen(None).is_none());
        streams.pop();
        assert!(changes.listen(None).is_some());
    }
}
