//! The workers: one of them waits for work, some do it, the others rest.
//!
//! A classic pool has so many threads, and when they all wait for something slow, nothing else moves. A thread for each
//! core, all waiting for work, does not either: whatever is ready wakes somebody up, and waking a thread costs as much as
//! answering a small request. So here *one* worker waits ([`Pool::wait_for_work`]), and does what it finds itself. It calls
//! another one ([`Pool::call`]) if it has found a lot, and when it is about to wait for anything else
//! ([`Pool::about_to_wait`]): a disk, a client, a handler that takes its time. Whoever is called takes its place. So one
//! core does it all while it can, all cores do when there is much, and something slow never holds the rest up, whatever
//! the work is. A worker who comes back and finds somebody waiting rests, and ends if nobody calls it for a while.
//!
//! The pool knows nothing of HTTP, sockets or epoll.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a worker rests before it ends.
const REST: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 10_000 });

/// A worker's stack: heads, fields and buffers live there, nothing deep does.
const STACK: usize = 512 * 1024;

pub(crate) struct Pool {
    /// Workers that wait for work: one, or none for as long as the one that did is busy. The end takes that place for good.
    waiting: AtomicUsize,
    /// How many may be busy at a time, not counting those that wait for something else.
    workers: usize,
    /// How many threads there may be in all.
    cap: usize,
    state: Mutex<State>,
    /// A resting worker is wanted, or everyone has to end.
    called: Condvar,
    /// A worker has ended.
    ended: Condvar,
    work: Box<Work>,
}

/// What a worker does, until it is told to end, and only until then.
type Work = dyn Fn(&Arc<Pool>) + Send + Sync;

#[derive(Default)]
struct State {
    threads: usize,
    /// Of them, those that wait for something other than work.
    held_up: usize,
    /// And those that rest.
    resting: usize,
    /// Of those, the ones that have been called and have not woken yet.
    called: usize,
    stopping: bool,
}

impl Pool {
    /// Starts a worker that does `work`, which has to ask [`Pool::wait_for_work`] before it waits for a piece of it. Others
    /// follow when they are called: at most `workers` are busy at a time, and there are never more than `cap` threads.
    ///
    /// # Errors
    /// What keeps the first thread from starting.
    pub(crate) fn start(
        workers: usize,
        cap: usize,
        work: impl Fn(&Arc<Pool>) + Send + Sync + 'static,
    ) -> io::Result<Arc<Self>> {
        let pool = Arc::new(Pool {
            waiting: AtomicUsize::new(0),
            workers: workers.max(1),
            cap: cap.max(workers).max(1),
            state: Mutex::default(),
            called: Condvar::new(),
            ended: Condvar::new(),
            work: Box::new(work),
        });
        pool.spawn(&mut pool.lock())?;
        Ok(pool)
    }

