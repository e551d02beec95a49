//! The client network that credentials come from: the unit in which guesses are counted and queued.

use crate::request::Peer;
use std::net::IpAddr;

/// An IPv4 address, the /64 of an IPv6 address, or this machine.
///
/// A single customer gets a whole /64. Over loopback and Unix sockets, a reverse proxy may forward
/// the requests of all clients, so this machine is a network of its own kind: its guesses are
/// counted per user name only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Network {
    Machine(Option<IpAddr>),
    V4(u32),
    V6(u64),
}

impl Network {
    /// The network of a request's client. A request without a peer was made by the program itself.
    pub(super) fn of(peer: Option<&Peer>) -> Self {
        let Some(address) = peer.and_then(|peer| peer.remote.ip()) else {
            return Network::Machine(None);
        };
        match address.to_canonical() {
            address if address.is_loopback() => Network::Machine(Some(address)),
            IpAddr::V4(address) => Network::V4(address.into()),
            IpAddr::V6(address) => Network::V6((u128::from(address) >> 64) as u64),
        }
    }

    /// Whether all clients of the network belong to one customer.
    pub(super) fn is_one_customer(self) -> bool {
        !matches!(self, Network::Machine(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;
    use std::net::SocketAddr;

    #[test]
    fn networks_of_addresses() {
        let of = |address: &str| {
            let remote = Endpoint::from(address.parse::<SocketAddr>().unwrap());
            Network::of(Some(&Peer {
                remote,
                local: remote,
            }))
        };
        let unix = Peer {
            remote: Endpoint::Unix,
            local: Endpoint::Unix,
        };
        let table = [
            ("192.0.2.1:1", "192.0.2.1:2", true),
            ("192.0.2.1:1", "[::ffff:192.0.2.1]:1", true),
            ("192.0.2.1:1", "192.0.2.2:1", false),
            ("[2001:db8::1]:1", "[2001:db8::2]:1", true),
            ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("127.0.0.1:1", "[::1]:1", false),
        ];
        for (one, other, is_same) in table {
            assert_eq!(of(one) == of(other), is_same, "{one} {other}");
        }
        for (network, is_one) in [
            (of("192.0.2.1:1"), true),
            (of("[2001:db8::1]:1"), true),
            (of("127.0.0.1:1"), false),
            (of("[::1]:1"), false),
            (Network::of(Some(&unix)), false),
            (Network::of(None), false),
        ] {
            assert_eq!(network.is_one_customer(), is_one, "{network:?}");
        }
    }
}
