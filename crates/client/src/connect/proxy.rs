//! Servers in between: which one a URL goes through, and what it is asked (RFC 9110 §9.3.6).
//!
//! | proxy | http URL | https URL |
//! |---|---|---|
//! | `http://`, `https://` | the request target in absolute-form | a tunnel by CONNECT, then TLS |
//! | `socks4://` | a connection to an IPv4 address that this client looks up | the same, then TLS |
//! | `socks4a://` | a connection to a host that the proxy looks up | the same, then TLS |
//! | `socks5://` | a connection to an address that this client looks up | the same, then TLS |
//! | `socks5h://` | a connection to a host that the proxy looks up | the same, then TLS |
//! | `socks://` | a connection to a host that the proxy looks up | the same, then TLS |
//!
//! Version 5 of SOCKS is RFC 1928.

use crate::credentials::Credentials;
use crate::error::InvalidProxy;
use crate::origin::Origin;
use crate::zone::{self, Shown};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use url::{Host, Url};

/// A proxy: its address, and the name and password that it wants. [`Proxy::parse`] reads
/// `http://user:password@host:port`. It gets whole URLs for `http://` (RFC 9112 §3.2.2), and
/// CONNECT for `https://` (RFC 9110 §9.3.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) kind: ProxyKind,
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
    pub(crate) credentials: Option<Credentials>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    Http,
    Https,
    Socks4,
    /// The proxy looks up the name.
    Socks4Hostname,
    Socks5,
    /// The proxy looks up the name.
    Socks5Hostname,
    /// The environment names something that is no proxy, which matters only to a request that would
    /// go through it.
    Unusable,
}

impl Proxy {
    /// Reads `[scheme://][user:password@]host[:port]`. The scheme is http unless given, the port
    /// 1080, or 443 for https.
    ///
    /// # Errors
    /// For anything else, and for SOCKS if the feature `socks` isn't there.
    pub fn parse(text: &str) -> Result<Self, InvalidProxy> {
        let bad = || InvalidProxy::new(text);
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyKind::Http,
            "https" => ProxyKind::Https,
            "socks4" => ProxyKind::Socks4,
            "socks4a" => ProxyKind::Socks4Hostname,
            "socks5" => ProxyKind::Socks5,
            // GNOME writes `socks://` and means version 5; curl understands version 4.
            "socks5h" | "socks" => ProxyKind::Socks5Hostname,
            _ => return Err(bad()),
        };
        let feature = match kind {
            ProxyKind::Http | ProxyKind::Unusable => None,
            ProxyKind::Https => Some("tls").filter(|_| cfg!(not(feature = "tls"))),
            _ => Some("socks").filter(|_| cfg!(not(feature = "socks"))),
        };
        if let Some(feature) = feature {
            return Err(bad().without_feature(feature));
        }
        // A scheme without a default port of its own keeps `:80` where it was written.
        let full = format!("proxy://{rest}");
        let (text, zone) = zone::split_url(&full);
        let url = Url::parse(&text).map_err(|_| bad())?;
        let host = zone::host_of(&url, zone.as_deref()).map_err(|_| bad())?;
        let default = if kind == ProxyKind::Https { 443 } else { 1080 };
        Ok(Proxy {
            kind,
            host,
            port: url.port().unwrap_or(default),
            credentials: Credentials::of(&url),
        })
    }

    /// Stands for a text that names no proxy, until a request would go through it.
    fn unusable(text: &str) -> Self {
        Proxy {
            kind: ProxyKind::Unusable,
            host: Host::Domain(text.to_owned()),
            port: 0,
            credentials: None,
        }
    }

    /// Itself, if it can be used.
    fn usable(&self) -> Result<&Self, InvalidProxy> {
        match (self.kind, &self.host) {
            (ProxyKind::Unusable, host) => {
                let text = host.to_string();
                // The same error as before, which may name a missing feature.
                Err(Proxy::parse(&text).err().unwrap_or(InvalidProxy::new(text)))
            }
            _ => Ok(self),
        }
    }

    /// Logs in there with these, whatever its URL says.
    #[must_use]
    pub fn log_in(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The value of `Proxy-Authorization`.
    pub(super) fn authorization(&self) -> Option<Vec<u8>> {
        let credentials = self.credentials.as_ref()?;
        Some(credentials.basic().into_bytes())
    }

    /// Whether an http request is sent to it as it is, for it to forward.
    pub(crate) fn forwards(&self) -> bool {
        matches!(self.kind, ProxyKind::Http | ProxyKind::Https)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Https => "https",
            ProxyKind::Socks4 => "socks4",
            ProxyKind::Socks4Hostname => "socks4a",
            ProxyKind::Socks5 => "socks5",
            ProxyKind::Socks5Hostname => "socks5h",
            ProxyKind::Unusable => return f.write_str("an unusable proxy"),
        };
        write!(f, "{scheme}://{}:{}", Shown(&self.host), self.port)
    }
}

