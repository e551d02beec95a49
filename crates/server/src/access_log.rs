//! The access log: a line for each exchange, in a format people's tools read, written by a thread of its own.
//!
//! A worker only formats its line and appends it to a buffer; the thread takes the whole buffer and writes it in one
//! call. So a slow disk or terminal never holds a request up. The buffer is bounded: when the writer can't keep up,
//! workers wait rather than lose lines. What is there when the log is dropped is written before the drop returns; a server
//! that ends waits for that, too, for half a second at most.
//!
//! Whatever comes from a client is escaped: no line can be made to look like two, and no terminal to obey.

use chrono::{DateTime, Local, SecondsFormat};
use http::{StatusCode, Version};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

/// Bytes that may wait to be written.
const BOUND: usize = 4 * 1024 * 1024;

/// What is worth telling of one exchange.
#[derive(Debug, Clone)]
pub struct Record<'r> {
    /// The client.
    pub remote: SocketAddr,
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
    /// Bytes of content that were handed over; less than announced if the client went away.
    pub sent: u64,
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
            referer: own_bytes(self.referer),
            user_agent: own_bytes(self.user_agent),
            ..self
        }
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Common Log Format: `host - - [time] "request line" status bytes`.
    Common,
    /// Common Log Format with Referer and User-Agent behind it, as most tools expect.
    Combined,
    /// One JSON object a line.
    Json,
    /// For a person who watches: time, status, method, target, size, duration.
    #[default]
    Dev,
}

/// A log that is open. Dropping it writes what is left.
#[derive(Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
    format: Format,
    writer: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// Lines have been taken out and are not all written.
    writing: bool,
    ending: bool,
}

impl Shared {
    /// Nobody panics while holding this lock, so poison says nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccessLog {
    /// A log that writes to `output`, each time with everything that has gathered.
    ///
    /// # Errors
    /// If the writing thread can't be started.
    pub fn new(output: impl Write + Send + 'static, format: Format) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let mut output = output;
        let writer = thread::Builder::new().name("access-log".to_owned()).stack_size(64 * 1024).spawn(move || {
            let mut failed = false;
            while let Some(lines) = gathered(&theirs) {
                let written = output.write_all(&lines).and_then(|()| output.flush());
                if let Err(error) = &written
                    && !failed
                {
                    log::error!("the access log can't be written: {error}; its lines are lost until it can");
                }
                failed = written.is_err();
            }
        })?;
        Ok(AccessLog {
            shared,
            format,
            writer: Some(writer),
        })
    }

    /// Adds a line.
    pub fn record(&self, record: &Record<'_>) {
        let mut line = String::with_capacity(160);
        // Writing to a String doesn't fail.
        let _ = match self.format {
            Format::Common => common(record, &mut line),
            Format::Combined => combined(record, &mut line),
            Format::Json => json(record, &mut line),
            Format::Dev => dev(record, &mut line),
        };
        line.push('\n');
        let full = |state: &mut State| state.lines.len() > BOUND && !state.ending;
        let state = self.shared.lock();
        let mut state = self
            .shared
            .changed
            .wait_while(state, full)
            .unwrap_or_else(PoisonError::into_inner);
        let was_empty = state.lines.is_empty();
        state.lines.extend_from_slice(line.as_bytes());
        drop(state);
        if was_empty {
            self.shared.changed.notify_all();
        }
    }

    /// Waits until everything is written, but no longer than that.
    pub(crate) fn flush(&self, at_most: Duration) {
        let unwritten = |state: &mut State| state.writing || !state.lines.is_empty();
        let lock = self.shared.lock();
        drop(
            self.shared
                .changed
                .wait_timeout_while(lock, at_most, unwritten),
        );
    }
}

