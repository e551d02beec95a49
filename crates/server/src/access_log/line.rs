//! The formats of a line. A line is made for each exchange, so it allocates nothing, and formats
//! the time once per second.

use super::escape::{escape, escape_json, escape_user};
use super::number::{endpoint, host, milliseconds, number, seconds, tenths};
use super::record::{Ending, Record};
use chrono::{DateTime, Local};
use http::Version;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last day of the year 9999. Programs that read lines can't handle later times.
const LAST_SECOND: i64 = 253_402_300_799 - 24 * 3600;

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

/// A thread's buffers, kept from one line to the next.
#[derive(Default)]
struct LineBuffer {
    line: String,
    second: Option<Duration>,
    pattern: &'static str,
    time: String,
}

thread_local! {
    static BUFFER: RefCell<LineBuffer> = RefCell::default();
}

/// Formats a record and passes the line to `take`.
pub(super) fn with(record: &Record<'_>, format: Format, take: impl FnOnce(&[u8])) {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.line.clear();
        match format {
            Format::Common => buffer.common(record),
            Format::Combined => buffer.combined(record),
            Format::Json => buffer.json(record),
            Format::Dev => buffer.dev(record, "%H:%M:%S"),
            Format::DatedDev => buffer.dev(record, "%Y-%m-%d %H:%M:%S"),
        }
        buffer.line.push('\n');
        take(buffer.line.as_bytes());
    });
}

impl LineBuffer {
    /// Formats the time once per second, with the time zone and summer time of that second.
    fn time(&mut self, time: SystemTime, pattern: &'static str) -> (&str, &mut String) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = Some(Duration::from_secs(since.as_secs()));
        if self.second != second || self.pattern != pattern {
            self.time.clear();
            // The calendar ends in the year 262,142, and a clock that is set wrong must not end the
            // log.
            let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
            let time = DateTime::from_timestamp(seconds.min(LAST_SECOND), 0).unwrap_or_default();
            // Writing to a String doesn't fail.
            let _ = write!(self.time, "{}", time.with_timezone(&Local).format(pattern));
            (self.second, self.pattern) = (second, pattern);
        }
        (&self.time, &mut self.line)
    }

    fn common(&mut self, record: &Record<'_>) {
        let (time, line) = self.time(record.time, "%d/%b/%Y:%H:%M:%S %z");
        host(&record.remote, line);
        line.push_str(" - ");
        escape_user(record.user.as_deref(), line);
        line.push_str(" [");
        line.push_str(time);
        line.push_str("] \"");
        escape(record.method.as_bytes(), line);
        line.push(' ');
        escape(record.target.as_bytes(), line);
        line.push(' ');
        line.push_str(version(record.version));
        line.push_str("\" ");
        line.push_str(record.ending.status().unwrap_or(record.status.as_str()));
        line.push(' ');
        number(record.sent, line);
    }

    fn combined(&mut self, record: &Record<'_>) {
        self.common(record);
        for field in [&record.referer, &record.user_agent] {
            self.line.push_str(" \"");
            escape(field.as_deref().unwrap_or(b"-"), &mut self.line);
            self.line.push('"');
        }
        if let Some(upstream) = &record.hops.upstream {
            upstream.write_combined(&mut self.line);
        }
    }

    fn json(&mut self, record: &Record<'_>) {
        // RFC 3339 with milliseconds, which go in between.
        let (time, line) = self.time(record.time, "%Y-%m-%dT%H:%M:%S%:z");
        let (until_seconds, zone) = time.split_at("2026-01-31T12:59:59".len());
        let since = record.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        line.push_str("{\"time\":\"");
        line.push_str(until_seconds);
        line.push('.');
        milliseconds(since.subsec_millis(), line);
        line.push_str(zone);
        line.push_str("\",\"remote\":\"");
        endpoint(&record.remote, line);
        line.push('"');
        if let Some(user) = &record.user {
            member("user", user, line);
        }
        member("method", record.method.as_bytes(), line);
        member("target", record.target.as_bytes(), line);
        member("version", version(record.version).as_bytes(), line);
        line.push_str(",\"status\":");
        line.push_str(record.status.as_str());
        line.push_str(",\"sent\":");
        number(record.sent, line);
        line.push_str(match record.ending {
            Ending::Complete => ",\"complete\":true,\"seconds\":",
            _ => ",\"complete\":false,\"seconds\":",
        });
        seconds(record.duration, line);
        if let Some(reason) = record.ending.reason() {
            member("aborted", reason.as_bytes(), line);
        }
        if record.is_tls {
            line.push_str(",\"tls\":true");
        }
        if let Some(secured) = &record.hops.secured {
            member("tls_version", secured.version.as_bytes(), line);
            member("tls_cipher", secured.cipher.as_bytes(), line);
            if let Some(name) = &secured.server_name {
                member("server_name", name.as_bytes(), line);
            }
            if let Some(subject) = &secured.client {
                member("client_subject", subject.as_bytes(), line);
            }
        }
        if let Some(referer) = &record.referer {
            member("referer", referer, line);
        }
        if let Some(agent) = &record.user_agent {
            member("user_agent", agent, line);
        }
        if let Some(upstream) = &record.hops.upstream {
            upstream.write_json(line);
        }
        line.push('}');
    }

