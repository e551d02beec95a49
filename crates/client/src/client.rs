//! The public face: a client, and what it can be set up with.

use crate::body::Body;
use crate::config::Config;
use crate::connect::{ConnectTo, Family, Interface, KnownHost, Proxies, Resolve};
#[cfg(feature = "cookies")]
use crate::cookies::Jar;
use crate::credentials::Credentials;
use crate::deadline::Clock;
use crate::error::Error;
use crate::fetch::Fetcher;
use crate::origin::Origin;
use crate::pool::PoolLimits;
use crate::request::{DefaultFields, Request};
use crate::request_builder::RequestBuilder;
use crate::response::Response;
use crate::retry::RetryPolicy;
use crate::stream::Stream;
use crate::timeouts::Timeouts;
#[cfg(feature = "tls")]
use crate::tls::{LazyTls, TlsOptions};
use crate::trace::{Observer, Recorder};
use crate::zone;
use http::{HeaderName, HeaderValue, Method};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tinyhttp_message::{Limits, MisuseError};
use url::{Host, Url};

/// Makes requests, and keeps connections for the next ones.
///
/// It is cheap to clone; clones share the connections. It may be used from several threads at once.
#[derive(Clone)]
pub struct Client(Arc<Fetcher>);

impl Client {
    /// A client with the defaults of [`ClientBuilder`].
    #[must_use]
    pub fn new() -> Self {
        ClientBuilder::default().build()
    }

    /// A builder with the defaults: no total timeout, ten redirects, no retries, no proxy, and 8
    /// idle connections to each origin, kept for 60 s.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A request with any method (RFC 9110 §9). A URL without a scheme, with one that this build
    /// doesn't speak, or that is malformed is reported when the request is sent.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        RequestBuilder::new(self.0.clone(), method, url)
    }

    /// A GET request, which asks for a representation (RFC 9110 §9.3.1).
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// A HEAD request, which asks for the head of the response to GET (RFC 9110 §9.3.2).
    pub fn head(&self, url: &str) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// A POST request, which has its content processed (RFC 9110 §9.3.3).
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// A PUT request, which replaces the representation (RFC 9110 §9.3.4).
    pub fn put(&self, url: &str) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// A PATCH request, which changes a part of the representation (RFC 5789).
    pub fn patch(&self, url: &str) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// A DELETE request, which removes the representation (RFC 9110 §9.3.5).
    pub fn delete(&self, url: &str) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Makes a request that was put together with the `http` crate. Its URI has to be absolute. The
    /// logins of the client count for it as for any other.
    ///
    /// # Errors
    /// As [`RequestBuilder::send`].
    pub fn send(&self, request: http::Request<Body>) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        let logins = self.0.config.logins.as_ref();
        let mut request = Request::parse(parts.method, &parts.uri.to_string(), logins)?;
        request.version = parts.version;
        request.fields = parts.headers;
        request.body = body;
        self.0.fetch(request)
    }

    /// Connects to a host, with TLS if `secure`, for a protocol other than HTTP. Resolver, proxies
    /// and timeouts are those of the client. Every step is reported to the observer.
    ///
    /// # Errors
    /// The step that failed.
    pub fn connect(
        &self,
        host: &Host<String>,
        port: u16,
        secure: bool,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Stream, Error> {
        let origin = Origin {
            is_secure: secure,
            host: host.clone(),
            port,
        };
        let clock = Clock::start(self.0.config.timeouts);
        let recorder = Recorder::new(observer);
        let dialer = self.0.dialer(clock, &recorder);
        let (transport, peer) = dialer.connect_stream(&origin)?;
        Ok(Stream::new(transport, peer, clock, Vec::new()))
    }

    /// Returns the addresses of a host in the order in which they are tried, each with `port`.
    ///
    /// # Errors
    /// [`Error::Resolve`], and [`Error::Timeout`].
    pub fn resolve(&self, host: &Host<String>, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let clock = Clock::start(self.0.config.timeouts);
        self.0
            .dialer(clock, &Recorder::default())
            .addresses_of(host, port)
    }
}

