//! `--parallel-segments`: one large file over several connections, each of which fetches a part of
//! it.
//!
//! The first response shows whether that is possible: it has to have a length, a strong validator
//! and take ranges. Its own connection continues with the first segment. Every request names the
//! version it needs (If-Range), so that all segments are of one version. The record beside the part
//! lists the bytes that are still missing, so that another run resumes.

use crate::failure::Failure;
use crate::get::attempt::{AttemptError, Persistence};
use crate::get::failure::write_failure;
use crate::get::fetch::Fetch;
use crate::get::output::partial_file::PartialFile;
use crate::get::output::version::{Segment, Version, range_length};
use crate::get::pump::Pump;
use crate::lock::Lock;
use http::{HeaderMap, header};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tinyhttp_client::retry::{Continuation, continuation};
use tinyhttp_client::{BodyLength, Error, Response};

/// A segment smaller than that isn't worth a connection.
const SMALLEST: u64 = 1024 * 1024;
/// How often the record is brought up to date.
const PERIOD: Duration = Duration::from_secs(1);

/// The version with its segments, if that response's content can be fetched in as many as were
/// asked for.
pub(in crate::get) fn plan(response: &Response, asked: u16, version: &Version) -> Option<Version> {
    let BodyLength::Known(total) = response.length() else {
        return None;
    };
    let takes_ranges = response.field(header::ACCEPT_RANGES.as_str()) == Some("bytes");
    let count = u64::from(asked).min(total / SMALLEST);
    let is_possible =
        count > 1 && takes_ranges && version.validator.is_some() && version.total == Some(total);
    is_possible.then(|| Version {
        segments: split(total, count),
        ..version.clone()
    })
}

/// Fetches the missing segments of the part. Returns the fields of a response of this version.
pub(in crate::get) fn run(
    fetch: &Fetch<'_>,
    first: Option<Response>,
    part: &mut PartialFile,
) -> Result<HeaderMap, AttemptError> {
    let (file, record, kept) = part.for_segments();
    let clone = |file: &File| {
        let name = part.temporary().display().to_string();
        file.try_clone()
            .map_err(|error| write_failure(&name, &error))
    };
    let progress = Arc::new(Progress::new(
        part.version().clone(),
        record.map(clone).transpose()?,
    ));
    let saved = progress.clone();
    kept.set_save(move || saved.save());
    let threads = usize::from(fetch.args.download.parallel_segments).min(progress.segments.len());
    let workers = SegmentWorkers {
        fetch,
        pump: fetch.pump().shared_by(threads as u64),
        file,
        name: part.temporary().display().to_string(),
        progress: &progress,
        is_hopeless: AtomicBool::new(false),
        next: AtomicUsize::new(usize::from(first.is_some())),
        fields: Lock::new(first.as_ref().map(|response| response.fields().clone())),
    };
    let mut first = first;
    let results: Vec<Result<(), AttemptError>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (workers, response) = (&workers, first.take());
                scope.spawn(move || workers.work(response))
            })
            .collect();
        let panicked = || Err(Failure::with_code(43, "a segment's thread panicked").into());
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| panicked()))
            .collect()
    });
    progress.save();
    let fields = workers.fields.into_inner();
    let version = progress.version();
    part.set_progress(version);
    results.into_iter().collect::<Result<(), AttemptError>>()?;
    Ok(fields.unwrap_or_default())
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

/// How far all segments are; the record is written from it.
struct Progress {
    version: Version,
    /// `next` and `end` of each.
    segments: Vec<(AtomicU64, u64)>,
    record: Option<File>,
    saved: Lock<Instant>,
}

impl Progress {
    fn new(version: Version, record: Option<File>) -> Self {
        let segments = version.segments.iter();
        Progress {
            segments: segments
                .map(|part| (AtomicU64::new(part.next), part.end))
                .collect(),
            version,
            record,
            saved: Lock::new(Instant::now()),
        }
    }

    fn version(&self) -> Version {
        let segments = self.segments.iter().map(|(next, end)| Segment {
            next: next.load(Ordering::Acquire),
            end: *end,
        });
        Version {
            segments: segments.collect(),
            ..self.version.clone()
        }
    }

    /// Bytes up to `next` of that segment are in the file.
    fn advance(&self, index: usize, next: u64) {
        self.segments[index].0.store(next, Ordering::Release);
        let is_due = self.saved.try_lock().is_some_and(|mut saved| {
            let is_due = saved.elapsed() >= PERIOD;
            if is_due {
                *saved = Instant::now();
            }
            is_due
        });
        if is_due {
            self.save();
        }
    }

