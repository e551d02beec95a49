//! The access log: a line for each exchange, in a format that common tools read.
//!
//! A worker formats its line (`line`) and appends it to a buffer. A thread takes the whole buffer
//! and writes it in one call (`writer`), so a slow disk or terminal hardly ever delays a request,
//! and a busy server makes some dozens of writes per second instead of one per request. When the
//! server ends, or the log is dropped, the remaining lines are written first. Lines are lost only
//! if the output is stuck or fails, and the program's own log reports that.
//!
//! Everything that a client sent is escaped: a line can't look like two, and can't control a
//! terminal.
//!
//! | module | holds |
//! |---|---|
//! | `user` | the user of a request |
//! | `held` | exchanges whose responses are still in an output buffer |
//! | `line` | the formats |
//! | `writer` | the thread that writes |

mod held;
mod line;
mod user;
mod writer;

use crate::endpoint::Endpoint;
pub(crate) use held::Held;
use http::{StatusCode, Version};
use std::borrow::Cow;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};
pub(crate) use user::user;
use writer::Writer;

/// One exchange: a request and its response.
#[derive(Debug, Clone)]
pub struct Record<'r> {
    /// The client.
    pub remote: Endpoint,
    /// The name in the request's Basic credentials, as it was sent; only authentication makes it
    /// more than a claim.
    pub user: Option<Cow<'r, [u8]>>,
    /// When the request's head was complete.
    pub time: SystemTime,
    /// The time from then until the kernel had taken the response.
    pub duration: Duration,
    /// The request's method.
    pub method: Cow<'r, str>,
    /// The request's target, as it was sent.
    pub target: Cow<'r, str>,
    /// The request's version.
    pub version: Version,
    /// The response's status code.
    pub status: StatusCode,
    /// Bytes of content that the kernel has taken.
    pub sent: u64,
    /// Whether the response went out whole, or why not.
    pub ending: Ending,
    /// The client began with a TLS handshake instead of a request.
    pub is_tls: bool,
    /// The request's Referer.
    pub referer: Option<Cow<'r, [u8]>>,
    /// The request's User-Agent.
    pub user_agent: Option<Cow<'r, [u8]>>,
}

impl Record<'_> {
    /// Returns the record without borrows.
    #[must_use]
    pub fn into_owned(self) -> Record<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let own_bytes =
            |bytes: Option<Cow<'_, [u8]>>| bytes.map(|bytes| Cow::Owned(bytes.into_owned()));
        Record {
            method: own(self.method),
            target: own(self.target),
            user: own_bytes(self.user),
            referer: own_bytes(self.referer),
            user_agent: own_bytes(self.user_agent),
            ..self
        }
    }
}

/// How a response ended. It is complete when the kernel has taken all of it; whether the client has
/// received it isn't known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The kernel has taken all of it.
    Complete,
    /// The client closed or reset the connection before.
    ClientGone,
    /// The client read it more slowly than the server allows.
    TooSlow,
    /// The connection was closed to make room for others.
    Evicted,
    /// The server ended.
    ShutDown,
    /// The content could not be read to its end.
    Failed,
}

impl Ending {
    /// The status code in formats that have no other place for it: 499 if the client or the server
    /// closed the connection before the end, which nginx made customary; 500 if the content failed.
    fn status(self) -> Option<&'static str> {
        match self {
            Ending::Complete => None,
            Ending::ClientGone | Ending::TooSlow | Ending::Evicted | Ending::ShutDown => {
                Some("499")
            }
            Ending::Failed => Some("500"),
        }
    }

    /// The reason in a few words; `None` if the response is complete.
    fn reason(self) -> Option<&'static str> {
        match self {
            Ending::Complete => None,
            Ending::ClientGone => Some("client closed the connection"),
            Ending::TooSlow => Some("client too slow"),
            Ending::Evicted => Some("evicted"),
            Ending::ShutDown => Some("server shut down"),
            Ending::Failed => Some("content failed"),
        }
    }
}

/// The format of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Common Log Format: `host - user [time] "request line" status bytes`.
    Common,
    /// Common Log Format with Referer and User-Agent behind it, as most tools expect.
    Combined,
    /// One JSON object a line.
    Json,
    /// For a developer's terminal: time, status, method, target, size, duration, client, user.
    #[default]
    Dev,
    /// As [`Format::Dev`], with the date before the time: for files that are read days later.
    DatedDev,
}

/// An open log. Dropping it writes the remaining lines.
#[derive(Debug)]
pub struct AccessLog {
    format: Format,
    writer: Writer,
}

impl AccessLog {
    /// Makes a log that writes all gathered lines to `output` in one call: at once after a silence,
    /// then at most every 50 ms, or when there are 256 KiB.
    ///
    /// # Errors
    /// If the writing thread can't be started.
    pub fn new(output: impl Write + Send + 'static, format: Format) -> io::Result<Self> {
        let writer = Writer::start(output)?;
        Ok(AccessLog { format, writer })
    }

    /// Adds a line. If 4 MiB are waiting already, it blocks for up to a second. If there is no room
    /// by then, this line is lost, and so are the next ones, without a wait, until the output takes
    /// lines again.
    pub fn record(&self, record: &Record<'_>) {
        line::with(record, self.format, |line| self.writer.append(line));
    }

    /// Waits until all recorded lines are written, for `at_most` at the longest. Returns whether
    /// they are.
    pub fn flush(&self, at_most: Duration) -> bool {
        self.writer.flush(at_most)
    }
}
