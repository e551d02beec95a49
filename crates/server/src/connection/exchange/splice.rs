//! Sending large content of a request through a pipe: the kernel moves it from the client's socket
//! to the upstream's, and nothing is copied here.
//!
//! A pipe is taken for a turn, and kept beyond it only while the upstream has not taken what is
//! inside. So slow clients keep no pipe, and while content comes in small pieces, it goes through
//! the buffer, in fewer calls.

use crate::connection::Connection;
use crate::connection::forwarding::{Forwarding, Stop};
use crate::connection::turn::Turn;
use tinyhttp_message::connection::RequestContent;

/// Content from this length on goes through a pipe. For less, the calls that a pipe takes are no
/// gain.
const LEAST: u64 = 256 * 1024;

/// Content that comes in smaller pieces goes through the buffer, and so does a shorter rest.
const PIECE: u64 = 16 * 1024;

/// Bytes that are moved in one turn. Then other ready connections have their turns.
const TURN: u64 = 4 * 1024 * 1024;

impl Connection {
    /// Moves content through a pipe as far as both sockets go. All that was received before has
    /// been taken. Returns `false` if content has to go through the buffer instead: it is not plain
    /// or not much, it comes in small pieces, or there is no pipe.
    pub(super) fn splice_content(
        &mut self,
        forwarding: &mut Forwarding,
        turn: &Turn<'_>,
    ) -> Result<bool, Stop> {
        let is_long =
            matches!(forwarding.upload.length(), RequestContent::Known(length) if length >= LEAST);
        let has_rest = self.protocol.unread().is_some_and(|left| left >= PIECE);
        let is_much = is_long && has_rest;
        let Some(attempt) = &mut forwarding.attempt else {
            return Ok(false);
        };
        let comes_fast = forwarding.upload.comes_fast();
        let pipes = &turn.env.upstreams.pipes;
        let is_able = comes_fast && is_much && attempt.may_splice_content();
        if !is_able || self.is_secured() || !attempt.open_pipe(pipes) {
            return Ok(false);
        }
        let moved = self.move_content(forwarding);
        if let Some(attempt) = &mut forwarding.attempt {
            forwarding.progress.has_moved |= attempt.has_taken();
            attempt.close_pipe(pipes);
        }
        forwarding.upload.came(moved? >= PIECE);
        Ok(true)
    }

    /// Moves content through the pipe of the attempt, and returns how much came from the client.
    fn move_content(&mut self, forwarding: &mut Forwarding) -> Result<u64, Stop> {
        let mut moved = 0;
        let Some(attempt) = &mut forwarding.attempt else {
            return Ok(0);
        };
        while let (Some(left @ 1..), true) = (self.protocol.unread(), attempt.flush()) {
            if attempt.is_deaf() {
                break;
            }
            if moved >= TURN {
                (forwarding.progress.yields, self.read_all) = (true, false);
                break;
            }
            let filled = attempt.splice_content(&self.transport, left);
            let received = self.received(filled.map(|length| (length, true)));
            let Some(length) = received.map_err(|_| Stop::Left)? else {
                break;
            };
            moved += length as u64;
            forwarding.progress.taken += length as u64;
            let counted = self.protocol.content_taken(length as u64);
            counted.map_err(|_| Stop::Left)?;
        }
        Ok(moved)
    }
}
