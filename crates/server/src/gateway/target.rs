//! The address of an upstream server, as a flag or a program names it.

use super::socket::Address;
use std::fmt;
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::str::FromStr;

/// An upstream server: where it listens, and the path that replaces the prefix of a route.
///
/// It is read from `http://HOST[:PORT][/PATH]`, `https://HOST[:PORT][/PATH]`, `HOST:PORT` or
/// `unix:PATH`:
///
/// ```
/// use tinyhttp_server::gateway::Target;
///
/// let target: Target = "http://127.0.0.1:9000/app/".parse()?;
/// assert_eq!(target.to_string(), "127.0.0.1:9000");
/// assert!("ftp://example.org".parse::<Target>().is_err());
/// # Ok::<(), tinyhttp_server::gateway::InvalidTarget>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    place: Place,
    path: Option<String>,
    weight: u32,
    is_backup: bool,
    limit: Option<usize>,
    /// It is reached over TLS.
    is_secured: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Internet {
        host: String,
        port: u16,
    },
    Unix(PathBuf),
    /// No server: programs that are run.
    Programs,
}

/// Why a text names no upstream server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTarget(&'static str);

impl fmt::Display for InvalidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidTarget {}

impl Target {
    /// What stands for programs that are run in the place of a server.
    pub(crate) fn programs() -> Self {
        Target {
            place: Place::Programs,
            is_secured: false,
            path: None,
            weight: 1,
            is_backup: false,
            limit: None,
        }
    }

    /// Sets its share of the requests, relative to other servers; 1 unless set.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight.max(1);
        self
    }

    /// Makes it a backup, which gets requests only while no other server is healthy.
    #[must_use]
    pub fn backup(mut self) -> Self {
        self.is_backup = true;
        self
    }

    /// Sets how many connections it gets at a time; any number unless set. Tunnels and event
    /// streams count until they end. Further requests get another server, or wait in the
    /// [queue](super::UpstreamBuilder::queue).
    #[must_use]
    pub fn max_connections(mut self, number: usize) -> Self {
        self.limit = Some(number.max(1));
        self
    }

    /// How many connections it gets at a time.
    pub(crate) fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// The path that replaces the prefix of a route; `None` if the path is forwarded unchanged.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    pub(crate) fn share(&self) -> u32 {
        self.weight
    }

    pub(crate) fn is_backup(&self) -> bool {
        self.is_backup
    }

    /// Whether it is reached over TLS.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.is_secured
    }

    /// The scheme and authority, as they stand in a redirect.
    pub(crate) fn origin(&self) -> String {
        match self.is_secured {
            true => format!("https://{self}"),
            false => format!("http://{self}"),
        }
    }

    /// The host name or IP address that the server's certificate has to be for; `None` without TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn server_name(&self) -> Option<&str> {
        let (host, _) = self.name()?;
        self.is_secured.then_some(host)
    }

    /// The name to look up, with the port; `None` for what needs no lookup.
    pub(crate) fn name(&self) -> Option<(&str, u16)> {
        match &self.place {
            Place::Internet { host, port } => Some((host, *port)),
            _ => None,
        }
    }

    /// The port that it connects to; `None` for a Unix socket.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.name().map(|(_, port)| port)
    }

    /// Returns what messages call it: `unix:` and the path of a Unix socket, which the authority
    /// does not tell from others, or the authority.
    pub(crate) fn label(&self) -> Label<'_> {
        Label(self)
    }

    /// The path of its Unix socket.
    #[must_use]
    pub fn socket(&self) -> Option<&std::path::Path> {
        match &self.place {
            Place::Unix(path) => Some(path),
            _ => None,
        }
    }

    /// Whether its host is a name, which has to be looked up.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.name()
            .is_some_and(|(host, _)| host.parse::<std::net::IpAddr>().is_err())
    }

    /// Looks up the addresses, which may block.
    ///
    /// # Errors
    /// If the name has none.
    pub(crate) fn resolve(&self) -> std::io::Result<Vec<Address>> {
        match &self.place {
            Place::Internet { host, port } => {
                let found = (host.as_str(), *port).to_socket_addrs()?;
                Ok(found.map(Address::Internet).collect())
            }
            Place::Unix(path) => Ok(vec![Address::Unix(path.clone())]),
            Place::Programs => Ok(Vec::new()),
        }
    }
}

/// The authority: what Host says if it names the upstream. A Unix socket has none but `localhost`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = match &self.place {
            Place::Internet { host, port } => (host, port),
            Place::Unix(_) => return f.write_str("localhost"),
            Place::Programs => return f.write_str("CGI"),
        };
        match host.contains(':') {
            true => write!(f, "[{host}]")?,
            false => f.write_str(host)?,
        }
        match *port == default_port(self.is_secured) {
            true => Ok(()),
            false => write!(f, ":{port}"),
        }
    }
}

/// What messages call an upstream server.
pub(crate) struct Label<'t>(&'t Target);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.socket() {
            Some(path) => write!(f, "unix:{}", path.display()),
            None => self.0.fmt(f),
        }
    }
}

fn default_port(is_secured: bool) -> u16 {
    if is_secured { 443 } else { 80 }
}

const EXPECTED: InvalidTarget =
    InvalidTarget("expected http://HOST:PORT, https://HOST:PORT, HOST:PORT or unix:PATH");

