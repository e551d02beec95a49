//! The access log's flags: which format, and where it goes.
//!
//! A log file is opened once more when SIGUSR1 comes, so that it can be moved away first: `mv access.log old.log; kill -USR1 PID`
//! loses no line, and ends none in the wrong file.

use crate::failure::Failure;
use clap::ValueEnum;
use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;
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
    /// How the line for each request looks
    #[arg(long, value_enum, default_value_t = LineFormat::Dev, value_name = "FORMAT", env = "TINYHTTP_LOG_FORMAT")]
    log_format: LineFormat,

    /// Append the lines to this file, even with -q, and not to stderr; SIGUSR1 opens it again after it was moved away
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
    /// The log as the server wants it; none if nobody is to be told.
    pub(crate) fn open(&self, quiet: bool) -> Result<Option<AccessLog>, Failure> {
        let format = self.log_format.into();
        let log = match &self.log_file {
            Some(path) => {
                let file = LogFile::open(path).map_err(|error| cannot_write(path, &error))?;
                file.reopen_on_signal()
                    .and_then(|()| AccessLog::new(file, format))
            }
            None if quiet => return Ok(None),
            None => AccessLog::new(io::stderr(), format),
        };
        log.map(Some).map_err(|error| super::cannot_start(&error))
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

/// A file that is appended to, and that can be exchanged for another of the same name. Its clones are the same file.
#[derive(Clone)]
struct LogFile {
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

    fn reopen_on_signal(&self) -> io::Result<()> {
        let mut signals = Signals::new([SIGUSR1])?;
        let log = self.clone();
        std::thread::Builder::new()
            .name("log-rotation".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                for _ in signals.forever() {
                    log.reopen();
                }
            })?;
        Ok(())
    }

    /// Goes on with the file that has the name now. If there can't be one, the old one is better than none.
    fn reopen(&self) {
        let path = self.path.display();
        match append_to(&self.path) {
            Ok(file) => *self.lock() = file,
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
    // Lines name visitors and what they asked for, which is nothing for every user of the machine to read.
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
