//! Responses on their way out: at once as far as the socket takes them, the rest when it takes more.

use super::outgoing::{Outgoing, Progress, client_has_gone};
use super::{Connection, Step};
use crate::access_log::Record;
use crate::body::Content;
use crate::deadline::Waiting;
use crate::worker::Worker;
use std::io;
use tinyhttp_message::ContentEncoder;

/// A response that the socket has not taken whole, and what the log will say of it.
pub(super) struct Pending {
    pub(super) outgoing: Outgoing,
    /// Bytes before the content: its head, and whole responses to earlier requests.
    pub(super) before_content: u64,
    /// The last of it ends an exchange; otherwise it belongs to exchanges that count as finished.
    pub(super) ends_exchange: bool,
    pub(super) record: Option<Record<'static>>,
}

impl Connection {
    /// Sends what has gathered in the worker's output.
    pub(super) fn flush(&mut self, worker: &mut Worker<'_>) -> Step {
        if worker.output.is_empty() {
            return Step::LookAgain;
        }
        let mut outgoing = Outgoing::new(
            std::mem::take(&mut worker.output),
            Content::Empty,
            ContentEncoder::Suppressed,
        );
        match outgoing.advance(&self.socket) {
            Ok(Progress::Done) => {
                // The room is kept for the next one.
                worker.output = outgoing.buffer;
                worker.output.clear();
                Step::LookAgain
            }
            Ok(Progress::Blocked | Progress::Yielded) => {
                let pending = Pending {
                    outgoing,
                    before_content: 0,
                    ends_exchange: false,
                    record: None,
                };
                self.block(Box::new(pending), true, worker)
            }
            Err(error) => self.broken(&error, false),
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
                pending.record(worker);
                if ends_exchange {
                    self.finish_exchange()
                } else if self.protocol.close_reason().is_some() {
                    Step::End
                } else {
                    Step::LookAgain
                }
            }
            Ok(Progress::Blocked | Progress::Yielded) => {
                let moved = pending.outgoing.sent > before;
                self.block(pending, moved, worker)
            }
            Err(error) => {
                let until_close = pending.outgoing.encoder == ContentEncoder::UntilClose;
                pending.record(worker);
                self.broken(&error, until_close)
            }
        }
    }

    pub(super) fn block(
        &mut self,
        pending: Box<Pending>,
        moved: bool,
        worker: &Worker<'_>,
    ) -> Step {
        // A client that takes nothing keeps the deadline it had.
        if moved || self.deadline.waiting != Waiting::Write {
            self.deadline = worker.deadline(Waiting::Write);
        }
        self.sending = Some(pending);
        Step::Blocked
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

impl Pending {
    /// Tells the log how it went.
    pub(super) fn record(self, worker: &Worker<'_>) {
        let sent = self.outgoing.sent.saturating_sub(self.before_content);
        worker.record(self.record, sent);
    }
}
