//! One check of a server's health: a request on a connection of its own.

use super::health::Check;
use super::server::Server;
use super::socket::Address;
use http::{Method, Version};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};
use tinyhttp_message::connection::{ClientConnection, RequestContent, Response};
use tinyhttp_message::{Event, FieldStorage, Limits, MisuseError};

/// The longest response that is read: heads, and what came with the last of them.
const LONGEST: usize = 64 * 1024;

/// The most fields of a response.
const FIELDS: usize = 128;

/// A stream whose reads and writes, all together, end at a deadline: a server that sends a byte now
/// and then is not healthy.
struct Timed<S> {
    stream: S,
    deadline: Instant,
}

/// What has timeouts.
trait Socket: Read + Write {
    fn limit(&self, time: Duration) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn limit(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))?;
        self.set_write_timeout(Some(time))
    }
}

impl Socket for UnixStream {
    fn limit(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))?;
        self.set_write_timeout(Some(time))
    }
}

impl<S: Socket> Timed<S> {
    fn tighten(&self) -> io::Result<()> {
        match self.deadline.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => self.stream.limit(left),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl<S: Socket> Read for Timed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tighten()?;
        self.stream.read(buffer)
    }
}

impl<S: Socket> Write for Timed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tighten()?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// Asks a server for the path of the check. This may block for the time of the check.
///
/// # Errors
/// If the server can't be asked, does not respond in time, or responds with a status of 400 or
/// above.
pub(super) fn ask(server: &Server, check: &Check) -> io::Result<()> {
    let mut stream = connect(server, check.timeout)?;
    let mut connection = ClientConnection::new(Limits {
        head: LONGEST,
        ..Limits::default()
    });
    let mut request = Vec::new();
    let host = server.target.to_string();
    let written = connection.request(
        &Method::GET,
        &check.path,
        Version::HTTP_11,
        RequestContent::None,
        &mut request,
        |head| -> Result<(), MisuseError> {
            head.field("Host", host.as_bytes())?;
            head.field("User-Agent", b"tinyhttp")?;
            head.field("Connection", b"close")
        },
    );
    written.map_err(io::Error::other)?;
    stream.write_all(&request)?;
    let (mut received, mut used) = (Vec::new(), 0);
    loop {
        let mut storage = FieldStorage::<FIELDS>::empty();
        let read = connection.receive(&received[used..], &mut storage);
        match read.map_err(io::Error::other)? {
            (_, Event::Head(Response::Final { head, .. })) => {
                return match head.status.as_u16() {
                    ..400 => Ok(()),
                    _ => Err(io::Error::other(format!("its status is {}", head.status))),
                };
            }
            (length, Event::Head(Response::Interim(_))) => used += length,
            _ if received.len() >= LONGEST => {
                return Err(io::Error::other("its response has no end"));
            }
            _ => {
                let mut buffer = [0; 4096];
                match stream.read(&mut buffer)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    length => received.extend_from_slice(&buffer[..length]),
                }
            }
        }
    }
}

/// Connects to a server, with TLS if it has it.
fn connect(server: &Server, time: Duration) -> io::Result<Box<dyn Stream>> {
    let deadline = Instant::now() + time;
    let addresses = server.addresses();
    match addresses.first().ok_or(io::ErrorKind::NotFound)? {
        Address::Internet(address) => {
            let stream = TcpStream::connect_timeout(address, time)?;
            secured(Timed { stream, deadline }, server)
        }
        Address::Unix(path) => {
            let stream = connect_unix(path, time)?;
            Ok(Box::new(Timed { stream, deadline }))
        }
    }
}

/// Connects to a Unix socket. A server that accepts nothing lets that wait, unlike over TCP, until
/// there is room.
fn connect_unix(path: &Path, time: Duration) -> io::Result<UnixStream> {
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    set_socket_timeout(&socket, Timeout::Send, Some(time))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

fn secured(stream: Timed<TcpStream>, server: &Server) -> io::Result<Box<dyn Stream>> {
    #[cfg(feature = "tls")]
    if let Some(securing) = &server.securing {
        return Ok(Box::new(securing.blocking(stream)?));
    }
    match server.target.is_secured() {
        true => Err(io::Error::other("it can't be verified")),
        false => Ok(Box::new(stream)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::group::Group;
    use super::super::settings::Settings;
    use super::*;
    use std::net::TcpListener;

    /// A server on a Unix socket whose queue of new connections is full.
    #[test]
    fn a_unix_socket_that_accepts_nothing_is_too_slow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full.sock");
        let address = SocketAddrUnix::new(&path).unwrap();
        let kind = SocketType::STREAM;
        let full = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
        rustix::net::bind(&full, &address).unwrap();
        rustix::net::listen(&full, 0).unwrap();
        let _first = UnixStream::connect(&path).unwrap();
        let result = connect_unix(&path, Duration::from_millis(50));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    /// The result of a check of a server that sends the pieces, each after the pause.
    fn checked(pieces: &[&str], pause: Duration, check: &Check) -> io::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let group = Group::new(vec![address.parse().unwrap()], Settings::default());
        std::thread::scope(|scope| {
            let server = scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 16];
                stream.read_exact(&mut request).unwrap();
                for piece in pieces {
                    if stream.write_all(piece.as_bytes()).is_err() {
                        break;
                    }
                    // A server that is slow.
                    std::thread::sleep(pause);
                }
                request
            });
            let result = ask(&group.servers()[0], check);
            assert_eq!(&server.join().unwrap(), b"GET /health HTTP");
            result
        })
    }

    #[test]
    fn a_check_reads_the_status() {
        for (pieces, is_good) in [
            (&["HTTP/1.1 200 OK\r\n\r\n"][..], true),
            (&["HTTP/1.0 302 Found\r\n", "\r\n"], true),
            (&["HTTP/1.1 503 Unavailable\r\n\r\n"], false),
            (&["HTTP/1.1 400 Bad Request\r\n\r\n"], false),
            (
                &["HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 204 N\r\n\r\n"],
                true,
            ),
            (
                &["HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 500 E\r\n\r\n"],
                false,
            ),
            (&["HTTP/1.1 103 Early Hints\r\n\r\n"], false),
            (&["HTTP/1.1 101 Switching Protocols\r\n\r\n"], false),
            (&["HTTP/1.1 200 OK\r\nA : b\r\n\r\n"], false),
            (&["HTTP/1.1 2000 OK\r\n\r\n"], false),
            (&["nonsense, and more of it"], false),
            (&["HTTP/1.1"], false),
            (&[], false),
        ] {
            let result = checked(pieces, Duration::ZERO, &Check::new("/health"));
            assert_eq!(result.is_ok(), is_good, "{pieces:?}: {result:?}");
        }
    }

    #[test]
    fn a_server_that_sends_now_and_then_is_too_slow() {
        let check = Check {
            timeout: Duration::from_millis(100),
            ..Check::new("/health")
        };
        let pause = Duration::from_millis(20);
        let bytes: Vec<_> = "HTTP/1.1 200 OK\r\n\r\n".split("").collect();
        let result = checked(&bytes, pause, &check);
        assert!(result.is_err(), "{result:?}");
    }
}
