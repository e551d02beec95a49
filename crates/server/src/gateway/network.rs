//! Ranges of IP addresses, as `10.0.0.0/8` (CIDR, RFC 4632).

use crate::request::Request;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of IP addresses: those that begin with the same bits.
///
/// ```
/// use tinyhttp_server::gateway::Network;
///
/// let network: Network = "192.168.0.0/16".parse().unwrap();
/// assert!(network.contains([192, 168, 1, 2].into()));
/// assert!(!network.contains([192, 169, 0, 1].into()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many bits all addresses share.
    bits: u8,
}

/// The text names no range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidNetwork;

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an IP address or a range such as 10.0.0.0/8 or fd00::/8")
    }
}

impl std::error::Error for InvalidNetwork {}

impl Network {
    /// Whether an address is in the range. An IPv4 address that is written as one of IPv6 counts as
    /// the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits));
                (own.to_bits() ^ other.to_bits()) & mask.unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits));
                (own.to_bits() ^ other.to_bits()) & mask.unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Whether a request comes from one of the networks.
pub(crate) fn is_from(request: &Request<'_>, networks: &[Network]) -> bool {
    let client = request.peer().remote.ip();
    client.is_some_and(|client| networks.iter().any(|network| network.contains(client)))
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits: u8 = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().map_err(|_| InvalidNetwork)?
            }
            Some(_) => return Err(InvalidNetwork),
            None => all,
        };
        if bits > all {
            return Err(InvalidNetwork);
        }
        match address.to_canonical() {
            // An address of IPv4, written as one of IPv6.
            inner @ IpAddr::V4(_) if address.is_ipv6() => {
                let bits = bits.checked_sub(96).ok_or(InvalidNetwork)?;
                Ok(Network {
                    address: inner,
                    bits,
                })
            }
            _ => Ok(Network { address, bits }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_addresses_are_in_a_range() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "11.0.0.1", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
            ("::/0", "2001:db8::1", true),
            ("::1", "::1", true),
            ("192.0.2.128/25", "192.0.2.127", false),
            ("192.0.2.128/25", "192.0.2.129", true),
        ];
        for (network, address, expected) in table {
            let parsed: Network = network.parse().unwrap();
            let found = parsed.contains(address.parse().unwrap());
            assert_eq!(found, expected, "{network} {address}");
        }
        let wrong = [
            "",
            "a",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::ffff:10.0.0.0/90",
            "::/129",
            "10.0.0.0/+8",
            "10/8",
            "1.2.3.4/-1",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork), "{text}");
        }
    }
}
