//! Server-sent events (WHATWG HTML §9.2): a response that lasts, and has a message now and then.
//!
//! # Theory
//!
//! A browser opens an `EventSource` and reads a response of the type `text/event-stream` that does
//! not end. Each event is a few lines and an empty one:
//!
//! ```text
//! id: 7
//! event: tick
//! data: first line
//! data: second line
//!
//! ```
//!
//! If the connection breaks, the browser opens it again by itself and sends the last `id` it has
//! seen in Last-Event-ID, so that the server can send what was missed ([`last_event_id`]).
//!
//! A connection whose sender is silent is parked and holds no thread. So that proxies do not take
//! it for dead, and the server notices that a client has left, it sends a comment when there was
//! nothing for 15 seconds.
//!
//! ```
//! use tinyhttp_server::{Event, Request, Response};
//!
//! fn ticks(request: Request<'_>) -> Response {
//!     let seen = request.last_event_id().and_then(|id| id.parse().ok());
//!     let next = seen.map_or(0, |id: u64| id + 1);
//!     let (events, response) = Response::sse();
//!     std::thread::spawn(move || {
//!         for number in next..next + 2 {
//!             let event = Event::new(format!("tick {number}")).id(number.to_string());
//!             // The client has left, or reads too slowly.
//!             if events.send(event).is_err() {
//!                 return;
//!             }
//!         }
//!     });
//!     response
//! }
//!
//! let request = Request::get("/").with_header("last-event-id", "7");
//! let content = ticks(request).into_text()?;
//! assert_eq!(content, "id: 8\ndata: tick 8\n\nid: 9\ndata: tick 9\n\n");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! [`last_event_id`]: crate::Request::last_event_id

use crate::body::{Body, SendError, Sender};
use crate::lock::Lock;
use crate::request::Request;
use crate::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use std::sync::Arc;
use std::time::Duration;

/// How long a silent stream waits before it sends a comment.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A comment, which clients skip.
const COMMENT: &[u8] = b":\n\n";

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The lines before the data.
    fields: String,
    data: String,
}

impl Event {
    /// A message. Its line breaks are kept.
    pub fn new(data: impl Into<String>) -> Self {
        Event {
            fields: String::new(),
            data: data.into(),
        }
    }

    /// Sets its number or whatever else identifies it. A line break or a NUL in it becomes a space.
    #[must_use]
    pub fn id(self, id: impl AsRef<str>) -> Self {
        self.field("id", id.as_ref())
    }

    /// Sets its type, by which scripts listen to it. A line break or a NUL in it becomes a space.
    #[must_use]
    pub fn event(self, event: impl AsRef<str>) -> Self {
        self.field("event", event.as_ref())
    }

    /// Sets how long the client waits before it opens a broken connection again.
    #[must_use]
    pub fn retry(self, wait: Duration) -> Self {
        self.field("retry", &wait.as_millis().to_string())
    }

    fn field(mut self, name: &str, value: &str) -> Self {
        let value = value.replace(['\r', '\n', '\0'], " ");
        self.fields.push_str(&format!("{name}: {value}\n"));
        self
    }

    fn write(&self) -> String {
        let mut text = self.fields.clone();
        let data = self.data.replace("\r\n", "\n").replace('\r', "\n");
        for line in data.split('\n') {
            text.push_str("data: ");
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
        text
    }
}

/// Sends events to a client. The stream ends when this and its clones are dropped.
#[derive(Debug, Clone)]
pub struct EventSender(Sender);

impl EventSender {
    /// Sends an event. Does not block: it waits until the client takes it.
    ///
    /// # Errors
    /// [`SendError::Closed`] if the client has left, [`SendError::Full`] if it reads too slowly.
    /// The event is not sent then.
    pub fn send(&self, event: impl Into<Event>) -> Result<(), SendError> {
        self.0.send(event.into().write())
    }

