//! Content that is produced over time, by a thread that sends it piece by piece.
//!
//! A connection that has sent everything parks while its sender is silent, and holds no thread. It
//! leaves a waker here when it parks; the next piece takes and calls it.

use super::trailers::{InvalidTrailer, Trailers, trailer};
use crate::lock::{Lock, unpoisoned};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, MutexGuard};
use std::time::Duration;

/// Bytes that may wait for a client that reads slowly.
const QUEUED: usize = 1024 * 1024;

/// Sends content to a client. The content ends when this and its clones are dropped; if a panic
/// drops one of them, or one is [aborted](Sender::abort), the content is visibly incomplete.
#[derive(Clone)]
pub struct Sender(Arc<Sending>);

/// Ends the content when it is dropped, with the last clone of the sender.
struct Sending(Arc<Channel>);

/// The receiving end, which is part of a response.
pub(crate) struct Receiver {
    channel: Arc<Channel>,
    /// A piece that was read in part.
    rest: Bytes,
    /// What is sent when the sender has been silent for that long.
    keep_alive: Option<Box<(Duration, Bytes)>>,
}

#[derive(Default)]
struct Channel {
    state: Lock<State>,
    /// There is something to receive.
    changed: Condvar,
    trailers: Trailers,
    /// Changes pieces before they are queued. Locked before `state`.
    transform: Lock<Option<Box<dyn Transform>>>,
}

/// Changes content piece by piece, on the thread that sends it.
pub(crate) trait Transform: Send {
    /// What is sent for a piece, and at once.
    ///
    /// # Errors
    /// The content can't be continued then.
    fn piece(&mut self, piece: &[u8]) -> io::Result<Vec<u8>>;

    /// What is sent at the end.
    ///
    /// # Errors
    /// The content has no proper end then.
    fn end(self: Box<Self>) -> io::Result<Vec<u8>>;
}

#[derive(Default)]
struct State {
    /// Pieces pass the transform.
    is_transformed: bool,
    /// The transform or a sender has failed.
    has_failed: bool,
    queue: VecDeque<Bytes>,
    queued: usize,
    /// The sender is gone.
    is_finished: bool,
    /// The receiver is gone.
    is_abandoned: bool,
    waker: Option<Waker>,
}

/// What a parked connection leaves behind to be woken by.
pub(crate) type Waker = Box<dyn FnOnce() + Send>;

/// Why content was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is closed.
    Closed,
    /// The client reads more slowly than content is sent: a MiB waits for it.
    Full,
    /// A field can't be a trailer field.
    InvalidTrailer,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Closed => f.write_str("the client has closed the connection"),
            SendError::Full => f.write_str("the client reads too slowly: 1 MiB waits for it"),
            SendError::InvalidTrailer => InvalidTrailer.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

/// What a receiver finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Content(Bytes),
    /// The sender is silent.
    Nothing,
    End,
    /// The content can't be continued.
    Failed,
}

pub(super) fn channel() -> (Sender, Receiver) {
    let channel = Arc::new(Channel::default());
    let receiver = Receiver {
        channel: Arc::clone(&channel),
        rest: Bytes::new(),
        keep_alive: None,
    };
    (Sender(Arc::new(Sending(channel))), receiver)
}

impl State {
    /// Whether a piece of this length can be sent.
    fn admit(&self, length: usize) -> Result<(), SendError> {
        if self.is_abandoned || self.has_failed {
            return Err(SendError::Closed);
        }
        match self.queued + length > QUEUED && self.queued > 0 {
            true => Err(SendError::Full),
            false => Ok(()),
        }
    }

    fn push(&mut self, piece: Bytes) {
        self.queued += piece.len();
        self.queue.push_back(piece);
    }

    /// Adds what a transform has made of a piece or of the end.
    fn push_changed(&mut self, changed: io::Result<Vec<u8>>) {
        match changed {
            Ok(piece) if piece.is_empty() => {}
            Ok(piece) => self.push(piece.into()),
            Err(error) => {
                log::error!("content is cut short: {error}");
                self.has_failed = true;
            }
        }
    }
}

impl Channel {
    /// Wakes what waits for a change that was just made.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let waker = state.waker.take();
        drop(state);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker();
        }
    }
}

impl Channel {
    /// Sends a piece through the transform. Pieces of several senders pass it one after the other.
    fn send_changed(&self, piece: &[u8]) -> Result<(), SendError> {
        let mut transform = self.transform.lock();
        // Another piece may have been sent meanwhile.
        self.state.lock().admit(piece.len())?;
        let Some(transform) = &mut *transform else {
            return Err(SendError::Closed);
        };
        let changed = transform.piece(piece);
        let mut state = self.state.lock();
        state.push_changed(changed);
        self.wake(state);
        Ok(())
    }
}

