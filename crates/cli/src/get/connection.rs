//! From the flags to a client: timeouts, ways to the server, trusted certificates.

use super::args::ConnectionArgs;
use super::request::secrets;
use crate::failure::Failure;
use std::io;
use std::net::SocketAddr;
use std::num::ParseIntError;
use std::time::Duration;
use tinyhttp_client::{
    Client, ClientBuilder, ConnectTo, Family, Interface, NoProxy, Proxies, Proxy, zone,
};

/// A client that reaches servers as the flags determine.
pub(crate) fn builder(args: &ConnectionArgs) -> Result<ClientBuilder, Failure> {
    let mut builder = Client::builder()
        .family(family(args))
        .timeouts(|timeouts| {
            timeouts.total = args.max_time.and_then(seconds);
            if let Some(limit) = args.connect_timeout {
                timeouts.resolve = seconds(limit);
                timeouts.connect = seconds(limit);
                timeouts.handshake = seconds(limit);
            }
            if let Some(limit) = args.stall_timeout {
                timeouts.stall = seconds(limit);
            }
        })
        .proxies(proxies(args)?);
    for (text, (host, port, addresses)) in known_hosts(&args.resolve)? {
        builder = builder
            .known_addresses(host, port, addresses)
            .map_err(|error| usage(format!("--resolve {text:?}: {error}")))?;
    }
    builder = builder.strict(args.strict);
    for text in &args.connect_to {
        let rule = connect_to(text).ok_or_else(|| {
            syntax(format!(
                "--connect-to {text:?} is not HOST1:PORT1:HOST2:PORT2"
            ))
        })?;
        builder = builder.connect_to(rule);
    }
    #[cfg(feature = "dns")]
    if !args.dns_servers.is_empty() {
        builder = builder.resolver(tinyhttp_client::StubResolver::new(args.dns_servers.clone()));
    }
    if let Some(name) = &args.interface {
        builder = builder.interface(match zone::parse_address(name) {
            Ok(address) => Interface::Address(address.ip()),
            Err(_) => Interface::Device(name.clone()),
        });
    }
    if let Some(path) = &args.unix_socket {
        builder = builder.unix_socket(path);
    }
    #[cfg(feature = "tls")]
    {
        builder = builder.tls(tls(&args.tls)?);
    }
    Ok(builder)
}

/// The addresses that may be used.
fn family(args: &ConnectionArgs) -> Family {
    match (args.ipv4, args.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    }
}

/// A number of seconds; 0 and less is no limit, as in curl.
pub(super) fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
}

fn usage(what: String) -> Failure {
    Failure::with_code(2, what).hint("see tinyhttp get --help")
}

/// The failure of a value that is not written as it has to be.
fn syntax(what: String) -> Failure {
    Failure::with_code(49, what).hint("see tinyhttp get --help")
}

fn proxies(args: &ConnectionArgs) -> Result<Proxies, Failure> {
    let invalid = |error: tinyhttp_client::InvalidProxy| usage(error.to_string());
    let socks = |scheme: &str, host: &String| format!("{scheme}://{host}");
    let given = args
        .proxy
        .clone()
        .or_else(|| args.socks5.as_ref().map(|host| socks("socks5", host)))
        .or_else(|| {
            let host = args.socks5_hostname.as_ref();
            host.map(|host| socks("socks5h", host))
        })
        .or_else(|| args.socks4.as_ref().map(|host| socks("socks4", host)))
        .or_else(|| args.socks4a.as_ref().map(|host| socks("socks4a", host)));
    let mut proxies = match given {
        None => Proxies::from_env(),
        // An empty one switches off the proxies of the environment.
        Some(text) if text.is_empty() => Proxies::default(),
        Some(text) => {
            let proxy = Proxy::parse(&text).map_err(invalid)?;
            let mut proxies = Proxies::all(proxy);
            proxies.except = Proxies::from_env().except;
            proxies
        }
    };
    if let Some(user) = &args.proxy_user {
        if proxies.http.is_some() || proxies.https.is_some() {
            let credentials = secrets::ask(user, "the proxy")?;
            for proxy in [&mut proxies.http, &mut proxies.https] {
                *proxy = proxy.take().map(|proxy| proxy.log_in(credentials.clone()));
            }
        }
    }
    if let Some(list) = &args.noproxy {
        proxies.except = NoProxy::parse(list);
    }
    Ok(proxies)
}

