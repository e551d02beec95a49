//! Receiving the content of requests before a server or a program gets them.

use std::path::PathBuf;

/// How the content of requests is received before a server is chosen or a program started for them.
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
