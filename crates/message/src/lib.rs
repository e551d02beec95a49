//! The HTTP/1.1 message (RFC 9110, RFC 9112).

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod conditional;
pub mod date;
pub mod negotiate;
pub mod range;
