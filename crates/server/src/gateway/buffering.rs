//! Receiving the content of requests before a server gets them.

use super::upstream::UpstreamBuilder;
use std::path::PathBuf;

/// How the content of requests is received before a server is chosen for them.
///
/// ```
/// use tinyhttp_server::gateway::Buffering;
///
/// let buffering = Buffering {
///     limit: 20 << 20,
///     ..Buffering::default()
/// };
/// assert_eq!(buffering.memory, 64 * 1024);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffering {
    /// The longest content in bytes; 1 GiB unless changed. Longer content is refused with 413.
    pub limit: u64,
    /// Bytes that are kept in memory for each request; 64 KiB unless changed. Longer content goes
    /// to an unnamed temporary file.
    pub memory: u64,
    /// The directory of the temporary files, on a local file system; the system's unless changed.
    pub directory: PathBuf,
}

impl Default for Buffering {
    fn default() -> Self {
        Buffering {
            limit: 1 << 30,
            memory: 64 * 1024,
            directory: std::env::temp_dir(),
        }
    }
}

impl UpstreamBuilder {
    /// Receives the content of each request whole before it takes a connection to a server, so that
    /// a slow client keeps none of the server's processes busy.
    ///
    /// The server gets the content with its length, however the client sent it, and without trailer
    /// fields. `Expect: 100-continue` is answered here. A request with an idempotent method may be
    /// sent again whatever the length of its content. Unless this is set, content is forwarded as
    /// it comes.
    ///
    /// ```
    /// use tinyhttp_server::gateway::{Buffering, Upstream};
    ///
    /// let target = "http://127.0.0.1:9000".parse().unwrap();
    /// let application = Upstream::builder([target])
    ///     .buffer_requests(Buffering::default())
    ///     .build();
    /// # let _ = application;
    /// ```
    #[must_use]
    pub fn buffer_requests(mut self, buffering: Buffering) -> Self {
        self.options.buffering = Some(buffering);
        self
    }
}
