//! The flags about access: passwords, host names, other sites' scripts, and fields of every
//! response.

use std::path::{Path, PathBuf};

/// The flags of the middleware.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessArgs {
    /// Require a password, and admit the user NAME; HASH is bcrypt or SHA-crypt (htpasswd -nB
    /// NAME); repeatable
    ///
    /// A plain password is not accepted here, because every user of this machine can read command
    /// lines. --auth-file and the environment variable TINYHTTP_AUTH accept one.
    #[arg(long, value_name = "NAME:HASH")]
    pub(in crate::serve) auth: Vec<String>,

    /// Require a password, and admit the users in FILE, one NAME:HASH or NAME:PASSWORD per line;
    /// SIGHUP reads FILE again
    ///
    /// If FILE can't be read at SIGHUP, the users stay as they are, and the log says why. The
    /// sandbox permits reading this file only: with --replaceable its directory, for tools that
    /// write a new file and rename it.
    #[arg(long, value_name = "FILE", env = "TINYHTTP_AUTH_FILE")]
    auth_file: Option<PathBuf>,

    /// Text that browsers show when they ask for a password
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "tinyhttp",
        env = "TINYHTTP_REALM"
    )]
    pub(in crate::serve) realm: String,

    /// Host name that requests may use, besides localhost, IP addresses, this machine's names and
    /// those of its certificates; repeatable
    ///
    /// *.example.org permits all names below example.org. Requests for other names are answered
    /// with 421, because a page on another site can make its own name resolve to this server (DNS
    /// rebinding). Behind a proxy that passes the Host field on, give the public name. A server
    /// that listens on Unix sockets only checks names if this flag is given.
    #[arg(
        long,
        value_name = "NAME",
        env = "TINYHTTP_HOST_CHECK",
        value_delimiter = ','
    )]
    pub(in crate::serve) host_check: Vec<String>,

    /// Accept requests for every host name
    #[arg(long, env = "TINYHTTP_NO_HOST_CHECK", conflicts_with = "host_check")]
    pub(in crate::serve) no_host_check: bool,

    /// Let scripts of the site ORIGIN read the responses, or scripts of every site without ORIGIN;
    /// repeatable
    #[arg(long, value_name = "ORIGIN", num_args = 0..=1, default_missing_value = "*", env = "TINYHTTP_CORS")]
    pub(in crate::serve) cors: Vec<String>,

    /// Field to add to every response; repeatable
    #[arg(long, value_name = "'NAME: VALUE'", env = "TINYHTTP_HEADER")]
    pub(in crate::serve) header: Vec<String>,

    /// Redirect a path: /old=/new, or /old/*=/new/* for all paths below it; repeatable
    #[arg(long, value_name = "FROM=TO", env = "TINYHTTP_REDIRECT")]
    pub(in crate::serve) redirect: Vec<String>,
}

impl AccessArgs {
    /// Returns the path of the file of users, if there is one.
    pub(in crate::serve) fn auth_file(&self) -> Option<&Path> {
        self.auth_file.as_deref()
    }

    /// Warns about a directory behind --host-check, which was probably meant to be served.
    pub(in crate::serve) fn warn_of_directories(&self) {
        for name in &self.host_check {
            if Path::new(name).is_dir() {
                log::warn!(
                    "--host-check takes '{name}' for a name, and there is a directory of that name; \
                     to serve it: tinyhttp serve {name} --host-check NAME"
                );
            }
        }
    }
}
