//! When what happened to a request that is forwarded.

use crate::access_log::UpstreamRecord;
use http::StatusCode;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When what happened, by the clock of turns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    start: Instant,
    /// Since when the request waits for a server with room.
    waits: Lapse,
    /// How long it has waited before.
    queued: Lapse,
    connected: Lapse,
    first_byte: Lapse,
    attempts: u8,
}

/// A time in microseconds, or none: it is kept with each event stream, so it is small.
#[derive(Debug, Clone, Copy, Default)]
struct Lapse(Option<NonZeroU64>);

impl Lapse {
    fn get(self) -> Option<Duration> {
        let micros = |value: NonZeroU64| Duration::from_micros(value.get() - 1);
        self.0.map(micros)
    }

    fn set(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0 = NonZeroU64::new(micros.saturating_add(1));
    }

    /// Sets the time from `start` to `now`, unless there is one.
    fn set_first(&mut self, start: Instant, now: Instant) {
        if self.0.is_none() {
            self.set(now.saturating_duration_since(start));
        }
    }
}

impl Timing {
    pub(super) fn new(now: Instant) -> Self {
        Timing {
            start: now,
            waits: Lapse::default(),
            queued: Lapse::default(),
            connected: Lapse::default(),
            first_byte: Lapse::default(),
            attempts: 0,
        }
    }

    fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    /// Takes note that the request waits for a server with room.
    pub(super) fn waits(&mut self, now: Instant) {
        self.waits.set_first(self.start, now);
    }

    /// How long the request has waited for a server with room, in all; `None` if there was one.
    fn queued(&self, now: Instant) -> Option<Duration> {
        let waits = |began| self.since(now).saturating_sub(began);
        let (before, current) = (self.queued.get(), self.waits.get().map(waits));
        match (before, current) {
            (Some(before), Some(current)) => Some(before + current),
            (before, current) => before.or(current),
        }
    }

    /// Begins an attempt: a server was found.
    pub(super) fn begin(&mut self, now: Instant) {
        if let Some(queued) = self.queued(now) {
            self.queued.set(queued);
        }
        self.waits = Lapse::default();
        (self.connected, self.first_byte) = (Lapse::default(), Lapse::default());
        self.attempts = self.attempts.saturating_add(1);
    }

    pub(super) fn connected(&mut self, now: Instant) {
        self.connected.set_first(self.start, now);
    }

    /// Takes note of bytes of the response, of which only the first ones count.
    pub(super) fn received(&mut self, now: Instant) {
        self.first_byte.set_first(self.start, now);
    }

    /// What the access log says of the upstream.
    pub(super) fn record(
        &self,
        address: Arc<str>,
        status: Option<StatusCode>,
        now: Instant,
    ) -> UpstreamRecord {
        UpstreamRecord {
            address,
            status,
            queue: self.queued(now),
            connect: self.connected.get(),
            first_byte: self.first_byte.get(),
            total: self.since(now),
            retries: self.attempts.saturating_sub(1),
        }
    }

    /// The value of Server-Timing, in milliseconds (W3C Server Timing §3), when the response has
    /// begun.
    pub(super) fn server_timing(&self) -> String {
        let milliseconds = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64() * 1000.0;
        let mut value = String::new();
        if let Some(queued) = self.queued.get() {
            let queued = milliseconds(Some(queued));
            value = format!("upstream-queue;dur={queued:.3}, ");
        }
        value
            + &format!(
                "upstream-connect;dur={:.3}, upstream-response;dur={:.3}",
                milliseconds(self.connected.get()),
                milliseconds(self.first_byte.get())
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens after how many milliseconds, and what is known after 1,000.
    #[test]
    fn the_wait_for_a_server_is_counted_in_all() {
        type Row = (
            &'static [(&'static str, u64)],
            Option<u64>,
            Option<u64>,
            &'static str,
        );
        let table: [Row; 6] = [
            (&[], None, None, "upstream-connect;dur=0.000"),
            (
                &[("begin", 0), ("connected", 2), ("received", 5)],
                None,
                Some(2),
                "upstream-connect;dur=2.000, upstream-response;dur=5.000",
            ),
            (
                &[("waits", 0), ("waits", 7), ("begin", 10), ("connected", 12)],
                Some(10),
                Some(12),
                "upstream-queue;dur=10.000, upstream-connect;dur=12.000",
            ),
            // Another attempt waits, too.
            (
                &[
                    ("waits", 0),
                    ("begin", 10),
                    ("connected", 12),
                    ("waits", 20),
                    ("begin", 50),
                ],
                Some(40),
                None,
                "upstream-queue;dur=40.000, upstream-connect;dur=0.000",
            ),
            // No server was found.
            (&[("waits", 100)], Some(900), None, "upstream-connect"),
            (
                &[("waits", 0), ("begin", 10), ("waits", 400)],
                Some(610),
                None,
                "upstream-queue;dur=10.000",
            ),
        ];
        for (events, queue, connect, header) in table {
            let start = Instant::now();
            let after = |ms| start + Duration::from_millis(ms);
            let mut timing = Timing::new(start);
            for (event, at) in events {
                match *event {
                    "waits" => timing.waits(after(*at)),
                    "begin" => timing.begin(after(*at)),
                    "connected" => timing.connected(after(*at)),
                    _ => timing.received(after(*at)),
                }
            }
            let record = timing.record("h:1".into(), None, after(1000));
            assert_eq!(record.queue, queue.map(Duration::from_millis), "{events:?}");
            assert_eq!(
                record.connect,
                connect.map(Duration::from_millis),
                "{events:?}"
            );
            assert_eq!(record.total, Duration::from_secs(1));
            let value = timing.server_timing();
            assert!(value.starts_with(header), "{events:?}: {value}");
        }
    }
}
