//! The exchange with an upstream server, without a thread.
//!
//! ```text
//! client ──▶ input ──▶ attempt's output ──▶ upstream        content of the request (here)
//! client ◀── turn's output ◀── scratch ◀──── upstream       response (`relay`)
//! ```
//!
//! Both directions move in each turn as far as the sockets go. A side that does not read stops the
//! other: no content is taken from the client while much of it waits for the upstream, and nothing
//! is read from the upstream while much of its response waits for the client.

mod splice;

use super::env::Env;
use super::forwarding::{Forwarding, Progress, Relayed, Stop, Waits};
use super::input::Input;
use super::presence::Presence;
use super::relay::{DOWN, Fault, Relay};
use super::turn::Turn;
use super::{Connection, State, Step};
use crate::access_log::{Ending, Record};
use crate::deadline::{Deadline, NEVER, Waiting};
use crate::gateway::{Failure, Forward};
use crate::page::error_page;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use std::time::{Duration, Instant};
use tinyhttp_message::{CloseReason, Event, FieldStorage};

/// Bytes that are taken from the client in one turn. Then other ready connections have their turns.
const TURN: usize = 256 * 1024;

impl Connection {
    /// Begins to forward a request.
    pub(crate) fn forward(
        &mut self,
        forward: Forward,
        record: Option<Record<'static>>,
        turn: &mut Turn<'_>,
    ) {
        let Forward(plan) = forward;
        turn.left = turn.env.timeouts.content;
        let client = Presence::new(turn.now(), self.ended);
        let forwarding = Forwarding::new(plan, record, &self.protocol, client, turn.now());
        self.state = State::Forwarding(Box::new(forwarding));
    }

    /// Continues to forward a request, which is no longer in the state.
    #[inline(never)]
    pub(super) fn exchange(
        &mut self,
        mut forwarding: Box<Forwarding>,
        turn: &mut Turn<'_>,
        input: &mut Input,
    ) -> Step {
        forwarding.resume(turn);
        turn.upstream.sent = 0;
        let is_answered = forwarding.response.is_answered;
        let now = turn.now();
        if self.ended
            && forwarding
                .client
                .has_left(&self.transport, is_answered, now)
        {
            return self.leave(*forwarding, turn);
        }
        loop {
            if forwarding.attempt.is_none() {
                match forwarding.begin_attempt(&turn.env.upstreams, turn.moment()) {
                    Ok(true) => {}
                    Ok(false) => return self.await_upstream(forwarding, turn),
                    Err(failure) => return self.fail_forwarding(*forwarding, &failure, turn),
                }
            }
            if let Err(stop) = self.send_up(&mut forwarding, turn, input) {
                return match stop {
                    Stop::Refused(error) if !forwarding.response.is_answered => {
                        log::debug!("{}: {error}", self.remote);
                        self.protocol.close_after(CloseReason::ProtocolError);
                        let page = error_page(error.status(), &error.to_string());
                        self.respond(page.into(), forwarding.record.take().as_deref_mut(), turn);
                        Step::Look
                    }
                    Stop::Refused(_) | Stop::Left => self.leave(*forwarding, turn),
                };
            }
            let failure = match self.relay(&mut forwarding, turn) {
                Ok(Relay::Waits) => return self.await_upstream(forwarding, turn),
                Ok(Relay::Complete) => return self.finish_forwarding(forwarding, turn),
                Ok(Relay::Switched) => return self.begin_tunnel(*forwarding, turn, input),
                Err(Fault::Client) => return self.leave(*forwarding, turn),
                Err(Fault::Upstream(failure)) => failure,
            };
            if let Err(failure) = forwarding.retry(failure) {
                return self.fail_forwarding(*forwarding, &failure, turn);
            }
        }
    }

