//! The seven steps of one hop.

use super::super::terminal::{start_line_style, styles};
use super::super::write_out::Facts;
use super::{Page, caching, notes};
use crate::failure::Failure;
use anstyle::Style;
use http::{Method, StatusCode};
use tinyhttp_client::trace::{Attempt, Closed, Hop, Outcome};
use tinyhttp_client::{BodyLength, CloseReason};
use url::Url;

/// Steps 1 to 6, and where a redirect leads.
pub(super) fn hop(page: &mut Page, hop: &Hop, next: Option<&Hop>, failure: Option<&Failure>) {
    url(page, &hop.url);
    resolve(page, hop);
    if hop.resolved.is_none() && hop.connected.is_none() {
        return;
    }
    connect(page, hop);
    if hop.send.is_none() {
        return;
    }
    request(page, hop);
    if hop.response.is_empty() {
        return;
    }
    response(page, hop);
    connection(page, hop, failure);
    if let Some(next) = next {
        redirect(page, hop, next);
    }
}

fn url(page: &mut Page, url: &Url) {
    page.heading("1  The URL: whom to ask, and for what", None);
    let scheme = match url.scheme() {
        "https" => "HTTP inside TLS: secret, and the server proves its name (RFC 9110 §4.2.2)",
        _ => "plain text: everybody on the way can read it (RFC 9110 §4.2.1)",
    };
    page.field("scheme", url.scheme(), scheme);
    let host = match url.host() {
        Some(url::Host::Domain(name)) if name.starts_with("xn--") || name.contains(".xn--") => {
            "a name with other letters than ASCII, in its DNS form (RFC 3492)"
        }
        Some(url::Host::Domain(_)) => "a name, for DNS to look up",
        _ => "an address: nothing to look up",
    };
    page.field("host", url.host_str().unwrap_or_default(), host);
    let port = match url.port() {
        Some(_) => "written in the URL",
        None => "the scheme's own",
    };
    let number = url.port_or_known_default().unwrap_or_default();
    page.field("port", &number.to_string(), port);
    page.field("path", url.path(), "what the server is asked for");
    if let Some(query) = url.query() {
        page.field("query", query, "parameters, for the server");
    }
    if let Some(fragment) = url.fragment() {
        page.field(
            "fragment",
            fragment,
            "a place in the page; stays here, is never sent",
        );
    }
}

fn resolve(page: &mut Page, hop: &Hop) {
    if hop.reused > 0 {
        return;
    }
    let took = hop.resolved.map(|at| at.saturating_sub(hop.started));
    page.heading("2  Find the address", took);
    if hop.addresses.is_empty() {
        if hop.resolved.is_none() && hop.connected.is_none() {
            page.line(
                "none",
                "nobody knows that name, or nobody who knows it could be asked",
            );
        } else {
            page.line(
                "none needed",
                "the connection doesn't lead to the host itself",
            );
        }
    }
    for address in &hop.addresses {
        let family = if address.is_ipv6() { "IPv6" } else { "IPv4" };
        let note = match address.ip().is_loopback() {
            true => format!("{family}; this machine itself"),
            false => family.to_owned(),
        };
        page.line(&address.ip().to_string(), &note);
    }
}

