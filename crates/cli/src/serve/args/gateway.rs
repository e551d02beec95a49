//! The flags about upstream servers, which respond in the place of this one.

use super::balancing::BalancingArgs;
use super::content::ContentArgs;
use super::route::{Route, fastcgi, program, route};
use super::upstream_tls::{UpstreamTlsArgs, Verification};
use crate::failure::Failure;
use http::{HeaderName, HeaderValue};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tinyhttp_server::gateway::{
    Cgi, Gateways, Network, Protocol, SentFiles, Target, Upstream, UpstreamBuilder,
};
use tinyhttp_server::script::InvalidPattern;
use tinyhttp_server::{Files, Handler};

/// The flags about upstream servers.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct GatewayArgs {
    /// Forward requests below the path PATH to the server TARGET, http://HOST:PORT,
    /// https://HOST:PORT or unix:SOCKET; repeatable
    ///
    /// Several targets, separated by commas, share the requests. ;weight=N behind a target gives it
    /// N times the share of others, ;max=N at most N connections at a time, and ;backup makes it
    /// wait until no other server works, as in
    /// '/api=http://a:1;weight=3,http://b:2;max=8,http://c:3;backup'. A path behind the port, the
    /// same for all targets, replaces PATH: with /api/=http://127.0.0.1:9000/ the server gets /x
    /// for /api/x. The longest PATH wins, and takes precedence over the files of DIR. WebSocket and
    /// other upgrades are forwarded, too, but none that carries requests of HTTP, such as h2c.
    #[arg(long, value_name = "PATH=TARGET", env = "TINYHTTP_PROXY", value_parser = route)]
    proxy: Vec<Route>,

    /// Forward requests below the path PATH, or for scripts such as '*.php', to a FastCGI server,
    /// HOST:PORT or unix:SOCKET; repeatable
    ///
    /// PATH is SCRIPT_NAME, and what follows it PATH_INFO. With '*.php=unix:/run/php/php-fpm.sock',
    /// requests for files in DIR whose names end in .php go to PHP-FPM, and so do requests for
    /// directories with an index.php. A script that doesn't exist is 404, and the source of one is
    /// never sent.
    #[arg(long, value_name = "PATH|*.EXT=TARGET", env = "TINYHTTP_FASTCGI", value_parser = fastcgi)]
    fastcgi: Vec<Route>,

    /// Never run scripts below the path PATH, such as /uploads; repeatable
    ///
    /// They are not sent either. Once there is such a path, scripts are not found through symbolic
    /// links.
    #[arg(
        long,
        value_name = "PATH",
        env = "TINYHTTP_NO_SCRIPTS",
        value_delimiter = ','
    )]
    no_scripts: Vec<String>,

    /// Forward requests below the path PATH to an SCGI server, HOST:PORT or unix:SOCKET; repeatable
    #[arg(long, value_name = "PATH=TARGET", env = "TINYHTTP_SCGI", value_parser = program)]
    scgi: Vec<Route>,

    /// Forward requests below the path PATH to a uwsgi server, HOST:PORT or unix:SOCKET; repeatable
    #[arg(long, value_name = "PATH=TARGET", env = "TINYHTTP_UWSGI", value_parser = program)]
    uwsgi: Vec<Route>,

    /// Host that upstream servers see: that of the client (keep), their own (upstream), or NAME
    #[arg(
        long,
        value_name = "keep|upstream|NAME",
        default_value = "keep",
        env = "TINYHTTP_PROXY_HOST",
        value_parser = host
    )]
    proxy_host: String,

    /// Give up an upstream server that is silent for SECONDS, and answer 504
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        env = "TINYHTTP_PROXY_TIMEOUT",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    proxy_timeout: u32,

    /// Field to add to forwarded requests; repeatable
    #[arg(
        long,
        value_name = "'NAME: VALUE'",
        env = "TINYHTTP_PROXY_HEADER",
        value_parser = field
    )]
    proxy_header: Vec<(HeaderName, HeaderValue)>,

    /// Continue the X-Forwarded-* and Forwarded fields of requests from the addresses CIDR, such as
    /// 10.0.0.0/8, where other proxies are; repeatable. Those of other clients are replaced
    #[arg(
        long,
        value_name = "CIDR",
        env = "TINYHTTP_PROXY_TRUST",
        value_delimiter = ','
    )]
    proxy_trust: Vec<Network>,

    /// Add Forwarded (RFC 7239) to forwarded requests, beside X-Forwarded-For, -Host, -Proto and
    /// -Port
    #[arg(long, env = "TINYHTTP_PROXY_FORWARDED")]
    proxy_forwarded: bool,

    /// Tell clients in Server-Timing how long the upstream server took to accept the request and to
    /// respond, and how long the request waited for a server with room (;max=N), if it did
    #[arg(long, env = "TINYHTTP_PROXY_SERVER_TIMING")]
    proxy_server_timing: bool,

    #[command(flatten)]
    content: ContentArgs,

    #[command(flatten)]
    balancing: BalancingArgs,

    #[command(flatten)]
    tls: UpstreamTlsArgs,
}

