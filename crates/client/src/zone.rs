//! Zones of IPv6 addresses: the link that an address such as `fe80::1` is meant on (RFC 4007 §11,
//! RFC 6874).
//!
//! Every link of a machine has link-local addresses of its own, so such an address is complete only
//! with a zone: the name or the number of a network interface. The `url` crate has no room for one.
//! Therefore a host with a zone is the [`Host::Domain`] `fe80::1%eth0` here, which no other host
//! can be confused with: names never contain `%`.
//!
//! | written | host |
//! |---|---|
//! | `[fe80::1%25eth0]` | `fe80::1%eth0`; in a URL `%25` stands for `%` |
//! | `[fe80::1%eth0]` | `fe80::1%eth0`, as curl reads it |
//! | `[fe80::1%2]` | `fe80::1%2`: the interface with that number |
//!
//! ```
//! use tinyhttp_client::url::Host;
//! use tinyhttp_client::zone::{parse_host, split_url};
//!
//! let (url, zone) = split_url("http://[fe80::1%25eth0]:8080/a");
//! assert_eq!((&*url, zone.as_deref()), ("http://[fe80::1]:8080/a", Some("eth0")));
//! assert_eq!(parse_host("[fe80::1%eth0]")?, Host::Domain("fe80::1%eth0".to_owned()));
//! # Ok::<(), tinyhttp_client::url::ParseError>(())
//! ```
//!
//! A zone means something on this machine only. It selects the interface of the socket, and is part
//! of no Host field, request target, certificate name or message to a proxy.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use url::{Host, ParseError, Url};

/// Parses a host as in a URL; an IPv6 address in brackets may have a zone.
///
/// # Errors
/// If it isn't a host.
pub fn parse_host(text: &str) -> Result<Host<String>, ParseError> {
    let inside = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match inside.and_then(split) {
        Some((address, zone)) => Ok(in_zone(Host::Ipv6(address), Some(&zone))),
        None => Host::parse(text),
    }
}

/// Parses an IP address, which may have a zone and brackets. The port of the result is 0.
///
/// # Errors
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for anything else, and
/// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) if there is no such interface.
pub fn parse_address(text: &str) -> io::Result<SocketAddr> {
    let inside = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = inside.unwrap_or(text).parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, 0));
    }
    let found = match inside {
        Some(inside) => split(inside),
        // Only in URLs, and in what looks like them, `%25` stands for `%`.
        None => text
            .split_once('%')
            .and_then(|(address, zone)| join(address, zone.into())),
    };
    let (address, zone) = found.ok_or(io::ErrorKind::InvalidInput)?;
    Ok(SocketAddrV6::new(address, 0, 0, scope_id(&zone)?).into())
}

/// Takes the zone out of a URL: the URL without it, and the zone.
#[must_use]
pub fn split_url(url: &str) -> (Cow<'_, str>, Option<String>) {
    let found = || {
        let start = url
            .find("//")
            .filter(|at| !url[..*at].contains(['/', '?', '#']))?
            + 2;
        let authority = &url[start..];
        let end = authority
            .find(['/', '?', '#', '\\'])
            .unwrap_or(authority.len());
        let opening = start + authority[..end].rfind('@').map_or(0, |at| at + 1);
        let inside = url[opening..start + end].strip_prefix('[')?;
        let inside = &inside[..inside.find(']')?];
        let (address, zone) = split(inside)?;
        let rest = &url[opening + 1 + inside.len()..];
        Some((format!("{}[{address}{rest}", &url[..opening]), zone))
    };
    match found() {
        Some((url, zone)) => (url.into(), Some(zone)),
        None => (url.into(), None),
    }
}

/// Returns the host of a URL, in `zone` if it has one. [`Url::host`] recognises names and IPv4
/// addresses only with schemes such as http, this function with every scheme.
///
/// # Errors
/// If the URL has no host, or one that can't be a host.
pub fn host_of(url: &Url, zone: Option<&str>) -> Result<Host<String>, ParseError> {
    let host = Host::parse(url.host_str().unwrap_or_default())?;
    Ok(in_zone(host, zone))
}

/// The host in that zone. Hosts other than IPv6 addresses have no zones and stay as they are.
pub(crate) fn in_zone(host: Host<String>, zone: Option<&str>) -> Host<String> {
    match (host, zone) {
        (Host::Ipv6(address), Some(zone)) => Host::Domain(format!("{address}%{zone}")),
        (host, _) => host,
    }
}

/// The address and the zone of a host that has one.
pub(crate) fn of(host: &Host<String>) -> Option<(Ipv6Addr, &str)> {
    let Host::Domain(name) = host else {
        return None;
    };
    let (address, zone) = name.split_once('%')?;
    Some((address.parse().ok()?, zone))
}

/// The host as others than this machine know it.
pub(crate) fn without(host: &Host<String>) -> Cow<'_, Host<String>> {
    match of(host) {
        Some((address, _)) => Cow::Owned(Host::Ipv6(address)),
        None => Cow::Borrowed(host),
    }
}

/// Whether a rule for `pattern` is about `host`. Without a zone it is about the address in every
/// zone.
pub(crate) fn is_about(pattern: &Host<String>, host: &Host<String>) -> bool {
    pattern == host || *pattern == *without(host)
}

