//! Names to addresses: the question the system's resolver is asked, and the answers that need none.

use crate::deadline::Deadline;
use crate::zone;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread;
use url::Host;

/// Finds the addresses of a host. A [`Client`](crate::Client) can be given one of your own, and a
/// closure is one.
///
/// ```
/// use tinyhttp_client::Client;
///
/// let everything_here = |_: &str| Ok(vec!["127.0.0.1".parse().unwrap()]);
/// let client = Client::builder().resolver(everything_here).build();
/// ```
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, best first. The caller waits for the answer only until its
    /// deadline, so this runs on a thread of its own.
    ///
    /// # Errors
    /// Whatever keeps it from finding any.
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;

    /// The addresses of `host`, best first, with the zones of link-local ones as scope IDs. The
    /// ports are not used.
    ///
    /// # Errors
    /// As [`Resolve::resolve`].
    fn resolve_in_zones(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        let addresses = self.resolve(host)?.into_iter();
        Ok(addresses.map(|ip| SocketAddr::new(ip, 0)).collect())
    }
}

impl<F: Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync> Resolve for F {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self(host)
    }
}

/// The system's resolver: `getaddrinfo`, which knows the hosts file and orders its answer by RFC
/// 6724.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = self.resolve_in_zones(host)?.into_iter();
        Ok(addresses.map(|address| address.ip()).collect())
    }

    fn resolve_in_zones(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        Ok((host, 0).to_socket_addrs()?.collect())
    }
}

/// The families of addresses that are used: IPv4, IPv6, or both, which are tried at once (RFC
/// 8305).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Family {
    /// Both kinds.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    fn takes(self, address: &SocketAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Any => "IPv4 or IPv6",
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        })
    }
}

/// Why there are no addresses.
#[derive(Debug)]
pub(super) enum ResolveError {
    Failed(io::Error),
    TimedOut,
}

/// Addresses that were given for a host in advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownHost {
    /// `None`: every host.
    pub(crate) host: Option<Host<String>>,
    /// `None`: for every port.
    pub(crate) port: Option<u16>,
    /// With their zones, and any port.
    pub(crate) addresses: Vec<SocketAddr>,
}

/// How names become addresses.
#[derive(Clone)]
pub(crate) struct ResolveOptions {
    pub(crate) family: Family,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) known_hosts: Vec<KnownHost>,
}

impl Default for ResolveOptions {
    fn default() -> Self {
        ResolveOptions {
            family: Family::Any,
            resolver: Arc::new(SystemResolver),
            known_hosts: Vec::new(),
        }
    }
}

/// The addresses that were given for a host at that port. What was given for this host counts more
/// than what was given for all of them, and the last counts more than those before it.
fn known<'k>(known: &'k [KnownHost], host: &Host<String>, port: u16) -> Option<&'k KnownHost> {
    let mut fitting = known
        .iter()
        .rev()
        .filter(|known| known.port.is_none_or(|at| at == port));
    let is_about = |known: &&KnownHost| {
        let own = known.host.as_ref();
        own.is_some_and(|own| zone::is_about(own, host))
    };
    fitting
        .clone()
        .find(is_about)
        .or_else(|| fitting.find(|known| known.host.is_none()))
}

/// The addresses of a host at that port. An address needs no resolver, and neither does a host that
/// is known.
pub(super) fn resolve(
    host: &Host<String>,
    port: u16,
    options: &ResolveOptions,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let known = known(&options.known_hosts, host, port);
    let found = match (known, host) {
        (Some(known), _) => known.addresses.clone(),
        (None, Host::Ipv4(address)) => vec![(*address, port).into()],
        (None, Host::Ipv6(address)) => vec![(*address, port).into()],
        (None, Host::Domain(name)) if is_loopback(name) => vec![
            (Ipv6Addr::LOCALHOST, port).into(),
            (Ipv4Addr::LOCALHOST, port).into(),
        ],
        (None, Host::Domain(name)) => match zone::of(host) {
            Some((address, zone)) => {
                let scope_id = zone::scope_id(zone).map_err(ResolveError::Failed)?;
                vec![SocketAddrV6::new(address, port, 0, scope_id).into()]
            }
            None => ask(name, &options.resolver, deadline)?,
        },
    };
    let any = !found.is_empty();
    let family = options.family;
    let addresses: Vec<_> = found
        .into_iter()
        .filter(|address| family.takes(address))
        .map(|mut address| {
            address.set_port(port);
            address
        })
        .collect();
    if addresses.is_empty() {
        let reason = if any {
            format!("the host has no {family} address")
        } else {
            "the host has no address".to_owned()
        };
        return Err(ResolveError::Failed(io::Error::new(
            io::ErrorKind::NotFound,
            reason,
        )));
    }
    Ok(addresses)
}

