//! A server that follows a script, and the program run against it. Every wait is bounded.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;
use support::{LONG, tinyhttp};

/// A server whose every connection is handled by a closure. It ends with the process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// One accepted connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// Counts connections, from 0.
    pub(crate) number: usize,
    unread: Vec<u8>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Server {
    pub(crate) fn start(mut handle: impl FnMut(&mut Connection) + Send + 'static) -> Server {
        Server::accepting(move |mut connection| handle(&mut connection))
    }

    /// Handles every connection in a thread of its own.
    pub(crate) fn start_parallel(
        handle: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Server {
        let handle = Arc::new(handle);
        Server::accepting(move |mut connection| {
            let handle = handle.clone();
            thread::spawn(move || handle(&mut connection));
        })
    }

    fn accepting(mut take: impl FnMut(Connection) + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                take(Connection::new(stream.unwrap(), number, seen.clone()));
            }
        });
        Server { address, requests }
    }

    /// Gives each request the next of the answers, each on a connection of its own, which it closes
    /// then.
    pub(crate) fn answering<A: AsRef<[u8]>>(answers: impl IntoIterator<Item = A>) -> Server {
        let mut answers: Vec<Vec<u8>> = answers.into_iter().map(|a| a.as_ref().to_vec()).collect();
        answers.reverse();
        Server::start(move |connection| {
            if connection.request().is_some() {
                connection.send(answers.pop().unwrap_or_default());
            }
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far: head and content.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|bytes| text(bytes)).collect()
    }

    pub(crate) fn request(&self) -> String {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }

    /// The only request, as it came.
    pub(crate) fn request_bytes(&self) -> Vec<u8> {
        self.request();
        self.requests.lock().unwrap()[0].clone()
    }
}

impl Connection {
    fn new(stream: TcpStream, number: usize, requests: Arc<Mutex<Vec<Vec<u8>>>>) -> Connection {
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        Connection {
            stream,
            number,
            unread: Vec::new(),
            requests,
        }
    }

    /// Reads a request with its content; `None` if the client has nothing more to say.
    pub(crate) fn request(&mut self) -> Option<String> {
        let head = self.read_until(b"\r\n\r\n")?;
        let lower = text(&head).to_ascii_lowercase();
        let content = if lower.contains("transfer-encoding: chunked") {
            self.chunks()?
        } else {
            let length = lower
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.split("\r\n").next())
                .map_or(0, |digits| digits.parse().unwrap());
            self.read_exactly(length)?
        };
        Some(self.record([head, content].concat()))
    }

    /// Chunked content as it came, by the sizes of its chunks: any bytes may be in it.
    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            let line = self.read_until(b"\n")?;
            let size = usize::from_str_radix(text(&line).trim(), 16).unwrap();
            content.extend(line);
            content.extend(self.read_exactly(size + 2)?);
            if size == 0 {
                return Some(content);
            }
        }
    }

    pub(crate) fn head(&mut self) -> Option<String> {
        let head = self.read_until(b"\r\n\r\n")?;
        Some(self.record(head))
    }

    /// Keeps a request for [`Server::requests`], and returns it as text.
    fn record(&mut self, request: Vec<u8>) -> String {
        let shown = text(&request);
        self.requests.lock().unwrap().push(request);
        shown
    }

    pub(crate) fn line(&mut self) -> Option<String> {
        self.read_until(b"\n").map(|line| text(&line))
    }

    fn read_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self.unread.windows(end.len()).position(|w| w == end);
            if let Some(at) = found {
                return Some(self.unread.drain(..at + end.len()).collect());
            }
            self.read_more()?;
        }
    }

    pub(crate) fn read_exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.unread.len() < length {
            self.read_more()?;
        }
        Some(self.unread.drain(..length).collect())
    }

    fn read_more(&mut self) -> Option<()> {
        let mut buffer = [0; 65536];
        let read = self.stream.read(&mut buffer).ok()?;
        self.unread.extend_from_slice(&buffer[..read]);
        (read > 0).then_some(())
    }

    /// Sends bytes. A client that has gone away already is no concern of the script.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Waits until the client ends the connection.
    pub(crate) fn wait_for_end(&mut self) {
        while self.read_more().is_some() {}
    }

    /// Ends the connection with a reset instead of an orderly close.
    pub(crate) fn reset(&mut self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        // Closing is what sends it; the stream is closed after the handler returns.
    }

    pub(crate) fn shutdown(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

/// What a run of the program came to.
pub(crate) struct Outcome {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = &self.stdout[..self.stdout.len().min(2000)];
        let (stdout, stderr) = (String::from_utf8_lossy(shown), &self.stderr);
        write!(
            f,
            "code {}\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
            self.code
        )
    }
}

impl Outcome {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> Outcome {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> Outcome {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// The program, with an environment that says nothing about proxies and colours.
pub(crate) fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = tinyhttp();
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

/// Runs `tinyhttp get` with those arguments.
pub(crate) fn get<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Outcome {
    let mut command = command(["get"]);
    command.args(args);
    run(command, b"")
}

/// Runs a command with that standard input.
pub(crate) fn run(mut command: Command, input: &[u8]) -> Outcome {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = spawn(command);
    if let Some(mut stdin) = child.stdin.take() {
        // A program that doesn't read all of its input is allowed not to.
        let _ = stdin.write_all(input);
    }
    outcome(child)
}

/// Starts a command whose output is for [`outcome`].
pub(crate) fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits for a program to end.
pub(crate) fn outcome(mut child: Child) -> Outcome {
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let ended = |receiver: &mpsc::Receiver<Vec<u8>>| receiver.recv_timeout(LONG);
    let (Ok(stdout), Ok(stderr)) = (ended(&stdout), ended(&stderr)) else {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("the program did not end");
    };
    Outcome {
        stdout,
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
        code: child.wait().unwrap().code().unwrap_or(-1),
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let _ = sender.send(bytes);
    });
    receiver
}

pub(crate) const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
