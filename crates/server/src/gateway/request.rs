//! The fields of a forwarded request (RFC 9110 §7.6, RFC 7239).
//!
//! The order matters: fields that belong to the client's connection go first, those that its
//! Connection field lists among them, and only then are fields added. A client that lists
//! X-Forwarded-For in Connection so removes only its own (CVE-2024-45410). Host and the framing
//! are written anew, and never copied.

use crate::ip_text::write_ip;
use http::{HeaderName, Version};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::LazyLock;
use tinyhttp_message::encode::{FieldLines, FieldName, HeadWriter};
use tinyhttp_message::{MisuseError, decimal, hop_by_hop};

/// What is known of a request beside its fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hop<'h> {
    /// The version that the client speaks.
    pub(crate) version: Version,
    /// The client's address; `None` over a Unix socket.
    pub(crate) client: Option<IpAddr>,
    /// The client's connection is encrypted.
    pub(crate) is_secure: bool,
    /// The host that the client asked for.
    pub(crate) host: Option<&'h [u8]>,
    /// The value of Host; `None` if it names the server that gets the request.
    pub(crate) host_sent: Option<&'h [u8]>,
    /// The client is a proxy whose X-Forwarded-* and Forwarded fields are continued.
    pub(crate) is_trusted: bool,
    /// Forwarded is sent, too (RFC 7239).
    pub(crate) sends_forwarded: bool,
    /// The protocol to switch to, if the client asks for one.
    pub(crate) upgrade: Option<&'h [u8]>,
    /// The client waits for `100 Continue`.
    pub(crate) expects_continue: bool,
    /// Fields that are added, or set in the place of the client's.
    pub(crate) added: &'h [(String, Vec<u8>)],
}

/// Fields that say which proxies a request has passed. Those of a client that is not trusted are
/// replaced or removed, in every protocol.
pub(super) const ADDRESSES: [&str; 10] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-server",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-real-ip",
    "forwarded",
];

/// X-Forwarded-Proto of a client without TLS and of one with it, made once.
static PROTO: LazyLock<[FieldLines; 2]> =
    LazyLock::new(|| [b"http" as &[u8], b"https"].map(|proto| line("X-Forwarded-Proto", proto)));

/// Via for a client of HTTP/1.1 and for one of HTTP/1.0, made once.
static VIA: LazyLock<[FieldLines; 2]> =
    LazyLock::new(|| [b"1.1 tinyhttp", b"1.0 tinyhttp"].map(|via| line("Via", via)));

/// A field line of a valid name and value.
fn line(name: &str, value: &[u8]) -> FieldLines {
    FieldLines::new(|head| head.field(name, value)).unwrap_or_default()
}

/// The names of hop-by-hop fields, made once.
static HOP_BY_HOP: [HeaderName; 9] = hop_by_hop::HOP_BY_HOP;

const HOST: FieldName = FieldName::new("Host: ");
const FORWARDED_FOR: FieldName = FieldName::new("X-Forwarded-For: ");
const FORWARDED_HOST: FieldName = FieldName::new("X-Forwarded-Host: ");
const FORWARDED_PORT: FieldName = FieldName::new("X-Forwarded-Port: ");
const FORWARDED: FieldName = FieldName::new("Forwarded: ");

/// Writes the fields of a forwarded request, without framing. Host is the first one if it is the
/// same for all servers. `received` lists the fields that have come.
///
/// # Errors
/// None for fields that were received: they are valid.
pub(crate) fn fields<'f, I: Iterator<Item = (&'f str, &'f [u8])>>(
    received: impl Fn() -> I,
    hop: &Hop<'_>,
) -> Result<FieldLines, MisuseError> {
    let listed: Vec<&[u8]> = connection_options(received()).collect();
    FieldLines::new(|head| {
        if let Some(host) = hop.host_sent {
            head.named(HOST, host)?;
        }
        for (name, value) in received() {
            if is_forwarded(name, &listed, hop) {
                head.field(name, value)?;
            }
        }
        for (name, value) in hop.added {
            head.field(name, value)?;
        }
        if hop.expects_continue {
            head.field("Expect", b"100-continue")?;
        }
        if let Some(protocol) = hop.upgrade {
            head.field("Connection", b"upgrade")?;
            head.field("Upgrade", protocol)?;
        }
        // What clients that are not trusted say of the way is not looked at.
        let believed = match hop.is_trusted {
            true => received().collect(),
            false => Vec::new(),
        };
        path_fields(head, &believed, hop)
    })
}

/// The options of all Connection fields.
pub(crate) fn connection_options<'f>(
    received: impl Iterator<Item = (&'f str, &'f [u8])>,
) -> impl Iterator<Item = &'f [u8]> {
    list(received, "connection")
}