/// The number of a zone's interface.
///
/// # Errors
/// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) if there is no such interface.
pub(crate) fn scope_id(zone: &str) -> io::Result<u32> {
    if let Ok(number) = zone.parse() {
        return Ok(number);
    }
    // The system translates names as parts of link-local addresses.
    let mut found = (format!("fe80::1%{zone}"), 0)
        .to_socket_addrs()
        .into_iter()
        .flatten();
    let scope_id = found.find_map(|address| match address {
        SocketAddr::V6(address) if address.scope_id() > 0 => Some(address.scope_id()),
        _ => None,
    });
    scope_id.ok_or_else(|| {
        let what = format!("this machine has no network interface {zone:?}");
        io::Error::new(io::ErrorKind::AddrNotAvailable, what)
    })
}

/// Whether the address is link-local, so that it means something else on each link (RFC 4291
/// §2.5.6).
pub(crate) fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

/// What is inside the brackets: an address and a zone.
fn split(inside: &str) -> Option<(Ipv6Addr, String)> {
    let (address, zone) = inside.split_once('%')?;
    let zone = match zone.strip_prefix("25").filter(|rest| !rest.is_empty()) {
        Some(encoded) => percent_decode_str(encoded).decode_utf8().ok()?,
        None => zone.into(),
    };
    join(address, zone)
}

/// An address and a zone, if they are that.
fn join(address: &str, zone: Cow<'_, str>) -> Option<(Ipv6Addr, String)> {
    let is_strange = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    let is_name = !zone.is_empty() && !zone.contains(is_strange);
    is_name.then_some((address.parse().ok()?, zone.into_owned()))
}

/// Writes a host as in a URL, its zone included.
pub(crate) struct Shown<'h>(pub(crate) &'h Host<String>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match of(self.0) {
            Some((address, zone)) => write!(f, "[{address}%{zone}]"),
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let table = [
            ("[fe80::1%25eth0]", Some("fe80::1%eth0")),
            ("[fe80::1%eth0]", Some("fe80::1%eth0")),
            ("[FE80:0::1%25Eth0]", Some("fe80::1%Eth0")),
            ("[fe80::1%252]", Some("fe80::1%2")),
            ("[fe80::1%2]", Some("fe80::1%2")),
            ("[fe80::1%25]", Some("fe80::1%25")),
            ("[fe80::1%25en%2D1]", Some("fe80::1%en-1")),
            ("[fe80::1]", Some("[fe80::1]")),
            ("h.test", Some("h.test")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("[fe80::1%]", None),
            ("[fe80::1%a b]", None),
            ("[fe80::g%eth0]", None),
            ("[127.0.0.1%eth0]", None),
            ("127.0.0.1%eth0", None),
            ("fe80::1%eth0", None),
        ];
        for (text, want) in table {
            let got = parse_host(text).ok().map(|host| host.to_string());
            assert_eq!(got.as_deref(), want, "{text}");
        }
    }

    #[test]
    fn urls() {
        let table = "
            http://[fe80::1%25eth0]:8080/a => http://[fe80::1]:8080/a eth0
            http://[fe80::1%eth0] => http://[fe80::1] eth0
            HTTPS://me:p%25@[fe80::1%25a]/ => HTTPS://me:p%25@[fe80::1]/ a
            //[fe80::1%25eth0]/x => //[fe80::1]/x eth0
            http://[fe80::1]/ => http://[fe80::1]/
            http://[fe80::1%]/ => http://[fe80::1%]/
            http://h/[fe80::1%25eth0] => http://h/[fe80::1%25eth0]
            http://h?//[fe80::1%25eth0] => http://h?//[fe80::1%25eth0]
            /a//[fe80::1%25eth0] => /a//[fe80::1%25eth0]
            =>
        ";
        table::check(table, |text| {
            let (url, zone) = split_url(text);
            zone.map_or_else(|| url.to_string(), |zone| format!("{url} {zone}"))
        });
    }

    #[test]
    fn interfaces() {
        let scope = |text: &str| match parse_address(text) {
            Ok(SocketAddr::V6(address)) => Ok(address.scope_id()),
            Ok(SocketAddr::V4(_)) => Ok(0),
            Err(error) => Err(error.kind()),
        };
        assert_eq!(scope("127.0.0.1"), Ok(0));
        assert_eq!(scope("[::1]"), Ok(0));
        assert_eq!(scope("fe80::1%7"), Ok(7));
        assert_eq!(scope("[fe80::1%257]"), Ok(7));
        assert_eq!(scope("fe80::1%257"), Ok(257));
        let none = Err(io::ErrorKind::AddrNotAvailable);
        assert_eq!(scope("fe80::1%no-such-device"), none);
        for text in ["", "h", "127.0.0.1%lo", "[fe80::1%", "fe80::1%"] {
            assert_eq!(scope(text), Err(io::ErrorKind::InvalidInput), "{text}");
        }
    }

    #[test]
    fn rules_without_a_zone_are_about_all_of_them() {
        let host = |text| parse_host(text).unwrap();
        let table = [
            ("[fe80::1]", "[fe80::1%a]", true),
            ("[fe80::1%a]", "[fe80::1%a]", true),
            ("[fe80::1%a]", "[fe80::1%b]", false),
            ("[fe80::1%a]", "[fe80::1]", false),
            ("[fe80::2]", "[fe80::1%a]", false),
        ];
        for (pattern, other, want) in table {
            assert_eq!(
                is_about(&host(pattern), &host(other)),
                want,
                "{pattern} {other}"
            );
        }
        assert_eq!(Shown(&host("[fe80::1%25a]")).to_string(), "[fe80::1%a]");
        assert_eq!(Shown(&host("[::1]")).to_string(), "[::1]");
    }
}
