//! What a connection asks its worker for: the response to a request.

use super::env::Env;
use super::input::Input;
use crate::access_log::{Ending, Held, Record};
use crate::body::Spool;
use crate::handler::Receive;
use crate::intake::Refusal;
use std::time::Instant;
use tinyhttp_message::RequestHead;

/// A request that needs a response.
pub(crate) struct Call<'i> {
    pub(crate) head: RequestHead<'i>,
    /// Upper bound on when the request began to arrive.
    pub(crate) arrived: Instant,
    /// The request has no content, or all of it has been received.
    pub(crate) is_complete: bool,
    /// What has been received behind the head.
    pub(super) input: &'i Input,
}

/// A request whose content is being received.
pub(super) struct Collecting {
    pub(super) receive: Receive,
    pub(super) record: Option<Record<'static>>,
    pub(super) spool: Spool,
    /// Earlier responses that the socket has not taken, and their records.
    pub(super) output: Vec<u8>,
    pub(super) held: Held,
    /// Nothing is received any more.
    pub(super) refusal: Option<Refusal>,
}

/// A request whose content has been received or refused.
pub(crate) struct Collected {
    pub(crate) receive: Receive,
    pub(crate) record: Option<Record<'static>>,
    pub(crate) refusal: Option<Refusal>,
}

#[cfg(feature = "gateway")]
impl Collected {
    /// Records the request, whose handler does not continue.
    pub(super) fn abort(self, ending: Ending, env: &Env) {
        if let Some(mut record) = self.record {
            record.ending = ending;
            env.record(record);
        }
    }
}

impl Collecting {
    /// Whether earlier responses have to be sent first.
    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Records the earlier responses, which the client has not taken.
    pub(super) fn abort(mut self, ending: Ending, env: &Env) {
        self.held.settle(0, ending, |record| env.record(record));
    }
}
