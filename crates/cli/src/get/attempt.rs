//! How an attempt ends, and whether it is retried.

use super::args::Args;
use super::connection::seconds;
use super::output::progress::Bar;
use crate::failure::Failure;
use http::{HeaderMap, StatusCode};
use std::time::{Duration, Instant};
use tinyhttp_client::{Error, Response, RetryPolicy, Timeout, retry};

/// How an attempt ended that settles the fetch. The other ones end with an [`AttemptError`], which
/// may be retried.
#[derive(Debug)]
pub(super) enum Attempt {
    /// The response was shown or saved.
    Done,
    /// The response is final and counts as a failure: a status code that -f rejects, a checksum
    /// that differs.
    Failed(Failure),
}

impl Attempt {
    pub(super) fn into_result(self) -> Result<(), Failure> {
        match self {
            Attempt::Done => Ok(()),
            Attempt::Failed(failure) => Err(failure),
        }
    }
}

impl From<Result<(), Failure>> for Attempt {
    fn from(result: Result<(), Failure>) -> Self {
        result.map_or_else(Attempt::Failed, |()| Attempt::Done)
    }
}

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum AttemptError {
    /// The network, or what came over it.
    Error(Error),
    /// A response that may be another one later.
    Status {
        status: StatusCode,
        reason: String,
        fields: Box<HeaderMap>,
    },
    /// The response is not the rest of what has been received.
    Mismatch,
    /// The file changed on the server while its segments were fetched.
    Changed,
    /// The content ended in good order, but before the length that was announced.
    Short { received: u64, announced: u64 },
    /// Something on this side.
    Failure(Failure),
}

impl AttemptError {
    /// The response's, if its status code is one that may pass.
    pub(super) fn of(response: &Response) -> Option<Self> {
        retry::is_transient(response.status()).then(|| AttemptError::Status {
            status: response.status(),
            reason: response.reason().to_owned(),
            fields: Box::new(response.fields().clone()),
        })
    }

    /// The wait before a retry; `None`: no retry. `failed` attempts in a row have been retried.
    fn wait(&self, policy: &RetryPolicy, failed: u32) -> Option<Duration> {
        match self {
            AttemptError::Error(error) => policy.after_error(error, failed),
            AttemptError::Status { status, fields, .. } => {
                policy.after_response(*status, fields, failed)
            }
            // The next request differs, so that there is no reason to wait.
            AttemptError::Mismatch => policy.wait(failed).map(|_| Duration::ZERO),
            AttemptError::Short { .. } => policy.wait(failed),
            AttemptError::Failure(_) | AttemptError::Changed => None,
        }
    }

    /// Whether `-m` has run out. Only `--retry-all-errors` retries after that.
    fn is_out_of_time(&self) -> bool {
        let total = Timeout::Total;
        matches!(self, AttemptError::Error(Error::Timeout { timeout, .. }) if *timeout == total)
    }

    /// The error to report if `flag` does not allow the wait before a retry.
    fn without_wait(self, wait: Duration, flag: &str) -> Self {
        let AttemptError::Status { status, reason, .. } = &self else {
            return self;
        };
        let wait = wait.as_secs_f64();
        bad_status(*status, reason)
            .hint(format!(
                "a retry was due in {wait:.1} s, later than {flag} allows"
            ))
            .into()
    }

    pub(super) fn into_failure(self) -> Failure {
        match self {
            AttemptError::Error(error) => error.into(),
            AttemptError::Status { status, reason, .. } => bad_status(status, &reason),
            AttemptError::Mismatch => {
                Failure::with_code(33, "the server did not send the rest of this version")
                    .hint("download it anew, without -C")
            }
            AttemptError::Changed => {
                Failure::with_code(33, "the file changed while it was downloaded")
                    .hint("download it again, without --parallel-segments")
            }
            AttemptError::Short {
                received,
                announced,
            } => Failure::with_code(
                18,
                format!("the server sent {received} of {announced} bytes"),
            ),
            AttemptError::Failure(failure) => failure,
        }
    }
}

/// What -f makes of a response.
pub(super) fn bad_status(status: StatusCode, reason: &str) -> Failure {
    Failure::with_code(
        22,
        format!("the server responded with {} {reason}", status.as_u16()),
    )
}

/// What -C makes of a response that is an error.
pub(super) fn not_the_rest(status: StatusCode, reason: &str) -> Failure {
    let what = format!(
        "the server responded with {} {reason}, not with the rest",
        status.as_u16()
    );
    Failure::with_code(33, what).hint("ask for the whole, without -C, to see the response")
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        AttemptError::Error(error)
    }
}