/// Waits for lines and takes them all, those taken before being written; `None` when there will be no more.
fn gathered(shared: &Shared) -> Option<Vec<u8>> {
    let nothing = |state: &mut State| state.lines.is_empty() && !state.ending;
    let mut state = shared.lock();
    state.writing = false;
    shared.changed.notify_all();
    let mut state = shared
        .changed
        .wait_while(state, nothing)
        .unwrap_or_else(PoisonError::into_inner);
    let lines = std::mem::take(&mut state.lines);
    state.writing = true;
    drop(state);
    shared.changed.notify_all();
    (!lines.is_empty()).then_some(lines)
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shared.lock().ending = true;
        self.shared.changed.notify_all();
        if let Some(writer) = self.writer.take() {
            // It ends once it has written everything; if it panicked there is nothing more to be done.
            let _ = writer.join();
        }
    }
}

fn common(record: &Record<'_>, line: &mut String) -> std::fmt::Result {
    let time = DateTime::<Local>::from(record.time).format("%d/%b/%Y:%H:%M:%S %z");
    write!(line, "{} - - [{time}] \"", record.remote.ip())?;
    escape(record.method.as_bytes(), line);
    line.push(' ');
    escape(record.target.as_bytes(), line);
    write!(
        line,
        " {:?}\" {} {}",
        record.version,
        record.status.as_u16(),
        record.sent
    )
}

fn combined(record: &Record<'_>, line: &mut String) -> std::fmt::Result {
    common(record, line)?;
    for field in [&record.referer, &record.user_agent] {
        line.push_str(" \"");
        escape(field.as_deref().unwrap_or(b"-"), line);
        line.push('"');
    }
    Ok(())
}

fn json(record: &Record<'_>, line: &mut String) -> std::fmt::Result {
    let time = DateTime::<Local>::from(record.time).to_rfc3339_opts(SecondsFormat::Millis, false);
    write!(
        line,
        "{{\"time\":\"{time}\",\"remote\":\"{}\",\"method\":\"",
        record.remote
    )?;
    escape_json(record.method.as_bytes(), line);
    line.push_str("\",\"target\":\"");
    escape_json(record.target.as_bytes(), line);
    write!(
        line,
        "\",\"version\":\"{:?}\",\"status\":{},\"sent\":{},\"seconds\":{:.6}",
        record.version,
        record.status.as_u16(),
        record.sent,
        record.duration.as_secs_f64()
    )?;
    for (name, field) in [
        ("referer", &record.referer),
        ("user_agent", &record.user_agent),
    ] {
        if let Some(field) = field {
            write!(line, ",\"{name}\":\"")?;
            escape_json(field, line);
            line.push('"');
        }
    }
    line.push('}');
    Ok(())
}

fn dev(record: &Record<'_>, line: &mut String) -> std::fmt::Result {
    let time = DateTime::<Local>::from(record.time).format("%H:%M:%S");
    write!(line, "{time}  {}  ", record.status.as_u16())?;
    escape(record.method.as_bytes(), line);
    line.push(' ');
    escape(record.target.as_bytes(), line);
    write!(
        line,
        "  {}  {:.1} ms  {}",
        size(record.sent),
        record.duration.as_secs_f64() * 1000.0,
        record.remote.ip()
    )
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Printable ASCII as it is, everything else as `\xHH`, quotes and backslashes escaped: as nginx and Apache do.
fn escape(bytes: &[u8], line: &mut String) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => line.extend(['\\', char::from(byte)]),
            b' '..=b'~' => line.push(char::from(byte)),
            _ => {
                // Writing to a String doesn't fail.
                let _ = write!(line, "\\x{byte:02X}");
            }
        }
    }
}

/// Text as in JSON, with everything that isn't printable ASCII as `\u00HH` by byte or `\uHHHH`.
fn escape_json(bytes: &[u8], line: &mut String) {
    for character in String::from_utf8_lossy(bytes).encode_utf16() {
        match u8::try_from(character) {
            Ok(byte @ (b'"' | b'\\')) => line.extend(['\\', char::from(byte)]),
            Ok(byte @ b' '..=b'~') => line.push(char::from(byte)),
            _ => {
                // Writing to a String doesn't fail.
                let _ = write!(line, "\\u{character:04x}");
            }
        }
    }
}
