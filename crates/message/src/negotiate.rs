//! Proactive negotiation (RFC 9110 §12): which content coding and which media type suit the client best.
//!
//! `Accept-Encoding` and `Accept` are lists whose members carry a weight, `q`, from 0 (not acceptable) to 1 in steps of a
//! thousandth; a member without one weighs 1 (§12.4.2). The server knows what it can offer, and takes what weighs most; among
//! equals, its own order decides.
//!
//! **Codings** ([`AcceptEncoding`], §12.5.3). `*` stands for every coding not named. `identity`, the representation as it is, is
//! acceptable unless `identity;q=0` or `*;q=0` excludes it, but a coding that the client did name is preferred to an `identity`
//! that it didn't. An empty field wants no coding; without the field any is acceptable, but only `identity` sure to be
//! understood.
//!
//! **Media types** ([`Accept`], §12.5.1). Of the ranges that match a type the most specific gives its weight:
//! `text/html;level=1` before `text/html` before `text/*` before `*/*`.
//!
//! If nothing on offer is acceptable, both choose `None`. The server may then answer 406, or send what it has as though the
//! field weren't there (§12.4.1), which serves people better.
//!
//! A malformed member, a malformed weight above all, is passed over and leaves the others standing; at most [`MAX_MEMBERS`] are
//! read. Of two members that say the same thing, the first counts.
//!
//! ```
//! use tinyhttp_message::negotiate::{Accept, AcceptEncoding, Coding};
//!
//! let accept_encoding = AcceptEncoding::from_fields([&b"gzip, deflate, br;q=0.8"[..]]);
//! assert_eq!(accept_encoding.choose(&[Coding::Br, Coding::Gzip, Coding::Identity]), Some(Coding::Gzip));
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