impl Sender {
    /// Sends a piece of content. Does not block: the piece waits until the client takes it.
    ///
    /// # Errors
    /// [`SendError`]. The piece is not sent then.
    pub fn send(&self, piece: impl Into<Bytes>) -> Result<(), SendError> {
        let piece = piece.into();
        let Sending(channel) = &*self.0;
        let mut state = channel.state.lock();
        state.admit(piece.len())?;
        if piece.is_empty() {
            return Ok(());
        }
        if state.is_transformed {
            drop(state);
            return channel.send_changed(&piece);
        }
        state.push(piece);
        channel.wake(state);
        Ok(())
    }

    /// Adds a trailer field (RFC 9110 §6.5), which is sent behind the content when the last sender
    /// is dropped. A client that did not ask for trailer fields with `TE: trailers`, or that speaks
    /// HTTP/1.0, gets none.
    ///
    /// ```
    /// use tinyhttp_server::Body;
    ///
    /// let (sender, mut body) = Body::channel();
    /// sender.send("content")?;
    /// sender.trailer("x-rows", "1")?;
    /// drop(sender);
    /// assert_eq!(std::io::read_to_string(&mut body)?, "content");
    /// assert_eq!(body.trailers()["x-rows"], "1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SendError::InvalidTrailer`] for an invalid name or value, and for a field that is needed
    /// before the content (RFC 9110 §6.5.1); [`SendError::Closed`].
    pub fn trailer<N, V>(&self, name: N, value: V) -> Result<(), SendError>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let Ok((name, value)) = trailer(name, value) else {
            return Err(SendError::InvalidTrailer);
        };
        if self.is_closed() {
            return Err(SendError::Closed);
        }
        self.0.0.trailers.add(name, value);
        Ok(())
    }

    /// Cuts the content short, for a sender that can't continue: what has been sent before reaches
    /// the client, which sees that it is incomplete. Nothing more can be sent.
    pub fn abort(&self) {
        let Sending(channel) = &*self.0;
        let mut state = channel.state.lock();
        state.has_failed = true;
        channel.wake(state);
    }

    /// Whether the connection is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.0.state.lock().is_abandoned
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.abort();
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let Sending(channel) = self;
        let mut transform = channel.transform.lock();
        let end = transform.take().map(Transform::end);
        let mut state = channel.state.lock();
        if let Some(end) = end.filter(|_| !state.has_failed) {
            state.push_changed(end);
        }
        state.is_finished = true;
        channel.wake(state);
    }
}

impl Receiver {
    /// Takes the next piece, if there is one.
    pub(crate) fn next_piece(&mut self) -> Received {
        if !self.rest.is_empty() {
            return Received::Content(std::mem::take(&mut self.rest));
        }
        let mut state = self.channel.state.lock();
        match state.queue.pop_front() {
            Some(piece) => {
                state.queued -= piece.len();
                Received::Content(piece)
            }
            None if state.has_failed => Received::Failed,
            None if state.is_finished => Received::End,
            None => Received::Nothing,
        }
    }

    /// Has pieces pass a transform, those included that wait already.
    #[cfg(feature = "compression")]
    pub(crate) fn transform(&mut self, mut with: Box<dyn Transform>) {
        let mut transform = self.channel.transform.lock();
        let mut state = self.channel.state.lock();
        for piece in std::mem::take(&mut state.queue) {
            let changed = with.piece(&piece);
            state.push_changed(changed);
        }
        state.queued = state.queue.iter().map(Bytes::len).sum();
        state.is_transformed = true;
        match state.is_finished {
            true if state.has_failed => {}
            true => state.push_changed(with.end()),
            false => *transform = Some(with),
        }
    }

    /// What the sender adds to.
    pub(super) fn trailers(&self) -> Trailers {
        self.channel.trailers.clone()
    }

    pub(super) fn set_keep_alive(&mut self, interval: Duration, piece: Bytes) {
        self.keep_alive = Some(Box::new((interval, piece)));
    }

    /// How long the sender may be silent.
    pub(crate) fn keep_alive(&self) -> Option<Duration> {
        self.keep_alive.as_ref().map(|keep_alive| keep_alive.0)
    }

    /// Makes the next piece the one for a silent sender, if there is no other.
    pub(crate) fn break_silence(&mut self) {
        let Some(keep_alive) = &self.keep_alive else {
            return;
        };
        let mut transform = self.channel.transform.lock();
        let mut state = self.channel.state.lock();
        if !state.queue.is_empty() || state.is_finished {
            return;
        }
        match &mut *transform {
            None => self.rest = keep_alive.1.clone(),
            Some(transform) => state.push_changed(transform.piece(&keep_alive.1)),
        }
    }

