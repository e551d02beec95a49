//! When a request is sent again after an attempt has failed (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
//!
//! A connection that is kept idle may be closed by the upstream at any time, also in the moment in
//! which a request is sent on it. Such a request must not become a 502. It may be sent again if
//! nothing of it has been sent, or if its method is idempotent and no byte of a response has come.
//! Requests for which neither holds after a failure go on a new connection from the start, where
//! that failure does not happen.

use http::Method;

/// Content up to this length is kept until the response begins, so that it can be sent again.
pub(crate) const REPLAY: u64 = 64 * 1024;

/// Attempts at one request.
pub(crate) const ATTEMPTS: u8 = 4;

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    /// Some of the request has been sent.
    pub(crate) has_sent: bool,
    /// Some of the response has come.
    pub(crate) has_received: bool,
    /// Content has been taken from the client that can't be sent again.
    pub(crate) has_lost_content: bool,
}

/// Whether sending a request twice has the effect of sending it once (RFC 9110 §9.2.2).
pub(crate) fn is_idempotent(method: &Method) -> bool {
    method.is_idempotent()
}

/// Whether a request may go on an idle connection, which may turn out to be closed: it can be sent
/// again then. `may_repeat` is whether its content can be sent again.
pub(crate) fn may_reuse(method: &Method, may_repeat: bool) -> bool {
    is_idempotent(method) && may_repeat
}

/// Whether a request may be sent again after its attempt number `attempt`, counted from one, has
/// failed.
pub(crate) fn may_retry(method: &Method, outcome: Outcome, attempt: u8) -> bool {
    attempt < ATTEMPTS
        && !outcome.has_received
        && !outcome.has_lost_content
        && (!outcome.has_sent || is_idempotent(method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_are_sent_again() {
        // Method, sent, received, lost, attempt, expected.
        let table = [
            ("GET", false, false, false, 1, true),
            ("GET", true, false, false, 1, true),
            ("GET", true, false, false, 3, true),
            ("GET", true, false, false, 4, false),
            ("GET", true, true, false, 1, false),
            ("PUT", true, false, false, 1, true),
            ("PUT", true, false, true, 1, false),
            ("POST", false, false, false, 1, true),
            ("POST", true, false, false, 1, false),
            ("PATCH", true, false, false, 1, false),
            ("LOCK", true, false, false, 1, false),
            ("POST", false, false, true, 1, false),
        ];
        for (method, has_sent, has_received, has_lost_content, attempt, expected) in table {
            let outcome = Outcome {
                has_sent,
                has_received,
                has_lost_content,
            };
            let method: Method = method.parse().unwrap();
            assert_eq!(
                may_retry(&method, outcome, attempt),
                expected,
                "{method} {outcome:?} {attempt}"
            );
        }
    }

    #[test]
    fn requests_that_go_on_an_idle_connection() {
        let table = [
            ("GET", true, true),
            ("PUT", true, true),
            ("PUT", false, false),
            ("DELETE", true, true),
            ("POST", true, false),
            ("POST", false, false),
            ("PATCH", true, false),
        ];
        for (method, may_repeat, expected) in table {
            let method: Method = method.parse().unwrap();
            assert_eq!(
                may_reuse(&method, may_repeat),
                expected,
                "{method} {may_repeat}"
            );
        }
    }
}
