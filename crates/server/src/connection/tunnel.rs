//! A tunnel: bytes between a client and an upstream server, after both have switched to another
//! protocol (RFC 9110 §7.8).
//!
//! A parked tunnel costs two descriptors, and a buffer only for what one side has not taken. Each
//! side may end its half and still read; the tunnel ends when both have, when one fails, or when
//! nothing has moved for long.

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
    pub(super) record: Option<Record<'static>>,
    /// How long nothing may move.
    pub(super) idle: Duration,
    /// There is more to move, and the turn is over.
    pub(super) yields: bool,
}

/// One direction.
#[derive(Default)]
pub(super) struct Half {
    /// Bytes that the receiving side has not taken.
    pub(super) waiting: Vec<u8>,
    /// Bytes that were moved.
    pub(super) moved: u64,
    /// The sending side has ended.
    pub(super) has_ended: bool,
    /// The receiving side knows it.
    pub(super) is_shut: bool,
}

impl Half {
    /// Moves bytes until one side has to wait. Returns whether the turn is over before that.
    pub(super) fn run(
        &mut self,
        scratch: &mut [u8],
        mut recv: impl FnMut(&mut [u8]) -> io::Result<usize>,
        mut send: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<bool> {
        let before = self.moved;
        loop {
            if !self.waiting.is_empty() {
                let Some(sent) = if_ready(send(&self.waiting))? else {
                    return Ok(false);
                };
                self.waiting.drain(..sent);
                self.moved += sent as u64;
                continue;
            }
            self.waiting = Vec::new();
            if self.has_ended {
                return Ok(false);
            }
            if self.moved - before >= TURN as u64 {
                return Ok(true);
            }
            let length = match recv(scratch) {
                // More may be there, but the turn is over.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
                received => match if_ready(received)? {
                    Some(length) => length,
                    None => return Ok(false),
                },
            };
            self.has_ended = length == 0;
            let sent = match length {
                0 => 0,
                length => if_ready(send(&scratch[..length]))?.unwrap_or(0),
            };
            self.moved += sent as u64;
            self.waiting.extend_from_slice(&scratch[sent..length]);
        }
    }

    /// Whether the receiving side has to be told that nothing more will come.
    pub(super) fn must_shut(&mut self) -> bool {
        self.has_ended && self.waiting.is_empty() && !std::mem::replace(&mut self.is_shut, true)
    }
}

/// `None`: it would block.
fn if_ready(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
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
            env.record(record);
        }
    }
}
