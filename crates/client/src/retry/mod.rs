//! Retries: which failures are transient, how long to wait, and how a download resumes where it
//! stopped without ever joining two versions.
//!
//! A download resumes like this (RFC 9110 §13.1.5, §14):
//!
//! ```text
//! GET /file                    200  ETag: "v1"   … 3,000 of 9,000 bytes, and the connection breaks
//! GET /file                    206  ETag: "v1"   the rest: append it
//!   Range: bytes=3000-         200  ETag: "v2"   another version, whole: restart
//!   If-Range: "v1"             416               nothing is there: it was complete, or has shrunk
//! ```
//!
//! [`continuation`] is that judgement:
//!
//! ```
//! use http::{HeaderMap, StatusCode, header};
//! use tinyhttp_client::retry::{Continuation, Validator, continuation};
//!
//! let mut fields = HeaderMap::new();
//! fields.insert(header::ETAG, "\"v1\"".parse().unwrap());
//! let version = Validator::of(&fields).unwrap();
//!
//! fields.insert(header::CONTENT_RANGE, "bytes 3000-8999/9000".parse().unwrap());
//! let rest = continuation(StatusCode::PARTIAL_CONTENT, &fields, 3000, None, Some(&version));
//! assert_eq!(rest, Continuation::Append { total: Some(9000) });
//! let whole = continuation(StatusCode::OK, &fields, 3000, None, Some(&version));
//! assert_eq!(whole, Continuation::Restart);
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `policy` | when a client retries by itself |
//! | `waits` | `Retry-After` |
//! | `validator` | what identifies a version |
//! | `continuation` | the judgement on a response to a request for the rest |

mod continuation;
mod policy;
mod validator;
mod waits;

pub use crate::coding::list as coding;
pub use crate::error::is_transient;
pub use continuation::{Continuation, continuation};
pub use policy::RetryPolicy;
pub use validator::Validator;
pub use waits::retry_after;

/// The fields of a response, for the tests of this folder.
#[cfg(test)]
fn fields(lines: &str) -> http::HeaderMap {
    let lines = table::fields(lines);
    lines
        .map(|(name, value)| {
            (
                name.parse::<http::HeaderName>().unwrap(),
                value.parse().unwrap(),
            )
        })
        .collect()
}
