//! Where the examples are, and how they are started and ended.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use support::{LONG, Raw, lines, root};

/// An example's program. `cargo test --workspace` has built them all; tests of one package have
/// not.
fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let program = support::program();
    let profile = program.parent().unwrap();
    let path = profile.join("examples").join(name);
    if !path.exists() {
        BUILT.get_or_init(|| {
            eprintln!("the examples are not built: building them");
            let mut build = Command::new(env!("CARGO"));
            build
                .args(["build", "--workspace", "--examples", "--locked"])
                .arg("--target-dir")
                .arg(profile.parent().unwrap())
                .current_dir(root());
            if profile.ends_with("release") {
                build.arg("--release");
            }
            assert!(
                build.status().unwrap().success(),
                "the examples don't build"
            );
        });
    }
    assert!(path.exists(), "there is no example {name}");
    path
}

/// What a program that ends by itself has said.
pub(crate) struct Said {
    pub(crate) ok: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs an example to its end.
pub(crate) fn run<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) -> Said {
    let mut command = Command::new(example(name));
    let output = command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Said {
        ok: output.status.success(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// An example that serves until it is dropped.
pub(crate) struct Running {
    child: Child,
    stdout: mpsc::Receiver<String>,
    stderr: mpsc::Receiver<String>,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts it, and reads from its first line where it listens.
    pub(crate) fn start<A: AsRef<OsStr>>(
        name: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut child = Command::new(example(name))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        let first = stdout.recv_timeout(LONG);
        let address = first.as_deref().ok().and_then(|line| {
            let place = line.strip_prefix("Listening at ")?.split(';').next()?;
            let place = place.strip_prefix("http://").unwrap_or(place);
            place.trim_end_matches('/').parse().ok()
        });
        let Some(address) = address else {
            let _ = child.kill();
            panic!(
                "{name} began with {first:?} {:?}",
                stderr.iter().collect::<Vec<_>>()
            );
        };
        Running {
            child,
            stdout,
            stderr,
            address,
        }
    }

    /// Host and port, as most of the clients take them.
    pub(crate) fn place(&self) -> [String; 2] {
        [
            self.address.ip().to_string(),
            self.address.port().to_string(),
        ]
    }

    pub(crate) fn line(&self) -> String {
        self.stdout.recv_timeout(LONG).expect("a line on stdout")
    }

    pub(crate) fn stderr_line(&self) -> String {
        self.stderr.recv_timeout(LONG).expect("a line on stderr")
    }

    pub(crate) fn connect(&self) -> Raw {
        Raw::connect(self.address)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port without a listener, which had one a moment ago.
pub(crate) fn deserted_port() -> String {
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    socket.local_addr().unwrap().port().to_string()
}
