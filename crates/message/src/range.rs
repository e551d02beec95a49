//! Range requests (RFC 9110 §14): which bytes a `Range` field selects, and how a response labels
//! them.
//!
//! # Theory
//!
//! A set of ranges in the unit `bytes` is resolved against the length of the selected
//! representation:
//!
//! | `Range` | selects of 10,000 bytes |
//! |---|---|
//! | `bytes=0-499` | the first 500 |
//! | `bytes=9500-` | all from 9500 on |
//! | `bytes=-500` | the last 500 |
//! | `bytes=0-0,-1` | the first and the last, in two parts |
//! | `bytes=10000-` | none: 416, with `Content-Range: bytes */10000` |
//!
//! The result is the whole representation (200), as if the field were absent; parts of it (206); or
//! none (416). One part is sent as it is under [`ContentRange`], several as `multipart/byteranges`
//! ([`MultipartByteranges`]).
//!
//! **When the field is ignored.** A unit other than `bytes` must be (§14.2). A malformed set may be
//! ignored or refused (§14.2); it is ignored, because the whole representation is a correct
//! response to every GET, and a client that can read a 206 can read a 200. One malformed range
//! makes the set malformed (§14.1.1). Positions beyond 2⁶⁴ are not malformed: they saturate, and so
//! are past the end.
//!
//! **The cost of a set is bounded.** At most [`MAX_RANGES`] ranges are read. Ranges that overlap,
//! touch, or lie less than [`PART_OVERHEAD`] bytes apart are sent as one part (§15.3.7.2), so no
//! byte is sent twice, and a gap that is sent costs about what the head of another part would. If
//! more than [`MAX_PARTS`] remain, the field is ignored. Parts keep the order in which the client
//! named them, each in the place of the earliest range it covers.
//!
//! **Empty representations** have no byte to point at. `bytes=-5` is satisfiable by definition
//! (§14.1.2), and `bytes=0-` selects all of it, but no `Content-Range` can express that: the
//! response is the whole, empty, representation. `bytes=1-` is unsatisfiable.
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::range::{ContentRange, Parts, Resolved, resolve};
//!
//! let Resolved::Partial(Parts::One(range)) = resolve(b"bytes=9500-", 10_000) else { panic!() };
//! assert_eq!((range.first(), range.last(), range.length()), (9500, 9999, 500));
//!
//! let content_range = ContentRange::Satisfied { range, complete_length: Some(10_000) };
//! assert_eq!(content_range.to_string(), "bytes 9500-9999/10000");
//! assert_eq!(ContentRange::parse(b"bytes 9500-9999/10000"), Some(content_range));
//!
//! assert_eq!(resolve(b"bytes=10000-", 10_000), Resolved::Unsatisfiable);
//! assert_eq!(resolve(b"lines=1-2", 10_000), Resolved::Whole);
//! ```

mod byte_range;
mod content_range;
mod multipart;
mod resolve;
#[cfg(test)]
mod tests;

pub use byte_range::ByteRange;
pub use content_range::ContentRange;
pub use multipart::{Boundary, MultipartByteranges, Part};
pub use resolve::{MAX_PARTS, MAX_RANGES, PART_OVERHEAD, Parts, Resolved, resolve};
