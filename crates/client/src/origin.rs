//! Origins: what may share connections and credentials.

use crate::zone;
use url::{Host, Url};

/// Scheme, host and port: what may share connections, and credentials (RFC 6454 §4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) is_secure: bool,
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
}

impl Origin {
    /// The origin of an http or https URL.
    pub(crate) fn of(url: &Url) -> Option<Origin> {
        Origin::in_zone(url, None)
    }

    /// The origin of an http or https URL whose host is in that zone.
    pub(crate) fn in_zone(url: &Url, zone: Option<&str>) -> Option<Origin> {
        let host = url.host()?.to_owned();
        Some(Origin {
            is_secure: match url.scheme() {
                "http" => false,
                "https" => true,
                _ => return None,
            },
            host: zone::in_zone(host, zone),
            port: url.port_or_known_default()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        let of = |text| Origin::of(&Url::parse(text).unwrap());
        assert_eq!(of("http://h/a"), of("http://H:80/b?c"));
        assert_eq!(of("https://h/"), of("https://h:443/"));
        for (one, other) in [
            ("http://h/", "https://h/"),
            ("http://h/", "http://h:81/"),
            ("http://h/", "http://i/"),
            ("http://[::1]/", "http://[::2]/"),
        ] {
            assert_ne!(of(one), of(other));
        }
        assert_eq!(of("ftp://h/"), None);
    }
}
