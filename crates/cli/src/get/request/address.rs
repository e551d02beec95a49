//! From what was typed to a URL.

use crate::failure::Failure;
use tinyhttp_client::hide_passwords;
use tinyhttp_client::zone;
use url::Url;

/// A URL, and the zone of the IPv6 address in it.
#[derive(Debug)]
pub(in crate::get) struct Address {
    pub(in crate::get) url: Url,
    pub(in crate::get) zone: Option<String>,
}

/// Schemes that are recognised before a colon and a single slash.
const SCHEMES: [&str; 11] = [
    "http", "https", "gopher", "gophers", "file", "ftp", "ftps", "sftp", "scp", "ws", "wss",
];

/// The URL that is meant. `host:port/path` means http, and `:port/path` this machine. Between a
/// scheme and a host there may be one to three slashes, as with curl.
pub(in crate::get) fn parse(text: &str) -> Result<Address, Failure> {
    let text = text.trim();
    let full = match scheme(text) {
        Some((scheme, rest)) => {
            let host = rest.trim_start_matches('/');
            if !(1..=3).contains(&(rest.len() - host.len())) {
                let what = format!(
                    "{:?} is not a URL: between {scheme}: and the host belong two slashes",
                    shown(text)
                );
                return Err(Failure::with_code(3, what).hint("write it as http://host/path"));
            }
            format!("{scheme}://{host}")
        }
        None if text.starts_with(':') => format!("http://localhost{text}"),
        None => format!("http://{text}"),
    };
    let (without_zone, zone) = zone::split_url(&full);
    let url = Url::parse(&without_zone).map_err(|error| {
        let why = why(&full).unwrap_or_else(|| error.to_string());
        let shown = shown(text);
        Failure::with_code(3, format!("{shown:?} is not a URL: {why}"))
            .hint("write it as host:port/path or http://host/path")
    })?;
    if !matches!(url.scheme(), "http" | "https" | "gopher" | "gophers") {
        let scheme = url.scheme();
        return Err(
            Failure::with_code(1, format!("the scheme {scheme:?} is not supported"))
                .hint("use http://, https://, gopher:// or gophers://"),
        );
    }
    Ok(Address { url, zone })
}

/// The scheme and what stands behind its colon; `None` for a text that begins with a host.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_known = SCHEMES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(scheme));
    // `http:8080` is a host and a port, as is `localhost:8080`.
    let is_port = rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit());
    let is_meant = rest.starts_with("//") || is_known && !is_port;
    (is_scheme && is_meant).then_some((scheme, rest))
}

/// The text behind the scheme and its slashes; all of it if there is no scheme.
pub(in crate::get) fn after_scheme(text: &str) -> &str {
    let text = text.trim();
    scheme(text).map_or(text, |(_, rest)| rest.trim_start_matches('/'))
}

/// The URL with any scheme, or without one, for reports about URLs that are not supported.
pub(in crate::get) fn of_any_scheme(text: &str) -> Option<Url> {
    let text = text.trim();
    let full = match scheme(text) {
        Some(_) => text.to_owned(),
        None => format!("http://{text}"),
    };
    Url::parse(&full).ok()
}

/// The text without a password.
pub(in crate::get) fn shown(text: &str) -> String {
    let (scheme, rest) = text.split_at(text.len() - after_scheme(text).len());
    let rest = hide_passwords(&format!("//{rest}"));
    format!("{scheme}{}", &rest[2..])
}

/// What is wrong with the host or the port of a URL, in words that name it.
fn why(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if let Some(address) = host.strip_prefix('[') {
        let text = address.split(']').next().unwrap_or(address);
        return match text.parse::<std::net::Ipv6Addr>() {
            Err(_) => Some(format!("{text:?} is not an IPv6 address")),
            Ok(_) => port(address.split_once("]:")?.1),
        };
    }
    let (name, given) = host
        .split_once(':')
        .map_or((host, None), |(a, b)| (a, Some(b)));
    if name.is_empty() {
        return Some("there is no host name".to_owned());
    }
    let strange = |c: &char| c.is_whitespace() || c.is_control() || "<>^|%\"{}`".contains(*c);
    match name.chars().find(strange) {
        Some(' ') => Some("there is a space in the host name".to_owned()),
        Some('\t') => Some("there is a tab in the host name".to_owned()),
        Some(c) if c.is_whitespace() => Some("there is white space in the host name".to_owned()),
        Some(c) => Some(format!("there is {c:?} in the host name")),
        None => port(given?),
    }
}

