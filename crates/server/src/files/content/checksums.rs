//! The checksums of files, which a zip archive needs once more in its directory at the end.
//!
//! What has been summed is remembered for a state of a file; when the table is full, the oldest goes. A sum that is not
//! known is a [`Job`], which all requests that need it share: whichever has a thread makes the next step, so that the work is
//! done once, and stops when the last of them has left.

use crate::body::FileSlice;
use crate::body::FileVersion;
use crate::files::gate::GATE;
use crc32fast::Hasher;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How many are remembered: with 17 bytes each in a hash table of a power of two places, and 8 in the queue, 6 MiB.
const CAPACITY: usize = (1 << 18) / 8 * 7;

/// How much of a file is summed in a step, in bytes.
const STEP: usize = 1024 * 1024;

/// How much of it is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// How long a request waits for another's step before its connection is looked at.
const WAIT: Duration = Duration::from_millis(100);

/// The CRC-32 of files, each in one state, which [`FileVersion::fingerprint`](crate::body::FileVersion::fingerprint) names.
#[derive(Debug, Default)]
pub(crate) struct Checksums {
    known: Mutex<Known>,
    jobs: Mutex<HashMap<u64, Weak<Job>>>,
}

#[derive(Debug, Default)]
struct Known {
    sums: HashMap<u64, u32>,
    /// The keys, the oldest first.
    queue: VecDeque<u64>,
}

/// A file that is being summed.
#[derive(Debug)]
pub(crate) struct Job {
    fingerprint: u64,
    state: Mutex<State>,
    /// A step has ended.
    stepped: Condvar,
}

#[derive(Debug)]
enum State {
    /// The rest of the content, and the sum of what came before.
    Paused(FileSlice, Hasher),
    /// One of the requests makes a step.
    Running,
    Done(u32),
    Failed,
}

impl Checksums {
    pub(crate) fn get(&self, fingerprint: u64) -> Option<u32> {
        lock(&self.known).sums.get(&fingerprint).copied()
    }

    pub(crate) fn insert(&self, fingerprint: u64, sum: u32) {
        lock(&self.known).insert(fingerprint, sum, CAPACITY);
    }

    /// The job that sums a file in that state; `open` opens the file, unless another request has done so.
    pub(crate) fn job(
        &self,
        fingerprint: u64,
        open: impl FnOnce() -> io::Result<FileSlice>,
    ) -> io::Result<Arc<Job>> {
        let running = || lock(&self.jobs).get(&fingerprint).and_then(Weak::upgrade);
        if let Some(job) = running() {
            return Ok(job);
        }
        let content = open()?;
        let mut jobs = lock(&self.jobs);
        if let Some(job) = jobs.get(&fingerprint).and_then(Weak::upgrade) {
            return Ok(job);
        }
        let job = Arc::new(Job {
            fingerprint,
            state: Mutex::new(State::Paused(content, Hasher::new())),
            stepped: Condvar::new(),
        });
        jobs.retain(|_, job| job.strong_count() > 0);
        jobs.insert(fingerprint, Arc::downgrade(&job));
        Ok(job)
    }
}

impl Known {
    fn insert(&mut self, fingerprint: u64, sum: u32, capacity: usize) {
        if self.sums.insert(fingerprint, sum).is_some() {
            return;
        }
        self.queue.push_back(fingerprint);
        if self.queue.len() > capacity
            && let Some(oldest) = self.queue.pop_front()
        {
            self.sums.remove(&oldest);
        }
    }
}

impl Job {
    /// Makes a step, or waits a moment for another request that makes one. `None`: the sum is not known yet.
    ///
    /// # Errors
    /// Those of reading the file, for every request that shares the job.
    pub(crate) fn step(&self) -> io::Result<Option<u32>> {
        let is_running = |state: &mut State| matches!(state, State::Running);
        let (mut state, _) = self
            .stepped
            .wait_timeout_while(lock(&self.state), WAIT, is_running)
            .unwrap_or_else(PoisonError::into_inner);
        let (content, hasher) = match &*state {
            State::Running => return Ok(None),
            State::Done(sum) => return Ok(Some(*sum)),
            State::Failed => {
                return Err(io::Error::other(
                    "a file could not be read for its checksum",
                ));
            }
            State::Paused(..) => match std::mem::replace(&mut *state, State::Running) {
                State::Paused(content, hasher) => (content, hasher),
                _ => return Ok(None),
            },
        };
        drop(state);
        let stepped = make_step(content, hasher, self.fingerprint);
        let mut state = lock(&self.state);
        let result = match stepped {
            Ok(State::Done(sum)) => {
                *state = State::Done(sum);
                Ok(Some(sum))
            }
            Ok(paused) => {
                *state = paused;
                Ok(None)
            }
            Err(error) => {
                *state = State::Failed;
                Err(error)
            }
        };
        self.stepped.notify_all();
        result
    }
}

fn make_step(mut content: FileSlice, mut hasher: Hasher, fingerprint: u64) -> io::Result<State> {
    let _pass = GATE.pass();
    let mut piece = vec![0; PIECE];
    for _ in 0..STEP / PIECE {
        match content.read(&mut piece)? {
            0 if FileVersion::of_open(&content.file)?.fingerprint() == fingerprint => {
                return Ok(State::Done(hasher.finalize()));
            }
            0 => {
                let text = "a file has changed while its checksum was computed";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            length => hasher.update(&piece[..length]),
        }
    }
    Ok(State::Paused(content, hasher))
}

/// Nothing panics while holding these locks, so poison has no meaning.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_full_table_forgets_the_oldest_alone() {
        let mut known = Known::default();
        for fingerprint in 0..10 {
            known.insert(fingerprint, fingerprint as u32 + 100, 4);
            known.insert(fingerprint, fingerprint as u32, 4);
        }
        let mut kept: Vec<_> = known.sums.into_iter().collect();
        kept.sort_unstable();
        assert_eq!(kept, [(6, 6), (7, 7), (8, 8), (9, 9)]);
        assert_eq!(known.queue, [6, 7, 8, 9]);
    }

    #[test]
    fn requests_share_a_job() {
        let content: Vec<u8> = (0..5 * STEP + 7).map(|at| (at * 31) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let fingerprint = FileVersion::of_open(&file).unwrap().fingerprint();
        let slice = FileSlice {
            file: Arc::new(file),
            offset: 0,
            left: content.len() as u64,
            version: None,
            open: None,
        };
        let checksums = Checksums::default();
        let (opened, steps) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let first = checksums.job(fingerprint, || Ok(slice.clone())).unwrap();
        assert_eq!(first.step().unwrap(), None);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let job = checksums.job(fingerprint, || {
                        opened.fetch_add(1, Ordering::SeqCst);
                        Ok(slice.clone())
                    });
                    let job = job.unwrap();
                    loop {
                        if let Some(sum) = job.step().unwrap() {
                            assert_eq!(sum, crc32fast::hash(&content));
                            break;
                        }
                        steps.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(opened.into_inner(), 0, "the file is open already");
        drop(first);
        let other = checksums.job(fingerprint, || Err(io::Error::other("opened again")));
        assert!(other.is_err(), "when all have left, the job is gone");
    }
}
