//! Relaying large content through a pipe: the kernel moves it from the upstream's socket to the
//! client's, and nothing is copied here.

use super::{Fault, Relay};
use crate::connection::Connection;
use crate::connection::forwarding::Forwarding;
use crate::connection::turn::Turn;
use crate::gateway::{Attempt, Failure, SplicePipe};
use std::io;
use tinyhttp_message::ContentEncoder;

/// Content of which this much is left goes through a pipe. For less, the calls that a pipe takes
/// are no gain.
const LEAST: u64 = 256 * 1024;

/// Bytes that are moved in one turn. Then other ready connections have their turns.
const TURN: u64 = 4 * 1024 * 1024;

impl Connection {
    /// Whether the rest of the content goes through a pipe, which is taken if need be. What has
    /// come before must have been relayed.
    pub(super) fn splices(&self, forwarding: &mut Forwarding, turn: &Turn<'_>) -> bool {
        if forwarding.pipe.is_some() {
            return true;
        }
        let response = &forwarding.response;
        let is_long = matches!(response.encoder, ContentEncoder::Known(left) if left >= LEAST);
        if !response.is_answered || !is_long || self.is_secured() {
            return false;
        }
        let is_able = forwarding.attempt.as_ref().is_some_and(Attempt::may_splice);
        if is_able {
            forwarding.pipe = turn.env.upstreams.pipes.take().map(Box::new);
        }
        forwarding.pipe.is_some()
    }

    /// Moves content as far as both sockets go.
    pub(super) fn splice(
        &mut self,
        forwarding: &mut Forwarding,
        turn: &mut Turn<'_>,
    ) -> Result<Relay, Fault> {
        self.send_output(turn).map_err(|_| Fault::Client)?;
        let Forwarding {
            pipe,
            attempt,
            response,
            progress,
            ..
        } = &mut *forwarding;
        let (Some(open), Some(attempt), true) = (pipe.as_mut(), attempt, turn.output.is_empty())
        else {
            return Ok(Relay::Waits);
        };
        let mut moved = 0;
        loop {
            if !self.drain_pipe(open, turn)? {
                return Ok(Relay::Waits);
            }
            let ContentEncoder::Known(left @ 1..) = response.encoder else {
                break;
            };
            if moved >= TURN {
                progress.yields = true;
                return Ok(Relay::Waits);
            }
            match attempt.splice(open, left)? {
                None => return Ok(Relay::Waits),
                Some(0) => return Err(Failure::Closed.into()),
                Some(length) => {
                    moved += length as u64;
                    progress.has_moved = true;
                    response.content += length as u64;
                    let counted = response.encoder.count(length as u64);
                    counted.map_err(|_| Fault::Upstream(Failure::Closed))?;
                }
            }
        }
        attempt.end_splice();
        if let Some(pipe) = pipe.take() {
            turn.env.upstreams.pipes.give_back(*pipe);
        }
        Ok(Relay::Complete)
    }

    /// Moves what is in a pipe to the client, and returns whether all of it was taken.
    fn drain_pipe(&self, pipe: &mut SplicePipe, turn: &mut Turn<'_>) -> Result<bool, Fault> {
        while !pipe.is_empty() {
            match pipe.drain(&self.transport) {
                Ok(sent) => turn.count_sent(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(_) => return Err(Fault::Client),
            }
        }
        Ok(true)
    }
}
