//! The variables of `-w`: curl's names, and what each stands for.
//!
//! What has no meaning over HTTP/1.1 has the value that curl gives it there: `ftp_entry_path` is
//! empty, `time_queue` and `tls_earlydata` are 0.

use super::facts::{Facts, fields, total};
use super::{json_out, redact};
use crate::failure::Failure;
use crate::get::args::bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use serde_json::Value as Json;
use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;
use tinyhttp_client::trace::{Hop, Route};
use tinyhttp_client::{Peer, hide_passwords};
use url::Url;

/// The value of a variable. As text a value that is missing is empty, in JSON it is null.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Missing,
    Text(String),
    Number(i64),
    /// A status code; 000 if there is none.
    Code(u16),
    Time(Duration),
    /// A text with a secret in it, which JSON leaves out.
    Secret(String),
}

type Variable = (&'static str, fn(&Facts<'_>) -> Value);

/// All variables, in alphabetical order. `json` and `header_json` are made of others.
const VARIABLES: &[Variable] = &[
    ("certs", |facts| Value::Text(certificates(facts))),
    ("conn_id", |facts| match last(facts).and_then(route) {
        Some(route) => number(route.connection),
        None => Value::Number(-1),
    }),
    ("content_type", |facts| {
        text(field(last(facts), "content-type"))
    }),
    ("errormsg", |facts| {
        text(facts.failure.map(|failure| failure.what().to_owned()))
    }),
    ("exitcode", |facts| {
        Value::Number(facts.failure.map_or(0, Failure::code).into())
    }),
    ("filename_effective", |facts| {
        let file = facts.summary.file.as_ref();
        text(file.map(|path| path.display().to_string()))
    }),
    ("ftp_entry_path", |_| Value::Missing),
    ("http_code", status),
    ("http_connect", |facts| {
        Value::Code(facts.summary.connect_status.unwrap_or(0))
    }),
    ("http_version", |facts| {
        text(Some(version(facts).to_owned()))
    }),
    ("local_ip", |facts| {
        text(local(facts).map(|address| address.ip().to_string()))
    }),
    ("local_port", |facts| {
        Value::Number(local(facts).map_or(0, |address| address.port()).into())
    }),
    ("method", |facts| {
        let sent = last(facts).map(|hop| hop.method.to_string());
        text(sent.or_else(|| facts.spec.map(|spec| spec.method.to_string())))
    }),
    ("num_certs", |facts| number(chain(facts).len())),
    ("num_connects", |facts| {
        let new = |hop: &&Hop| hop.timings.connected.is_some() && hop.reused == 0;
        number(facts.trace.hops.iter().filter(new).count())
    }),
    ("num_headers", |facts| number(fields(last(facts)).len())),
    ("num_redirects", |facts| {
        number(facts.trace.hops.len().saturating_sub(1))
    }),
    ("num_retries", |facts| {
        Value::Number(facts.summary.retries.into())
    }),
    ("proxy_ssl_verify_result", |_| Value::Number(0)),
    ("proxy_used", |facts| {
        let proxy = last(facts).and_then(route).map(|route| &route.proxy);
        Value::Number(proxy.is_some_and(Option::is_some).into())
    }),
    ("redirect_url", |facts| {
        text(last(facts).and_then(redirect_url))
    }),
    ("referer", |facts| text(referer(facts))),
    ("remote_ip", |facts| {
        text(remote(facts).map(|address| address.ip().to_string()))
    }),
    ("remote_port", |facts| {
        Value::Number(remote(facts).map_or(0, |address| address.port()).into())
    }),
    ("response_code", status),
    ("scheme", |facts| of_effective(facts, "scheme")),
    ("size_delivered", |facts| number(facts.summary.written)),
    ("size_download", |facts| number(received(facts))),
    ("size_header", |facts| {
        let length = |hop: &Hop| {
            let interim: usize = hop.response.interim.iter().map(Vec::len).sum();
            hop.response.head.len() + interim
        };
        number(facts.trace.hops.iter().map(length).sum::<usize>())
    }),
    ("size_request", |facts| {
        let heads = facts
            .trace
            .hops
            .iter()
            .map(|hop| hop.request.head.len() as u64);
        number(heads.sum::<u64>() + sent(facts))
    }),
    ("size_upload", |facts| number(sent(facts))),
    ("speed_download", |facts| speed(facts, received(facts))),
    ("speed_upload", |facts| speed(facts, sent(facts))),
    ("ssl_verify_result", |facts| {
        // Which of OpenSSL's codes it would be is unknown; 1 is the one for any reason.
        let is_unverified = last(facts)
            .and_then(|hop| hop.tls.as_ref())
            .is_some_and(|tls| !tls.is_verified);
        let is_refused = facts.failure.is_some_and(|failure| failure.code() == 60);
        Value::Number((is_unverified || is_refused).into())
    }),
    ("time_appconnect", |facts| {
        at(facts, |hop| hop.timings.secured)
    }),
    ("time_connect", |facts| {
        at(facts, |hop| hop.timings.connected)
    }),
    ("time_namelookup", |facts| {
        at(facts, |hop| hop.timings.resolved)
    }),
    ("time_posttransfer", |facts| {
        at(facts, |hop| hop.timings.sent)
    }),
    ("time_pretransfer", |facts| {
        at(facts, |hop| hop.timings.send)
    }),
    ("time_queue", |_| Value::Time(Duration::ZERO)),
    ("time_redirect", |facts| {
        at(facts, |hop| Some(hop.timings.started))
    }),
    ("time_starttransfer", |facts| {
        at(facts, |hop| hop.timings.first_byte)
    }),
    ("time_total", |facts| Value::Time(total(facts.trace))),
    ("tls_earlydata", |_| Value::Number(0)),
    ("url", |facts| text(Some(given(facts)))),
    ("url.fragment", |facts| of_given(facts, "fragment")),
    ("url.host", |facts| of_given(facts, "host")),
    ("url.options", |_| Value::Missing),
    ("url.password", |facts| of_given(facts, "password")),
    ("url.path", |facts| of_given(facts, "path")),
    ("url.port", |facts| of_given(facts, "port")),
    ("url.query", |facts| of_given(facts, "query")),
    ("url.scheme", |facts| of_given(facts, "scheme")),
    ("url.user", |facts| of_given(facts, "user")),
    ("url.zoneid", |facts| of_given(facts, "zoneid")),
    ("url_effective", |facts| {
        let url = last(facts).map(|hop| redact::url(&hop.url));
        text(Some(url.unwrap_or_else(|| given(facts))))
    }),
    ("urle.fragment", |facts| of_effective(facts, "fragment")),
    ("urle.host", |facts| of_effective(facts, "host")),
    ("urle.options", |_| Value::Missing),
    ("urle.password", |facts| of_effective(facts, "password")),
    ("urle.path", |facts| of_effective(facts, "path")),
    ("urle.port", |facts| of_effective(facts, "port")),
    ("urle.query", |facts| of_effective(facts, "query")),
    ("urle.scheme", |facts| of_effective(facts, "scheme")),
    ("urle.user", |facts| of_effective(facts, "user")),
    ("urle.zoneid", |facts| of_effective(facts, "zoneid")),
    ("urlnum", |facts| number(facts.number)),
    ("xfer_id", |facts| number(facts.fetch)),
];