    /// Whether the client has left.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// Sends events to many clients. Clones have the same clients; the streams end when all clones are
/// dropped.
///
/// ```
/// use tinyhttp_server::{Broadcast, Error, Request, Router, StatusCode};
///
/// let events = Broadcast::new();
/// let listeners = events.clone();
/// let app = Router::new()
///     .get("/", move |_: Request<'_>| listeners.subscribe())
///     .post("/", move |request: Request<'_>| {
///         events.send(request.into_text(4096)?);
///         Ok::<_, Error>(StatusCode::NO_CONTENT)
///     });
/// let stream = app.call(Request::get("/"));
/// app.call(Request::post("/", "hello"));
/// drop(app);
/// assert_eq!(stream.into_text()?, "data: hello\n\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Broadcast(Arc<Lock<Vec<EventSender>>>);

impl Broadcast {
    /// Without clients.
    #[must_use]
    pub fn new() -> Self {
        Broadcast::default()
    }

    /// A response with the events that are sent from now on.
    #[must_use]
    pub fn subscribe(&self) -> Response {
        let (sender, response) = Response::sse();
        let mut clients = self.0.lock();
        // Clients that left while nothing was sent make room before the list grows.
        if clients.len() == clients.capacity() {
            clients.retain(|client| !client.is_closed());
        }
        clients.push(sender);
        response
    }

    /// Sends an event to all clients, and returns their number. Does not block: a client that has
    /// left or reads too slowly is dropped, and its stream ends.
    pub fn send(&self, event: impl Into<Event>) -> usize {
        let text = Bytes::from(event.into().write());
        let mut clients = self.0.lock();
        clients.retain(|client| client.0.send(text.clone()).is_ok());
        clients.len()
    }
}

/// A message.
impl From<&str> for Event {
    fn from(data: &str) -> Self {
        Event::new(data)
    }
}

/// A message.
impl From<String> for Event {
    fn from(data: String) -> Self {
        Event::new(data)
    }
}

impl Response {
    /// A stream of server-sent events, and what sends them. See [`Event`].
    #[must_use]
    pub fn sse() -> (EventSender, Self) {
        let (sender, body) = Body::channel();
        let body = body.keep_alive(KEEP_ALIVE, Bytes::from_static(COMMENT));
        let mut response = Response::new(body);
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        // Neither kept nor compressed nor held back on the way.
        fields.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        );
        fields.insert("x-accel-buffering", HeaderValue::from_static("no"));
        (EventSender(sender), response)
    }
}

impl Request<'_> {
    /// The `id` of the last event that the client has seen before its connection broke; `None` for
    /// a client that begins.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        std::str::from_utf8(self.field("last-event-id")?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lines() {
        let table = [
            (Event::new("a"), "data: a\n\n"),
            (
                Event::new("a\nb\r\nc\rd"),
                "data: a\ndata: b\ndata: c\ndata: d\n\n",
            ),
            (Event::new(""), "data: \n\n"),
            (
                Event::new("a")
                    .id("1")
                    .event("x")
                    .retry(Duration::from_secs(2)),
                "id: 1\nevent: x\nretry: 2000\ndata: a\n\n",
            ),
            (
                Event::new("a").id("1\ndata: b\r\0"),
                "id: 1 data: b  \ndata: a\n\n",
            ),
        ];
        for (event, text) in table {
            assert_eq!(event.write(), text);
        }
    }
    #[test]
    fn a_broadcast_reaches_the_clients_that_are_there() {
        let events = Broadcast::new();
        assert_eq!(events.send("too early"), 0);
        let [early, gone] = [events.subscribe(), events.clone().subscribe()];
        drop(gone);
        assert_eq!(events.send("a"), 1);
        let late = events.subscribe();
        assert_eq!(events.send(Event::new("b").id("2")), 2);
        drop(events);
        let b = "id: 2\ndata: b\n\n";
        assert_eq!(early.into_text().unwrap(), format!("data: a\n\n{b}"));
        assert_eq!(late.into_text().unwrap(), b);
    }

    #[test]
    fn clients_that_left_are_forgotten_although_nothing_is_sent() {
        let events = Broadcast::new();
        for _ in 0..1000 {
            drop(events.subscribe());
        }
        assert!(events.0.lock().len() < 10);
    }
}
