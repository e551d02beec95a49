//! One connection, as each role sees it: bytes in, events out, without a socket.
//!
//! # Theory
//!
//! A connection is a sequence of exchanges, one request and one response each. Within an exchange
//! both directions go through the same states:
//!
//! ```text
//!            a head is complete          its content is complete
//!   Head ───────────────────────▶ Content ──────────────────────▶ End
//!    ▲                                                             │
//!    └──────────── both directions are at End: next exchange ──────┘
//! ```
//!
//! 1. The caller keeps the bytes it has received and passes them to `receive`, which returns an
//!    [`Event`] and the number of bytes it used. Unused bytes are passed again, with more behind
//!    them. "Not enough yet" is an event, not an error.
//! 2. Requests are responded to in order. While a response is due, `receive` uses no further bytes
//!    ([`Event::Paused`]), so pipelined requests wait in the caller's buffer.
//! 3. An error ends the connection, since it is unknown where the next message would start. The
//!    server still sends the status code that
//!    [`ProtocolError::status`](crate::ProtocolError::status) names; whatever else arrives is
//!    discarded.
//! 4. What prevents another exchange on the connection is kept as a
//!    [`CloseReason`](crate::CloseReason), and the heads that are sent announce it.
//!
//! Both roles share one receiver; time, sockets and threads are the caller's.
//!
//! | module | holds |
//! |---|---|
//! | `receiver` | the receiving half: a head, its content, its end |
//! | `overhead` | a bound on the framing around a request's content |
//! | `server` | requests in, responses out |
//! | `client` | requests out, responses in |
//! | `fields` | the field lines that both roles write |
//! | `interim` | early hints, before the response |
//!
//! # Example
//!
//! ```
//! use http::StatusCode;
//! use tinyhttp_message::{Event, FieldStorage, Limits, ServerConnection};
//!
//! let mut connection = ServerConnection::new(Limits::default());
//! let mut storage = FieldStorage::new();
//! let input = b"GET /hello HTTP/1.1\r\nHost: example.org\r\n\r\n";
//! let (used, event) = connection.receive(input, &mut storage)?;
//! let Event::Head(request) = event else { panic!("a whole head was there") };
//! assert_eq!((used, request.head.target.path()), (input.len(), "/hello"));
//!
//! let mut out = Vec::new();
//! let server = |head: &mut tinyhttp_message::encode::HeadWriter<'_>| head.field("Server", b"me");
//! let mut content = connection.respond(StatusCode::OK, Some(2), &mut out, server)?;
//! content.encode(b"hi", &mut out)?;
//! content.finish(&mut out)?;
//! assert_eq!(connection.finish_exchange(), None, "the connection is kept");
//! assert_eq!(out, b"HTTP/1.1 200 OK\r\nServer: me\r\nContent-Length: 2\r\n\r\nhi");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod receiver;
mod overhead;
mod server;
mod client;
mod fields;
mod interim;

pub use crate::hop_by_hop::is_framing_field;
pub use client::{ClientConnection, RequestContent, Response};
pub use fields::end_to_end_fields;
pub use interim::{early_hints, is_hint};
pub use receiver::{Event, Skipped};
pub use server::{Request, ServerConnection};
