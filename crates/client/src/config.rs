//! What a client is told once, before its first request.

use crate::client::Client;
use crate::connect::{Interface, SocketOptions};
#[cfg(feature = "cookies")]
use crate::cookies::Jar;
use crate::credentials::Credentials;
use crate::deadline::Timeouts;
use crate::dial::ConnectTo;
use crate::exchange::Grammar;
use crate::pool::PoolLimits;
use crate::proxy::Proxies;
use crate::redirect::RedirectPolicy;
use crate::resolve::{Family, KnownHost, Resolve, SystemResolver};
#[cfg(feature = "tls")]
use crate::tls::{LazyTls, TlsOptions};
use crate::trace::Observer;
use crate::zone;
use http::HeaderValue;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tinyhttp_message::Limits;
use url::Url;

/// Finds the credentials for a URL.
pub(crate) type Logins = Arc<dyn Fn(&Url) -> Option<Credentials> + Send + Sync>;

/// The settings of a client.
pub(crate) struct Config {
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) is_strict: bool,
    pub(crate) redirects: RedirectPolicy,
    pub(crate) pool: PoolLimits,
    pub(crate) family: Family,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) known_hosts: Vec<KnownHost>,
    pub(crate) connect_to: Vec<ConnectTo>,
    pub(crate) proxies: Proxies,
    #[cfg(feature = "tls")]
    pub(crate) tls: LazyTls,
    pub(crate) socket: SocketOptions,
    pub(crate) unix_socket: Option<PathBuf>,
    pub(crate) decodes: bool,
    #[cfg(feature = "cookies")]
    pub(crate) cookies: Option<Arc<Jar>>,
    /// Finds the credentials for a URL.
    pub(crate) logins: Option<Logins>,
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            timeouts: Timeouts::default(),
            // Servers send larger heads than a client does: cookies and policies.
            limits: Limits {
                head: 128 * 1024,
                fields: 1000,
                ..Limits::default()
            },
            is_strict: false,
            redirects: RedirectPolicy {
                limit: 10,
                are_followed: None,
                trusts_location: false,
                https_only: false,
                sets_referer: false,
            },
            pool: PoolLimits {
                per_origin: 8,
                age: Duration::from_secs(60),
            },
            family: Family::Any,
            resolver: Arc::new(SystemResolver),
            known_hosts: Vec::new(),
            connect_to: Vec::new(),
            proxies: Proxies::default(),
            #[cfg(feature = "tls")]
            tls: LazyTls::default(),
            socket: SocketOptions::default(),
            unix_socket: None,
            decodes: true,
            #[cfg(feature = "cookies")]
            cookies: None,
            logins: None,
            user_agent: Some(HeaderValue::from_static(concat!(
                "tinyhttp/",
                env!("CARGO_PKG_VERSION")
            ))),
            observer: None,
        }
    }
}

impl Config {
    pub(crate) fn grammar(&self) -> Grammar {
        Grammar {
            limits: self.limits,
            is_strict: self.is_strict,
        }
    }
}

/// Sets up a [`Client`].
///
/// ```
/// use std::time::Duration;
/// let client = tinyhttp_client::Client::builder()
///     .timeouts(|timeouts| timeouts.total = Some(Duration::from_secs(20)))
///     .max_redirects(0)
///     .build();
/// ```
#[derive(Default)]
pub struct ClientBuilder(Config);

impl ClientBuilder {
    /// Changes the timeouts.
    #[must_use]
    pub fn timeouts(mut self, change: impl FnOnce(&mut Timeouts)) -> Self {
        change(&mut self.0.timeouts);
        self
    }

