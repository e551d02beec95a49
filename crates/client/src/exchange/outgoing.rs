//! The part of a request that hasn't gone out.

use crate::body::Source;
use crate::error::Error;
use std::io;
use std::time::Instant;
use tinyhttp_message::ContentEncoder;

/// How much content is read from its source, or sent, at a time.
pub(super) const PIECE: usize = 64 * 1024;

/// The part of the request that hasn't gone out.
pub(super) struct Outgoing {
    pub(super) source: Source,
    /// `None` when the end of the content is in the buffer.
    pub(super) encoder: Option<ContentEncoder>,
    pub(super) buffer: Vec<u8>,
    /// How much of the buffer has gone out.
    pub(super) start: usize,
    /// Bytes of content that have come from the source.
    pub(super) content: u64,
    /// The content waits for `100 Continue` until then.
    pub(super) hold: Option<Instant>,
}

impl Outgoing {
    pub(super) fn unsent(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Puts the next piece of content, or its end, into the buffer, behind what is there.
    pub(super) fn refill(&mut self) -> Result<(), Error> {
        let Some(encoder) = &mut self.encoder else {
            return Ok(());
        };
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        let mut scratch = Vec::new();
        let piece = self
            .source
            .piece(PIECE, &mut scratch)
            .map_err(|source| Error::Content { source })?;
        self.content += piece.len() as u64;
        if piece.is_empty() {
            encoder.finish(&mut self.buffer).map_err(content_error)?;
            self.encoder = None;
            return Ok(());
        }
        encoder
            .encode(piece, &mut self.buffer)
            .map_err(content_error)
    }
}

fn content_error(error: tinyhttp_message::MisuseError) -> Error {
    Error::Content {
        source: io::Error::other(error),
    }
}
