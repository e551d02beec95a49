//! What the tests of the server share: a server that ends with its test, clients, and handlers.

use http::{Response, StatusCode};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tinyhttp_server::{Body, Builder, Handler, Reply, Request, Server, ShutdownHandle};

/// Longer than anything here takes; a test that comes here has failed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// The pace of slow clients.
pub(crate) const PACE: Duration = Duration::from_millis(20);

/// A server that ends with its test.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: ShutdownHandle,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<tinyhttp_server::TlsHandle>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    pub(crate) fn start(handler: impl Handler) -> Self {
        Running::with(|builder| builder, handler)
    }

    /// Content is handed over while it arrives, also to closures.
    pub(crate) fn with(set: impl FnOnce(Builder) -> Builder, handler: impl Handler) -> Self {
        Running::as_it_is(set, AsItComes(handler))
    }

    /// The content of requests to a closure is received first.
    pub(crate) fn as_it_is(set: impl FnOnce(Builder) -> Builder, handler: impl Handler) -> Self {
        let builder = Server::bind("127.0.0.1:0").unwrap();
        let server = set(builder).start(handler).unwrap();
        let (address, shutdown) = (server.local_addrs()[0], server.shutdown_handle());
        Running {
            address,
            shutdown,
            #[cfg(feature = "tls")]
            tls: server.tls(),
            thread: Some(std::thread::spawn(move || server.run())),
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    /// Lets time pass for the deadlines of the connections.
    pub(crate) fn advance(&self, by: Duration) {
        self.shutdown.advance_clock(by);
    }

    /// Waits until the server has read what was sent on new connections, and waits for more.
    pub(crate) fn settle(&self) {
        // Connections are accepted in the order in which they send something.
        self.ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        self.wait_for_parked(0);
    }

    /// Waits until all connections wait for a request, but for those of so many handlers. A client
    /// can have its response a moment before.
    pub(crate) fn wait_for_parked(&self, busy: usize) {
        wait_until("all connections are parked", || {
            self.shutdown.in_flight() == busy
        });
    }

    /// Sends bytes and reads up to the end of the connection.
    pub(crate) fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        rest(&mut stream)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.abort();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

pub(crate) fn rest(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    String::from_utf8_lossy(&rest).into_owned()
}

/// Reads until what has come ends so.
pub(crate) fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(end.as_bytes()) {
        stream.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    String::from_utf8(seen).unwrap()
}

pub(crate) fn get(stream: &mut TcpStream) {
    stream.write_all(GET).unwrap();
    read_until(stream, "done");
}

/// Looks again and again until a condition holds that no event announces.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        // No event announces it.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A connection with a window of so many bytes, or as few as the system lets it have.
pub(crate) fn narrow(server: &Running, window: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(window).unwrap();
    socket.connect(&SockAddr::from(server.address)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket.into()
}

/// A handler that waits at `/hold`: it, what tells that it waits, and what lets it go.
pub(crate) fn holding() -> (impl Handler, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (arrived, told) = mpsc::channel();
    let (let_go, release) = mpsc::channel();
    let release = Mutex::new(release);
    let handler = move |request: Request<'_>| {
        if request.path() == "/hold" {
            arrived.send(()).unwrap();
            release.lock().unwrap().recv_timeout(LONG).unwrap();
        }
        Response::new(Body::from("done"))
    };
    (handler, told, let_go)
}

/// Reads content itself, whatever handler it is.
struct AsItComes<H>(H);

impl<H: Handler> Handler for AsItComes<H> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        self.0.handle(request)
    }
}

/// Blocks before it replies, as a handler whose disk hangs: its replies are ready.
pub(crate) struct Hangs<H>(pub(crate) H);

impl<H: Handler> Handler for Hangs<H> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        Reply::Ready(self.0.handle(request).response())
    }
}

/// A writer that others can look into.
#[derive(Clone, Default)]
pub(crate) struct Seen(pub Arc<Mutex<Vec<u8>>>);

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says back what it was sent.
pub(crate) fn echo(request: Request<'_>) -> Response<Body> {
    let path = request.path().to_owned();
    let mut content = Vec::new();
    match request.into_body().read_to_end(&mut content) {
        Ok(_) => Response::new(Body::from([path.as_bytes(), b":", &content].concat())),
        Err(error) => {
            let mut response = Response::new(Body::from(format!("{:?}", error.kind())));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    }
}