/// Which proxy is for which URL; none unless set.
///
/// ```
/// use tinyhttp_client::{Client, NoProxy, Proxies, Proxy};
///
/// let mut proxies = Proxies::all(Proxy::parse("http://127.0.0.1:3128")?);
/// proxies.except = NoProxy::parse("localhost, 10.0.0.0/8");
/// let client = Client::builder().proxies(proxies).build();
/// # Ok::<(), tinyhttp_client::InvalidProxy>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Proxies {
    /// For http URLs.
    pub http: Option<Proxy>,
    /// For https URLs.
    pub https: Option<Proxy>,
    /// Hosts that are reached without.
    pub except: NoProxy,
}

impl Proxies {
    /// The same proxy for http and https URLs.
    #[must_use]
    pub fn all(proxy: Proxy) -> Self {
        Proxies {
            http: Some(proxy.clone()),
            https: Some(proxy),
            except: NoProxy::default(),
        }
    }

    /// Proxies as the environment names them: `http_proxy`, `https_proxy`, `all_proxy` and
    /// `no_proxy`, all but the first one also in upper case. A server's CGI would take `HTTP_PROXY`
    /// from a field that any client can send.
    ///
    /// A variable that names no proxy is an error ([`Error::Proxies`](crate::Error::Proxies)) of
    /// the requests that would go through it, and of no others.
    #[must_use]
    pub fn from_env() -> Self {
        Proxies::from_variables(|name| std::env::var_os(name)?.into_string().ok())
    }

    fn from_variables(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let either = |name: &str| get(name).or_else(|| get(&name.to_ascii_uppercase()));
        let parse = |text: String| Proxy::parse(&text).unwrap_or_else(|_| Proxy::unusable(&text));
        let all = either("all_proxy");
        Proxies {
            http: get("http_proxy").or_else(|| all.clone()).map(parse),
            https: either("https_proxy").or(all).map(parse),
            except: NoProxy::parse(&either("no_proxy").unwrap_or_default()),
        }
    }

    pub(crate) fn for_origin(&self, origin: &Origin) -> Result<Option<&Proxy>, InvalidProxy> {
        let proxy = if origin.is_secure {
            self.https.as_ref()
        } else {
            self.http.as_ref()
        };
        let proxy = proxy.filter(|_| !self.except.covers(&origin.host, origin.port));
        proxy.map(Proxy::usable).transpose()
    }
}

/// Hosts that are reached without a proxy: names with everything below them, addresses, and
/// networks, each perhaps at one port only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<Exception>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    Everything,
    /// A host and all below it, perhaps at one port only.
    Name(String, Option<u16>),
    /// A network: its address, how many bits of that count, and perhaps the only port.
    Network(IpAddr, u8, Option<u16>),
}

impl NoProxy {
    /// Reads a list, separated by commas or white space: `*`, names (with all below them, leading
    /// dot or not), addresses, and networks as `10.0.0.0/8`. A name or an address may have a port:
    /// `127.0.0.1:80`, `[::1]:80`. What can't be understood covers nothing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let list = text
            .split(|character: char| character == ',' || character.is_whitespace())
            .filter(|item| !item.is_empty())
            .map(|item| {
                if item == "*" {
                    return Exception::Everything;
                }
                let (address, bits) = item.split_once('/').unwrap_or((item, ""));
                let address = address.trim_matches(['[', ']']);
                // An exception is about the address in every zone.
                let address = address
                    .split_once('%')
                    .map_or(address, |(address, _)| address);
                if let Ok(address) = address.parse::<IpAddr>() {
                    let all = if address.is_ipv4() { 32 } else { 128 };
                    return Exception::Network(address, bits.parse().unwrap_or(all).min(all), None);
                }
                if let Ok(address) = item.parse::<SocketAddr>() {
                    let all = if address.is_ipv4() { 32 } else { 128 };
                    return Exception::Network(address.ip(), all, Some(address.port()));
                }
                let (name, port) = item.rsplit_once(':').unwrap_or((item, ""));
                let name = name.trim_matches('.').to_ascii_lowercase();
                Exception::Name(name, port.parse().ok())
            });
        NoProxy(list.collect())
    }

    fn covers(&self, host: &Host<String>, port: u16) -> bool {
        let host = zone::without(host);
        self.0.iter().any(|exception| match (exception, &*host) {
            (Exception::Everything, _) => true,
            (Exception::Name(name, at), Host::Domain(host)) => {
                let host = host.trim_end_matches('.');
                let below = host.strip_suffix(name.as_str());
                at.is_none_or(|at| at == port)
                    && below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Exception::Network(network, bits, at), Host::Ipv4(address)) => {
                at.is_none_or(|at| at == port) && is_in((*address).into(), *network, *bits)
            }
            (Exception::Network(network, bits, at), Host::Ipv6(address)) => {
                at.is_none_or(|at| at == port) && is_in((*address).into(), *network, *bits)
            }
            _ => false,
        })
    }
}

