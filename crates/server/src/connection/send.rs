//! Sending responses: at once as far as the socket takes them, the rest when it takes more.

use super::early_hints::EarlyHints;
use super::more::More;
use super::response::{PendingResponse, Progress, ResponseWriter};
use super::transport::is_disconnect;
use super::turn::Turn;
use super::{Connection, State, Step};
use crate::access_log::Ending;
use crate::body::Content;
use crate::deadline::{Deadline, Lag, NEVER, Timeouts, Waiting};
use std::io::{self, IoSlice};
use std::time::Duration;
use tinyhttp_message::ContentEncoder;

impl Connection {
    /// Prepares for a handler that may block: sends what the socket takes of earlier responses, so
    /// that these do not wait for the handler. What is left, and any error, is dealt with later.
    pub(crate) fn send_ahead(&mut self, turn: &mut Turn<'_>) {
        // What is reported from here on may have come before the handler returns.
        self.read_all = false;
        let _ = self.send_output(turn);
    }

    /// Lets the handler send early hints at once, unless earlier responses have to be sent first.
    pub(crate) fn send_hints_at_once(&self, hints: &EarlyHints, turn: &Turn<'_>) {
        if turn.output.is_empty() {
            hints.send_on(&self.transport);
        }
    }

    /// Puts early hints that have not been sent in front of the response.
    pub(crate) fn gather_hints(&self, hints: &EarlyHints, turn: &mut Turn<'_>) {
        turn.output.append(&mut hints.take());
    }

    /// As [`gather_hints`](Self::gather_hints), for the last time.
    pub(crate) fn end_hints(&self, hints: &EarlyHints, turn: &mut Turn<'_>) {
        turn.output.append(&mut hints.end());
    }

