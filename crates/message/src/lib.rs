//! The HTTP/1.1 message (RFC 9110, RFC 9112): bytes in, typed heads and content out, and back.
//!
//! The crate is *sans-IO*: it has no sockets, files, threads or clocks. It reads bytes that the
//! caller has received, and writes bytes that the caller will send; where the time matters, it is
//! an argument. So every rule can be tested with a table, and the same code serves a server, a
//! client, a test and a fuzzer.
//!
//! # Theory
//!
//! A message is a start line, fields, an empty line, and perhaps content:
//!
//! ```text
//!   request                              response
//!   GET /index.html HTTP/1.1             HTTP/1.1 200 OK               start line
//!   Host: example.org                    Content-Type: text/html       fields, one a line
//!   Accept: text/html                    Content-Length: 14
//!                                                                      empty line
//!                                        <h1>Hello</h1>                content
//! ```
//!
//! Read the modules in the order in which a message meets them:
//!
//! | module | question it answers |
//! |---|---|
//! | [`head`] | Where does the head end, and what is in it? |
//! | [`target`] | Which resource does the request name? |
//! | [`framing`] | How long is the content, and is the connection kept? |
//! | [`chunked`] | Where does content end that comes in chunks? |
//! | `content` | Which bytes are content, on the way in and out? |
//! | [`multipart`] | Where are the parts of a form with files? |
//! | [`connection`] | What do these bytes mean, and what comes next? |
//! | [`tolerance`] | Which faults of a response does a client forgive? |
//! | [`hop_by_hop`] | Which fields belong to the connection, not to the message? |
//! | [`conditional`] | Does the client have this version already? |
//! | [`range`] | Which part of the content is wanted? |
//! | [`selection`] | Whole, part, 304, 412 or 416? |
//! | [`negotiate`] | In which coding, and of which media type? |
//! | [`date`] | How does HTTP write the time? |
//! | [`encode`] | How does a head become bytes? |
//! | [`error`] | What is wrong, which side caused it, and which status code reports it? |
//! | `grammar` | What is a token, and what is a decimal number? |
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::connection::{RequestContent, Response};
//! use tinyhttp_message::{ClientConnection, Event, FieldStorage, Limits};
//! use http::{Method, Version};
//!
//! let mut connection = ClientConnection::new(Limits::default());
//! let mut wire = Vec::new();
//! connection.request(
//!     &Method::GET,
//!     "/",
//!     Version::HTTP_11,
//!     RequestContent::None,
//!     &mut wire,
//!     |head| head.field("Host", b"example.org"),
//! )?;
//! assert_eq!(wire, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
//!
//! let received = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
//! let mut storage = FieldStorage::new();
//! let (used, event) = connection.receive(received, &mut storage)?;
//! let Event::Head(Response::Final { head, .. }) = event else { panic!("the head is complete") };
//! assert_eq!(head.status, 200);
//! let mut storage = FieldStorage::new();
//! let (_, event) = connection.receive(&received[used..], &mut storage)?;
//! assert!(matches!(event, Event::Content(b"hi")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod head;
pub mod target;
pub mod framing;
pub mod chunked;
mod content;
pub mod multipart;
pub mod connection;
pub mod tolerance;
pub mod hop_by_hop;
pub mod conditional;
pub mod range;
pub mod selection;
pub mod negotiate;
pub mod date;
pub mod encode;
pub mod error;
mod grammar;

pub use connection::{ClientConnection, Event, ServerConnection};
pub use content::{ContentEncoder, may_be_trailer};
pub use error::{MisuseError, ProtocolError};
pub use framing::{BodyLength, CloseReason};
pub use grammar::{decimal, saturating_decimal};
pub use head::{FieldStorage, LargeFieldStorage, Limits, RequestHead, ResponseHead};
pub use target::{Path, Target};
pub use tolerance::{Deviation, Deviations};

/// The README's example, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
