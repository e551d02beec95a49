//! What `-b` takes: an address, a name, or a Unix socket.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// A value of `-b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    Address(IpAddr),
    /// A name, or an address with a zone. It stands for all addresses that the system finds for it.
    Name(String),
    /// A Unix socket.
    Path(PathBuf),
}

impl FromStr for Bind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("expected a path behind unix:"),
                path => Ok(Bind::Path(path.into())),
            };
        }
        let host = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or(text);
        if let Ok(address) = host.parse() {
            return Ok(Bind::Address(address));
        }
        if let Some(address) = with_zone(host) {
            return Ok(Bind::Name(address));
        }
        if host == text && is_name(text) {
            return Ok(Bind::Name(text.to_owned()));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        if port.parse::<u16>().is_ok() && (is_name(host) || text.parse::<SocketAddr>().is_ok()) {
            return Err("the port goes into -p");
        }
        Err(
            "expected localhost or another name of this machine, one of its IP addresses, 0.0.0.0 or :: for all of them, \
             or unix:PATH",
        )
    }
}

impl Bind {
    /// Returns the name that browsers may use for it.
    pub(in crate::serve) fn name(&self) -> Option<String> {
        match self {
            Bind::Name(name) if !name.contains('%') => Some(name.clone()),
            _ => None,
        }
    }
}

/// Converts an IPv6 address with a zone into the system's notation, from `fe80::1%eth0`, or
/// `fe80::1%25eth0` as in URLs (RFC 6874 §2).
fn with_zone(text: &str) -> Option<String> {
    let (address, zone) = text.split_once('%')?;
    let zone = zone
        .strip_prefix("25")
        .filter(|zone| !zone.is_empty())
        .unwrap_or(zone);
    let address: Ipv6Addr = address.parse().ok()?;
    (!zone.is_empty() && !zone.contains('%')).then(|| format!("{address}%{zone}"))
}

/// Whether it may be a host name. One whose last label is a number is an address in an old
/// notation: 127.1.
fn is_name(text: &str) -> bool {
    let labels = text.strip_suffix('.').unwrap_or(text).split('.');
    let is_label = |label: &str| {
        let is_ordinary = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        matches!(label.len(), 1..=63) && label.bytes().all(is_ordinary) && !label.starts_with('-')
    };
    let last = labels.clone().next_back().unwrap_or_default();
    text.len() <= 254
        && labels.clone().all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn what_can_be_listened_on() {
        let table = [
            ("127.0.0.1", Bind::Address(Ipv4Addr::LOCALHOST.into())),
            ("::", Bind::Address("::".parse().unwrap())),
            ("[::1]", Bind::Address("::1".parse().unwrap())),
            ("unix:/run/a b", Bind::Path("/run/a b".into())),
            ("unix:a", Bind::Path("a".into())),
            ("localhost", Bind::Name("localhost".into())),
            ("my-box.example.", Bind::Name("my-box.example.".into())),
            ("fe80::1%eth0", Bind::Name("fe80::1%eth0".into())),
            ("[fe80::1%25eth0]", Bind::Name("fe80::1%eth0".into())),
            ("[fe80::1%2]", Bind::Name("fe80::1%2".into())),
        ];
        for (text, want) in table {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
        for text in [
            "",
            "localhost:80",
            "[localhost]",
            "http://localhost",
            "a..b",
            "-a",
            "fe80::1%",
            "127.0.0.1%eth0",
            "unix:",
            "/run/socket",
            "127.0.0.1:80",
            "[::1]:80",
            "[::1",
            "127.1",
            "*",
        ] {
            assert!(text.parse::<Bind>().is_err(), "{text}");
        }
    }
}
