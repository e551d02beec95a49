//! The flags about the content of forwarded requests.

use std::path::PathBuf;
use tinyhttp_server::gateway::{Buffering, UpstreamBuilder};

/// The flags about the content of forwarded requests.
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
}

impl ContentArgs {
    /// The directory of temporary files; `None` if none are written.
    pub(in crate::serve) fn spool(&self) -> Option<PathBuf> {
        self.proxy_buffer_requests.then(directory)
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
fn directory() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("tinyhttp-{user}"))
}