/// The members of all fields with this name, which are one list (RFC 9110 §5.3).
pub(crate) fn list<'f>(
    fields: impl Iterator<Item = (&'f str, &'f [u8])>,
    name: &'static str,
) -> impl Iterator<Item = &'f [u8]> {
    fields
        .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
        .flat_map(|(_, value)| members(value))
}

/// The members of a list that are not empty (RFC 9110 §5.6.1).
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let members = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    members.filter(|member| !member.is_empty())
}

/// Whether a field belongs to the connection it came over: by its name, or as Connection lists it.
pub(crate) fn is_of_connection(name: &str, listed: &[&[u8]]) -> bool {
    name == "Content-Length"
        || name.eq_ignore_ascii_case("content-length")
        || HOP_BY_HOP
            .iter()
            .any(|other| other.as_str().eq_ignore_ascii_case(name))
        || listed
            .iter()
            .any(|option| option.eq_ignore_ascii_case(name.as_bytes()))
}

fn is_forwarded(name: &str, listed: &[&[u8]], hop: &Hop<'_>) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    let is_ours = is("host") || is("expect") || hop.added.iter().any(|(other, _)| is(other));
    // CGI makes the same variable of `X_Auth_User` as of `X-Auth-User`, and HTTP_PROXY, which
    // configures clients, of `Proxy` (CVE-2016-5385).
    if is_ours || name.contains('_') || is("proxy") {
        return false;
    }
    let says_address = ADDRESSES.iter().any(|other| is(other));
    // The one that is continued is written anew, with this hop behind it.
    let is_replaced = says_address && (!hop.is_trusted || is("x-forwarded-for") || is("forwarded"));
    !is_replaced && !speaks_of_files(name) && !is_of_connection(name, listed)
}

/// Whether a field is about files that are sent in the place of a response. Applications believe
/// that the server in front of them has written it: a client could have them name any file
/// (CVE-2025-61780).
pub(crate) fn speaks_of_files(name: &str) -> bool {
    let starts = |prefix: &str| {
        let start = name.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    ["x-accel-", "x-sendfile", "x-lighttpd-send-file"]
        .into_iter()
        .any(starts)
}

/// Writes the fields that say which way the request has come. Of what was received, `believed` is
/// continued.
fn path_fields(
    head: &mut HeadWriter<'_>,
    believed: &[(&str, &[u8])],
    hop: &Hop<'_>,
) -> Result<(), MisuseError> {
    let proto: &[u8] = if hop.is_secure { b"https" } else { b"http" };
    let address = hop.client.map(AddressText::new);
    let element = hop.sends_forwarded.then(|| forwarded_element(hop, proto));
    let added = |name: &str| {
        let mut added = hop.added.iter();
        let found = added.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &value[..])
    };
    let earlier = |name: &'static str| {
        let named = move |(other, _): &&(&str, _)| other.eq_ignore_ascii_case(name);
        believed.iter().filter(named).map(|(_, value)| *value)
    };
    let is_set = |name| added(name).is_some() || earlier(name).next().is_some();
    if added("x-forwarded-for").is_none() {
        let address = address.as_ref().map(AddressText::as_bytes);
        if let Some(chain) = joined(earlier("x-forwarded-for").chain(address)) {
            head.named(FORWARDED_FOR, &chain)?;
        }
    }
    if let Some(host) = hop.host.filter(|_| !is_set("x-forwarded-host")) {
        head.named(FORWARDED_HOST, host)?;
    }
    if !is_set("x-forwarded-proto") {
        head.lines(&PROTO[usize::from(hop.is_secure)]);
    }
    if !is_set("x-forwarded-port") {
        let set = |name| added(name).or_else(|| earlier(name).next().and_then(first));
        if let Some(host) = set("x-forwarded-host").or(hop.host) {
            let proto = set("x-forwarded-proto").unwrap_or(proto);
            head.named(FORWARDED_PORT, port(host, proto))?;
        }
    }
    if added("forwarded").is_none() {
        if let Some(chain) = joined(earlier("forwarded").chain(element.as_deref())) {
            head.named(FORWARDED, &chain)?;
        }
    }
    // The values before it are forwarded as they came.
    head.lines(&VIA[usize::from(hop.version == Version::HTTP_10)]);
    Ok(())
}

/// The values of a list in one; `None` if there are none.
fn joined<'v>(mut values: impl Iterator<Item = &'v [u8]>) -> Option<Cow<'v, [u8]>> {
    let mut joined = Cow::Borrowed(values.next()?);
    for value in values {
        let joined = joined.to_mut();
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(value);
    }
    Some(joined)
}

/// The first element of a list: what the proxy next to the client has said.
fn first(value: &[u8]) -> Option<&[u8]> {
    let first = value.split(|byte| *byte == b',').next()?;
    Some(first.trim_ascii())
}

