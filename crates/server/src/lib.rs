//! A thread-pool HTTP/1.1 server whose connections never own a thread.
//!
//! A thread pool is the oldest way to serve: so many threads, and each request gets one. Its
//! weakness is what a thread is spent on. Most connections are idle most of the time, many are
//! slow, and some are hostile; a server that gives each of them a thread is full long before it is
//! busy. Here a connection that waits, for a request, for the rest of one, or for a client that
//! reads slowly, is *parked*: it costs a descriptor and a few hundred bytes. Threads are only for
//! requests that can be answered now.
//!
//! # One connection's life
//!
//! 1. The listeners ([`Server::bind`]) and all connections sit in one epoll. One worker of the pool
//!    waits there, and the worker that gets a connection's report owns it; others are woken when
//!    there is a lot to do, and a core to do it on.
//! 2. The worker reads into a buffer of its own, so a parked connection has none.
//! 3. `tinyhttp-message` finds the head and judges its framing. A broken request gets its status,
//!    and the end.
//! 4. The [`Handler`] decides how the request is answered. If that may block, another worker takes
//!    over meanwhile. Content that a handler wants whole is [received first](Receive), and content
//!    that it sends over time comes from a [channel](Body::channel): in both cases the connection
//!    is parked meanwhile.
//! 5. What the socket takes of the response goes out; the rest is parked until there is room.
//! 6. The next request that is already there is answered before the connection is parked again.
//! 7. Every wait has a [deadline with a name](Timeouts).
//!
//! # What clients can make it cost
//!
//! Memory has a ceiling, whatever clients do:
//!
//! ```text
//! 32 MiB + max_connections × 128 KiB + threads × 768 KiB + what handlers keep
//! ```
//!
//! Hardly any of it is ever used: an idle connection has no buffers. The 128 KiB are the worst
//! case: a head of which the last byte is missing ([`Limits::head`], 32 KiB), or requests that wait
//! for their turn (16 KiB), and answers that the client doesn't take (up to 66 KiB). A thread has
//! its stack (512 KiB), a buffer to read into, and one to gather answers in. There are as many
//! threads as [workers](Builder::workers), and more, up to [`Builder::max_threads`], only while
//! handlers wait. [`Files`] keeps its cache, up to 8 MiB of checksums, and for everything that it
//! builds for responses (listings, archives, compressors, READMEs) its [working
//! memory](files::Options::working_memory), 64 MiB: what finds none left is refused with 503 before
//! its head is sent. A response from memory lives until the last client that takes it has it, and
//! is never larger than a quarter of a MiB. What the kernel keeps for sockets comes on top, and has
//! bounds of its own (`net.ipv4.tcp_wmem`, `tcp_rmem`, `tcp_mem`).
//!
//! With TLS, a connection keeps its keys, and at worst half a handshake message (64 KiB) or the
//! records that the client does not take (66 KiB). An idle one has no buffers then, either. A
//! thread has buffers for records: up to 256 KiB.
//!
//! A request that is forwarded to an upstream server counts twice, since the connection to the
//! server counts as one, and has 288 KiB at worst: content that may have to be sent again (64 KiB),
//! what the server does not take (64 KiB), half a head of its response (64 KiB), and what the
//! client does not take of earlier responses and of this one, or has sent behind its request. So
//! with gateways, the 128 KiB of the formula are 144. A tunnel keeps at most 128 KiB, a thread 320
//! KiB more, and each server 2,048 idle connections without buffers, which make room when this
//! server is full. The kernel holds what is in pipes, through which large content goes: 32 of 512
//! KiB.
//!
//! Time is bounded by [deadlines](Timeouts) that a byte now and then doesn't put off. Connections
//! are bounded, in all and for each client. When the server is full, a new connection is accepted
//! in exchange for another one, which is *evicted* in this order; within a row, the one with the
//! least time left goes first:
//!
//! | order | a connection that | if |
//! |---|---|---|
//! | 1 | leads to an upstream server, and is idle; the one that has been so for longest | always |
//! | 2 | has its response, and still sends content that is skipped | always |
//! | 3 | is closed by the server, and waits for the client to close it, too | always |
//! | 4 | has not sent its first request; then: not all of a head | for 2 s or half of its time |
//! | 5 | sends content for a handler, or takes a response | half of its time is used up |
//! | 6 | is idle: kept for another request | always |
//! | 7 | has not sent its first request; then: not all of a head | always |
//! | 8 | sends content for a handler, or takes a response | 2 s of its time are used up |
//!
//! A transfer that moves at the [slowest rate](Timeouts::slowest) uses up no time. One transfer is
//! evicted for each newcomer, and a response that is cut short is visibly incomplete. A connection
//! whose handler is running is never evicted. If there is none to evict, new connections wait.
//!
//! # Example
//!
//! ```
//! use std::io::{Read, Write};
//! use tinyhttp_server::{Request, Server};
//!
//! let hello = |request: Request<'_>| format!("hello {}\n", request.path());
//! let server = Server::bind("127.0.0.1:0")?.spawn(hello)?;
//!
//! let mut client = std::net::TcpStream::connect(server.local_addrs()[0])?;
//! client.write_all(b"GET /world HTTP/1.0\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
//! assert!(answer.ends_with("\r\n\r\nhello /world\n"));
//!
//! server.shutdown(std::time::Duration::from_secs(5))?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Modules
//!
//! | module | holds |
//! |---|---|
//! | `server` | the server as its user sees it: built, started, run, stopped |
//! | `runtime` | threads and the event loop |
//! | `listen` | listeners: accepting, Unix sockets, limits for each client |
//! | `connection` | the life of a connection |
//! | `handler` | a handler decides how a request is answered |
//! | `work` | what a handler computes where it may block |
//! | `intake` | how the content of a request is received before its handler is called |
//! | `script` | a script in a served directory |
//! | `interpreter` | what runs such scripts |
//! | `gateway` | upstream servers that respond in the place of this one (feature `gateway`) |
//! | `request` | a request as a handler sees it |
//! | `response` | a response as a handler makes it |
//! | `user` | the user that a request comes from |
//! | `basic` | the name and the password in an Authorization field |
//! | `upgrade` | switching to another protocol |
//! | [`cookie`] | plain and signed cookies |
//! | `form`, `error` | forms, errors that are responses |
//! | `extract` | what a handler takes out of the head of a request |
//! | [`content`] | content as text, JSON or a form, with a limit |
//! | [`multipart`] | forms with files, read while they arrive |
//! | [`events`] | server-sent events |
//! | [`router`] | from paths and methods to handlers, and layers around them |
//! | [`middleware`] | rules around a handler: access, limits, added fields |
//! | `files` | the handler for a directory (feature `files`) |
//! | `memory_content` | content in memory, as the request asks for it |
//! | `page` | the small pages of errors |
//! | `access_log` | a line for each request (feature `access-log`) |
//! | `body` | content: memory, part of a file, a reader, a channel |
//! | `tls` | certificates, and the TLS of one connection |
//! | `poller` | one epoll for everything |
//! | `deadline` | named timeouts |
//! | `endpoint` | one end of a connection |
//! | `ip_text` | IP addresses as text |
//! | `random` | random numbers |
//! | `gate` | admission to the processor |
//! | `coding` | content codings |
//! | `lock` | locks that ignore poisoning |
//! | `semaphore` | bounds on what is in use |
//!
//! # Several routes
//!
//! ```no_run
//! use std::collections::HashMap;
//! use std::sync::{Arc, Mutex};
//! use tinyhttp_server::{Cors, Error, Files, Request, Router, Server, StatusCode};
//!
//! #[derive(Default)]
//! struct Notes(Mutex<HashMap<String, String>>);
//!
//! impl Notes {
//!     fn read(&self, id: String) -> Result<Option<String>, Error> {
//!         Ok(self.0.lock().unwrap().get(&id).cloned())
//!     }
//!
//!     fn write(&self, id: String, text: String) -> Result<StatusCode, Error> {
//!         self.0.lock().unwrap().insert(id, text);
//!         Ok(StatusCode::NO_CONTENT)
//!     }
//! }
//!
//! fn main() -> std::io::Result<()> {
//!     let notes = Arc::new(Notes::default());
//!     let app = Router::new()
//!         .get("/", |_: Request| "hello\n")
//!         .get("/notes/{id}", { let n = notes.clone(); move |r: Request| n.read(r.param("id")?) })
//!         // Longer content is refused with 413.
//!         .put("/notes/{id}", move |r: Request| {
//!             notes.write(r.param("id")?, r.into_text(64 << 10)?)
//!         })
//!         .mount("/static", Files::open("www")?)
//!         .with(Cors::any());
//!     Server::bind("127.0.0.1:8080")?.serve(app)
//! }
//! ```
//!
//! Linux only: epoll, openat2, sendfile.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod server;
mod runtime;
mod listen;
mod connection;
mod handler;
mod work;
mod intake;
// The file server uses all of it.
#[cfg_attr(not(feature = "files"), allow(dead_code))]
pub mod script;
mod interpreter;
#[cfg(feature = "gateway")]
pub mod gateway;
mod request;
mod response;
mod upgrade;
mod user;
#[cfg(feature = "credentials")]
mod basic;
pub mod cookie;
mod form;
mod error;
mod extract;
pub mod content;
pub mod multipart;
pub mod events;
pub mod router;
pub mod middleware;
#[cfg(feature = "files")]
pub mod files;
mod memory_content;
mod page;
#[cfg(feature = "access-log")]
pub mod access_log;
#[cfg(not(feature = "access-log"))]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "records are kept as with a log, and not written"
)]
mod access_log;
mod body;
#[cfg(feature = "tls")]
mod tls;
mod poller;
mod deadline;
mod endpoint;
#[cfg(any(feature = "access-log", feature = "gateway"))]
mod ip_text;
mod random;
#[cfg(any(feature = "compression", feature = "files"))]
mod gate;
#[cfg(any(feature = "compression", feature = "files"))]
mod coding;
mod lock;
#[cfg(any(feature = "compression", feature = "files", feature = "gateway"))]
// The file server uses all of it.
#[cfg_attr(not(feature = "files"), allow(dead_code))]
mod semaphore;

