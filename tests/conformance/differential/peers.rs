//! The servers that are asked: tinyhttp, and those of nginx, lighttpd and h2o that are installed.
//! Each has the same folder.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;
use support::{Folder, LONG, Serve, root, wait_until};

/// Where a server listens. The peers can't say which port they were given, so they get a socket in
/// the file system.
pub(crate) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A connection to either.
pub(crate) trait Stream: Read + Write {
    fn set_read_timeout(&self, timeout: Duration);
    fn end(&self);
}

impl Stream for TcpStream {
    fn set_read_timeout(&self, timeout: Duration) {
        TcpStream::set_read_timeout(self, Some(timeout)).unwrap();
    }

    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Stream for UnixStream {
    fn set_read_timeout(&self, timeout: Duration) {
        UnixStream::set_read_timeout(self, Some(timeout)).unwrap();
    }

    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// A server that is asked.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    place: Place,
    /// Asked for seldom, so that a server can be shared by threads.
    running: Mutex<Running>,
}

/// Ends with its server.
enum Running {
    Ours(Serve),
    Theirs(Child),
}

impl Server {
    /// tinyhttp and the peers that are installed, all serving the folder's `www`.
    pub(crate) fn all(folder: &Folder) -> Vec<Server> {
        let ours = Serve::start(&folder.path().join("www"), [""; 0]);
        let ours = Server {
            name: "tinyhttp",
            place: Place::Tcp(ours.address()),
            running: Mutex::new(Running::Ours(ours)),
        };
        let peers: [(&str, &[&str]); 3] = [
            ("nginx", &["-c", "@CONF@", "-e", "stderr"]),
            ("lighttpd", &["-D", "-f", "@CONF@"]),
            ("h2o", &["-c", "@CONF@"]),
        ];
        let peers = peers.iter().filter_map(|(name, arguments)| {
            let server = Server::start(name, arguments, folder);
            if server.is_none() {
                eprintln!("skipped: {name} is not installed");
            }
            server
        });
        std::iter::once(ours).chain(peers).collect()
    }

    fn start(name: &'static str, arguments: &[&str], folder: &Folder) -> Option<Server> {
        let template = root().join(format!("tests/conformance/differential/{name}.conf"));
        let template = std::fs::read_to_string(template).unwrap();
        // h2o insists on a user if it is started as root, and must not be given one otherwise.
        let is_root = rustix::process::geteuid().is_root();
        let configuration = template
            .replace("@DIR@", &folder.join(""))
            .replace("@ROOT@", if is_root { "" } else { "# " });
        folder.write(format!("{name}.conf"), configuration);
        // Debian keeps them where only root looks.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
        let configuration = folder.join(&format!("{name}.conf"));
        let child = Command::new(name)
            .env("PATH", path)
            .args(
                arguments
                    .iter()
                    .map(|argument| argument.replace("@CONF@", &configuration)),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let server = Server {
            name,
            place: Place::Unix(folder.path().join(format!("{name}.socket"))),
            running: Mutex::new(Running::Theirs(child)),
        };
        let what = format_args!("{name}, listening");
        wait_until(what, || server.connect().is_ok());
        Some(server)
    }

    pub(crate) fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        Ok(match &self.place {
            Place::Tcp(address) => Box::new(TcpStream::connect_timeout(address, LONG)?),
            Place::Unix(path) => Box::new(UnixStream::connect(path)?),
        })
    }

    /// Whether it is the one under test.
    pub(crate) fn is_ours(&self) -> bool {
        self.name == "tinyhttp"
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_alive(&self) -> bool {
        match &mut *self.running.lock().unwrap() {
            Running::Ours(serve) => serve.is_alive(),
            Running::Theirs(child) => matches!(child.try_wait(), Ok(None)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Running::Theirs(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
