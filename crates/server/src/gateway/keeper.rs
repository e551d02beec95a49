//! The thread that looks after upstreams: it closes idle connections, looks up names again, and
//! checks health. Requests never wait for it.

use super::group::Group;
use super::health::Check;
use super::server::Server;
use super::socket::Address;
use crate::lock::Lock;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// The time between two rounds.
const ROUND: Duration = Duration::from_secs(1);

/// The time after which names are looked up again.
const LOOK_UP: Duration = Duration::from_secs(5);

/// The upstreams that are looked after; `None` while no thread runs.
static GROUPS: Lock<Option<Vec<Weak<Group>>>> = Lock::new(None);

/// Looks after an upstream until it is dropped.
pub(super) fn look_after(group: &Arc<Group>) {
    let mut groups = GROUPS.lock();
    if let Some(groups) = &mut *groups {
        groups.push(Arc::downgrade(group));
        return;
    }
    let thread = std::thread::Builder::new().name("upstreams".to_owned());
    match thread.spawn(run) {
        Ok(_) => *groups = Some(vec![Arc::downgrade(group)]),
        Err(error) => log::warn!("upstream names are not looked up again: {error}"),
    }
}

fn run() {
    let start = Instant::now();
    let (mut looked_up, mut round) = (start, 0u32);
    loop {
        std::thread::sleep(ROUND);
        round = round.wrapping_add(1);
        let groups: Vec<_> = {
            let mut all = GROUPS.lock();
            let groups = all.get_or_insert_default();
            groups.retain(|group| group.strong_count() > 0);
            if groups.is_empty() {
                *all = None;
                return;
            }
            groups.iter().filter_map(Weak::upgrade).collect()
        };
        let must_look_up = looked_up.elapsed() >= LOOK_UP;
        if must_look_up {
            looked_up = Instant::now();
        }
        for group in groups {
            group.prune();
            // A server may be back because its time is over.
            group.grant();
            let named = |server: &&Server| must_look_up && server.target.is_named();
            group
                .servers()
                .iter()
                .filter(named)
                .for_each(Server::look_up);
            if let Some(check) = &group.settings.check {
                let rounds = check.interval.as_secs().clamp(1, u64::from(u32::MAX)) as u32;
                if round % rounds == 0 {
                    check_all(&group, check);
                }
            }
        }
    }
}

fn check_all(group: &Arc<Group>, check: &Check) {
    for server in group.servers() {
        let result = ask(server, check);
        if let Err(error) = &result {
            log::debug!(
                "the check of the upstream server {} failed: {error}",
                server.target.label()
            );
        }
        group.checked(server, result.is_ok(), check);
    }
}

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// The connection of a check, with TLS if the server has it.
fn secured(stream: TcpStream, server: &Server) -> io::Result<Box<dyn Stream>> {
    #[cfg(feature = "tls")]
    if let Some(securing) = &server.securing {
        return Ok(Box::new(securing.blocking(stream)?));
    }
    match server.target.is_secured() {
        true => Err(io::Error::other("it can't be verified")),
        false => Ok(Box::new(stream)),
    }
}

/// Asks a server for the path of the check.
fn ask(server: &Server, check: &Check) -> io::Result<()> {
    let addresses = server.addresses();
    let address = addresses.first().ok_or(io::ErrorKind::NotFound)?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: tinyhttp\r\nConnection: close\r\n\r\n",
        check.path, server.target
    );
    let limit = Some(check.timeout);
    let mut stream: Box<dyn Stream> = match address {
        Address::Internet(address) => {
            let stream = TcpStream::connect_timeout(address, check.timeout)?;
            stream.set_read_timeout(limit)?;
            stream.set_write_timeout(limit)?;
            secured(stream, server)?
        }
        Address::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(limit)?;
            stream.set_write_timeout(limit)?;
            Box::new(stream)
        }
    };
    let mut start = [0; 12];
    stream.write_all(request.as_bytes())?;
    stream.read_exact(&mut start)?;
    // `HTTP/1.1 200`: informational, successful, or a redirect.
    match start {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            _,
            b' ',
            b'1'..=b'3',
            ..,
        ] => Ok(()),
        _ => Err(io::Error::other("the response is not a success")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_check_reads_the_status() {
        for (response, is_good) in [
            ("HTTP/1.1 200 OK\r\n\r\n", true),
            ("HTTP/1.0 302 Found\r\n\r\n", true),
            ("HTTP/1.1 503 Unavailable\r\n\r\n", false),
            ("nonsense, and more of it", false),
            ("HTTP/1.1", false),
        ] {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let group = Group::new(vec![address.parse().unwrap()], Settings::default());
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 16];
                stream.read_exact(&mut request).unwrap();
                stream.write_all(response.as_bytes()).unwrap();
                request
            });
            let result = ask(&group.servers()[0], &Check::new("/health"));
            assert_eq!(result.is_ok(), is_good, "{response}");
            assert_eq!(&server.join().unwrap(), b"GET /health HTTP");
        }
    }
}