    /// Changes how much of a response's head is taken: 128 KiB and 1000 fields unless changed,
    /// which is also the most.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.0.limits);
        self
    }

    /// Refuses responses that break the grammar even where RFC 9112 says how to read them all the
    /// same; no unless set.
    ///
    /// What is [forgiven](tinyhttp_message::tolerance) otherwise: lines that end in LF alone,
    /// folded field lines, white space before a colon or after a chunk size, equal Content-Lengths,
    /// Content-Length beside Transfer-Encoding. Each is told as
    /// [`Event::Tolerated`](crate::trace::Event::Tolerated).
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.0.is_strict = strict;
        self
    }

    /// Sets the number of redirects after which one more is an error; 10 unless set. With 0 a
    /// redirect is a response like any other, unless [`ClientBuilder::follow_redirects`] says
    /// otherwise.
    #[must_use]
    pub fn max_redirects(mut self, limit: u32) -> Self {
        self.0.redirects.limit = limit;
        self
    }

    /// Sets whether redirects are followed; by default they are, unless the limit is 0. With
    /// `false` a redirect is a response like any other; with `true` and a limit of 0 it is
    /// [`Error::TooManyRedirects`](crate::Error::TooManyRedirects).
    #[must_use]
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.0.redirects.are_followed = Some(follow);
        self
    }

    /// Lets `Authorization` and `Cookie` follow redirects to other origins. Only for servers that
    /// are all yours.
    #[must_use]
    pub fn trust_redirects(mut self, trust: bool) -> Self {
        self.0.redirects.trusts_location = trust;
        self
    }

    /// Follows redirects to https only, so that what began in secret stays so.
    #[must_use]
    pub fn https_redirects_only(mut self, only: bool) -> Self {
        self.0.redirects.https_only = only;
        self
    }

    /// Names the URL that a redirect came from in the Referer of the request that follows it.
    #[must_use]
    pub fn referer_of_redirects(mut self, set: bool) -> Self {
        self.0.redirects.sets_referer = set;
        self
    }

    /// Keeps at most so many idle connections to each origin, and each for so long: 8, and 60 s,
    /// unless set.
    #[must_use]
    pub fn keep_alive(mut self, per_origin: usize, age: Duration) -> Self {
        self.0.pool = PoolLimits { per_origin, age };
        self
    }

    /// Uses addresses of that family only.
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.0.family = family;
        self
    }

    /// Finds addresses in another way than the system does.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.0.resolver = Arc::new(resolver);
        self
    }

    /// Takes these for the addresses of a host, without a lookup; at one port only, unless that is
    /// `None`.
    ///
    /// # Errors
    /// If `host` isn't one.
    pub fn known_host(
        self,
        host: &str,
        port: Option<u16>,
        addresses: Vec<IpAddr>,
    ) -> Result<Self, url::ParseError> {
        let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
        self.known_addresses(host, port, addresses.collect())
    }

    /// Uses these addresses for a host without asking the resolver; at one port only, unless that
    /// is `None`.
    ///
    /// A link-local address has its zone in the scope ID ([`zone::parse_address`]). The ports of
    /// the addresses are not used.
    ///
    /// # Errors
    /// If `host` isn't one.
    pub fn known_addresses(
        mut self,
        host: &str,
        port: Option<u16>,
        addresses: Vec<SocketAddr>,
    ) -> Result<Self, url::ParseError> {
        self.0.known_hosts.push(KnownHost {
            host: zone::parse_host(host)?,
            port,
            addresses,
        });
        Ok(self)
    }

    /// Connects to another host and port for some URLs. The first rule that fits counts.
    #[must_use]
    pub fn connect_to(mut self, rule: ConnectTo) -> Self {
        self.0.connect_to.push(rule);
        self
    }

    /// Goes through proxies; through none unless set. [`Proxies::from_env`] has those of the
    /// environment.
    #[must_use]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.0.proxies = proxies;
        self
    }

    /// The certificates that https trusts, and the client certificate.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, options: TlsOptions) -> Self {
        self.0.tls = LazyTls::new(options);
        self
    }

    /// Connects from that address or device.
    #[must_use]
    pub fn interface(mut self, interface: Interface) -> Self {
        self.0.socket.interface = Some(interface);
        self
    }

    /// Connects to that Unix domain socket, whatever the URL's host.
    #[must_use]
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.unix_socket = Some(path.into());
        self
    }

    /// Asks for compressed content and decodes it; yes unless set, as far as the features `gzip`,
    /// `brotli` and `zstd` are there.
    #[must_use]
    pub fn decompress(mut self, decompress: bool) -> Self {
        self.0.decodes = decompress;
        self
    }

    /// Keeps cookies in that jar and sends them back; none unless set.
    #[cfg(feature = "cookies")]
    #[must_use]
    pub fn cookies(mut self, jar: Arc<Jar>) -> Self {
        self.0.cookies = Some(jar);
        self
    }

    /// Looks up the credentials for each URL that is requested, those of redirects included.
    ///
    /// The function sees the URL with the user and password that are written in it. Where it
    /// returns `None`, these are used. A request with an `Authorization` field of its own sends
    /// that one, to the first origin only.
    #[must_use]
    pub fn logins(
        mut self,
        look_up: impl Fn(&Url) -> Option<Credentials> + Send + Sync + 'static,
    ) -> Self {
        self.0.logins = Some(Arc::new(look_up));
        self
    }

    /// Names itself in `User-Agent`; `None`: not at all.
    #[must_use]
    pub fn user_agent(mut self, name: Option<HeaderValue>) -> Self {
        self.0.user_agent = name;
        self
    }

    /// Shows every step of every fetch to the observer, as it is taken.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.0.observer = Some(Arc::new(observer));
        self
    }

    /// The client.
    #[must_use]
    pub fn build(self) -> Client {
        Client::with(self.0)
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("timeouts", &self.0.timeouts)
            .finish_non_exhaustive()
    }
}