    fn dev(&mut self, record: &Record<'_>, pattern: &'static str) {
        let (time, line) = self.time(record.time, pattern);
        line.push_str(time);
        line.push_str("  ");
        line.push_str(record.status.as_str());
        line.push_str("  ");
        escape(record.method.as_bytes(), line);
        line.push(' ');
        escape(record.target.as_bytes(), line);
        line.push_str("  ");
        size(record.sent, line);
        let duration = record.duration;
        let in_second = u64::from(duration.subsec_micros() + 50) / 100;
        line.push_str("  ");
        tenths(duration.as_secs().saturating_mul(10_000) + in_second, line);
        line.push_str(" ms  ");
        host(&record.remote, line);
        if record.user.is_some() {
            line.push_str("  ");
            escape_user(record.user.as_deref(), line);
        }
        if record.is_tls {
            line.push_str("  TLS handshake on the plain-HTTP port");
        }
        if let Some(reason) = record.ending.reason() {
            line.push_str("  aborted: ");
            line.push_str(reason);
        }
    }
}

/// The name of a version.
fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// Appends a text member of a JSON object, after a comma.
fn member(name: &str, value: &[u8], line: &mut String) {
    line.push_str(",\"");
    line.push_str(name);
    line.push_str("\":\"");
    escape_json(value, line);
    line.push('"');
}

/// Formats a number of bytes with a unit.
fn size(bytes: u64, line: &mut String) {
    const UNITS: [&str; 5] = [" kB", " MB", " GB", " TB", " PB"];
    if bytes < 1000 {
        number(bytes, line);
        return line.push_str(" B");
    }
    // In whole numbers: formatting a fraction took 3 % of the user time of a small response.
    let rounded = |unit: u64| bytes.saturating_add(unit / 20) / (unit / 10);
    let (mut unit, mut name) = (1000, 0);
    while rounded(unit) >= 10_000 && name + 1 < UNITS.len() {
        unit *= 1000;
        name += 1;
    }
    tenths(rounded(unit), line);
    line.push_str(UNITS[name]);
}

#[cfg(test)]
mod tests {
    use super::super::record::{Hops, SecuredRecord};
    use super::*;
    use http::{StatusCode, Version};

    fn line(format: Format, seconds: u64, duration: Duration, sent: u64) -> String {
        line_of(None, format, seconds, duration, sent)
    }

