//! `-w`: facts about a fetch for scripts, under curl's names.

use super::facts::{Facts, fields, total};
use super::{json_out, redact};
use crate::failure::Failure;
use crate::get::args::bytes;
use crate::visible::visible;
use http::HeaderValue;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use tinyhttp_client::trace::Hop;
use tinyhttp_client::{Peer, hide_passwords};

/// Writes the format, with every variable filled in.
pub(in crate::get) fn write_out(format: &OsStr, facts: &Facts<'_>) -> io::Result<()> {
    let format = match format.as_bytes().strip_prefix(b"@") {
        Some(b"-") => {
            let mut text = Vec::new();
            io::stdin().read_to_end(&mut text)?;
            text
        }
        Some(path) => std::fs::read(bytes::path(path))?,
        None => format.as_bytes().to_vec(),
    };
    let (mut stdout, mut stderr) = (io::stdout(), io::stderr());
    // The format is the user's, and may do what it likes to a terminal; values come from elsewhere.
    let mut is_terminal = stdout.is_terminal();
    let mut out: &mut dyn Write = &mut stdout;
    let mut rest = format.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        if let Some((name, after)) = variable(rest, b"%{") {
            match name {
                "stdout" => {
                    is_terminal = io::stdout().is_terminal();
                    out = &mut stdout;
                }
                "stderr" => {
                    is_terminal = io::stderr().is_terminal();
                    out = &mut stderr;
                }
                "onerror" if facts.failure.is_none() => break,
                "onerror" => {}
                name if is_terminal => write!(out, "{}", visible(&value(name, facts)))?,
                name => write!(out, "{}", value(name, facts))?,
            }
            rest = after;
        } else if let Some((name, after)) = variable(rest, b"%header{") {
            let fields = fields(facts.trace.hops.last());
            let value = fields
                .get(name)
                .map(HeaderValue::as_bytes)
                .unwrap_or_default();
            match is_terminal {
                true => write!(out, "{}", visible(&String::from_utf8_lossy(value)))?,
                false => out.write_all(value)?,
            }
            rest = after;
        } else if let Some((shown, after)) = escape(rest) {
            out.write_all(shown.as_bytes())?;
            rest = after;
        } else {
            out.write_all(&[*first])?;
            rest = behind;
        }
    }
    out.flush()
}

/// The name in braces behind `opening`, and the text behind that. No variable has a name that is
/// not UTF-8.
fn variable<'t>(text: &'t [u8], opening: &[u8]) -> Option<(&'t str, &'t [u8])> {
    let (name, rest) = bytes::split_once(text.strip_prefix(opening)?, b'}')?;
    Some((std::str::from_utf8(name).unwrap_or_default(), rest))
}

fn escape(text: &[u8]) -> Option<(&'static str, &[u8])> {
    [("\\n", "\n"), ("\\t", "\t"), ("\\r", "\r"), ("%%", "%")]
        .iter()
        .find_map(|(from, to)| Some((*to, text.strip_prefix(from.as_bytes())?)))
}

/// The value of a variable; empty for an unknown one, as in curl.
fn value(name: &str, facts: &Facts<'_>) -> String {
    let hop = facts.trace.hops.last();
    let seconds = |at: Option<Duration>| format!("{:.6}", at.unwrap_or_default().as_secs_f64());
    let total = total(facts.trace);
    let speed = |bytes: u64| (bytes as f64 / total.as_secs_f64().max(1e-6)) as u64;
    let sent: u64 = facts.trace.hops.iter().map(|hop| hop.request.content).sum();
    let address = || match hop.and_then(|hop| hop.peer.as_ref()) {
        Some(Peer::Tcp(address)) => Some(*address),
        _ => None,
    };
    match name {
        "http_code" | "response_code" => {
            let status = hop.and_then(|hop| hop.response.status);
            format!("{:03}", status.map_or(0, |status| status.as_u16()))
        }
        "http_version" => match hop.map(|hop| hop.response.head.as_slice()) {
            Some(head) if head.starts_with(b"HTTP/1.0") => "1.0".to_owned(),
            Some(head) if head.starts_with(b"HTTP/1.1") => "1.1".to_owned(),
            _ => "0".to_owned(),
        },
        "method" => hop.map_or(facts.spec.method.to_string(), |hop| hop.method.to_string()),
        "url" => redact::url(&facts.spec.url),
        "url_effective" => redact::url(hop.map_or(&facts.spec.url, |hop| &hop.url)),
        "urlnum" => facts.number.to_string(),
        "scheme" => hop.map_or("", |hop| hop.url.scheme()).to_ascii_uppercase(),
        "content_type" => field(hop, "content-type"),
        "redirect_url" => hop.and_then(redirect_url).unwrap_or_default(),
        "referer" => {
            let referer = facts.spec.fields.get("Referer");
            hide_passwords(&String::from_utf8_lossy(referer.unwrap_or_default()))
        }
        "num_headers" => fields(hop).len().to_string(),
        "num_redirects" => facts.trace.hops.len().saturating_sub(1).to_string(),
        "num_retries" => facts.summary.retries.to_string(),
        "num_connects" => {
            let new = |hop: &&Hop| hop.timings.connected.is_some() && hop.reused == 0;
            facts.trace.hops.iter().filter(new).count().to_string()
        }
        "remote_ip" => address()
            .map(|address| address.ip().to_string())
            .unwrap_or_default(),
        "remote_port" => address().map_or(0, |address| address.port()).to_string(),
        "size_download" => facts.summary.written.to_string(),
        "size_upload" => sent.to_string(),
        "size_header" => {
            let heads = facts.trace.hops.iter().map(|hop| hop.response.head.len());
            heads.sum::<usize>().to_string()
        }
        "size_request" => {
            let heads = facts.trace.hops.iter().map(|hop| hop.request.head.len());
            (heads.sum::<usize>() as u64 + sent).to_string()
        }
        "speed_download" => speed(facts.summary.written).to_string(),
        "speed_upload" => speed(sent).to_string(),
        "ssl_verify_result" => "0".to_owned(),
        "time_namelookup" => seconds(hop.and_then(|hop| hop.timings.resolved)),
        "time_connect" => seconds(hop.and_then(|hop| hop.timings.connected)),
        "time_appconnect" => seconds(hop.and_then(|hop| hop.timings.secured)),
        "time_pretransfer" => seconds(hop.and_then(|hop| hop.timings.send)),
        "time_starttransfer" => seconds(hop.and_then(|hop| hop.timings.first_byte)),
        "time_redirect" => seconds(hop.map(|hop| hop.timings.started)),
        "time_total" => seconds(Some(total)),
        "filename_effective" => {
            let path = facts.summary.file.as_ref();
            path.map_or_else(String::new, |path| path.display().to_string())
        }
        "exitcode" => facts.failure.map_or(0, Failure::code).to_string(),
        "errormsg" => facts
            .failure
            .map(Failure::what)
            .unwrap_or_default()
            .to_owned(),
        "json" => json_out::text(&json_out::object(facts)),
        "header_json" => json_out::text(&json_out::fields_object(&fields(hop))),
        _ => String::new(),
    }
}

/// Where the response points, whether or not that was followed.
fn redirect_url(hop: &Hop) -> Option<String> {
    let is_redirect = hop
        .response
        .status
        .is_some_and(|status| status.is_redirection());
    let location = field(Some(hop), "location");
    let url = hop.url.join(&location).ok()?;
    (is_redirect && !location.is_empty()).then(|| redact::url(&url))
}

fn field(hop: Option<&Hop>, name: &str) -> String {
    let fields = fields(hop);
    let value = fields
        .get(name)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}
