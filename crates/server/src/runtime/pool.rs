//! The pool of workers: one polls for work, some do work, the others are parked.
//!
//! In a classic pool with a fixed number of threads, nothing moves when all of them wait for
//! something slow. A thread for each core that all poll is no better: each ready connection wakes a
//! thread, and waking one costs as much as answering a small request. So here *one* worker polls
//! ([`Pool::wait_for_work`]) and does what it finds. It wakes another one ([`Pool::wake_one`]) if
//! it has found a lot, and before it blocks ([`Pool::block`]): on a disk, a client, a slow handler.
//! The woken worker polls in its place. So one core does everything while it can, all cores do when
//! there is much, and a slow handler delays nothing else. A worker that comes back while another
//! one polls is parked, and ends if it is not woken for a while.
//!
//! The pool knows nothing of HTTP, sockets or epoll.

use crate::lock::{Lock, unpoisoned};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar};
use std::thread;
use std::time::Duration;

/// How long a worker stays parked before it ends.
const PARKED: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 10_000 });

/// The size of a worker's stack: heads, fields and buffers are on it, nothing recursive is.
const STACK: usize = 512 * 1024;

pub(crate) struct Pool {
    /// The number of workers that poll: one, or none while the one that did is busy. Stopping takes
    /// the place for good.
    polling: AtomicUsize,
    /// How many workers may be busy at a time, not counting blocked ones.
    workers: usize,
    /// The maximum number of threads.
    cap: usize,
    state: Lock<State>,
    /// A parked worker is woken, or all must end.
    wake: Condvar,
    /// A worker has ended.
    ended: Condvar,
    work: Box<Work>,
}

/// What a worker does until it is told to end.
type Work = dyn Fn(&Arc<Pool>) + Send + Sync;

#[derive(Default)]
struct State {
    threads: usize,
    /// Threads that wait for something other than work.
    blocked: usize,
    /// Threads that are parked.
    parked: usize,
    /// Parked threads that have been woken and do not run yet.
    woken: usize,
    stopping: bool,
}

impl Pool {
    /// Starts a worker that does `work`, which must call [`Pool::wait_for_work`] before it waits
    /// for a piece of it. Others follow when they are needed: at most `workers` are busy at a time,
    /// and there are never more than `cap` threads.
    ///
    /// # Errors
    /// If the first thread can't be started.
    pub(crate) fn start(
        workers: usize,
        cap: usize,
        work: impl Fn(&Arc<Pool>) + Send + Sync + 'static,
    ) -> io::Result<Arc<Self>> {
        let pool = Arc::new(Pool {
            polling: AtomicUsize::new(0),
            workers: workers.max(1),
            cap: cap.max(workers).max(1),
            state: Lock::default(),
            wake: Condvar::new(),
            ended: Condvar::new(),
            work: Box::new(work),
        });
        pool.spawn(&mut pool.state.lock())?;
        Ok(pool)
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

    /// Calls `wait`, which waits for work, and returns what it found. If another worker polls
    /// already, this one is parked until it is woken. `None`: the worker must end.
    pub(crate) fn wait_for_work<R>(&self, wait: impl FnOnce() -> R) -> Option<R> {
        while self
            .polling
            .compare_exchange(0, 1, Ordering::SeqCst, Ordering::Relaxed)
            .is_err()
        {
            if !self.park() {
                return None;
            }
        }
        let found = wait();
        self.polling.fetch_sub(1, Ordering::SeqCst);
        Some(found)
    }

    /// Whether a worker polls, or has taken the place to do so.
    pub(crate) fn is_polling(&self) -> bool {
        self.polling.load(Ordering::SeqCst) > 0
    }

    /// Parks the worker until it is woken. `false`: it must end.
    fn park(&self) -> bool {
        let mut state = self.state.lock();
        if self.polling.load(Ordering::SeqCst) == 0 && !state.stopping {
            // The polling worker has found work since, and may have counted on this one, which was
            // not parked yet.
            return true;
        }
        state.parked += 1;
        let idle = |state: &mut State| state.woken == 0 && !state.stopping;
        let waited = self.wake.wait_timeout_while(state, PARKED, idle);
        let (mut state, _) = unpoisoned(waited);
        state.parked -= 1;
        if state.woken == 0 || state.stopping {
            // From now on no worker must count on this one, which may take a while to end.
            state.threads -= 1;
            self.ended.notify_all();
            return false;
        }
        state.woken -= 1;
        true
    }

    /// Ensures that a worker is polling, or will be soon, unless the concurrency limit is reached.
    pub(crate) fn wake_one(self: &Arc<Self>) {
        self.wake_with(&mut self.state.lock());
    }

    fn wake_with(self: &Arc<Self>, state: &mut State) {
        let busy = state.threads - state.parked - state.blocked + state.woken;
        if self.polling.load(Ordering::SeqCst) > 0
            || state.woken > 0
            || state.stopping
            || busy >= self.workers
        {
            return;
        }
        if state.parked > 0 {
            state.woken += 1;
            self.wake.notify_one();
        } else if state.threads < self.cap {
            if let Err(error) = self.spawn(state) {
                log::warn!("the workers are busy and no thread can be started: {error}");
            }
        }
    }

    /// Counts the calling worker as blocked until the guard is dropped, so that another one takes
    /// its place.
    pub(crate) fn block(self: &Arc<Self>) -> BlockingGuard<'_> {
        self.count_blocked();
        BlockingGuard { pool: self }
    }

