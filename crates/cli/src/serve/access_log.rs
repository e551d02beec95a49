//! The access log: opened, reopened, and closed at the end.
//!
//! SIGUSR1 and SIGHUP (`signals.rs`) reopen a log file, so that it can be moved away first:
//! `mv access.log old.log; kill -USR1 PID` loses no line, and each line is in one file.

use super::args::LogArgs;
use super::log_process::{LogProcess, StartError, append_to};
use crate::failure::Failure;
use crate::lock::Lock;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use tinyhttp_server::access_log::AccessLog;

impl LogArgs {
    /// Opens the access log. There is none with -q and without --log-file.
    pub(super) fn open(
        &self,
        quiet: bool,
        file: Option<&LogFile>,
    ) -> Result<Option<AccessLog>, Failure> {
        let log = match file {
            Some(file) => AccessLog::new(file.clone(), self.format()),
            None if quiet => return Ok(None),
            None => AccessLog::new(io::stderr(), self.format()),
        };
        log.map(Some).map_err(|error| Failure::cannot_start(&error))
    }

    /// Opens the log file, if there is one; in a process of its own if `apart` is set.
    pub(super) fn open_file(&self, apart: bool) -> Result<Option<LogFile>, Failure> {
        let Some(path) = self.file() else {
            return Ok(None);
        };
        let file = LogFile::open(path, apart).map_err(|error| cannot_write(path, &error))?;
        Ok(Some(file))
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        format!("can't write the log file {}: {error}", path.display()),
        "--log-file takes a file in a directory that exists; you must be allowed to write to both",
    )
}

/// A file that is appended to, and that can be exchanged for another of the same name. Its clones
/// are the same file.
#[derive(Clone)]
pub(super) struct LogFile {
    path: Arc<Path>,
    output: Arc<Lock<Output>>,
}

/// The process that has the file open.
enum Output {
    /// The server itself.
    File(File),
    /// A separate process.
    Process(LogProcess),
}

impl LogFile {
    fn open(path: &Path, apart: bool) -> io::Result<Self> {
        let output = match apart.then(|| LogProcess::start(path)) {
            Some(Ok(process)) => Output::Process(process),
            Some(Err(StartError::File(error))) => return Err(error),
            Some(Err(StartError::Process(error))) => {
                log::warn!(
                    "the log's process can't be started ({error}), so the sandbox prevents reopening the log"
                );
                Output::File(append_to(path)?)
            }
            None => Output::File(append_to(path)?),
        };
        Ok(LogFile {
            path: path.into(),
            output: Arc::new(Lock::new(output)),
        })
    }

    /// Goes on with the file that has the name now. If there can't be one, the old one is better
    /// than none.
    pub(super) fn reopen(&self) {
        let reopened = match &mut *self.output.lock() {
            Output::File(file) => append_to(&self.path).map(|opened| *file = opened),
            Output::Process(process) => process.reopen(),
        };
        let path = self.path.display();
        match reopened {
            Ok(()) => log::debug!("reopened the log file {path}"),
            Err(error) => {
                log::error!("can't reopen {path}, so the log stays where it is: {error}");
            }
        }
    }

    /// Ends the file's process, if it has one, and waits for that. A process that a disk holds up
    /// is left behind.
    pub(super) fn close(&self) {
        if let Some(mut output) = self.output.try_lock() {
            if let Output::Process(process) = &mut *output {
                process.finish();
            }
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    /// Whole lines come in one call, and must end in the file that they began in.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut *self.output.lock() {
            Output::File(file) => file.write_all(bytes),
            Output::Process(process) => process.append(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
