//! A request that is being forwarded: its attempts, and what has been taken and relayed of it.

use super::presence::Presence;
use super::queued::Queued;
use super::timing::Timing;
use super::turn::Turn;
use super::upload::Upload;
use crate::access_log::{Held, Record};
use crate::gateway::{
    Attempt, Failure, Lease, Moment, Plan, Registry, SplicePipe, may_retry, may_reuse,
};
use std::time::{Duration, Instant};
use tinyhttp_message::{ContentEncoder, ProtocolError, ServerConnection};

/// Bytes that are read from a file at once.
const PIECE: usize = 16 * 1024;

/// Connections that are refused count for one attempt.
const REFUSED: u8 = 4;

/// A request that is being forwarded.
pub(super) struct Forwarding {
    /// `None`: the response has begun, and there is no other attempt.
    pub(super) plan: Option<Box<Plan>>,
    /// In a place of its own: memory that was freed while the request was prepared is used for it.
    pub(super) record: Option<Box<Record<'static>>>,
    pub(super) attempt: Option<Attempt>,
    pub(super) response: Relayed,
    pub(super) upload: Upload,
    pub(super) queued: Queued,
    /// Attempts that have failed.
    failed: Failed,
    /// Addresses of the server that refused this request.
    pub(super) refused: usize,
    /// An idle connection turned out to be closed, so the next attempt makes a new one.
    must_connect: bool,
    /// It has been parked before.
    pub(super) is_parked: bool,
    pub(super) client: Presence,
    pub(super) progress: Progress,
    /// What the client has not taken, outside of a turn: earlier responses, and a part of this one.
    pub(super) waiting: Option<Box<Waits>>,
    /// What large content goes through.
    pub(super) pipe: Option<Box<SplicePipe>>,
}

/// The attempts at a request that have failed.
#[derive(Debug, Default)]
struct Failed {
    /// On a connection that was made for it.
    established: u8,
    /// To connect.
    refused: u8,
}

impl Failed {
    /// Counts an attempt that has failed, and returns how many attempts that makes. That an idle
    /// connection was closed happens once and does not count, and connections that are refused,
    /// which cost a server nothing, count for less.
    fn count(&mut self, attempt: &Attempt, failure: &Failure) -> u8 {
        let is_refused = attempt.is_connecting() && !failure.is_reset();
        if is_refused {
            self.refused = self.refused.saturating_add(1);
        } else if !attempt.is_reused() {
            self.established = self.established.saturating_add(1);
        }
        (self.established + self.refused / REFUSED).max(1)
    }
}

/// What the client has not taken.
#[derive(Default)]
pub(super) struct Waits {
    pub(super) output: Vec<u8>,
    pub(super) held: Held,
}

/// What happened in this turn.
#[derive(Default)]
pub(super) struct Progress {
    /// The upstream has taken some of the request, or gone on with its response: it gets its time
    /// anew. Of the response's head, only the whole counts.
    pub(super) has_moved: bool,
    /// Bytes of content that came from the client.
    pub(super) taken: u64,
    /// There is more to do, and the turn is over.
    pub(super) yields: bool,
}

/// How far a response has been relayed.
pub(super) struct Relayed {
    pub(super) timing: Timing,
    /// Writes the content as the head has announced it.
    pub(super) encoder: ContentEncoder,
    /// The head has been written.
    pub(super) is_answered: bool,
    /// Bytes of content.
    pub(super) content: u64,
    /// Bytes of interim responses.
    pub(super) interim: usize,
    /// The response is a stream of events, between which any time may pass.
    pub(super) may_be_silent: bool,
    /// It ends before its end, and what has come of it is sent.
    pub(super) is_cut: bool,
    /// The response names a file, which is sent once the response has ended.
    pub(super) names_file: bool,
    /// Bytes of content that are not relayed.
    pub(super) skipped: u64,
}

impl Relayed {
    fn new(now: Instant) -> Self {
        Relayed {
            timing: Timing::new(now),
            encoder: ContentEncoder::Suppressed,
            is_answered: false,
            content: 0,
            interim: 0,
            may_be_silent: false,
            is_cut: false,
            names_file: false,
            skipped: 0,
        }
    }

