//! The workers. How many of them are *waiting for work* stays at about the number of cores, whatever the work does.
//!
//! A classic pool has so many threads, and when they all wait for something slow, nothing else moves. Here a worker that
//! is about to wait says so ([`Pool::about_to_wait`]): it doesn't count any more, and a spare takes its place, or a new
//! thread, up to a cap. When it comes back there is one too many, and the next one to ask ([`Pool::rest`]) becomes a
//! spare; a spare that nobody needs for a while ends. Work that never waits never pays for any of this but one load of
//! an atomic.
//!
//! The pool knows nothing of HTTP, sockets or epoll.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a spare stays.
const SPARE: Duration = Duration::from_secs(10);

/// A worker's stack: heads, fields and buffers live there, nothing deep does.
const STACK: usize = 512 * 1024;

pub(crate) struct Pool {
    /// Workers that count: they wait for work or do some, but are not about to wait for anything else.
    active: AtomicUsize,
    target: usize,
    cap: usize,
    state: Mutex<State>,
    /// A spare is wanted, or everyone has to end.
    called: Condvar,
    /// A worker has ended.
    ended: Condvar,
    work: Box<Work>,
}

/// What a worker does, until it is told to end.
type Work = dyn Fn(&Arc<Pool>) + Send + Sync;

#[derive(Default)]
struct State {
    threads: usize,
    spares: usize,
    /// Spares that have been asked to work and have not woken yet.
    called: usize,
    stopping: bool,
}

impl Pool {
    /// Starts `target` workers that each do `work`, which has to call [`Pool::rest`] between two pieces of work and
    /// return when that says so. There are never more than `cap` threads.
    ///
    /// # Errors
    /// What keeps the first thread from starting. If only some start, there are fewer workers.
    pub(crate) fn start(
        target: usize,
        cap: usize,
        work: impl Fn(&Arc<Pool>) + Send + Sync + 'static,
    ) -> io::Result<Arc<Self>> {
        let pool = Arc::new(Pool {
            active: AtomicUsize::new(0),
            target: target.max(1),
            cap: cap.max(target).max(1),
            state: Mutex::default(),
            called: Condvar::new(),
            ended: Condvar::new(),
            work: Box::new(work),
        });
        for number in 0..pool.target {
            let started = pool.spawn(&mut pool.lock());
            if number == 0 {
                started?;
            }
        }
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
            .spawn(move || {
                (pool.work)(&pool);
                pool.lock().threads -= 1;
                pool.ended.notify_all();
            })?;
        state.threads += 1;
        self.active.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// To be called between two pieces of work. Usually returns `true` at once; where there is a worker too many, this
    /// one waits as a spare. `false`: it has to end.
    pub(crate) fn rest(&self) -> bool {
        if self.active.load(Ordering::Relaxed) <= self.target {
            return true;
        }
        let mut state = self.lock();
        if state.stopping {
            return false;
        }
        if self.active.load(Ordering::Relaxed) <= self.target {
            return true;
        }
        self.active.fetch_sub(1, Ordering::Relaxed);
        state.spares += 1;
        let idle = |state: &mut State| state.called == 0 && !state.stopping;
        let (mut state, _) = self
            .called
            .wait_timeout_while(state, SPARE, idle)
            .unwrap_or_else(PoisonError::into_inner);
        state.spares -= 1;
        if state.called == 0 || state.stopping {
            return false;
        }
        // Whoever called has counted this one already.
        state.called -= 1;
        true
    }

    /// Says that the calling worker is about to wait for something other than work. It counts again when the guard goes.
    pub(crate) fn about_to_wait(self: &Arc<Self>) -> AboutToWait<'_> {
        let mut state = self.lock();
        let active = self.active.fetch_sub(1, Ordering::Relaxed) - 1;
        if active < self.target && !state.stopping {
            if state.spares > state.called {
                state.called += 1;
                self.active.fetch_add(1, Ordering::Relaxed);
                self.called.notify_one();
            } else if state.threads < self.cap
                && let Err(error) = self.spawn(&mut state)
            {
                log::warn!(
                    "a worker is waiting and no thread can be started in its place: {error}"
                );
            }
        }
        AboutToWait { pool: self }
    }

    /// Tells every worker to end, as soon as it asks.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        // Above the target, so that the quick way out of `rest` is closed.
        self.active.fetch_add(usize::MAX / 2, Ordering::Relaxed);
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

/// While this lives, its worker doesn't count.
pub(crate) struct AboutToWait<'p> {
    pool: &'p Pool,
}

impl Drop for AboutToWait<'_> {
    fn drop(&mut self) {
        self.pool.active.fetch_add(1, Ordering::Relaxed);
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
            while pool.rest() {
                let job = take.lock().unwrap().recv();
                if let Ok(job) = job {
                    job(pool);
                }
            }
        })
        .unwrap();
        (give, pool)
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
