//! Changes of the directory, as streams of server-sent events (HTML Standard, §9.2). Each is
//! content that comes from a channel, so an open page costs a connection and no thread.

use crate::lock::Lock;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tinyhttp_server::{Body, Sender};

/// The maximum number of open streams.
const STREAMS: usize = 512;

/// The longest silence of a stream. Proxies close connections that are silent for long, and the
/// client of a connection that has broken is noticed only when something is sent.
const SILENCE: Duration = Duration::from_secs(15);

/// What is sent after a silence: a comment.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// A change, by what pages have to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Reload these style sheets. Their paths from the root are encoded as in a URL.
    Styles(Vec<String>),
    /// Reload the page.
    Anything,
}

impl Change {
    /// The event that leads to this version.
    fn event(&self, version: u64) -> String {
        match self {
            Change::Styles(paths) => format!(
                "event: styles\nid: {version}\ndata: {}\n\n",
                paths.join("\ndata: ")
            ),
            Change::Anything => format!("event: reload\nid: {version}\ndata:\n\n"),
        }
    }
}

/// The version of the directory: a number that grows with each change.
#[derive(Debug)]
pub(crate) struct Changes {
    state: Lock<State>,
}

#[derive(Debug)]
struct State {
    /// Starts with the time in milliseconds, so that it is greater than every version of an earlier
    /// server.
    version: u64,
    /// The change that led to this version.
    last: Change,
    streams: Vec<Sender>,
    /// When something was last sent to all streams.
    sent: Instant,
    ended: bool,
}

impl State {
    /// Sends a piece to all streams, and forgets those that are closed or read too slowly: a
    /// browser asks again, and names the last version that it has seen.
    fn send(&mut self, piece: impl Into<Bytes>) {
        let piece = piece.into();
        self.streams
            .retain(|stream| stream.send(piece.clone()).is_ok());
        self.sent = Instant::now();
    }
}

impl Changes {
    pub(crate) fn new() -> Arc<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let state = State {
            // Fits for the next 500 million years.
            version: now.map_or(0, |now| now.as_millis() as u64),
            last: Change::Anything,
            streams: Vec::new(),
            sent: Instant::now(),
            ended: false,
        };
        Arc::new(Changes {
            state: Lock::new(state),
        })
    }

    pub(crate) fn version(&self) -> u64 {
        self.state.lock().version
    }

    /// Sends a change to all streams.
    pub(super) fn publish(&self, change: Change) {
        let mut state = self.state.lock();
        state.version += 1;
        let event = change.event(state.version);
        state.last = change;
        state.send(event);
    }

    /// Sends a comment to all streams if they have been silent for long.
    pub(super) fn keep_alive(&self, now: Instant) {
        let mut state = self.state.lock();
        if now.saturating_duration_since(state.sent) >= SILENCE {
            state.send(COMMENT);
        }
    }

    /// Ends all streams, and later ones at once.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        // Streams end when their senders are dropped.
        state.streams.clear();
    }

    /// Opens a stream of the changes after the version `since`; `None` if too many are open.
    pub(super) fn listen(&self, since: Option<u64>) -> Option<Body> {
        let mut state = self.state.lock();
        state.streams.retain(|stream| !stream.is_closed());
        if state.streams.len() >= STREAMS {
            return None;
        }
        let version = state.version;
        let seen = since.unwrap_or(version);
        // When a stream is interrupted, the browser sends the last ID.
        let mut first = format!("retry: 1000\nid: {seen}\n\n");
        if seen.checked_add(1) == Some(version) {
            first.push_str(&state.last.event(version));
        } else if seen != version {
            // The changes before the last one are not kept.
            first.push_str(&Change::Anything.event(version));
        }
        let (sender, body) = Body::channel();
        // A new channel takes everything.
        let _ = sender.send(first);
        if !state.ended {
            state.streams.push(sender);
        }
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn styles(paths: &[&str]) -> Change {
        Change::Styles(paths.iter().map(|path| (*path).to_owned()).collect())
    }

    /// What a stream has been sent, up to its end.
    fn text(body: Body) -> String {
        std::io::read_to_string(body).unwrap()
    }

    #[test]
    fn a_stream_has_each_event() {
        let changes = Changes::new();
        let start = changes.version();
        let stream = changes.listen(Some(start)).unwrap();
        changes.publish(styles(&["a.css", "b/c.css"]));
        changes.publish(Change::Anything);
        changes.publish(styles(&["a.css"]));
        changes.end();
        let [one, two, three] = [1, 2, 3].map(|more| start + more);
        assert_eq!(
            text(stream),
            format!(
                "retry: 1000\nid: {start}\n\n\
                 event: styles\nid: {one}\ndata: a.css\ndata: b/c.css\n\n\
                 event: reload\nid: {two}\ndata:\n\n\
                 event: styles\nid: {three}\ndata: a.css\n\n"
            )
        );
        let late = changes.listen(Some(three)).unwrap();
        assert_eq!(text(late), format!("retry: 1000\nid: {three}\n\n"));
    }

    #[test]
    fn a_late_stream_begins_with_the_missed_change() {
        let changes = Changes::new();
        let start = changes.version();
        changes.publish(styles(&["a.css"]));
        let table = [
            (Some(start), "event: styles\n"),
            (Some(start - 1), "event: reload\n"),
            (Some(0), "event: reload\n"),
            (Some(u64::MAX), "event: reload\n"),
            // A new stream has missed nothing.
            (Some(start + 1), ""),
            (None, ""),
        ];
        let streams = table.map(|(since, want)| (since, want, changes.listen(since).unwrap()));
        changes.end();
        for (since, want, stream) in streams {
            let text = text(stream);
            let (_, events) = text.split_once("\n\n").unwrap();
            assert!(events.starts_with(want), "{since:?}: {text}");
            assert_eq!(events.is_empty(), want.is_empty(), "{since:?}: {text}");
        }
    }

    #[test]
    fn silent_streams_get_a_comment() {
        let changes = Changes::new();
        let stream = changes.listen(None).unwrap();
        let sent = changes.state.lock().sent;
        for (seconds, comments) in [(0, 0), (14, 0), (15, 1)] {
            changes.keep_alive(sent + Duration::from_secs(seconds));
            let is_sent = changes.state.lock().sent != sent;
            assert_eq!(usize::from(is_sent), comments, "{seconds}");
        }
        changes.end();
        assert!(text(stream).ends_with("\n\n:\n\n"));
    }

    #[test]
    fn closed_streams_make_room_for_others() {
        let changes = Changes::new();
        let open = |_| changes.listen(None);
        let mut streams: Vec<_> = (0..STREAMS).map_while(open).collect();
        assert_eq!(streams.len(), STREAMS);
        assert!(changes.listen(None).is_none());
        streams.pop();
        let mut last = changes.listen(None).unwrap();
        assert!(changes.listen(None).is_none());
        assert!(last.read(&mut [0]).is_ok());
    }
}
