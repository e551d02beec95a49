//! The access log's flags: which format, and where it goes.
//!
//! SIGUSR1 and SIGHUP (`signals.rs`) reopen a log file, so that it can be moved away first: `mv
//! access.log old.log; kill -USR1 PID` loses no line, and each line is in one file.

use crate::failure::Failure;
use clap::ValueEnum;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
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
    ) -> Result<(Option<AccessLog>, Option<LogFile>), Failure> {
        let failure = |error| super::cannot_start(&error);
        match &self.log_file {
            Some(path) => {
                let file = LogFile::open(path).map_err(|error| cannot_write(path, &error))?;
                let format = match self.log_format.into() {
                    Format::Dev => Format::DatedDev,
                    format => format,
                };
                let log = AccessLog::new(file.clone(), format).map_err(failure)?;
                Ok((Some(log), Some(file)))
            }
            None if quiet => Ok((None, None)),
            None => {
                let log = AccessLog::new(io::stderr(), self.log_format.into());
                Ok((Some(log.map_err(failure)?), None))
            }
        }
    }

    /// Whether lines are JSON objects.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.log_format, LineFormat::Json)
    }

    pub(crate) fn file(&self) -> Option<&Path> {
        self.log_file.as_deref()
    }

    /// The folder in which the file is made anew after it was moved away.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.log_file.as_deref().map(super::folder_of)
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
    file: Arc<Mutex<File>>,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(LogFile {
            path: path.into(),
            file: Arc::new(Mutex::new(append_to(path)?)),
        })
    }

    /// Goes on with the file that has the name now. If there can't be one, the old one is better
    /// than none.
    pub(crate) fn reopen(&self) {
        let path = self.path.display();
        match append_to(&self.path) {
            Ok(file) => {
                *self.lock() = file;
                log::debug!("reopened the log file {path}");
            }
            Err(error) => {
                log::error!("can't open {path} again, so the log stays where it is: {error}");
            }
        }
    }

    /// Nobody panics while holding this lock, so poison says nothing.
    fn lock(&self) -> std::sync::MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    // Lines name visitors and what they asked for, which is nothing for every user of the machine
    // to read.
    let mut options = File::options();
    options.append(true).create(true).mode(0o640).open(path)
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    /// Whole lines come in one call, and must end in the file that they began in.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lock().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}
