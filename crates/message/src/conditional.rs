//! Conditional requests: entity tags (RFC 9110 §8.8.3) and the `If-*` fields (§13), pure.
//!
//! A representation has up to two *validators*: an entity tag, which names its bytes, and the date they last changed. A client
//! that holds a copy sends a validator back in one of five fields, and so makes its request depend on what is there now:
//!
//! | field | says | else |
//! |---|---|---|
//! | `If-Match` | go on only if it is still one of these (tags compared strongly) | 412 |
//! | `If-Unmodified-Since` | the same by date; ignored beside `If-Match` | 412 |
//! | `If-None-Match` | go on only if it is none of these (tags compared weakly) | 304, or 412 if not GET or HEAD |
//! | `If-Modified-Since` | the same by date, for GET and HEAD; ignored beside `If-None-Match` | 304 |
//! | `If-Range` | apply `Range` only if it is still this one (exactly, and strongly) | the whole representation |
//!
//! [`Preconditions::evaluate`] climbs the first four in the order of §13.2.2, [`Preconditions::if_range`] is the fifth. They are
//! asked only about a request that would otherwise succeed: a 404 stays a 404, and OPTIONS, CONNECT and TRACE know no
//! preconditions (§13.2.1).
//!
//! **Malformed input.** A member of a tag list that isn't an entity tag (unquoted, unterminated, a space inside) matches nothing
//! and leaves the other members standing; members are told apart first, at commas outside quotes, each line by itself. `*`
//! counts if the field holds nothing else. A date that doesn't parse, or several of them, is no condition at all (§13.1.3,
//! §13.1.4); an `If-Range` that doesn't parse is one that fails, since the whole representation is always right.
//!
//! **Dates have one-second resolution.** A file that is written twice in one second has one `Last-Modified` and two contents, so a
//! date counts as a *strong* validator only once its second is over (§8.8.2.2): no later change can share it then. A client must
//! have seen a `Date` later than the `Last-Modified` for the same reason. A date after the present would be worse still, as
//! it would stay put while the file changes; it is replaced by the present ([`last_modified`]).
//!
//! ```
//! use tinyhttp_message::conditional::{EntityTag, Outcome, Preconditions, Validators};
//! use tinyhttp_message::date::HttpDate;
//! use http::Method;
//!
//! let now = HttpDate::from_unix_seconds(1_750_000_000);
//! let mtime = HttpDate::from_unix_seconds(1_700_000_000);
//! let current = Validators::new(EntityTag::parse(br#""v2""#), Some(mtime), now);
//!
//! let fields = [("Host", &b"a.example"[..]), ("If-None-Match", br#""v1", W/"v2""#)];
//! let preconditions = Preconditions::from_fields(fields);
//! assert_eq!(preconditions.evaluate(&Method::GET, Some(&current), now), Outcome::NotModified);
//! assert_eq!(preconditions.evaluate(&Method::PUT, Some(&current), now), Outcome::PreconditionFailed);
//! assert_eq!(preconditions.evaluate(&Method::PUT, None, now), Outcome::Proceed);
//! ```

mod entity_tag;
mod preconditions;
#[cfg(test)]
mod tests;
mod validators;

pub use entity_tag::EntityTag;
pub use preconditions::{Outcome, Preconditions};
pub use validators::{Validators, last_modified};
