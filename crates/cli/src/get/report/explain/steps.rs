//! The seven steps of one hop.

use super::super::facts::Facts;
use super::super::redact;
use super::page::{Page, took};
use super::{caching, notes};
use crate::failure::Failure;
use crate::get::output::terminal::{start_line_style, styles};
use anstyle::Style;
use http::{Method, StatusCode};
use tinyhttp_client::trace::{Attempt, Closed, Hop, Outcome};
use tinyhttp_client::{BodyLength, CloseReason};
use url::Url;

/// Steps 1 to 6, and where a redirect leads.
pub(super) fn hop(page: &mut Page, hop: &Hop, next: Option<&Hop>, failure: Option<&Failure>) {
    url(page, &hop.url);
    resolve(page, hop);
    if hop.timings.resolved.is_none() && hop.timings.connected.is_none() {
        return;
    }
    connect(page, hop);
    if hop.timings.send.is_none() {
        return;
    }
    request(page, hop);
    if hop.response.head.is_empty() {
        return;
    }
    response(page, hop);
    connection(page, hop, failure);
    if let Some(next) = next {
        redirect(page, hop, next);
    }
}

fn url(page: &mut Page, url: &Url) {
    page.heading("1  The URL: which server, and which resource", None);
    let scheme = match url.scheme() {
        "https" => "HTTP inside TLS: secret, and the server proves its name (RFC 9110 §4.2.2)",
        _ => "plain text: every machine on the way can read it (RFC 9110 §4.2.1)",
    };
    page.row("scheme", url.scheme(), scheme);
    let host = match url.host() {
        Some(url::Host::Domain(name)) if name.starts_with("xn--") || name.contains(".xn--") => {
            "a name with other letters than ASCII, in its DNS form (RFC 3492)"
        }
        Some(url::Host::Domain(_)) => "a name, for DNS to look up",
        _ => "an address: nothing to look up",
    };
    page.row("host", url.host_str().unwrap_or_default(), host);
    let port = match url.port() {
        Some(_) => "written in the URL",
        None => "the scheme's own",
    };
    let number = url.port_or_known_default().unwrap_or_default();
    page.row("port", &number.to_string(), port);
    page.row("path", url.path(), "what the server is asked for");
    if let Some(query) = url.query() {
        page.row("query", query, "parameters, for the server");
    }
    if let Some(fragment) = url.fragment() {
        let note = "a place in the page; stays here, is never sent";
        page.row("fragment", fragment, note);
    }
}

fn resolve(page: &mut Page, hop: &Hop) {
    if hop.reused > 0 {
        return;
    }
    let took = hop
        .timings
        .resolved
        .map(|at| at.saturating_sub(hop.timings.started));
    page.heading("2  Find the address", took);
    if hop.addresses.is_empty() {
        let (fact, note) = match (hop.timings.resolved, hop.timings.connected) {
            (None, None) => (
                "none",
                "the name does not exist, or no name server that knows it could be reached",
            ),
            _ => (
                "none needed",
                "the connection doesn't lead to the host itself",
            ),
        };
        page.row("address", fact, note);
    }
    for address in &hop.addresses {
        let family = if address.is_ipv6() { "IPv6" } else { "IPv4" };
        let note = match address.ip().is_loopback() {
            true => format!("{family}; this machine itself"),
            false => family.to_owned(),
        };
        page.row("address", &address.ip().to_string(), &note);
    }
}

