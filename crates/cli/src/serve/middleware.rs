//! The middleware around the handler of the files: redirects, passwords, CORS, fields, the host
//! check.

use super::args::{AccessArgs, Args, Bind};
use super::host_names;
use crate::failure::Failure;
use http::HeaderValue;
use std::net::SocketAddr;
use std::path::Path;
use tinyhttp_server::Handler;
use tinyhttp_server::middleware::{Auth, Cors, Fields, HostCheck, Redirects, Users, UsersHandle};

impl Args {
    /// Wraps the handler of the files in the middleware that the flags ask for, the innermost
    /// first.
    pub(super) fn with_middleware(
        &self,
        files: Box<dyn Handler>,
        users: Users,
        (addresses, names): (&[SocketAddr], Vec<String>),
    ) -> Result<(Box<dyn Handler>, Option<UsersHandle>), Failure> {
        let access = &self.access;
        let mut handle = None;
        let mut handler = with_redirects(files, &access.redirect)?;
        if !users.is_empty() {
            let auth = Auth::new(handler, users, &access.realm);
            handle = Some(auth.users());
            handler = Box::new(auth);
        }
        if !access.cors.is_empty() {
            let cors = Cors::new(handler, &access.cors);
            handler = Box::new(cors.map_err(|error| access.no_origin(&error))?);
        }
        let fields: Vec<String> = access.header.iter().cloned().chain(self.hsts()).collect();
        handler = with_fields(handler, &fields)?;
        // Browsers don't connect to Unix sockets, and a proxy that does knows its names.
        let is_checked = !addresses.is_empty() || !access.host_check.is_empty();
        if is_checked && !access.no_host_check {
            let names = self.host_names(addresses, names);
            handler = Box::new(HostCheck::new(handler, names).flag("--host-check"));
        }
        Ok((handler, handle))
    }

    /// Returns the names under which the server is known, beside those of its certificates.
    fn host_names(&self, addresses: &[SocketAddr], mut names: Vec<String>) -> Vec<String> {
        names.extend(host_names::of_this_machine());
        names.extend(self.bind.iter().filter_map(Bind::name));
        // Only clients on the local network resolve these (RFC 6762 §3), and a loopback server has
        // none.
        if addresses.iter().any(|address| !address.ip().is_loopback()) {
            names.push("*.local".to_owned());
        }
        names.extend_from_slice(&self.access.host_check);
        names
    }
}

fn with_redirects(
    handler: Box<dyn Handler>,
    rules: &[String],
) -> Result<Box<dyn Handler>, Failure> {
    if rules.is_empty() {
        return Ok(handler);
    }
    let mut redirects = Redirects::new(handler);
    for rule in rules {
        let (from, to) = rule.split_once('=').unwrap_or((rule, ""));
        redirects = redirects
            .with(from, to)
            .map_err(|error| invalid("--redirect", rule, &error))?;
    }
    Ok(Box::new(redirects))
}

fn with_fields(handler: Box<dyn Handler>, lines: &[String]) -> Result<Box<dyn Handler>, Failure> {
    if lines.is_empty() {
        return Ok(handler);
    }
    let mut fields = Fields::new(handler);
    for line in lines {
        fields = fields
            .with(line)
            .map_err(|error| invalid("--header", line, &error))?;
    }
    Ok(Box::new(fields))
}

impl AccessArgs {
    /// Says why the values of --cors are wrong. A directory behind it was probably meant to be
    /// served.
    fn no_origin(&self, error: &dyn std::error::Error) -> Failure {
        match self.cors.iter().find(|value| Path::new(value).is_dir()) {
            Some(directory) => Failure::new(
                format!(
                    "--cors took the directory '{}' for an origin",
                    directory.escape_debug()
                ),
                format!(
                    "to serve it to the scripts of all sites: tinyhttp serve {directory} --cors"
                ),
            ),
            None => invalid("--cors", &self.cors.join(", "), error),
        }
    }

    /// Returns the Cross-Origin-Resource-Policy. As long as only this machine can connect, pages of
    /// other sites must not embed the files, unless --cors shares them.
    pub(super) fn resource_policy(&self, addresses: &[SocketAddr]) -> Option<HeaderValue> {
        let only_here =
            !addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback());
        (only_here && self.cors.is_empty()).then(|| HeaderValue::from_static("same-site"))
    }
}

fn invalid(flag: &str, value: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(
        format!("{flag} can't be '{}': {error}", value.escape_debug()),
        "tinyhttp serve --help says what it takes",
    )
}
