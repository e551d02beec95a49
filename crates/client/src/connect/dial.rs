//! The steps to a connection, in order.

use super::connect_to::ConnectTo;
use super::proxy::{Proxies, Proxy, ProxyKind};
use super::race::{ConnectError, Interface, connect, interleave};
use super::resolve::{ResolveError, ResolveOptions, resolve};
use crate::body::Source;
use crate::deadline::Clock;
use crate::error::{Error, Phase};
use crate::exchange::{Connection, Exchange, Forward, Grammar, Outbound};
use crate::lock::Lock;
use crate::origin::Origin;
use crate::peer::Peer;
use crate::timeouts::Timeout;
#[cfg(feature = "tls")]
use crate::tls::LazyTls;
use crate::trace::{Event, Recorder};
use crate::transport::{Socket, Transport};
use crate::zone::{self, Shown};
use http::{HeaderValue, Method, Version};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tinyhttp_message::connection::RequestContent;
use url::Host;

/// The ways to servers.
#[derive(Default)]
pub(crate) struct ConnectOptions {
    pub(crate) resolve: ResolveOptions,
    pub(crate) connect_to: Vec<ConnectTo>,
    pub(crate) proxies: Proxies,
    #[cfg(feature = "tls")]
    pub(crate) tls: LazyTls,
    /// The interface or local address to connect from.
    pub(crate) interface: Option<Interface>,
    pub(crate) unix_socket: Option<PathBuf>,
}

/// Opens connections for one fetch.
pub(crate) struct Dialer<'d> {
    pub(crate) options: &'d ConnectOptions,
    pub(crate) grammar: Grammar,
    /// The name that a proxy gets.
    pub(crate) user_agent: Option<&'d HeaderValue>,
    pub(crate) clock: Clock,
    pub(crate) recorder: &'d Recorder,
}

