//! A connection without HTTP: for other protocols, from the start or after an upgrade.

use crate::deadline::Clock;
use crate::error::Phase;
use crate::peer::Peer;
use crate::timeouts::{Timeout, Timeouts};
use crate::transport::Transport;
use rustix::event::PollFlags;
use std::fmt;
use std::io::{self, Read, Write};
use std::time::Duration;

/// Bytes in both directions: a connection made by [`Client::connect`](crate::Client::connect), or
/// the one of a response with status 101
/// ([`Response::into_upgraded`](crate::Response::into_upgraded)).
///
/// A read or a write that moves no byte within the stall timeout of the client fails, and so does
/// each after the total timeout; [`Stream::set_timeout`] replaces both. Errors of reading and
/// writing hold an [`Error`](crate::Error); see [`Error::from_io`](crate::Error::from_io).
pub struct Stream {
    transport: Box<dyn Transport>,
    peer: Peer,
    clock: Clock,
    /// Bytes that were received with the head of the response, and their start.
    received: (Vec<u8>, usize),
}

impl Stream {
    pub(crate) fn new(
        transport: Box<dyn Transport>,
        peer: Peer,
        clock: Clock,
        received: Vec<u8>,
    ) -> Self {
        Stream {
            transport,
            peer,
            clock,
            received: (received, 0),
        }
    }

    /// Sets how long a single read or write may wait; `None`: without end. It replaces the timeouts
    /// of the client.
    pub fn set_timeout(&mut self, limit: Option<Duration>) {
        self.clock = Clock::start(Timeouts {
            stall: limit,
            total: None,
            ..Timeouts::default()
        });
    }

    /// The other end of the connection.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    fn persist<T>(
        &mut self,
        interest: PollFlags,
        phase: Phase,
        mut attempt: impl FnMut(&mut dyn Transport) -> io::Result<T>,
    ) -> io::Result<T> {
        let deadline = self.clock.deadline(Timeout::Stall);
        loop {
            match attempt(self.transport.as_mut()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let ready = self.transport.wait(interest, deadline.left())?;
                    if !ready && deadline.has_passed() {
                        let error = deadline.error(phase, Some(self.peer.clone()));
                        return Err(error.into_io());
                    }
                }
                other => return other,
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (received, start) = &mut self.received;
        if *start < received.len() {
            let read = (&received[*start..]).read(buffer)?;
            *start += read;
            return Ok(read);
        }
        self.persist(PollFlags::IN, Phase::Content, |transport| {
            transport.read(buffer)
        })
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.persist(PollFlags::OUT, Phase::Send, |transport| {
            transport.write(bytes)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.persist(PollFlags::OUT, Phase::Send, |transport| transport.flush())
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
