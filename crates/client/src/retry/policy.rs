//! When a client retries a request by itself, and how long it waits before.

use super::waits;
use crate::error::{Error, is_transient};
use crate::random;
use http::{HeaderMap, StatusCode};
use std::time::{Duration, SystemTime};
use tinyhttp_message::date::HttpDate;

/// When a request is retried, and how long to wait before.
///
/// A client retries nothing by itself unless it is given a policy, except a request over a kept
/// connection that turns out to be closed. With one, it retries
///
/// - a transient error ([`Error::is_transient`]), such as a refused connection or a timeout, and
/// - a response with a transient status code: 408, 429, 500, 502, 503 or 504.
///
/// Only idempotent requests are retried (RFC 9110 §9.2.2), unless the request never reached a
/// server, and only those whose content can be read again. The waits double: 1 s, 2 s, 4 s, …, each
/// shortened at random by up to a half, so that many clients don't return at the same moment. A
/// server's `Retry-After` counts instead (§10.2.3); if it asks for more than the longest wait, the
/// response is returned. Waits end with the total timeout: a retry that would come too late is not
/// waited for. A failure while the content is read is not retried, since the caller has a part of
/// it already; the example `download` resumes.
///
/// ```
/// # use std::io::{Read, Write};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let url = format!("http://{}/", listener.local_addr()?);
/// # let server = std::thread::spawn(move || {
/// #     for head in ["503 Busy\r\nRetry-After: 0", "200 OK"] {
/// #         let (mut stream, _) = listener.accept().unwrap();
/// #         stream.read(&mut [0; 1024]).unwrap();
/// #         let fields = "Content-Length: 2\r\nConnection: close";
/// #         let response = format!("HTTP/1.1 {head}\r\n{fields}\r\n\r\nok");
/// #         stream.write_all(response.as_bytes()).unwrap();
/// #     }
/// # });
/// use std::time::Duration;
/// use tinyhttp_client::{Client, RetryPolicy};
///
/// let policy = RetryPolicy::new(3).waits(Duration::from_millis(100), Duration::from_secs(5));
/// let client = Client::builder().retry(policy).build();
/// // The first response is 503, the second one 200.
/// assert_eq!(client.get(&url).send()?.status(), 200);
/// # server.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    retries: u32,
    first_wait: Duration,
    longest_wait: Duration,
    retries_statuses: bool,
    retries_any_method: bool,
    retries_any_error: bool,
    has_jitter: bool,
    /// The longest wait that a server can ask for. `None`: if it asks for more than the longest
    /// wait, there is no retry.
    longest_asked: Option<Duration>,
}

impl RetryPolicy {
    /// A policy with at most `retries` retries after the first request; 0 retries nothing.
    #[must_use]
    pub fn new(retries: u32) -> Self {
        RetryPolicy {
            retries,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            retries_statuses: true,
            retries_any_method: false,
            retries_any_error: false,
            has_jitter: true,
            longest_asked: None,
        }
    }

    /// Sets the number of retries.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the wait before the first retry, which doubles with each further one, and the longest
    /// wait: 1 s and 60 s unless set.
    #[must_use]
    pub fn waits(mut self, first: Duration, longest: Duration) -> Self {
        self.first_wait = first;
        self.longest_wait = longest;
        self
    }

    /// Sets whether responses with transient status codes are retried; on unless set. Errors are
    /// retried in any case.
    #[must_use]
    pub fn statuses(mut self, retry: bool) -> Self {
        self.retries_statuses = retry;
        self
    }

    /// Sets whether requests with POST, PATCH and other methods that are not idempotent are
    /// retried; off unless set. Only for servers that recognise a repeated request, for instance by
    /// an `Idempotency-Key`.
    #[must_use]
    pub fn any_method(mut self, retry: bool) -> Self {
        self.retries_any_method = retry;
        self
    }

    /// Sets whether every error is retried, not only [transient](Error::is_transient) ones; off
    /// unless set.
    #[must_use]
    pub fn any_error(mut self, retry: bool) -> Self {
        self.retries_any_error = retry;
        self
    }

    /// Sets whether waits are shortened at random; on unless set.
    #[must_use]
    pub fn jitter(mut self, jitter: bool) -> Self {
        self.has_jitter = jitter;
        self
    }

    /// Sets the longest wait that a server's `Retry-After` leads to: if it asks for more, the retry
    /// comes earlier. Unless this is set, there is none if it asks for more than the longest wait.
    #[must_use]
    pub fn longest_asked(mut self, longest: Duration) -> Self {
        self.longest_asked = Some(longest);
        self
    }

    pub(crate) fn retries_any_method(&self) -> bool {
        self.retries_any_method
    }

