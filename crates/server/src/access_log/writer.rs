//! The thread that writes the lines: many of them in one call, and woken seldom.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long lines gather after others have been written. A person who watches doesn't notice; a busy server saves a wake-up and a
/// write for nearly every line.
const GATHER: Duration = Duration::from_millis(50);

/// Bytes for which nobody waits that long.
const PLENTY: usize = 256 * 1024;

/// Bytes that may wait to be written.
const BOUND: usize = 4 * 1024 * 1024;

/// Lines on their way to an output. Dropping it writes what is left.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
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
    /// Somebody waits for everything to be written.
    hurry: bool,
    ending: bool,
}

impl Writer {
    pub(super) fn start(mut output: impl Write + Send + 'static) -> io::Result<Self> {
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
                    theirs.lock().writing = false;
                    theirs.emptied.notify_all();
                }
            })?;
        Ok(Writer {
            shared,
            thread: Some(thread),
        })
    }

    /// Adds a line; waits while there are too many.
    pub(super) fn append(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        if state.lines.len() > BOUND {
            let full = |state: &mut State| state.lines.len() > BOUND && !state.ending;
            let waited = self.shared.emptied.wait_while(state, full);
            state = waited.unwrap_or_else(PoisonError::into_inner);
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

    /// Waits until all lines are written, but no longer than that: whether they are.
    pub(super) fn flush(&self, at_most: Duration) -> bool {
        let mut state = self.shared.lock();
        state.hurry = true;
        self.shared.filled.notify_one();
        let unwritten = |state: &mut State| state.writing || !state.lines.is_empty();
        let waited = self
            .shared
            .emptied
            .wait_timeout_while(state, at_most, unwritten);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
        !waited.timed_out()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().ending = true;
        self.shared.filled.notify_one();
        self.shared.emptied.notify_all();
        if let Some(thread) = self.thread.take() {
            // It ends once it has written everything; if it panicked there is nothing more to be done.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Nobody panics while holding this lock, so poison says nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn who_is_too_fast_waits() {
        let (tell, told) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let writer = Writer::start(Slow(tell, wait)).unwrap();
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
}