fn connect(page: &mut Page, hop: &Hop) {
    let since = hop.timings.resolved.unwrap_or(hop.timings.started);
    let took = hop.timings.connected.map(|at| at.saturating_sub(since));
    let peer = hop.peer.as_ref().map(ToString::to_string);
    let peer = peer.unwrap_or_default();
    if hop.reused > 0 {
        page.heading("3  Connect", None);
        let note = format!(
            "still open: nothing to look up and no handshake; this is exchange {} on it",
            hop.reused + 1
        );
        page.row("kept", &peer, &note);
        return;
    }
    page.heading("3  Connect", took);
    for attempt in &hop.attempts {
        page.row("tried", &attempt.address.to_string(), &outcome(attempt));
    }
    if hop.attempts.is_empty() {
        page.row("socket", &peer, "on this machine: no network, no handshake");
    }
    if hop.attempts.len() > 1 {
        let note = "the families take turns, 250 ms apart at most (RFC 8305)";
        page.row("", "", note);
    }
    if let Some(proxy) = &hop.tunnel {
        page.row("proxy", proxy, "passes the bytes on");
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = &hop.tls {
        super::certificate::describe(page, tls, hop);
    }
}

fn outcome(attempt: &Attempt) -> String {
    let after = attempt
        .ended
        .map(|ended| ended.saturating_sub(attempt.started))
        .map(|time| format!(" after {}", took(time)))
        .unwrap_or_default();
    match &attempt.outcome {
        Outcome::Connected => format!("connected{after}: TCP's three-way handshake is done"),
        Outcome::Failed(reason) => {
            let reason = reason.split(" (os error").next().unwrap_or(reason);
            format!("failed{after}: {reason}")
        }
        _ => "given up: another one was faster".to_owned(),
    }
}

fn request(page: &mut Page, hop: &Hop) {
    let took = match (hop.timings.send, hop.timings.sent) {
        (Some(send), Some(sent)) => Some(sent.saturating_sub(send)),
        _ => None,
    };
    page.heading("4  Send the request", took);
    head(
        page,
        &hop.request.head,
        notes::request_line,
        notes::request_field,
    );
    let note = match hop.request.content {
        0 => "",
        _ => "what is to be done with it is the method's meaning",
    };
    page.row("content", &bytes(hop.request.content), note);
    let meaning = notes::method(&hop.method);
    page.row("meaning", hop.method.as_str(), meaning);
}

fn bytes(number: u64) -> String {
    match number {
        0 => "none".to_owned(),
        1 => "1 byte".to_owned(),
        _ => format!("{number} bytes"),
    }
}

fn response(page: &mut Page, hop: &Hop) {
    let took = match (hop.timings.sent.or(hop.timings.send), hop.timings.ended) {
        (Some(sent), Some(ended)) => Some(ended.saturating_sub(sent)),
        _ => None,
    };
    page.heading("5  Receive the response", took);
    for interim in &hop.response.interim {
        head(
            page,
            interim,
            |_| "interim: the final response follows (RFC 9110 §15.2)",
            notes::response_field,
        );
    }
    head(
        page,
        &hop.response.head,
        |_| "version, status code, and a phrase for people (RFC 9112 §4)",
        notes::response_field,
    );
    page.row("content", &bytes(hop.response.content), length(hop));
    let status = hop.response.status.unwrap_or_default();
    page.row("meaning", status.as_str(), notes::status(status));
    let verdict = caching::verdict(&hop.method, status, &hop.response.fields());
    for (index, line) in verdict.iter().enumerate() {
        page.row(if index == 0 { "caches" } else { "" }, line, "");
    }
}

/// Where the length of the content came from (RFC 9112 §6.3).
fn length(hop: &Hop) -> &'static str {
    let status = hop.response.status.unwrap_or_default();
    match hop.response.length {
        Some(BodyLength::Empty) if hop.method == Method::HEAD => {
            "a response to HEAD has none, whatever its fields say (RFC 9112 §6.3)"
        }
        Some(BodyLength::Empty)
            if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) =>
        {
            "this status has none, whatever the fields say (RFC 9112 §6.3)"
        }
        Some(BodyLength::Empty) => "there is none",
        Some(BodyLength::Known(_)) => "as many as Content-Length says (RFC 9112 §6.2)",
        Some(BodyLength::Chunked) => {
            "in chunks, each with its size before it; one of size 0 ends it (RFC 9112 §7.1)"
        }
        Some(BodyLength::UntilClose) => {
            "until the server closed: whether that is all can't be known (RFC 9112 §6.3)"
        }
        None => "",
    }
}

