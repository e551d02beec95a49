//! The program's own log, on stderr: what is wrong, and never at the expense of a request.
//!
//! Workers say what is wrong, and stderr may be a pipe that nobody reads or a terminal that somebody has stopped. Nobody waits
//! for those: what they have no room for is not said.

use super::Args;
use log::LevelFilter;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Write};

/// A pipe that says it has room has room for so much (POSIX: PIPE_BUF); longer lines are cut.
const ROOM: usize = 4096;

pub(super) fn start(args: &Args) {
    let level = match (args.verbose, args.quiet) {
        (true, _) => LevelFilter::Debug,
        (_, true) => LevelFilter::Error,
        _ => LevelFilter::Warn,
    };
    env_logger::Builder::new()
        .filter_level(level)
        .format(|out, record| {
            writeln!(
                out,
                "tinyhttp: {}: {}",
                record.level().as_str().to_lowercase(),
                record.args()
            )
        })
        .target(env_logger::Target::Pipe(Box::new(Unhurried)))
        .init();
}

/// Stderr, as far as it takes what is written at once.
struct Unhurried;

impl Write for Unhurried {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let stderr = io::stderr();
        let mut stderr_alone = [PollFd::new(&stderr, PollFlags::OUT)];
        let at_once = Timespec::default();
        if matches!(poll(&mut stderr_alone, Some(&at_once)), Ok(1)) {
            let mut room = line[..line.len().min(ROOM)].to_vec();
            if let Some(last) = room.last_mut() {
                *last = b'\n';
            }
            // Not through the standard library, whose lock somebody may hold who waits.
            let _ = rustix::io::write(&stderr, &room);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
