//! The flags about who may ask for what, and what every response says: handlers around the site.

use super::listen::Bind;
use super::{Args, names};
use crate::failure::Failure;
use http::HeaderValue;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tinyhttp_server::AnyHandler;
use tinyhttp_server::middleware::{
    Auth, Cors, Fields, HostCheck, InvalidUser, Redirects, Users, UsersHandle,
};

/// Who may ask for what, and what every response says.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Who may see it, and how")]
pub(crate) struct Guards {
    /// A user, with a hash of the password (bcrypt or SHA-crypt: htpasswd -nB NAME); may be repeated
    ///
    /// A plain password on a command line could be read by everyone on this machine; the environment variable TINYHTTP_AUTH
    /// and --auth-file take one.
    #[arg(long, value_name = "NAME:HASH")]
    auth: Vec<String>,

    /// A file of users, NAME:HASH or NAME:PASSWORD a line, as htpasswd writes it; SIGHUP reads it again
    ///
    /// If it can't be read then, the old users stay, and the log says why. The sandbox admits this one file: --replaceable admits
    /// its directory, for tools that write a new file and rename it.
    #[arg(long, value_name = "FILE", env = "TINYHTTP_AUTH_FILE")]
    auth_file: Option<PathBuf>,

    /// What browsers show when they ask for a password
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "tinyhttp",
        env = "TINYHTTP_REALM"
    )]
    realm: String,

    /// A name that this server goes by, besides localhost, addresses and this machine's names; *.example.org stands for all
    /// names below example.org
    ///
    /// Requests for other names get 421: a page elsewhere could make its own name lead here (DNS rebinding). Behind a proxy that
    /// passes the Host field on, name the public host. Servers on Unix sockets alone check only if a name is given.
    #[arg(
        long,
        value_name = "NAME",
        env = "TINYHTTP_HOST_CHECK",
        value_delimiter = ','
    )]
    host_check: Vec<String>,

    /// Serve requests for any name
    #[arg(long, env = "TINYHTTP_NO_HOST_CHECK", conflicts_with = "host_check")]
    no_host_check: bool,

    /// Let scripts of this site read the responses, or of every site if none is named; may be repeated
    #[arg(long, value_name = "ORIGIN", num_args = 0..=1, default_missing_value = "*", env = "TINYHTTP_CORS")]
    cors: Vec<String>,

    /// A field for every response; may be repeated
    #[arg(long, value_name = "'NAME: VALUE'", env = "TINYHTTP_HEADER")]
    header: Vec<String>,

    /// Send a path elsewhere: /old=/new, /old/*=/new/*; may be repeated
    #[arg(long, value_name = "FROM=TO", env = "TINYHTTP_REDIRECT")]
    redirect: Vec<String>,
}

impl Args {
    /// Puts what the flags ask for around the site. On the outside is what comes first.
    pub(crate) fn guard(
        &self,
        site: AnyHandler,
        users: Users,
        addresses: &[SocketAddr],
    ) -> Result<(AnyHandler, Option<UsersHandle>), Failure> {
        let guards = &self.guards;
        let mut handle = None;
        let mut site = site;
        if !guards.redirect.is_empty() {
            let mut redirects = Redirects::new(site);
            for rule in &guards.redirect {
                let (from, to) = rule.split_once('=').unwrap_or((rule, ""));
                redirects = redirects
                    .with(from, to)
                    .map_err(|error| wrong("--redirect", rule, &error))?;
            }
            site = AnyHandler::new(redirects);
        }
        if !users.is_empty() {
            let auth = Auth::new(site, users, &guards.realm);
            handle = Some(auth.users());
            site = AnyHandler::new(auth);
        }
        if !guards.cors.is_empty() {
            let cors = Cors::new(site, &guards.cors);
            site = AnyHandler::new(cors.map_err(|error| guards.no_origin(&error))?);
        }
        if !guards.header.is_empty() {
            let mut fields = Fields::new(site);
            for line in &guards.header {
                fields = fields
                    .with(line)
                    .map_err(|error| wrong("--header", line, &error))?;
            }
            site = AnyHandler::new(fields);
        }
        // Browsers don't connect to Unix sockets, and a proxy that does knows its names.
        let is_checked = !addresses.is_empty() || !guards.host_check.is_empty();
        if is_checked && !guards.no_host_check {
            let mut names = names::of_this_machine();
            names.extend(self.bind.iter().filter_map(Bind::name));
            // Only a client on the local network, which a loopback server has none of, resolves these (RFC 6762 §3).
            if addresses.iter().any(|address| !address.ip().is_loopback()) {
                names.push("*.local".to_owned());
            }
            names.extend_from_slice(&guards.host_check);
            site = AnyHandler::new(HostCheck::new(site, &names));
        }
        Ok((site, handle))
    }
}

