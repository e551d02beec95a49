//! One connection, as each side sees it: bytes in, events out, without a socket (sans-IO).
//!
//! # Theory
//!
//! A connection is a sequence of exchanges, one request and one response each. Within an exchange both directions go
//! through the same states:
//!
//! ```text
//!            a head is complete          its content is complete
//!   Head ───────────────────────▶ Content ──────────────────────▶ End
//!    ▲                                                             │
//!    └──────────── both directions are at End: next exchange ──────┘
//! ```
//!
//! 1. The caller keeps the bytes it has read and shows them to `receive`, which says how many it used and what they
//!    were. Unused bytes are shown again, with more behind them. "Not enough yet" is an event, not an error.
//! 2. Requests are answered in order. While an answer is due, `receive` leaves further bytes alone
//!    ([`Event::Paused`]), so pipelined requests wait in the caller's buffer.
//! 3. An error ends the connection: nobody knows where the next message would start. The server still owes the status
//!    that [`ProtocolError::status`] names; what else arrives is thrown away.
//! 4. What keeps the connection from being used again is remembered as a [`CloseReason`](crate::CloseReason), and the heads sent say so.
//!
//! Time, sockets and threads are the caller's.
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
//! let mut content = connection.respond(StatusCode::OK, Some(2), &mut out, |head| head.field("Server", b"me"))?;
//! content.encode(b"hi", &mut out)?;
//! content.finish(&mut out)?;
//! assert_eq!(connection.finish_exchange(), None, "the connection lives on");
//! assert_eq!(out, b"HTTP/1.1 200 OK\r\nServer: me\r\nContent-Length: 2\r\n\r\nhi");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod fields;
mod overhead;
mod receiver;
mod server;

pub use crate::hop_by_hop::is_framing_field;
pub use client::{ClientConnection, RequestContent, Response};
pub use fields::end_to_end_fields;
pub use receiver::{Event, Skipped};
pub use server::{Request, ServerConnection};
