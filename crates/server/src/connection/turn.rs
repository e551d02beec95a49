//! What a worker lends a connection for one turn, and state that has a meaning only within a turn.

use super::env::Env;
use crate::access_log::{Ending, Held, Record};
use crate::deadline::{Deadline, Lag, Ticks, Waiting};
#[cfg(feature = "gateway")]
use crate::gateway::Moment;
#[cfg(feature = "gateway")]
use crate::poller::alarm::Alarm;
use crate::response::SERVER;
use std::time::{Duration, Instant, SystemTime};
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::encode::FieldLines;

/// A worker's clock, output buffer and Date line, for the connection that has its turn.
pub(crate) struct Turn<'e> {
    pub(crate) env: &'e Env,
    /// The number of the worker. No other worker has the same.
    pub(crate) worker: usize,
    /// Responses that have not been sent.
    pub(super) output: Vec<u8>,
    /// The records of the responses in `output`.
    pub(super) held: Held,
    /// The time of the last reports.
    now: Now,
    pub(super) date: DateField,
    /// The server is shutting down, so each response is the last of its connection.
    pub(crate) is_draining: bool,
    /// Upper bound on when the next request began to arrive; `None` if unknown.
    pub(super) arrived: Option<Instant>,
    /// What was left of the connection's deadline when the turn began.
    pub(super) left: Duration,
    /// Requests that were answered in this turn.
    pub(super) answered: usize,
    /// An exchange was finished in this turn.
    pub(super) has_exchanged: bool,
    /// The socket may be read once more in this turn.
    pub(super) may_read: bool,
    /// The input holds only a part of something.
    pub(super) needs_more: bool,
    #[cfg(feature = "gateway")]
    pub(crate) upstream: UpstreamTurn,
}

/// A time, as both clocks have it.
#[derive(Clone, Copy)]
struct Now {
    instant: Instant,
    system: SystemTime,
}

impl Now {
    fn get() -> Self {
        Now {
            instant: Instant::now(),
            system: SystemTime::now(),
        }
    }
}

/// The Date field (RFC 9110 §6.6.1), made once a second.
pub(super) struct DateField {
    pub(super) lines: FieldLines,
    /// The Server field, too.
    pub(super) with_server: FieldLines,
    of: HttpDate,
}

/// What an exchange with an upstream server needs in a turn.
#[cfg(feature = "gateway")]
#[derive(Default)]
pub(crate) struct UpstreamTurn {
    /// The turn follows from a report of the upstream's socket: whether that has ended.
    pub(crate) report: Option<bool>,
    /// When the poller has reported everything last.
    pub(crate) polled: Option<Instant>,
    /// Bytes that the client has taken since the exchange went on.
    pub(super) sent: u64,
    /// A buffer to read into, made when it is first needed.
    pub(super) scratch: Vec<u8>,
    /// Connections that have what they waited for, and get their turns next.
    pub(crate) woken: Vec<Alarm>,
}

impl<'e> Turn<'e> {
    pub(crate) fn new(env: &'e Env, worker: usize) -> Self {
        let now = Now::get();
        Turn {
            env,
            worker,
            output: Vec::new(),
            held: Held::default(),
            now,
            date: DateField::new(HttpDate::from(now.system)),
            is_draining: false,
            arrived: None,
            left: Duration::ZERO,
            answered: 0,
            has_exchanged: false,
            may_read: true,
            needs_more: false,
            #[cfg(feature = "gateway")]
            upstream: UpstreamTurn::default(),
        }
    }

    /// Sets the time: once for all reports of one call, and after everything that may have taken
    /// long.
    pub(crate) fn update_time(&mut self) {
        self.now = Now::get();
        let date = HttpDate::from(self.now.system);
        if date != self.date.of {
            self.date = DateField::new(date);
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now.instant
    }

    /// What the system's clock shows at an instant of this turn. Reading that clock for each
    /// request would cost as much as formatting its line.
    pub(super) fn system_time(&self, at: Instant) -> SystemTime {
        let passed = at.saturating_duration_since(self.now.instant);
        self.now
            .system
            .checked_add(passed)
            .unwrap_or(self.now.system)
    }

    /// The deadline of something that begins now.
    pub(super) fn deadline(&self, waiting: Waiting) -> Deadline {
        self.deadline_in(waiting, self.env.timeouts.of(waiting))
    }

    /// The deadline of a connection that had `left` remaining and has transferred `moved` bytes
    /// since.
    pub(super) fn deadline_after(&self, waiting: Waiting, left: Duration, moved: u64) -> Deadline {
        self.deadline_in(waiting, self.env.timeouts.after(waiting, left, moved))
    }

    /// The deadline of something that has `left` remaining.
    pub(super) fn deadline_in(&self, waiting: Waiting, left: Duration) -> Deadline {
        let at = self.ticks().after(left);
        Deadline { waiting, at }
    }

    fn ticks(&self) -> Ticks {
        self.env.clock.at(self.now.instant)
    }

    /// The time from now to a deadline.
    pub(super) fn until(&self, deadline: Deadline) -> Duration {
        deadline.at.since(self.ticks())
    }

    /// The latest deadline of a client that lags so far behind.
    pub(crate) fn lagging(&self, waiting: Waiting, lag: Lag) -> Ticks {
        self.ticks().after(self.env.timeouts.lagging(waiting, lag))
    }

    /// Holds the record of a response that was just written to the output, with `content` bytes of
    /// content, until the socket has taken it.
    pub(super) fn hold(&mut self, record: Option<&Record<'_>>, content: u64) {
        if let Some(record) = record {
            self.held.hold(record, self.output.len(), content);
        }
    }

    /// Records the responses that are complete now that `taken` bytes of the output have been sent
    /// and removed.
    pub(super) fn output_taken(&mut self, taken: u64) {
        self.held.advance(taken, |record| self.env.record(record));
    }

    /// What an upstream connection that is idle has to be judged by.
    #[cfg(feature = "gateway")]
    pub(super) fn moment(&self) -> Moment {
        Moment {
            now: self.now.instant,
            polled: self.upstream.polled,
        }
    }

    /// Counts bytes that the client of a forwarded request has taken.
    #[cfg(feature = "gateway")]
    pub(super) fn count_sent(&mut self, sent: usize) {
        self.upstream.sent += sent as u64;
    }

    /// Drops what has not been sent: the connection waits for something else, or is to be closed.
    pub(crate) fn discard(&mut self, ending: Ending) {
        self.output.clear();
        self.settle(0, ending);
    }

    /// Records all responses that were in the output. `taken` bytes of it have been sent, and no
    /// more will be.
    pub(crate) fn settle(&mut self, taken: u64, ending: Ending) {
        self.held
            .settle(taken, ending, |record| self.env.record(record));
    }

    /// Upper bound on when the request in hand began to arrive. It is known for the first request
    /// of a turn only.
    pub(super) fn arrival(&mut self) -> Instant {
        self.arrived.take().unwrap_or_else(Instant::now)
    }
}

impl DateField {
    fn new(of: HttpDate) -> Self {
        // Of letters, digits, commas, colons and spaces, which every field value may have.
        let lines = FieldLines::new(|head| head.field("Date", &of.write())).unwrap_or_default();
        let both = FieldLines::new(|head| {
            head.lines(&lines);
            head.field("Server", SERVER.as_bytes())
        });
        DateField {
            with_server: both.unwrap_or_default(),
            lines,
            of,
        }
    }
}

#[cfg(test)]
impl Turn<'_> {
    /// Lets time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.system += time;
    }
}
