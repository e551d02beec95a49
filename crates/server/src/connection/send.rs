//! Responses on their way out: at once as far as the socket takes them, the rest when it takes more.

use super::outgoing::{Outgoing, Progress, client_has_gone};
use super::{Connection, Step};
use crate::access_log::{Ending, Held, Record};
use crate::body::Content;
use crate::deadline::Waiting;
use crate::worker::Worker;
use rustix::net::{SendFlags, send};
use std::io;
use std::time::Duration;
use tinyhttp_message::ContentEncoder;

/// A response that the socket has not taken whole, and what the log will say of it.
pub(super) struct Pending {
    pub(super) outgoing: Outgoing,
    /// Bytes before the content: its head, and whole responses to earlier requests.
    pub(super) before_content: u64,
    /// The last of it ends an exchange; otherwise it belongs to exchanges that count as finished.
    pub(super) ends_exchange: bool,
    /// What the log will say of the response that the content belongs to.
    pub(super) record: Option<Record<'static>>,
    /// What it will say of earlier ones.
    pub(super) held: Held,
}

impl Connection {
    /// Sends what goes at once of the earlier responses, before something that may take its time: nobody has to wait for
    /// that who waits for those. The rest stays where it is, and so does what is wrong, if anything is.
    pub(super) fn send_ahead(&self, worker: &mut Worker<'_>) {
        if !worker.output.is_empty()
            && let Ok(sent) = send(&self.socket, &worker.output, SendFlags::NOSIGNAL)
        {
            worker.output.drain(..sent);
            worker.output_taken(sent as u64);
        }
    }

    /// Sends what has gathered in the worker's output. `last`: then the connection ends.
    pub(super) fn flush(&mut self, last: bool, worker: &mut Worker<'_>) -> Step {
        if worker.output.is_empty() {
            return Step::LookAgain;
        }
        let mut outgoing = Outgoing::new(
            std::mem::take(&mut worker.output),
            Content::Empty,
            ContentEncoder::Suppressed,
        );
        outgoing.last = last;
        match outgoing.advance(&self.socket) {
            Ok(Progress::Done) => {
                // The room is kept for the next one.
                worker.output = outgoing.buffer;
                worker.output.clear();
                worker.settle(outgoing.sent, Ending::Complete);
                Step::LookAgain
            }
            Ok(Progress::Blocked | Progress::Yielded) => {
                let pending = Pending {
                    outgoing,
                    before_content: 0,
                    ends_exchange: false,
                    record: None,
                    held: std::mem::take(&mut worker.held),
                };
                self.block(Box::new(pending), 0, worker)
            }
            Err(error) => {
                worker.settle(outgoing.sent, ending(&error));
                self.broken(&error, false)
            }
        }
    }

    /// Sends a response, or goes on sending it.
    pub(super) fn send(&mut self, mut pending: Box<Pending>, worker: &mut Worker<'_>) -> Step {
        let before = pending.outgoing.sent;
        let may_wait = pending.outgoing.may_wait();
        let mut advance = || pending.outgoing.advance(&self.socket);
        let progress = if may_wait {
            worker.while_waiting(advance)
        } else {
            advance()
        };
        match progress {
            Ok(Progress::Done) => {
                let ends_exchange = pending.ends_exchange;
                pending.outgoing.shrink(&mut worker.output);
                pending.record(Ending::Complete, worker);
                if ends_exchange {
                    self.finish_exchange()
                } else if self.protocol.close_reason().is_some() {
                    Step::End
                } else {
                    Step::LookAgain
                }
            }
            Ok(Progress::Blocked | Progress::Yielded) => {
                let moved = pending.outgoing.sent - before;
                self.block(pending, moved, worker)
            }
            Err(error) => {
                let until_close = pending.outgoing.encoder == ContentEncoder::UntilClose;
                pending.record(ending(&error), worker);
                self.broken(&error, until_close)
            }
        }
    }

    /// Parks a response until the socket takes more, `moved` bytes after it was blocked before, if it was.
    fn block(&mut self, mut pending: Box<Pending>, moved: u64, worker: &mut Worker<'_>) -> Step {
        pending.outgoing.shrink(&mut worker.output);
        let first = self.deadline.waiting != Waiting::Write || self.exchanged;
        let left = if first { Duration::MAX } else { self.left };
        self.deadline = worker.deadline_after(Waiting::Write, left, moved);
        self.sending = Some(pending);
        Step::Blocked
    }

    /// Sends what the socket takes of a blocked response, and credits it. The poller reports a socket
    /// late, when much of its buffer is free, so the client may have taken more than is known. Returns
    /// whether the socket took anything.
    pub(crate) fn has_taken_some(&mut self, worker: &mut Worker<'_>) -> bool {
        let Some(mut pending) = self.sending.take() else {
            return false;
        };
        let left = worker.until(self.deadline);
        let before = pending.outgoing.sent;
        let some = pending.outgoing.nudge(&self.socket);
        let moved = pending.outgoing.sent - before;
        self.deadline = worker.deadline_after(Waiting::Write, left, moved);
        self.sending = Some(pending);
        some
    }

    /// Whether the client takes its response more slowly than [`Timeouts::slowest`], counting what it
    /// has taken up to now. A connection that only waits for its next turn is no reader.
    ///
    /// [`Timeouts::slowest`]: crate::Timeouts::slowest
    pub(crate) fn has_fallen_behind(&mut self, worker: &mut Worker<'_>) -> bool {
        if self.sending.is_none() {
            return false;
        }
        self.has_taken_some(worker);
        self.deadline.at <= worker.behind()
    }

    pub(super) fn broken(&mut self, error: &io::Error, looks_complete: bool) -> Step {
        if !client_has_gone(error) {
            log::warn!("{}: the response is cut short: {error}", self.remote);
        }
        if looks_complete {
            // The end of the connection would be taken for the end of the content, so it has to be a reset.
            self.reset();
        }
        Step::Broken
    }
}

/// What ended a response that failed with this error.
fn ending(error: &io::Error) -> Ending {
    match client_has_gone(error) {
        true => Ending::ClientGone,
        false => Ending::Failed,
    }
}

impl Pending {
    /// Logs how it went.
    pub(super) fn record(mut self, ending: Ending, worker: &Worker<'_>) {
        let taken = self.outgoing.sent;
        self.held
            .settle(taken, ending, |record| worker.record(record));
        if let Some(record) = self.record {
            let besides = self.before_content + self.outgoing.framing;
            let sent = taken.saturating_sub(besides);
            worker.record(&Record {
                sent,
                ending,
                ..record
            });
        }
    }
}
