//! `--json-out`: one JSON object about a fetch, for programs.

use super::facts::{Facts, total};
use super::redact;
use crate::failure::Failure;
use crate::visible::is_dangerous;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;
use tinyhttp_client::BodyLength;
use tinyhttp_client::trace::{Attempt, Hop, Outcome};

/// Everything that is known.
pub(in crate::get) fn object(facts: &Facts<'_>) -> Value {
    let last = facts.trace.hops.last();
    json!({
        "url": facts.spec.map_or_else(|| facts.given.to_owned(), |spec| redact::url(&spec.url)),
        "effective_url": last.map(|hop| redact::url(&hop.url)),
        "method": facts.spec.map(|spec| spec.method.as_str()),
        "status": last.and_then(|hop| hop.response.status).map(|status| status.as_u16()),
        "exit_code": facts.failure.map_or(0, Failure::code),
        "error": facts.failure.map(Failure::what),
        "retries": facts.summary.retries,
        "content": {
            "bytes": facts.summary.written,
            "file": facts.summary.file.as_ref().map(|path| path.display().to_string()),
            "verified": facts.summary.verified,
        },
        "total_ms": milliseconds(total(facts.trace)),
        "hops": facts.trace.hops.iter().map(hop).collect::<Vec<_>>(),
    })
}

/// As text, in which whatever a terminal would take for a command is written as `\u009b`.
pub(in crate::get) fn text(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        if is_dangerous(character) {
            // All of them have four digits at most; writing to a String doesn't fail.
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}

/// One request and its response. Times are milliseconds from the start of the fetch.
fn hop(hop: &Hop) -> Value {
    let at = |time: Option<Duration>| time.map(milliseconds);
    json!({
        "method": hop.method.as_str(),
        "url": redact::url(&hop.url),
        "addresses": hop.addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>(),
        "attempts": hop.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "peer": hop.peer.as_ref().map(ToString::to_string),
        "reused": hop.reused,
        "proxy": &hop.tunnel,
        "tls": hop.tls.as_ref().map(|tls| json!({
            "version": tls.version,
            "cipher": tls.cipher,
            "group": tls.group,
            "alpn": tls.alpn,
            "resumed": tls.is_resumed,
            "verified": tls.is_verified,
        })),
        "request": message(&hop.request.head),
        "interim": hop.response.interim.iter().map(|head| message(head)).collect::<Vec<_>>(),
        "response": message(&hop.response.head),
        "trailers": field_lines(redact::head(&hop.response.trailers).as_slice()),
        "status": hop.response.status.map(|status| status.as_u16()),
        "content": {
            "framing": hop.response.length.map(|length| match length {
                BodyLength::Empty => "none",
                BodyLength::Known(_) => "content-length",
                BodyLength::Chunked => "chunked",
                BodyLength::UntilClose => "close",
            }),
            "sent": hop.request.content,
            "received": hop.response.content,
        },
        "connection": match (hop.timings.ended, hop.close) {
            (None, _) => Value::Null,
            (Some(_), None) => json!("kept"),
            (Some(_), Some(reason)) => json!(format!("closed: {reason}")),
        },
        "times_ms": {
            "started": milliseconds(hop.timings.started),
            "resolved": at(hop.timings.resolved),
            "connected": at(hop.timings.connected),
            "secured": at(hop.timings.secured),
            "send": at(hop.timings.send),
            "sent": at(hop.timings.sent),
            "first_byte": at(hop.timings.first_byte),
            "ended": at(hop.timings.ended),
        },
    })
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "address": attempt.address.to_string(),
        "started_ms": milliseconds(attempt.started),
        "ended_ms": attempt.ended.map(milliseconds),
        "outcome": match &attempt.outcome {
            Outcome::Connected => "connected",
            Outcome::Failed(reason) => reason,
            _ => "dropped",
        },
    })
}

/// A head: its start line, and its fields in order, repeated ones repeated.
fn message(raw: &[u8]) -> Value {
    let shown = redact::head(raw);
    let text = String::from_utf8_lossy(&shown);
    let Some((start_line, fields)) = text.split_once('\n') else {
        return Value::Null;
    };
    let start_line = start_line.trim_end_matches('\r');
    json!({ "start_line": start_line, "fields": field_lines(fields.as_bytes()) })
}

/// Field lines: name and value of each.
fn field_lines(lines: &[u8]) -> Value {
    let text = String::from_utf8_lossy(lines);
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields
        .map(|(name, value)| json!([name, value.trim()]))
        .collect()
}

/// To a microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
