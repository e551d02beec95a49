//! What happened when: each step of a fetch as it is taken ([`Event`]), and all of them afterwards
//! ([`Trace`]).
//!
//! The steps are those in which every account of the web tells it:
//!
//! | step | event |
//! |---|---|
//! | 1 URL | [`Event::Hop`] |
//! | 2 resolve | [`Event::Resolved`] |
//! | 3 connect | [`Event::Connecting`], [`Event::ConnectFailed`], [`Event::Connected`] |
//! | | [`Event::Tunnel`], [`Event::Secured`]; or [`Event::Reused`] alone |
//! | 4 request | [`Event::Route`], [`Event::RequestHead`], [`Event::RequestSent`] |
//! | 5 response | [`Event::FirstByte`], [`Event::Interim`], [`Event::ResponseHead`] |
//! | | [`Event::Trailers`] |
//! | again, by a policy | [`Event::Backoff`] |
//! | 6 close, or keep-alive | [`Event::End`] |
//! | 7 print | the caller's |
//!
//! A redirect starts again at step 1: that is a new [`Hop`].
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
//! let response = tinyhttp_client::Client::new().get(&url).send()?;
//! let trace = response.trace();
//! let hop = &trace.hops[0];
//! assert!(hop.request.head.starts_with(b"GET / HTTP/1.1\r\n"));
//! // Times are counted from the start of the fetch.
//! let times = &hop.timings;
//! assert!(times.resolved <= times.connected && times.connected <= times.first_byte);
//! # server.join().unwrap();
//! # Ok::<(), tinyhttp_client::Error>(())
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `event` | one step, and the observer of steps |
//! | `hop` | the steps of one request, collected |
//! | `recorder` | hands each event to the trace and to the observer |

mod event;
mod hop;
mod recorder;

pub use event::{Closed, Event, Observer, Route, TlsFacts};
pub use hop::{Attempt, Hop, Outcome, Received, Sent, Timings, Trace};
pub(crate) use recorder::Recorder;