impl From<Failure> for AttemptError {
    fn from(failure: Failure) -> Self {
        AttemptError::Failure(failure)
    }
}

/// How often to retry, and after which delay.
pub(super) struct Persistence {
    /// How many attempts in a row may fail; `None` without `--retry`.
    asked: Option<u32>,
    policy: RetryPolicy,
    /// The limit set by `-m`: no wait exceeds it.
    limit: Option<Duration>,
    /// The end of `limit`, counted from the first attempt.
    limit_ends: Option<Instant>,
    until: Option<Instant>,
    is_quiet: bool,
    failed: u32,
}

/// The wait before the first retry, which doubles, and the longest wait, as in curl.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The longest wait that Retry-After leads to: six hours, as in curl.
const LONGEST_ASKED: Duration = Duration::from_secs(6 * 3600);

/// Upper bound on --retry-delay: a day.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 3600);

/// Retries of an interrupted download without `--retry`.
const UNASKED: u32 = 3;

impl Persistence {
    pub(super) fn new(args: &Args) -> Self {
        let download = &args.download;
        let limit = args.connection.max_time.and_then(seconds);
        let delay = download.retry_delay.and_then(delay);
        let policy = RetryPolicy::new(0)
            .waits(delay.unwrap_or(FIRST_WAIT), delay.unwrap_or(LONGEST_WAIT))
            .longest_asked(LONGEST_ASKED)
            .jitter(false)
            .any_error(download.retry_all_errors);
        Persistence {
            asked: download.retry,
            policy,
            limit,
            limit_ends: limit.and_then(from_now),
            until: download.retry_max_time.and_then(seconds).and_then(from_now),
            is_quiet: args.output.silent,
            failed: 0,
        }
    }

    /// Whether retries are made although no number of them was asked for.
    pub(super) fn is_unasked(&self) -> bool {
        self.asked.is_none()
    }

    /// Whether a response with a transient error is retried rather than shown.
    pub(super) fn has_more(&self) -> bool {
        self.failed < self.asked.unwrap_or(0)
    }

    /// Resets the count of failures in a row, since bytes have been received.
    pub(super) fn has_progressed(&mut self) {
        self.failed = 0;
    }

    /// Waits before a retry and returns the failure that it follows; returns the error if there is
    /// no retry. `was_interrupted`: a download to a file stopped after it had begun, which is
    /// retried without --retry.
    pub(super) fn wait_for_retry(
        &mut self,
        error: AttemptError,
        was_interrupted: bool,
        bar: &Bar,
    ) -> Result<Failure, AttemptError> {
        let limit = match self.asked {
            Some(limit) => limit,
            None if was_interrupted && !error.is_out_of_time() => UNASKED,
            None => 0,
        };
        let policy = self.policy.clone().retries(limit);
        let Some(wait) = error.wait(&policy, self.failed) else {
            return Err(error);
        };
        if error.is_out_of_time() {
            // Each retry that --retry asks for has its own -m, as in curl.
            self.limit_ends = self.limit.and_then(from_now);
        }
        let is_within = |end: Option<Instant>| {
            // A time that the clock can't count lies after every end.
            end.is_none_or(|end| from_now(wait).is_some_and(|then| then <= end))
        };
        if !is_within(self.until) {
            return Err(error.without_wait(wait, "--retry-max-time"));
        }
        if !is_within(self.limit_ends) {
            return Err(error.without_wait(wait, "-m"));
        }
        self.failed += 1;
        let failure = error.into_failure();
        if !self.is_quiet {
            bar.note(&format!(
                "{}; trying again in {:.1} s ({} of {limit})",
                failure.what(),
                wait.as_secs_f64(),
                self.failed
            ));
        }
        std::thread::sleep(wait);
        Ok(failure)
    }
}

/// The time after a wait, if the clock can count it.
fn from_now(wait: Duration) -> Option<Instant> {
    Instant::now().checked_add(wait)
}

/// A delay between attempts; unlike a limit it is never endless.
fn delay(given: f64) -> Option<Duration> {
    (given > 0.0).then(|| seconds(given).map_or(LONGEST_DELAY, |delay| delay.min(LONGEST_DELAY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_capped() {
        let table = [
            (0.5, Some(0.5)),
            (0.0, None),
            (-1.0, None),
            (f64::NAN, None),
            (1e19, Some(86_400.0)),
            (1e300, Some(86_400.0)),
            (f64::INFINITY, Some(86_400.0)),
        ];
        for (given, want) in table {
            assert_eq!(
                delay(given).map(|delay| delay.as_secs_f64()),
                want,
                "{given}"
            );
        }
    }
}
