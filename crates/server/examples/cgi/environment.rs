//! The request as a script sees it: the meta-variables of RFC 3875 §4.1.

use crate::find::Script;
use http::header::{CONTENT_TYPE, COOKIE, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStringExt;
use tinyhttp_server::{Endpoint, Peer};

/// All that a script has in its environment; nothing of the server's own is handed down.
pub(crate) fn environment(head: &Parts, script: &Script, length: usize) -> Vec<(String, OsString)> {
    // `into_http` puts one into each request.
    let peer = head.extensions.get::<Peer>().expect("a request has a peer");
    let name = server_name(head).unwrap_or_else(|| address(peer.local));
    let port = peer
        .local
        .internet()
        .map_or(80, |local| local.port())
        .to_string();
    let mut script_name = OsString::from("/");
    script_name.push(&script.name);
    let mut variables: Vec<(String, OsString)> = [
        ("GATEWAY_INTERFACE", "CGI/1.1".into()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".into()),
        ("PATH_INFO", script.path_info.clone()),
        ("QUERY_STRING", head.uri.query().unwrap_or_default().into()),
        ("REMOTE_ADDR", address(peer.remote).into()),
        // A name would take a DNS query; the address may stand for it (§4.1.9).
        ("REMOTE_HOST", address(peer.remote).into()),
        ("REQUEST_METHOD", head.method.as_str().into()),
        ("SCRIPT_NAME", script_name),
        ("SERVER_NAME", name.into()),
        ("SERVER_PORT", port.into()),
        ("SERVER_PROTOCOL", format!("{:?}", head.version).into()),
        ("SERVER_SOFTWARE", "tinyhttp-cgi".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if length > 0 {
        variables.push(("CONTENT_LENGTH".to_owned(), length.to_string().into()));
        if let Some(value) = head.headers.get(CONTENT_TYPE) {
            let value = OsString::from_vec(value.as_bytes().to_vec());
            variables.push(("CONTENT_TYPE".to_owned(), value));
        }
    }
    variables.extend(
        head.headers
            .keys()
            .filter(|name| is_for_scripts(name))
            .map(|name| {
                let variable = format!("HTTP_{}", name.as_str().to_uppercase().replace('-', "_"));
                let separator = if name == COOKIE { &b"; "[..] } else { b", " };
                let values: Vec<&[u8]> = head
                    .headers
                    .get_all(name)
                    .iter()
                    .map(HeaderValue::as_bytes)
                    .collect();
                (variable, OsString::from_vec(values.join(separator)))
            }),
    );
    variables
}

/// A client of a Unix socket is on this machine.
fn address(end: Endpoint) -> String {
    end.ip().unwrap_or(Ipv4Addr::LOCALHOST.into()).to_string()
}

/// Credentials are the server's business, and so is the connection (§4.1.18); what is to know of
/// the content is told already. `Proxy` would become HTTP_PROXY, by which many programs find their
/// proxy.
const NOT_FOR_SCRIPTS: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "connection",
    "transfer-encoding",
    "content-length",
    "content-type",
    "proxy",
];

/// A name with `_` would pass for the one with `-`.
fn is_for_scripts(name: &HeaderName) -> bool {
    !NOT_FOR_SCRIPTS.contains(&name.as_str()) && !name.as_str().contains('_')
}

/// The name that the client called the server by, without the port.
fn server_name(head: &Parts) -> Option<String> {
    let host = head.headers.get(HOST)?.to_str().ok()?;
    let authority: http::uri::Authority = host.parse().ok()?;
    Some(authority.host().to_owned()).filter(|name| !name.is_empty())
}