    fn line_of(
        user: Option<&[u8]>,
        format: Format,
        seconds: u64,
        duration: Duration,
        sent: u64,
    ) -> String {
        let record = Record {
            remote: std::net::SocketAddr::from(([192, 0, 2, 1], 4711)).into(),
            user: user.map(Into::into),
            time: UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 7),
            duration,
            method: "GET".into(),
            target: "/a\u{7f}\"b".into(),
            version: Version::HTTP_11,
            status: StatusCode::OK,
            sent,
            ending: Ending::Complete,
            is_tls: false,
            hops: Hops::default(),
            referer: None,
            user_agent: Some(b"x\\\xff\n".as_slice().into()),
        };
        line_for(&record, format)
    }

    fn line_for(record: &Record<'_>, format: Format) -> String {
        let mut made = String::new();
        with(record, format, |line| {
            made = String::from_utf8_lossy(line).into_owned();
        });
        made
    }

    #[test]
    fn what_a_handshake_agreed_on_is_in_json() {
        let record = |secured| Record {
            remote: std::net::SocketAddr::from(([192, 0, 2, 1], 4711)).into(),
            user: None,
            time: UNIX_EPOCH,
            duration: Duration::ZERO,
            method: "GET".into(),
            target: "/".into(),
            version: Version::HTTP_11,
            status: StatusCode::OK,
            sent: 0,
            ending: Ending::Complete,
            is_tls: false,
            hops: Hops {
                secured,
                upstream: None,
            },
            referer: None,
            user_agent: None,
        };
        let whole = SecuredRecord {
            version: "1.3",
            cipher: "TLS_AES_128_GCM_SHA256",
            server_name: Some("a.example".into()),
            client: Some("CN=\"a\"\n".into()),
        };
        let bare = SecuredRecord {
            server_name: None,
            client: None,
            ..whole.clone()
        };
        let table = [
            (None, ""),
            (
                Some(whole),
                r#","tls_version":"1.3","tls_cipher":"TLS_AES_128_GCM_SHA256","server_name":"a.example","client_subject":"CN=\"a\"\u000a""#,
            ),
            (
                Some(bare),
                r#","tls_version":"1.3","tls_cipher":"TLS_AES_128_GCM_SHA256""#,
            ),
        ];
        for (secured, expected) in table {
            let record = record(secured);
            for (format, is_there) in [(Format::Json, true), (Format::Combined, false)] {
                with(&record, format, |line| {
                    let line = String::from_utf8_lossy(line).into_owned();
                    let has = line.contains(expected) && line.contains("tls_version");
                    assert_eq!(has, is_there && !expected.is_empty(), "{line}");
                });
            }
        }
    }

    #[test]
    fn formats_and_their_escapes() {
        let micros = Duration::from_micros;
        let first = line(Format::Combined, 1, micros(1), 1024);
        assert!(first.starts_with("192.0.2.1 - - ["), "{first}");
        let rest = "] \"GET /a\\x7F\\\"b HTTP/1.1\" 200 1024 \"-\" \"x\\\\\\xFF\\x0A\"\n";
        assert!(first.ends_with(rest), "{first}");
        let json = line(Format::Json, 1, micros(1_000_002), 5);
        assert!(json.contains(":01.007"), "{json}");
        assert!(json.contains("\"target\":\"/a\\u007f\\\"b\""), "{json}");
        assert!(json.contains("\"seconds\":1.000002,"), "{json}");
        for (duration, sent, want) in [
            (micros(49), 0, "  0 B  0.0 ms  192.0.2.1\n"),
            (micros(50), 999, "  999 B  0.1 ms  192.0.2.1\n"),
            (micros(12_345), 1000, "  1.0 kB  12.3 ms  192.0.2.1\n"),
            (micros(0), 1049, "  1.0 kB  0.0 ms  192.0.2.1\n"),
            (micros(0), 1050, "  1.1 kB  0.0 ms  192.0.2.1\n"),
            (micros(0), 999_949, "  999.9 kB  0.0 ms  192.0.2.1\n"),
            (micros(0), 999_950, "  1.0 MB  0.0 ms  192.0.2.1\n"),
            (micros(0), u64::MAX, "  18446.7 PB  0.0 ms  192.0.2.1\n"),
        ] {
            let made = line(Format::Dev, 1, duration, sent);
            assert!(made.ends_with(want), "{made}");
        }
    }

    #[test]
    fn the_user_is_one_word_in_every_format() {
        let table: [(Option<&[u8]>, &str, &str); 5] = [
            (None, "-", ""),
            (Some(b"ann"), "ann", r#""user":"ann","#),
            (Some(b""), r#""""#, r#""user":"","#),
            (Some(b"-"), r"\x2D", r#""user":"-","#),
            (
                Some(b"a b\"\n\xff"),
                r#"a\x20b\"\x0A\xFF"#,
                r#""user":"a b\"\u000a\ufffd","#,
            ),
        ];
        for (user, word, member) in table {
            let made = |format| line_of(user, format, 1, Duration::ZERO, 0);
            for format in [Format::Common, Format::Combined] {
                let made = made(format);
                assert!(made.starts_with(&format!("192.0.2.1 - {word} [")), "{made}");
            }
            let json = made(Format::Json);
            let member = format!(r#""remote":"192.0.2.1:4711",{member}"method""#);
            assert!(json.contains(&member), "{json}");
            for format in [Format::Dev, Format::DatedDev] {
                let end = match user {
                    None => "  192.0.2.1\n".to_owned(),
                    Some(_) => format!("  192.0.2.1  {word}\n"),
                };
                let made = made(format);
                assert!(made.ends_with(&end), "{made}");
            }
        }
        let dated = line(Format::DatedDev, 1, Duration::ZERO, 0);
        assert!(
            dated.starts_with("19") && dated.contains(":01  200  GET "),
            "{dated}"
        );
    }

    /// A clock before 1970 or beyond chrono's calendar doesn't end the log.
    #[test]
    fn any_time_has_a_line() {
        for seconds in [0, 253_402_300_799, 9_200_000_000_000, 9_200_000_000_000_000] {
            for format in [Format::Common, Format::Dev, Format::Json] {
                assert!(line(format, seconds, Duration::ZERO, 0).ends_with('\n'));
            }
        }
    }

    #[test]
    fn the_time_is_that_of_each_line() {
        let at = |format, seconds| line(format, seconds, Duration::ZERO, 0);
        for format in [Format::Common, Format::Dev, Format::Json] {
            let [a, b] = [1, 2].map(|second| at(format, second));
            assert_ne!(a, b);
            assert!(a.contains(":01") && b.contains(":02"), "{a}{b}");
            assert_eq!(at(format, 1), a);
        }
    }
}