fn is_in(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    // No bits: everything; a shift by the whole width isn't one.
    (address ^ network)
        .checked_shr(width - u32::from(bits))
        .unwrap_or(0)
        == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn proxies_are_read() {
        let table = "
            p => Http p 1080
            p:3128 => Http p 3128
            http://p:80/ => Http p 80
            HTTP://[::1]:8080 => Http [::1] 8080
            http://u:p@127.0.0.1:1 => Http 127.0.0.1 1
            http://[fe80::1%25eth0]:3128 => Http fe80::1%eth0 3128
            u:p@[fe80::1%eth0] => Http fe80::1%eth0 1080
            ftp://p => -
            http://[fe80::1%] => -
            http:// => -
            http://p:99999 => -
        ";
        table::check(table, |text| {
            let parsed = Proxy::parse(text);
            let text = |proxy: Proxy| format!("{:?} {} {}", proxy.kind, proxy.host, proxy.port);
            parsed.map_or_else(|_| "-".to_owned(), text)
        });
        let credentials = Proxy::parse("http://us%3Aer:p%40ss@h").unwrap().credentials;
        let credentials = credentials.unwrap();
        assert_eq!(credentials, Credentials::new("us:er", "p@ss"));
    }

    #[test]
    fn the_environment() {
        // Variables; the proxies of http://h/ and of https://h/.
        let table = "
            => none none
            http_proxy=a:1 => a none
            HTTP_PROXY=a:1 => none none
            HTTPS_PROXY=a:1 => none a
            HTTPS_PROXY=a:1 https_proxy=b:1 => none b
            ALL_PROXY=a:1 => a a
            ALL_PROXY=a:1 http_proxy=b:1 => b a
            ALL_PROXY=a:1 NO_PROXY=* => none none
            ALL_PROXY=a:1 no_proxy=h => none none
            http_proxy= => none none
            # `unusable` is an error of the requests that would go through it, and of no others.
            https_proxy=ftp://a => none unusable
            ALL_PROXY=ftp://u:p@a no_proxy=h => none none
            ALL_PROXY=::: http_proxy=b:1 => b unusable
        ";
        table::check(table, |case| {
            let variables: HashMap<_, _> = case
                .split_whitespace()
                .filter_map(|variable| variable.split_once('='))
                .collect();
            let get = |name: &str| variables.get(name).map(ToString::to_string);
            let proxies = Proxies::from_variables(get);
            let host = |url: &str| {
                let origin = Origin::of(&Url::parse(url).unwrap()).unwrap();
                match proxies.for_origin(&origin) {
                    Ok(Some(proxy)) => proxy.host.to_string(),
                    Ok(None) => "none".to_owned(),
                    Err(_) => "unusable".to_owned(),
                }
            };
            format!("{} {}", host("http://h/"), host("https://h/"))
        });
    }

    #[test]
    fn messages_keep_credentials_to_themselves() {
        for (text, shown) in [
            ("ftp://me:secret@h", "\"ftp://h\""),
            ("me:secret@h:x", "\"h:x\""),
            ("ftp://h", "\"ftp://h\""),
        ] {
            let error = Proxy::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(shown), "{error}");
        }
    }

    #[test]
    fn exceptions() {
        let list = NoProxy::parse(
            "localhost, .example.org,b.test:8080,10.0.0.0/8,127.0.0.1 fe80::/10,[::1],\
             192.0.2.1:81\t[2001:db8::1]:82\n.tab.test",
        );
        let table = [
            ("http://localhost/", true),
            ("http://notlocalhost/", false),
            ("http://example.org/", true),
            ("http://a.Example.org/", true),
            ("http://badexample.org/", false),
            ("http://example.org.evil/", false),
            ("http://b.test/", false),
            ("http://b.test:8080/", true),
            ("http://10.255.0.1/", true),
            ("http://11.0.0.1/", false),
            ("http://127.0.0.1/", true),
            ("http://127.0.0.2/", false),
            ("http://[fe80::1]/", true),
            ("http://[::1]/", true),
            ("http://[::2]/", false),
            ("http://192.0.2.1:81/", true),
            ("http://192.0.2.1/", false),
            ("http://[2001:db8::1]:82/", true),
            ("http://[2001:db8::1]/", false),
            ("http://a.tab.test/", true),
        ];
        for (url, want) in table {
            let origin = Origin::of(&Url::parse(url).unwrap()).unwrap();
            assert_eq!(list.covers(&origin.host, origin.port), want, "{url}");
        }
        let everything = NoProxy::parse("0.0.0.0/0");
        let host = Host::parse("8.8.8.8").unwrap();
        assert!(everything.covers(&host, 80));
    }
}