fn connection(page: &mut Page, hop: &Hop, failure: Option<&Failure>) {
    page.heading("6  Close the connection, or keep it", None);
    match hop.close {
        None if hop.timings.ended.is_some() => page.row(
            "kept",
            "for the next request, as in HTTP/1.1 unless one side says close (RFC 9112 §9.3)",
            "",
        ),
        None => page.row("open", "", ""),
        Some(reason) => page.row("closed", closed(reason, failure), ""),
    }
}

fn closed(reason: Closed, failure: Option<&Failure>) -> &'static str {
    match reason {
        Closed::Protocol(CloseReason::PeerAsked) => {
            "the server said Connection: close (RFC 9112 §9.6)"
        }
        Closed::Protocol(CloseReason::LocalAsked) => {
            "the request said Connection: close (RFC 9112 §9.6)"
        }
        Closed::Protocol(CloseReason::Http10) => {
            "HTTP/1.0 closes after each response unless both sides agree (RFC 9112 §9.3)"
        }
        Closed::Protocol(CloseReason::UntilClose) => {
            "that is how the end of the content was told (RFC 9112 §6.3)"
        }
        Closed::Unread => "not all of the content was read; the rest would be in the way",
        Closed::Unsent => "the response came before the request was sent whole",
        Closed::Surplus => "there were bytes after the response that belong to no request",
        _ if failure.is_some() => {
            "something went wrong; where the next message starts is not known"
        }
        _ => "",
    }
}

fn redirect(page: &mut Page, hop: &Hop, next: &Hop) {
    let status = hop.response.status.unwrap_or_default().as_u16();
    page.heading("↪  Go where it points", None);
    page.row("location", next.url.as_str(), "");
    page.row("method", next.method.as_str(), notes::redirect(status));
    if next.method != hop.method {
        page.row("", "", "it changes, and the content is left behind");
    }
    if next.url.origin() != hop.url.origin() {
        let note = "passwords and cookies for the first one stay behind (RFC 9110 §15.4)";
        page.row("origin", "another one", note);
    }
}

/// A head, part by part.
fn head(
    page: &mut Page,
    raw: &[u8],
    start_line: impl Fn(&str) -> &'static str,
    field: impl Fn(&str) -> &'static str,
) {
    let shown = redact::head(raw);
    let text = String::from_utf8_lossy(&shown);
    let mut label = "fields";
    for (index, line) in text.lines().take_while(|line| !line.is_empty()).enumerate() {
        if index == 0 {
            let style = if line.starts_with("HTTP/") {
                start_line_style(line)
            } else {
                Style::new().bold()
            };
            page.styled("start line", line, style, start_line(line));
        } else if let Some((name, value)) = line.split_once(':') {
            page.field(label, name, value.trim(), field(name));
            label = "";
        } else {
            page.styled(label, line, styles::FAINT, "");
        }
    }
    page.row("blank line", "", "ends the head (RFC 9112 §2.1)");
}

/// Step 7.
pub(super) fn show(page: &mut Page, facts: &Facts<'_>) {
    page.heading("7  Show the content", None);
    let written = bytes(facts.summary.written);
    match &facts.summary.file {
        Some(path) => page.row("file", &path.display().to_string(), &written),
        None if facts.summary.written == 0 => page.row("content", &written, ""),
        None => {
            let note = "not shown here: leave out --explain, or add -o FILE";
            page.row("content", &written, note);
        }
    }
    if let Some(verified) = &facts.summary.verified {
        page.row("verified", verified, "");
    }
    if facts.summary.retries > 0 {
        let tries = (facts.summary.retries + 1).to_string();
        page.row("tries", &tries, "told is the last one");
    }
}