    /// Sends what the socket takes of the output.
    pub(super) fn send_output(&mut self, turn: &mut Turn<'_>) -> io::Result<()> {
        while !turn.output.is_empty() {
            let slices = [IoSlice::new(&turn.output)];
            match self.transport.send(&slices, More::Unknown) {
                Ok(sent) => {
                    turn.output.drain(..sent);
                    turn.output_taken(sent as u64);
                    #[cfg(feature = "gateway")]
                    turn.count_sent(sent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends the responses in the turn's output. With `is_last` the connection is closed
    /// afterwards.
    pub(super) fn flush(&mut self, is_last: bool, turn: &mut Turn<'_>) -> Step {
        if turn.output.is_empty() {
            return Step::Look;
        }
        let output = std::mem::take(&mut turn.output);
        let mut writer = ResponseWriter::new(output, Content::Empty, ContentEncoder::Suppressed);
        writer.is_last = is_last;
        match writer.send(&self.transport, &turn.env.timeouts) {
            Ok(Progress::Done) => {
                // The memory is kept for the next response.
                turn.output = writer.buffer;
                turn.output.clear();
                turn.settle(writer.sent, Ending::Complete);
                Step::Look
            }
            Ok(Progress::Blocked | Progress::Yielded | Progress::Silent) => {
                let pending = PendingResponse {
                    held: std::mem::take(&mut turn.held),
                    ..PendingResponse::new(writer)
                };
                self.block(Box::new(pending), 0, turn)
            }
            Err(error) => {
                turn.settle(writer.sent, ending(&error));
                self.fail(&error, false)
            }
        }
    }

    /// Sends a pending response, which is no longer in the state.
    pub(super) fn send(&mut self, mut pending: Box<PendingResponse>, turn: &mut Turn<'_>) -> Step {
        if std::mem::take(&mut pending.is_silent) && self.ended && self.transport.has_ended() {
            pending.record(Ending::ClientGone, turn.env);
            return Step::Close;
        }
        let progress = match pending.stepped.take() {
            Some(progress) => progress,
            None if pending.writer.may_block() => {
                self.state = State::Sending(pending);
                return Step::Block;
            }
            None => pending.writer.send(&self.transport, &turn.env.timeouts),
        };
        match progress {
            Ok(Progress::Done) => {
                let ends_exchange = pending.ends_exchange;
                pending.writer.shrink(&mut turn.output);
                pending.record(Ending::Complete, turn.env);
                if ends_exchange {
                    self.finish_exchange(turn);
                } else if self.protocol.close_reason().is_some() {
                    self.state = State::Ending;
                }
                Step::Look
            }
            Ok(Progress::Blocked | Progress::Yielded) => {
                let moved = pending.writer.sent - pending.seen;
                self.block(pending, moved, turn)
            }
            Ok(Progress::Silent) => {
                pending.writer.shrink(&mut turn.output);
                pending.is_silent = true;
                pending.seen = pending.writer.sent;
                self.deadline = silence(&pending, turn);
                self.state = State::Sending(pending);
                Step::Park
            }
            Err(error) => {
                let until_close = pending.writer.encoder == ContentEncoder::UntilClose;
                pending.record(ending(&error), turn.env);
                self.fail(&error, until_close)
            }
        }
    }

    /// Sends from a reader or runs a closure, which may block. Called when
    /// [`advance`](Connection::advance) has returned [`Next::Block`](super::Next::Block).
    pub(crate) fn run_blocking(&mut self, timeouts: &Timeouts) {
        if let State::Sending(pending) = &mut self.state {
            pending.stepped = Some(pending.writer.send(&self.transport, timeouts));
        }
    }

    /// Parks a response until the socket takes more. `moved` bytes have been sent since it was
    /// blocked before.
    fn block(
        &mut self,
        mut pending: Box<PendingResponse>,
        moved: u64,
        turn: &mut Turn<'_>,
    ) -> Step {
        pending.writer.shrink(&mut turn.output);
        pending.seen = pending.writer.sent;
        let is_first = self.deadline.waiting != Waiting::Write || turn.has_exchanged;
        let left = match is_first {
            true => Duration::MAX,
            false => turn.left,
        };
        self.deadline = turn.deadline_after(Waiting::Write, left, moved);
        self.state = State::Sending(pending);
        Step::Park
    }

    /// Sends what the socket takes of a blocked response, and credits it. The poller reports a
    /// socket late, when much of its buffer is free, so the client may have taken more than is
    /// known. Returns whether the socket took anything.
    pub(crate) fn has_taken_some(&mut self, turn: &mut Turn<'_>) -> bool {
        if matches!(&self.state, State::Sending(pending) if pending.is_silent) {
            return self.break_silence(turn);
        }
        #[cfg(feature = "gateway")]
        if matches!(self.state, State::Forwarding(_)) {
            return self.has_taken_relayed(turn);
        }
        let left = turn.until(self.deadline);
        let State::Sending(pending) = &mut self.state else {
            return false;
        };
        let some = pending.writer.nudge(&self.transport, &turn.env.timeouts);
        let moved = pending.writer.sent - pending.seen;
        pending.seen = pending.writer.sent;
        self.deadline = turn.deadline_after(Waiting::Write, left, moved);
        some
    }

    /// Whether the client takes its response, or sends content for a handler, so much more slowly
    /// than [`Timeouts::slowest`] that it lags behind, counting what it has moved up to now. A
    /// connection that only waits for its next turn does neither.
    ///
    /// [`Timeouts::slowest`]: crate::Timeouts::slowest
    pub(crate) fn has_fallen_behind(&mut self, lag: Lag, turn: &mut Turn<'_>) -> bool {
        match &self.state {
            // It waits for its sender, not for the client.
            State::Sending(pending) if pending.is_silent => return false,
            State::Sending(_) => {
                self.has_taken_some(turn);
            }
            #[cfg(feature = "gateway")]
            State::Forwarding(_) if self.deadline.waiting == Waiting::Write => {
                self.has_taken_some(turn);
            }
            #[cfg(feature = "gateway")]
            State::Forwarding(_) => {
                if self.has_input() {
                    return false;
                }
            }
            State::Receiving(_) => {
                if self.has_input() {
                    return false;
                }
            }
            _ => return false,
        }
        self.deadline.at <= turn.lagging(self.deadline.waiting, lag)
    }

    /// Sends what keeps a silent stream alive. `false`: the client is gone.
    fn break_silence(&mut self, turn: &mut Turn<'_>) -> bool {
        let State::Sending(pending) = &mut self.state else {
            return false;
        };
        if let Content::Channel(receiver) = &mut pending.writer.content {
            receiver.break_silence();
        }
        match pending.writer.send(&self.transport, &turn.env.timeouts) {
            Ok(Progress::Silent) => self.deadline = silence(pending, turn),
            Ok(_) => {
                pending.is_silent = false;
                self.deadline = turn.deadline(Waiting::Write);
            }
            Err(_) => return false,
        }
        pending.seen = pending.writer.sent;
        true
    }

    fn fail(&mut self, error: &io::Error, looks_complete: bool) -> Step {
        if !is_disconnect(error) {
            log::warn!("{}: the response is cut short: {error}", self.remote);
        }
        if looks_complete {
            // The end of the connection would be taken for the end of the content.
            self.transport.reset_on_close();
        }
        Step::Close
    }
}

/// How long the sender of a response's content may be silent.
fn silence(pending: &PendingResponse, turn: &Turn<'_>) -> Deadline {
    let interval = match &pending.writer.content {
        Content::Channel(receiver) => receiver.keep_alive(),
        _ => None,
    };
    match interval {
        Some(interval) => turn.deadline_in(Waiting::Write, interval),
        None => Deadline {
            waiting: Waiting::Write,
            at: NEVER,
        },
    }
}

/// What ended a response that failed with this error.
fn ending(error: &io::Error) -> Ending {
    match is_disconnect(error) {
        true => Ending::ClientGone,
        false => Ending::Failed,
    }
}
