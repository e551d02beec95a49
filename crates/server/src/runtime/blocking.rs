//! Handing a worker's place to others while it is blocked, and parking connections.

use super::admission::LISTENER;
use super::inbox::{Inbox, Ready};
use super::pace::Paces;
use super::pool::Pool;
use super::shared::Shared;
use crate::connection::{Connection, Turn};
use crate::poller::{Report, descriptor};
use std::cell::Cell;
use std::io;
use std::sync::Arc;

/// What a worker needs to let others take its place.
pub(super) struct Blocking<'w> {
    pub(super) shared: &'w Shared,
    pub(super) pool: &'w Arc<Pool>,
    pub(super) inbox: &'w Inbox,
    pub(super) was_blocked: &'w Cell<bool>,
    pub(super) paces: &'w Paces,
}

impl Blocking<'_> {
    /// Does something that may block, and sets the time afterwards. Another worker takes this one's
    /// place, and what was reported to it.
    pub(super) fn block_in_place<R>(&self, turn: &mut Turn<'_>, work: impl FnOnce() -> R) -> R {
        hand_over(self.shared, self.pool, self.inbox);
        let was_at_work = self.inbox.is_at_work();
        end_of_work(self.inbox, self.pool);
        let blocked = self.pool.block();
        let result = work();
        drop(blocked);
        if was_at_work {
            self.inbox.resume();
        }
        self.was_blocked.set(true);
        turn.update_time();
        turn.is_draining = self.shared.lifecycle.is_draining();
        result
    }
}

/// Notes that a worker has finished its batch, or is blocked. If the timer counted it as blocked,
/// it is so no longer.
pub(super) fn end_of_work(inbox: &Inbox, pool: &Pool) {
    if inbox.end() {
        pool.count_unblocked();
    }
}

/// Gives what is in an inbox to other workers: reports to the next one that polls, which looks for
/// them once its place is taken. If one polls already, it may have looked before they were there,
/// so the poller reports them again.
pub(super) fn hand_over(shared: &Shared, pool: &Pool, inbox: &Inbox) {
    let mut reports = Vec::new();
    while let Some(ready) = inbox.next() {
        match ready {
            // These are reported again in any case.
            Ready::Reported(Report { token, .. }) if token >= LISTENER => {}
            Ready::Reported(report) => reports.push(report),
            Ready::Fresh(connection) => park_or_close(shared, connection),
        }
    }
    if reports.is_empty() {
        return;
    }
    shared.handed_over.add(reports);
    if pool.is_polling() {
        for Report { token, .. } in shared.handed_over.take(usize::MAX) {
            let armed = descriptor(token).and_then(|owner| {
                let arm = |connection: &mut Connection| connection.arm(&shared.poller, true);
                shared.parked.with(owner, arm)
            });
            if let Some(Err(error)) = armed {
                log::debug!("a descriptor could not be armed again: {error}");
            }
        }
    }
}

pub(super) fn park_or_close(shared: &Shared, connection: Box<Connection>) {
    if let Err(error) = park(shared, connection) {
        log::warn!("a connection could not be parked: {error}");
        shared.closed();
    }
}

fn park(shared: &Shared, connection: Box<Connection>) -> io::Result<()> {
    let descriptor = connection.token() as usize;
    let deadline = connection.deadline();
    let arm = |connection: &mut Connection, missed| connection.arm(&shared.poller, missed);
    shared.parked.park(descriptor, connection, deadline, arm)
}
