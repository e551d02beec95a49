//! The reports that a worker has taken and not acted on, where the timer can see them.
//!
//! A worker takes up to 32 reports at once and gives each connection its turn. If one turn hangs,
//! for example on a disk that does not answer, the others must not hang with it: at each tick the
//! timer checks every inbox, counts a worker that has been at its batch for too long as blocked,
//! and hands what is left in its inbox to other workers.

use crate::connection::Connection;
use crate::lock::Lock;
use crate::poller::Report;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How long a worker may be at one batch before the timer takes it for blocked. Ordinary batches
/// take less than a millisecond; a worker that is taken for blocked by mistake costs a wake-up.
const STUCK: Duration = Duration::from_millis(100);

/// What a worker has to act on.
pub(super) enum Ready {
    /// A report of the poller.
    Reported(Report),
    /// A connection that was just accepted, and most likely has sent its first request.
    Fresh(Box<Connection>),
}

/// The inboxes of all workers.
#[derive(Default)]
pub(crate) struct Inboxes(Lock<Vec<Weak<Inbox>>>);

/// Reports that workers have handed over before they blocked. The next worker that polls takes them
/// first. A report that is handed over so costs no system call.
#[derive(Default)]
pub(crate) struct HandedOver {
    reports: Lock<VecDeque<Report>>,
    /// How many there are, so that a worker that polls takes no lock for none.
    number: AtomicUsize,
}

impl HandedOver {
    pub(crate) fn add(&self, added: Vec<Report>) {
        let mut reports = self.reports.lock();
        reports.extend(added);
        self.number.store(reports.len(), Ordering::SeqCst);
    }

    /// Takes at most `most` of them.
    pub(crate) fn take(&self, most: usize) -> Vec<Report> {
        if self.number.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let mut reports = self.reports.lock();
        let taken = reports.len().min(most);
        let taken = reports.drain(..taken).collect();
        self.number.store(reports.len(), Ordering::SeqCst);
        taken
    }
}

/// What one worker has taken.
#[derive(Default)]
pub(crate) struct Inbox(Lock<State>);

#[derive(Default)]
struct State {
    ready: VecDeque<Ready>,
    /// When the worker began with what it is at; `None` while it is at nothing, or has said that it
    /// blocks.
    since: Option<Instant>,
    /// The timer has counted the worker as blocked.
    counted: bool,
}

impl Inboxes {
    /// An inbox for another worker, which is forgotten when the worker is gone.
    pub(crate) fn add(&self) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::default());
        let mut all = self.0.lock();
        all.retain(|inbox| inbox.strong_count() > 0);
        all.push(Arc::downgrade(&inbox));
        inbox
    }

    pub(crate) fn all(&self) -> Vec<Arc<Inbox>> {
        self.0.lock().iter().filter_map(Weak::upgrade).collect()
    }
}

impl Inbox {
    /// Puts a batch in, at the time at which the worker begins with it: how much there is.
    pub(crate) fn fill(&self, batch: impl Iterator<Item = Ready>, now: Instant) -> usize {
        let mut state = self.0.lock();
        state.ready.extend(batch);
        state.since = Some(now);
        state.ready.len()
    }

    /// Puts one more in.
    pub(crate) fn add(&self, ready: Ready) {
        self.0.lock().ready.push_back(ready);
    }

    /// Takes the next one out.
    pub(crate) fn next(&self) -> Option<Ready> {
        self.0.lock().ready.pop_front()
    }

    /// The worker goes on with its batch after it had said that it blocks.
    pub(crate) fn resume(&self) {
        self.0.lock().since = Some(Instant::now());
    }

    /// Whether the worker is at a batch.
    pub(crate) fn is_at_work(&self) -> bool {
        self.0.lock().since.is_some()
    }

    /// The worker is at nothing now. `true`: it was counted as blocked meanwhile.
    pub(crate) fn end(&self) -> bool {
        let mut state = self.0.lock();
        state.since = None;
        std::mem::take(&mut state.counted)
    }

    /// Whether the worker has been at its batch for too long. `count` is called when that is
    /// noticed first.
    pub(crate) fn is_stuck(&self, now: Instant, count: impl FnOnce()) -> bool {
        let mut state = self.0.lock();
        let is_stuck = state
            .since
            .is_some_and(|since| now.saturating_duration_since(since) >= STUCK);
        if is_stuck && !std::mem::replace(&mut state.counted, true) {
            // Within the lock, so that the worker can't come back before it was counted.
            count();
        }
        is_stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poller::EVENTS;

    fn report(token: u64) -> Ready {
        Ready::Reported(Report {
            token,
            ended: false,
        })
    }

    #[test]
    fn a_worker_is_stuck_after_a_while_and_counted_once() {
        let inbox = Inbox::default();
        let now = Instant::now();
        let mut counted = 0;
        let mut stuck = |after: Duration| {
            let is_stuck = inbox.is_stuck(now + after, || counted += 1);
            (is_stuck, counted)
        };
        assert_eq!(stuck(2 * STUCK), (false, 0), "it is at nothing");
        inbox.fill([report(1), report(2)].into_iter(), now);
        assert_eq!(stuck(STUCK / 2), (false, 0));
        assert_eq!(stuck(STUCK), (true, 1));
        assert_eq!(stuck(2 * STUCK), (true, 1));
        assert!(inbox.end() && !inbox.end());
        assert_eq!(stuck(3 * STUCK), (false, 1));
        assert!(inbox.next().is_some() && inbox.next().is_some() && inbox.next().is_none());
    }

    #[test]
    fn reports_are_handed_over_in_batches() {
        let handed = HandedOver::default();
        let report = |token| Report {
            token,
            ended: false,
        };
        handed.add((0..EVENTS as u64).map(report).collect());
        handed.add(vec![report(1000), report(1001)]);
        let tokens = |reports: Vec<Report>| -> Vec<u64> {
            reports.iter().map(|report| report.token).collect()
        };
        let all: Vec<u64> = (0..EVENTS as u64).collect();
        assert_eq!(tokens(handed.take(EVENTS)), all);
        assert_eq!(tokens(handed.take(EVENTS)), [1000, 1001]);
        assert!(handed.take(EVENTS).is_empty());
        handed.add(vec![report(7)]);
        assert_eq!(tokens(handed.take(usize::MAX)), [7]);
        assert!(handed.take(usize::MAX).is_empty());
    }

    #[test]
    fn inboxes_are_forgotten_with_their_workers() {
        let inboxes = Inboxes::default();
        let first = inboxes.add();
        drop(inboxes.add());
        let _third = inboxes.add();
        assert_eq!(inboxes.all().len(), 2);
        drop(first);
        assert_eq!(inboxes.all().len(), 1);
    }
}
