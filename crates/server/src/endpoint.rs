//! One end of a connection: an internet address, or a Unix socket.

use std::fmt::{self, Display};
use std::net::{IpAddr, SocketAddr};

/// Where one end of a connection is. Reads as `192.0.2.1:8080`, or as `unix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// An IP address and a port.
    Internet(SocketAddr),
    /// A Unix socket, on this machine. Its peers have no address there.
    Unix,
}

impl Endpoint {
    /// The IP address, if it has one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.internet().map(|address| address.ip())
    }

    /// The IP address and the port, if it has them.
    #[must_use]
    pub fn internet(&self) -> Option<SocketAddr> {
        match self {
            Endpoint::Internet(address) => Some(*address),
            Endpoint::Unix => None,
        }
    }

    /// The host alone, as access logs have it.
    pub(crate) fn host(&self) -> impl Display {
        Host(self)
    }
}

/// An endpoint without its port.
struct Host<'e>(&'e Endpoint);

impl Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Endpoint::Internet(address) => address.ip().fmt(f),
            Endpoint::Unix => f.write_str(UNIX),
        }
    }
}

const UNIX: &str = "unix";

impl Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Internet(address) => address.fmt(f),
            Endpoint::Unix => f.write_str(UNIX),
        }
    }
}

/// An IPv4 address stays one, though a socket for both families shows it in the clothes of IPv6
/// (RFC 4291 §2.5.5.2).
impl From<SocketAddr> for Endpoint {
    fn from(mut address: SocketAddr) -> Self {
        if let IpAddr::V4(mapped) = address.ip().to_canonical() {
            address.set_ip(mapped.into());
        }
        Endpoint::Internet(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_they_read() {
        let table = [
            ("192.0.2.1:80", "192.0.2.1:80", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1:80", "192.0.2.1"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80", "2001:db8::1"),
            ("[::]:80", "[::]:80", "::"),
        ];
        for (address, whole, host) in table {
            let end = Endpoint::from(address.parse::<SocketAddr>().unwrap());
            assert_eq!(end.to_string(), whole);
            assert_eq!(end.host().to_string(), host);
        }
        assert_eq!(Endpoint::Unix.to_string(), "unix");
    }
}