impl Guards {
    /// Why the values of --cors are wrong. A directory behind it was probably meant to be served.
    fn no_origin(&self, error: &dyn std::error::Error) -> Failure {
        match self.cors.iter().find(|value| Path::new(value).is_dir()) {
            Some(folder) => Failure::new(
                format!(
                    "--cors took the directory '{}' for an origin",
                    folder.escape_debug()
                ),
                format!("to serve it to the scripts of all sites: tinyhttp serve {folder} --cors"),
            ),
            None => wrong("--cors", &self.cors.join(", "), error),
        }
    }

    /// Warns about a directory behind --host-check, which was probably meant to be served.
    pub(crate) fn warn_of_directories(&self) {
        for name in &self.host_check {
            if Path::new(name).is_dir() {
                log::warn!(
                    "--host-check takes '{name}' for a name, and there is a directory of that name; \
                     to serve it: tinyhttp serve {name} --host-check NAME"
                );
            }
        }
    }

    /// The file of users, if there is one.
    pub(crate) fn auth_file(&self) -> Option<&Path> {
        self.auth_file.as_deref()
    }

    /// The users as they are now, read from inside the sandbox.
    pub(crate) fn users_again(&self) -> Result<Users, Failure> {
        if let Some(path) = &self.auth_file
            // A pipe has been read to its end, and could block.
            && path.metadata().is_ok_and(|found| !found.is_file())
        {
            return Err(Failure::new(
                format!("{} is no regular file", path.display()),
                "restart the server to read it",
            ));
        }
        self.users()
    }

    /// What browsers are told about pages of other sites that embed files of this one: as long as only this machine can
    /// connect, the files are for nobody else's pages, unless --cors shares them.
    pub(crate) fn resource_policy(&self, addresses: &[SocketAddr]) -> Option<HeaderValue> {
        let only_here =
            !addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback());
        (only_here && self.cors.is_empty()).then(|| HeaderValue::from_static("same-site"))
    }

    /// The users, read before the process shuts itself in.
    pub(crate) fn users(&self) -> Result<Users, Failure> {
        let mut users = Users::new();
        for line in &self.auth {
            // Without the line: it may hold a password.
            users = users
                .hashed(line)
                .map_err(|error| unfit("--auth", &error))?;
        }
        if let Some(line) = std::env::var_os("TINYHTTP_AUTH") {
            users = users
                .plain(line.as_bytes())
                .map_err(|error| unfit("TINYHTTP_AUTH", &error))?;
        }
        if let Some(path) = &self.auth_file {
            let content = std::fs::read(path).map_err(|error| {
                let what = format!("can't read the users in {}: {error}", path.display());
                let hint = match error.kind() {
                    io::ErrorKind::PermissionDenied => {
                        "this user must be able to read it; a file that was put in its place while the server \
                         runs is only readable with --replaceable or --no-sandbox"
                    }
                    _ => "--auth-file takes a file that htpasswd writes",
                };
                Failure::new(what, hint)
            })?;
            users = users
                .file(&content)
                .map_err(|error| unfit(&path.display().to_string(), &error))?;
            if users.is_empty() {
                let what = format!("there is no user in {}", path.display());
                return Err(Failure::new(
                    what,
                    "a line for each, NAME:HASH, as htpasswd writes it",
                ));
            }
        }
        Ok(users)
    }
}

fn wrong(flag: &str, value: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(
        format!("{flag} can't be '{}': {error}", value.escape_debug()),
        "tinyhttp serve --help says what it takes",
    )
}

fn unfit(what: &str, error: &InvalidUser) -> Failure {
    Failure::new(
        format!("{what} has a user that can't be: {error}"),
        "htpasswd -nB NAME makes a line that can",
    )
}