/// A host, its port, and its addresses.
type KnownHost<'t> = (&'t str, Option<u16>, Vec<SocketAddr>);

/// All values of --resolve, each with its text. `-HOST:PORT` takes back those before it.
fn known_hosts(given: &[String]) -> Result<Vec<(&str, KnownHost<'_>)>, Failure> {
    let mut known: Vec<(&str, KnownHost<'_>)> = Vec::new();
    for text in given {
        if let Some(name) = text.strip_prefix('-') {
            let removed =
                split_host(name).and_then(|(host, port)| Some((host, at_port(port).ok()?)));
            let (host, port) =
                removed.ok_or_else(|| syntax(format!("--resolve {text:?} is not -HOST:PORT")))?;
            known.retain(|(_, (other, at, _))| !(other.eq_ignore_ascii_case(host) && *at == port));
            continue;
        }
        let parsed = known_host(text).map_err(|error| match error.kind() {
            io::ErrorKind::AddrNotAvailable => usage(format!("--resolve {text:?}: {error}")),
            _ => syntax(format!("--resolve {text:?} is not HOST:PORT:ADDRESS")),
        })?;
        known.push((text, parsed));
    }
    Ok(known)
}

/// A port, or `*` for every port.
fn at_port(text: &str) -> Result<Option<u16>, ParseIntError> {
    match text {
        "*" => Ok(None),
        port => port.parse().map(Some),
    }
}

/// `[+]HOST:PORT:ADDRESS[,ADDRESS]…`; a host that is an IPv6 address has brackets.
fn known_host(text: &str) -> io::Result<KnownHost<'_>> {
    let bad = || io::Error::from(io::ErrorKind::InvalidInput);
    let (host, rest) = split_host(text.trim_start_matches('+')).ok_or_else(bad)?;
    let (port, addresses) = rest.split_once(':').ok_or_else(bad)?;
    let port = at_port(port).map_err(|_| bad())?;
    let addresses = addresses.split(',').map(zone::parse_address);
    Ok((host, port, addresses.collect::<Result<_, _>>()?))
}

/// `HOST1:PORT1:HOST2:PORT2`, each of which may be empty.
fn connect_to(text: &str) -> Option<ConnectTo> {
    let host = |text: &str| match text {
        "" => Some(None),
        text => zone::parse_host(text).ok().map(Some),
    };
    let port = |text: &str| match text {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    };
    let (from_host, rest) = split_host(text)?;
    let (from_port, rest) = rest.split_once(':')?;
    let (to_host, to_port) = split_host(rest)?;
    let mut rule = ConnectTo::default();
    rule.from_host = host(from_host)?;
    rule.from_port = port(from_port)?;
    rule.host = host(to_host)?;
    rule.port = port(to_port)?;
    Some(rule)
}

/// What is before the first colon that isn't inside brackets, and what is behind it.
fn split_host(text: &str) -> Option<(&str, &str)> {
    let start = text.find(']').unwrap_or(0);
    let start = if text.starts_with('[') { start } else { 0 };
    let colon = start + text[start..].find(':')?;
    Some((&text[..colon], &text[colon + 1..]))
}

#[cfg(feature = "tls")]
fn tls(args: &super::args::TlsArgs) -> Result<tinyhttp_client::TlsOptions, Failure> {
    use super::args::TlsVersion as Flag;
    use tinyhttp_client::TlsVersion;

    let version = |flag: Flag| match flag {
        Flag::V1_2 => TlsVersion::V1_2,
        Flag::V1_3 => TlsVersion::V1_3,
    };
    let pins = args.pinnedpubkey.as_deref().map(pins).transpose()?;
    let min_version = match (args.tlsv1_3, args.tlsv1_2) {
        (true, _) => Some(TlsVersion::V1_3),
        (_, true) => Some(TlsVersion::V1_2),
        _ => None,
    };
    let identity = args.cert.as_ref().map(|certificate| {
        let key = args.key.as_ref().unwrap_or(certificate);
        (certificate.clone(), key.clone())
    });
    let mut options = tinyhttp_client::TlsOptions::default();
    options.ca_file = args.cacert.clone();
    options.insecure = args.insecure;
    options.identity = identity;
    options.pins = pins.unwrap_or_default();
    options.min_version = min_version;
    options.max_version = args.tls_max.map(version);
    Ok(options)
}