    /// Writes the record. The text always has the same length, so that one write replaces it.
    /// Returns the bytes that are there.
    fn save(&self) -> u64 {
        let version = self.version();
        if let Some(record) = &self.record {
            // The record on the disk is older then, and claims less than there is.
            let _ = record.write_all_at(version.text().as_bytes(), 0);
        }
        version.present(0)
    }
}

/// What all connections share.
struct SegmentWorkers<'f> {
    fetch: &'f Fetch<'f>,
    pump: Pump,
    file: &'f File,
    name: String,
    progress: &'f Progress,
    /// One segment failed for good: the others need not continue.
    is_hopeless: AtomicBool,
    /// The next segment to be taken.
    next: AtomicUsize,
    fields: Lock<Option<HeaderMap>>,
}

impl SegmentWorkers<'_> {
    /// Fetches segments until none is left.
    fn work(&self, mut response: Option<Response>) -> Result<(), AttemptError> {
        loop {
            // The first response has the content from its first byte on.
            let index = match response {
                Some(_) => 0,
                None => self.next.fetch_add(1, Ordering::Relaxed),
            };
            let Some((next, end)) = self.progress.segments.get(index) else {
                return Ok(());
            };
            let segment = Segment {
                next: next.load(Ordering::Acquire),
                end: *end,
            };
            if segment.next < segment.end {
                self.run(index, segment, response.take())?;
            }
        }
    }

    fn run(
        &self,
        index: usize,
        mut segment: Segment,
        mut response: Option<Response>,
    ) -> Result<(), AttemptError> {
        let mut persistence = Persistence::new(self.fetch.args);
        loop {
            let before = segment.next;
            let result = match response.take() {
                Some(response) => self.receive(index, &mut segment, response),
                None => self
                    .ask(segment)
                    .and_then(|response| self.receive(index, &mut segment, response)),
            };
            if segment.next > before {
                persistence.has_progressed();
            }
            let error = match result {
                Ok(()) if segment.next == segment.end => return Ok(()),
                Ok(()) if self.is_hopeless.load(Ordering::Relaxed) => return Ok(()),
                // The server ended the response early, in good order.
                Ok(()) => AttemptError::Short {
                    received: segment.next - before,
                    announced: segment.end - before,
                },
                // It is not the part that was asked for.
                Err(AttemptError::Error(Error::Part { .. })) => AttemptError::Changed,
                Err(error) => error,
            };
            if let Err(error) = persistence.wait_for_retry(error, true, &self.pump.bar) {
                self.is_hopeless.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
    }

    fn ask(&self, segment: Segment) -> Result<Response, AttemptError> {
        let version = &self.progress.version;
        let validator = version.validator.as_ref();
        let last = segment.end - 1;
        let mut fields = vec![("Range", format!("bytes={}-{last}", segment.next))];
        fields.extend(validator.map(|validator| ("If-Range", validator.as_str().to_owned())));
        let response = self.fetch.send(&fields)?;
        if let Some(error) = AttemptError::of(&response) {
            return Err(error);
        }
        let (status, fields) = (response.status(), response.fields());
        let judged = continuation(status, fields, segment.next, Some(last), validator);
        let is_rest = matches!(judged, Continuation::Append { .. });
        let has_length = match response.length() {
            BodyLength::Known(length) => range_length(fields) == Some(length),
            _ => true,
        };
        if is_rest && has_length && !response.is_decoded() && version.is_that_of(fields) {
            let mut known = self.fields.lock();
            known.get_or_insert_with(|| fields.clone());
            drop(known);
            return Ok(response);
        }
        Err(AttemptError::Changed)
    }

    fn receive(
        &self,
        index: usize,
        segment: &mut Segment,
        response: impl Read,
    ) -> Result<(), AttemptError> {
        let Segment { end, next } = *segment;
        let result = self.pump.run(response, end - next, &mut |piece| {
            let failed = |error| write_failure(&self.name, &error);
            self.file
                .write_all_at(piece, segment.next)
                .map_err(failed)?;
            segment.next += piece.len() as u64;
            self.progress.advance(index, segment.next);
            Ok(!self.is_hopeless.load(Ordering::Relaxed))
        });
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
