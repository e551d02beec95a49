//! The file in which curl and wget keep cookies: a line each, in columns between TABs.
//!
//! ```text
//! # Netscape HTTP Cookie File
//! .example.org  TRUE  /  FALSE  1924992000  name  value
//! ```
//!
//! The columns are the domain, whether hosts below it get the cookie, the path, whether it is
//! Secure, when it expires (0: at the end of the session), its name and its value.

use super::cookie::Cookie;
use super::suffix;
use std::io::Write;
use std::net::IpAddr;

/// What the first line of a file says.
pub(super) const HEAD: &[u8] = b"# Netscape HTTP Cookie File\n";

/// Reads one line; `None` for comments and for what is no cookie.
pub(super) fn read(line: &[u8]) -> Option<Cookie> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (line, http_only) = match line.strip_prefix(b"#HttpOnly_") {
        Some(line) => (line, true),
        None => (line, false),
    };
    if line.starts_with(b"#") {
        return None;
    }
    let is_yes = |column: &[u8]| column.eq_ignore_ascii_case(b"TRUE");
    let mut columns = line.splitn(7, |byte| *byte == b'\t').peekable();
    let domain = std::str::from_utf8(columns.next()?).ok()?;
    let domain = domain.trim_start_matches('.').trim_matches(['[', ']']);
    let domain = domain.to_ascii_lowercase();
    let subdomains = is_yes(columns.next()?) && has_subdomains(&domain);
    let path = columns.next()?.to_owned();
    let secure = is_yes(columns.next()?);
    let expires = Some(expiry(columns.next()?)?).filter(|seconds| *seconds > 0);
    let name = columns.next()?.to_owned();
    let value = columns
        .next()
        .unwrap_or_default()
        .trim_ascii_end()
        .to_owned();
    let is_harmless = !name.iter().chain(&value).any(u8::is_ascii_control);
    let cookie = Cookie {
        name,
        value,
        domain,
        subdomains,
        path: if path.starts_with(b"/") {
            path
        } else {
            b"/".to_vec()
        },
        secure,
        http_only,
        expires,
    };
    let is_cookie = !cookie.domain.is_empty() && !cookie.name.is_empty() && is_harmless;
    (is_cookie && cookie.keeps_its_prefix()).then_some(cookie)
}

/// Writes one line.
pub(super) fn write(cookie: &Cookie, out: &mut Vec<u8>) {
    // A line in which a column or the line itself would end early is left out.
    if cookie.path.iter().any(u8::is_ascii_control) {
        return;
    }
    let word = |yes: bool| if yes { "TRUE" } else { "FALSE" };
    // Writing to memory doesn't fail.
    let _ = write!(
        out,
        "{}{}{}\t{}\t",
        if cookie.http_only { "#HttpOnly_" } else { "" },
        if cookie.subdomains { "." } else { "" },
        cookie.domain,
        word(cookie.subdomains),
    );
    out.extend_from_slice(&cookie.path);
    let expires = cookie.expires.unwrap_or(0);
    let _ = write!(out, "\t{}\t{expires}\t", word(cookie.secure));
    out.extend_from_slice(&cookie.name);
    out.push(b'\t');
    out.extend_from_slice(&cookie.value);
    out.push(b'\n');
}

/// Addresses have no hosts below them, and cookies for all of a public suffix are not kept.
fn has_subdomains(domain: &str) -> bool {
    domain.parse::<IpAddr>().is_err() && !suffix::is_public(domain)
}

/// Seconds since 1970, rounded up; 0 or less, like an empty column, for a cookie of the session.
fn expiry(column: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(column).ok()?.trim();
    if text.is_empty() {
        return Some(0);
    }
    let seconds: f64 = text.parse().ok()?;
    // The conversion saturates.
    Some(seconds.ceil() as i64)
}
