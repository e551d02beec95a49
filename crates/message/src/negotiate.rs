//! Proactive negotiation (RFC 9110 §12): the content coding and the media type that a client
//! prefers.
//!
//! # Theory
//!
//! `Accept-Encoding` and `Accept` are lists whose members have a weight, `q`, from 0 (not
//! acceptable) to 1 in steps of a thousandth; a member without one has the weight 1 (§12.4.2). The
//! server chooses the heaviest of what it can offer; among equals, its own order decides.
//!
//! **Codings** ([`AcceptEncoding`], §12.5.3). `*` stands for every coding that is not named.
//! `identity`, the representation as it is, is acceptable unless `identity;q=0` or `*;q=0` excludes
//! it, but a coding that the client names is preferred to an `identity` that it does not. An empty
//! field accepts no coding; without the field every coding is acceptable, but only `identity` is
//! sure to be understood.
//!
//! **Media types** ([`Accept`], §12.5.1). The most specific of the ranges that match a type gives
//! its weight: `text/html;level=1` before `text/html` before `text/*` before `*/*`.
//!
//! If nothing on offer is acceptable, both choose `None`. The server may then respond with 406, or
//! send what it has as if the field were absent (§12.4.1), which is more useful to people.
//!
//! A malformed member, above all a malformed weight, is skipped, and the other members count; at
//! most [`MAX_MEMBERS`] are read. Of two members with the same name, the first counts.
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::negotiate::{Accept, AcceptEncoding, Coding};
//!
//! let accept_encoding = AcceptEncoding::from_fields([&b"gzip, deflate, br;q=0.8"[..]]);
//! let available = [Coding::Br, Coding::Gzip, Coding::Identity];
//! assert_eq!(accept_encoding.choose(&available), Some(Coding::Gzip));
//!
//! let accept = Accept::from_fields([&b"application/json, */*;q=0.1"[..]]);
//! assert_eq!(accept.choose(&["text/html", "application/json"]), Some("application/json"));
//! ```

mod accept;
mod accept_encoding;
mod coding;
mod list;
mod quality;

pub use accept::Accept;
pub use accept_encoding::AcceptEncoding;
pub use coding::Coding;
pub use list::MAX_MEMBERS;
pub use quality::Quality;