impl Default for Client {
    fn default() -> Self {
        Client::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// The client of the free functions.
fn shared() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(Client::new)
}

/// A GET request with the defaults of [`Client::new`]. All free functions share one client, so that
/// connections are reused.
///
/// ```
/// # use std::io::{Read, Write};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let url = format!("http://{}/", listener.local_addr().unwrap());
/// # let server = std::thread::spawn(move || {
/// #     let (mut stream, _) = listener.accept().unwrap();
/// #     stream.read(&mut [0; 1024]).unwrap();
/// #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
/// # });
/// assert_eq!(tinyhttp_client::get(&url).send()?.text()?, "hello");
/// # server.join().unwrap();
/// # Ok::<(), tinyhttp_client::Error>(())
/// ```
pub fn get(url: &str) -> RequestBuilder {
    shared().get(url)
}

/// A HEAD request with the defaults of [`Client::new`]; see [`get`].
pub fn head(url: &str) -> RequestBuilder {
    shared().head(url)
}

/// A POST request with the defaults of [`Client::new`]; see [`get`].
pub fn post(url: &str) -> RequestBuilder {
    shared().post(url)
}

/// A PUT request with the defaults of [`Client::new`]; see [`get`].
pub fn put(url: &str) -> RequestBuilder {
    shared().put(url)
}

/// A DELETE request with the defaults of [`Client::new`]; see [`get`].
pub fn delete(url: &str) -> RequestBuilder {
    shared().delete(url)
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
    /// Changes the timeouts of all requests; see [`Timeouts`] for the steps, and for how long each
    /// may take unless changed.
    #[must_use]
    pub fn timeouts(mut self, change: impl FnOnce(&mut Timeouts)) -> Self {
        change(&mut self.0.timeouts);
        self
    }

    /// Sets the total timeout of each fetch, from the first look-up to the last byte of the
    /// content, redirects and retries included; none unless set.
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        self.timeouts(|timeouts| timeouts.total = Some(limit))
    }

    /// Sets the timeouts for finding a host's addresses, for reaching one of them, and for the
    /// handshake with it, each of them; 30 s unless set.
    #[must_use]
    pub fn connect_timeout(self, limit: Duration) -> Self {
        self.timeouts(|timeouts| timeouts.set_connect(limit))
    }

    /// Sets the timeout from the last byte of a request to the first one of the response; none
    /// unless set.
    #[must_use]
    pub fn response_timeout(self, limit: Duration) -> Self {
        self.timeouts(|timeouts| timeouts.response = Some(limit))
    }

    /// Sets the timeout for a transfer during which no byte moves; 120 s unless set.
    #[must_use]
    pub fn stall_timeout(self, limit: Duration) -> Self {
        self.timeouts(|timeouts| timeouts.stall = Some(limit))
    }