    /// Counts a worker as blocked that did not do so itself, so that another one takes its place.
    pub(crate) fn count_blocked(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.blocked += 1;
        self.wake_with(&mut state);
    }

    /// Ends what [`Pool::count_blocked`] began.
    pub(crate) fn count_unblocked(&self) {
        self.state.lock().blocked -= 1;
    }

    /// Whether another worker may block. As many threads as may be busy at a time never do, so that
    /// requests that do not block are answered whatever the others wait for.
    pub(crate) fn may_block(&self) -> bool {
        self.cap <= self.workers || self.state.lock().blocked + self.workers < self.cap
    }

    /// Has every worker end as soon as it asks for work. The polling one has to be woken by other
    /// means.
    pub(crate) fn stop(&self) {
        self.state.lock().stopping = true;
        self.polling.fetch_add(1, Ordering::SeqCst);
        self.wake.notify_all();
    }

    /// Waits until all workers have ended, for at most `time`, and returns the number of those that
    /// have not.
    pub(crate) fn wait_for_end(&self, time: Duration) -> usize {
        let busy = |state: &mut State| state.threads > 0;
        let waited = self.ended.wait_timeout_while(self.state.lock(), time, busy);
        let (state, _) = unpoisoned(waited);
        state.threads
    }
}

/// While this lives, its worker is blocked.
pub(crate) struct BlockingGuard<'p> {
    pool: &'p Pool,
}

impl Drop for BlockingGuard<'_> {
    fn drop(&mut self) {
        self.pool.count_unblocked();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, mpsc};

    const LONG: Duration = Duration::from_secs(20);

    /// Work that comes over a channel.
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

    /// A worker that has been parked for long enough is on its way out, which takes a while. A
    /// worker that blocks meanwhile must not take it for one that will soon poll.
    #[test]
    fn a_worker_that_is_leaving_takes_no_place() {
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
        give.send(Box::new(|pool| drop(pool.block()))).unwrap();
        assert_eq!(told.recv_timeout(LONG), Ok("leaving"));
        let (done, until_done) = mpsc::channel();
        give.send(Box::new(move |pool| {
            let _waiting = pool.block();
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
    fn a_blocked_worker_is_replaced() {
        let (give, pool) = pool(1, 4);
        let (release, held) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let wait_tell = tell.clone();
        give.send(Box::new(move |pool| {
            let _waiting = pool.block();
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
    fn a_busy_worker_wakes_another() {
        let (give, pool) = pool(2, 4);
        let (tell, told) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let busy = tell.clone();
        give.send(Box::new(move |pool| {
            pool.wake_one();
            busy.send("busy").unwrap();
            held.recv().unwrap();
        }))
        .unwrap();
        assert_eq!(told.recv_timeout(LONG), Ok("busy"));
        let helping = tell.clone();
        give.send(Box::new(move |pool| {
            // Two are busy, which is all there may be.
            pool.wake_one();
            helping.send("helping").unwrap();
        }))
        .unwrap();
        assert_eq!(told.recv_timeout(LONG), Ok("helping"));
        assert_eq!(pool.state.lock().threads, 2);
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
                let _waiting = pool.block();
                tell.send(()).unwrap();
                held.recv().unwrap();
            }))
            .unwrap();
            told.recv_timeout(LONG).unwrap();
        }
        assert_eq!(pool.state.lock().threads, 2);
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