    /// Nobody panics while holding this lock, so poison says nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let pool = Arc::clone(self);
        let name = format!("worker-{}", state.threads);
        thread::Builder::new()
            .name(name)
            .stack_size(STACK)
            .spawn(move || (pool.work)(&pool))?;
        state.threads += 1;
        Ok(())
    }

    /// To be called before a worker waits for work, with what waits for it. If somebody waits already, this one rests until
    /// it is called. `None`: it has to end.
    pub(crate) fn wait_for_work<R>(&self, wait: impl FnOnce() -> R) -> Option<R> {
        while self
            .waiting
            .compare_exchange(0, 1, Ordering::SeqCst, Ordering::Relaxed)
            .is_err()
        {
            if !self.rest() {
                return None;
            }
        }
        let found = wait();
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        Some(found)
    }

    /// Rests until somebody calls. `false`: it is time to end.
    fn rest(&self) -> bool {
        let mut state = self.lock();
        if self.waiting.load(Ordering::SeqCst) == 0 && !state.stopping {
            // Whoever waited has found something since, and may have counted on this one, which was not resting yet.
            return true;
        }
        state.resting += 1;
        let idle = |state: &mut State| state.called == 0 && !state.stopping;
        let (mut state, _) = self
            .called
            .wait_timeout_while(state, REST, idle)
            .unwrap_or_else(PoisonError::into_inner);
        state.resting -= 1;
        if state.called == 0 || state.stopping {
            // From now on nobody must count on this one, which may take a while to be gone.
            state.threads -= 1;
            self.ended.notify_all();
            return false;
        }
        state.called -= 1;
        true
    }

    /// Sees to it that somebody waits for work, or soon will, unless as many as may be are busy.
    pub(crate) fn call(self: &Arc<Self>) {
        self.call_with(&mut self.lock());
    }

    fn call_with(self: &Arc<Self>, state: &mut State) {
        let busy = state.threads - state.resting - state.held_up + state.called;
        if self.waiting.load(Ordering::SeqCst) > 0
            || state.called > 0
            || state.stopping
            || busy >= self.workers
        {
            return;
        }
        if state.resting > 0 {
            state.called += 1;
            self.called.notify_one();
        } else if state.threads < self.cap
            && let Err(error) = self.spawn(state)
        {
            log::warn!("the workers are busy and no thread can be started: {error}");
        }
    }

    /// Says that the calling worker is about to wait for something other than work, so that another one takes its place.
    pub(crate) fn about_to_wait(self: &Arc<Self>) -> AboutToWait<'_> {
        let mut state = self.lock();
        state.held_up += 1;
        self.call_with(&mut state);
        AboutToWait { pool: self }
    }

    /// Counts a worker as blocked that has not said so itself, so that another one takes its place.
    pub(crate) fn count_blocked(self: &Arc<Self>) {
        let mut state = self.lock();
        state.held_up += 1;
        self.call_with(&mut state);
    }

    /// The worker that [`Pool::count_blocked`] counted goes on.
    pub(crate) fn count_unblocked(&self) {
        self.lock().held_up -= 1;
    }

    /// Whether another worker may block. As many threads as may be busy at a time never do, so that requests which need no
    /// wait are answered whatever the others wait for.
    pub(crate) fn may_block(&self) -> bool {
        self.cap <= self.workers || self.lock().held_up + self.workers < self.cap
    }

    /// Tells every worker to end, as soon as it asks. Whoever waits for work has to be woken by other means.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.called.notify_all();
    }

    /// Waits until all workers have ended, or the time is over: how many are left.
    pub(crate) fn wait_for_end(&self, at_most: Duration) -> usize {
        let busy = |state: &mut State| state.threads > 0;
        let (state, _) = self
            .ended
            .wait_timeout_while(self.lock(), at_most, busy)
            .unwrap_or_else(PoisonError::into_inner);
        state.threads
    }
}

/// While this lives, its worker is held up by something.
pub(crate) struct AboutToWait<'p> {
    pool: &'p Pool,
}