    /// Adds a field to every request that does not have it itself. Fields of the same name are
    /// kept, in order. As with a request's own fields, credentials don't follow redirects to other
    /// origins. Invalid names and values are reported by each request.
    ///
    /// ```
    /// let client = tinyhttp_client::Client::builder().header("Accept", "text/plain").build();
    /// let head = String::from_utf8(client.get("http://127.0.0.1/").preview()?).unwrap();
    /// assert!(head.contains("Accept: text/plain\r\n"));
    /// # Ok::<(), tinyhttp_client::Error>(())
    /// ```
    #[must_use]
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let name = name.try_into().map_err(|_| MisuseError::InvalidFieldName);
        let value = value.try_into();
        let value = value.map_err(|_| MisuseError::InvalidFieldValue);
        let DefaultFields(fields) = std::mem::take(&mut self.0.fields);
        self.0.fields = DefaultFields(fields.and_then(|mut fields| {
            fields.append(name?, value?);
            Ok(fields)
        }));
        self
    }

    /// Retries requests by this policy; none unless set.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.0.retry = Some(policy);
        self
    }

    /// Changes the bounds of a response's head: 128 KiB and 1000 fields unless changed, which are
    /// also the largest.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.0.grammar.limits);
        self
    }

    /// Refuses responses that break the grammar even where RFC 9112 specifies how to read them; off
    /// unless set.
    ///
    /// What is [forgiven](tinyhttp_message::tolerance) otherwise: lines that end in LF alone,
    /// folded field lines, white space before a colon or after a chunk size, equal Content-Lengths,
    /// Content-Length beside Transfer-Encoding. Each is reported as
    /// [`Event::Tolerated`](crate::trace::Event::Tolerated).
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.0.grammar.is_strict = strict;
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
    /// you all trust.
    #[must_use]
    pub fn trust_redirects(mut self, trust: bool) -> Self {
        self.0.redirects.trusts_location = trust;
        self
    }

    /// Follows redirects to https only, so that they never lead to an unencrypted connection.
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

    /// Keeps at most `per_origin` idle connections to each origin, each for at most `age`: 8 and
    /// 60 s unless set.
    #[must_use]
    pub fn keep_alive(mut self, per_origin: usize, age: Duration) -> Self {
        self.0.pool = PoolLimits { per_origin, age };
        self
    }

    /// Uses addresses of one family only; both unless set.
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.0.connect.resolve.family = family;
        self
    }

    /// Sets the resolver; that of the system unless set.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.0.connect.resolve.resolver = Arc::new(resolver);
        self
    }

    /// Uses these addresses for a host without asking the resolver; at one port only, unless that
    /// is `None`.
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
    /// The host `*` stands for every host for which nothing else was given. Of several calls for a
    /// host the last one counts. A link-local address has its zone in the scope ID
    /// ([`zone::parse_address`]). The ports of the addresses are not used.
    ///
    /// # Errors
    /// If `host` isn't one.
    pub fn known_addresses(
        mut self,
        host: &str,
        port: Option<u16>,
        addresses: Vec<SocketAddr>,
    ) -> Result<Self, url::ParseError> {
        self.0.connect.resolve.known_hosts.push(KnownHost {
            host: match host {
                "*" => None,
                host => Some(zone::parse_host(host)?),
            },
            port,
            addresses,
        });
        Ok(self)
    }

    /// Connects to another host and port for some URLs. The first rule that fits counts.
    #[must_use]
    pub fn connect_to(mut self, rule: ConnectTo) -> Self {
        self.0.connect.connect_to.push(rule);
        self
    }

    /// Sets the proxies; none unless set. [`Proxies::from_env`] returns those of the environment.
    #[must_use]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.0.connect.proxies = proxies;
        self
    }

    /// The certificates that https trusts, and the client certificate.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, options: TlsOptions) -> Self {
        self.0.connect.tls = LazyTls::new(options);
        self
    }

    /// Connects from that address or device.
    #[must_use]
    pub fn interface(mut self, interface: Interface) -> Self {
        self.0.connect.interface = Some(interface);
        self
    }

    /// Connects to that Unix domain socket, whatever the URL's host.
    #[must_use]
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.connect.unix_socket = Some(path.into());
        self
    }

    /// Asks for compressed content and decodes it; on unless set, for the codings of the features
    /// `gzip`, `brotli` and `zstd`.
    #[must_use]
    pub fn decompress(mut self, decompress: bool) -> Self {
        self.0.compose.decodes = decompress;
        self
    }

    /// Keeps cookies in that jar and sends them back; none unless set.
    #[cfg(feature = "cookies")]
    #[must_use]
    pub fn cookies(mut self, jar: Arc<Jar>) -> Self {
        self.0.compose.cookies = Some(jar);
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

    /// Sets the `User-Agent`; `None` leaves it out. It is `tinyhttp/VERSION` unless set.
    #[must_use]
    pub fn user_agent(mut self, name: Option<HeaderValue>) -> Self {
        self.0.compose.user_agent = name;
        self
    }

    /// Reports every step of every fetch to the observer, as it is taken.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.0.observer = Some(Arc::new(observer));
        self
    }

    /// Builds the client.
    #[must_use]
    pub fn build(self) -> Client {
        Client(Arc::new(Fetcher::new(self.0)))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("timeouts", &self.0.timeouts)
            .finish_non_exhaustive()
    }
}
