//! A connection without HTTP: for protocols that are as old as the web and simpler.

use crate::client::Client;
use crate::deadline::Clock;
use crate::error::{Error, Phase};
use crate::origin::Origin;
use crate::peer::Peer;
use crate::timeouts::Timeout;
use crate::trace::{Observer, Recorder};
use crate::transport::Transport;
use rustix::event::PollFlags;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use url::Host;

/// Bytes in both directions, reached in the way that the client was told: its resolver, proxies and
/// timeouts.
///
/// Errors of reading and writing hold an [`Error`]; see [`Error::from_io`].
pub struct Stream {
    transport: Box<dyn Transport>,
    peer: Peer,
    clock: Clock,
}

impl Client {
    /// Connects to a host; with TLS if it is to be `secure`. Every step is shown to the observer,
    /// if there is one.
    ///
    /// # Errors
    /// Whatever keeps the connection from being made.
    pub fn connect(
        &self,
        host: &Host<String>,
        port: u16,
        secure: bool,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Stream, Error> {
        let origin = Origin {
            is_secure: secure,
            host: host.clone(),
            port,
        };
        let clock = Clock::start(self.fetcher().config.timeouts);
        let recorder = Recorder::new(observer);
        let (transport, peer) = self
            .fetcher()
            .dialer(clock, &recorder)
            .connect_stream(&origin)?;
        Ok(Stream {
            transport,
            peer,
            clock,
        })
    }
}

impl Stream {
    /// Where it leads.
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