impl Drop for AboutToWait<'_> {
    fn drop(&mut self) {
        self.pool.lock().held_up -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const LONG: Duration = Duration::from_secs(20);

    /// Work that comes over a channel: each piece says whether its worker is about to wait.
    type Job = Box<dyn FnOnce(&Arc<Pool>) + Send>;

    fn pool(target: usize, cap: usize) -> (mpsc::Sender<Job>, Arc<Pool>) {
        let (give, take) = mpsc::channel::<Job>();
        let take = Mutex::new(take);
        let pool = Pool::start(target, cap, move |pool| {
            while let Some(job) = pool.wait_for_work(|| take.lock().unwrap().recv()) {
                if let Ok(job) = job {
                    job(pool);
                }
            }
        })
        .unwrap();
        (give, pool)
    }

    /// A worker that has rested for long enough is on its way out, which takes it a while. Who is held up meanwhile must not
    /// take it for one that will soon wait.
    #[test]
    fn nobody_counts_on_a_worker_that_is_leaving() {
        let (give, take) = mpsc::channel::<Job>();
        let (tell, told) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let (take, leaving, held) = (Mutex::new(take), Mutex::new(tell.clone()), Mutex::new(held));
        let pool = Pool::start(1, 3, move |pool| {
            while let Some(job) = pool.wait_for_work(|| take.lock().unwrap().recv()) {
                if let Ok(job) = job {
                    job(pool);
                }
            }
            leaving.lock().unwrap().send("leaving").unwrap();
            let _ = held.lock().unwrap().recv_timeout(LONG);
        })
        .unwrap();
        // The first is replaced by a second, comes back, rests, and leaves.
        give.send(Box::new(|pool| drop(pool.about_to_wait())))
            .unwrap();
        assert_eq!(told.recv_timeout(LONG), Ok("leaving"));
        let (done, until_done) = mpsc::channel();
        give.send(Box::new(move |pool| {
            let _waiting = pool.about_to_wait();
            until_done.recv_timeout(LONG).unwrap();
            tell.send("done").unwrap();
        }))
        .unwrap();
        // Which takes a third.
        give.send(Box::new(move |_| done.send(()).unwrap()))
            .unwrap();
        assert_eq!(told.recv_timeout(LONG), Ok("done"));
        pool.stop();
        drop((give, release));
        assert_eq!(pool.wait_for_end(LONG), 0);
    }

    #[test]
    fn a_worker_that_waits_is_replaced() {
        let (give, pool) = pool(1, 4);
        let (release, held) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let wait_tell = tell.clone();
        give.send(Box::new(move |pool| {
            let _waiting = pool.about_to_wait();
            wait_tell.send("waiting").unwrap();
            held.recv().unwrap();
        }))
        .unwrap();
        assert_eq!(told.recv_timeout(LONG), Ok("waiting"));
        // The only worker waits, and yet there is one to do this.
        give.send(Box::new(move |_| tell.send("done").unwrap()))
            .unwrap();
        assert_eq!(told.recv_timeout(LONG), Ok("done"));
        release.send(()).unwrap();
        pool.stop();
        drop(give);
        assert_eq!(pool.wait_for_end(LONG), 0);
    }

    #[test]
    fn whoever_has_a_lot_to_do_calls_another() {
        let (give, pool) = pool(2, 4);
        let (tell, told) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let busy = tell.clone();
        give.send(Box::new(move |pool| {
            pool.call();
            busy.send("busy").unwrap();
            held.recv().unwrap();
        }))
        .unwrap();
        assert_eq!(told.recv_timeout(LONG), Ok("busy"));
        let helping = tell.clone();
        give.send(Box::new(move |pool| {
            // Two are busy, which is all there may be.
            pool.call();
            helping.send("helping").unwrap();
        }))
        .unwrap();
        assert_eq!(told.recv_timeout(LONG), Ok("helping"));
        assert_eq!(pool.lock().threads, 2);
        release.send(()).unwrap();
        pool.stop();
        drop(give);
        assert_eq!(pool.wait_for_end(LONG), 0);
    }

    #[test]
    fn there_are_never_more_threads_than_the_cap() {
        let (give, pool) = pool(1, 2);
        let (tell, told) = mpsc::channel();
        let mut releases = Vec::new();
        for _ in 0..2 {
            let (release, held) = mpsc::channel::<()>();
            releases.push(release);
            let tell = tell.clone();
            give.send(Box::new(move |pool| {
                let _waiting = pool.about_to_wait();
                tell.send(()).unwrap();
                held.recv().unwrap();
            }))
            .unwrap();
            told.recv_timeout(LONG).unwrap();
        }
        assert_eq!(pool.lock().threads, 2);
        let tell_late = tell.clone();
        give.send(Box::new(move |_| tell_late.send(()).unwrap()))
            .unwrap();
        // Both wait and there may be no third: the work is done when one of them comes back.
        releases.pop().unwrap().send(()).unwrap();
        told.recv_timeout(LONG).unwrap();
        releases.pop().unwrap().send(()).unwrap();
        pool.stop();
        drop(give);
        assert_eq!(pool.wait_for_end(LONG), 0);
    }
}