/// Names below `localhost` are this machine; no server is asked about them (RFC 6761 §6.3). About
/// `localhost` itself the system's hosts file may have something to say.
fn is_loopback(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.to_ascii_lowercase().ends_with(".localhost")
}

fn ask(
    name: &str,
    resolver: &Arc<dyn Resolve>,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let Some(left) = deadline.left() else {
        return resolver
            .resolve_in_zones(name)
            .map_err(ResolveError::Failed);
    };
    // getaddrinfo can't be interrupted, so it gets a thread that is left behind when the time is
    // up.
    let (sender, receiver) = mpsc::channel();
    let (resolver, name) = (resolver.clone(), name.to_owned());
    thread::Builder::new()
        .name("resolve".to_owned())
        .spawn(move || {
            // If this fails, the caller has stopped waiting.
            let _ = sender.send(resolver.resolve_in_zones(&name));
        })
        .map_err(ResolveError::Failed)?;
    match receiver.recv_timeout(left) {
        Ok(result) => result.map_err(ResolveError::Failed),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(ResolveError::TimedOut),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(ResolveError::Failed(io::Error::other(
            "the resolver panicked",
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::Clock;
    use crate::timeouts::{Timeout, Timeouts};
    use std::time::Duration;

    fn deadline(limit: Duration) -> Deadline {
        let timeouts = Timeouts {
            resolve: Some(limit),
            ..Timeouts::default()
        };
        Clock::start(timeouts).deadline(Timeout::Resolve)
    }

    #[test]
    fn addresses_need_no_resolver_and_families_are_chosen() {
        let resolver: Arc<dyn Resolve> = Arc::new(|host: &str| match host {
            "both.test" => Ok(vec!["::1".parse().unwrap(), "127.0.0.1".parse().unwrap()]),
            "none.test" => Ok(Vec::new()),
            _ => Err(io::Error::other("no such host")),
        });
        let table: &[(&str, Family, Option<&str>)] = &[
            ("127.0.0.1", Family::Any, Some("127.0.0.1:80")),
            ("127.0.0.1", Family::V6, None),
            ("[::1]", Family::Any, Some("[::1]:80")),
            ("[::1]", Family::V4, None),
            ("both.test", Family::Any, Some("[::1]:80 127.0.0.1:80")),
            ("both.test", Family::V4, Some("127.0.0.1:80")),
            ("both.test", Family::V6, Some("[::1]:80")),
            ("none.test", Family::Any, None),
            ("bad.test", Family::Any, None),
            ("a.localhost", Family::Any, Some("[::1]:80 127.0.0.1:80")),
            ("A.B.LocalHost.", Family::V4, Some("127.0.0.1:80")),
            ("notlocalhost", Family::Any, None),
            ("[fe80::1%257]", Family::Any, Some("[fe80::1%7]:80")),
            ("[fe80::1%257]", Family::V4, None),
            ("[fe80::1%no-such-device]", Family::Any, None),
        ];
        for (host, family, want) in table {
            let host = zone::parse_host(host).unwrap();
            let options = ResolveOptions {
                family: *family,
                resolver: resolver.clone(),
                ..ResolveOptions::default()
            };
            let got = resolve(&host, 80, &options, deadline(Duration::from_secs(10)));
            let got = got.ok().map(|list| {
                list.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            });
            assert_eq!(got.as_deref(), *want, "{host}");
        }
    }

    #[test]
    fn a_silent_resolver_is_left_behind() {
        let (hold, held) = mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let resolver: Arc<dyn Resolve> = Arc::new(move |_: &str| {
            let _ = held.lock().unwrap().recv_timeout(Duration::from_secs(10));
            Ok(Vec::new())
        });
        let host = Host::parse("slow.test").unwrap();
        let options = ResolveOptions {
            resolver,
            ..ResolveOptions::default()
        };
        let got = resolve(&host, 80, &options, deadline(Duration::from_millis(20)));
        assert!(matches!(got, Err(ResolveError::TimedOut)));
        drop(hold);
    }
}
