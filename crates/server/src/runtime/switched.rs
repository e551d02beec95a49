//! The sockets of connections that have switched protocols: closures may wait on them without a
//! limit, so the end of the server shuts them down.

use crate::connection::Transport;
use crate::lock::Lock;
use std::collections::HashMap;

/// The sockets that closures have now, by their tokens.
#[derive(Default)]
pub(crate) struct Switched(Lock<Sockets>);

#[derive(Default)]
struct Sockets {
    held: HashMap<u64, Transport>,
    has_ended: bool,
}

impl Switched {
    /// Runs a closure that has this socket.
    pub(super) fn hold<R>(&self, transport: Transport, run: impl FnOnce() -> R) -> R {
        let mut sockets = self.0.lock();
        if sockets.has_ended {
            transport.shutdown();
        }
        let token = transport.token();
        sockets.held.insert(token, transport);
        drop(sockets);
        let result = run();
        self.0.lock().held.remove(&token);
        result
    }

    /// Shuts all sockets down, so that no closure waits on one any longer.
    pub(crate) fn end(&self) {
        let mut sockets = self.0.lock();
        sockets.has_ended = true;
        sockets.held.values().for_each(Transport::shutdown);
    }
}
