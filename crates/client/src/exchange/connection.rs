//! A connection as the exchanges over it see it: bytes out and in, and what of the grammar outlives
//! one of them.

use crate::peer::Peer;
use crate::trace::Route;
use crate::transport::Transport;
use rustix::event::PollFlags;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tinyhttp_message::{ClientConnection, Limits};

/// Room for what is read from the socket, at first.
const INPUT: usize = 16 * 1024;

/// How responses are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grammar {
    pub(crate) limits: Limits,
    /// Nothing is forgiven (see [`tolerance`](tinyhttp_message::tolerance)).
    pub(crate) is_strict: bool,
}

impl Default for Grammar {
    fn default() -> Self {
        Grammar {
            // Servers send larger heads than clients do: cookies and policies.
            limits: Limits {
                head: 128 * 1024,
                fields: 1000,
                ..Limits::default()
            },
            is_strict: false,
        }
    }
}

/// A connection, between exchanges or in one.
pub(crate) struct Connection {
    pub(super) transport: Box<dyn Transport>,
    pub(super) protocol: ClientConnection,
    pub(super) grammar: Grammar,
    pub(super) input: Input,
    pub(crate) peer: Peer,
    pub(crate) route: Route,
    /// Exchanges that it has carried.
    pub(crate) exchanges: u32,
    /// How requests go to a proxy that forwards them; `None`: straight to the server.
    pub(crate) forward: Option<Forward>,
}

/// How requests are sent to a proxy that forwards them: with the whole URL as their target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forward {
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<Vec<u8>>,
}

impl Connection {
    pub(crate) fn new(transport: Box<dyn Transport>, peer: Peer, grammar: Grammar) -> Self {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        // Each exchange checks that it asked for the upgrade.
        let protocol = ClientConnection::new(grammar.limits).with_upgrade();
        Connection {
            route: Route {
                connection: OPENED.fetch_add(1, Ordering::Relaxed),
                local: transport.local_address(),
                proxy: None,
            },
            transport,
            protocol: match grammar.is_strict {
                true => protocol,
                false => protocol.tolerant(),
            },
            grammar,
            input: Input::default(),
            peer,
            exchanges: 0,
            forward: None,
        }
    }

    /// Whether an idle connection is still open, and silent, as it should be.
    pub(crate) fn is_alive(&mut self) -> bool {
        match self.transport.wait(PollFlags::IN, Some(Duration::ZERO)) {
            Ok(false) => true,
            // Something is there: the end, or bytes of a layer below that mean nothing here.
            Ok(true) => {
                let read = self.transport.read(&mut [0]);
                read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }
            Err(_) => false,
        }
    }
}

/// What has been read from the socket and not been used.
#[derive(Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn consume(&mut self, used: usize) {
        self.start += used;
    }

    /// Room for more, at the end. The grammar's limits bound its size.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() {
            self.bytes.resize((self.end * 2).max(INPUT), 0);
        }
        &mut self.bytes[self.end..]
    }

    pub(super) fn filled(&mut self, read: usize) {
        self.end += read;
    }

    pub(super) fn put_back(&mut self, surplus: &[u8]) {
        if !surplus.is_empty() {
            self.bytes = surplus.to_vec();
            (self.start, self.end) = (0, surplus.len());
        }
    }
}
