//! A forwarded request that waits until an upstream server has room for it.

use super::turn::Turn;
use crate::deadline::{Deadline, Waiting};
use crate::gateway::{Choice, Failure, Given, Lease, Plan, Ticket};
use crate::poller::alarm::Alarm;
use std::time::Instant;

/// The wait of a request for a server.
#[derive(Default)]
pub(super) struct Queued {
    ticket: Option<Ticket>,
    /// The number of the request's arrival. It keeps its place when it is sent again.
    arrival: Option<u64>,
    deadline: Option<Deadline>,
}

impl Queued {
    /// Whether the request has a place in the queue.
    pub(super) fn waits(&self) -> bool {
        self.ticket.is_some()
    }

    /// Whether there is nothing to wait for any more.
    pub(super) fn is_settled(&self) -> bool {
        self.ticket.as_ref().is_some_and(Ticket::is_settled)
    }

    /// Chooses a server. `None`: the request waits for one.
    ///
    /// # Errors
    /// [`Failure::NoServer`], or [`Failure::QueueFull`].
    pub(super) fn choose(&mut self, plan: &Plan, now: Instant) -> Result<Option<Lease>, Failure> {
        if let Some(ticket) = &self.ticket {
            let lease = match ticket.take() {
                Given::Waits => return Ok(None),
                Given::Granted(lease) => Some(lease),
                Given::Refused => None,
            };
            (self.ticket, self.deadline) = (None, None);
            return lease.map(Some).ok_or(Failure::NoServer);
        }
        match plan.choose(self.arrival, now) {
            Choice::Server(lease) => Ok(Some(lease)),
            Choice::Waits(ticket) => {
                self.arrival = Some(ticket.arrival());
                self.ticket = Some(ticket);
                Ok(None)
            }
            Choice::Full => Err(Failure::QueueFull),
            Choice::Nothing => Err(Failure::NoServer),
        }
    }

    /// When the wait ends, however often the connection is parked meanwhile.
    pub(super) fn deadline(&mut self, plan: &Plan, turn: &Turn<'_>) -> Deadline {
        let (_, time) = plan.group.settings.queue;
        let new = || turn.deadline_in(Waiting::Upstream, time);
        *self.deadline.get_or_insert_with(new)
    }

    /// Leaves what wakes the connection. Returns it if there is nothing to wait for.
    pub(super) fn park(&self, alarm: Alarm) -> Option<Alarm> {
        self.ticket.as_ref()?.park(alarm)
    }
}
