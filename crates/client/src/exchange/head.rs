//! The head of a response before it is parsed: where it ends, what has to be repaired, and whether
//! it is one at all.

use super::connection::Grammar;
use crate::error::Error;
use crate::peer::Peer;
use tinyhttp_message::tolerance::{HeadEnd, repair};
use tinyhttp_message::{Deviations, ProtocolError};

/// How every response begins (RFC 9112 §4).
const START: &[u8] = b"HTTP/";
/// How much of something else is shown.
const SHOWN: usize = 60;

/// Looks for the end of a head.
#[derive(Debug, Default)]
pub(super) struct HeadReader(HeadEnd);

/// What has been read so far.
pub(super) enum Found {
    NeedMore,
    /// The whole head; the copy to parse, if the grammar would refuse the original.
    Whole(Option<Repaired>),
}

/// A head that the strict grammar takes, instead of the one that was sent.
pub(super) struct Repaired {
    /// Bytes of the head that was sent.
    pub(super) length: usize,
    pub(super) head: Vec<u8>,
    pub(super) deviations: Deviations,
}

impl HeadReader {
    pub(super) fn find(&mut self, unread: &[u8], grammar: Grammar) -> Result<Found, ProtocolError> {
        if grammar.is_strict {
            // The parser finds the end itself.
            return Ok(Found::Whole(None));
        }
        let Some(length) = self.0.find(unread, &grammar.limits)? else {
            return Ok(Found::NeedMore);
        };
        let repaired = repair(&unread[..length])?;
        Ok(Found::Whole(repaired.map(|(head, deviations)| Repaired {
            length,
            head,
            deviations,
        })))
    }
}

/// Recognises by its first bytes what isn't HTTP: its sender may wait for an answer and never end
/// the line.
pub(super) fn check_start(unread: &[u8], peer: &Peer) -> Result<(), Error> {
    let length = unread.len().min(START.len());
    if unread[..length] == START[..length] {
        return Ok(());
    }
    let line = unread.split(|byte| matches!(byte, b'\r' | b'\n')).next();
    let line = line.unwrap_or_default();
    Err(Error::NotHttp {
        peer: peer.clone(),
        start: line[..line.len().min(SHOWN)].to_vec(),
    })
}
