//! Reaching one of a host's addresses, quickly even when some of them are dead (RFC 8305, "happy
//! eyeballs").
//!
//! ```text
//! resolver's answer      v6 v6 v4 v4
//! interleaved (§4)       v6 v4 v6 v4
//!                        │  │
//! 0 ms                   ●  │          the first address is tried
//! 250 ms, or as soon        ●          the next joins in; the first to connect wins, and
//! as one has failed                    the others are dropped
//! ```
//!
//! Every address is tried, whatever the error of the one before it, and one deadline bounds them
//! all. There are no threads: the sockets don't block, and `poll` waits for all of them.

use crate::deadline::Deadline;
use crate::error::FailedAttempt;
use crate::peer::Peer;
use crate::trace::{Event, Recorder};
use crate::transport::wait;
use crate::zone;
use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long one attempt has for itself before the next one joins in (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// The local end of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interface {
    /// This local address.
    Address(std::net::IpAddr),
    /// The network device of that name; on Linux this may need a privilege.
    Device(String),
}

/// Why there is no connection.
pub(crate) enum ConnectError {
    /// Every address failed.
    Failed(Vec<FailedAttempt>),
    /// The deadline passed; some may have failed before it.
    TimedOut(Vec<FailedAttempt>),
}

struct Pending {
    socket: Socket,
    address: SocketAddr,
    started: Instant,
}

/// Connects to the address that responds first. The stream is non-blocking, without Nagle's delay.
pub(crate) fn connect(
    addresses: &[SocketAddr],
    interface: Option<&Interface>,
    deadline: Deadline,
    recorder: &Recorder,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let mut waiting = interleave(addresses).into_iter().peekable();
    let mut pending: Vec<Pending> = Vec::new();
    let mut failed = Vec::new();
    let mut next_start = Instant::now();
    loop {
        let due = pending.is_empty() || Instant::now() >= next_start;
        if let Some(address) = waiting.next_if(|_| due) {
            recorder.emit(&Event::Connecting { address });
            let started = Instant::now();
            match start(address, interface) {
                Ok(socket) => pending.push(Pending {
                    socket,
                    address,
                    started,
                }),
                Err(NotStarted::Local(source)) => {
                    fail(&mut failed, address, started, source, recorder);
                    if let Some(attempt) = failed.last_mut() {
                        attempt.is_local = true;
                    }
                }
                Err(NotStarted::Remote(source)) => {
                    fail(&mut failed, address, started, source, recorder);
                }
            }
            next_start = Instant::now() + STAGGER;
            continue;
        }
        if pending.is_empty() {
            return Err(ConnectError::Failed(failed));
        }
        let stagger = waiting
            .peek()
            .map(|_| next_start.saturating_duration_since(Instant::now()));
        let patience = [stagger, deadline.left()].into_iter().flatten().min();
        if let Err(error) = wait_for_any(&pending, patience) {
            let first = pending.remove(0);
            fail(&mut failed, first.address, first.started, error, recorder);
            continue;
        }
        let mut index = 0;
        while index < pending.len() {
            let attempt = &pending[index];
            match outcome(&attempt.socket) {
                None => index += 1,
                Some(Ok(())) => {
                    let address = attempt.address;
                    recorder.emit(&Event::Connected {
                        peer: &Peer::Tcp(address),
                    });
                    return Ok((pending.swap_remove(index).socket.into(), address));
                }
                Some(Err(source)) => {
                    let attempt = pending.remove(index);
                    fail(
                        &mut failed,
                        attempt.address,
                        attempt.started,
                        source,
                        recorder,
                    );
                    // A failure makes room for the next address at once.
                    next_start = Instant::now();
                }
            }
        }
        if deadline.has_passed() {
            return Err(ConnectError::TimedOut(failed));
        }
    }
}

fn fail(
    failed: &mut Vec<FailedAttempt>,
    address: SocketAddr,
    started: Instant,
    source: io::Error,
    recorder: &Recorder,
) {
    recorder.emit(&Event::ConnectFailed {
        address,
        error: &source,
    });
    failed.push(FailedAttempt {
        address,
        elapsed: started.elapsed(),
        source,
        is_local: false,
    });
}

/// Why an attempt ended before it began.
enum NotStarted {
    /// What was to be its own end can't be.
    Local(io::Error),
    Remote(io::Error),
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        NotStarted::Remote(error)
    }
}

