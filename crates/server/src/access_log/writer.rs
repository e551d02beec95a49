//! The thread that writes the lines: many of them in one call, and woken seldom.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long lines gather after others have been written. A person who watches doesn't notice; a
/// busy server saves a wake-up and a write for nearly every line.
const GATHER: Duration = Duration::from_millis(50);

/// Bytes for which nobody waits that long.
const PLENTY: usize = 256 * 1024;

/// Bytes that may wait to be written.
const BOUND: usize = 4 * 1024 * 1024;

/// How long a request waits for room behind them. An output that has taken nothing for so long may
/// never again: a terminal that somebody has stopped, a pipe that nobody reads. Requests are worth
/// more than its lines.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the last lines may take.
const LAST: Duration = Duration::from_secs(5);

/// Lines on their way to an output. Dropping it writes what is left, if the output takes it.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    patience: Duration,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something for the thread to do.
    filled: Condvar,
    /// The thread has taken lines, or written them.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// The thread waits for the next line, however long it takes.
    idle: bool,
    /// Lines that have been taken out of here are on their way to the output.
    writing: bool,
    /// Somebody has waited in vain for the output to take lines, and nobody else need.
    stuck: bool,
    /// Lines that there was no room for.
    lost: u64,
    /// Somebody waits for everything to be written.
    hurry: bool,
    ending: bool,
}

impl Writer {
    pub(super) fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        Writer::with_patience(PATIENCE, output)
    }

    fn with_patience(
        patience: Duration,
        mut output: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("access-log".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                let mut failed = false;
                let mut lines = Vec::new();
                while theirs.gather(&mut lines) {
                    let written = output.write_all(&lines).and_then(|()| output.flush());
                    if let Err(error) = &written
                        && !failed
                    {
                        log::error!("the access log can't be written: {error}; its lines are lost until it can");
                    }
                    failed = written.is_err();
                    lines.clear();
                    let lost = theirs.written();
                    if lost > 0 {
                        log::error!("{lost} lines of the access log are lost: it took none for too long");
                    }
                }
            })?;
        Ok(Writer {
            shared,
            patience,
            thread: Some(thread),
        })
    }

    /// Adds a line; waits while there are too many, as long as there is hope.
    pub(super) fn append(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        if state.lines.len() > BOUND {
            let full =
                |state: &mut State| state.lines.len() > BOUND && !state.stuck && !state.ending;
            let emptied = &self.shared.emptied;
            let waited = emptied.wait_timeout_while(state, self.patience, full);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.lines.len() > BOUND && !state.ending {
                state.stuck = true;
                state.lost += 1;
                return;
            }
        }
        let before = state.lines.len();
        state.lines.extend_from_slice(line);
        let wake = match state.idle {
            true => std::mem::replace(&mut state.idle, false),
            false => before < PLENTY && state.lines.len() >= PLENTY,
        };
        drop(state);
        if wake {
            self.shared.filled.notify_one();
        }
    }

    /// Waits until all lines are written, but no longer than that, and not at all if somebody has
    /// in vain: whether they are.
    pub(super) fn flush(&self, at_most: Duration) -> bool {
        let mut state = self.shared.lock();
        state.hurry = true;
        self.shared.filled.notify_one();
        let goes_on = |state: &mut State| !state.stuck && !state.is_written();
        let waited = self
            .shared
            .emptied
            .wait_timeout_while(state, at_most, goes_on);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
        let is_written = state.is_written();
        state.stuck |= !is_written;
        is_written
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().ending = true;
        self.shared.filled.notify_one();
        self.shared.emptied.notify_all();
        // A thread that an output holds up is left behind.
        if self.flush(LAST)
            && let Some(thread) = self.thread.take()
        {
            // If it panicked there is nothing more to be done.
            let _ = thread.join();
        }
    }
}

impl State {
    fn is_written(&self) -> bool {
        !self.writing && self.lines.is_empty()
    }
}

impl Shared {
    /// Nobody panics while holding this lock, so poison says nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines that were taken are written: how many have been lost meanwhile.
    fn written(&self) -> u64 {
        let mut state = self.lock();
        state.writing = false;
        let lost = std::mem::take(&mut state.lost);
        drop(state);
        self.emptied.notify_all();
        lost
    }

