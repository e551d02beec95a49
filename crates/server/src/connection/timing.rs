//! When what happened to a request that is forwarded.

use crate::access_log::UpstreamRecord;
use http::StatusCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When what happened, by the clock of turns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    start: Instant,
    connected: Option<Duration>,
    first_byte: Option<Duration>,
    attempts: u8,
}

impl Timing {
    pub(super) fn new(now: Instant) -> Self {
        Timing {
            start: now,
            connected: None,
            first_byte: None,
            attempts: 0,
        }
    }

    /// Begins an attempt.
    pub(super) fn begin(&mut self) {
        (self.connected, self.first_byte) = (None, None);
        self.attempts = self.attempts.saturating_add(1);
    }

    pub(super) fn connected(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.start);
        self.connected.get_or_insert(since);
    }

    /// Takes note of bytes of the response, of which only the first ones count.
    pub(super) fn received(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.start);
        self.first_byte.get_or_insert(since);
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
            connect: self.connected,
            first_byte: self.first_byte,
            total: now.saturating_duration_since(self.start),
            retries: self.attempts.saturating_sub(1),
        }
    }

    /// The value of Server-Timing, in milliseconds (W3C Server Timing §3).
    pub(super) fn server_timing(&self) -> String {
        let milliseconds = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64() * 1000.0;
        format!(
            "upstream-connect;dur={:.3}, upstream-response;dur={:.3}",
            milliseconds(self.connected),
            milliseconds(self.first_byte)
        )
    }
}
