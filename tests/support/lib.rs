//! What the tests of the program share. Every wait is bounded, and no test relies on a fixed time
//! for an event.
//!
//! | module | holds |
//! |---|---|
//! | `program` | the program under test, the repository, processes that end with their test |
//! | `folder` | a folder that is removed when it is dropped |
//! | `serve` | a running `tinyhttp serve` |
//! | `wait` | waiting for what no event announces, free addresses, listeners |
//! | `system` | signals, FIFOs, and what /proc says of a process |
//! | `raw` | a connection for arbitrary bytes |
//! | `curl` | curl, quiet and bounded |
//! | `nginx` | nginx as a peer |
//! | [`faults`] | upstream servers that fail in every way |
//! | [`must`] | tables of what an RFC demands |
//! | [`strict`] | a second reader of messages, by the letter of RFC 9112 |
//! | [`browser`] | Chromium without a window |

pub mod browser;
mod curl;
pub mod faults;
mod folder;
pub mod must;
mod nginx;
mod program;
mod raw;
mod serve;
pub mod strict;
mod system;
mod wait;

pub use curl::{curl, curl_status, curl_text};
pub use folder::Folder;
pub use nginx::nginx;
pub use program::{Running, lines, program, root, tinyhttp};
pub use raw::{Answer, Raw};
pub use serve::Serve;
use std::time::Duration;
pub use system::{mkfifo, send_signal, status, status_bytes};
pub use wait::{free_address, listens, wait_until};

/// Longer than any step of a test takes; a test that waits this long has failed.
pub const LONG: Duration = Duration::from_secs(30);