/// The value of a variable; `None` if there is no variable of that name.
pub(super) fn value(name: &str, facts: &Facts<'_>) -> Option<Value> {
    if name == "json" {
        return Some(Value::Text(all(facts)));
    }
    if name == "header_json" {
        return Some(Value::Text(header_json(facts)));
    }
    let found = VARIABLES.binary_search_by_key(&name, |(name, _)| name);
    let (_, value) = VARIABLES.get(found.ok()?)?;
    Some(value(facts))
}

/// `%{json}`: one object with all variables but `header_json`.
fn all(facts: &Facts<'_>) -> String {
    let mut text = String::from("{");
    for (name, value) in VARIABLES {
        // Writing to a String doesn't fail.
        let _ = write!(text, "\"{name}\":{},", value(facts).json());
    }
    let version = concat!("tinyhttp/", env!("CARGO_PKG_VERSION"));
    let _ = write!(text, "\"curl_version\":\"{version}\"}}");
    text
}

/// `%{header_json}`: the fields by name, each on a line, and the values of each.
fn header_json(facts: &Facts<'_>) -> String {
    let fields = fields(last(facts));
    let mut lines = Vec::new();
    for name in fields.keys() {
        let values = fields.get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let values = Json::from(values.collect::<Vec<_>>());
        let name = Json::from(name.as_str());
        lines.push(format!("{name}:{}", json_out::text(&values)));
    }
    format!("{{{}\n}}", lines.join(",\n"))
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Missing => Ok(()),
            Value::Text(text) | Value::Secret(text) => f.write_str(text),
            Value::Number(number) => number.fmt(f),
            Value::Code(code) => write!(f, "{code:03}"),
            Value::Time(time) => write!(f, "{}.{:06}", time.as_secs(), time.subsec_micros()),
        }
    }
}

