//! A forwarded request that has waited for too long: for its client, or for the upstream server.

use super::forwarding::Forwarding;
use super::input::Input;
use super::turn::Turn;
use super::{Connection, Next, State, Step};
use crate::deadline::Waiting;
use crate::gateway::Failure;
use crate::page::error_page;
use http::StatusCode;
use tinyhttp_message::CloseReason;

impl Connection {
    /// Ends the wait of a forwarded request, which is no longer in the state. Another server is
    /// tried if the upstream was waited for, or the client gets a 504; if more content was waited
    /// for, it gets a 408. Returns [`Next::Park`] or [`Next::Close`].
    pub(super) fn expire_forwarding(
        &mut self,
        waiting: Waiting,
        mut forwarding: Box<Forwarding>,
        turn: &mut Turn<'_>,
        input: &mut Input,
    ) -> Next<'static> {
        // The turn has not begun as others do.
        input.set(std::mem::take(&mut self.input));
        (turn.may_read, turn.left, turn.arrived) = (false, turn.until(self.deadline), None);
        (turn.answered, turn.has_exchanged, turn.needs_more) = (0, false, false);
        let is_answered = forwarding.response.is_answered;
        let step = match waiting {
            Waiting::Receive if !is_answered => {
                forwarding.resume(turn);
                self.protocol.close_after(CloseReason::UnreadContent);
                let page = error_page(StatusCode::REQUEST_TIMEOUT, "");
                self.respond(page.into(), forwarding.record.take().as_deref_mut(), turn);
                Step::Look
            }
            Waiting::Upstream if forwarding.client.is_overdue(is_answered, turn.now()) => {
                self.leave(*forwarding, turn)
            }
            // A server may have been found in this moment.
            Waiting::Upstream if forwarding.queued.is_settled() => {
                self.exchange(forwarding, turn, input)
            }
            Waiting::Upstream if forwarding.queued.waits() => {
                forwarding.resume(turn);
                self.fail_forwarding(*forwarding, &Failure::Waited, turn)
            }
            Waiting::Upstream => match forwarding.retry(Failure::TooSlow) {
                Ok(()) => self.exchange(forwarding, turn, input),
                Err(failure) => {
                    forwarding.resume(turn);
                    self.protocol.close_after(CloseReason::LocalAsked);
                    self.fail_forwarding(*forwarding, &failure, turn)
                }
            },
            _ => {
                self.state = State::Forwarding(forwarding);
                Step::Close
            }
        };
        let step = match step {
            Step::Look => self.prepare(turn, input),
            step => step,
        };
        match step {
            Step::Park => self.end_turn(turn, input),
            Step::Resume if self.send_output(turn).is_err() || !turn.output.is_empty() => {
                Next::Close
            }
            // A worker lets the handler continue.
            Step::Resume => {
                self.deadline = turn.deadline(Waiting::Write);
                self.end_turn(turn, input)
            }
            // A worker takes care of the next request.
            Step::Look | Step::Block => {
                self.state = State::Yielding;
                self.deadline = turn.deadline(Waiting::Write);
                self.end_turn(turn, input)
            }
            Step::Close => Next::Close,
        }
    }

    /// Sends what the client takes of a relayed response that it was slow to take, and credits it.
    /// Returns whether it took anything.
    pub(super) fn has_taken_relayed(&mut self, turn: &mut Turn<'_>) -> bool {
        let left = turn.until(self.deadline);
        let State::Forwarding(forwarding) = &mut self.state else {
            return false;
        };
        let sent = if let Some(waiting) = &mut forwarding.waiting {
            let sent = self.transport.send_now(&mut waiting.output);
            let env = turn.env;
            waiting.held.advance(sent, |record| env.record(record));
            sent
        } else if let Some(pipe) = &mut forwarding.pipe {
            pipe.drain_some(&self.transport)
        } else {
            return false;
        };
        // What has come from the upstream meanwhile is relayed in a turn.
        forwarding.progress.yields = sent > 0;
        self.deadline = turn.deadline_after(Waiting::Write, left, sent);
        sent > 0
    }
}