fn start(address: SocketAddr, interface: Option<&Interface>) -> Result<Socket, NotStarted> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    // A request is written in as few pieces as possible already; waiting for more would only delay
    // its end.
    socket.set_tcp_nodelay(true)?;
    if let Some(interface) = interface {
        bind(&socket, interface, address).map_err(NotStarted::Local)?;
    }
    match socket.connect(&SockAddr::from(address)) {
        Ok(()) => Ok(socket),
        Err(error) if is_in_progress(&error) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

fn bind(socket: &Socket, interface: &Interface, remote: SocketAddr) -> io::Result<()> {
    match interface {
        Interface::Address(local) => {
            let mut local = SocketAddr::new(*local, 0);
            // A link-local address is on the link of the one that it connects to.
            if let (SocketAddr::V6(local), SocketAddr::V6(remote)) = (&mut local, remote) {
                if zone::is_link_local(*local.ip()) {
                    local.set_scope_id(remote.scope_id());
                }
            }
            socket.bind(&local.into())
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Interface::Device(name) => socket.bind_device(Some(name.as_bytes())),
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        Interface::Device(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

fn wait_for_any(pending: &[Pending], patience: Option<Duration>) -> io::Result<bool> {
    let mut descriptors: Vec<_> = pending
        .iter()
        .map(|attempt| PollFd::new(&attempt.socket, PollFlags::OUT))
        .collect();
    wait(&mut descriptors, patience)
}

/// Whether the attempt is over, and how it ended.
fn outcome(socket: &Socket) -> Option<io::Result<()>> {
    match socket.take_error() {
        Ok(Some(error)) | Err(error) => return Some(Err(error)),
        Ok(None) => {}
    }
    match socket.peer_addr() {
        Ok(_) => Some(Ok(())),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
        Err(error) => Some(Err(error)),
    }
}

/// Alternates between the families, beginning with the one the resolver put first (RFC 8305 §4).
pub(crate) fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .iter()
        .copied()
        .partition(|address: &SocketAddr| address.is_ipv6() == first_is_v6);
    let mut mixed = Vec::with_capacity(addresses.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::Clock;
    use crate::timeouts::{Timeout, Timeouts};
    use std::net::TcpListener;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn deadline(limit: Duration) -> Deadline {
        let timeouts = Timeouts {
            connect: Some(limit),
            ..Timeouts::default()
        };
        Clock::start(timeouts).deadline(Timeout::Connect)
    }

    /// An address without a listener: bound once, and closed again.
    fn dead() -> SocketAddr {
        TcpListener::bind("127.0.0.2:0")
            .unwrap()
            .local_addr()
            .unwrap()
    }

    #[test]
    fn families_alternate() {
        let (a, b, c) = ("[::1]:1", "[::2]:1", "[::3]:1");
        let (x, y) = ("1.1.1.1:1", "2.2.2.2:1");
        let table: &[(&[&str], &[&str])] = &[
            (&[], &[]),
            (&[a], &[a]),
            (&[a, b, x, y], &[a, x, b, y]),
            (&[x, y, a, b], &[x, a, y, b]),
            (&[a, b, c, x], &[a, x, b, c]),
            (&[x, a, y], &[x, a, y]),
        ];
        for (given, want) in table {
            assert_eq!(interleave(&addresses(given)), addresses(want));
        }
    }

    #[test]
    fn every_address_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let alive = listener.local_addr().unwrap();
        let list = [dead(), dead(), alive];
        let recorder = Recorder::default();
        let (stream, address) = connect(&list, None, deadline(Duration::from_secs(10)), &recorder)
            .ok()
            .unwrap();
        assert_eq!(
            (address, stream.peer_addr().unwrap()),
            (alive, alive),
            "the last one answered"
        );
    }

    #[test]
    fn all_failures_are_told() {
        let list = [dead(), dead()];
        let Err(ConnectError::Failed(failed)) = connect(
            &list,
            None,
            deadline(Duration::from_secs(10)),
            &Recorder::default(),
        ) else {
            panic!("nothing listens there");
        };
        let told: Vec<_> = failed.iter().map(|attempt| attempt.address).collect();
        assert_eq!(told, list);
        for attempt in failed {
            assert_eq!(attempt.source.kind(), io::ErrorKind::ConnectionRefused);
        }
    }

    #[test]
    fn one_deadline_bounds_all_addresses() {
        // A listener whose queue is full lets further attempts hang, as a dead host would.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&addresses(&["127.0.0.1:0"])[0].into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let _fill: Vec<_> = (0..2).map(|_| start(address, None).ok().unwrap()).collect();
        let result = connect(
            &[address, address],
            None,
            deadline(Duration::from_millis(300)),
            &Recorder::default(),
        );
        assert!(matches!(result, Err(ConnectError::TimedOut(_))));
    }
}
