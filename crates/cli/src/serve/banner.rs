//! What `serve` says when it is ready: the URLs that work.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The URLs of a path, under which a server with these listeners can be reached.
pub(crate) fn urls(listeners: &[SocketAddr], path: &str) -> Vec<String> {
    let mut urls = Vec::new();
    for listener in listeners {
        let port = listener.port();
        let addresses = match listener.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => {
                vec![
                    Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                    outward(Ipv4Addr::UNSPECIFIED.into()),
                ]
            }
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                vec![
                    Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
                    outward(Ipv6Addr::UNSPECIFIED.into()),
                ]
            }
            address => vec![Some(address)],
        };
        urls.extend(addresses.into_iter().flatten().map(|address| {
            // SocketAddr puts an IPv6 address in brackets, as URLs do.
            format!("http://{}{path}", SocketAddr::new(address, port))
        }));
    }
    urls
}

/// The address that this machine would use towards the rest of the world. Connecting a UDP socket makes the system choose
/// a route; nothing is sent. The addresses are of the blocks reserved for documentation.
fn outward(from: IpAddr) -> Option<IpAddr> {
    let far: SocketAddr = match from {
        IpAddr::V4(_) => (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
        IpAddr::V6(_) => (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
    };
    let socket = UdpSocket::bind((from, 0)).ok()?;
    socket.connect(far).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified() && !address.is_loopback()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_one_address_has_one_url() {
        let listeners = [
            "127.0.0.1:8080".parse().unwrap(),
            "[::1]:80".parse().unwrap(),
        ];
        assert_eq!(
            urls(&listeners, "/docs/"),
            ["http://127.0.0.1:8080/docs/", "http://[::1]:80/docs/"]
        );
    }

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_this_machine_too() {
        let all = urls(&["0.0.0.0:80".parse().unwrap()], "/");
        assert_eq!(
            all.first().map(String::as_str),
            Some("http://127.0.0.1:80/")
        );
        assert!(!all.iter().any(|url| url.contains("0.0.0.0")));
    }
}
