//! A failure of a command: what failed, what to try, and the exit code.

use crate::visible::visible;
use std::io::{self, Write};
use std::process::ExitCode;

/// What failed and why, a hint, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// Empty if nothing is to be printed.
    what: String,
    /// Empty if there is nothing to try.
    hint: String,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure {
            code: 1,
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// Makes a failure with an exit code other than 1.
    pub(crate) fn with_code(code: u8, what: impl Into<String>) -> Self {
        Failure {
            code,
            ..Failure::new(what, "")
        }
    }

    /// Makes the failure of a server that can't start.
    #[cfg(feature = "serve")]
    pub(crate) fn cannot_start(error: &io::Error) -> Self {
        Failure::new(
            format!("can't start the server: {error}"),
            "close other programs, or raise the limits (ulimit -a)",
        )
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Returns what failed, without the hint.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Returns what to try; empty if there is nothing.
    pub(crate) fn hint_text(&self) -> &str {
        &self.hint
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Writes both lines to stderr.
    pub(crate) fn report(&self) -> ExitCode {
        let mut lines = String::new();
        if !self.what.is_empty() {
            lines = format!("tinyhttp: {}\n", visible(&self.what));
        }
        if !self.hint.is_empty() {
            lines += &format!("  {}\n", visible(&self.hint));
        }
        // Without stderr there is no other place to report this.
        let _ = io::stderr().write_all(lines.as_bytes());
        ExitCode::from(self.code)
    }
}