fn port(text: &str) -> Option<String> {
    let is_port = text.is_empty() || text.parse::<u16>().is_ok();
    (!is_port).then(|| format!("{text:?} is not a port (0 to 65535)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong() {
        let table = r#"
            example .org => there is a space in the host name
            http://a b/c => there is a space in the host name
            http://user@a b:80/ => there is a space in the host name
            http://a\u{a0}b/ => there is white space in the host name
            a<b => there is '<' in the host name
            http://a%zz/ => there is '%' in the host name
            http:// => there is no host name
            http://:/x => there is no host name
            h:99999 => "99999" is not a port (0 to 65535)
            h:80x/ => "80x" is not a port (0 to 65535)
            http://[::1]:x/ => "x" is not a port (0 to 65535)
            http://[::g]/ => "::g" is not an IPv6 address
            http://[fe80::1%]/ => "fe80::1%" is not an IPv6 address
            http://[1.2.3.4%25a]/ => "1.2.3.4%25a" is not an IPv6 address
        "#;
        for (text, want) in table::cases(table) {
            let failure = parse(&table::unescaped(text)).unwrap_err();
            assert!(failure.what().ends_with(want), "{text}: {}", failure.what());
        }
    }

    #[test]
    fn zones() {
        let table = "
            http://[fe80::1%25eth0]:8080/a => http://[fe80::1]:8080/a eth0
            [fe80::1%eth0]/a => http://[fe80::1]/a eth0
            https://me:p%25@[fe80::1%252] => https://me:p%25@[fe80::1]/ 2
            [fe80::1]/a%25b => http://[fe80::1]/a%25b
        ";
        table::check(table, |text| {
            let address = parse(text).unwrap();
            let zone = address.zone.map(|zone| format!(" {zone}"));
            format!("{}{}", address.url, zone.unwrap_or_default())
        });
    }

    #[test]
    fn errors_hide_passwords() {
        for text in [
            "http://me:secret@a b/",
            "me:secret@a b",
            "http://me:secret@h:x/",
            "ftp://me:secret@h",
        ] {
            let failure = parse(text).unwrap_err();
            assert!(!failure.what().contains("secret"), "{}", failure.what());
        }
    }

    #[test]
    fn what_is_meant() {
        let table = r"
            http://h/a?b#c => http://h/a?b#c
            h => http://h/
            h/a => http://h/a
            localhost:8080 => http://localhost:8080/
            http:8080/a => http://http:8080/a
            http:/x => http://x/
            http:///x => http://x/
            HTTPS:/x/y?z#f => https://x/y?z#f
            https:/x:8/http://y => https://x:8/http://y
            gopher:/h/1 => gopher://h/1
            http:////x => -
            http:x => -
            http:\\\\x => -
            https:?x => -
            http:/ => -
            file:/etc/passwd => -
            ftp:/h/x => -
            localhost:8080/a?u=http://x/ => http://localhost:8080/a?u=http://x/
            127.0.0.1:80/a => http://127.0.0.1/a
            [::1]:8080/a => http://[::1]:8080/a
            :8080/a => http://localhost:8080/a
            \x20h\x20 => http://h/
            HTTPS://H/ => https://h/
            http://h/a b => http://h/a%20b
            http://bücher.example/ => http://xn--bcher-kva.example/
            http:// => -
            => -
            h:99999 => -
            http://[::g]/ => -
            http://a b/ => -
            gopher://h/0/a => gopher://h/0/a
            ftp://h/ => -
            file:///etc/passwd => -
        ";
        table::check(table, |text| {
            let got = parse(&table::unescaped(text)).map(|address| String::from(address.url));
            got.unwrap_or_else(|_| "-".to_owned())
        });
    }
}