    /// Leaves a waker for the next piece, or for the end. Returns it if that is there already.
    pub(crate) fn park(&self, waker: Waker) -> Option<Waker> {
        let mut state = self.channel.state.lock();
        if !state.queue.is_empty() || state.is_finished || state.has_failed {
            return Some(waker);
        }
        state.waker = Some(waker);
        None
    }
}

/// Blocks while the sender is silent.
impl Read for Receiver {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            let state = self.channel.state.lock();
            let is_silent = |state: &mut State| {
                state.queue.is_empty() && !state.is_finished && !state.has_failed
            };
            let changed = self.channel.changed.wait_while(state, is_silent);
            drop(unpoisoned(changed));
            match self.next_piece() {
                Received::Content(piece) => self.rest = piece,
                Received::Failed => return Err(io::Error::other("the content is cut short")),
                Received::Nothing | Received::End => {}
            }
        }
        let length = self.rest.len().min(into.len());
        into[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.channel.state.lock();
        state.is_abandoned = true;
        state.queue.clear();
        state.waker = None;
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn pieces_arrive_in_order_and_end_with_the_last_sender() {
        let (sender, mut receiver) = channel();
        assert_eq!(receiver.next_piece(), Received::Nothing);
        sender.send("one").unwrap();
        let clone = sender.clone();
        drop(sender);
        clone.send("").unwrap();
        clone.send("two").unwrap();
        drop(clone);
        for piece in ["one", "two"] {
            assert_eq!(receiver.next_piece(), Received::Content(piece.into()));
        }
        assert_eq!(receiver.next_piece(), Received::End);
    }

    #[test]
    fn a_parked_receiver_is_woken_once() {
        let (woken, told) = mpsc::channel();
        let waker = || -> Waker {
            let woken = woken.clone();
            Box::new(move || woken.send(()).unwrap())
        };
        let (sender, mut receiver) = channel();
        assert!(receiver.park(waker()).is_none());
        assert!(told.try_recv().is_err());
        sender.send("x").unwrap();
        sender.send("y").unwrap();
        assert!(told.try_recv().is_ok() && told.try_recv().is_err());
        assert!(receiver.park(waker()).is_some(), "there is something");
        assert_eq!(receiver.next_piece(), Received::Content("x".into()));
        assert_eq!(receiver.next_piece(), Received::Content("y".into()));
        assert!(receiver.park(waker()).is_none());
        drop(sender);
        assert!(told.try_recv().is_ok());
        assert!(receiver.park(waker()).is_some(), "it has ended");
    }

    #[test]
    fn a_sender_notices_a_slow_or_closed_client() {
        let (sender, mut receiver) = channel();
        sender.send(vec![0; QUEUED - 1]).unwrap();
        assert_eq!(sender.send("xx"), Err(SendError::Full));
        sender.send("x").unwrap();
        receiver.next_piece();
        sender.send("xx").unwrap();
        assert!(!sender.is_closed());
        drop(receiver);
        assert!(sender.is_closed());
        assert_eq!(sender.send("x"), Err(SendError::Closed));
    }

    /// What has been sent is received, and then that there is more.
    #[test]
    fn a_sender_that_fails_leaves_the_content_incomplete() {
        let panics = |sender: Sender| {
            let thread = std::thread::spawn(move || {
                let _sender = sender;
                panic!("on purpose");
            });
            assert!(thread.join().is_err());
        };
        let aborts = |sender: Sender| {
            sender.abort();
            assert_eq!(sender.send("more"), Err(SendError::Closed));
        };
        for fails in [panics as fn(Sender), aborts] {
            for has_others in [false, true] {
                let (sender, mut receiver) = channel();
                sender.send("part").unwrap();
                let other = has_others.then(|| sender.clone());
                fails(sender);
                assert_eq!(receiver.next_piece(), Received::Content("part".into()));
                assert_eq!(receiver.next_piece(), Received::Failed);
                assert!(io::read_to_string(&mut receiver).is_err());
                drop(other);
                assert_eq!(receiver.next_piece(), Received::Failed);
            }
        }
    }

    #[test]
    fn a_reader_waits_for_the_sender() {
        let (sender, mut receiver) = channel();
        let reader = std::thread::spawn(move || io::read_to_string(&mut receiver).unwrap());
        sender.send("one ").unwrap();
        sender.send("two").unwrap();
        drop(sender);
        assert_eq!(reader.join().unwrap(), "one two");
    }
}
