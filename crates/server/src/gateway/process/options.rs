//! Which programs are run, and their bounds.

use crate::gateway::network::Network;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Which programs are run, and their bounds.
#[derive(Debug, Clone)]
#[must_use]
pub struct CgiOptions {
    pub(super) root: PathBuf,
    pub(super) patterns: Vec<String>,
    pub(super) follows_links_outside: bool,
    pub(super) time: Duration,
    pub(super) processes: usize,
    pub(super) output: u64,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) trusted: Vec<Network>,
}

impl CgiOptions {
    /// Programs in this directory, none so far.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        CgiOptions {
            root: root.into(),
            patterns: Vec::new(),
            follows_links_outside: false,
            time: Duration::from_secs(60),
            processes: 32,
            output: 1 << 30,
            environment: Vec::new(),
            trusted: Vec::new(),
        }
    }

    /// Adds the files that match a pattern, as in [`Files::script`](crate::Files::script).
    pub fn pattern(mut self, pattern: impl Into<String>) -> Self {
        self.patterns.push(pattern.into());
        self
    }

    /// Whether links that lead out of the directory are followed to programs. `false` by default.
    pub fn follow_links_outside(mut self, followed: bool) -> Self {
        self.follows_links_outside = followed;
        self
    }

    /// Sets how long a program may run, from when it is started with the whole content of its
    /// request; 60 s unless set. Then its process group is sent SIGTERM,
    /// and SIGKILL after two more seconds.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Sets how many programs run at a time; 32 unless set. Four times as many wait for their turn;
    /// further requests are answered with 503.
    pub fn processes(mut self, number: usize) -> Self {
        self.processes = number.max(1);
        self
    }

    /// Sets how many bytes of output a program may write; 1 GiB unless set. A longer response is
    /// cut off visibly.
    pub fn output(mut self, bytes: u64) -> Self {
        self.output = bytes;
        self
    }

    /// Passes on the X-Forwarded-* and Forwarded fields of requests that come from these networks,
    /// where other proxies are. Programs don't get those of other clients.
    pub fn trust_proxies(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.trusted = networks.into_iter().collect();
        self
    }

    /// Adds a variable to the environment of all programs. Unless PATH is added, it is
    /// `/usr/local/bin:/usr/bin:/bin`. Nothing of this process's own environment is passed on.
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }
}
