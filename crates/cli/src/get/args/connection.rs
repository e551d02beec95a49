//! Flags that determine how the server is reached; `resolve` has them too.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use tinyhttp_client::zone;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Maximum time for the whole transfer [default: no limit]
    #[arg(
        short,
        long,
        value_name = "SECONDS",
        env = "TINYHTTP_MAX_TIME",
        hide_env = true
    )]
    pub(in crate::get) max_time: Option<f64>,
    /// Maximum time for each of name lookup, connecting and TLS handshake [default: 30]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "TINYHTTP_CONNECT_TIMEOUT",
        hide_env = true
    )]
    pub(in crate::get) connect_timeout: Option<f64>,
    /// Maximum time without a byte sent or received; 0 sets no limit [default: 120]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "TINYHTTP_STALL_TIMEOUT",
        hide_env = true
    )]
    pub(in crate::get) stall_timeout: Option<f64>,
    /// Refuse responses that violate HTTP's grammar, even where browsers accept them
    #[arg(long)]
    pub(in crate::get) strict: bool,
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(in crate::get) ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long)]
    pub(in crate::get) ipv6: bool,
    /// Use ADDRESS for HOST at PORT instead of looking it up: HOST:PORT:ADDRESS[,ADDRESS]…; * is
    /// any host or port, and -HOST:PORT takes an earlier one back
    #[arg(long, value_name = "HOST:PORT:ADDRESS", allow_hyphen_values = true)]
    pub(in crate::get) resolve: Vec<String>,
    /// Connect to HOST2:PORT2 for URLs with HOST1:PORT1; an empty HOST1 or PORT1 matches any, an
    /// empty HOST2 or PORT2 changes nothing
    #[arg(long, value_name = "HOST1:PORT1:HOST2:PORT2")]
    pub(in crate::get) connect_to: Vec<String>,
    /// Look names up at these name servers instead of the system's: ADDRESS[:PORT]
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', value_parser = name_server, env = "TINYHTTP_DNS_SERVERS", hide_env = true)]
    pub(in crate::get) dns_servers: Vec<SocketAddr>,
    /// Connect from a network interface or a local address
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub(in crate::get) interface: Option<String>,
    /// Connect to the Unix domain socket PATH
    #[arg(long, value_name = "PATH")]
    pub(in crate::get) unix_socket: Option<PathBuf>,
    /// Connect through a proxy: SCHEME://[USER:PASSWORD@]HOST:PORT, SCHEME being http, https,
    /// socks4, socks4a, socks5 or socks5h [default: the variables http_proxy, HTTPS_PROXY and
    /// ALL_PROXY]
    #[arg(short = 'x', long, value_name = "URL")]
    pub(in crate::get) proxy: Option<String>,
    /// Connect through a SOCKS 5 proxy, HOST[:PORT], and look names up locally
    #[arg(long, value_name = "HOST", conflicts_with = "proxy")]
    pub(in crate::get) socks5: Option<String>,
    /// Connect through a SOCKS 5 proxy, HOST[:PORT], which looks names up
    #[arg(long, value_name = "HOST", conflicts_with_all = ["proxy", "socks5"])]
    pub(in crate::get) socks5_hostname: Option<String>,
    /// Connect through a SOCKS 4 proxy, HOST[:PORT], and look names up locally
    #[arg(long, value_name = "HOST", conflicts_with_all = ["proxy", "socks5", "socks5_hostname"])]
    pub(in crate::get) socks4: Option<String>,
    /// Connect through a SOCKS 4a proxy, HOST[:PORT], which looks names up
    #[arg(long, value_name = "HOST", conflicts_with_all = ["proxy", "socks5", "socks5_hostname", "socks4"])]
    pub(in crate::get) socks4a: Option<String>,
    /// Log in at the proxy; without :PASSWORD, ask for the password
    #[arg(
        short = 'U',
        long,
        value_name = "USER[:PASSWORD]",
        env = "TINYHTTP_PROXY_USER",
        hide_env = true
    )]
    pub(in crate::get) proxy_user: Option<OsString>,
    /// Connect without a proxy to the names, addresses and networks in LIST; * matches all
    /// [default: the variable NO_PROXY]
    #[arg(long, value_name = "LIST")]
    pub(in crate::get) noproxy: Option<String>,
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub(in crate::get) tls: TlsArgs,
}

/// Flags of https.
#[cfg(feature = "tls")]
#[derive(clap::Args, Debug)]
pub(crate) struct TlsArgs {
    /// Accept any certificate: the server's identity is not verified
    #[arg(short = 'k', long)]
    pub(in crate::get) insecure: bool,
    /// Trust the CA certificates in FILE (PEM) instead of the system's
    #[arg(long, value_name = "FILE", env = "CURL_CA_BUNDLE", hide_env = true)]
    pub(in crate::get) cacert: Option<PathBuf>,
    /// Present the client certificate in FILE (PEM)
    #[arg(short = 'E', long, value_name = "FILE")]
    pub(in crate::get) cert: Option<PathBuf>,
    /// Read the private key of --cert from FILE (PEM) [default: the file of --cert]
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(in crate::get) key: Option<PathBuf>,
    /// Accept only servers with one of these public keys: sha256//BASE64[;sha256//BASE64]…
    #[arg(long, value_name = "HASHES")]
    pub(in crate::get) pinnedpubkey: Option<String>,
    /// Use TLS up to VERSION: 1.2 or 1.3
    #[arg(long, value_name = "VERSION")]
    pub(in crate::get) tls_max: Option<TlsVersion>,
    /// Use TLS 1.2 or later, the default
    #[arg(long = "tlsv1.2")]
    pub(in crate::get) tlsv1_2: bool,
    /// Use TLS 1.3 only
    #[arg(long = "tlsv1.3", conflicts_with = "tls_max")]
    pub(in crate::get) tlsv1_3: bool,
}

/// A version of TLS.
#[cfg(feature = "tls")]
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::get) enum TlsVersion {
    #[value(name = "1.2")]
    V1_2,
    #[value(name = "1.3", alias = "default")]
    V1_3,
}

/// An address and its port, which is 53 by default.
fn name_server(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        if !text.contains('%') {
            return Ok(address);
        }
    }
    let (host, port) = match text.rsplit_once("]:") {
        Some((host, port)) => (format!("{host}]"), port.parse().ok()),
        None => (text.to_owned(), Some(53)),
    };
    let not_one = || "not an address; a name server can't be looked up by name".to_owned();
    match (zone::parse_address(&host), port) {
        (Ok(mut address), Some(port)) => {
            address.set_port(port);
            Ok(address)
        }
        (Err(error), _) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            Err(error.to_string())
        }
        _ => Err(not_one()),
    }
}

#[cfg(test)]
mod tests {
    use super::name_server;

    #[test]
    fn name_servers() {
        let table = [
            ("1.1.1.1", Some("1.1.1.1:53")),
            ("1.1.1.1:5353", Some("1.1.1.1:5353")),
            ("::1", Some("[::1]:53")),
            ("[::1]", Some("[::1]:53")),
            ("[::1]:54", Some("[::1]:54")),
            ("fe80::1%7", Some("[fe80::1%7]:53")),
            ("[fe80::1%257]:54", Some("[fe80::1%7]:54")),
            ("fe80::1%no-such-device", None),
            ("[::1]:x", None),
            ("localhost", None),
        ];
        for (text, want) in table {
            let got = name_server(text).ok().map(|address| address.to_string());
            assert_eq!(got.as_deref(), want, "{text}");
        }
    }
}
