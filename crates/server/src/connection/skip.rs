//! Skipping the content of a request that its handler has left, so that the next request follows.

use super::input::Input;
use super::turn::Turn;
use super::{Connection, DRAIN, State};
use crate::deadline::Waiting;
use tinyhttp_message::CloseReason;
use tinyhttp_message::connection::Skipped;

impl Connection {
    /// Skips content that the handler has left. A client may send each byte as a chunk of its own:
    /// framing counts towards the bound on skipped bytes, and earns no time, which only content
    /// does.
    pub(super) fn skip_content(&mut self, turn: &mut Turn<'_>, input: &Input) {
        let Skipped { used, content } = match self.protocol.skip_content(input.unused()) {
            Ok(skipped) => skipped,
            Err(error) => return self.refuse(error, turn),
        };
        input.consume(used);
        let timeouts = turn.env.timeouts;
        turn.left = timeouts.after(Waiting::Content, turn.left, content as u64);
        self.drained += used as u64;
        if self.protocol.is_complete() {
            self.finish_exchange(turn);
        } else if self.drained > DRAIN {
            self.protocol.close_after(CloseReason::UnreadContent);
            self.state = State::Ending;
        } else {
            turn.needs_more = true;
        }
    }
}
