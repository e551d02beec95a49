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
//! | `record` | one exchange, and how its response ended |
//! | `upstream` | the part of an upstream server in an exchange |
//! | `line` | the formats |
//! | `escape` | text in a line |
//! | `number` | numbers and addresses in a line |
//! | `writer` | the thread that writes |

#[cfg(feature = "access-log")]
mod escape;
mod held;
#[cfg(feature = "access-log")]
mod line;
#[cfg(feature = "access-log")]
mod number;
mod record;
mod upstream;
mod user;
#[cfg(feature = "access-log")]
mod writer;

pub(crate) use held::Held;
#[cfg(feature = "access-log")]
pub use line::Format;
pub use record::{Ending, Hops, Record, SecuredRecord};
#[cfg(any(feature = "access-log", feature = "gateway"))]
pub use upstream::UpstreamRecord;
pub(crate) use user::user;

#[cfg(feature = "access-log")]
use std::io::{self, Write};
#[cfg(feature = "access-log")]
use std::time::Duration;
#[cfg(feature = "access-log")]
use writer::Writer;

#[cfg(feature = "access-log")]
/// An open log. Dropping it writes the remaining lines.
#[derive(Debug)]
pub struct AccessLog {
    format: Format,
    writer: Writer,
}

#[cfg(feature = "access-log")]
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
