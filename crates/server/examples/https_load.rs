//! The load of the benchmarks of HTTPS: small responses over many connections at a time.
//!
//! | kind | requests |
//! |---|---|
//! | `kept` | many over each connection |
//! | `full` | one over each connection, after a full handshake |
//! | `resumed` | one over each connection, after a handshake that resumes a session |
//!
//! A connection whose handshake is of the other kind counts as failed, so that what is measured is
//! what the name says. (wrk resumes sessions whenever the server lets it, and with TLS it takes
//! longer for a request than the servers that it measures.) The tickets of `resumed` come from
//! full handshakes at first, then from the connections themselves; each is used once, as browsers
//! do.
//!
//! The program writes `READY` and waits for a line on its standard input, so that the tickets of
//! the beginning are not measured. Then it writes one line: answers, bytes, microseconds, failures,
//! p50 and p99 in microseconds.
//!
//! The certificate is not verified, which would be work of the client alone.
//!
//! ```text
//! https_load kept|full|resumed 1.2|1.3 PORT PATH CONNECTIONS SECONDS
//! ```

#![allow(missing_docs, clippy::unwrap_used)]

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, NamedGroup,
    SignatureScheme,
};
use std::collections::VecDeque;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Events that are taken at once.
const BATCH: usize = 64;

/// Tickets that are kept.
const TICKETS: usize = 4096;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What each connection does.
struct Work {
    config: Arc<ClientConfig>,
    kind: HandshakeKind,
    keeps_connections: bool,
    port: u16,
    request: Vec<u8>,
}

struct Connection {
    socket: TcpStream,
    tls: ClientConnection,
    began: Instant,
    response: Vec<u8>,
}

/// What has been measured.
#[derive(Default)]
struct Counts {
    latencies: Vec<u128>,
    bytes: usize,
    failures: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, version, port, path, connections, seconds] = &arguments[..] else {
        panic!("usage: https_load kept|full|resumed 1.2|1.3 PORT PATH CONNECTIONS SECONDS");
    };
    let tickets = Arc::new(Tickets::default());
    let keeps_connections = kind == "kept";
    let (kind, resumption) = match kind.as_str() {
        "kept" | "full" => (HandshakeKind::Full, Resumption::disabled()),
        _ => (
            HandshakeKind::Resumed,
            Resumption::store(Arc::clone(&tickets) as _),
        ),
    };
    let last = if keeps_connections {
        ""
    } else {
        "Connection: close\r\n"
    };
    let mut work = Work {
        config: config(version, resumption),
        kind,
        keeps_connections,
        port: port.parse().expect("a port"),
        request: format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{last}\r\n").into(),
    };
    let connections = connections.parse().expect("a number of connections");
    let seconds = Duration::from_secs(seconds.parse().expect("a number of seconds"));
    if work.kind == HandshakeKind::Resumed {
        work.kind = HandshakeKind::Full;
        for _ in 0..connections {
            work.run(1, Duration::ZERO);
        }
        work.kind = HandshakeKind::Resumed;
        tickets.is_in_use.store(true, Ordering::Relaxed);
    }
    println!("READY");
    io::stdin().lock().read_line(&mut String::new()).unwrap();
    let began = Instant::now();
    let mut counts = work.run(connections, seconds);
    let took = began.elapsed().as_micros();
    counts.latencies.sort_unstable();
    let percentile = |percent: usize| {
        let at = counts.latencies.len() * percent / 100;
        counts.latencies.get(at).copied().unwrap_or_default()
    };
    println!(
        "RESULT {} {} {took} {} {} {}",
        counts.latencies.len(),
        counts.bytes,
        counts.failures,
        percentile(50),
        percentile(99)
    );
}

fn config(version: &str, resumption: Resumption) -> Arc<ClientConfig> {
    let mut provider = ring::default_provider();
    // All servers have X25519, so that no handshake takes another round. Up to TLS 1.2, the curve
    // of the certificate has to be among these, too.
    let groups = [NamedGroup::X25519, NamedGroup::secp256r1];
    provider
        .kx_groups
        .retain(|group| groups.contains(&group.name()));
    provider
        .kx_groups
        .sort_by_key(|group| group.name() != NamedGroup::X25519);
    // In the order of browsers, which some servers follow.
    provider.cipher_suites.sort_by_key(|suite| {
        let name = suite.suite().as_str().unwrap_or_default();
        !name.contains("AES_128_GCM")
    });
    let provider = Arc::new(provider);
    let versions = [if version == "1.2" { &TLS12 } else { &TLS13 }];
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unverified(provider)))
        .with_no_client_auth();
    config.resumption = resumption;
    Arc::new(config)
}

