//! A request's content, while a handler reads it.
//!
//! Reading waits for the client, so it needs the socket, and the handler may take the content wherever it likes. So for
//! this time the socket and what belongs to it move into an [`Incoming`] that the connection and the body share; when
//! the handler has answered, the connection takes them back, and a body that somebody kept finds nothing to read.

use crate::deadline::{Timeouts, Waiting};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::time::Timespec;
use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tinyhttp_message::{Event, FieldStorage, ProtocolError, ServerConnection};

/// How much is read from the socket at once.
const PIECE: usize = 32 * 1024;

/// What reading content needs.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) socket: Arc<OwnedFd>,
    pub(super) protocol: ServerConnection,
    /// Bytes received and not used, from `at` on.
    pub(super) input: Vec<u8>,
    pub(super) at: usize,
    /// Where in `input` the content is that has been found and not been read.
    pub(super) content: Range<usize>,
    /// Responses to earlier requests that have to go out before this side waits for anything.
    pub(super) output: Vec<u8>,
    /// How much of `output` has been sent and removed.
    pub(super) sent: u64,
    pub(super) timeouts: Timeouts,
    /// How long the client may still be waited for: the allowance for content.
    pub(super) left: Duration,
    /// The request is complete, or will never be.
    pub(super) ended: bool,
    /// What is wrong with the content. Reading fails from there on.
    pub(super) failure: Option<ProtocolError>,
}

/// The part of it that the connection keeps.
pub(super) struct Lent(Arc<Mutex<Option<Incoming>>>);

/// The part of it that the handler reads from.
struct ContentReader(Arc<Mutex<Option<Incoming>>>);

/// A panicking handler may poison the lock, but leaves nothing half done inside: every change is made after the call that
/// could fail.
fn lock(shared: &Mutex<Option<Incoming>>) -> MutexGuard<'_, Option<Incoming>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Incoming {
    /// Makes a reader of the content, and what gives everything back.
    pub(super) fn lend(self) -> (Lent, impl Read + Send + 'static) {
        let shared = Arc::new(Mutex::new(Some(self)));
        (Lent(Arc::clone(&shared)), ContentReader(shared))
    }

    /// Fills `into` with as much content as has been received, across chunks, and waits for the client
    /// only if there is none.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            if self.content.is_empty() {
                let must_stop_here = filled > 0 && self.at == self.input.len();
                if self.ended || must_stop_here || !self.next_piece(filled == 0)? {
                    break;
                }
            }
            let length = self.content.len().min(into.len() - filled);
            let end = self.content.start + length;
            into[filled..filled + length].copy_from_slice(&self.input[self.content.start..end]);
            self.content.start = end;
            filled += length;
        }
        Ok(filled)
    }

    /// Looks for more content: `true` unless there is none, or none yet and it must not wait for it.
    fn next_piece(&mut self, may_wait: bool) -> io::Result<bool> {
        if let Some(error) = self.failure.filter(|_| may_wait) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let mut storage = FieldStorage::new();
        let received = self.protocol.receive(&self.input[self.at..], &mut storage);
        let (used, event) = match received {
            Ok(received) => received,
            Err(error) => {
                // The content in front of the fault is returned first.
                self.failure = Some(error);
                return if may_wait {
                    self.next_piece(true)
                } else {
                    Ok(false)
                };
            }
        };
        self.at += used;
        match event {
            // Content is the last of the bytes that were used for it.
            Event::Content(content) => {
                let length = content.len();
                self.content = self.at - length..self.at;
                let earned = self
                    .timeouts
                    .after(Waiting::Content, self.left, length as u64);
                self.left = earned;
            }
            Event::NeedMore if may_wait => self.receive_more()?,
            Event::NeedMore => return Ok(false),
            Event::End(_) | Event::Paused | Event::Head(_) => {
                self.ended = true;
            }
        }
        Ok(true)
    }

    /// Waits for the client, after it has been told everything that it may be waiting for.
    fn receive_more(&mut self) -> io::Result<()> {
        self.protocol.continue_if_expected(&mut self.output);
        let mut left = self.timeouts.write;
        while !self.output.is_empty() {
            match send(&self.socket, &self.output, SendFlags::NOSIGNAL) {
                Ok(sent) => {
                    self.output.drain(..sent);
                    self.sent += sent as u64;
                    left = self.timeouts.after(Waiting::Write, left, sent as u64);
                }
                Err(Errno::AGAIN) => left = self.wait(PollFlags::OUT, left, "take a response")?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.input.drain(..self.at);
        (self.at, self.content) = (0, 0..0);
        let have = self.input.len();
        self.input.resize(have + PIECE, 0);
        let received = loop {
            match recv(&self.socket, &mut self.input[have..], RecvFlags::empty()) {
                Err(Errno::AGAIN) => match self.wait(PollFlags::IN, self.left, "send content") {
                    Ok(left) => self.left = left,
                    Err(error) => break Err(error),
                },
                Err(Errno::INTR) => {}
                Err(error) => break Err(error.into()),
                Ok((received, _)) => break Ok(received),
            }
        };
        self.input
            .truncate(have + received.as_ref().copied().unwrap_or_default());
        if received? == 0 {
            self.ended = true;
            self.protocol
                .end_of_input()
                .map_err(|error| io::Error::new(io::ErrorKind::UnexpectedEof, error))?;
        }
        Ok(())
    }

    /// Waits for as long as is left of an allowance: what is left then.
    fn wait(&self, flags: PollFlags, left: Duration, what: &str) -> io::Result<Duration> {
        let since = Instant::now();
        loop {
            let rest = left.saturating_sub(since.elapsed());
            let timeout = Timespec::try_from(rest).ok();
            match poll(&mut [PollFd::new(&self.socket, flags)], timeout.as_ref()) {
                Ok(0) => {
                    let message = format!("the client did not {what} fast enough");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, message));
                }
                Ok(_) => return Ok(left.saturating_sub(since.elapsed())),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Lent {
    /// Takes everything back. Whoever still has the body can't read any more.
    pub(super) fn take_back(self) -> Incoming {
        // It was put there by `lend`, and only this takes it out, once.
        lock(&self.0).take().expect("what was lent is there")
    }
}

impl Read for ContentReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut *lock(&self.0) {
            Some(incoming) => incoming.read(into),
            None => Err(io::Error::other(
                "the request has been answered; its content is gone",
            )),
        }
    }
}
