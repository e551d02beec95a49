//! One cookie: how a response sets it, and which requests carry it (RFC 6265 §5, with the rules
//! that its revision added: prefixes, loopback names, and Secure cookies that plain http can't
//! replace).

use super::{date, suffix};
use tinyhttp_message::saturating_decimal;
use url::{Host, Url};

/// The most bytes that a name and a value have together.
const LONGEST: usize = 4096;
/// The longest time that a cookie is kept, in seconds.
const LONGEST_LIFE: i64 = 400 * 24 * 3600;
/// The most bytes of an attribute's value; a longer one is ignored.
const LONGEST_ATTRIBUTE: usize = 1024;

/// Names, values and paths are bytes: servers are free to send any encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cookie {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
    /// In lower case, without a leading dot; an IPv6 address has no brackets.
    pub(super) domain: String,
    /// Whether hosts below the domain get it too.
    pub(super) subdomains: bool,
    pub(super) path: Vec<u8>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    /// In seconds since 1970; `None`: until the end of the session.
    pub(super) expires: Option<i64>,
}

impl Cookie {
    /// Reads the value of a `Set-Cookie` field that came from `url` (RFC 6265 §5.2 and §5.3).
    pub(super) fn parse(url: &Url, text: &[u8], now: i64) -> Option<Self> {
        let mut parts = text.split(|byte| *byte == b';');
        let (name, value) = split_pair(parts.next()?)?;
        if name.is_empty() || !is_storable(text, name, value) {
            return None;
        }
        let host = host(url)?;
        let mut cookie = Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: host.clone(),
            subdomains: false,
            path: default_path(url),
            secure: false,
            http_only: false,
            expires: None,
        };
        let (mut domain, mut max_age) = (None, None);
        // Of repeated attributes the last one counts.
        for part in parts {
            let (key, value) = split_pair(part).unwrap_or((part.trim_ascii(), b""));
            if value.len() > LONGEST_ATTRIBUTE {
                continue;
            }
            match key.to_ascii_lowercase().as_slice() {
                b"domain" if !value.is_empty() => domain = Some(value),
                b"path" if value.starts_with(b"/") => cookie.path = value.to_owned(),
                b"path" => cookie.path = default_path(url),
                b"secure" => cookie.secure = true,
                b"httponly" => cookie.http_only = true,
                b"max-age" => max_age = seconds(value).or(max_age),
                b"expires" => cookie.expires = date::parse(value).or(cookie.expires),
                _ => {}
            }
        }
        if let Some(domain) = domain {
            (cookie.domain, cookie.subdomains) = scope(url, host, domain)?;
        }
        if let Some(seconds) = max_age {
            cookie.expires = Some(now.saturating_add(seconds));
        }
        cookie.expires = cookie.expires.map(|expires| expires.min(furthest(now)));
        let may_be_set = !cookie.secure || is_trustworthy(url);
        (may_be_set && cookie.keeps_its_prefix()).then_some(cookie)
    }

    /// Whether a cookie whose name begins with `__Secure-` or `__Host-` is what that name promises.
    pub(super) fn keeps_its_prefix(&self) -> bool {
        let has = |prefix: &[u8]| {
            let start = self.name.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if has(b"__Host-") {
            self.secure && !self.subdomains && self.path == b"/"
        } else {
            self.secure || !has(b"__Secure-")
        }
    }

    /// Whether the two can't be in a jar at once (RFC 6265 §5.3 step 11).
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.subdomains == other.subdomains
            && self.path == other.path
    }

    /// Whether this is a Secure cookie that `other`, set over plain http, would replace or hide.
    pub(super) fn is_protected_from(&self, other: &Self) -> bool {
        self.secure
            && self.name == other.name
            && (covers(&self.domain, &other.domain) || covers(&other.domain, &self.domain))
            && path_covers(&self.path, &other.path)
    }

    pub(super) fn is_alive(&self, now: i64) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    /// Whether a request to that URL carries it (RFC 6265 §5.4).
    pub(super) fn is_for(&self, url: &Url) -> bool {
        let Some(host) = host(url) else {
            return false;
        };
        let host_fits = host == self.domain || self.subdomains && covers(&self.domain, &host);
        host_fits
            && path_covers(&self.path, url.path().as_bytes())
            && (!self.secure || is_trustworthy(url))
    }
}

/// Whether what such a URL names can't be watched or changed on the way: https, or this machine.
pub(crate) fn is_trustworthy(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    is_loopback || url.scheme() == "https"
}

/// The domain of a `Domain` attribute, and whether hosts below it get the cookie.
fn scope(url: &Url, host: String, attribute: &[u8]) -> Option<(String, bool)> {
    let domain = std::str::from_utf8(attribute).ok()?.to_ascii_lowercase();
    let domain = domain.strip_prefix('.').unwrap_or(&domain);
    let is_name = matches!(url.host(), Some(Host::Domain(_)));
    if domain.trim_matches(['[', ']']) == host {
        // A host that is a public suffix itself may set cookies, but for itself alone.
        let subdomains = is_name && !suffix::is_public(&host);
        return Some((host, subdomains));
    }
    let is_above = is_name && covers(domain, &host) && !suffix::is_public(domain);
    is_above.then(|| (domain.to_owned(), true))
}

/// The URL's host in lower case, without the brackets of an IPv6 address.
fn host(url: &Url) -> Option<String> {
    let host = url.host_str()?.trim_matches(['[', ']']);
    Some(host.to_ascii_lowercase())
}

/// Whether the domain is the host's own or one above it.
fn covers(domain: &str, host: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// RFC 6265 §5.1.4.
fn path_covers(path: &[u8], request: &[u8]) -> bool {
    request
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || path.ends_with(b"/") || rest.starts_with(b"/"))
}

/// The directory of the URL's path (RFC 6265 §5.1.4).
fn default_path(url: &Url) -> Vec<u8> {
    match url.path().rfind('/') {
        None | Some(0) => b"/".to_vec(),
        Some(end) => url.path().as_bytes()[..end].to_owned(),
    }
}

/// The latest expiry of a cookie: in 400 days (RFC 6265bis §5.5), on a minute, as with curl.
fn furthest(now: i64) -> i64 {
    now.saturating_add(LONGEST_LIFE + 30) / 60 * 60
}

/// Splits at the first `=` and takes the spaces off both sides.
fn split_pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    Some((text[..at].trim_ascii(), text[at + 1..].trim_ascii()))
}

/// Whether a cookie can be sent and written to a file. A TAB separates the columns of that file.
fn is_storable(text: &[u8], name: &[u8], value: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    !text.iter().any(is_control)
        && !name.contains(&b'\t')
        && !value.contains(&b'\t')
        && name.len() + value.len() <= LONGEST
}

/// The value of `Max-Age`: digits, perhaps behind a minus sign (RFC 6265 §5.2.2).
fn seconds(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-");
    let value = saturating_decimal(digits.unwrap_or(text))?;
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    Some(if digits.is_some() { -value } else { value })
}
