//! One run of a script, bounded in time and output.

use crate::failure::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How much a script may print, in bytes.
const MOST_OUTPUT: usize = 8 * 1024 * 1024;

/// Runs a script and gives what it printed. What goes to its standard error goes to the server's.
///
/// The program is started as such, with no shell, and without arguments: RFC 3875 §4.4 would make
/// some of a query without `=`, which has let strangers pass options to programs.
pub(crate) fn run(
    script: &Path,
    environment: Vec<(String, OsString)>,
    content: &[u8],
    time: Duration,
) -> Result<Vec<u8>, Failure> {
    let mut child = Command::new(script)
        .env_clear()
        .envs(environment)
        .current_dir(script.parent().unwrap_or(Path::new("/")))
        .stdin(standard_input(content).map_err(Failure::NotStarted)?)
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(Failure::NotStarted)?;
    let printed = match child.stdout.take() {
        Some(stdout) => read(stdout, time),
        None => Ok(Vec::new()),
    };
    // Ends the processes that the script has left behind. Both calls fail only if there are none.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let _ = child.wait();
    printed
}

/// The content as a file in memory: unlike a pipe it is never full, so writing it and reading the
/// output need no second thread.
fn standard_input(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("content", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

fn read(mut stdout: ChildStdout, time: Duration) -> Result<Vec<u8>, Failure> {
    let begin = Instant::now();
    let (mut printed, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let left = time.saturating_sub(begin.elapsed());
        let left = Timespec {
            tv_sec: left.as_secs() as i64,
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(Failure::TooSlow(time)),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(Failure::Output(error.into())),
        }
        match stdout.read(&mut buffer).map_err(Failure::Output)? {
            0 => return Ok(printed),
            length => printed.extend_from_slice(&buffer[..length]),
        }
        if printed.len() > MOST_OUTPUT {
            return Err(Failure::TooMuchOutput);
        }
    }
}
