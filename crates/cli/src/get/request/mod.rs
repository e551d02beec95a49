//! What goes on the wire: from the command line to a request.
//!
//! | module | question it answers |
//! |---|---|
//! | `address` | Which URL is meant? |
//! | `spec` | Which method, target, fields and content does the request have? |
//! | `fields` | Which fields does it have, in which order? |
//! | `referer` | Which URL led here? |
//! | `secrets`, `netrc` | As which user, with which password or token? |
//! | `cookies` | Which cookies are sent, and where are they kept? |
//! | `range`, `conditions`, `dates` | Which part, and on which condition? |
//! | `content` | What is sent with it? |
//! | `data` | What do `-d` and its like send? |
//! | `multipart`, `form_grammar`, `encoder` | What does `-F` send? |

pub(super) mod address;
pub(super) mod conditions;
pub(super) mod content;
#[cfg(feature = "cookies")]
pub(super) mod cookies;
pub(super) mod data;
pub(super) mod dates;
pub(super) mod encoder;
pub(super) mod fields;
pub(super) mod form_grammar;
pub(super) mod multipart;
pub(super) mod netrc;
pub(super) mod range;
pub(super) mod referer;
pub(super) mod secrets;
pub(super) mod spec;