pub use body::{Body, SendError, Sender, StreamWriter, Upgraded};
#[cfg(feature = "signed-cookies")]
#[doc(inline)]
pub use cookie::CookieKey;
#[doc(inline)]
pub use cookie::{Cookie, SameSite};
pub use deadline::Timeouts;
pub use endpoint::Endpoint;
pub use error::Error;
#[doc(inline)]
pub use events::{Broadcast, Event, EventSender};
#[cfg(feature = "files")]
pub use files::Files;
pub use form::Form;
pub use handler::{Handler, Receive, Reply};
pub use http;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
pub use intake::Intake;
pub use interpreter::Interpreter;
pub use listen::Listeners;
pub use memory_content::MemoryContent;
pub use middleware::Cors;
#[doc(inline)]
pub use multipart::{Multipart, Part};
pub use request::{Peer, Request};
pub use response::{IntoResponse, Response};
#[doc(inline)]
pub use router::{IntoRoute, InvalidRoute, Layer, Next, Route, Router};
pub use server::{Builder, Handle, Server, ShutdownHandle};
/// The HTTP message, for handlers that need its grammar: dates, ranges, preconditions, negotiation.
pub use tinyhttp_message as message;
pub use tinyhttp_message::Limits;
#[cfg(feature = "tls")]
pub use tls::{
    Authority, Challenges, ClientCertificate, ClientHello, Identity, ResolveIdentity, SelfSigned,
    Tls, TlsError, TlsHandle,
};
pub use upgrade::Upgrade;
pub use work::Work;

/// The README's example, compiled as a test.
#[cfg(all(doctest, feature = "files"))]
#[doc = include_str!("../README.md")]
struct Readme;
