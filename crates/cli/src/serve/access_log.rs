//! The access log's flags: which format, and where it goes.
//!
//! SIGUSR1 and SIGHUP (`signals.rs`) reopen a log file, so that it can be moved away first: `mv
//! access.log old.log; kill -USR1 PID` loses no line, and each line is in one file.

use super::log_process::{LogProcess, StartError, append_to};
use crate::failure::Failure;
use clap::ValueEnum;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tinyhttp_server::access_log::{AccessLog, Format};

/// What is written about each request.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Log")]
pub(crate) struct Log {
    /// The format of the line for each request
    ///
    /// A response that did not go out whole is marked: with status 499 in common and combined (500
    /// if its content could not be read), with "complete":false and the reason in json, with the
    /// reason in dev. A TLS handshake on the plain-HTTP port is logged with the target \x16\x03\x01
    /// and status 400, in json also with "tls":true.
    #[arg(long, value_enum, default_value_t = LineFormat::Dev, value_name = "FORMAT", env = "TINYHTTP_LOG_FORMAT")]
    log_format: LineFormat,

    /// Append the lines to this file instead of stderr, even with -q; SIGUSR1 and SIGHUP reopen it
    /// after it was moved away
    #[arg(long, value_name = "PATH", env = "TINYHTTP_LOG_FILE")]
    log_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LineFormat {
    /// Common Log Format
    Common,
    /// Common Log Format with Referer and User-Agent
    Combined,
    /// One JSON object a line
    Json,
    /// For a person who watches
    Dev,
}

impl From<LineFormat> for Format {
    fn from(format: LineFormat) -> Self {
        match format {
            LineFormat::Common => Format::Common,
            LineFormat::Combined => Format::Combined,
            LineFormat::Json => Format::Json,
            LineFormat::Dev => Format::Dev,
        }
    }
}

impl Log {
    /// Opens the access log, and its file if it has one. There is none with -q and without
    /// --log-file.
    pub(crate) fn open(
        &self,
        quiet: bool,
        file: Option<&LogFile>,
    ) -> Result<Option<AccessLog>, Failure> {
        let log = match file {
            Some(file) => {
                let format = match self.log_format.into() {
                    Format::Dev => Format::DatedDev,
                    format => format,
                };
                AccessLog::new(file.clone(), format)
            }
            None if quiet => return Ok(None),
            None => AccessLog::new(io::stderr(), self.log_format.into()),
        };
        log.map(Some).map_err(|error| super::cannot_start(&error))
    }

    /// Opens the file, if there is one: in a process of its own if `apart` says so.
    pub(crate) fn open_file(&self, apart: bool) -> Result<Option<LogFile>, Failure> {
        let Some(path) = &self.log_file else {
            return Ok(None);
        };
        let file = LogFile::open(path, apart).map_err(|error| cannot_write(path, &error))?;
        Ok(Some(file))
    }

    /// Whether lines are JSON objects.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.log_format, LineFormat::Json)
    }

    pub(crate) fn file(&self) -> Option<&Path> {
        self.log_file.as_deref()
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        format!("can't write the log file {}: {error}", path.display()),
        "--log-file takes a file in a folder that exists, both of which you may write to",
    )
}

/// A file that is appended to, and that can be exchanged for another of the same name. Its clones
/// are the same file.
#[derive(Clone)]
pub(crate) struct LogFile {
    path: Arc<Path>,
    output: Arc<Mutex<Output>>,
}

/// What has the file open.
enum Output {
    /// This process.
    File(File),
    /// A process that does nothing else.
    Process(LogProcess),
}

impl LogFile {
    fn open(path: &Path, apart: bool) -> io::Result<Self> {
        let output = match apart.then(|| LogProcess::start(path)) {
            Some(Ok(process)) => Output::Process(process),
            Some(Err(StartError::File(error))) => return Err(error),
            Some(Err(StartError::Process(error))) => {
                log::warn!(
                    "the log file has no process of its own ({error}): from inside the sandbox it can't be reopened"
                );
                Output::File(append_to(path)?)
            }
            None => Output::File(append_to(path)?),
        };
        Ok(LogFile {
            path: path.into(),
            output: Arc::new(Mutex::new(output)),
        })
    }

    /// Goes on with the file that has the name now. If there can't be one, the old one is better
    /// than none.
    pub(crate) fn reopen(&self) {
        let reopened = match &mut *self.lock() {
            Output::File(file) => append_to(&self.path).map(|opened| *file = opened),
            Output::Process(process) => process.reopen(),
        };
        let path = self.path.display();
        match reopened {
            Ok(()) => log::debug!("reopened the log file {path}"),
            Err(error) => {
                log::error!("can't open {path} again, so the log stays where it is: {error}");
            }
        }
    }

    /// Ends the file's process, if it has one, and waits for that. A process that a disk holds up
    /// is left behind.
    pub(crate) fn close(&self) {
        if let Ok(mut output) = self.output.try_lock()
            && let Output::Process(process) = &mut *output
        {
            process.finish();
        }
    }

    /// Nobody panics while holding this lock, so poison says nothing.
    fn lock(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    /// Whole lines come in one call, and must end in the file that they began in.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut *self.lock() {
            Output::File(file) => file.write_all(bytes),
            Output::Process(process) => process.append(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