impl Value {
    fn json(&self) -> String {
        match self {
            Value::Missing | Value::Secret(_) => Json::Null.to_string(),
            Value::Text(text) => json_out::text(&Json::from(text.as_str())),
            Value::Code(code) => code.to_string(),
            Value::Number(_) | Value::Time(_) => self.to_string(),
        }
    }
}

fn text(text: Option<String>) -> Value {
    text.map_or(Value::Missing, Value::Text)
}

fn last<'f>(facts: &'f Facts<'_>) -> Option<&'f Hop> {
    facts.trace.hops.last()
}

/// The URL that was fetched last.
fn effective<'f>(facts: &'f Facts<'_>) -> Option<&'f Url> {
    last(facts).map(|hop| &hop.url).or(facts.url)
}

fn given(facts: &Facts<'_>) -> String {
    match facts.spec {
        Some(spec) => redact::url(&spec.url),
        None => facts.given.to_owned(),
    }
}

fn number(number: impl TryInto<i64>) -> Value {
    Value::Number(number.try_into().unwrap_or(i64::MAX))
}

fn of_given(facts: &Facts<'_>, part: &str) -> Value {
    url_part(facts.url, facts.zone, part)
}

fn of_effective(facts: &Facts<'_>, part: &str) -> Value {
    // No server knows the zones of its clients: a redirect leads into none.
    let zone = facts.zone.filter(|_| facts.trace.hops.len() < 2);
    url_part(effective(facts), zone, part)
}

/// A part of a URL, as it stands in the URL.
fn url_part(url: Option<&Url>, zone: Option<&str>, part: &str) -> Value {
    let Some(url) = url else {
        return Value::Missing;
    };
    let part = match part {
        "scheme" => Some(url.scheme()),
        "user" => Some(url.username()).filter(|user| !user.is_empty()),
        "password" => {
            let password = url.password().map(str::to_owned);
            return password.map_or(Value::Missing, Value::Secret);
        }
        "host" => url.host_str(),
        "port" => {
            let port = url.port_or_known_default().or(match url.scheme() {
                "gopher" | "gophers" => Some(70),
                _ => None,
            });
            return text(port.map(|port| port.to_string()));
        }
        "path" => Some(url.path()),
        "query" => url.query(),
        "fragment" => url.fragment(),
        "zoneid" => zone,
        _ => None,
    };
    text(part.map(str::to_owned))
}

fn status(facts: &Facts<'_>) -> Value {
    // As curl has it: the server might have answered so itself.
    if facts.summary.is_unmet {
        return Value::Code(304);
    }
    let status = last(facts).and_then(|hop| hop.response.status);
    Value::Code(status.map_or(0, |status| status.as_u16()))
}