impl Work {
    /// Keeps this many connections busy for this long, and then waits for them.
    fn run(&self, connections: usize, time: Duration) -> Counts {
        let mut counts = Counts::default();
        let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
        let mut busy: Vec<Option<Connection>> = (0..connections).map(|_| None).collect();
        for (number, slot) in busy.iter_mut().enumerate() {
            *slot = self.begin(&epoll, number, &mut counts);
        }
        let until = Instant::now() + time;
        let mut events = [Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        }; BATCH];
        while busy.iter().any(Option::is_some) && Instant::now() < until + PATIENCE {
            let timeout = PATIENCE.try_into().unwrap();
            let ready = epoll::wait(&epoll, &mut events, Some(&timeout)).unwrap_or(0);
            for event in &events[..ready] {
                let number = event.data.u64() as usize;
                let Some(connection) = &mut busy[number] else {
                    continue;
                };
                match connection.advance() {
                    Ok(false) => continue,
                    Ok(true) if connection.tls.handshake_kind() == Some(self.kind) => {
                        counts.bytes += connection.response.len();
                        let latency = connection.began.elapsed().as_micros();
                        counts.latencies.push(latency);
                        if self.keeps_connections && Instant::now() < until {
                            connection.began = Instant::now();
                            match connection.ask(&self.request) {
                                Ok(()) => continue,
                                Err(_) => counts.failures += 1,
                            }
                        }
                    }
                    Ok(true) | Err(_) => counts.failures += 1,
                }
                busy[number] = None;
                if Instant::now() < until {
                    busy[number] = self.begin(&epoll, number, &mut counts);
                }
            }
        }
        counts.failures += busy.iter().flatten().count() as u64;
        counts
    }

    fn begin(&self, epoll: &OwnedFd, number: usize, counts: &mut Counts) -> Option<Connection> {
        let began = Instant::now();
        let connection = || -> io::Result<Connection> {
            let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            let name = ServerName::try_from("localhost").unwrap();
            let config = Arc::clone(&self.config);
            let tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
            let data = EventData::new_u64(number as u64);
            epoll::add(epoll, &socket, data, EventFlags::IN)?;
            let mut connection = Connection {
                socket,
                tls,
                began,
                response: Vec::new(),
            };
            connection.ask(&self.request)?;
            Ok(connection)
        };
        let connection = connection().ok();
        counts.failures += u64::from(connection.is_none());
        connection
    }
}

impl Connection {
    fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        self.response.clear();
        self.tls.writer().write_all(request)?;
        self.flush()
    }

    /// Takes what has come, and returns whether the response is complete.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            let length = match self.tls.read_tls(&mut self.socket) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            self.tls.process_new_packets().map_err(io::Error::other)?;
            match self.tls.reader().read_to_end(&mut self.response) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if length == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if self.is_complete() {
                return Ok(true);
            }
            self.flush()?;
        }
        Ok(false)
    }

    /// The socket has room for a handshake and one request.
    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        let end = self.response.windows(4).position(|it| it == b"\r\n\r\n");
        let Some((head, content)) = end.map(|end| self.response.split_at(end + 4)) else {
            return false;
        };
        let head = String::from_utf8_lossy(head);
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|(_, value)| value.trim().parse::<usize>().ok());
        length.is_some_and(|length| content.len() >= length)
    }
}

/// Sessions that can be resumed: all of one server.
#[derive(Debug, Default)]
struct Tickets {
    /// Whether connections resume. At first they only collect.
    is_in_use: AtomicBool,
    /// TLS 1.3, each for one use.
    fresh: Mutex<VecDeque<Tls13ClientSessionValue>>,
    /// TLS 1.2, for any number of uses.
    session: Mutex<Option<Tls12ClientSessionValue>>,
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, session: Tls12ClientSessionValue) {
        *self.session.lock().unwrap() = Some(session);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let session = self.session.lock().unwrap().clone();
        session.filter(|_| self.is_in_use.load(Ordering::Relaxed))
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        *self.session.lock().unwrap() = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut fresh = self.fresh.lock().unwrap();
        if fresh.len() < TICKETS {
            fresh.push_back(ticket);
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut fresh = self.fresh.lock().unwrap();
        let is_in_use = self.is_in_use.load(Ordering::Relaxed);
        is_in_use.then(|| fresh.pop_front()).flatten()
    }
}

/// Accepts any certificate.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
