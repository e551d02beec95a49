//! How the program says that something went wrong: two plain lines and an exit code.

use crate::visible::visible;
use std::io::{self, Write};
use std::process::ExitCode;

/// What failed and why, and what to try.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// Empty where there is nobody who wants to know.
    what: String,
    /// Empty where there is nothing to be done.
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

    /// A failure that has an exit code of its own.
    pub(crate) fn with_code(code: u8, what: impl Into<String>) -> Self {
        Failure {
            code,
            ..Failure::new(what, "")
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// What failed, without the hint.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// What to try; empty where there is nothing to be done.
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
        // If stderr is gone there is nobody to tell.
        let _ = io::stderr().write_all(lines.as_bytes());
        ExitCode::from(self.code)
    }
}