    /// Sends as much of the request as both sides allow.
    fn send_up(
        &mut self,
        forwarding: &mut Forwarding,
        turn: &mut Turn<'_>,
        input: &mut Input,
    ) -> Result<(), Stop> {
        let mut received = 0;
        loop {
            let Some(attempt) = &mut forwarding.attempt else {
                return Ok(());
            };
            let is_flushed = attempt.flush();
            forwarding.progress.has_moved |= attempt.has_taken();
            if !attempt.is_connecting() {
                forwarding.response.timing.connected(turn.now());
            }
            if attempt.is_written || attempt.is_deaf() || !attempt.has_room() {
                return Ok(());
            }
            if !is_flushed && received >= TURN {
                return Ok(());
            }
            if !forwarding.upload.is_from_connection() {
                if received >= TURN {
                    forwarding.progress.yields = true;
                    return Ok(());
                }
                received += forwarding.take_body()?;
                continue;
            }
            let mut storage = FieldStorage::new();
            let (used, event) = self
                .protocol
                .receive(input.unused(), &mut storage)
                .map_err(Stop::Refused)?;
            match event {
                Event::Content(content) => {
                    forwarding.take(content)?;
                    input.consume(used);
                }
                Event::Head(_) | Event::End(_) | Event::Paused => {
                    input.consume(used);
                    attempt.close_pipe(&turn.env.upstreams.pipes);
                    forwarding.end_content()?;
                }
                Event::NeedMore if received >= TURN => {
                    input.consume(used);
                    (forwarding.progress.yields, self.read_all) = (true, false);
                    return Ok(());
                }
                Event::NeedMore => {
                    input.consume(used);
                    if self.input.is_empty() && self.splice_content(forwarding, turn)? {
                        match self.protocol.unread() {
                            Some(0) => continue,
                            _ => return Ok(()),
                        }
                    }
                    let received_more = self.receive_content(input)?;
                    forwarding.upload.came(!self.read_all);
                    match received_more {
                        0 => {
                            // Only servers that speak HTTP say when content is to come.
                            let plan = forwarding.plan.as_ref();
                            if plan.is_some_and(|plan| !plan.relays_expectations()) {
                                self.protocol.continue_if_expected(&mut turn.output);
                            }
                            return Ok(());
                        }
                        length => received += length,
                    }
                }
            }
        }
    }

    /// Receives more of the request. Zero: nothing has come.
    fn receive_content(&mut self, input: &mut Input) -> Result<usize, Stop> {
        if input.unused().is_empty() && !self.input.is_empty() {
            input.set(std::mem::take(&mut self.input));
            return Ok(input.unused().len());
        }
        match self.received(input.receive(&self.transport)) {
            Ok(length) => Ok(length.unwrap_or(0)),
            Err(_) => Err(Stop::Left),
        }
    }

    /// Parks until one of the sockets is ready.
    fn await_upstream(&mut self, mut forwarding: Box<Forwarding>, turn: &mut Turn<'_>) -> Step {
        // As much as stops the relay has been offered to the client, and the socket reports when it
        // takes more. If it took all of that here, nothing would be reported: what the upstream has
        // sent was reported before.
        if turn.output.len() < DOWN && self.send_output(turn).is_err() {
            return self.leave(*forwarding, turn);
        }
        let sent = turn.upstream.sent;
        let Progress {
            has_moved, taken, ..
        } = forwarding.progress;
        let is_same = |waiting| self.deadline.waiting == waiting && forwarding.is_parked;
        let left = |waiting| match is_same(waiting) {
            true => turn.left,
            false => Duration::MAX,
        };
        self.deadline = if !turn.output.is_empty() || forwarding.has_piped() {
            turn.deadline_after(Waiting::Write, left(Waiting::Write), sent)
        } else if let (true, Some(plan)) = (forwarding.queued.waits(), &forwarding.plan) {
            forwarding.queued.deadline(plan, turn)
        } else if forwarding.awaits_content() {
            turn.deadline_after(Waiting::Receive, left(Waiting::Receive), taken)
        } else if forwarding.response.may_be_silent {
            Deadline {
                waiting: Waiting::Upstream,
                at: NEVER,
            }
        } else if has_moved || !is_same(Waiting::Upstream) {
            turn.deadline_in(Waiting::Upstream, forwarding.allowance())
        } else {
            self.deadline
        };
        let is_answered = forwarding.response.is_answered;
        if let Some(at) = forwarding.client.leaves_at(is_answered) {
            let leaves = at.saturating_duration_since(turn.now());
            let deadline = turn.deadline_in(Waiting::Upstream, leaves);
            if deadline.at < self.deadline.at {
                self.deadline = deadline;
            }
        }
        if !turn.output.is_empty() {
            // The worker keeps its large buffer.
            let is_large = turn.output.capacity() > turn.output.len() / 8 * 9;
            let output = match is_large {
                true => turn.output.to_vec(),
                false => std::mem::take(&mut turn.output),
            };
            turn.output.clear();
            let held = std::mem::take(&mut turn.held);
            forwarding.waiting = Some(Box::new(Waits { output, held }));
        }
        if is_answered {
            forwarding.forget_request();
        }
        forwarding.is_parked = true;
        self.state = State::Forwarding(forwarding);
        Step::Park
    }