/// What was opened before the sandbox was entered.
pub(in crate::serve) struct Opened {
    verification: Verification,
    sent: Vec<SentFiles>,
}

impl GatewayArgs {
    /// Whether requests are forwarded.
    pub(in crate::serve) fn forwards(&self) -> bool {
        self.routes().next().is_some()
    }

    /// All routes, with the protocol and the flag of each.
    fn routes(&self) -> impl Iterator<Item = (Protocol, &str, &Route)> {
        let flags = [
            (Protocol::Http, "--proxy", &self.proxy),
            (Protocol::FastCgi, "--fastcgi", &self.fastcgi),
            (Protocol::Scgi, "--scgi", &self.scgi),
            (Protocol::Uwsgi, "--uwsgi", &self.uwsgi),
        ];
        flags.into_iter().flat_map(|(protocol, flag, routes)| {
            routes.iter().map(move |route| (protocol, flag, route))
        })
    }

    fn targets(&self) -> impl Iterator<Item = &Target> {
        self.routes().flat_map(|(_, _, route)| &route.targets)
    }

    /// Returns the networks of proxies whose X-Forwarded-* and Forwarded fields are passed on.
    pub(in crate::serve) fn trusted(&self) -> impl Iterator<Item = Network> {
        self.proxy_trust.iter().copied()
    }

    /// Returns the ports that the upstream servers listen on.
    pub(in crate::serve) fn ports(&self) -> Vec<u16> {
        self.targets().filter_map(Target::port).collect()
    }

    /// Returns the Unix sockets that the upstream servers listen on.
    pub(in crate::serve) fn sockets(&self) -> impl Iterator<Item = &Path> {
        self.targets().filter_map(Target::socket)
    }

    /// Whether names of upstream servers have to be looked up.
    pub(in crate::serve) fn has_names(&self) -> bool {
        self.targets().any(Target::is_named)
    }

    /// Returns the directory of temporary files for content; `None` if there are none.
    pub(in crate::serve) fn spool(&self) -> Option<PathBuf> {
        self.content.spool().filter(|_| self.forwards())
    }

    /// Returns the names of index files that are scripts; `programs` are the patterns of others.
    pub(in crate::serve) fn script_indexes(&self, programs: &[String]) -> Vec<String> {
        let patterns = self.fastcgi.iter().map(|route| &route.path);
        let endings = patterns
            .chain(programs)
            .filter_map(|it| it.strip_prefix('*'));
        endings.map(|ending| format!("index{ending}")).collect()
    }

    /// Lets the servers of `*.EXT` run the scripts of the directory, and `cgi` the programs of
    /// `patterns`.
    pub(in crate::serve) fn run_scripts(
        &self,
        mut files: Files,
        cgi: Option<&Cgi>,
        patterns: &[String],
        opened: &Opened,
    ) -> Result<Files, Failure> {
        let invalid = |flag: &str, value: &str, error: InvalidPattern| {
            Failure::new(
                format!("{flag} can't be '{}': {error}", value.escape_debug()),
                "tinyhttp serve --help says what it takes",
            )
        };
        for path in &self.no_scripts {
            files = files
                .without_scripts(path)
                .map_err(|error| invalid("--no-scripts", path, error))?;
        }
        for (protocol, flag, route) in self.routes().filter(|(.., route)| route.is_for_scripts()) {
            let upstream = self.upstream(protocol, route, opened).build();
            files = files
                .script(&route.path, upstream)
                .map_err(|error| invalid(flag, &route.path, error))?;
        }
        for (pattern, cgi) in patterns.iter().zip(cgi.into_iter().cycle()) {
            let cgi = cgi.clone().send_files(opened.sent.iter().cloned());
            files = files
                .script(pattern, cgi)
                .map_err(|error| invalid("--cgi", pattern, error))?;
        }
        Ok(files)
    }

