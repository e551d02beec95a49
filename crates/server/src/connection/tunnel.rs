//! A tunnel: bytes between a client and an upstream server, after both have switched to another
//! protocol (RFC 9110 §7.8).
//!
//! A parked tunnel costs two descriptors, and a buffer only for what one side has not taken. Each
//! side may end its half and still read. A side that fails takes nothing more, but what it sent
//! before is still delivered. The tunnel ends when both directions have, or when nothing has moved
//! for long.

use super::env::Env;
use crate::access_log::{Ending, Record};
use crate::gateway::Pipe;
use std::io;
use std::time::Duration;

/// Bytes that are moved in one turn and direction. Then other ready connections have their turns.
const TURN: usize = 1024 * 1024;

/// A connection that has become a tunnel.
pub(super) struct Tunnel {
    pub(super) pipe: Pipe,
    /// To the upstream.
    pub(super) up: Half,
    /// To the client.
    pub(super) down: Half,
    pub(super) record: Option<Box<Record<'static>>>,
    /// How long nothing may move.
    pub(super) idle: Duration,
    /// There is more to move, and the turn is over.
    pub(super) yields: bool,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// Bytes that the receiving side has not taken.
    pub(super) waiting: Vec<u8>,
    /// Bytes that were moved.
    pub(super) moved: u64,
    /// The sending side sends nothing more.
    pub(super) has_ended: bool,
    /// The receiving side has been told so, or takes nothing more.
    pub(super) is_over: bool,
    /// The receiving side has failed.
    pub(super) is_broken: bool,
}

impl Half {
    /// Moves bytes until one side has to wait. Returns whether the turn is over before that.
    pub(super) fn run(
        &mut self,
        scratch: &mut [u8],
        mut recv: impl FnMut(&mut [u8]) -> io::Result<usize>,
        mut send: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> bool {
        let before = self.moved;
        while !self.is_over {
            if !self.waiting.is_empty() {
                let Some(sent) = self.sent(send(&self.waiting)) else {
                    return false;
                };
                self.waiting.drain(..sent);
                continue;
            }
            self.waiting = Vec::new();
            if self.has_ended {
                return false;
            }
            if self.moved - before >= TURN as u64 {
                return true;
            }
            let length = match recv(scratch) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // More may be there, but the turn is over.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
                Err(error) => {
                    log::debug!("a side of a tunnel broke: {error}");
                    0
                }
            };
            self.has_ended = length == 0;
            if length > 0 {
                let sent = self.sent(send(&scratch[..length])).unwrap_or(0);
                if !self.is_over {
                    self.waiting.extend_from_slice(&scratch[sent..length]);
                }
            }
        }
        false
    }

    /// Counts what the receiving side took. `None`: it takes nothing now, or never again.
    fn sent(&mut self, result: io::Result<usize>) -> Option<usize> {
        match result {
            Ok(sent) => {
                self.moved += sent as u64;
                return Some(sent);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                log::debug!("a side of a tunnel takes nothing more: {error}");
                (self.waiting, self.is_over, self.is_broken) = (Vec::new(), true, true);
            }
        }
        None
    }

    /// Whether the receiving side has to be told that nothing more will come.
    pub(super) fn must_shut(&mut self) -> bool {
        self.has_ended && self.waiting.is_empty() && !std::mem::replace(&mut self.is_over, true)
    }
}

impl Tunnel {
    /// Whether the client has not taken everything.
    pub(super) fn has_output(&self) -> bool {
        !self.down.waiting.is_empty()
    }

    /// Whether the upstream has not taken everything.
    pub(super) fn is_blocked(&self) -> bool {
        !self.up.waiting.is_empty()
    }

    pub(super) fn yields(&self) -> bool {
        self.yields
    }

    pub(super) fn record(self, ending: Ending, env: &Env) {
        if let Some(mut record) = self.record {
            record.sent = self.down.moved;
            record.ending = ending;
            env.record(*record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::io::ErrorKind::{ConnectionReset, WouldBlock};

    /// What a side does at each call: gives or takes bytes (a number), or fails.
    fn run(half: &mut Half, received: &[io::Result<usize>], sent: &[io::Result<usize>]) -> bool {
        let copy = |results: &[io::Result<usize>]| -> VecDeque<io::Result<usize>> {
            let one = |result: &io::Result<usize>| match result {
                Ok(length) => Ok(*length),
                Err(error) => Err(error.kind().into()),
            };
            results.iter().map(one).collect()
        };
        let (mut received, mut sent) = (copy(received), copy(sent));
        let or_wait = |next: Option<io::Result<usize>>| next.unwrap_or(Err(WouldBlock.into()));
        half.run(
            &mut [b'x'; 10],
            |_| or_wait(received.pop_front()),
            |bytes| or_wait(sent.pop_front()).map(|most| most.min(bytes.len())),
        )
    }

    #[test]
    fn a_half_delivers_everything_before_it_ends() {
        let reset = || Err(ConnectionReset.into());
        // Received, sent; bytes moved, bytes waiting, told, broken.
        type Row<'r> = (
            &'r [io::Result<usize>],
            &'r [io::Result<usize>],
            (u64, usize, bool, bool),
        );
        let table: [Row<'_>; 7] = [
            (&[Ok(10), Ok(10)], &[Ok(10), Ok(10)], (20, 0, false, false)),
            (&[Ok(10), Ok(10)], &[Ok(4)], (4, 6, false, false)),
            (&[Ok(10), Ok(0)], &[Ok(10)], (10, 0, true, false)),
            (&[Ok(10), Ok(0)], &[Ok(4), Ok(6)], (10, 0, true, false)),
            (&[Ok(10), reset()], &[Ok(10)], (10, 0, true, false)),
            (&[Ok(10), Ok(0)], &[Ok(4)], (4, 6, false, false)),
            (&[Ok(10), Ok(10)], &[Ok(10), reset()], (10, 0, true, true)),
        ];
        for (received, sent, expected) in table {
            let mut half = Half::default();
            assert!(!run(&mut half, received, sent));
            half.must_shut();
            let seen = (half.moved, half.waiting.len(), half.is_over, half.is_broken);
            assert_eq!(seen, expected, "{received:?} {sent:?}");
        }
        // What waits is delivered after the end has come.
        let mut half = Half::default();
        run(&mut half, &[Ok(10)], &[Ok(4)]);
        assert!(!half.must_shut());
        run(&mut half, &[reset()], &[Ok(6)]);
        assert!(half.must_shut() && !half.must_shut() && half.moved == 10);
    }
}