impl Dialer<'_> {
    /// Opens a connection to an origin for HTTP. A proxy may forward plain requests.
    pub(crate) fn connect(&self, origin: &Origin) -> Result<Connection, Error> {
        let proxy = self.proxy(origin)?;
        let forward = proxy.filter(|proxy| proxy.forwards() && !origin.is_secure);
        let (transport, peer) = match forward {
            Some(proxy) => self.to_proxy(proxy)?,
            None => self.to_server(origin, proxy)?,
        };
        let mut connection = Connection::new(transport, peer, self.grammar);
        connection.forward = forward.map(|proxy| Forward {
            authorization: proxy.authorization(),
        });
        connection.route.proxy = proxy.map(ToString::to_string);
        Ok(connection)
    }

    /// Opens a connection to an origin for any protocol.
    pub(crate) fn connect_stream(
        &self,
        origin: &Origin,
    ) -> Result<(Box<dyn Transport>, Peer), Error> {
        self.to_server(origin, self.proxy(origin)?)
    }

    /// The addresses of a host, in the order in which they are tried.
    pub(crate) fn addresses_of(
        &self,
        host: &Host<String>,
        port: u16,
    ) -> Result<Vec<SocketAddr>, Error> {
        self.addresses(host, port, None)
            .map(|found| interleave(&found))
    }

    /// A Unix domain socket needs none.
    fn proxy(&self, origin: &Origin) -> Result<Option<&Proxy>, Error> {
        if self.options.unix_socket.is_some() {
            return Ok(None);
        }
        let proxy = self.options.proxies.for_origin(origin);
        proxy.map_err(|source| Error::Proxies { source })
    }

    fn to_proxy(&self, proxy: &Proxy) -> Result<(Box<dyn Transport>, Peer), Error> {
        let (transport, peer) = self.reach(&proxy.host, proxy.port, Some(proxy))?;
        match proxy.kind {
            ProxyKind::Https => Ok((self.secure(&proxy.host, transport, &peer)?, peer)),
            _ => Ok((transport, peer)),
        }
    }

    /// A connection whose other end is the server, through whatever there is in between.
    fn to_server(
        &self,
        origin: &Origin,
        proxy: Option<&Proxy>,
    ) -> Result<(Box<dyn Transport>, Peer), Error> {
        // Without TLS no connection is needed to know that.
        #[cfg(not(feature = "tls"))]
        if origin.is_secure {
            return Err(missing_tls(&origin.host));
        }
        let rules = &self.options.connect_to;
        let rule = rules.iter().find(|rule| rule.applies(origin));
        let host = rule
            .and_then(|rule| rule.host.as_ref())
            .unwrap_or(&origin.host);
        let port = rule.and_then(|rule| rule.port).unwrap_or(origin.port);
        let (mut transport, peer) = match (&self.options.unix_socket, proxy) {
            (Some(path), _) => self.to_unix_socket(path)?,
            (None, None) => self.reach(host, port, None)?,
            (None, Some(proxy)) => {
                let (transport, peer) = self.to_proxy(proxy)?;
                (self.tunnel(proxy, host, port, transport, &peer)?, peer)
            }
        };
        if origin.is_secure {
            transport = self.secure(&origin.host, transport, &peer)?;
        }
        Ok((transport, peer))
    }

    fn to_unix_socket(&self, path: &Path) -> Result<(Box<dyn Transport>, Peer), Error> {
        let peer = Peer::Unix(path.to_owned());
        let socket = Socket::unix(path).map_err(|source| Error::ConnectUnix {
            peer: peer.clone(),
            source,
        })?;
        self.recorder.emit(&Event::Connected { peer: &peer });
        Ok((Box::new(socket), peer))
    }

    /// Addresses, and a socket to one of them.
    fn reach(
        &self,
        host: &Host<String>,
        port: u16,
        proxy: Option<&Proxy>,
    ) -> Result<(Box<dyn Transport>, Peer), Error> {
        let addresses = self.addresses(host, port, proxy)?;
        let begun = Instant::now();
        let deadline = self.clock.deadline(Timeout::Connect);
        let interface = self.options.interface.as_ref();
        match connect(&addresses, interface, deadline, self.recorder) {
            Ok((stream, address)) => Ok((Box::new(Socket::tcp(stream)), Peer::Tcp(address))),
            Err(ConnectError::Failed(mut attempts))
                if attempts.iter().all(|attempt| attempt.is_local) && !attempts.is_empty() =>
            {
                Err(Error::Interface {
                    source: attempts.swap_remove(0).source,
                })
            }
            Err(ConnectError::Failed(attempts)) => Err(Error::Connect {
                host: format!("{}:{port}", Shown(host)),
                attempts,
                elapsed: begun.elapsed(),
            }),
            Err(ConnectError::TimedOut(attempts)) => Err(Error::Timeout {
                timeout: deadline.timeout,
                limit: deadline.limit,
                phase: Phase::Connect,
                peer: addresses.first().map(|address| Peer::Tcp(*address)),
                attempts,
            }),
        }
    }

    fn addresses(
        &self,
        host: &Host<String>,
        port: u16,
        proxy: Option<&Proxy>,
    ) -> Result<Vec<SocketAddr>, Error> {
        let begun = Instant::now();
        let deadline = self.clock.deadline(Timeout::Resolve);
        let found = resolve(host, port, &self.options.resolve, deadline);
        let addresses = found.map_err(|failure| match failure {
            ResolveError::Failed(source) => Error::Resolve {
                host: Shown(host).to_string(),
                is_proxy: proxy.is_some(),
                elapsed: begun.elapsed(),
                source,
            },
            ResolveError::TimedOut => deadline.error(Phase::Resolve, None),
        })?;
        self.recorder.emit(&Event::Resolved {
            host: &Shown(host).to_string(),
            addresses: &addresses,
        });
        Ok(addresses)
    }

    /// Asks a proxy for a connection to the host.
    fn tunnel(
        &self,
        proxy: &Proxy,
        host: &Host<String>,
        port: u16,
        transport: Box<dyn Transport>,
        peer: &Peer,
    ) -> Result<Box<dyn Transport>, Error> {
        match proxy.kind {
            ProxyKind::Http | ProxyKind::Https => {
                self.connect_through(proxy, host, port, transport, peer)
            }
            #[cfg(feature = "socks")]
            ProxyKind::Socks4
            | ProxyKind::Socks4Hostname
            | ProxyKind::Socks5
            | ProxyKind::Socks5Hostname => self.socks(proxy, host, port, transport, peer),
            // Only a proxy that can be used comes this far.
            ProxyKind::Unusable => Err(Error::Scheme {
                scheme: proxy.to_string(),
            }),
            #[cfg(not(feature = "socks"))]
            _ => Err(Error::Feature {
                what: proxy.to_string(),
                feature: "socks",
            }),
        }
    }

    /// CONNECT: after a 2xx response the connection is the tunnel (RFC 9110 §9.3.6).
    fn connect_through(
        &self,
        proxy: &Proxy,
        host: &Host<String>,
        port: u16,
        transport: Box<dyn Transport>,
        peer: &Peer,
    ) -> Result<Box<dyn Transport>, Error> {
        let target = format!("{}:{port}", zone::without(host));
        let mut fields = vec![("Host", target.as_bytes().into())];
        if let Some(value) = proxy.authorization() {
            fields.push(("Proxy-Authorization", value.into()));
        }
        if let Some(name) = self.user_agent {
            fields.push(("User-Agent", name.as_bytes().into()));
        }
        let outbound = Outbound {
            method: &Method::CONNECT,
            target: target.as_str().into(),
            version: Version::HTTP_11,
            length: RequestContent::None,
            fields,
            close: false,
            upgrade: None,
            expect_continue: false,
        };
        let connection = Connection::new(transport, peer.clone(), self.grammar);
        let clock = match self.clock.deadline(Timeout::Handshake).left() {
            Some(left) => self.clock.tighten(left),
            None => self.clock,
        };
        // The tunnel's messages are not the exchange's: the trace has them in one event of their
        // own.
        let sent = Arc::new(Lock::new(Vec::new()));
        let note = sent.clone();
        let quiet = Recorder::new(Some(Arc::new(move |_: Duration, event: &Event<'_>| {
            if let Event::RequestHead(raw) = event {
                *note.lock() = raw.to_vec();
            }
        })));
        let source = Source::Ready(Vec::new(), 0);
        let mut exchange = Exchange::begin(connection, &outbound, source, clock, quiet)?;
        let head = exchange.receive_head().map_err(|failed| failed.error)?;
        self.recorder.emit(&Event::Tunnel {
            proxy: &proxy.to_string(),
            request: &sent.lock(),
            response: &head.raw,
        });
        let refused = |reason| Error::Proxy {
            proxy: proxy.to_string(),
            status: Some(head.status),
            source: io::Error::other(reason),
        };
        if !head.status.is_success() {
            let status = head.status.as_u16();
            return Err(refused(format!(
                "it answered {status} {} when asked for {target}",
                head.reason
            )));
        }
        exchange
            .into_transport()
            .ok_or_else(|| refused("the server behind it speaks before it is spoken to".to_owned()))
    }

    #[cfg(feature = "socks")]
    fn socks(
        &self,
        proxy: &Proxy,
        host: &Host<String>,
        port: u16,
        mut transport: Box<dyn Transport>,
        peer: &Peer,
    ) -> Result<Box<dyn Transport>, Error> {
        use super::socks::{self, Destination};
        use crate::transport::Blocking;

        let deadline = self.clock.deadline(Timeout::Handshake);
        let mut result = Ok(());
        let mut ask = |destination: Destination<'_>| {
            let mut stream = Blocking::new(transport.as_mut(), deadline);
            let credentials = proxy.credentials.as_ref();
            result = match proxy.kind {
                ProxyKind::Socks4 | ProxyKind::Socks4Hostname => {
                    socks::ask_version_4(&mut stream, &destination, port, credentials)
                }
                _ => socks::ask(&mut stream, &destination, port, credentials),
            };
        };
        match (proxy.kind, &*zone::without(host)) {
            (_, Host::Ipv4(address)) => ask(Destination::Address((*address).into())),
            (_, Host::Ipv6(address)) => ask(Destination::Address((*address).into())),
            (ProxyKind::Socks5 | ProxyKind::Socks4, Host::Domain(_)) => {
                let addresses = self.addresses(host, port, None)?;
                let is_usable =
                    |address: &&SocketAddr| proxy.kind == ProxyKind::Socks5 || address.is_ipv4();
                // Where there is no address of the right kind, the proxy's protocol says so.
                let best = addresses.iter().find(is_usable).unwrap_or(&addresses[0]);
                ask(Destination::Address(best.ip()));
            }
            (_, Host::Domain(name)) => ask(Destination::Name(name)),
        }
        match result {
            Ok(()) => {
                self.recorder.emit(&Event::Tunnel {
                    proxy: &proxy.to_string(),
                    request: &[],
                    response: &[],
                });
                Ok(transport)
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(deadline.error(Phase::Handshake, Some(peer.clone())))
            }
            Err(source) => Err(Error::Proxy {
                proxy: proxy.to_string(),
                status: None,
                source,
            }),
        }
    }

    #[cfg(feature = "tls")]
    fn secure(
        &self,
        host: &Host<String>,
        transport: Box<dyn Transport>,
        peer: &Peer,
    ) -> Result<Box<dyn Transport>, Error> {
        use crate::error::TlsFailure;

        let begun = Instant::now();
        let deadline = self.clock.deadline(Timeout::Handshake);
        let secured = self
            .options
            .tls
            .get()
            .and_then(|tls| tls.secure(host, transport, deadline));
        match secured {
            Ok((transport, facts)) => {
                self.recorder.emit(&Event::Secured { facts: &facts });
                Ok(Box::new(transport))
            }
            Err(problem) if problem.failure == TlsFailure::TimedOut => {
                Err(deadline.error(Phase::Handshake, Some(peer.clone())))
            }
            Err(problem) => Err(Error::Tls {
                host: Shown(host).to_string(),
                peer: peer.clone(),
                elapsed: begun.elapsed(),
                failure: problem.failure,
                reason: problem.reason,
            }),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn secure(
        &self,
        host: &Host<String>,
        _transport: Box<dyn Transport>,
        _peer: &Peer,
    ) -> Result<Box<dyn Transport>, Error> {
        Err(missing_tls(host))
    }
}

/// The error for https without the feature.
#[cfg(not(feature = "tls"))]
fn missing_tls(host: &Host<String>) -> Error {
    Error::Feature {
        what: format!("https://{}", Shown(host)),
        feature: "tls",
    }
}