    /// Whether the client would take the end of the connection for the end of the content.
    pub(super) fn ends_with_connection(&self) -> bool {
        self.encoder == ContentEncoder::UntilClose
    }
}

/// Why the request is not sent on.
pub(super) enum Stop {
    /// Its content breaks the protocol.
    Refused(ProtocolError),
    /// The client has left, or its content can't be read.
    Left,
}

impl Forwarding {
    /// A request that nothing has been sent of. Its content is that of the plan, or comes from the
    /// connection.
    pub(super) fn new(
        mut plan: Box<Plan>,
        record: Option<Record<'static>>,
        protocol: &ServerConnection,
        client: Presence,
        now: Instant,
    ) -> Self {
        let upload = Upload::new(std::mem::take(&mut plan.body), protocol);
        Forwarding {
            plan: Some(plan),
            record: record.map(Box::new),
            attempt: None,
            response: Relayed::new(now),
            upload,
            queued: Queued::default(),
            failed: Failed::default(),
            refused: 0,
            must_connect: false,
            is_parked: false,
            client,
            progress: Progress::default(),
            waiting: None,
            pipe: None,
        }
    }

    /// Continues in a turn with what the client has not taken.
    pub(super) fn resume(&mut self, turn: &mut Turn<'_>) {
        self.progress = Progress::default();
        if let Some(waiting) = self.waiting.take() {
            let Waits { output, held } = *waiting;
            // The worker's own buffer is empty, and larger.
            turn.output.extend_from_slice(&output);
            turn.held = held;
        }
    }

    /// Whether the client has not taken everything.
    pub(super) fn has_output(&self) -> bool {
        let waiting = self.waiting.as_ref();
        waiting.is_some_and(|waiting| !waiting.output.is_empty()) || self.has_piped()
    }

    /// Whether the client has not taken everything that is in the pipe.
    pub(super) fn has_piped(&self) -> bool {
        self.pipe.as_ref().is_some_and(|pipe| !pipe.is_empty())
    }

    /// Whether the upstream could take content that the client has not sent.
    pub(super) fn awaits_content(&self) -> bool {
        let is_able =
            |attempt: &Attempt| !attempt.is_written && !attempt.is_deaf() && attempt.has_room();
        self.attempt.as_ref().is_some_and(is_able)
    }

    pub(super) fn allowance(&self) -> Duration {
        let attempt = self.attempt.as_ref();
        attempt.map_or(Duration::ZERO, Attempt::allowance)
    }

    /// The name of the server in messages.
    pub(super) fn server(&self) -> String {
        match (&self.attempt, &self.plan) {
            (Some(attempt), _) => attempt.lease.server().target.label().to_string(),
            (None, Some(plan)) => plan.group.name(),
            (None, None) => String::new(),
        }
    }

    /// Begins to send the request to a server. `false`: it has to wait for one with room.
    pub(super) fn begin_attempt(
        &mut self,
        registry: &Registry,
        moment: Moment,
    ) -> Result<bool, Failure> {
        let now = moment.now;
        let mut last = None;
        loop {
            let Some(plan) = &self.plan else {
                return Err(Failure::Closed);
            };
            let lease = match self.queued.choose(plan, now) {
                Ok(Some(lease)) => lease,
                Ok(None) => {
                    registry.await_server(&plan.group, now);
                    self.response.timing.waits(now);
                    return Ok(false);
                }
                Err(Failure::NoServer) => return Err(last.unwrap_or(Failure::NoServer)),
                Err(failure) => return Err(failure),
            };
            let may_take_idle =
                !self.must_connect && may_reuse(&plan.method, self.upload.may_repeat());
            let (content, refused) = (self.upload.length(), self.refused);
            self.response.timing.begin(now);
            let begun = Attempt::begin(
                plan,
                lease,
                content,
                may_take_idle,
                refused,
                registry,
                moment,
            );
            match begun {
                Ok(mut attempt) => {
                    // What was taken has been counted when it was taken.
                    let _ = self.upload.begin(&mut attempt);
                    if attempt.is_reused() {
                        self.response.timing.connected(now);
                    }
                    self.attempt = Some(attempt);
                    return Ok(true);
                }
                // That this server has no descriptor left is no fault of the other one.
                Err((failure, _)) if failure.is_exhaustion() => {
                    if !registry.close_idle(1) {
                        return Err(failure);
                    }
                }
                Err((failure, lease)) => {
                    self.pass_over(&lease, &failure);
                    last = Some(reported(failure, &lease));
                }
            }
        }
    }

