//! The flags of the access log: its format, and where it goes.

use clap::ValueEnum;
use std::path::{Path, PathBuf};
use tinyhttp_server::access_log::Format;

/// The flags of the access log.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    /// Format of the access log, which has one line for each request
    ///
    /// A response that was not sent whole is marked: in common and combined with the status 499
    /// (500 if the content could not be read), in json with "complete":false and a reason, in dev
    /// with a reason. A TLS handshake on the plain-HTTP port is logged with the target \x16\x03\x01
    /// and the status 400, in json also with "tls":true. Over HTTPS, json has "tls_version",
    /// "tls_cipher", "server_name" and, of a client's certificate, "client_subject".
    ///
    /// Requests that were forwarded have more fields in json, and behind the others in combined:
    /// upstream_addr, upstream_queue_time (seconds for which the request waited for a server with
    /// room, if it did), upstream_connect_time, upstream_header_time, upstream_response_time (in
    /// seconds since the request was forwarded), upstream_status and upstream_retries.
    #[arg(long, value_enum, default_value_t = LineFormat::Dev, value_name = "FORMAT", env = "TINYHTTP_LOG_FORMAT")]
    log_format: LineFormat,

    /// Append the access log to the file PATH instead of stderr, even with -q; SIGUSR1 and SIGHUP
    /// reopen it
    ///
    /// To rotate the log, move the file away and send SIGUSR1: no line is lost. Unless --no-sandbox
    /// is given, a separate process writes the file, so that the server needs no right to write.
    #[arg(long, value_name = "PATH", env = "TINYHTTP_LOG_FILE")]
    log_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LineFormat {
    /// Common Log Format
    Common,
    /// Common Log Format with Referer and User-Agent
    Combined,
    /// One JSON object per line
    Json,
    /// Short lines for a developer's terminal
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

impl LogArgs {
    /// Returns the format of the lines. In a file, each line has a date.
    pub(in crate::serve) fn format(&self) -> Format {
        match (self.log_format, &self.log_file) {
            (LineFormat::Dev, Some(_)) => Format::DatedDev,
            (format, _) => format.into(),
        }
    }

    /// Whether lines are JSON objects.
    pub(in crate::serve) fn is_json(&self) -> bool {
        matches!(self.log_format, LineFormat::Json)
    }

    /// Returns the path of the log file, if there is one.
    pub(in crate::serve) fn file(&self) -> Option<&Path> {
        self.log_file.as_deref()
    }
}
