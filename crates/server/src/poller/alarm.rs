//! What has a parked connection get a turn that waits for no socket.

use super::{Interest, Poller};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

/// Has a connection get a turn, unless it has been closed.
#[derive(Debug)]
pub(crate) struct Alarm {
    poller: Arc<Poller>,
    socket: Weak<OwnedFd>,
    token: u64,
}

impl Alarm {
    pub(crate) fn new(poller: &Arc<Poller>, socket: &Arc<OwnedFd>, token: u64) -> Self {
        Alarm {
            poller: Arc::clone(poller),
            socket: Arc::downgrade(socket),
            token,
        }
    }

    /// Has the poller report the socket as soon as it takes more.
    pub(crate) fn ring(self) {
        if let Some(socket) = self.socket.upgrade() {
            let armed = self.poller.arm(&*socket, self.token, Interest::Writable);
            if let Err(error) = armed {
                log::debug!("a connection could not be woken: {error}");
            }
        }
    }

    /// The token of the connection, for a worker of this poller, which gives it a turn itself.
    ///
    /// # Errors
    /// The alarm, if the connection is that of another poller.
    pub(crate) fn into_token(self, poller: &Arc<Poller>) -> Result<u64, Self> {
        match Arc::ptr_eq(&self.poller, poller) {
            true => Ok(self.token),
            false => Err(self),
        }
    }
}
