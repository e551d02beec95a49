//! Conditional requests: entity tags (RFC 9110 §8.8.3) and the `If-*` fields (§13).
//!
//! # Theory
//!
//! A representation has up to two *validators*: an entity tag, which identifies its bytes, and the
//! date of their last change. A client that holds a copy sends a validator back in one of five
//! fields, and so makes its request depend on the current state:
//!
//! | field | the method is performed only if the representation | else |
//! |---|---|---|
//! | `If-Match` | is one of these (tags compared strongly) | 412 |
//! | `If-Unmodified-Since` | has not changed since; ignored beside `If-Match` | 412 |
//! | `If-None-Match` | is none of these (tags compared weakly) | 304; 412 if not GET or HEAD |
//! | `If-Modified-Since` | has changed since; GET and HEAD; ignored beside `If-None-Match` | 304 |
//! | `If-Range` | is this one (exactly, and strongly): otherwise `Range` is ignored | 200 |
//!
//! [`Preconditions::evaluate`] decides the first four in the order of §13.2.2,
//! [`Preconditions::if_range`] the fifth. They are evaluated only for a request that would
//! otherwise succeed: a 404 stays a 404, and OPTIONS, CONNECT and TRACE have no preconditions
//! (§13.2.1).
//!
//! **Malformed input.** A member of a tag list that is not an entity tag (unquoted, unterminated,
//! with a space inside) matches nothing, and the other members count; members are separated at
//! commas outside quotes, line by line. `*` counts if the field holds nothing else. A date that
//! doesn't parse, or several of them, is no condition (§13.1.3, §13.1.4); an `If-Range` that
//! doesn't parse is false, since the whole representation is always a correct response.
//!
//! **Dates have a resolution of one second.** A file written twice in one second has one
//! `Last-Modified` and two contents, so a date is a *strong* validator only once its second is over
//! (§8.8.2.2): then no later change can share it. A client must have received a `Date` later than
//! the `Last-Modified` for the same reason. A date in the future would be worse, as it would stay
//! while the file changes; the present replaces it ([`last_modified`]).
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::conditional::{EntityTag, Outcome, Preconditions, Validators};
//! use tinyhttp_message::date::HttpDate;
//! use http::Method;
//!
//! let now = HttpDate::from_unix_seconds(1_750_000_000);
//! let modified = HttpDate::from_unix_seconds(1_700_000_000);
//! let current = Validators::new(EntityTag::parse(br#""v2""#), Some(modified), now);
//!
//! let fields = [("Host", &b"a.example"[..]), ("If-None-Match", br#""v1", W/"v2""#)];
//! let preconditions = Preconditions::from_fields(fields);
//! let outcome = |method, current| preconditions.evaluate(method, current, now);
//! assert_eq!(outcome(&Method::GET, Some(&current)), Outcome::NotModified);
//! assert_eq!(outcome(&Method::PUT, Some(&current)), Outcome::PreconditionFailed);
//! assert_eq!(outcome(&Method::PUT, None), Outcome::Proceed);
//! ```

mod entity_tag;
mod preconditions;
#[cfg(test)]
mod tests;
mod validators;

pub use entity_tag::EntityTag;
pub use preconditions::{Outcome, Preconditions};
pub use validators::{Validators, last_modified};
