//! What is known about a fetch at its end.

use crate::failure::Failure;
use crate::get::request::spec::RequestSpec;
use http::HeaderMap;
use std::path::PathBuf;
use std::time::Duration;
use tinyhttp_client::trace::{Hop, Trace};
use url::Url;

/// The outcome of a fetch so far.
#[derive(Debug, Default)]
pub(in crate::get) struct Summary {
    /// Bytes of content that were written somewhere, in the last attempt.
    pub(in crate::get) written: u64,
    /// The content was decoded, so that other bytes were written than received.
    pub(in crate::get) is_decoded: bool,
    /// The content was not written, since its date does not meet the condition of `-z`.
    pub(in crate::get) is_unmet: bool,
    /// The file that was written.
    pub(in crate::get) file: Option<PathBuf>,
    /// What was verified, in words.
    pub(in crate::get) verified: Option<String>,
    /// Attempts after the first one.
    pub(in crate::get) retries: u32,
    /// The status code of the last answer to CONNECT.
    pub(in crate::get) connect_status: Option<u16>,
}

/// All that is known about one fetch, for `-w`, `--json-out` and `--explain`.
pub(in crate::get) struct Facts<'f> {
    /// The URL as it was given.
    pub(in crate::get) given: &'f str,
    /// The URL that was meant; `None` if the text is no URL.
    pub(in crate::get) url: Option<&'f Url>,
    /// The zone of the URL's address.
    pub(in crate::get) zone: Option<&'f str>,
    /// The request; `None` if none could be made.
    pub(in crate::get) spec: Option<&'f RequestSpec>,
    /// Whether standard output may have colours.
    pub(in crate::get) colour: bool,
    pub(in crate::get) summary: &'f Summary,
    pub(in crate::get) trace: &'f Trace,
    pub(in crate::get) failure: Option<&'f Failure>,
    /// Which argument the URL comes from, counted from 0.
    pub(in crate::get) number: usize,
    /// Which fetch of the run it is, counted from 0.
    pub(in crate::get) fetch: usize,
}

/// From the start to the end of the last hop.
pub(in crate::get) fn total(trace: &Trace) -> Duration {
    let Some(hop) = trace.hops.last() else {
        return Duration::ZERO;
    };
    [
        hop.timings.ended,
        hop.timings.first_byte,
        hop.timings.sent,
        hop.timings.send,
        hop.timings.connected,
        hop.timings.resolved,
    ]
    .into_iter()
    .flatten()
    .max()
    .unwrap_or(hop.timings.started)
}

/// The fields of the response's head.
pub(in crate::get) fn fields(hop: Option<&Hop>) -> HeaderMap {
    hop.map(|hop| hop.response.fields()).unwrap_or_default()
}