    /// Notes in the record what the upstream has done up to now.
    pub(super) fn note_upstream(&mut self, now: Instant) {
        if self.record.is_none() {
            return;
        }
        let address = match &self.attempt {
            Some(attempt) => attempt.peer(),
            None => self.server().into(),
        };
        if let Some(record) = &mut self.record {
            let status = self.response.is_answered.then_some(record.status);
            record.hops.upstream = Some(self.response.timing.record(address, status, now));
        }
    }

    /// Goes on to the next address of a server that can't be connected to, or to another server.
    fn pass_over(&mut self, lease: &Lease, failure: &Failure) {
        self.refused += 1;
        if self.refused >= lease.server().addresses().len() {
            self.refused = 0;
            lease.failed(matches!(failure, Failure::TooSlow));
            if let Some(plan) = &mut self.plan {
                plan.tried.exclude(lease.number());
            }
        }
    }

    /// Prepares another attempt, unless the failure is to be reported.
    pub(super) fn retry(&mut self, failure: Failure) -> Result<(), Failure> {
        let Some(attempt) = self.attempt.take() else {
            return Err(failure);
        };
        let is_in_time = attempt.is_connecting() || !matches!(failure, Failure::TooSlow);
        let attempts = self.failed.count(&attempt, &failure);
        let plan = self.plan.as_ref().filter(|_| !self.response.is_answered);
        let may_retry = |plan: &Plan| may_retry(&plan.method, attempt.outcome, attempts);
        let is_allowed = is_in_time && plan.is_some_and(|plan| may_retry(plan));
        if attempt.is_reused() && !matches!(failure, Failure::TooSlow) {
            // That an idle connection is closed says nothing of the server.
            attempt.lease.prune();
            self.must_connect = true;
        } else if attempt.is_connecting() && !failure.is_reset() {
            self.pass_over(&attempt.lease, &failure);
        } else {
            attempt.lease.failed(matches!(failure, Failure::TooSlow));
            if let Some(plan) = &mut self.plan {
                plan.tried.avoid(attempt.lease.number());
            }
        }
        let plan = self.plan.as_ref();
        let has_another = !attempt.is_connecting() || plan.is_some_and(|plan| plan.has_server());
        if is_allowed && has_another {
            log::debug!(
                "{}: another attempt: {failure}",
                attempt.lease.server().target.label()
            );
            return Ok(());
        }
        let failure = match attempt.is_connecting() {
            true => reported(failure, &attempt.lease),
            false => failure,
        };
        self.attempt = Some(attempt);
        Err(failure)
    }

    /// Takes a piece of content, which belongs to the request from now on.
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<(), Stop> {
        let Some(attempt) = &mut self.attempt else {
            return Ok(());
        };
        attempt.outcome.has_lost_content |= !self.upload.keep(piece);
        self.progress.taken += piece.len() as u64;
        attempt.write_content(piece).map_err(|_| Stop::Left)
    }

    /// Frees what is needed only for another attempt: the response has begun.
    pub(super) fn forget_request(&mut self) {
        self.upload.forget();
        self.plan = None;
    }

    pub(super) fn end_content(&mut self) -> Result<(), Stop> {
        self.upload.end();
        match &mut self.attempt {
            Some(attempt) => attempt.finish_content().map_err(|_| Stop::Left),
            None => Ok(()),
        }
    }

    /// Takes a piece of content that has been received before, and returns its length.
    pub(super) fn take_body(&mut self) -> Result<usize, Stop> {
        let mut piece = [0; PIECE];
        match self.upload.read(&mut piece) {
            Ok(0) => self.end_content().map(|()| 0),
            Ok(length) => self.take(&piece[..length]).map(|()| length),
            Err(error) => {
                log::error!("received content can't be read again: {error}");
                Err(Stop::Left)
            }
        }
    }
}

/// The failure that the client learns: if a server was out before and still is, none was left.
fn reported(failure: Failure, lease: &Lease) -> Failure {
    match lease.is_last_resort {
        true => Failure::NoServer,
        false => failure,
    }
}
