//! The stages of a server: serving, draining, stopped; and the sleep of the thread that keeps the
//! time.

use crate::lock::Lock;
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Condvar;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// Serving, then draining (busy connections finish), then stopped.
const SERVING: u8 = 0;
const DRAINING: u8 = 1;
const STOPPED: u8 = 2;

/// The stage of a server.
pub(crate) struct Lifecycle {
    stage: AtomicU8,
    /// When the draining ends, whether connections are busy or not.
    stop_at: Lock<Option<Instant>>,
    /// Readable once all workers must end.
    wakeup: OwnedFd,
    /// Held while the timer thread goes to sleep.
    sleep: Lock<()>,
    /// The timer thread sleeps without a timeout.
    sleeps_idle: AtomicBool,
    wake_timer: Condvar,
}

impl Lifecycle {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Lifecycle {
            stage: AtomicU8::new(SERVING),
            stop_at: Lock::default(),
            wakeup: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            sleep: Lock::new(()),
            sleeps_idle: AtomicBool::new(false),
            wake_timer: Condvar::new(),
        })
    }

    pub(crate) fn wakeup(&self) -> &OwnedFd {
        &self.wakeup
    }

    /// Enters a later stage. There is no way back.
    fn enter(&self, stage: u8) {
        self.stage.fetch_max(stage, Ordering::SeqCst);
        self.notify();
    }

    /// Finishes what is in progress, for at most `grace`, and stops then.
    pub(crate) fn drain(&self, grace: Duration) {
        *self.stop_at.lock() = Instant::now().checked_add(grace);
        self.enter(DRAINING);
    }

    /// Stops at once.
    pub(crate) fn stop(&self) {
        self.enter(STOPPED);
        // The counter can only be full if the workers have been woken already.
        let _ = rustix::io::write(&self.wakeup, &1u64.to_ne_bytes());
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.stage.load(Ordering::Relaxed) >= DRAINING
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.stage.load(Ordering::Relaxed) == STOPPED
    }

    /// Whether the draining has taken as long as it may.
    pub(super) fn is_overdue(&self) -> bool {
        let stop_at = *self.stop_at.lock();
        stop_at.is_some_and(|at| Instant::now() >= at)
    }

    /// Wakes the timer thread.
    pub(crate) fn notify(&self) {
        drop(self.sleep.lock());
        self.wake_timer.notify_all();
    }

    /// Wakes the timer thread if it sleeps without a timeout.
    pub(super) fn notify_idle(&self) {
        if self.sleeps_idle.load(Ordering::SeqCst) {
            self.notify();
        }
    }

    /// The timer thread's sleep: for a tick, or until there is something to time if there was
    /// nothing at the last tick and there is nothing now. (Where connections come and go all the
    /// time, there is often none for a moment: waking the thread for each would cost more than the
    /// tick.) Returns whether there is nothing to time.
    pub(super) fn sleep(&self, tick: Duration, was_idle: bool, is_idle: impl Fn() -> bool) -> bool {
        let guard = self.sleep.lock();
        self.sleeps_idle.store(was_idle, Ordering::SeqCst);
        if was_idle && is_idle() {
            drop(self.wake_timer.wait(guard));
        } else if !self.has_stopped() {
            drop(self.wake_timer.wait_timeout(guard, tick));
        }
        self.sleeps_idle.store(false, Ordering::SeqCst);
        is_idle()
    }
}
