//! Refuses requests for names that aren't the server's, against DNS rebinding.
//!
//! A web page can point its own domain at 127.0.0.1, or at an address of the local network, and
//! then read the responses of a server there as its own. Its requests carry the page's domain in
//! Host. So only known names are accepted: `localhost` and names that end in `.localhost`, which no
//! DNS server resolves (RFC 6761 §6.3), and the configured names. An IP address can't be rebound. A
//! request without Host comes from an HTTP/1.0 client, which is not a browser.

use crate::handler::{Handler, Reply, call};
use crate::intake::Intake;
use crate::page::error_page;
use crate::request::Request;
use crate::response::Response;
use crate::router::{Layer, Next};
use http::StatusCode;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Responds with 421 to requests for names that aren't the server's, which protects a server of a
/// local network from web pages that point their own name at it (DNS rebinding).
///
/// ```
/// use tinyhttp_server::middleware::HostCheck;
/// use tinyhttp_server::{Request, Router};
///
/// let app = Router::new()
///     .with(HostCheck::layer(["example.org", "*.example.org"]))
///     .get("/", |_: Request| "hello\n");
/// let ask = |host: &str| app.call(Request::get("/").with_header("host", host)).status();
/// assert_eq!(ask("www.example.org"), 200);
/// assert_eq!(ask("127.0.0.1:8080"), 200);
/// assert_eq!(ask("evil.example"), 421);
/// ```
#[derive(Debug)]
pub struct HostCheck<H> {
    inner: Arc<H>,
    /// In lower case. A name that begins with a dot stands for all names that end in it.
    names: Vec<String>,
    flag: Option<&'static str>,
}

impl<H> HostCheck<H> {
    /// Accepts requests for an IP address, for `localhost`, or for one of `names`. `*.example.org`
    /// stands for all names below `example.org`. Ports and case are ignored.
    pub fn new(inner: H, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let names = names.into_iter().map(|name| {
            let name = name.as_ref().trim_end_matches('.').to_ascii_lowercase();
            name.strip_prefix('*').map_or(name.clone(), str::to_owned)
        });
        HostCheck {
            inner: Arc::new(inner),
            names: names.filter(|name| !name.is_empty()).collect(),
            flag: None,
        }
    }

    /// Sets the flag of the program that permits a name: the log and the page of a 421 show it.
    #[must_use]
    pub fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    /// The name in a request, if it is not the server's.
    fn foreign_name<'r>(&self, request: &'r Request<'_>) -> Option<&'r [u8]> {
        // The authority of an absolute-form target takes precedence over Host (RFC 9112 §3.2.2).
        let authority = match request.authority() {
            Some(authority) => Some(authority.as_bytes()),
            None => request.field("host"),
        };
        authority.filter(|authority| !self.is_known(authority))
    }

    fn is_known(&self, authority: &[u8]) -> bool {
        let Ok(authority) = std::str::from_utf8(authority) else {
            return false;
        };
        if let Some(address) = authority.strip_prefix('[') {
            let address = address.split(']').next().unwrap_or_default();
            return address.parse::<Ipv6Addr>().is_ok();
        }
        let colon = authority.bytes().position(|byte| byte == b':');
        let name = authority[..colon.unwrap_or(authority.len())].trim_end_matches('.');
        let is = |known: &str| match known.strip_prefix('.') {
            Some(_) => name.len() > known.len() && ends_with(name, known),
            None => name.eq_ignore_ascii_case(known),
        };
        name.parse::<Ipv4Addr>().is_ok()
            || is("localhost")
            || is(".localhost")
            || self.names.iter().any(|known| is(known))
    }
}

/// The name in an authority, if it has only characters of a name, so that it is safe in a shell.
fn host_name(authority: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(authority).ok()?;
    let name = text.split(':').next()?;
    let is_ordinary = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_name = !name.starts_with('-') && !name.is_empty() && name.len() <= 253;
    (is_name && name.bytes().all(is_ordinary)).then_some(name)
}

fn ends_with(name: &str, end: &str) -> bool {
    let start = name.len() - end.len();
    name.get(start..)
        .is_some_and(|last| last.eq_ignore_ascii_case(end))
}

/// As a layer of a [`Router`](crate::Router).
impl HostCheck<()> {
    /// A layer that accepts requests for these names, as [`HostCheck::new`].
    pub fn layer(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        HostCheck::new((), names)
    }
}

impl Layer for HostCheck<()> {
    fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a> {
        self.apply(request, |request| next.handle(request))
    }
}

impl<H: Handler> Handler for HostCheck<H> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        self.apply(request, |request| call(&self.inner, request))
    }

    fn intake(&self, request: &mut Request<'_>) -> Option<Intake> {
        match self.foreign_name(request) {
            Some(_) => None,
            None => self.inner.intake(request),
        }
    }
}

impl<H> HostCheck<H> {
    fn apply<'a>(
        &'a self,
        request: Request<'a>,
        inner: impl FnOnce(Request<'a>) -> Reply<'a>,
    ) -> Reply<'a> {
        let Some(name) = self.foreign_name(&request) else {
            return inner(request);
        };
        let shown = host_name(name).unwrap_or("NAME");
        let permit = |shown| self.flag.map(|flag| format!("; {flag} {shown} permits it"));
        log::warn!(
            "{}: refused a request for \"{}\": the server does not use that name{}",
            request.peer().remote.host(),
            name.escape_ascii(),
            permit(shown).unwrap_or_default()
        );
        let explanation = format!(
            "This server does not use the name in this address. Its IP address works{}.",
            permit("NAME").unwrap_or_default()
        );
        Response::from(error_page(StatusCode::MISDIRECTED_REQUEST, &explanation)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{echo, send};
    use super::*;

    #[test]
    fn names() {
        let check = HostCheck::new(echo, ["example.org", "*.Example.net", "host.", ""]);
        let known = [
            "localhost",
            "LOCALHOST:8080",
            "localhost.",
            "app.localhost",
            "127.0.0.1",
            "127.0.0.1:80",
            "192.168.1.2:8080",
            "[::1]",
            "[::1]:8080",
            "[2001:db8::1]:80",
            "example.org",
            "Example.ORG:1",
            "a.example.net",
            "a.b.example.net",
            "host",
        ];
        let unknown = [
            "evil.example",
            "localhost.evil.example",
            "evil-localhost",
            "example.net",
            "a.example.org",
            "xexample.net",
            "127.0.0.1.evil.example",
            "127.1",
            "2130706433",
            "",
            ":80",
            "[evil.example]",
            ".localhost",
            "notlocalhost:80",
        ];
        for (hosts, status) in [(&known[..], 200), (&unknown[..], 421)] {
            for host in hosts {
                let response = send(&check, "GET", "/", &format!("Host: {host}"));
                assert_eq!(response.status(), status, "{host:?}");
            }
        }
        assert_eq!(send(&check, "GET", "/", "").status(), 200, "HTTP/1.0");
        let page = |check: &HostCheck<_>| {
            let response = send(check, "GET", "/", "Host: evil.example");
            response.into_text().unwrap()
        };
        assert!(!page(&check).contains("NAME"));
        let check = check.flag("--names");
        assert!(page(&check).contains("--names NAME permits it"));
        let absolute = send(&check, "GET", "http://evil.example/", "Host: localhost");
        assert_eq!(absolute.status(), 421);
    }
}
