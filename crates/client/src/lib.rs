//! A blocking HTTP/1.1 client: resolve, connect, send, receive, keep the connection.
//!
//! No async runtime and no thread of its own (but for the system's resolver, which can't be interrupted otherwise). A
//! fetch is seven steps, and each is a module:
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
//! [`trace`] says what happened when; [`Timeouts`] bound each step; [`Error`] says which one failed, at which address.
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
//! Content is streamed in both directions: a [`Response`] is a [`Read`](std::io::Read), and a [`Body`] can be made from
//! one.

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

pub use body::Body;
pub use client::Client;
pub use config::ClientBuilder;
pub use connect::{FailedAttempt, Interface};
#[cfg(feature = "cookies")]
pub use cookies::Jar;
pub use credentials::Credentials;
pub use deadline::{Timeout, Timeouts};
pub use dial::ConnectTo;
#[cfg(feature = "dns")]
pub use dns::StubResolver;
pub use error::{BadRedirect, Error, NotRepeated, Phase, TlsFailure};
pub use proxy::{NoProxy, NotAProxy, Proxies, Proxy};
pub use request::RequestBuilder;
pub use resolve::{Family, Resolve, SystemResolver};
pub use response::{Content, Response};
pub use stream::Stream;
pub use tinyhttp_message::date::HttpDate;
pub use tinyhttp_message::{BodyLength, CloseReason, Error as ProtocolError, Limits};
#[cfg(feature = "tls")]
pub use tls::{TlsOptions, TlsVersion};
pub use transport::Peer;
pub use url;
