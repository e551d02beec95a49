//! The program's own log on stderr: warnings and errors, and more with `-v`.
//!
//! Lines have the format of the access log, so that a program that reads stderr finds one format:
//! with `--log-format json` each is an object with `time`, `level` and `message`.
//!
//! A worker never waits for stderr, which may be a full pipe or a stopped terminal: a line is
//! dropped instead.
//!
//! Clients cause what the libraries log, so a flood of bad requests would be a flood of lines. Of
//! each kind, which is the place in the code that logs it, one line a second is written; the next
//! one says how many were left out. With `-v` all are written.

use crate::lock::Lock;
use log::{LevelFilter, Record};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::HashMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// POSIX's PIPE_BUF: a pipe that is ready for writing has room for as many bytes. Longer lines are
/// cut.
const ROOM: usize = 4096;

/// The shortest time between two lines of one kind.
const INTERVAL: Duration = Duration::from_secs(1);

/// Starts the log.
pub(super) fn start(verbose: bool, quiet: bool, is_json: bool) {
    let level = match (verbose, quiet) {
        (true, _) => LevelFilter::Debug,
        (_, true) => LevelFilter::Error,
        _ => LevelFilter::Info,
    };
    let limit = (!verbose).then(Limit::default);
    env_logger::Builder::new()
        .filter_level(LevelFilter::Warn.min(level))
        // The program and its own libraries. Of others, only warnings are of interest.
        .filter_module("tinyhttp", level)
        .format(move |out, record| {
            let kind = (record.file_static().unwrap_or_default(), record.line());
            let left_out = match &limit {
                Some(limit) if !is_ours(record) => limit.admit(kind, Instant::now()),
                _ => Some(0),
            };
            match left_out {
                Some(left_out) if is_json => out.write_all(&json(record, left_out)),
                Some(left_out) => out.write_all(&text(record, left_out)),
                None => Ok(()),
            }
        })
        .target(env_logger::Target::Pipe(Box::new(NonBlocking)))
        .init();
    if is_json {
        // The default hook writes plain text between the objects.
        std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    }
}

/// Whether the program itself logs this, rather than a library that clients keep busy.
fn is_ours(record: &Record<'_>) -> bool {
    record
        .module_path()
        .is_some_and(|path| path.starts_with("tinyhttp::"))
}

/// Formats a line of text.
fn text(record: &Record<'_>, left_out: u64) -> Vec<u8> {
    let time = chrono::Local::now().format("%Y-%m-%d %H:%M:%S");
    let level = record.level().as_str().to_lowercase();
    let message = message(record, left_out);
    format!("tinyhttp: {time} {level}: {message}\n").into_bytes()
}

/// Formats a JSON object on a line.
fn json(record: &Record<'_>, left_out: u64) -> Vec<u8> {
    json_line(
        &record.level().as_str().to_lowercase(),
        &message(record, left_out),
    )
}

/// Formats a JSON object on a line, as the access log does with `--log-format json`.
pub(super) fn json_line(level: &str, message: &str) -> Vec<u8> {
    let time = chrono::Local::now().format("%Y-%m-%dT%H:%M:%S%.3f%:z");
    let object = serde_json::json!({
        "time": time.to_string(),
        "level": level,
        "message": message,
    });
    let mut line = object.to_string().into_bytes();
    // A truncated object can't be parsed.
    if line.len() >= ROOM {
        let cut: String = message.chars().take(ROOM / 16).collect();
        return json_line(level, &format!("{cut}…"));
    }
    line.push(b'\n');
    line
}

fn message(record: &Record<'_>, left_out: u64) -> String {
    match left_out {
        0 => record.args().to_string(),
        left_out => format!("{} ({left_out} more like this before)", record.args()),
    }
}

/// A rate limiter: one line of a kind in each interval. The kinds are the places in the code that
/// log, so the table is small.
#[derive(Default)]
struct Limit(Lock<HashMap<Kind, (Instant, u64)>>);

/// A place in the code.
type Kind = (&'static str, Option<u32>);

impl Limit {
    /// Returns how many lines of this kind were dropped before this one; `None` if this one is to
    /// be dropped, too.
    fn admit(&self, kind: Kind, now: Instant) -> Option<u64> {
        let mut kinds = self.0.lock();
        match kinds.get_mut(&kind) {
            Some((last, left_out)) if now.saturating_duration_since(*last) < INTERVAL => {
                *left_out += 1;
                None
            }
            Some((last, left_out)) => {
                *last = now;
                Some(std::mem::take(left_out))
            }
            None => {
                kinds.insert(kind, (now, 0));
                Some(0)
            }
        }
    }
}

/// Stderr without blocking: what it does not take at once is dropped.
struct NonBlocking;

impl Write for NonBlocking {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let stderr = io::stderr();
        let mut stderr_alone = [PollFd::new(&stderr, PollFlags::OUT)];
        let at_once = Timespec::default();
        if matches!(poll(&mut stderr_alone, Some(&at_once)), Ok(1)) {
            let mut room = line[..line.len().min(ROOM)].to_vec();
            if let Some(last) = room.last_mut() {
                *last = b'\n';
            }
            // Not through the standard library, whose lock a blocked thread may hold.
            let _ = rustix::io::write(&stderr, &room);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_a_kind_each_second() {
        let limit = Limit::default();
        let start = Instant::now();
        let kind = |line| ("file", Some(line));
        let table = [
            (1, 0, Some(0)),
            (1, 0, None),
            (2, 0, Some(0)),
            (1, 999, None),
            (1, 1000, Some(2)),
            (1, 1001, None),
            (1, 9000, Some(1)),
            (1, 19_000, Some(0)),
        ];
        for (line, milliseconds, want) in table {
            let now = start + Duration::from_millis(milliseconds);
            assert_eq!(limit.admit(kind(line), now), want, "{line} {milliseconds}");
        }
    }

    #[test]
    fn a_long_object_stays_one() {
        for message in ["x".repeat(10_000), "\"\u{1}ü".repeat(5000)] {
            let line = json_line("warn", &message);
            assert!(line.len() <= ROOM && line.ends_with(b"}\n"));
            serde_json::from_slice::<serde_json::Value>(&line).unwrap();
        }
    }
}
