//! The names that certificates are ordered for.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use url::Host;

/// The longest DNS name (RFC 1035 §3.1), as text without the final dot.
const LONGEST: usize = 253;

/// A name or an address that a certificate is ordered for (RFC 8555 §9.7.7, RFC 8738).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::serve) enum Identifier {
    /// A DNS name in lower case, with A-labels, without a final dot.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
}

impl Identifier {
    /// The type in orders.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Identifier::Dns(_) => "dns",
            Identifier::Ip(_) => "ip",
        }
    }

    /// The name as part of a file's name.
    pub(super) fn file_name(&self) -> String {
        self.to_string().replace(':', "_")
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identifier::Dns(name) => f.write_str(name),
            Identifier::Ip(address) => address.fmt(f),
        }
    }
}

impl FromStr for Identifier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse() {
            return Ok(Identifier::Ip(address));
        }
        if text.contains('*') {
            return Err(
                "a wildcard needs the challenge dns-01, which this server can't answer; name each \
                 host, or get that certificate elsewhere and use --tls-cert"
                    .to_owned(),
            );
        }
        if text.contains("://") || text.contains('/') {
            return Err("it is a URL; expected a name such as www.example.org".to_owned());
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let wrong = || "it is no host name; expected one such as www.example.org".to_owned();
        // IDNA: the name in A-labels and in lower case.
        let Ok(Host::Domain(name)) = Host::parse(name) else {
            return Err(wrong());
        };
        let is_label = |label: &str| {
            let is_ordinary = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            matches!(label.len(), 1..=63)
                && label.bytes().all(is_ordinary)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        match name.len() <= LONGEST && name.split('.').all(is_label) {
            true => Ok(Identifier::Dns(name)),
            false => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_name() {
        let long = format!("{}.example", "a".repeat(64));
        let table = [
            ("example.org", Some("example.org")),
            (" WWW.Example.ORG. ", Some("www.example.org")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
            ("localhost", Some("localhost")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("*.example.org", None),
            ("", None),
            (".", None),
            ("a..b", None),
            ("a_b.example", None),
            ("-a.example", None),
            ("a-.example", None),
            ("a b.example", None),
            ("a.example:443", None),
            ("https://a.example/", None),
            ("a.example/x", None),
            ("1.2.3", None),
            ("user@a.example", None),
            ("a\u{0}.example", None),
            ("xn--zzzzzzz99999.example", None),
            (&long, None),
        ];
        for (text, expected) in table {
            let got = text.parse::<Identifier>();
            let got = got.as_ref().map(Identifier::to_string).ok();
            assert_eq!(got.as_deref(), expected, "{text:?}");
        }
        let wildcard = "*.example.org".parse::<Identifier>().unwrap_err();
        assert!(wildcard.contains("dns-01"), "{wildcard}");
    }

    #[test]
    fn names_of_files() {
        for (text, expected) in [("a.example", "a.example"), ("2001:db8::1", "2001_db8__1")] {
            let identifier: Identifier = text.parse().unwrap();
            assert_eq!(identifier.file_name(), expected);
        }
    }
}
