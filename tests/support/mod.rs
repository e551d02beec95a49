//! What the tests share: a server that is ended when it is dropped, folders, curl, and raw connections.
//!
//! Every wait has an end, and nothing is waited for by sleeping.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, missing_docs)]

pub mod must;
pub mod strict;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longer than anything here takes; a test that comes here has failed.
pub const LONG: Duration = Duration::from_secs(30);

/// The program under test.
pub fn tinyhttp() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tinyhttp"));
    command.env_remove("PORT");
    // Whoever runs the tests may have set these.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TINYHTTP_") {
            command.env_remove(name);
        }
    }
    command
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// A folder that is removed when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("tinyhttp-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// Writes a file, and the folders above it.
    pub fn with(self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Self {
        self.write(name, content);
        self
    }

    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A name in it as an argument.
    pub fn join(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }

    /// The names of what is in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running `tinyhttp serve` on a port of its own.
pub struct Serve {
    child: Running,
    address: SocketAddr,
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
        let url = seen
            .iter()
            .find_map(|line| line.trim().strip_prefix("http://"));
        // On Unix sockets alone it has no URL.
        let address = url.map_or(SocketAddr::from(([0; 4], 0)), |url| {
            url.split('/').next().unwrap().parse().unwrap()
        });
        Serve {
            child,
            address,
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
        format!("http://{}{path}", self.address)
    }

    /// The next line on stderr.
    pub fn stderr_line(&self) -> String {
        self.stderr.recv_timeout(LONG).expect("a line on stderr")
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
        let status = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
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
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
        kilobytes.parse::<usize>().unwrap() * 1024
    }

    /// Waits for something that /proc tells and that no event announces.
    ///
    /// # Panics
    /// If it doesn't come in time.
    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + LONG;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "in vain: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the program to end by itself: its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        // Its end is seen as the end of its stderr, whose lines are read to get there.
        while self.stderr.recv_timeout(LONG).is_ok() {}
        self.child.0.wait().unwrap().code()
    }
}

/// A process that doesn't outlive the test, however that ends.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lines as they come, read by a thread, so that a wait for one can end.
pub fn lines(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (give, take) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if give.send(line).is_err() {
                break;
            }
        }
    });
    take
}

/// Runs curl, quietly, with a bound on its time.
pub fn curl<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    Command::new("curl")
        .args(["-sS", "--noproxy", "*", "--max-time", "30"])
        .args(arguments)
        .output()
        .expect("curl is installed; `make test` sees to it")
}

/// What curl printed.
pub fn curl_text<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    let output = curl(arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The status code that curl got.
pub fn curl_status<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> u16 {
    let output = curl(
        ["-o", "/dev/null", "-w", "%{http_code}"]
            .iter()
            .map(|argument| OsStr::new(argument).to_owned())
            .chain(
                arguments
                    .into_iter()
                    .map(|argument| argument.as_ref().to_owned()),
            ),
    );
    String::from_utf8_lossy(&output.stdout).parse().unwrap()
}

/// A connection for bytes of one's own choice.
pub struct Raw {
    stream: BufReader<TcpStream>,
}

/// A response as it came, with the content that its own fields announce.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub content: Vec<u8>,
}

impl Answer {
    /// The value of a field, whose name is given in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (other, value) = line.split_once(':')?;
            other.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

impl Raw {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, LONG).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        stream.set_nodelay(true).unwrap();
        Raw {
            stream: BufReader::new(stream),
        }
    }

    pub fn stream(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        // A server that has refused what came before may have closed already.
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
        self
    }

    /// Sends a GET for a path.
    pub fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        self.answer()
    }

    pub fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    /// Reads one response to a request with that method.
    pub fn answer_to(&mut self, method: &str) -> Answer {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            let length = self.stream.read_line(&mut line).unwrap();
            assert!(length > 0, "the connection ended inside a head: {head:?}");
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            content: Vec::new(),
        };
        if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            return answer;
        }
        let mut content = Vec::new();
        if let Some(length) = answer.field("content-length") {
            content.resize(length.parse().unwrap(), 0);
            self.stream.read_exact(&mut content).unwrap();
        } else if answer.field("transfer-encoding").is_some() {
            loop {
                let mut size = String::new();
                self.stream.read_line(&mut size).unwrap();
                let size = usize::from_str_radix(size.trim(), 16).unwrap();
                let mut chunk = vec![0; size + 2];
                self.stream.read_exact(&mut chunk).unwrap();
                if size == 0 {
                    break;
                }
                content.extend_from_slice(&chunk[..size]);
            }
        } else {
            self.stream.read_to_end(&mut content).unwrap();
        }
        answer.content = content;
        answer
    }

    /// Reads one response to a request with that method, unless the connection ends before.
    pub fn next_answer(&mut self, method: &str) -> Option<Answer> {
        loop {
            return match self.stream.fill_buf() {
                Ok([_, ..]) => Some(self.answer_to(method)),
                Ok([]) => None,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
                Err(error) => panic!("{error}"),
            };
        }
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset ends it, too.
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }

    /// Whether the server has ended the connection; waits for that.
    pub fn is_ended(&mut self) -> bool {
        self.rest().is_empty()
    }
}