    /// Lets lines gather and takes them all; `false` when there will be no more.
    fn gather(&self, lines: &mut Vec<u8>) -> bool {
        let few = |state: &mut State| state.lines.len() < PLENTY && !state.hurry && !state.ending;
        let waited = self.filled.wait_timeout_while(self.lock(), GATHER, few);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle = true;
        let nothing = |state: &mut State| state.lines.is_empty() && !state.ending;
        let waited = self.filled.wait_while(state, nothing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle = false;
        state.stuck = false;
        std::mem::swap(lines, &mut state.lines);
        state.writing = !lines.is_empty();
        drop(state);
        self.emptied.notify_all();
        !lines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// An output that tells of each write, and waits to be let go on.
    struct Slow(mpsc::Sender<usize>, mpsc::Receiver<()>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(bytes.len());
            let _ = self.1.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_gather_while_others_are_written() {
        let (tell, told) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let writer = Writer::start(Slow(tell, wait)).unwrap();
        writer.append(b"first\n");
        assert_eq!(told.recv().unwrap(), 6);
        for _ in 0..1000 {
            writer.append(b"second\n");
        }
        assert!(!writer.flush(Duration::from_millis(1)));
        go.send(()).unwrap();
        assert_eq!(told.recv().unwrap(), 7000);
        go.send(()).unwrap();
        assert!(writer.flush(Duration::from_secs(20)));
        writer.append(b"last\n");
        go.send(()).unwrap();
        drop(writer);
        assert_eq!(told.recv().unwrap(), 5);
    }

    #[test]
    fn an_output_that_is_stuck_does_not_put_off_the_end() {
        let (tell, told) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let writer = Writer::start(Slow(tell, wait)).unwrap();
        writer.append(b"first\n");
        assert_eq!(told.recv().unwrap(), 6);
        writer.append(b"never\n");
        assert!(!writer.flush(Duration::from_millis(1)));
        // It has been waited for, and will not be again.
        drop(writer);
        assert!(told.try_recv().is_err());
        drop(go);
    }

    #[test]
    fn who_is_too_fast_waits() {
        let (tell, told) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let writer = Writer::with_patience(Duration::MAX, Slow(tell, wait)).unwrap();
        let line = vec![b'x'; 64 * 1024];
        writer.append(&line);
        told.recv().unwrap();
        thread::scope(|scope| {
            let fast =
                scope.spawn(|| (0..2 * BOUND / line.len()).for_each(|_| writer.append(&line)));
            // Half of it fits, and the next is let in when the writer is let go.
            let (mut written, all) = (0, 2 * BOUND);
            go.send(()).unwrap();
            while written < all {
                let some = told.recv().unwrap();
                assert!(some <= BOUND + line.len(), "{some}");
                written += some;
                go.send(()).unwrap();
            }
            fast.join().unwrap();
        });
        drop(go);
    }

    /// An output that takes nothing costs lines, and nobody more than a moment. When it goes on, so
    /// do the lines.
    #[test]
    fn nobody_waits_for_an_output_that_is_stuck() {
        let (tell, told) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let writer = Writer::with_patience(Duration::from_millis(1), Slow(tell, wait)).unwrap();
        let line = vec![b'x'; 64 * 1024];
        writer.append(&line);
        told.recv().unwrap();
        (0..3 * BOUND / line.len()).for_each(|_| writer.append(&line));
        let kept = writer.shared.lock().lines.len();
        assert_eq!(kept, BOUND + line.len());
        assert_eq!(
            writer.shared.lock().lost,
            (3 * BOUND - kept) as u64 / line.len() as u64
        );
        go.send(()).unwrap();
        assert_eq!(told.recv().unwrap(), kept);
        writer.append(b"again\n");
        go.send(()).unwrap();
        assert_eq!(told.recv().unwrap(), 6);
        go.send(()).unwrap();
        assert!(writer.flush(Duration::MAX));
        assert_eq!(writer.shared.lock().lost, 0);
        drop(go);
    }

    /// What is written while the disk is full is lost, and nothing of what comes after.
    #[test]
    fn a_disk_that_is_full_for_a_while() {
        /// It fails as often as it is told to.
        struct Full(u32, mpsc::Sender<Vec<u8>>);

        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.0 > 0 {
                    self.0 -= 1;
                    return Err(io::ErrorKind::StorageFull.into());
                }
                let _ = self.1.send(bytes.to_vec());
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let (tell, told) = mpsc::channel();
        let writer = Writer::start(Full(2, tell)).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            writer.append(line.as_bytes());
            assert!(writer.flush(Duration::MAX));
        }
        drop(writer);
        let written: Vec<_> = told.iter().collect();
        assert_eq!(written, [&b"three\n"[..], b"four\n"]);
    }
}
