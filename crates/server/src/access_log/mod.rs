//! The access log: a line for each exchange, in a format people's tools read, written by a thread
//! of its own.
//!
//! A worker formats its line (`line.rs`) and appends it to a buffer; the thread takes the whole
//! buffer and writes it in one call, as in `writer.rs`. So a slow disk or terminal hardly ever
//! holds a request up, and a busy server makes some dozens of writes a second instead of one for
//! each request. What is there when the server ends, or the log is dropped, is written before that
//! returns. No line is lost to haste; to an output that is stuck, or fails, lines are, and the
//! program's own log says so.
//!
//! Whatever comes from a client is escaped: no line can be made to look like two, and no terminal
//! to obey.

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

/// What is worth telling of one exchange.
#[derive(Debug, Clone)]
pub struct Record<'r> {
    /// The client.
    pub remote: Endpoint,
    /// The name in the request's Basic credentials, as it was sent; only authentication makes it
    /// more than a claim.
    pub user: Option<Cow<'r, [u8]>>,
    /// When the request's head was complete.
    pub time: SystemTime,
    /// How long it took from then until the response was handed over.
    pub duration: Duration,
    /// The request's method.
    pub method: Cow<'r, str>,
    /// The request's target, as it was sent.
    pub target: Cow<'r, str>,
    /// The request's version.
    pub version: Version,
    /// The response's status code.
    pub status: StatusCode,
    /// Bytes of content that were handed over to the kernel.
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
    /// The same, borrowed from nothing.
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

/// Whether a response went out whole: whether the kernel has taken all of it. What the client's
/// side did with it then isn't known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All of it was handed over.
    Complete,
    /// The client closed or reset the connection before.
    ClientGone,
    /// The client took it more slowly than the server allows.
    TooSlow,
    /// The connection was closed to make room for others.
    Evicted,
    /// The server ended.
    ShutDown,
    /// Its content could not be read to the end.
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

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Common Log Format: `host - user [time] "request line" status bytes`.
    Common,
    /// Common Log Format with Referer and User-Agent behind it, as most tools expect.
    Combined,
    /// One JSON object a line.
    Json,
    /// For a person who watches: time, status, method, target, size, duration, client, user.
    #[default]
    Dev,
    /// As [`Format::Dev`], with the date before the time: for files that are read days later.
    DatedDev,
}

/// A log that is open. Dropping it writes what is left.
#[derive(Debug)]
pub struct AccessLog {
    format: Format,
    writer: Writer,
}

impl AccessLog {
    /// A log that writes to `output`, each time with everything that has gathered: at once after a
    /// silence, then at most every 50 ms, or when 256 KiB are there.
    ///
    /// # Errors
    /// If the writing thread can't be started.
    pub fn new(output: impl Write + Send + 'static, format: Format) -> io::Result<Self> {
        let writer = Writer::start(output)?;
        Ok(AccessLog { format, writer })
    }

    /// Adds a line. If 4 MiB are there already it waits, for no line is to be lost, but no longer
    /// than a second: if there is no room by then, this line is lost, and so are others, without a
    /// wait, until the output takes some again.
    pub fn record(&self, record: &Record<'_>) {
        line::with(record, self.format, |line| self.writer.append(line));
    }

    /// Waits until all that has been recorded is written, but no longer than that: whether it is.
    pub fn flush(&self, at_most: Duration) -> bool {
        self.writer.flush(at_most)
    }
}