const NO_PORT: InvalidTarget = InvalidTarget("the port is not a number from 1 to 65535");

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        let is_scheme = |name: &str| scheme.is_some_and(|it| it.eq_ignore_ascii_case(name));
        let is_secured = is_scheme("https");
        let is_url = is_secured || is_scheme("http");
        let new = |place, path: Option<&str>| Target {
            place,
            path: path.map(str::to_owned),
            weight: 1,
            is_backup: false,
            limit: None,
            is_secured,
        };
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() || path.len() > 107 || path.contains('\0') {
                return Err(InvalidTarget(
                    "the path of a Unix socket has 1 to 107 bytes",
                ));
            }
            return Ok(new(Place::Unix(path.into()), None));
        }
        let rest = match scheme.filter(|_| is_url) {
            Some(scheme) => &text[scheme.len() + "://".len()..],
            None => text,
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) => (&rest[..slash], Some(&rest[slash..])),
            None => (rest, None),
        };
        let path = path.filter(|_| is_url);
        if !is_url && rest.contains('/') {
            return Err(EXPECTED);
        }
        if let Some(part) = refused_part(rest).filter(|_| is_url) {
            return Err(part);
        }
        let (host, port) = split_port(authority).ok_or(NO_PORT)?;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_word) {
            return Err(EXPECTED);
        }
        let port = match port {
            Some(port) => port,
            None if is_url => default_port(is_secured),
            None => return Err(InvalidTarget("the port is missing, as in 127.0.0.1:9000")),
        };
        if port == 0 {
            return Err(NO_PORT);
        }
        if is_secured {
            check_name(host)?;
        }
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        if path.is_some_and(|path| !path.bytes().all(is_plain)) {
            return Err(InvalidTarget("the path must be percent-encoded"));
        }
        let host = host.to_ascii_lowercase();
        Ok(new(Place::Internet { host, port }, path))
    }
}

/// Returns the reason why a URL without its scheme has a part that no target has.
fn refused_part(rest: &str) -> Option<InvalidTarget> {
    let reason = match rest.bytes().find(|byte| b"?#@\\".contains(byte))? {
        b'?' => "a target has no query",
        b'#' => "a target has no fragment",
        b'@' => "a target has no user name and no password",
        _ => return Some(EXPECTED),
    };
    Some(InvalidTarget(reason))
}

/// Whether a certificate can be for a host.
#[cfg(feature = "tls")]
fn check_name(host: &str) -> Result<(), InvalidTarget> {
    match crate::tls::server_name(host) {
        Ok(_) => Ok(()),
        Err(_) => Err(InvalidTarget(
            "https:// needs a host name or an IP address that a certificate can be for",
        )),
    }
}

#[cfg(not(feature = "tls"))]
fn check_name(_: &str) -> Result<(), InvalidTarget> {
    Err(InvalidTarget("https:// needs the feature tls"))
}

/// Splits an authority. `None`: what stands behind the last colon is no port.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return None,
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    match port {
        Some(port) if is_number(port) => Some((host, Some(port.parse().ok()?))),
        Some(_) => None,
        None => Some((host, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_upstream_servers() {
        // Text, authority, path.
        let right = [
            ("http://127.0.0.1:9000", "127.0.0.1:9000", None),
            ("127.0.0.1:9000", "127.0.0.1:9000", None),
            ("http://Example.org", "example.org", None),
            ("http://h:9000/", "h:9000", Some("/")),
            ("http://h:9000/a/b", "h:9000", Some("/a/b")),
            ("http://[::1]:9000/", "[::1]:9000", Some("/")),
            ("[::1]:80", "[::1]", None),
            ("HTTP://h:9000/a", "h:9000", Some("/a")),
            ("httpd:9000", "httpd:9000", None),
            ("my_app:9000", "my_app:9000", None),
            ("unix:/run/a.sock", "localhost", None),
        ];
        for (text, authority, path) in right {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), authority, "{text}");
            let label = if authority == "localhost" {
                text
            } else {
                authority
            };
            assert_eq!(target.label().to_string(), label, "{text}");
            assert_eq!(target.path(), path, "{text}");
        }
        #[cfg(feature = "tls")]
        for (text, authority, path) in [
            ("https://Example.org", "example.org", None),
            ("https://h:443/a", "h", Some("/a")),
            ("HTTPS://h", "h", None),
            ("https://h:80", "h:80", None),
            ("https://[::1]:8443/", "[::1]:8443", Some("/")),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), authority, "{text}");
            assert_eq!((target.path(), target.is_secured()), (path, true), "{text}");
        }
        let (url, port) = (EXPECTED.0, NO_PORT.0);
        let wrong = [
            ("", url),
            ("9000", "the port is missing, as in 127.0.0.1:9000"),
            ("h", "the port is missing, as in 127.0.0.1:9000"),
            (":9000", url),
            ("h:", port),
            ("h:x", port),
            ("h:+1", port),
            ("h:0", port),
            ("h:70000", port),
            ("h:1/a", url),
            ("unix:", "the path of a Unix socket has 1 to 107 bytes"),
            ("http://", url),
            ("http://h:1:2", port),
            ("http://u@h/", "a target has no user name and no password"),
            ("http://u:p@h/", "a target has no user name and no password"),
            ("http://h/a b", "the path must be percent-encoded"),
            ("http://h/?q", "a target has no query"),
            ("http://h?q", "a target has no query"),
            ("http://h/#f", "a target has no fragment"),
            ("http://h\\a", url),
            ("http://[::1", port),
            ("http://[::1]x", port),
            ("http://h:0", port),
            ("https:h:1", port),
            ("ftp://h", url),
            ("ftp://h:1", url),
        ];
        for (text, reason) in wrong {
            let error = text.parse::<Target>().unwrap_err();
            assert_eq!(error.to_string(), reason, "{text}");
        }
        for text in ["https://", "https://-h", "https://h:0"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
