//! `--parallel-segments`: one large file over several connections, each of which fetches a part of it.
//!
//! The first response shows whether that is possible: it has to have a length, a strong validator and take ranges. Its own
//! connection goes on with the first part. Every part names the version it wants (If-Range), so that all are of one file.

use super::failure::write_failure;
use super::job::Job;
use super::pump::Pump;
use super::trouble::{Persistence, Trouble};
use crate::failure::Failure;
use http::header;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tinyhttp_client::retry::{Continuation, Validator, continuation};
use tinyhttp_client::{BodyLength, Response};

/// A part smaller than that isn't worth a connection.
const SMALLEST: u64 = 1024 * 1024;

/// The bytes from `next` up to `end`, which is not one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    next: u64,
    end: u64,
}

/// How many parts to make of that response's content, if it can be had in parts.
pub(super) fn count(response: &Response, asked: u16) -> Option<(u64, u64, Validator)> {
    let BodyLength::Known(total) = response.length() else {
        return None;
    };
    let takes_ranges = response.field(header::ACCEPT_RANGES.as_str()) == Some("bytes");
    let count = u64::from(asked).min(total / SMALLEST);
    let validator = Validator::of(response.fields())?;
    (count > 1 && takes_ranges && !response.is_decoded()).then_some((count, total, validator))
}

/// Fetches the whole file to a temporary one beside `path`, whose name is given back.
pub(super) fn fetch(
    job: &Job<'_>,
    first: Response,
    path: &Path,
    (count, total, validator): (u64, u64, Validator),
) -> Result<PathBuf, Trouble> {
    let mut name = path.as_os_str().to_owned();
    // Not `.part`: it has holes, and nobody could go on with it.
    name.push(".segments");
    let temporary = PathBuf::from(name);
    let failed = |error| write_failure(&temporary.display().to_string(), &error);
    let file = File::create(&temporary).map_err(failed)?;
    file.set_len(total).map_err(failed)?;
    let pump = job.pump().shared_by(count);
    let is_hopeless = AtomicBool::new(false);
    let mut first = Some(first);
    let results: Vec<Result<(), Trouble>> = thread::scope(|scope| {
        let workers: Vec<_> = split(total, count)
            .into_iter()
            .map(|segment| {
                let worker = Worker {
                    job,
                    pump: pump.clone(),
                    file: &file,
                    name: &temporary,
                    validator: &validator,
                    is_hopeless: &is_hopeless,
                    segment,
                };
                let response = first.take();
                scope.spawn(move || worker.run(response))
            })
            .collect();
        let panicked = || Err(Failure::with_code(43, "a segment's thread panicked").into());
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| panicked()))
            .collect()
    });
    match results.into_iter().collect::<Result<(), Trouble>>() {
        Ok(()) => Ok(temporary),
        Err(trouble) => {
            // It may not be there, or not be removable; the trouble is what counts.
            let _ = std::fs::remove_file(&temporary);
            Err(trouble)
        }
    }
}

fn split(total: u64, count: u64) -> Vec<Segment> {
    (0..count)
        .map(|index| Segment {
            next: total / count * index,
            end: if index + 1 == count {
                total
            } else {
                total / count * (index + 1)
            },
        })
        .collect()
}

struct Worker<'w> {
    job: &'w Job<'w>,
    pump: Pump,
    file: &'w File,
    name: &'w Path,
    validator: &'w Validator,
    /// Another part can't be had: there is no point in going on.
    is_hopeless: &'w AtomicBool,
    segment: Segment,
}

impl Worker<'_> {
    fn run(mut self, mut response: Option<Response>) -> Result<(), Trouble> {
        let mut persistence = Persistence::new(self.job.args);
        loop {
            let before = self.segment.next;
            let result = match response.take() {
                Some(response) => self.receive(response),
                None => self.ask().and_then(|response| self.receive(response)),
            };
            if self.segment.next > before {
                persistence.has_progressed();
            }
            let trouble = match result {
                Ok(()) if self.segment.next == self.segment.end => return Ok(()),
                Ok(()) if self.is_hopeless.load(Ordering::Relaxed) => return Ok(()),
                // The server ended a part early, in good order.
                Ok(()) => Trouble::Mismatch,
                Err(trouble) => trouble,
            };
            if let Err(trouble) = persistence.again(trouble, true, &self.pump.bar) {
                self.is_hopeless.store(true, Ordering::Relaxed);
                return Err(trouble);
            }
        }
    }

    fn ask(&self) -> Result<Response, Trouble> {
        let last = self.segment.end - 1;
        let response = self.job.send(&[
            ("Range", format!("bytes={}-{last}", self.segment.next)),
            ("If-Range", self.validator.as_str().to_owned()),
        ])?;
        if let Some(trouble) = Trouble::of(&response) {
            return Err(trouble);
        }
        let (status, fields) = (response.status(), response.fields());
        let next = self.segment.next;
        match continuation(status, fields, next, Some(last), Some(self.validator)) {
            Continuation::Append { .. } => Ok(response),
            _ => Err(
                Failure::with_code(33, "the file changed while it was downloaded")
                    .hint("download it again, without --parallel-segments")
                    .into(),
            ),
        }
    }

    fn receive(&mut self, response: impl Read) -> Result<(), Trouble> {
        let Segment { end, next } = self.segment;
        let mut at = next;
        let result = self.pump.run(response, end - next, &mut |piece| {
            let failed = |error| write_failure(&self.name.display().to_string(), &error);
            self.file.write_all_at(piece, at).map_err(failed)?;
            at += piece.len() as u64;
            Ok(!self.is_hopeless.load(Ordering::Relaxed))
        });
        self.segment.next = at;
        result.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_whole() {
        for (total, count) in [(10, 3), (1, 1), (1 << 40, 7), (64, 64)] {
            let parts = split(total, count);
            assert_eq!(parts.len() as u64, count);
            assert_eq!((parts[0].next, parts[parts.len() - 1].end), (0, total));
            for pair in parts.windows(2) {
                assert_eq!(pair[0].end, pair[1].next);
                assert!(pair[0].next < pair[0].end);
            }
        }
    }
}
