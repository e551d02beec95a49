//! The HTTP/1.1 message (RFC 9110, RFC 9112): bytes in, typed heads and content out, and back.
//!
//! There are no sockets, files, threads or clocks in this crate. It works on bytes that somebody else has read, and
//! writes bytes that somebody else will send; where the time matters, it is an argument. So every rule can be tested
//! with a table, and the same code serves a server, a client, a test and a fuzzer.
//!
//! A message is a start line, fields, a blank line, and perhaps content:
//!
//! ```text
//!   request                              response
//!   GET /index.html HTTP/1.1             HTTP/1.1 200 OK               start line
//!   Host: example.org                    Content-Type: text/html       fields, one a line
//!   Accept: text/html                    Content-Length: 14
//!                                                                      blank line
//!                                        <h1>Hello</h1>                content
//! ```
//!
//! Read the modules in the order in which a message meets them:
//!
//! | module | question it answers |
//! |---|---|
//! | [`head`] | Where does the head end, and what is in it? |
//! | [`target`] | What does the request ask for? |
//! | [`framing`] | How long is the content, and does the connection live on? |
//! | [`chunked`] | Where does content end that comes in chunks? |
//! | [`connection`] | What happened, given these bytes, and what comes next? |
//! | [`tolerance`] | Which faults of a response does a client forgive? |
//! | [`conditional`] | Does the client have this version already? |
//! | [`range`] | Which part of it is wanted? |
//! | [`negotiate`] | In which coding? |
//! | [`date`] | What is the time, as HTTP writes it? |
//! | [`encode`] | How does a head become bytes? |
//! | [`error`] | What is wrong, and which status code says so? |
//!
//! ```
//! use tinyhttp_message::connection::{RequestContent, Response};
//! use tinyhttp_message::{ClientConnection, Event, FieldStorage, Limits};
//! use http::{Method, Version};
//!
//! let mut connection = ClientConnection::new(Limits::default());
//! let mut wire = Vec::new();
//! connection.request(&Method::GET, "/", Version::HTTP_11, RequestContent::None, &mut wire, |head| {
//!     head.field("Host", b"example.org")
//! })?;
//! assert_eq!(wire, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
//!
//! let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
//! let mut storage = FieldStorage::new();
//! let (used, event) = connection.receive(answer, &mut storage)?;
//! let Event::Head(Response::Final { head, .. }) = event else { panic!("the head is there") };
//! assert_eq!(head.status, 200);
//! let mut storage = FieldStorage::new();
//! let (_, event) = connection.receive(&answer[used..], &mut storage)?;
//! assert!(matches!(event, Event::Content(b"hi")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod chunked;
pub mod conditional;
pub mod connection;
mod content;
pub mod date;
pub mod encode;
pub mod error;
pub mod framing;
mod grammar;
pub mod head;
pub mod hop_by_hop;
pub mod negotiate;
pub mod range;
pub mod selection;
pub mod target;
pub mod tolerance;

pub use connection::{ClientConnection, Event, ServerConnection};
pub use content::ContentEncoder;
pub use error::{MisuseError, ProtocolError};
pub use framing::{BodyLength, CloseReason};
pub use head::{FieldStorage, LargeFieldStorage, Limits, RequestHead, ResponseHead};
pub use target::{Path, Target};
pub use tolerance::{Deviation, Deviations};