/// The port that the client asked for: that of the host, or the one that the scheme stands for.
/// Servers such as Tomcat and Jetty don't look for it in the host, and would make URLs without it.
fn port<'h>(host: &'h [u8], proto: &[u8]) -> &'h [u8] {
    let is_port = |digits: &&[u8]| {
        let port = decimal(digits);
        port.is_some_and(|port| (1..=u16::MAX.into()).contains(&port))
    };
    let is_secure = [&b"https"[..], b"wss"]
        .iter()
        .any(|other| other.eq_ignore_ascii_case(proto));
    // The colons of an IPv6 address stand in brackets.
    let colon = host.iter().rposition(|byte| matches!(byte, b':' | b']'));
    let colon = colon.filter(|colon| host[*colon] == b':');
    let own = colon.map(|colon| &host[colon + 1..]).filter(is_port);
    own.unwrap_or(if is_secure { b"443" } else { b"80" })
}

/// More than the text of any IP address has, which is 45 characters at most.
const LONGEST: usize = 48;

/// An address as text, on the stack.
struct AddressText {
    bytes: [u8; LONGEST],
    length: usize,
}

impl AddressText {
    fn new(address: IpAddr) -> Self {
        let mut text = AddressText {
            bytes: [0; LONGEST],
            length: 0,
        };
        write_ip(address.to_canonical(), |part| text.push(part.as_bytes()));
        text
    }

