//! Sends and receives the bytes of an exchange, and waits for either direction.

use super::Exchange;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::timeouts::Timeout;
use crate::trace::Event;
use rustix::event::PollFlags;
use std::io;
use std::time::{Duration, Instant};
use tinyhttp_message::BodyLength;

impl Exchange {
    /// Reads at least one byte, into `direct` or else into the input, and sends meanwhile. Returns
    /// 0 if the server has closed its side.
    pub(super) fn fill(&mut self, mut direct: Option<&mut [u8]>) -> Result<usize, Error> {
        let mut stall = self.clock.deadline(Timeout::Stall);
        // A read that always finds bytes never waits, so the deadline is checked here.
        if stall.has_passed() {
            return Err(self.timed_out(stall));
        }
        loop {
            if self.send_some()? {
                stall = self.clock.deadline(Timeout::Stall);
            }
            let connection = &mut self.connection;
            let space = match direct.as_deref_mut() {
                Some(space) => space,
                None => connection.input.space(),
            };
            match connection.transport.read(space) {
                Ok(read) => {
                    if direct.is_none() {
                        connection.input.filled(read);
                    }
                    if read > 0 && !self.has_first_byte {
                        self.has_first_byte = true;
                        self.recorder.emit(&Event::FirstByte);
                    }
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // TLS tells a connection that was closed without notice from one that has ended.
                // Before the response, and after a length that was announced, that makes no
                // difference.
                Err(error)
                    if error.kind() == io::ErrorKind::UnexpectedEof
                        && self.length != BodyLength::UntilClose =>
                {
                    return Ok(0);
                }
                Err(source) => return Err(self.receive_error(source)),
            }
            let mut until = stall;
            if let Some(deadline) = self.response_deadline {
                until = until.earlier(deadline);
            }
            self.wait(until)?;
        }
    }

    fn wait(&mut self, until: Deadline) -> Result<(), Error> {
        let mut interest = PollFlags::IN;
        let mut patience = until.left();
        if let Some(outgoing) = &mut self.sending.outgoing {
            match outgoing.hold {
                Some(hold) if outgoing.unsent().is_empty() => {
                    let hold = hold.saturating_duration_since(Instant::now());
                    if hold.is_zero() {
                        outgoing.hold = None;
                        return Ok(());
                    }
                    patience = Some(patience.map_or(hold, |patience| patience.min(hold)));
                }
                _ => interest |= PollFlags::OUT,
            }
        }
        match self.connection.transport.wait(interest, patience) {
            Ok(false) if until.has_passed() => Err(self.timed_out(until)),
            Ok(_) => Ok(()),
            Err(source) => Err(self.receive_error(source)),
        }
    }

    /// Sends what the socket takes of the request. Returns whether it took anything.
    fn send_some(&mut self) -> Result<bool, Error> {
        let mut progress = false;
        while let Some(outgoing) = &mut self.sending.outgoing {
            let transport = &mut self.connection.transport;
            let result = if !outgoing.unsent().is_empty() {
                transport.write(outgoing.unsent()).and_then(|written| {
                    outgoing.start += written;
                    progress = true;
                    match written {
                        0 => Err(io::ErrorKind::WriteZero.into()),
                        _ => Ok(()),
                    }
                })
            } else if outgoing.hold.is_some() {
                return Ok(progress);
            } else if outgoing.encoder.is_some() {
                // A response may have arrived between two pieces.
                if outgoing.content > 0
                    && transport
                        .wait(PollFlags::IN, Some(Duration::ZERO))
                        .unwrap_or(false)
                {
                    return Ok(progress);
                }
                outgoing.refill()?;
                Ok(())
            } else {
                let content = outgoing.content;
                transport.flush().map(|()| {
                    self.sending.outgoing = None;
                    self.recorder.emit(&Event::RequestSent { content });
                    self.response_deadline = Some(self.clock.deadline(Timeout::Response));
                })
            };
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(progress),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // The server may have responded before it stopped reading; then its response
                    // is what counts.
                    self.sending.error = Some(error);
                    self.stop_sending();
                }
            }
        }
        Ok(progress)
    }

    pub(super) fn stop_sending(&mut self) {
        self.sending.outgoing = None;
        self.sending.has_stopped = true;
    }
}
