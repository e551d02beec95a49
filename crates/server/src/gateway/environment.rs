//! The environment of a request: what FastCGI, SCGI and uwsgi send in the place of a head (RFC 3875
//! §4.1).
//!
//! Each field becomes a variable, `X-Name` as `HTTP_X_NAME`. Several fields could so become one
//! variable, therefore those whose names contain `_` are left out, and `Proxy`, whose variable
//! configures HTTP clients (CVE-2016-5385). The query is never an argument.

use super::request::{ADDRESSES, connection_options, is_of_connection, speaks_of_files};
use super::variables::Variables;
use crate::ip_text::write_ip;
use crate::request::Request;
use crate::script::Script;
use crate::user::User;
use http::Version;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;

/// The variables of a request for a script, without CONTENT_LENGTH.
pub(crate) fn script_environment(request: &Request<'_>, script: &Script) -> Variables {
    // An absent path and an empty one mean the same (RFC 3875 §4.1.5); programs that derive paths
    // from it handle the former with more care (CVE-2019-11043).
    let info = Some(script.info()).filter(|info| !info.is_empty());
    let mut variables = common(request, script.name(), info);
    let root = script.root().as_os_str().as_bytes();
    variables.add(b"SCRIPT_FILENAME", script.file().as_os_str().as_bytes());
    variables.add(b"DOCUMENT_ROOT", root);
    variables.add_with(b"DOCUMENT_URI", |text| {
        text.extend_from_slice(script.name());
        text.extend_from_slice(script.info());
    });
    if let Some(info) = info {
        variables.add_with(b"PATH_TRANSLATED", |text| {
            text.extend_from_slice(root.strip_suffix(b"/").unwrap_or(root));
            text.extend_from_slice(info);
        });
    }
    variables
}

/// The variables of a request, without CONTENT_LENGTH. `prefix` is the part of the normalised path
/// that names the application, `path` the whole.
pub(crate) fn environment(request: &Request<'_>, prefix: &[u8], path: &[u8]) -> Variables {
    let script = prefix.strip_suffix(b"/").unwrap_or(prefix);
    common(request, script, path.strip_prefix(script).or(Some(path)))
}

/// The variables that all requests have, and those of fields.
fn common(request: &Request<'_>, script: &[u8], info: Option<&[u8]>) -> Variables {
    let mut variables = Variables::new();
    let mut set = |name: &'static str, value: &[u8]| variables.add(name.as_bytes(), value);
    let query = request.query();
    set("GATEWAY_INTERFACE", b"CGI/1.1");
    set("SERVER_SOFTWARE", crate::response::SERVER.as_bytes());
    let protocol: &[u8] = match request.version() {
        Version::HTTP_10 => b"HTTP/1.0",
        _ => b"HTTP/1.1",
    };
    set("SERVER_PROTOCOL", protocol);
    set("REQUEST_METHOD", request.method().as_str().as_bytes());
    set("SCRIPT_NAME", script);
    if let Some(info) = info {
        set("PATH_INFO", info);
    }
    set("QUERY_STRING", query.unwrap_or_default().as_bytes());
    let is_secured = request.is_secured();
    set(
        "REQUEST_SCHEME",
        if is_secured { b"https" } else { b"http" },
    );
    if is_secured {
        set("HTTPS", b"on");
    }
    let host = request
        .authority()
        .map(str::as_bytes)
        .or_else(|| request.field("host"))
        .unwrap_or_default();
    set("SERVER_NAME", without_port(host));
    // PHP built to be safe runs nothing without it.
    set("REDIRECT_STATUS", b"200");
    if let Some(kind) = request.field("content-type") {
        set("CONTENT_TYPE", kind);
    }
    variables.add_with(b"REQUEST_URI", |text| {
        text.extend_from_slice(request.path().as_bytes());
        if let Some(query) = query {
            text.push(b'?');
            text.extend_from_slice(query.as_bytes());
        }
    });
    ends(request, &mut variables);
    fields(request, &mut variables);
    variables
}

/// Adds the variables of the connection's two ends.
fn ends(request: &Request<'_>, variables: &mut Variables) {
    let peer = request.peer();
    match peer.local.internet() {
        Some(local) => add_address(("SERVER_ADDR", "SERVER_PORT"), local, variables),
        None if request.is_secured() => variables.add(b"SERVER_PORT", b"443"),
        None => variables.add(b"SERVER_PORT", b"80"),
    }
    match peer.remote.internet() {
        Some(remote) => add_address(("REMOTE_ADDR", "REMOTE_PORT"), remote, variables),
        // A Unix socket has no address; programs expect one.
        None => variables.add(b"REMOTE_ADDR", b"127.0.0.1"),
    }
}

fn add_address(names: (&str, &str), address: SocketAddr, variables: &mut Variables) {
    variables.add_with(names.0.as_bytes(), |text| {
        write_ip(address.ip(), |part| text.extend_from_slice(part.as_bytes()));
    });
    let mut port = itoa::Buffer::new();
    variables.add(names.1.as_bytes(), port.format(address.port()).as_bytes());
}

/// Names the user whose password this server has checked (RFC 3875 §4.1.11). The password was for
/// this server, and is not passed on (§4.1.18).
pub(crate) fn set_user(variables: &mut Variables, request: &Request<'_>) {
    let Some(User(name)) = request.extensions().get() else {
        return;
    };
    variables.retain(|name| name != b"HTTP_AUTHORIZATION");
    variables.add(b"AUTH_TYPE", b"Basic");
    variables.add(b"REMOTE_USER", name.as_bytes());
}

