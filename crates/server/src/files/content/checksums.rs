//! CRC-32 checksums of files, which a zip archive needs again in its directory at the end.
//!
//! Checksums are remembered by file version; when the table is full, the oldest is evicted. An
//! unknown checksum is computed by a [`Job`] that all requests which need it share: any of them
//! makes the next step, so that the work is done once, and stops when the last of them is gone.

use crate::body::{FileSlice, FileVersion};
use crate::gate::GATE;
use crate::lock::{Lock, unpoisoned};
use crc32fast::Hasher;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Weak};
use std::time::Duration;

/// How many checksums are remembered. Each takes 17 bytes in a hash table whose size is a power of
/// two, and 8 in the queue: 6 MiB in all.
const CAPACITY: usize = (1 << 18) / 8 * 7;

/// How much of a file one step reads, in bytes.
const STEP: usize = 1024 * 1024;

/// The length of one read, in bytes.
const BUFFER: usize = 64 * 1024;

/// How long a request waits for another request's step before its connection is checked.
const WAIT: Duration = Duration::from_millis(100);

/// CRC-32 checksums by [`FileVersion::fingerprint`].
#[derive(Debug, Default)]
pub(crate) struct Checksums {
    known: Lock<Known>,
    jobs: Lock<HashMap<u64, Weak<Job>>>,
}

#[derive(Debug, Default)]
struct Known {
    sums: HashMap<u64, u32>,
    /// The keys, the oldest first.
    queue: VecDeque<u64>,
}

/// The computation of one checksum.
#[derive(Debug)]
pub(crate) struct Job {
    fingerprint: u64,
    state: Lock<State>,
    /// Notified at the end of each step.
    stepped: Condvar,
}

#[derive(Debug)]
enum State {
    /// The rest of the content, and the checksum of what has been read.
    Paused(FileSlice, Hasher),
    /// One of the requests is making a step.
    Running,
    Done(u32),
    Failed,
}

impl Checksums {
    pub(crate) fn get(&self, fingerprint: u64) -> Option<u32> {
        self.known.lock().sums.get(&fingerprint).copied()
    }

    pub(crate) fn insert(&self, fingerprint: u64, sum: u32) {
        self.known.lock().insert(fingerprint, sum, CAPACITY);
    }

    /// The job for a file version. `open` opens the file, unless another request has done so.
    pub(crate) fn job(
        &self,
        fingerprint: u64,
        open: impl FnOnce() -> io::Result<FileSlice>,
    ) -> io::Result<Arc<Job>> {
        let running = || self.jobs.lock().get(&fingerprint).and_then(Weak::upgrade);
        if let Some(job) = running() {
            return Ok(job);
        }
        let content = open()?;
        let mut jobs = self.jobs.lock();
        if let Some(job) = jobs.get(&fingerprint).and_then(Weak::upgrade) {
            return Ok(job);
        }
        let job = Arc::new(Job {
            fingerprint,
            state: Lock::new(State::Paused(content, Hasher::new())),
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
        if self.queue.len() > capacity {
            if let Some(oldest) = self.queue.pop_front() {
                self.sums.remove(&oldest);
            }
        }
    }
}

impl Job {
    /// Makes one step, or waits a moment for the step of another request. `None`: the checksum is
    /// not known yet.
    ///
    /// # Errors
    /// A failed read, for every request that shares the job.
    pub(crate) fn step(&self) -> io::Result<Option<u32>> {
        let is_running = |state: &mut State| matches!(state, State::Running);
        let guard = self.state.lock();
        let waited = self.stepped.wait_timeout_while(guard, WAIT, is_running);
        let (mut state, _) = unpoisoned(waited);
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
        let mut state = self.state.lock();
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
    let pass = GATE.pass();
    let mut buffer = vec![0; BUFFER];
    for _ in 0..STEP / BUFFER {
        match content.read(&mut buffer)? {
            0 if FileVersion::of_open(&content.file)?.fingerprint() == fingerprint => {
                return Ok(State::Done(hasher.finalize()));
            }
            0 => {
                let text = "a file has changed while its checksum was computed";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            length => hasher.update(&buffer[..length]),
        }
        pass.make_way();
    }
    Ok(State::Paused(content, hasher))
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
        let slice = FileSlice::new(Arc::new(file), 0, content.len() as u64);
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