    fn push(&mut self, part: &[u8]) {
        let end = (self.length + part.len()).min(LONGEST);
        self.bytes[self.length..end].copy_from_slice(&part[..end - self.length]);
        self.length = end;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The element of this hop in Forwarded (RFC 7239 §4). An IPv6 address and a host with a port
/// stand in quotes.
fn forwarded_element(hop: &Hop<'_>, proto: &[u8]) -> Vec<u8> {
    let mut element = b"for=".to_vec();
    match hop.client.map(|client| client.to_canonical()) {
        Some(IpAddr::V4(client)) => element.extend_from_slice(client.to_string().as_bytes()),
        Some(IpAddr::V6(client)) => {
            element.extend_from_slice(format!("\"[{client}]\"").as_bytes());
        }
        None => element.extend_from_slice(b"unknown"),
    }
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
    if let Some(host) = hop.host.filter(|host| host.iter().all(is_plain)) {
        element.extend_from_slice(b";host=\"");
        element.extend_from_slice(host);
        element.push(b'"');
    }
    element.extend_from_slice(b";proto=");
    element.extend_from_slice(proto);
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Hop<'static> = Hop {
        version: Version::HTTP_11,
        client: Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1))),
        is_secure: false,
        host: Some(b"h:80"),
        host_sent: None,
        is_trusted: false,
        sends_forwarded: false,
        upgrade: None,
        expects_continue: false,
        added: &[],
    };

    /// Rewrites fields that are given as text: `Name: value | Name: value`.
    fn rewritten(given: &str, hop: &Hop<'_>) -> String {
        let given = given
            .split(" | ")
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name, value.as_bytes()));
        let lines = fields(|| given.clone(), hop).unwrap();
        let mut out = Vec::new();
        HeadWriter::response(&mut out, http::StatusCode::OK).lines(&lines);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().skip(1).collect();
        lines.join(" | ")
    }

    const HOPS: &str = "X-Forwarded-For: 192.0.2.1 | X-Forwarded-Host: h:80 | \
                        X-Forwarded-Proto: http | X-Forwarded-Port: 80 | Via: 1.1 tinyhttp";

    #[test]
    fn fields_of_the_connection_are_not_forwarded() {
        let table = "
            Accept: */* => Accept: */*
            Host: h | Connection: close | Keep-Alive: 5 =>
            Connection: X-A , close | x-a: 1 | X-B: 2 => X-B: 2
            Connection: x-forwarded-for, via | X-Forwarded-For: 10.0.0.1 =>
            Content-Length: 5 | Transfer-Encoding: chunked | TE: trailers =>
            Upgrade: h2c | Connection: upgrade =>
            Proxy-Connection: x | Proxy-Authorization: y =>
            X_Auth_User: root | Proxy: http://evil | X-Auth: a => X-Auth: a
            X-Forwarded-For: 10.0.0.1 | X-Real-IP: 10.0.0.1 | Forwarded: for=x =>
            X-Forwarded-Prefix: /x | X-Forwarded-Proto: https =>
            Expect: 100-continue =>
            Via: 1.0 other => Via: 1.0 other
            Trailer: x | A: 1 | a: 2 => A: 1 | A: 2
        ";
        for (given, expected) in table::cases(table) {
            let expected = match expected {
                "" => HOPS.to_owned(),
                expected => format!("{expected} | {HOPS}"),
            };
            assert_eq!(rewritten(given, &PLAIN), expected, "{given}");
        }
    }

    #[test]
    fn a_trusted_proxy_is_continued() {
        let hop = Hop {
            is_trusted: true,
            sends_forwarded: true,
            ..PLAIN
        };
        let given = "X-Forwarded-For: 203.0.113.7 | X-Forwarded-Proto: https | Forwarded: for=a";
        assert_eq!(
            rewritten(given, &hop),
            "X-Forwarded-Proto: https | X-Forwarded-For: 203.0.113.7, 192.0.2.1 | \
             X-Forwarded-Host: h:80 | X-Forwarded-Port: 80 | \
             Forwarded: for=a, for=192.0.2.1;host=\"h:80\";proto=http | Via: 1.1 tinyhttp"
        );
    }

    /// What a client sends, its Host, whether it is trusted and speaks HTTPS, a field of
    /// `--proxy-header`, and the port.
    #[test]
    fn the_port_is_the_one_that_the_client_asked_for() {
        let table: [(&str, &str, bool, bool, &str, &str); 20] = [
            ("", "h", false, false, "", "80"),
            ("", "h", false, true, "", "443"),
            ("", "h:8080", false, false, "", "8080"),
            ("", "h:8443", false, true, "", "8443"),
            ("", "[::1]", false, false, "", "80"),
            ("", "[::1]:81", false, true, "", "81"),
            ("", "h:", false, false, "", "80"),
            ("", "h:0", false, false, "", "80"),
            ("", "h:65536", false, true, "", "443"),
            ("", "h:8x", false, false, "", "80"),
            ("X-Forwarded-Port: 9", "h:80", false, false, "", "80"),
            ("X-Forwarded-Proto: https", "h", false, false, "", "80"),
            ("X-Forwarded-Port: 9", "h:80", true, false, "", "9"),
            ("X-Forwarded-Proto: https", "h", true, false, "", "443"),
            (
                "X-Forwarded-Proto: HTTPS, http",
                "h",
                true,
                false,
                "",
                "443",
            ),
            ("X-Forwarded-Proto: wss", "h:1", true, false, "", "1"),
            ("X-Forwarded-Host: a:5, b:6", "h:80", true, false, "", "5"),
            ("X-Forwarded-Host: a:5", "h:80", false, false, "", "80"),
            ("", "h", false, false, "X-Forwarded-Proto: https", "443"),
            ("", "h", false, true, "X-Forwarded-Port: 7", "7"),
        ];
        for (given, host, is_trusted, is_secure, added, expected) in table {
            let added = added.split_once(": ");
            let added = added.map(|(name, value)| (name.to_owned(), value.into()));
            let hop = Hop {
                host: Some(host.as_bytes()),
                is_trusted,
                is_secure,
                added: added.as_slice(),
                ..PLAIN
            };
            let row = (given, host, is_trusted, is_secure, added.as_slice());
            let text = rewritten(given, &hop);
            let ports: Vec<_> = text
                .split(" | ")
                .filter_map(|line| line.strip_prefix("X-Forwarded-Port: "))
                .collect();
            assert_eq!(ports, [expected], "{row:?}");
        }
    }

    #[test]
    fn a_host_that_is_the_same_for_all_servers_comes_first() {
        let hop = Hop {
            host_sent: Some(b"other"),
            ..PLAIN
        };
        let expected = format!("Host: other | A: 1 | {HOPS}");
        assert_eq!(rewritten("Host: h:80 | A: 1", &hop), expected);
    }

    #[test]
    fn other_hops() {
        let unix = Hop {
            client: None,
            host: None,
            version: Version::HTTP_10,
            sends_forwarded: true,
            is_secure: true,
            ..PLAIN
        };
        assert_eq!(
            rewritten("", &unix),
            "X-Forwarded-Proto: https | Forwarded: for=unknown;proto=https | Via: 1.0 tinyhttp"
        );
        let added = [
            ("X-Key".to_owned(), b"1".to_vec()),
            ("X-Forwarded-Proto".to_owned(), b"https".to_vec()),
        ];
        let hop = Hop {
            added: &added,
            upgrade: Some(b"websocket"),
            expects_continue: true,
            client: Some("::ffff:192.0.2.1".parse().unwrap()),
            ..PLAIN
        };
        assert_eq!(
            rewritten("x-key: 2 | Connection: Upgrade | Upgrade: websocket", &hop),
            "X-Key: 1 | X-Forwarded-Proto: https | Expect: 100-continue | Connection: upgrade | \
             Upgrade: websocket | X-Forwarded-For: 192.0.2.1 | X-Forwarded-Host: h:80 | \
             X-Forwarded-Port: 80 | Via: 1.1 tinyhttp"
        );
        let six = Hop {
            client: Some("2001:db8::1".parse().unwrap()),
            sends_forwarded: true,
            ..PLAIN
        };
        let text = rewritten("", &six);
        assert!(text.contains("for=\"[2001:db8::1]\";host"), "{text}");
    }
}