fn connect(page: &mut Page, hop: &Hop) {
    let since = hop.resolved.unwrap_or(hop.started);
    let took = hop.connected.map(|at| at.saturating_sub(since));
    page.heading("3  Connect", took);
    if hop.reused > 0 {
        let peer = hop
            .peer
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        page.line(
            &peer,
            &format!("still open; this is exchange {} on it", hop.reused + 1),
        );
        return;
    }
    for attempt in &hop.attempts {
        page.line(&attempt.address.to_string(), &outcome(attempt));
    }
    if hop.attempts.len() > 1 {
        page.line(
            "",
            "the families take turns, 250 ms apart at most (RFC 8305)",
        );
    }
    if let Some((proxy, _)) = &hop.tunnel {
        page.line(proxy, "the proxy that passes the bytes on");
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = &hop.tls {
        super::certificate::describe(page, tls, hop);
    }
}

fn outcome(attempt: &Attempt) -> String {
    let took = attempt
        .ended
        .map(|ended| ended.saturating_sub(attempt.started))
        .map(|took| format!(" after {:.1} ms", took.as_secs_f64() * 1e3))
        .unwrap_or_default();
    match &attempt.outcome {
        Outcome::Connected => format!("connected{took}: TCP's three-way handshake is done"),
        Outcome::Dropped => "given up: another one was faster".to_owned(),
        Outcome::Failed(reason) => {
            let reason = reason.split(" (os error").next().unwrap_or(reason);
            format!("failed{took}: {reason}")
        }
    }
}

fn request(page: &mut Page, hop: &Hop) {
    let took = match (hop.send, hop.sent) {
        (Some(send), Some(sent)) => Some(sent.saturating_sub(send)),
        _ => None,
    };
    page.heading("4  Send the request", took);
    head(
        page,
        &hop.request,
        notes::request_line,
        notes::request_field,
    );
    page.line("", "a blank line ends the head");
    page.line(hop.method.as_str(), notes::method(&hop.method));
    if hop.content_sent > 0 {
        let fact = format!("({} bytes of content)", hop.content_sent);
        page.line(&fact, "what is to be done with it is the method's meaning");
    }
}

fn response(page: &mut Page, hop: &Hop) {
    let took = match (hop.sent.or(hop.send), hop.ended) {
        (Some(sent), Some(ended)) => Some(ended.saturating_sub(sent)),
        _ => None,
    };
    page.heading("5  Receive the response", took);
    for interim in &hop.interim {
        head(
            page,
            interim,
            |_| "interim: the answer itself is still to come",
            notes::response_field,
        );
        page.blank();
    }
    head(
        page,
        &hop.response,
        |_| "status line: version, code, phrase (RFC 9112 §4)",
        notes::response_field,
    );
    page.line("", "a blank line ends the head");
    let received = format!("({} bytes of content)", hop.received);
    page.line(&received, length(hop));
    if let Some(status) = hop.status {
        page.line(&status.as_u16().to_string(), notes::status(status));
    }
    for line in caching::verdict(
        &hop.method,
        hop.status.unwrap_or_default(),
        &hop.response_fields(),
    ) {
        page.line("caches", &line);
    }
}

/// Where the length of the content came from (RFC 9112 §6.3).
fn length(hop: &Hop) -> &'static str {
    let status = hop.status.unwrap_or_default();
    match hop.length {
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
            "until the server closed: whether that is all, nobody knows (RFC 9112 §6.3)"
        }
        None => "",
    }
}

fn connection(page: &mut Page, hop: &Hop, failure: Option<&Failure>) {
    page.heading("6  Close the connection, or keep it", None);
    match hop.close {
        None if hop.ended.is_some() => page.line(
            "kept",
            "HTTP/1.1 keeps it for the next request unless one side says close (RFC 9112 §9.3)",
        ),
        None => page.line("open", ""),
        Some(reason) => page.line("closed", closed(reason, failure)),
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
        Closed::Unsent => "the answer came before the request was sent whole",
        Closed::Surplus => "there were bytes after the response that nobody asked for",
        _ if failure.is_some() => {
            "something went wrong; nobody knows where the next message starts"
        }
        _ => "",
    }
}

fn redirect(page: &mut Page, hop: &Hop, next: &Hop) {
    let status = hop.status.unwrap_or_default().as_u16();
    page.heading("↪  Go where it points", None);
    page.line(next.url.as_str(), notes::redirect(status));
    if next.method != hop.method {
        page.line(
            next.method.as_str(),
            "the method changes, and the content is left behind",
        );
    }
    if next.url.origin() != hop.url.origin() {
        page.line(
            "",
            "another origin: passwords and cookies for the first one stay behind",
        );
    }
}

/// A head, part by part.
fn head(
    page: &mut Page,
    raw: &[u8],
    start_line: impl Fn(&str) -> &'static str,
    field: impl Fn(&str) -> &'static str,
) {
    let text = String::from_utf8_lossy(raw);
    for (index, line) in text.lines().take_while(|line| !line.is_empty()).enumerate() {
        if index == 0 {
            let style = if line.starts_with("HTTP/") {
                start_line_style(line)
            } else {
                Style::new().bold()
            };
            page.styled(line, style, start_line(line));
        } else if let Some((name, value)) = line.split_once(':') {
            page.field(name, shown(name, value.trim()), field(name));
        } else {
            page.styled(line, styles::FAINT, "");
        }
    }
}

/// Secrets are not part of a lesson that people will show around.
fn shown<'v>(name: &str, value: &'v str) -> &'v str {
    let is_secret = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
    ]
    .iter()
    .any(|secret| name.eq_ignore_ascii_case(secret));
    match value.split_once(' ') {
        _ if !is_secret => value,
        Some((scheme, _)) if name.to_ascii_lowercase().ends_with("authorization") => {
            // `Basic` and the like may be seen.
            if scheme.is_empty() { "…" } else { scheme }
        }
        _ => "…",
    }
}

/// Step 7.
pub(super) fn show(page: &mut Page, facts: &Facts<'_>) {
    page.heading("7  Show the content", None);
    let bytes = format!("{} bytes", facts.record.written);
    match &facts.record.file {
        Some(path) => page.line(&bytes, &format!("in the file {}", path.display())),
        None => page.line(
            &bytes,
            "not shown here: leave out --explain, or add -o FILE",
        ),
    }
    if let Some(verified) = &facts.record.verified {
        page.line("verified", verified);
    }
    if facts.record.retries > 0 {
        page.line(
            "tries",
            &format!("{}; told is the last one", facts.record.retries + 1),
        );
    }
}