fn version(facts: &Facts<'_>) -> &'static str {
    match last(facts).map(|hop| hop.response.head.as_slice()) {
        Some(head) if head.starts_with(b"HTTP/1.0") => "1",
        Some(head) if head.starts_with(b"HTTP/1.") => "1.1",
        _ => "0",
    }
}

fn route(hop: &Hop) -> Option<&Route> {
    hop.route.as_ref()
}

fn local(facts: &Facts<'_>) -> Option<SocketAddr> {
    last(facts).and_then(route).and_then(|route| route.local)
}

fn remote(facts: &Facts<'_>) -> Option<SocketAddr> {
    match last(facts).and_then(|hop| hop.peer.as_ref()) {
        Some(Peer::Tcp(address)) => Some(*address),
        _ => None,
    }
}

/// Where the response points, whether or not that was followed.
fn redirect_url(hop: &Hop) -> Option<String> {
    let is_redirect = hop
        .response
        .status
        .is_some_and(|status| status.is_redirection());
    let location = field(Some(hop), "location").filter(|location| !location.is_empty())?;
    let url = hop.url.join(&location).ok()?;
    is_redirect.then(|| redact::url(&url))
}

/// The value of Referer in the last request.
fn referer(facts: &Facts<'_>) -> Option<String> {
    let mut lines = last(facts)?.request.head.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let (name, value) = bytes::split_once(line, b':')?;
        name.eq_ignore_ascii_case(b"referer")
            .then_some(value.trim_ascii())
    })?;
    Some(hide_passwords(&String::from_utf8_lossy(value)))
}

/// Bytes of content that came, before decoding.
fn received(facts: &Facts<'_>) -> u64 {
    match last(facts) {
        Some(hop) if facts.summary.is_decoded => hop.response.content,
        _ => facts.summary.written,
    }
}

fn sent(facts: &Facts<'_>) -> u64 {
    facts.trace.hops.iter().map(|hop| hop.request.content).sum()
}

fn speed(facts: &Facts<'_>, bytes: u64) -> Value {
    let seconds = total(facts.trace).as_secs_f64().max(1e-6);
    number((bytes as f64 / seconds) as u64)
}

fn at(facts: &Facts<'_>, time: impl Fn(&Hop) -> Option<Duration>) -> Value {
    Value::Time(last(facts).and_then(time).unwrap_or_default())
}

/// The server's certificates, its own first.
fn chain<'f>(facts: &'f Facts<'_>) -> &'f [Vec<u8>] {
    let tls = last(facts).and_then(|hop| hop.tls.as_ref());
    tls.map_or(&[], |tls| &tls.certificates)
}

/// The server's certificates in PEM.
fn certificates(facts: &Facts<'_>) -> String {
    let mut pem = String::new();
    for certificate in chain(facts) {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = STANDARD.encode(certificate);
        for (index, character) in text.char_indices() {
            if index > 0 && index % 64 == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem.push_str("\n-----END CERTIFICATE-----\n");
    }
    pem
}

fn field(hop: Option<&Hop>, name: &str) -> Option<String> {
    let fields = fields(hop);
    let value = fields.get(name).map(HeaderValue::as_bytes)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order() {
        let names: Vec<_> = VARIABLES.iter().map(|(name, _)| *name).collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn parts_of_urls() {
        let table = [
            ("http://me:pw@h:81/a?b#c", "http me pw h 81 /a b c"),
            ("https://h", "https   h 443 /  "),
            ("http://[::1]/", "http   [::1] 80 /  "),
            ("gopher://h/1x", "gopher   h 70 /1x  "),
            ("h55p://h:1/x?y#z", "h55p   h 1 /x y z"),
            ("h55p://h", "h55p   h    "),
        ];
        let names = [
            "scheme", "user", "password", "host", "port", "path", "query", "fragment",
        ];
        for (url, want) in table {
            let url = Url::parse(url).unwrap();
            let parts = names.map(|name| url_part(Some(&url), None, name).to_string());
            assert_eq!(parts.join(" "), want, "{url}");
        }
    }

    #[test]
    fn json_keeps_secrets() {
        let table = [
            (Value::Missing, "", "null"),
            (
                Value::Text("a\"\u{9b}".into()),
                "a\"\u{9b}",
                r#""a\"\u009b""#,
            ),
            (Value::Number(-1), "-1", "-1"),
            (Value::Code(0), "000", "0"),
            (
                Value::Time(Duration::from_micros(1_000_020)),
                "1.000020",
                "1.000020",
            ),
            (Value::Secret("pw".into()), "pw", "null"),
        ];
        for (value, shown, json) in table {
            assert_eq!((&*value.to_string(), &*value.json()), (shown, json));
        }
    }
}
