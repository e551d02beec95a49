//! A running `tinyhttp serve`: its banner, its log, and what /proc says about it.

use crate::program::{Running, lines, tinyhttp};
use crate::{LONG, Raw, send_signal, status_bytes, wait_until};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

/// A running `tinyhttp serve` on a port of its own.
pub struct Serve {
    child: Running,
    address: SocketAddr,
    scheme: &'static str,
    stderr: mpsc::Receiver<String>,
    pub banner: Vec<String>,
}

impl Serve {
    /// Serves a folder with these flags beside `-p 0`.
    pub fn start<F: AsRef<OsStr>>(folder: &Path, flags: impl IntoIterator<Item = F>) -> Self {
        let mut command = tinyhttp();
        command
            .arg("serve")
            .arg(folder)
            .args(["-p", "0"])
            .args(flags);
        Serve::spawn(command)
    }

    /// Runs a command that prints the banner, and waits until it has.
    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        Serve::spawn_with_stdin(command)
    }

    /// As [`Serve::spawn`], with whatever stdin the command has.
    pub fn spawn_with_stdin(mut command: Command) -> Self {
        // The tests give the server all kinds of names; those about names say so themselves.
        const NAMES: &str = "TINYHTTP_NO_HOST_CHECK";
        if command.get_envs().all(|(name, _)| name != NAMES) {
            command.env(NAMES, "1");
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Running(command.spawn().unwrap());
        let banner = lines(child.0.stdout.take().unwrap());
        let stderr = lines(child.0.stderr.take().unwrap());
        let mut seen = Vec::new();
        loop {
            let line = banner.recv_timeout(LONG).unwrap_or_else(|_| {
                let _ = child.0.kill();
                panic!(
                    "no banner: {seen:?} {:?}",
                    stderr.iter().collect::<Vec<_>>()
                )
            });
            seen.push(line);
            if seen.last().unwrap().contains("Ctrl-C") {
                break;
            }
        }
        let scheme = match seen.iter().any(|line| line.trim().starts_with("https://")) {
            true => "https://",
            false => "http://",
        };
        let url = seen
            .iter()
            .find_map(|line| line.trim().strip_prefix(scheme));
        // On Unix sockets alone it has no URL.
        let address = url.map_or(SocketAddr::from(([0; 4], 0)), |url| {
            url.split('/').next().unwrap().parse().unwrap()
        });
        Serve {
            child,
            address,
            scheme,
            stderr,
            banner: seen,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.scheme, self.address)
    }

    /// The next line on stderr.
    pub fn stderr_line(&self) -> String {
        self.stderr.recv_timeout(LONG).expect("a line on stderr")
    }

    /// The next line on stderr; `None` when there will be no more.
    ///
    /// # Panics
    /// If neither comes in time.
    pub fn next_stderr_line(&self) -> Option<String> {
        match self.stderr.recv_timeout(LONG) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("neither a line on stderr nor its end"),
        }
    }

    /// The next line on stderr, if it has come.
    pub fn try_stderr_line(&self) -> Option<String> {
        self.stderr.try_recv().ok()
    }

    pub fn connect(&self) -> Raw {
        Raw::connect(self.address)
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        send_signal(self.pid(), name);
    }

    /// Whether it has not ended.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.0.try_wait(), Ok(None))
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.pid());
        std::fs::read_dir(folder).unwrap().count()
    }

    /// How many threads it has.
    pub fn threads(&self) -> usize {
        let folder = format!("/proc/{}/task", self.pid());
        std::fs::read_dir(folder).unwrap().count()
    }

    /// Its resident memory, in bytes.
    pub fn memory(&self) -> usize {
        status_bytes(self.pid(), "VmRSS")
    }

    /// Waits for something that /proc tells and that no event announces.
    ///
    /// # Panics
    /// If it doesn't come in time.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        wait_until(what, || is_so(self));
    }

    /// Waits for the program to end by itself: its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        // Its end is seen as the end of its stderr, whose lines are read to get there.
        while self.stderr.recv_timeout(LONG).is_ok() {}
        self.child.0.wait().unwrap().code()
    }
}
