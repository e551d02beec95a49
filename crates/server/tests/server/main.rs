//! The server's public interface over real sockets.
//!
//! | module | holds |
//! |---|---|
//! | `handlers` | what handlers read and send, that they may block, and that they may panic |
//! | `clients` | what slow or careless clients may cost |
//! | `eviction` | which connection gives its place to a newcomer |
//! | `life` | deadlines, the access log, shutdown |
//! | `endings` | what the access log says about how a response ended |
//! | `watched` | each report of the poller is acted on, however bytes arrive |
//! | `archives`, `unpack` | what other programs find in archives of random trees |
//! | `parked` | slow uploads and silent streams, which hold no thread |
//! | `wrapped` | slow uploads to closures behind other handlers, which hold no thread either |
//! | `secured` | all of it over HTTPS |
//! | `certificates` | names, schemes, and certificates of servers and clients |
//! | `handshakes` | clients that break the rules of TLS, or stop in the middle |
//! | `challenges` | answers to an ACME server that verifies names |
//! | `tls_support` | a client that speaks TLS |
//! | `hints` | early hints |
//! | `trailers` | trailer fields |
//! | `switched` | switches of protocols, and content that closures write |
//! | `programs` | typical programs, and their lines beside axum's |
//! | `tasks` | the tasks of docs/from-other-libraries.md, compiled |
//! | `gateway` | requests that upstream servers respond to |
//! | `support` | a server that ends with its test, clients, and handlers |

#![cfg(test)]

mod archives;
#[cfg(feature = "tls")]
mod certificates;
#[cfg(feature = "tls")]
mod challenges;
mod clients;
mod endings;
mod eviction;
#[cfg(feature = "gateway")]
mod gateway;
mod handlers;
mod hints;
mod life;
#[cfg(feature = "tls")]
mod handshakes;
mod parked;
#[cfg(all(feature = "json", feature = "websocket"))]
mod programs;
#[cfg(feature = "json")]
#[allow(
    dead_code,
    elided_lifetimes_in_paths,
    reason = "it is compiled, not run, and has the lines of a document"
)]
mod tasks;
#[cfg(feature = "tls")]
mod secured;
mod support;
#[cfg(feature = "tls")]
mod tls_support;
mod trailers;
mod switched;
mod unpack;
mod watched;
mod wrapped;
