//! What standards, advisories and other servers say about the same bytes.
//!
//! | module | holds |
//! |---|---|
//! | `wire` | raw bytes to the server: refusals, pipelining, keep-alive, half-closed clients |
//! | `rfc9110` | the MUSTs of RFC 9110, section by section |
//! | `rfc9112` | the MUSTs of RFC 9112, section by section |
//! | `advisories` | advisories of other servers, each lesson a test |
//! | `differential` | the same bytes to tinyhttp, nginx, lighttpd, h2o and a strict reader |

#![cfg(test)]

mod advisories;
mod differential;
mod rfc9110;
mod rfc9112;
mod wire;
