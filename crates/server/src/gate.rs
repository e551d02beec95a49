//! Admission to the processor for work that a small request can make large: compression, walks
//! through directories, sorting and rendering of listings, and checksums of whole files.
//!
//! At most `cores - 1` such jobs run at a time, and at least one; the others queue in order of
//! arrival. So a core is left for ordinary requests, however many clients request archives. A job
//! is short: long work passes the gate once for every step, so that the queue moves.
//!
//! A job also makes way on its own core: every few steps ([`Pass::make_way`]) it lets threads run
//! that wait for this core. The scheduler would let them wait for the job's time slice, some
//! milliseconds, and a thread without privileges can't lower its priority for a while.
//!
//! A disk can hang while a job reads it. A response that has not begun is then refused
//! ([`Gate::admit`] gives up), and one that has begun continues without admission ([`Gate::pass`]):
//! the bound is for the processor, which a hung job does not use.

use crate::lock::Lock;
use std::cell::Cell;
use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::{self, Thread, available_parallelism};
use std::time::{Duration, Instant};

/// The gate of this process. All served directories share it, because they share the cores.
pub(crate) static GATE: LazyLock<Gate> =
    LazyLock::new(|| Gate::new(available_parallelism().map_or(1, NonZero::get).max(2) - 1));

/// How long a request that has no response yet queues before it is refused.
const BEFORE_RESPONSE: Duration = Duration::from_secs(5);

/// How long a response that is being sent queues before it continues without admission.
const DURING_RESPONSE: Duration = Duration::from_secs(2);

/// Steps between which a job makes way: with some microseconds each, a client notices nothing.
#[cfg(feature = "files")]
const STEPS: u32 = 32;

/// A counting semaphore with a queue.
#[derive(Debug)]
pub(crate) struct Gate {
    capacity: usize,
    state: Lock<State>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    queue: VecDeque<Arc<Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    thread: Thread,
    admitted: AtomicBool,
}

/// The right to run a job until it is dropped. Functions that must run behind the gate take a
/// reference to one.
#[derive(Debug)]
#[must_use]
pub(crate) struct Pass<'g> {
    gate: &'g Gate,
    admitted: bool,
    steps: Cell<u32>,
}

impl Pass<'_> {
    /// Counts a step of some microseconds, and makes way after a number of them.
    #[cfg(feature = "files")]
    pub(crate) fn step(&self) {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() >= STEPS {
            self.make_way();
        }
    }

    /// Lets threads run that wait for this core.
    pub(crate) fn make_way(&self) {
        self.steps.set(0);
        thread::yield_now();
    }
}

impl Gate {
    fn new(capacity: usize) -> Self {
        Gate {
            capacity,
            state: Lock::default(),
        }
    }

    /// Admits a job for a request that has no response yet. `None`: the queue did not move for
    /// seconds.
    pub(crate) fn admit(&self) -> Option<Pass<'_>> {
        let admitted = self.enter(BEFORE_RESPONSE);
        admitted.then(|| self.pass_with(true))
    }

    /// Admits a job for a response that is being sent.
    pub(crate) fn pass(&self) -> Pass<'_> {
        let admitted = self.enter(DURING_RESPONSE);
        let pass = self.pass_with(admitted);
        pass.make_way();
        pass
    }

    fn pass_with(&self, admitted: bool) -> Pass<'_> {
        Pass {
            gate: self,
            admitted,
            steps: Cell::new(0),
        }
    }

    /// Whether the job was admitted in time.
    fn enter(&self, patience: Duration) -> bool {
        let waiter = {
            let mut state = self.state.lock();
            if state.running < self.capacity {
                state.running += 1;
                return true;
            }
            let waiter = Arc::new(Waiter {
                thread: thread::current(),
                admitted: AtomicBool::new(false),
            });
            state.queue.push_back(Arc::clone(&waiter));
            waiter
        };
        let deadline = Instant::now() + patience;
        loop {
            if waiter.admitted.load(Ordering::Acquire) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        let mut state = self.state.lock();
        state.queue.retain(|other| !Arc::ptr_eq(other, &waiter));
        // It may have been admitted after the last look.
        waiter.admitted.load(Ordering::Acquire)
    }

    fn leave(&self) {
        let mut state = self.state.lock();
        match state.queue.pop_front() {
            // The place goes directly to the next in the queue: a newcomer can't overtake it.
            Some(next) => {
                next.admitted.store(true, Ordering::Release);
                drop(state);
                next.thread.unpark();
            }
            None => state.running -= 1,
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.admitted {
            self.gate.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn no_more_jobs_run_than_the_gate_admits() {
        let gate = Gate::new(2);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _pass = gate.pass_with(gate.enter(Duration::from_secs(60)));
                        most.fetch_max(
                            running.fetch_add(1, Ordering::SeqCst) + 1,
                            Ordering::SeqCst,
                        );
                        thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 2);
        assert_eq!(gate.state.lock().running, 0);
        assert!(gate.state.lock().queue.is_empty());
    }

    #[test]
    fn a_job_that_hangs_delays_others_for_a_bounded_time() {
        let gate = Gate::new(1);
        let hung = gate.admit().unwrap();
        assert!(!gate.enter(Duration::from_millis(10)));
        assert!(gate.state.lock().queue.is_empty());
        drop(hung);
        assert!(gate.enter(Duration::ZERO));
    }
}
