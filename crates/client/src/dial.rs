//! The way to a connection that a request can be sent over: addresses, then a socket.

use crate::config::Config;
use crate::connect::{NotConnected, connect};
use crate::deadline::{Clock, Timeout};
use crate::error::{Error, Phase};
use crate::exchange::Connection;
use crate::pool::Origin;
use crate::resolve::{NotResolved, resolve};
use crate::trace::{Event, Recorder};
use crate::transport::{Peer, Socket};
use std::time::Instant;

/// Opens a connection to that origin.
pub(crate) fn dial(
    origin: &Origin,
    config: &Config,
    clock: Clock,
    recorder: &Recorder,
) -> Result<Connection, Error> {
    if origin.is_secure {
        return Err(Error::Scheme {
            scheme: "https".to_owned(),
        });
    }
    if let Some(path) = &config.unix_socket {
        let peer = Peer::Unix(path.clone());
        let socket = Socket::unix(path).map_err(|source| Error::ConnectUnix {
            peer: peer.clone(),
            source,
        })?;
        recorder.emit(&Event::Connected { peer: &peer });
        return Ok(Connection::new(Box::new(socket), peer, config.limits));
    }
    let host = origin.host.to_string();
    let begun = Instant::now();
    let deadline = clock.deadline(Timeout::Resolve);
    let addresses = resolve(
        &origin.host,
        origin.port,
        config.family,
        &config.resolver,
        deadline,
    )
    .map_err(|failure| match failure {
        NotResolved::Failed(source) => Error::Resolve {
            host: host.clone(),
            elapsed: begun.elapsed(),
            source,
        },
        NotResolved::TimedOut => Error::Timeout {
            timeout: deadline.timeout,
            limit: deadline.limit,
            phase: Phase::Resolve,
            peer: None,
            attempts: Vec::new(),
        },
    })?;
    recorder.emit(&Event::Resolved {
        host: &host,
        addresses: &addresses,
    });
    let begun = Instant::now();
    let deadline = clock.deadline(Timeout::Connect);
    match connect(&addresses, &config.socket, deadline, recorder) {
        Ok((stream, address)) => Ok(Connection::new(
            Box::new(Socket::tcp(stream)),
            Peer::Tcp(address),
            config.limits,
        )),
        Err(NotConnected::Failed(attempts)) => Err(Error::Connect {
            host: format!("{host}:{}", origin.port),
            attempts,
            elapsed: begun.elapsed(),
        }),
        Err(NotConnected::TimedOut(attempts)) => Err(Error::Timeout {
            timeout: deadline.timeout,
            limit: deadline.limit,
            phase: Phase::Connect,
            peer: addresses.first().map(|address| Peer::Tcp(*address)),
            attempts,
        }),
    }
}
