//! The end of a connection: by its client, by a deadline, or by the server.

use super::input::Input;
use super::turn::Turn;
use super::{Connection, Env, LINGER_TURN, Next, State, Step};
use crate::access_log::Ending;
use crate::deadline::Waiting;
use http::StatusCode;
use std::io;
use tinyhttp_message::CloseReason;

impl Connection {
    /// Closes the connection: at once if the client sends nothing more, else by lingering.
    pub(super) fn end(&mut self, turn: &Turn<'_>, input: &Input) -> Step {
        let reason = self.protocol.close_reason();
        if let Some(reason) = reason {
            log::debug!("{}: closing: {reason}", self.remote);
        }
        // Only a client that knows this was the last exchange is sure to send nothing more.
        let client_knows = matches!(
            reason,
            Some(CloseReason::PeerAsked | CloseReason::Http10 | CloseReason::PeerEnded)
        );
        // Unread bytes would have the kernel drop the response that it holds back for the end.
        let has_sent_all = self.protocol.is_complete() && input.unused().is_empty();
        if client_knows && has_sent_all && self.input.is_empty() && !self.has_input() {
            self.transport.close_notify();
            return Step::Close;
        }
        if self.transport.shutdown_write().is_err() {
            return Step::Close;
        }
        self.input = Vec::new();
        self.state = State::Lingering;
        self.deadline = turn.deadline(Waiting::Linger);
        Step::Park
    }

    /// Reads until the client has read what was sent last.
    #[cfg(any(feature = "gateway", feature = "tls"))]
    pub(super) fn linger_from_now(&mut self, turn: &Turn<'_>) -> Step {
        self.deadline = turn.deadline(Waiting::Linger);
        self.linger()
    }

    /// Skips what the client sends. Kept out of line, as its buffer is large.
    #[inline(never)]
    pub(super) fn linger(&mut self) -> Step {
        self.state = State::Lingering;
        let mut scrap = [0; 16 * 1024];
        let mut left = LINGER_TURN;
        loop {
            match self.transport.recv_raw(&mut scrap) {
                Ok(0) => return Step::Close,
                Ok(length) if length < left => left -= length,
                Ok(_) => return Step::Park,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Park,
                Err(_) => return Step::Close,
            }
        }
    }

    /// Ends a wait whose deadline has passed. Returns [`Next::Park`] or [`Next::Close`].
    pub(crate) fn expire(
        &mut self,
        waiting: Waiting,
        turn: &mut Turn<'_>,
        input: &mut Input,
    ) -> Next<'static> {
        log::debug!(
            "{}: closing: the {waiting} deadline has passed",
            self.remote
        );
        match std::mem::replace(&mut self.state, State::Reading) {
            State::Receiving(collecting) => {
                if !self.expire_content(*collecting, turn) {
                    return Next::Close;
                }
            }
            #[cfg(feature = "tls")]
            State::Securing => return Next::Close,
            #[cfg(feature = "gateway")]
            State::Forwarding(forwarding) => {
                return self.expire_forwarding(waiting, forwarding, turn, input);
            }
            state if waiting != Waiting::Head => {
                self.state = state;
                return Next::Close;
            }
            _ => {
                self.protocol.close_after(CloseReason::ProtocolError);
                self.respond_with_error(StatusCode::REQUEST_TIMEOUT, "", turn);
            }
        }
        let step = self.prepare(turn, input);
        turn.output.clear();
        match (step, &self.state) {
            (Step::Park, State::Lingering) => Next::Park,
            _ => Next::Close,
        }
    }

    /// Closes the connection wherever it is. A response that is being sent must not look complete,
    /// and is recorded in the access log.
    pub(crate) fn abort(mut self, ending: Ending, env: &Env) {
        match std::mem::replace(&mut self.state, State::Ending) {
            State::Sending(pending) => {
                self.transport.reset_on_close();
                pending.record(ending, env);
            }
            State::Receiving(collecting) => collecting.abort(ending, env),
            #[cfg(feature = "gateway")]
            State::Forwarding(forwarding) => {
                self.close_forwarding(*forwarding, ending, env);
            }
            #[cfg(feature = "gateway")]
            State::Resuming(collected) => collected.abort(ending, env),
            #[cfg(feature = "gateway")]
            State::Tunnel(tunnel) => tunnel.record(ending, env),
            _ => self.transport.close_notify(),
        }
    }
}
