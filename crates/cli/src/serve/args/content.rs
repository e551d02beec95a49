//! The flags about the content of forwarded requests, and of their responses.

use crate::failure::Failure;
use std::path::{Path, PathBuf};
use tinyhttp_server::files::Options;
use tinyhttp_server::gateway::{Buffering, SentFiles, UpstreamBuilder};

/// The flags about the content of forwarded requests, and of their responses.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct ContentArgs {
    /// Receive the content of a request whole before an upstream server gets the request, so that
    /// slow clients keep no server busy
    ///
    /// Up to 64 KiB of each request stay in memory. Longer content goes to a temporary file without
    /// a name, in a directory of the server's user below TMPDIR, or /tmp if that is not set. The
    /// upstream server gets the length of the content in any case, and an idempotent request is
    /// sent again whatever its length.
    #[arg(long, env = "TINYHTTP_PROXY_BUFFER_REQUESTS")]
    proxy_buffer_requests: bool,

    /// Longest content, in MiB, that --proxy-buffer-requests receives; longer content is refused
    /// with 413
    #[arg(
        long,
        value_name = "MIB",
        default_value_t = 1024,
        env = "TINYHTTP_PROXY_MAX_CONTENT",
        requires = "proxy_buffer_requests",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    proxy_max_content: u32,

    /// Send a file of the directory DIR in the place of an upstream server's response that names
    /// it; repeatable
    ///
    /// The server, or a program of --cgi, names the file in X-Accel-Redirect by a URL path, or in
    /// X-Sendfile by its path in the file system. PATH is the URL path that stands for DIR, / if it
    /// is left out: with /protected=/var/app, both X-Accel-Redirect: /protected/a.pdf and
    /// X-Sendfile: /var/app/a.pdf send /var/app/a.pdf. Clients themselves can't request the files.
    /// DIR may lie in the served directory if its name begins with a dot. The fields of the
    /// response stay, such as Content-Type, Content-Disposition, Cache-Control and Set-Cookie.
    /// Without this flag, servers can name no files.
    #[arg(long, value_name = "[PATH=]DIR", env = "TINYHTTP_PROXY_SEND_FILES", value_parser = named)]
    proxy_send_files: Vec<NamedDirectory>,
}

/// A directory whose files upstream servers may name, and the URL path that stands for it.
#[derive(Debug, Clone)]
struct NamedDirectory {
    path: String,
    directory: PathBuf,
}

impl ContentArgs {
    /// The directory of temporary files; `None` if none are written.
    pub(in crate::serve) fn spool(&self) -> Option<PathBuf> {
        self.proxy_buffer_requests.then(temporary_files)
    }

    /// The directories of files that upstream servers may name.
    pub(in crate::serve) fn named_directories(&self) -> impl Iterator<Item = &Path> {
        self.proxy_send_files.iter().map(|it| &*it.directory)
    }

    /// Opens these directories, before the sandbox is entered.
    ///
    /// # Errors
    /// If one can't be opened.
    pub(super) fn open(&self) -> Result<Vec<SentFiles>, Failure> {
        let open = |it: &NamedDirectory| {
            // No memory of its own: what is sent comes from the files.
            let options = Options::new()
                .listing(false)
                .archives(false)
                .sidecars(false);
            let options = options.compress(false).cache_size(0).index([""; 0]);
            let files = options.open(&it.directory).map_err(|error| {
                Failure::new(
                    format!("--proxy-send-files: {error}"),
                    "name a directory that exists and that you may read",
                )
            })?;
            let files = SentFiles::new(files).prefix(&it.path);
            let names = [
                std::path::absolute(&it.directory),
                it.directory.canonicalize(),
            ];
            let names = names.into_iter().flatten();
            Ok(names.fold(files, SentFiles::directory))
        };
        self.proxy_send_files.iter().map(open).collect()
    }

    /// Sets what the flags say.
    pub(super) fn apply(&self, upstream: UpstreamBuilder) -> UpstreamBuilder {
        let Some(directory) = self.spool() else {
            return upstream;
        };
        upstream.buffer_requests(Buffering {
            limit: u64::from(self.proxy_max_content) * 1024 * 1024,
            directory,
            ..Buffering::default()
        })
    }
}

/// A directory of this user's own: the sandbox permits writing there and nowhere else.
pub(super) fn temporary_files() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("tinyhttp-{user}"))
}

/// Parses a URL path in its normal form.
pub(super) fn url_path(path: &str) -> Result<String, String> {
    let is_normal = tinyhttp_server::message::Path::normalize(path)
        .is_ok_and(|normal| normal.as_bytes() == path.as_bytes());
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains(['?', '#']);
    match is_normal && is_plain {
        true => Ok(path.to_owned()),
        false => Err("PATH is a URL path such as /api, without encoded characters".to_owned()),
    }
}

/// Parses `PATH=DIR` or `DIR`.
fn named(text: &str) -> Result<NamedDirectory, String> {
    let (path, directory) = text.split_once('=').unwrap_or(("/", text));
    if directory.is_empty() {
        return Err("expected DIR or PATH=DIR, as in /protected=/var/app".to_owned());
    }
    Ok(NamedDirectory {
        path: url_path(path)?,
        directory: directory.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_their_paths() {
        let parsed = |text| named(text).map(|it| (it.path, it.directory));
        let pair = |path: &str, directory: &str| Ok((path.to_owned(), directory.into()));
        assert_eq!(parsed("/var/app"), pair("/", "/var/app"));
        assert_eq!(
            parsed("/protected=/var/app"),
            pair("/protected", "/var/app")
        );
        assert_eq!(parsed("/=a=b"), pair("/", "a=b"));
        for wrong in [
            "",
            "/protected=",
            "protected=/a",
            "/a%20b=/a",
            "/../a=/a",
            "/a?b=/a",
        ] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
