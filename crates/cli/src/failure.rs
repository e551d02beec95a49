//! How the program says that something went wrong: two plain lines and an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

/// What failed and why, and what to try.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    hint: String,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure {
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// Writes both lines to stderr.
    pub(crate) fn report(&self) -> ExitCode {
        // If stderr is gone there is nobody to tell.
        let _ = writeln!(io::stderr(), "tinyhttp: {}\n  {}", self.what, self.hint);
        ExitCode::FAILURE
    }
}
