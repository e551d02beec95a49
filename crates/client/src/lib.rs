//! A blocking HTTP/1.1 client: resolve, connect, send, receive, keep the connection.
//!
//! No async runtime and no thread of its own (but for the system's resolver, which can't be
//! interrupted otherwise). A fetch is seven steps, and each is a module:
//!
//! | step | module |
//! |---|---|
//! | 1 the URL: which server, what to ask it for | [`Client::request`] |
//! | 2 find the server's addresses | `resolve` |
//! | 3 connect to one of them | `connect` |
//! | 4 send the request | `exchange` |
//! | 5 receive the response, follow where it points | `exchange`, `redirect` |
//! | 6 close the connection, or keep it | `pool` |
//! | 7 show the content | yours |
//!
//! Below them lie the values that all steps share: `origin`, `peer` and `zone`.
//!
//! [`trace`] says what happened when; [`Timeouts`] bound each step; [`Error`] says which one
//! failed, at which address.
//!
//! ```
//! # use std::io::{Read, Write};
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
//! # let url = format!("http://{}/", listener.local_addr().unwrap());
//! # let server = std::thread::spawn(move || {
//! #     let (mut stream, _) = listener.accept().unwrap();
//! #     stream.read(&mut [0; 1024]).unwrap();
//! #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
//! # });
//! let client = tinyhttp_client::Client::new();
//! let response = client.get(&url).send()?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.text()?, "hello");
//! # server.join().unwrap();
//! # Ok::<(), tinyhttp_client::Error>(())
//! ```
//!
//! Content is streamed in both directions: a [`Response`] is a [`Read`](std::io::Read), and a
//! [`Body`] can be made from one. A status of 400 and more is a response like any other, not an
//! error.
//!
//! # Features
//!
//! None is on unless it is asked for; what isn't needed isn't compiled.
//!
//! | feature | what it adds | what it brings |
//! |---|---|---|
//! | `tls` | `https://`, `TlsOptions` | rustls with ring, the machine's trusted certificates |
//! | `gzip` | the content codings gzip and deflate, undone while content is read | flate2 |
//! | `brotli` | the content coding br, undone while content is read | brotli-decompressor |
//! | `zstd` | the content coding zstd, undone while content is read | zstd |
//! | `cookies` | `Jar`, in Netscape's file format | psl |
//! | `json` | `RequestBuilder::json`, `Response::json` | serde, serde_json |
//! | `dns` | `StubResolver`, which asks name servers itself | simple-dns |
//! | `socks` | proxies that speak SOCKS 4 and 5 | nothing |
//!
//! # Errors
//!
//! An [`Error`] says in one line what failed, at which address, after how long; [`Error::phase`] at
//! which step, [`Error::hint`] what a person may try, [`Error::may_pass`] whether trying again
//! makes sense. While content is read it travels inside an [`io::Error`](std::io::Error);
//! [`Error::from_io`] takes it out.
//!
//! ```
//! use tinyhttp_client::{Client, Error, Phase, Timeout};
//! use std::time::Duration;
//!
//! # let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
//! # let url = format!("http://{}/", silent.local_addr().unwrap());
//! let client = Client::builder()
//!     .timeouts(|timeouts| timeouts.total = Some(Duration::from_millis(50)))
//!     .build();
//! let error = client.get(&url).send().unwrap_err();
//! assert_eq!(error.phase(), Phase::Response);
//! assert!(error.may_pass());
//! assert!(matches!(error, Error::Timeout { timeout: Timeout::Total, .. }));
//! ```
//!
//! # What it does unasked
//!
//! - Redirects are followed, ten at most, to http and https only. Credentials don't leave the
//!   origin they are for ([`ClientBuilder::max_redirects`], [`ClientBuilder::trust_redirects`]).
//! - Connections are kept, and used again. One that turns out to be closed is replaced once, if
//!   making the request twice does no harm; otherwise the error says that it wasn't
//!   ([`NotRepeated`]).
//! - Every address of a host is tried, both families at once (RFC 8305), under one deadline.
//! - What a server sends is bounded: heads, fields, interim responses, chunks, and what content may
//!   unfold into.
//! - What two readers could understand differently is refused ([`ProtocolError`]), unless RFC 9112
//!   tells a user agent how to read it ([`ClientBuilder::strict`]).
//!
//! It asks no proxy unless told to ([`Proxies::from_env`]), keeps no cookies, and logs nothing: an
//! [observer](trace::Observer) gets the events.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod body;
mod client;
mod compose;
mod config;
mod connect;
#[cfg(feature = "cookies")]
mod cookies;
mod credentials;
mod deadline;
mod decode;
mod dial;
#[cfg(feature = "dns")]
mod dns;
mod error;
mod exchange;
mod origin;
mod part;
mod peer;
mod pool;
mod proxy;
mod redirect;
mod request;
mod resolve;
mod response;
pub mod retry;
#[cfg(feature = "socks")]
mod socks;
mod stream;
#[cfg(feature = "tls")]
mod tls;
pub mod trace;
mod transport;
pub mod zone;

pub use body::{Body, Exactly, file_length};
pub use client::Client;
pub use config::ClientBuilder;
pub use connect::{FailedAttempt, Interface};
#[cfg(feature = "cookies")]
pub use cookies::Jar;
pub use credentials::{Credentials, hide_passwords};
pub use deadline::{Timeout, Timeouts};
pub use dial::ConnectTo;
#[cfg(feature = "dns")]
pub use dns::StubResolver;
#[cfg(all(feature = "dns", fuzzing))]
#[doc(hidden)]
pub use dns::addresses_in_answer;
pub use error::{BadRedirect, Error, NotRepeated, Phase, TlsFailure, WrongPart};
pub use peer::Peer;
pub use proxy::{NoProxy, NotAProxy, Proxies, Proxy};
pub use request::RequestBuilder;
pub use resolve::{Family, Resolve, SystemResolver};
pub use response::{Content, Response};
pub use stream::Stream;
pub use tinyhttp_message::date::HttpDate;
pub use tinyhttp_message::range::ContentRange;
pub use tinyhttp_message::{
    BodyLength, CloseReason, Deviation, Limits, MisuseError, ProtocolError,
};
#[cfg(feature = "tls")]
pub use tls::{TlsOptions, TlsVersion};
pub use url;

/// The example that people meet first has to work, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
