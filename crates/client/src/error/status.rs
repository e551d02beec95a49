//! Status codes that a retry may change.

use http::StatusCode;

/// Whether the response to the same request may have another status code a little later: 408, 429,
/// 500, 502, 503 and 504.
#[must_use]
pub fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}
