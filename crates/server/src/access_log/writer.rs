//! The thread that writes the lines: many in one call, with few wake-ups.

use crate::lock::{Lock, unpoisoned};
use std::io::{self, Write};
use std::sync::{Arc, Condvar};
use std::thread;
use std::time::Duration;

/// How long lines gather after a write. Too short to notice on a terminal; a busy server saves a
/// wake-up and a write for nearly every line.
const GATHER: Duration = Duration::from_millis(50);

/// This many bytes are written without waiting for more.
const PLENTY: usize = 256 * 1024;

/// The maximum number of bytes that wait to be written.
const BOUND: usize = 4 * 1024 * 1024;

/// How long a request waits for room in the buffer. An output that takes nothing for this long may
/// be a stopped terminal or a pipe without a reader; then lines are dropped rather than requests
/// delayed.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long writing the last lines may take.
const LAST: Duration = Duration::from_secs(5);

/// Lines on their way to an output. Dropping it writes the remaining lines, if the output takes
/// them.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    patience: Duration,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Lock<State>,
    /// Signalled when there is work for the thread.
    filled: Condvar,
    /// Signalled when the thread has taken or written lines.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// The thread waits for the next line, without a timeout.
    idle: bool,
    /// The thread is writing lines that it has taken.
    writing: bool,
    /// A wait for the output has timed out, so further callers don't wait.
    stuck: bool,
    /// The number of dropped lines.
    lost: u64,
    /// A caller waits for everything to be written.
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
                    if let Err(error) = &written {
                    if !failed {
                        log::error!("the access log can't be written: {error}; its lines are lost until it can");
                    }
                    }
                    failed = written.is_err();
                    lines.clear();
                    let lost = theirs.written();
                    if lost > 0 {
                        log::error!("{lost} lines of the access log are lost: its output took none for too long");
                    }
                }
            })?;
        Ok(Writer {
            shared,
            patience,
            thread: Some(thread),
        })
    }

    /// Adds a line. Blocks while the buffer is full and the output is not stuck.
    pub(super) fn append(&self, line: &[u8]) {
        let mut state = self.shared.state.lock();
        if state.lines.len() > BOUND {
            let full =
                |state: &mut State| state.lines.len() > BOUND && !state.stuck && !state.ending;
            let emptied = &self.shared.emptied;
            let waited = emptied.wait_timeout_while(state, self.patience, full);
            state = unpoisoned(waited).0;
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

    /// Waits until all lines are written, for `at_most` at the longest, and not at all if the
    /// output is stuck. Returns whether they are.
    pub(super) fn flush(&self, at_most: Duration) -> bool {
        let mut state = self.shared.state.lock();
        state.hurry = true;
        self.shared.filled.notify_one();
        let goes_on = |state: &mut State| !state.stuck && !state.is_written();
        let waited = self
            .shared
            .emptied
            .wait_timeout_while(state, at_most, goes_on);
        let (mut state, _) = unpoisoned(waited);
        state.hurry = false;
        let is_written = state.is_written();
        state.stuck |= !is_written;
        is_written
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.state.lock().ending = true;
        self.shared.filled.notify_one();
        self.shared.emptied.notify_all();
        // A thread that its output blocks is left behind.
        if self.flush(LAST) {
            if let Some(thread) = self.thread.take() {
                // There is nothing to do about a panic.
                let _ = thread.join();
            }
        }
    }
}

impl State {
    fn is_written(&self) -> bool {
        !self.writing && self.lines.is_empty()
    }
}

impl Shared {
    /// Notes that the taken lines are written. Returns how many were dropped meanwhile.
    fn written(&self) -> u64 {
        let mut state = self.state.lock();
        state.writing = false;
        let lost = std::mem::take(&mut state.lost);
        drop(state);
        self.emptied.notify_all();
        lost
    }

    /// Lets lines gather and takes all of them. Returns `false` at the end.
    fn gather(&self, lines: &mut Vec<u8>) -> bool {
        let few = |state: &mut State| state.lines.len() < PLENTY && !state.hurry && !state.ending;
        let waited = self
            .filled
            .wait_timeout_while(self.state.lock(), GATHER, few);
        let (mut state, _) = unpoisoned(waited);
        state.idle = true;
        let nothing = |state: &mut State| state.lines.is_empty() && !state.ending;
        let waited = self.filled.wait_while(state, nothing);
        let mut state = unpoisoned(waited);
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

    /// An output that reports each write and then waits for permission to continue.
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
    fn a_stuck_output_does_not_delay_the_end() {
        let (tell, told) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let writer = Writer::start(Slow(tell, wait)).unwrap();
        writer.append(b"first\n");
        assert_eq!(told.recv().unwrap(), 6);
        writer.append(b"never\n");
        assert!(!writer.flush(Duration::from_millis(1)));
        // The wait has timed out once, so this one returns at once.
        drop(writer);
        assert!(told.try_recv().is_err());
        drop(go);
    }

    #[test]
    fn a_fast_caller_waits() {
        let (tell, told) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let writer = Writer::with_patience(Duration::MAX, Slow(tell, wait)).unwrap();
        let line = vec![b'x'; 64 * 1024];
        writer.append(&line);
        told.recv().unwrap();
        thread::scope(|scope| {
            let fast =
                scope.spawn(|| (0..2 * BOUND / line.len()).for_each(|_| writer.append(&line)));
            // Half of the lines fit; the others follow as the output takes some.
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

    /// A stuck output costs lines, and each caller only a moment. When it recovers, lines are
    /// written again.
    #[test]
    fn callers_do_not_wait_for_a_stuck_output() {
        let (tell, told) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let writer = Writer::with_patience(Duration::from_millis(1), Slow(tell, wait)).unwrap();
        let line = vec![b'x'; 64 * 1024];
        writer.append(&line);
        told.recv().unwrap();
        (0..3 * BOUND / line.len()).for_each(|_| writer.append(&line));
        let kept = writer.shared.state.lock().lines.len();
        assert_eq!(kept, BOUND + line.len());
        assert_eq!(
            writer.shared.state.lock().lost,
            (3 * BOUND - kept) as u64 / line.len() as u64
        );
        go.send(()).unwrap();
        assert_eq!(told.recv().unwrap(), kept);
        writer.append(b"again\n");
        go.send(()).unwrap();
        assert_eq!(told.recv().unwrap(), 6);
        go.send(()).unwrap();
        assert!(writer.flush(Duration::MAX));
        assert_eq!(writer.shared.state.lock().lost, 0);
        drop(go);
    }

    /// Lines that are written while the disk is full are lost, later ones are not.
    #[test]
    fn a_disk_that_is_full_for_a_while() {
        /// An output that fails a number of times.
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
