//! Whether a client waits for its response, seen from the end of what it sends.
//!
//! A client that closes its connection and one that ends only its half of it send the same packet.
//! One that ends its half does so right behind its request, and one that leaves does so at any
//! time. So an end that comes early counts as leaving only if no response begins soon.

use super::transport::Transport;
use std::time::{Duration, Instant};

/// An end that comes within this time of the request may be that of a half.
const EARLY: Duration = Duration::from_millis(50);

/// The time, from the request on, for which a client with an early end is waited for.
const GRACE: Duration = Duration::from_millis(300);

/// Deadlines are counted in steps, and may pass as much earlier.
const ROUNDED: Duration = Duration::from_millis(20);

/// What is known of the client of a forwarded request.
#[derive(Debug)]
pub(super) struct Presence {
    since: Instant,
    /// The client has ended its half, and is taken to read on.
    is_half_closed: bool,
    /// When the client counts as having left, unless a response has begun by then.
    leaves_at: Option<Instant>,
}

impl Presence {
    /// A client whose request has been received now. `has_ended`: the end came with the request.
    pub(super) fn new(now: Instant, has_ended: bool) -> Self {
        Presence {
            since: now,
            is_half_closed: has_ended,
            leaves_at: None,
        }
    }

    /// Whether the client has left. Called in each turn after the end has been reported.
    pub(super) fn has_left(
        &mut self,
        transport: &Transport,
        is_answered: bool,
        now: Instant,
    ) -> bool {
        self.is_half_closed |= is_answered && self.leaves_at.is_some();
        if self.is_half_closed || !transport.has_ended() {
            return transport.is_broken();
        }
        if self.leaves_at.is_none() && !is_answered && now <= self.since + EARLY {
            self.leaves_at = Some(self.since + GRACE);
        }
        transport.is_broken() || self.leaves_at.is_none_or(|at| now >= at)
    }

    /// Whether a deadline that has passed is that of [`leaves_at`](Self::leaves_at).
    pub(super) fn is_overdue(&self, is_answered: bool, now: Instant) -> bool {
        let leaves_at = self.leaves_at(is_answered);
        leaves_at.is_some_and(|at| at <= now + ROUNDED)
    }

    /// When [`has_left`](Self::has_left) has to be asked again.
    pub(super) fn leaves_at(&self, is_answered: bool) -> Option<Instant> {
        self.leaves_at
            .filter(|_| !self.is_half_closed && !is_answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;

    /// After how many milliseconds the client ends its half, whether it closes the connection,
    /// whether the response has begun, when it is asked, and whether the client has left.
    #[test]
    fn an_early_end_may_be_that_of_a_half() {
        let table = [
            (Some(0), false, false, 0, false),
            (Some(10), false, false, 10, false),
            (Some(10), false, false, 299, false),
            (Some(10), false, false, 300, true),
            (Some(10), false, true, 10_000, false),
            (Some(10), true, false, 10, true),
            (Some(10), true, true, 10, true),
            (Some(51), false, false, 51, true),
            (Some(51), false, true, 51, true),
            (None, false, false, 10_000, false),
        ];
        for (end, closes, is_answered, asked, expected) in table {
            let (client, socket) = UnixStream::pair().unwrap();
            let transport = Transport::plain(socket.into());
            let start = Instant::now();
            let after = |ms| start + Duration::from_millis(ms);
            let mut presence = Presence::new(start, false);
            if let Some(end) = end {
                client.shutdown(Shutdown::Write).unwrap();
                // The report comes before the response.
                presence.has_left(&transport, is_answered && end > 50, after(end));
            }
            let _open = (!closes).then_some(client);
            let has_left = presence.has_left(&transport, is_answered, after(asked));
            let row = (end, closes, is_answered, asked);
            assert_eq!(has_left, expected, "{row:?}");
        }
    }

    #[test]
    fn an_end_that_came_with_the_request_is_that_of_a_half() {
        let (client, socket) = UnixStream::pair().unwrap();
        let transport = Transport::plain(socket.into());
        let now = Instant::now();
        let mut presence = Presence::new(now, true);
        client.shutdown(Shutdown::Write).unwrap();
        assert!(!presence.has_left(&transport, false, now + Duration::from_secs(60)));
        drop(client);
        assert!(presence.has_left(&transport, false, now));
    }

    /// Once a response has begun, an early end is no deadline any more.
    #[test]
    fn a_response_that_has_begun_is_not_given_up() {
        let (client, socket) = UnixStream::pair().unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let transport = Transport::plain(socket.into());
        let start = Instant::now();
        let mut presence = Presence::new(start, false);
        assert!(!presence.has_left(&transport, false, start));
        let at = start + GRACE;
        assert_eq!(presence.leaves_at(false), Some(at));
        assert!(presence.is_overdue(false, at));
        assert_eq!(presence.leaves_at(true), None);
        assert!(!presence.is_overdue(true, at));
        assert!(!presence.has_left(&transport, true, at));
    }
}
