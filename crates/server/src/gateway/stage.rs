//! How far a request at a server has come, as the server counts it.

use super::server::Server;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// How far a request has come.
#[derive(Debug, Default)]
pub(super) struct Stage {
    is: Kind,
    /// Since when, if that matters.
    since: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is counted, and no more is known.
    #[default]
    Counted,
    /// It may wait for a process.
    Starving,
    /// It has a process. The time is known if it had one from the start.
    Served,
    /// It is counted no more.
    Over,
}

impl Stage {
    /// The request goes on a new connection, and may have to wait for a process.
    pub(super) fn starve(&mut self, server: &Server, now: Instant) {
        if self.is == Kind::Counted {
            (self.is, self.since) = (Kind::Starving, Some(now));
            server.starving.add(now);
        }
    }

    /// The request goes on a connection that was kept, and has a process.
    pub(super) fn serve(&mut self, server: &Server, now: Instant) {
        if self.is == Kind::Counted {
            (self.is, self.since) = (Kind::Served, Some(now));
            server.capacity.add_served();
        }
    }

    /// A process responds.
    pub(super) fn feed(&mut self, server: &Server) {
        if self.is == Kind::Starving {
            self.stop_starving(server);
            self.is = Kind::Served;
            server.capacity.add_served();
        }
    }

    fn stop_starving(&mut self, server: &Server) {
        if let Some(since) = self.since.take() {
            server.starving.remove(since);
        }
    }

    /// The response is complete.
    pub(super) fn complete(&self, server: &Server, now: Instant) {
        if let (Kind::Served, Some(since)) = (self.is, self.since) {
            let time = now.saturating_duration_since(since);
            server.capacity.responded(time);
        }
    }

    /// The request is counted no more. Returns whether it was before.
    pub(super) fn end(&mut self, server: &Server) -> bool {
        match self.is {
            Kind::Counted => {}
            Kind::Starving => self.stop_starving(server),
            Kind::Served => server.capacity.remove_served(),
            Kind::Over => return false,
        }
        self.is = Kind::Over;
        server.active.fetch_sub(1, Ordering::Relaxed);
        true
    }
}
