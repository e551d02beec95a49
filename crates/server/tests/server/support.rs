//! What the tests of the server share: a server that ends with its test, and readers of what it
//! says.

use http::{Response, StatusCode};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tinyhttp_server::{Body, Builder, Handler, Request, Server, Stopper};

/// Longer than anything here takes; a test that comes here has failed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A server that ends with its test.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) stopper: Stopper,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    pub(crate) fn start(handler: impl Handler) -> Self {
        Running::with(|builder| builder, handler)
    }

    pub(crate) fn with(set: impl FnOnce(Builder) -> Builder, handler: impl Handler) -> Self {
        let builder = Server::builder().bind(([127, 0, 0, 1], 0).into()).unwrap();
        let server = set(builder).start(handler).unwrap();
        let (address, stopper) = (server.addresses()[0], server.stopper());
        Running {
            address,
            stopper,
            thread: Some(std::thread::spawn(move || server.run())),
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
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
        self.stopper.stop();
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
