//! A blocking HTTP/1.1 client: resolve, connect, send, receive, keep the connection.
//!
//! There is no async runtime, and no thread except for the system's resolver, which can't be
//! interrupted otherwise. The modules in the order in which a request meets them:
//!
//! | step | modules |
//! |---|---|
//! | set up a client | `client`, `config`: the sum of the options of all layers |
//! | 1 put a request together | `request_builder`, `request`, `body`, `multipart`, `credentials` |
//! | log in | `login`: Basic and Digest |
//! | make it, again after redirects and failures | `fetch`, `redirect`, `retry` |
//! | 2 find the server's addresses | `connect`: also proxies |
//! | 3 connect to one, unless a connection was kept | `pool`, `connect`, `tls`, `transport` |
//! | 4 send the request | `compose`: the fields, `exchange` |
//! | 5 receive the response | `exchange`, `part`: ranges, `cookies` |
//! | 6 read its content | `response`, `content`, `decode`, `coding` |
//! | 7 close the connection, or keep it | `pool` |
//!
//! All steps share the values in `origin`, `peer`, `zone` and `timeouts`, the clock in `deadline`,
//! the `error`, the `trace`, the
//! `lock` and the `random` numbers. `stream` is a connection without HTTP.
//!
//! A [`trace`] tells what happened when, [`Timeouts`] bound each step, and an [`Error`] names the
//! step that failed, and the address.
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
//! | `digest` | `RequestBuilder::digest_auth`, `Credentials::with_digest` | md-5, sha2 |
//! | `cookies` | `Jar`, in Netscape's file format | psl |
//! | `json` | `RequestBuilder::json`, `Response::json` | serde, serde_json |
//! | `dns` | `StubResolver`, which asks name servers itself | simple-dns |
//! | `socks` | proxies that speak SOCKS 4 and 5 | nothing |
//!
//! # Errors
//!
//! The message of an [`Error`] is one line: what failed, at which address, after how long.
//! [`Error::phase`] is the step, [`Error::hint`] something to try, and [`Error::is_transient`]
//! tells whether a retry may succeed. While content is read, the error travels inside an
//! [`io::Error`](std::io::Error); [`Error::from_io`] takes it out.
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
//! assert!(error.is_transient());
//! assert!(matches!(error, Error::Timeout { timeout: Timeout::Total, .. }));
//! ```
//!
//! # Defaults
//!
//! - Redirects are followed, ten at most, to http and https only. Credentials don't leave the
//!   origin they are for ([`ClientBuilder::max_redirects`], [`ClientBuilder::trust_redirects`]).
//! - Connections are kept and reused. One that turns out to be closed is replaced once, if making
//!   the request twice does no harm; otherwise the error tells why it was not ([`NotRetried`]).
//! - Every address of a host is tried, both families at once (RFC 8305), under one deadline.
//! - What a server sends is bounded: heads, fields, interim responses, chunks, and the size of
//!   decoded content.
//! - A response that two readers could understand differently is refused ([`ProtocolError`]),
//!   unless RFC 9112 specifies how a user agent reads it ([`ClientBuilder::strict`]).
//!
//! No proxy is used unless one is set ([`Proxies::from_env`]), no cookies are kept, and nothing is
//! logged: an [observer](trace::Observer) gets the events.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod client;
mod request_builder;
mod stream;
mod fetch;
mod config;
mod request;
mod redirect;
mod compose;
pub mod retry;
mod pool;
mod connect;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod exchange;
mod part;
mod response;
mod content;
mod decode;
mod coding;
#[cfg(feature = "cookies")]
mod cookies;
mod body;
mod multipart;
mod credentials;
mod login;
mod deadline;
pub mod trace;
mod error;
mod timeouts;
mod origin;
mod peer;
pub mod zone;
mod random;
mod lock;

pub use body::{Body, Exactly, file_length};
pub use client::{Client, ClientBuilder, delete, get, head, post, put};
#[cfg(feature = "dns")]
pub use connect::StubResolver;
#[cfg(all(feature = "dns", fuzzing))]
#[doc(hidden)]
pub use connect::addresses_in_answer;
pub use connect::{ConnectTo, Family, Interface, NoProxy, Proxies, Proxy, Resolve, SystemResolver};
pub use content::Content;
#[cfg(feature = "cookies")]
pub use cookies::Jar;
pub use credentials::{Credentials, hide_passwords};
pub use error::{
    Error, FailedAttempt, InvalidProxy, InvalidRedirect, NotRetried, Phase, TlsFailure, WrongPart,
};
pub use http;
pub use multipart::{InvalidBoundary, Multipart, Part};
pub use peer::Peer;
pub use request_builder::RequestBuilder;
pub use response::Response;
pub use retry::RetryPolicy;
pub use stream::Stream;
pub use timeouts::{Timeout, Timeouts};
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