    /// Ends an exchange whose response is complete.
    fn finish_forwarding(&mut self, mut forwarding: Box<Forwarding>, turn: &mut Turn<'_>) -> Step {
        if forwarding.response.names_file {
            return self.hand_over(*forwarding, true, turn);
        }
        forwarding.note_upstream(turn.now());
        if let Some(attempt) = forwarding.attempt.take() {
            let woken = attempt.finish(&turn.env.upstreams, turn.now());
            turn.upstream.woken.extend(woken);
        }
        let Relayed {
            encoder, content, ..
        } = forwarding.response;
        if let Err(error) = encoder.finish(&mut turn.output) {
            log::error!("{}: a relayed response has no end: {error}", self.remote);
            return self.leave(*forwarding, turn);
        }
        turn.hold(forwarding.record.as_deref(), content);
        self.finish_exchange(turn);
        Step::Look
    }

    /// Responds in the place of an upstream that has failed. If its response has begun, the
    /// connection is closed, so that the client sees that the rest is missing.
    pub(super) fn fail_forwarding(
        &mut self,
        mut forwarding: Forwarding,
        failure: &Failure,
        turn: &mut Turn<'_>,
    ) -> Step {
        if forwarding.response.names_file {
            return self.hand_over(forwarding, false, turn);
        }
        forwarding.note_upstream(turn.now());
        let server = forwarding.server();
        log::warn!(
            "{}: the upstream server {server} failed: {failure}",
            self.remote
        );
        if forwarding.response.is_answered {
            // What has come is sent; without its end.
            if self.send_output(turn).is_err() || !turn.output.is_empty() {
                self.transport.reset_on_close();
            }
            forwarding.response.is_cut = true;
            return self.close_forwarding(forwarding, Ending::Failed, turn.env);
        }
        let (status, explanation) = match failure {
            failure if failure.is_exhaustion() => (
                StatusCode::SERVICE_UNAVAILABLE,
                "This server has no room for another connection. Please try again soon.",
            ),
            Failure::TooSlow => (
                StatusCode::GATEWAY_TIMEOUT,
                "The server behind this one did not respond in time.",
            ),
            Failure::NoServer | Failure::Busy | Failure::QueueFull | Failure::Waited => (
                StatusCode::SERVICE_UNAVAILABLE,
                "No server behind this one is available. Please try again soon.",
            ),
            _ => (
                StatusCode::BAD_GATEWAY,
                "The server behind this one gave no valid response.",
            ),
        };
        // Others don't learn what lies behind this server.
        let is_here = self.remote.ip().is_none_or(|ip| ip.is_loopback());
        let page = match is_here {
            true => error_page(status, &format!("{explanation} ({server}: {failure})")),
            false => error_page(status, explanation),
        };
        let mut page = page;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = HeaderValue::from_static("5");
            page.headers_mut().insert(RETRY_AFTER, soon);
        }
        self.respond(page.into(), forwarding.record.take().as_deref_mut(), turn);
        Step::Look
    }

    /// Ends the exchange of a client that has left. The upstream connection is closed.
    pub(super) fn leave(&mut self, mut forwarding: Forwarding, turn: &mut Turn<'_>) -> Step {
        if !forwarding.response.is_answered {
            if let Some(record) = &mut forwarding.record {
                // Only the log shows it: 499 is what nginx made customary.
                record.status = StatusCode::from_u16(499).unwrap_or_default();
            }
        }
        self.close_forwarding(forwarding, Ending::ClientGone, turn.env)
    }

    /// Closes both connections in the middle of an exchange, and records it.
    pub(super) fn close_forwarding(
        &mut self,
        mut forwarding: Forwarding,
        ending: Ending,
        env: &Env,
    ) -> Step {
        forwarding.note_upstream(Instant::now());
        let looks_complete = forwarding.response.ends_with_connection();
        if forwarding.response.is_answered && (looks_complete || !forwarding.response.is_cut) {
            self.transport.reset_on_close();
        }
        if let Some(mut waiting) = forwarding.waiting.take() {
            let held = &mut waiting.held;
            held.settle(0, ending, |record| env.record(record));
        }
        if let Some(mut record) = forwarding.record {
            record.sent = forwarding.response.content;
            record.ending = ending;
            env.record(*record);
        }
        Step::Close
    }
}
