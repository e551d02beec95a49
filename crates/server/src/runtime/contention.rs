//! Whether another worker would find a core to run on.
//!
//! Where cores are idle, a second worker doubles the throughput. Where they are busy with other
//! programs (the clients themselves, if they run on this machine), it takes turns with them, and
//! the requests that it has taken wait until the scheduler gives its core back, which takes some
//! milliseconds: more than answering all of them would have taken. The kernel does not tell
//! beforehand which it is. But a worker can tell afterwards: it was preempted, and the clock went
//! on. Then workers do not wake others for a while, which grows each time that the cores are still
//! busy.

#[cfg(feature = "tuning")]
use nix::sys::resource::{UsageWho, getrusage};
#[cfg(feature = "tuning")]
use nix::sys::time::TimeValLike;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What counts as being pushed aside. The kernel's own work, and interrupts, take less.
const ASIDE: Duration = Duration::from_millis(1);

/// How long workers do without others, in milliseconds: at first, and at most.
const PAUSES: (u64, u64) = (50, 400);

/// What is known of the cores.
#[derive(Debug)]
pub(crate) struct Contention {
    since: Instant,
    /// Until then none is to spare, in milliseconds.
    busy_until: AtomicU64,
    /// The last pause, in milliseconds.
    pause: AtomicU64,
}

impl Contention {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Contention {
            since: Instant::now(),
            busy_until: AtomicU64::new(0),
            pause: AtomicU64::new(0),
        }
    }

    /// Whether one may be to spare, as far as is known.
    pub(crate) fn likely_idle(&self, now: Instant) -> bool {
        self.milliseconds(now) >= self.busy_until.load(Ordering::Relaxed)
    }

    /// Notes that a worker was pushed aside.
    pub(crate) fn backoff(&self, now: Instant) {
        let now = self.milliseconds(now);
        let until = self.busy_until.load(Ordering::Relaxed);
        if now < until {
            return;
        }
        // Two workers may get here together. Then the pause grows twice.
        let last = self.pause.load(Ordering::Relaxed);
        let (first, longest) = PAUSES;
        let again = now - until <= 2 * last;
        let pause = if again {
            (2 * last).clamp(first, longest)
        } else {
            first
        };
        self.pause.store(pause, Ordering::Relaxed);
        self.busy_until.store(now + pause, Ordering::Relaxed);
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        // For half a billion years.
        now.saturating_duration_since(self.since).as_millis() as u64
    }
}

/// What the calling thread has had of its core, from a moment on.
#[derive(Debug)]
pub(crate) struct CpuSample {
    since: Instant,
    before: Option<Used>,
}

#[derive(Debug, Clone, Copy)]
struct Used {
    cpu: Duration,
    /// How often the kernel gave the core to another thread, though this one had more to do.
    pushed_aside: i64,
    /// How often it waited for something itself: a disk, a lock.
    waited: i64,
}

impl CpuSample {
    pub(crate) fn from_now_on() -> Self {
        CpuSample {
            since: Instant::now(),
            before: used(),
        }
    }

    /// Whether other threads have had this thread's core for long. The answer is unreliable if the
    /// thread has blocked meanwhile.
    pub(crate) fn was_preempted(&self) -> bool {
        let (Some(before), Some(now)) = (self.before, used()) else {
            return false;
        };
        let worked = now.cpu.saturating_sub(before.cpu);
        now.waited == before.waited
            && now.pushed_aside > before.pushed_aside
            && self.since.elapsed() > worked + ASIDE
    }
}

/// Without the feature `tuning`, a worker does not know.
#[cfg(not(feature = "tuning"))]
fn used() -> Option<Used> {
    None
}

#[cfg(feature = "tuning")]
fn used() -> Option<Used> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
    let microseconds =
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Some(Used {
        cpu: Duration::from_micros(u64::try_from(microseconds).ok()?),
        pushed_aside: usage.involuntary_context_switches(),
        waited: usage.voluntary_context_switches(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_the_cores_stay_busy_and_start_anew_after_that() {
        let cores = Contention::new();
        let at = |milliseconds| cores.since + Duration::from_millis(milliseconds);
        assert!(cores.likely_idle(at(0)));
        // When a worker was pushed aside, and until when others are not called.
        let table = [
            (1_000, 1_050),
            // In a pause it says nothing new.
            (1_020, 1_050),
            (1_060, 1_160),
            (1_200, 1_400),
            (1_400, 1_800),
            (1_900, 2_300),
            // A while without.
            (9_000, 9_050),
        ];
        for (pushed_aside, until) in table {
            cores.backoff(at(pushed_aside));
            assert!(!cores.likely_idle(at(until - 1)), "{pushed_aside}");
            assert!(cores.likely_idle(at(until)), "{pushed_aside}");
        }
        let mut now = 20_000;
        for _ in 0..20 {
            cores.backoff(at(now));
            now = cores.busy_until.load(Ordering::Relaxed);
        }
        assert_eq!(cores.pause.load(Ordering::Relaxed), PAUSES.1);
    }

    #[test]
    fn a_thread_that_blocks_is_not_preempted() {
        let share = CpuSample::from_now_on();
        let (_keep, never) = std::sync::mpsc::channel::<()>();
        let _ = never.recv_timeout(3 * ASIDE);
        assert!(!share.was_preempted());
    }
}
