//! What can go wrong with a try, and whether there is another one.

use super::args::DownloadArgs;
use super::connection::seconds;
use super::progress::Bar;
use crate::failure::Failure;
use http::StatusCode;
use std::time::{Duration, Instant};
use tinyhttp_client::{Error, HttpDate, Response, Timeout, retry};

/// Why a try came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The network, or what came over it.
    Error(Error),
    /// A response that may be another one later.
    Status {
        status: StatusCode,
        reason: String,
        /// What Retry-After says.
        wait: Option<Duration>,
    },
    /// What is there can't be gone on with.
    Mismatch,
    /// Something on this side.
    Failure(Failure),
}

impl Trouble {
    /// The response's, if its status code is one that may pass.
    pub(super) fn of(response: &Response) -> Option<Self> {
        let now = HttpDate::from(std::time::SystemTime::now());
        retry::may_pass(response.status()).then(|| Trouble::Status {
            status: response.status(),
            reason: response.reason().to_owned(),
            wait: retry::retry_after(response.fields(), now),
        })
    }

    fn may_pass(&self) -> bool {
        match self {
            Trouble::Error(error) => error.may_pass(),
            Trouble::Status { .. } | Trouble::Mismatch => true,
            Trouble::Failure(_) => false,
        }
    }

    /// `-m` has run out: nobody wants to wait longer, unless they say so.
    fn is_out_of_time(&self) -> bool {
        let total = Timeout::Total;
        matches!(self, Trouble::Error(Error::Timeout { timeout, .. }) if *timeout == total)
    }

    pub(super) fn into_failure(self) -> Failure {
        match self {
            Trouble::Error(error) => error.into(),
            Trouble::Status { status, reason, .. } => bad_status(status, &reason),
            Trouble::Mismatch => {
                Failure::with_code(33, "the server did not send the rest of this version")
                    .hint("download it anew, without -C")
            }
            Trouble::Failure(failure) => failure,
        }
    }
}

/// What -f makes of a response.
pub(super) fn bad_status(status: StatusCode, reason: &str) -> Failure {
    Failure::with_code(
        22,
        format!("the server answered {} {reason}", status.as_u16()),
    )
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Error(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Failure(failure)
    }
}

/// How often to try again, and after how long.
pub(super) struct Persistence {
    /// Tries in a row that may fail; `None`: nobody said.
    asked: Option<u32>,
    delay: Option<Duration>,
    until: Option<Instant>,
    every_error: bool,
    is_quiet: bool,
    failed: u32,
}

/// Tries for an interrupted download that nobody has said anything about.
const UNASKED: u32 = 3;

impl Persistence {
    pub(super) fn new(args: &DownloadArgs, is_quiet: bool) -> Self {
        Persistence {
            asked: args.retry,
            delay: args.retry_delay.and_then(seconds),
            until: args
                .retry_max_time
                .and_then(seconds)
                .and_then(|limit| Instant::now().checked_add(limit)),
            every_error: args.retry_all_errors,
            is_quiet,
            failed: 0,
        }
    }

    /// Whether a response that may pass is not taken for an answer.
    pub(super) fn has_more(&self) -> bool {
        self.failed < self.asked.unwrap_or(0)
    }

    /// Bytes have come: what failed before doesn't count any more.
    pub(super) fn has_progressed(&mut self) {
        self.failed = 0;
    }

    /// Waits and comes back if there is another try; gives the trouble back if there isn't. `is_resumable`: a download
    /// was interrupted and can go on.
    pub(super) fn again(
        &mut self,
        trouble: Trouble,
        is_resumable: bool,
        bar: &Bar,
    ) -> Result<(), Trouble> {
        let limit = match self.asked {
            Some(limit) => limit,
            None if is_resumable && !trouble.is_out_of_time() => UNASKED,
            None => 0,
        };
        let may_pass =
            trouble.may_pass() || self.every_error && !matches!(trouble, Trouble::Failure(_));
        if !may_pass || self.failed >= limit {
            return Err(trouble);
        }
        let asked_for = match &trouble {
            Trouble::Status { wait, .. } => *wait,
            // Nothing has to pass: it is only asked for in another way.
            Trouble::Mismatch => Some(Duration::ZERO),
            _ => None,
        };
        let wait = asked_for
            .or(self.delay)
            .unwrap_or_else(|| retry::backoff(self.failed));
        if self
            .until
            .is_some_and(|until| Instant::now() + wait > until)
        {
            return Err(trouble);
        }
        self.failed += 1;
        if !self.is_quiet {
            let failure = trouble.into_failure();
            bar.note(&format!(
                "{}; trying again in {:.1} s ({} of {limit})",
                failure.what(),
                wait.as_secs_f64(),
                self.failed
            ));
        }
        std::thread::sleep(wait);
        Ok(())
    }
}
