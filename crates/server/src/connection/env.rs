//! What all connections of a server share and none changes: settings, handler, clock, access log.

#[cfg(feature = "access-log")]
use crate::access_log::AccessLog;
use crate::access_log::Record;
use crate::deadline::{Clock, Timeouts};
#[cfg(feature = "gateway")]
use crate::gateway::Registry;
use crate::handler::Handler;
#[cfg(feature = "tls")]
use crate::tls::TlsHandle;
use std::sync::Arc;
use tinyhttp_message::Limits;

/// The surroundings of a connection.
pub(crate) struct Env {
    pub(crate) handler: Arc<dyn Handler>,
    /// How long content may be that is received for handlers that need it.
    pub(crate) max_body: u64,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    #[cfg(feature = "access-log")]
    pub(crate) access_log: Option<AccessLog>,
    /// What handshakes are answered with, if a listener speaks HTTPS.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsHandle>,
    /// The connections to upstream servers.
    #[cfg(feature = "gateway")]
    pub(crate) upstreams: Registry,
}

impl Env {
    /// The descriptors that exchanges with upstream servers take.
    pub(crate) fn upstream_descriptors(&self) -> usize {
        #[cfg(feature = "gateway")]
        let descriptors = self.upstreams.descriptors();
        #[cfg(not(feature = "gateway"))]
        let descriptors = 0;
        descriptors
    }

    /// Whether exchanges are recorded.
    pub(crate) fn records(&self) -> bool {
        #[cfg(feature = "access-log")]
        let records = self.access_log.is_some();
        #[cfg(not(feature = "access-log"))]
        let records = false;
        records
    }

    /// Writes the line of a finished exchange to the access log.
    #[cfg(feature = "access-log")]
    pub(super) fn record(&self, mut record: Record<'_>) {
        if let Some(log) = &self.access_log {
            // Up to here, the duration says when the exchange began.
            record.duration = self.clock.elapsed().saturating_sub(record.duration);
            log.record(&record);
        }
    }

    /// There is no access log.
    #[cfg(not(feature = "access-log"))]
    pub(super) fn record(&self, _record: Record<'_>) {}
}