/// Removes the variables of fields that say which proxies a request has passed and which client it
/// comes from, for a client that is not trusted to say so: applications build URLs from them.
pub(crate) fn remove_addresses(variables: &mut Variables) {
    variables.retain(|name| {
        let is_address = |field: &str| {
            name.strip_prefix(b"HTTP_")
                .is_some_and(|rest| rest.iter().copied().eq(field.bytes().map(upper)))
        };
        !ADDRESSES.into_iter().any(is_address)
    });
}

/// A byte of a field's name, as a variable has it.
fn upper(byte: u8) -> u8 {
    match byte {
        b'-' => b'_',
        byte => byte.to_ascii_uppercase(),
    }
}

/// Adds the variables of the fields. Those of the same name are joined to one.
fn fields(request: &Request<'_>, variables: &mut Variables) {
    let listed: Vec<&[u8]> = connection_options(request.fields()).collect();
    let mut variable = b"HTTP_".to_vec();
    for (name, value) in request.fields() {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if name.contains('_') || is("proxy") || is("content-type") || is("expect") {
            continue;
        }
        if is_of_connection(name, &listed) || speaks_of_files(name) {
            continue;
        }
        variable.truncate(b"HTTP_".len());
        variable.extend(name.bytes().map(upper));
        // No other variable begins like that.
        let separator: &[u8] = if is("cookie") { b"; " } else { b", " };
        if !variables.append(&variable, [separator, value]) {
            variables.add(&variable, value);
        }
    }
}

fn without_port(host: &[u8]) -> &[u8] {
    let is_port = |port: &[u8]| port.iter().all(u8::is_ascii_digit);
    match host.iter().rposition(|byte| *byte == b':') {
        Some(colon) if is_port(&host[colon + 1..]) => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a variable for a request with these fields.
    fn value(target: &str, fields: &[(&str, &str)], variable: &str) -> Option<String> {
        let mut request = http::Request::get(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = Request::from(request.body(()).unwrap());
        let path = request.normal_path().unwrap().as_bytes().to_vec();
        let all = environment(&request, b"/app/", &path);
        let mut found = all.iter().filter(|(name, _)| *name == variable.as_bytes());
        let value = found
            .next()
            .map(|(_, value)| String::from_utf8(value.to_vec()).unwrap());
        assert!(found.next().is_none(), "{variable} is there twice");
        value
    }

    #[test]
    fn variables_of_a_request() {
        /// Target, fields, variable, value.
        type Row<'r> = (&'r str, &'r [(&'r str, &'r str)], &'r str, Option<&'r str>);
        let table: [Row<'_>; 18] = [
            ("/app/a%20b?c=%20", &[], "PATH_INFO", Some("/a b")),
            ("/app/a%20b?c=%20", &[], "SCRIPT_NAME", Some("/app")),
            (
                "/app/a%20b?c=%20",
                &[],
                "REQUEST_URI",
                Some("/app/a%20b?c=%20"),
            ),
            ("/app/a%20b?c=%20", &[], "QUERY_STRING", Some("c=%20")),
            ("/app/?-s", &[], "QUERY_STRING", Some("-s")),
            ("/app/", &[], "QUERY_STRING", Some("")),
            ("/app/", &[("host", "h:80")], "SERVER_NAME", Some("h")),
            (
                "/app/",
                &[("host", "[::1]:80")],
                "SERVER_NAME",
                Some("[::1]"),
            ),
            (
                "/app/",
                &[("x-a", "1"), ("x-a", "2")],
                "HTTP_X_A",
                Some("1, 2"),
            ),
            (
                "/app/",
                &[("cookie", "a"), ("cookie", "b")],
                "HTTP_COOKIE",
                Some("a; b"),
            ),
            ("/app/", &[("proxy", "http://evil")], "HTTP_PROXY", None),
            (
                "/app/",
                &[("x-accel-mapping", "/=/etc/")],
                "HTTP_X_ACCEL_MAPPING",
                None,
            ),
            (
                "/app/",
                &[("x_a", "evil"), ("x-a", "1")],
                "HTTP_X_A",
                Some("1"),
            ),
            (
                "/app/",
                &[("remote_user", "root")],
                "HTTP_REMOTE_USER",
                None,
            ),
            (
                "/app/",
                &[("connection", "x-a"), ("x-a", "1")],
                "HTTP_X_A",
                None,
            ),
            (
                "/app/",
                &[("content-type", "a/b")],
                "CONTENT_TYPE",
                Some("a/b"),
            ),
            (
                "/app/",
                &[("content-type", "a/b")],
                "HTTP_CONTENT_TYPE",
                None,
            ),
            (
                "/app/",
                &[("authorization", "x")],
                "HTTP_AUTHORIZATION",
                Some("x"),
            ),
        ];
        for (target, fields, variable, expected) in table {
            let found = value(target, fields, variable);
            assert_eq!(found.as_deref(), expected, "{target} {fields:?} {variable}");
        }
    }

    #[test]
    fn clients_do_not_say_which_proxies_a_request_has_passed() {
        let names = "x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port \
                     x-forwarded-prefix x-real-ip forwarded x-forwarded x-key";
        let mut request = http::Request::get("/app/");
        for name in names.split_whitespace() {
            request = request.header(name, "v");
        }
        let request = Request::from(request.body(()).unwrap());
        let mut all = environment(&request, b"/app/", b"/app/");
        remove_addresses(&mut all);
        all.retain(|name| name.starts_with(b"HTTP_"));
        let mut left: Vec<_> = all
            .iter()
            .map(|(name, _)| name.escape_ascii().to_string())
            .collect();
        left.sort();
        assert_eq!(left, ["HTTP_X_FORWARDED", "HTTP_X_KEY"]);
    }
}