/// `sha256//BASE64`, several with a semicolon between them.
#[cfg(feature = "tls")]
fn pins(text: &str) -> Result<Vec<[u8; 32]>, Failure> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    text.split(';')
        .map(|pin| {
            let bytes = STANDARD.decode(pin.strip_prefix("sha256//")?).ok()?;
            bytes.try_into().ok()
        })
        .collect::<Option<_>>()
        .ok_or_else(|| usage(format!("--pinnedpubkey {text:?} is not sha256//BASE64")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_addresses() {
        let table = "
            h:80:127.0.0.1 => h 80 127.0.0.1
            +h:80:127.0.0.1 => h 80 127.0.0.1
            h:*:::1,1.2.3.4 => h * ::1 1.2.3.4
            [::1]:80:[::2] => [::1] 80 ::2
            h:80:[fe80::1%7] => h 80 fe80::1%7
            h:80:fe80::1%7,::1 => h 80 fe80::1%7 ::1
            [fe80::1%7]:80:::1 => [fe80::1%7] 80 ::1
            *:80:127.0.0.1 => * 80 127.0.0.1
            h:80 => -
            h:80:name => -
            h:80:fe80::1%no-such-device => -
            h:x:127.0.0.1 => -
        ";
        for (text, want) in table::cases(table) {
            let want = (want != "-").then(|| {
                let ([host, port], addresses) = table::words(want);
                let addresses = addresses.split(' ');
                let addresses = addresses.map(|address| zone::parse_address(address).unwrap());
                (host, port.parse().ok(), addresses.collect())
            });
            let got = known_host(text).ok();
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn known_hosts_can_be_taken_back() {
        let table = "
            h:80:::1 i:80:::1 -h:80 => i:80:::1
            h:80:::1 -H:80 h:80:::2 => h:80:::2
            h:80:::1 h:*:::1 -h:* => h:80:::1
            h:80:::1 -h:81 => h:80:::1
            [::2]:80:::1 -[::2]:80 =>
            -h:80 =>
            -h => -
            -h:x => -
            -h:80:::1 => -
        ";
        table::check(table, |given| {
            let given: Vec<String> = given.split(' ').map(str::to_owned).collect();
            let known = known_hosts(&given).ok();
            let texts = known.map(|known| {
                let texts: Vec<_> = known.into_iter().map(|(text, _)| text).collect();
                texts.join(" ")
            });
            texts.unwrap_or_else(|| "-".to_owned())
        });
    }

    #[test]
    fn other_hosts() {
        // Rule => the host and port of URLs, the host and port of connections.
        let table = "
            a:1:b:2 => a 1 b 2
            ::b:2 => - - b 2
            :::2 => - - - 2
            [::1]:80:[::2]:81 => [::1] 80 [::2] 81
            ::[fe80::1%eth0]:81 => - - [fe80::1%eth0] 81
            a:1:b => none
            a:1:[fe80::1%]:2 => none
            a => none
        ";
        let host = |text: &str| (text != "-").then(|| zone::parse_host(text).unwrap());
        for (text, want) in table::cases(table) {
            let want = (want != "none").then(|| {
                let ([from_host, from_port, to_host, port], _) = table::words(want);
                let mut rule = ConnectTo::default();
                (rule.from_host, rule.from_port) = (host(from_host), from_port.parse().ok());
                (rule.host, rule.port) = (host(to_host), port.parse().ok());
                rule
            });
            let got = connect_to(text);
            assert_eq!(got, want, "{text}");
        }
    }
}