    /// The upstream of a route.
    fn upstream(&self, protocol: Protocol, route: &Route, opened: &Opened) -> UpstreamBuilder {
        let time = Duration::from_secs(u64::from(self.proxy_timeout));
        let mut upstream = Upstream::builder(route.targets.clone())
            .timeout(time)
            .trust_proxies(self.trusted())
            .send_forwarded(self.proxy_forwarded)
            .send_server_timing(self.proxy_server_timing)
            .send_files(opened.sent.iter().cloned())
            .protocol(protocol);
        upstream = self.content.apply(upstream);
        upstream = self.balancing.apply(upstream, protocol == Protocol::Http);
        if !route.is_for_scripts() {
            upstream = upstream.prefix(&route.path);
        }
        upstream = match self.proxy_host.as_str() {
            "keep" => upstream,
            "upstream" => upstream.host_of_upstream(),
            name => upstream.host(name),
        };
        for (name, value) in &self.proxy_header {
            upstream = upstream.field(name, value);
        }
        opened.verification.apply(upstream)
    }

    /// Checks that each path, and each suffix of scripts, is given once. `programs` are the
    /// patterns of programs that are run.
    ///
    /// # Errors
    /// If one is given twice.
    fn check_paths(&self, programs: &[String]) -> Result<(), Failure> {
        let programs = programs.iter().map(|pattern| ("--cgi", pattern.as_str()));
        let routes = self.routes().map(|(_, flag, route)| (flag, &*route.path));
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for (flag, path) in routes.chain(programs) {
            // Suffixes are compared without case.
            let is_same = |it: &str| match path.starts_with('*') {
                true => it.eq_ignore_ascii_case(path),
                false => it == path,
            };
            if let Some((first, _)) = seen.iter().find(|(_, it)| is_same(it)) {
                let (message, hint) = match (*first == flag, flag) {
                    (true, "--cgi") => {
                        (format!("--cgi names {path} twice"), "leave one of them out")
                    }
                    (true, _) => (
                        format!("{flag} names the path {path} twice"),
                        "give all servers of a path at once, separated by commas",
                    ),
                    (false, _) => (
                        format!("both {first} and {flag} name the path {path}"),
                        "leave one of the two out",
                    ),
                };
                return Err(Failure::new(message, hint));
            }
            seen.push((flag, path));
        }
        Ok(())
    }

    /// Checks the paths, reads what upstream servers are verified with, and opens the directories
    /// of files that they may name, before the sandbox hides both. `programs` are the patterns of
    /// programs that are run.
    ///
    /// # Errors
    /// If a path is given twice, a file or directory can't be read, or a flag has no use.
    pub(in crate::serve) fn open(&self, programs: &[String]) -> Result<Opened, Failure> {
        self.check_paths(programs)?;
        Ok(Opened {
            verification: self.tls.read(self.targets().any(Target::is_secured))?,
            sent: self.content.open()?,
        })
    }

    /// Returns the directories of files that upstream servers may name.
    pub(in crate::serve) fn named_directories(&self) -> impl Iterator<Item = &Path> {
        self.content.named_directories()
    }

    /// Wraps the handler of the files in one that forwards requests, if there are any to forward.
    pub(in crate::serve) fn wrap(
        &self,
        files: Box<dyn Handler>,
        opened: &Opened,
    ) -> Box<dyn Handler> {
        if !self.forwards() {
            return files;
        }
        let mut gateways = Gateways::new(files);
        for (protocol, _, route) in self.routes() {
            if !route.is_for_scripts() {
                gateways = gateways.with(self.upstream(protocol, route, opened).build());
            }
        }
        Box::new(gateways)
    }
}

/// Parses what Host may say.
fn host(text: &str) -> Result<String, &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err("expected keep, upstream, or a host name"),
    }
}

/// Parses a field that is added to requests.
fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("expected 'NAME: VALUE', as in 'X-Key: 1'")?;
    let name: HeaderName = name.parse().map_err(|_| "the name is no field name")?;
    let is_framing = tinyhttp_server::message::hop_by_hop::is_hop_by_hop(&name)
        || ["content-length", "host", "expect"].contains(&name.as_str());
    if is_framing {
        return Err(format!("the server writes {name} itself"));
    }
    let value =
        HeaderValue::from_str(value.trim()).map_err(|_| "the value can't stand in a field")?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_fields() {
        assert!(host("example.org:8080").is_ok() && host("a b").is_err() && host("").is_err());
        let (name, value) = field("X-Key: a b ").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("x-key", &b"a b"[..]));
        for wrong in [
            "x",
            "a b: c",
            "x: a\nb",
            "Connection: close",
            "Host: h",
            "content-length: 1",
        ] {
            assert!(field(wrong).is_err(), "{wrong}");
        }
    }
}
