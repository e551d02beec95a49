//! Limits the connections of each client, so that none of them can take all.
//!
//! A client is an IPv4 address or an IPv6 network of 64 bits, which a single customer gets. Many
//! people may share an address, and a reverse proxy on this machine forwards the requests of all
//! clients from one. So the default limit is generous, and the addresses of this machine are
//! limited only if a limit is configured.

use crate::lock::Lock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The connections of each client.
#[derive(Debug)]
pub(crate) struct Clients {
    most: usize,
    bind_loopback: bool,
    connections: Lock<HashMap<Client, usize>>,
}

/// The upper half of an IPv6 address, or an IPv4 address. They don't collide: no network consists
/// of 32 zero bits and an IPv4 address.
type Client = u64;

/// The right to one connection, returned when it is dropped.
#[derive(Debug)]
pub(crate) struct ClientPermit(Option<(Arc<Clients>, Client)>);

impl Clients {
    /// At most `most` connections for each client, or half of all by default.
    pub(crate) fn new(most: Option<usize>, max_connections: usize) -> Arc<Self> {
        Arc::new(Clients {
            most: most.unwrap_or(max_connections.div_ceil(2)).max(1),
            bind_loopback: most.is_some(),
            connections: Lock::default(),
        })
    }

    /// Counts a TCP connection. Unix-socket peers are not limited. `None`: the client has reached
    /// its limit.
    pub(crate) fn count(self: &Arc<Self>, remote: Option<IpAddr>) -> Option<ClientPermit> {
        let Some(address) = remote else {
            return Some(ClientPermit(None));
        };
        let address = address.to_canonical();
        if address.is_loopback() && !self.bind_loopback {
            return Some(ClientPermit(None));
        }
        let client = match address {
            IpAddr::V4(address) => u64::from(u32::from(address)),
            IpAddr::V6(address) => (u128::from(address) >> 64) as u64,
        };
        let mut connections = self.connections.lock();
        let number = connections.entry(client).or_default();
        if *number >= self.most {
            return None;
        }
        *number += 1;
        Some(ClientPermit(Some((Arc::clone(self), client))))
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        let Some((clients, client)) = &self.0 else {
            return;
        };
        let mut connections = clients.connections.lock();
        if let Some(number) = connections.get_mut(client) {
            *number -= 1;
            if *number == 0 {
                connections.remove(client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    #[test]
    fn each_client_is_counted_by_itself() {
        let clients = Clients::new(Some(2), 100);
        let first = clients.count(from("192.0.2.1")).unwrap();
        let _second = clients.count(from("::ffff:192.0.2.1")).unwrap();
        assert!(clients.count(from("192.0.2.1")).is_none());
        let _other = clients.count(from("192.0.2.2")).unwrap();
        drop(first);
        let _third = clients.count(from("192.0.2.1")).unwrap();
        // An IPv6 network is one client.
        let a = clients.count(from("2001:db8::1")).unwrap();
        let b = clients.count(from("2001:db8::2")).unwrap();
        assert!(clients.count(from("2001:db8::3")).is_none());
        let _next = clients.count(from("2001:db8:0:1::1")).unwrap();
        drop((a, b));
        assert_eq!(
            clients.connections.lock().len(),
            3,
            "a client without connections is removed"
        );
    }

    #[test]
    fn this_machine_is_bound_if_that_is_wanted() {
        for (most, bound) in [(None, false), (Some(2), true)] {
            let clients = Clients::new(most, 4);
            let _counted: Vec<_> = (0..2).map(|_| clients.count(from("127.0.0.1"))).collect();
            assert_eq!(clients.count(from("127.0.0.1")).is_none(), bound);
            assert!(clients.count(from("::1")).is_some());
            let _others: Vec<_> = (0..2).map(|_| clients.count(from("192.0.2.1"))).collect();
            assert!(clients.count(from("192.0.2.1")).is_none());
        }
    }
}
