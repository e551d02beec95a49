//! A server that follows a script, for the tests of this folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// No test waits longer for anything.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A request as it came over the wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The request line and the fields.
    pub(crate) head: String,
    /// The content, without chunks.
    pub(crate) content: Vec<u8>,
    /// The number of the connection.
    pub(crate) connection: usize,
}

impl Seen {
    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

/// A server on loopback, and the requests that it got.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Responds to each request with what the closure makes of it, given the request's number.
    /// `None` closes the connection; so does a response with `Connection: close`.
    pub(crate) fn new(
        respond: impl FnMut(usize, &Seen) -> Option<String> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let requests = seen.clone();
        let respond = Arc::new(Mutex::new(respond));
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (requests, respond) = (requests.clone(), respond.clone());
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    stream.set_read_timeout(Some(LONG)).unwrap();
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while let Some(mut request) = receive(&mut reader) {
                        request.connection = connection;
                        let number = {
                            let mut requests = requests.lock().unwrap();
                            requests.push(request.clone());
                            requests.len() - 1
                        };
                        let response = (respond.lock().unwrap())(number, &request);
                        let Some(response) = response else {
                            break;
                        };
                        if stream.write_all(response.as_bytes()).is_err()
                            || response.contains("Connection: close")
                        {
                            break;
                        }
                    }
                });
            }
        });
        Server { address, seen }
    }

    /// Responds to every request in the same way.
    pub(crate) fn fixed(response: &'static str) -> Self {
        Server::new(move |_, _| Some(response.to_owned()))
    }

    /// Responds to the first request with the first response, and so on; the last one repeats.
    pub(crate) fn script(responses: &'static [&'static str]) -> Self {
        Server::new(move |number, _| {
            let last = responses.len() - 1;
            Some(responses[number.min(last)].to_owned())
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The heads of the requests.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.head).collect()
    }
}

/// A response with a status line, further fields and content.
pub(crate) fn response(status: &str, fields: &str, content: &str) -> String {
    let length = content.len();
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n{content}")
}

fn receive(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut seen = Seen::default();
    while !seen.head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut seen.head).ok()? == 0 {
            return None;
        }
    }
    if seen.field("Transfer-Encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let size = usize::from_str_radix(line.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            if size == 0 {
                break;
            }
            seen.content.extend_from_slice(&chunk[..size]);
        }
    } else if let Some(length) = seen.field("Content-Length") {
        seen.content = vec![0; length.parse().ok()?];
        reader.read_exact(&mut seen.content).ok()?;
    }
    Some(seen)
}

/// A server whose connections are handled one after another by a closure that is given their
/// number.
pub(crate) fn serve(
    address: &str,
    mut handle: impl FnMut(usize, &mut TcpStream) + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            stream.set_write_timeout(Some(LONG)).unwrap();
            handle(number, &mut stream);
        }
    });
    address
}

/// Reads up to the end of a head, byte by byte so that nothing behind it is taken.
pub(crate) fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}

/// Reads up to the end of the connection.
pub(crate) fn rest(stream: &mut TcpStream) {
    let _ = std::io::copy(stream, &mut std::io::sink());
}
