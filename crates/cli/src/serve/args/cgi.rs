//! The flags about programs that are run for requests.

use super::content::temporary_files;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use tinyhttp_server::gateway::{Buffering, CgiOptions};
use tinyhttp_server::script::Pattern;

/// The flags about programs.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "CGI")]
pub(crate) struct CgiArgs {
    /// Run the executable files below the path PATH of DIR, or with a suffix such as '*.cgi', one
    /// process for each request (RFC 3875); repeatable
    ///
    /// A program runs with the rights of the server's user and outside of its sandbox: it reads,
    /// writes and connects to whatever that user may. The server itself stays in its sandbox; a
    /// process of its own, which runs such files and nothing else, does it for the server. Only
    /// files with the permission to be executed are run, found as other files of DIR are, and their
    /// content is never sent. A request gets no arguments to a program, and its fields become
    /// variables beginning with HTTP_.
    #[arg(long, value_name = "PATH|*.EXT", env = "TINYHTTP_CGI", value_delimiter = ',', value_parser = pattern)]
    cgi: Vec<String>,

    /// End a program that runs for longer than SECONDS, and answer 504 if it wrote nothing. It is
    /// started once the content of its request has come
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        env = "TINYHTTP_CGI_TIMEOUT",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    cgi_timeout: u32,

    /// Programs that run at a time; four times as many requests wait, and others get a 503
    #[arg(
        long,
        value_name = "N",
        default_value_t = 32,
        env = "TINYHTTP_CGI_PROCESSES",
        value_parser = clap::value_parser!(u32).range(1..=1024)
    )]
    cgi_processes: u32,

    /// Output that a program may write, in MiB; a longer response is cut off
    #[arg(
        long,
        value_name = "MIB",
        default_value_t = 1024,
        env = "TINYHTTP_CGI_OUTPUT",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    cgi_output: u32,

    /// Longest content of a request, in MiB; longer content is refused with 413
    ///
    /// A program is started once the content has come, so that slow clients keep no program busy.
    /// Up to 64 KiB of each request stay in memory. Longer content goes to a temporary file without
    /// a name, in a directory of the server's user below TMPDIR, or /tmp if that is not set.
    #[arg(
        long,
        value_name = "MIB",
        default_value_t = 1024,
        env = "TINYHTTP_CGI_MAX_CONTENT",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    cgi_max_content: u32,

    /// Variable of the server's environment that programs get, or NAME=VALUE; repeatable. PATH is
    /// /usr/local/bin:/usr/bin:/bin otherwise
    #[arg(long, value_name = "NAME[=VALUE]", env = "TINYHTTP_CGI_ENV", value_parser = variable)]
    cgi_env: Vec<(OsString, OsString)>,
}

impl CgiArgs {
    /// Returns the patterns of programs.
    pub(in crate::serve) fn patterns(&self) -> &[String] {
        &self.cgi
    }

    /// Returns the variables that are named for programs.
    pub(in crate::serve) fn variables(&self) -> &[(OsString, OsString)] {
        &self.cgi_env
    }

    /// The directory of temporary files; `None` if none are written.
    pub(in crate::serve) fn spool(&self) -> Option<PathBuf> {
        (!self.cgi.is_empty()).then(temporary_files)
    }

    /// Returns how content is received before programs are started.
    pub(in crate::serve) fn buffering(&self) -> Buffering {
        Buffering {
            limit: u64::from(self.cgi_max_content) * 1024 * 1024,
            directory: temporary_files(),
            ..Buffering::default()
        }
    }

    /// Sets what the flags say.
    pub(in crate::serve) fn set(&self, options: CgiOptions) -> CgiOptions {
        let patterns = self.cgi.iter();
        patterns
            .fold(options, CgiOptions::pattern)
            .time(Duration::from_secs(u64::from(self.cgi_timeout)))
            .processes(self.cgi_processes as usize)
            .output(u64::from(self.cgi_output) * 1024 * 1024)
    }

    /// Returns the arguments that make the supervisor's process set the same.
    pub(in crate::serve) fn to_arguments(&self) -> [String; 3] {
        [self.cgi_timeout, self.cgi_processes, self.cgi_output].map(|number| number.to_string())
    }
}

fn pattern(text: &str) -> Result<String, String> {
    let checked = Pattern::parse(text).map_err(|error| error.to_string());
    checked.map(|_| text.to_owned())
}

/// Parses a variable: one of this process's own, or one with a value.
fn variable(text: &str) -> Result<(OsString, OsString), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.into())),
        None => (text, std::env::var_os(text)),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_name) || name.eq_ignore_ascii_case("HTTP_PROXY") {
        return Err("expected the name of a variable, such as LANG".to_owned());
    }
    match value {
        Some(value) => Ok((name.into(), value)),
        None => Err(format!("the environment has no variable {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables() {
        let pair = |name: &str, value: &str| Ok((name.into(), value.into()));
        assert_eq!(variable("A=b=c"), pair("A", "b=c"));
        assert_eq!(variable("A="), pair("A", ""));
        assert!(variable("PATH").is_ok());
        for wrong in [
            "",
            "=",
            "a b=c",
            "HTTP_PROXY=x",
            "http_proxy=x",
            "TINYHTTP_NO_SUCH",
        ] {
            assert!(variable(wrong).is_err(), "{wrong}");
        }
        assert!(pattern("/cgi-bin").is_ok() && pattern("*.cgi").is_ok());
        assert!(pattern("/").is_err() && pattern("cgi").is_err());
    }
}