    /// The wait before a retry after an error; `None`: no retry. `made` is the number of retries so
    /// far. A client that has this policy asks that itself; a program asks if it retries what a
    /// client doesn't, such as content that ends early.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tinyhttp_client::{Client, RetryPolicy};
    ///
    /// let second = Duration::from_secs(1);
    /// let policy = RetryPolicy::new(2).waits(second, 60 * second).jitter(false);
    /// // Nothing listens on port 1, but it may do so later.
    /// let refused = Client::new().get("http://127.0.0.1:1/").send().unwrap_err();
    /// assert_eq!(policy.after_error(&refused, 0), Some(second));
    /// assert_eq!(policy.after_error(&refused, 1), Some(2 * second));
    /// assert_eq!(policy.after_error(&refused, 2), None);
    /// let wrong = Client::new().get("gopher://127.0.0.1/").send().unwrap_err();
    /// assert_eq!(policy.after_error(&wrong, 0), None);
    /// ```
    #[must_use]
    pub fn after_error(&self, error: &Error, made: u32) -> Option<Duration> {
        let is_retried = self.retries_any_error || error.is_transient();
        self.wait(made).filter(|_| is_retried)
    }

    /// The wait before a retry after another failure that is known to be transient; `None`: no
    /// retry, as `made` retries are all there may be.
    #[must_use]
    pub fn wait(&self, made: u32) -> Option<Duration> {
        (made < self.retries).then(|| self.backoff(made))
    }

    /// The wait before a retry after a response with these fields; `None`: no retry. `made` is the
    /// number of retries so far.
    #[must_use]
    pub fn after_response(
        &self,
        status: StatusCode,
        fields: &HeaderMap,
        made: u32,
    ) -> Option<Duration> {
        if made >= self.retries || !self.retries_statuses || !is_transient(status) {
            return None;
        }
        let asked = waits::retry_after(fields, HttpDate::from(SystemTime::now()));
        match (asked, self.longest_asked) {
            (Some(asked), Some(longest)) => Some(asked.min(longest)),
            (Some(asked), None) => (asked <= self.longest_wait).then_some(asked),
            (None, _) => Some(self.backoff(made)),
        }
    }

    fn backoff(&self, made: u32) -> Duration {
        let factor = 1u32.checked_shl(made).unwrap_or(u32::MAX);
        let wait = self
            .first_wait
            .saturating_mul(factor)
            .min(self.longest_wait);
        if !self.has_jitter {
            return wait;
        }
        // From a half to the whole.
        let thousandths = 500 + (random::number() % 501) as u32;
        (wait / 1000).saturating_mul(thousandths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;
    use std::io;

    fn fields(retry_after: Option<&str>) -> HeaderMap {
        let mut fields = HeaderMap::new();
        if let Some(value) = retry_after {
            fields.insert(header::RETRY_AFTER, value.parse().unwrap());
        }
        fields
    }

    #[test]
    fn responses() {
        let policy = RetryPolicy::new(2).waits(Duration::from_secs(1), Duration::from_secs(10));
        let table = [
            (503, 0, Some("3"), Some(3)),
            (503, 0, Some("10"), Some(10)),
            (503, 0, Some("11"), None),
            (429, 1, Some("0"), Some(0)),
            (503, 2, Some("0"), None),
            (404, 0, Some("0"), None),
            (200, 0, None, None),
        ];
        for (status, made, retry_after, want) in table {
            let status = StatusCode::from_u16(status).unwrap();
            let got = policy.after_response(status, &fields(retry_after), made);
            assert_eq!(
                got.map(|wait| wait.as_secs()),
                want,
                "{status} {retry_after:?}"
            );
        }
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        let capped = policy.clone().longest_asked(Duration::from_secs(5));
        for (asked, want) in [("4", 4), ("6", 5), ("99999999999999999999", 5)] {
            let got = capped.after_response(busy, &fields(Some(asked)), 0);
            assert_eq!(got, Some(Duration::from_secs(want)), "{asked}");
        }
        let policy = policy.statuses(false);
        assert_eq!(policy.after_response(busy, &fields(None), 0), None);
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = RetryPolicy::new(100).waits(Duration::from_secs(1), Duration::from_secs(10));
        for (made, most) in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 10), (40, 10)] {
            let wait = policy.backoff(made);
            let most = Duration::from_secs(most);
            assert!(most / 2 <= wait && wait <= most, "{made}: {wait:?}");
            assert_eq!(policy.clone().jitter(false).backoff(made), most, "{made}");
        }
    }

    #[test]
    fn errors() {
        let policy = RetryPolicy::new(1);
        let lost = Error::Resolve {
            host: "h".to_owned(),
            is_proxy: false,
            elapsed: Duration::ZERO,
            source: io::Error::other("no answer"),
        };
        assert!(policy.after_error(&lost, 0).is_some());
        assert!(policy.after_error(&lost, 1).is_none());
        assert!(policy.after_error(&Error::NotText, 0).is_none());
        assert!(
            policy
                .any_error(true)
                .after_error(&Error::NotText, 0)
                .is_some()
        );
    }
}
