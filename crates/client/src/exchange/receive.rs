//! Reads the head of the response, and those of interim responses before it.

use super::head::{self, Found, HeadReader, Repaired};
use super::{Exchange, ExchangeError, Head};
use crate::error::Error;
use crate::trace::Event;
use http::StatusCode;
use tinyhttp_message::connection::Response;
use tinyhttp_message::{
    CloseReason, Deviation, Event as Received, LargeFieldStorage, ProtocolError, ResponseHead,
};

impl Exchange {
    /// Sends the rest of the request, as far as the server reads it, and reads the response's head.
    pub(crate) fn receive_head(&mut self) -> Result<Head, ExchangeError> {
        loop {
            match self.try_receive_head() {
                Ok(Some(head)) => {
                    self.head_is_complete = true;
                    self.length = head.length;
                    self.response_deadline = None;
                    if self.sending.outgoing.is_some() && !head.status.is_success() {
                        // The server has decided without the rest of the content.
                        self.stop_sending();
                    }
                    return Ok(head);
                }
                Ok(None) => {}
                Err(error) => {
                    let error = self.give_up(error);
                    let has_ended = matches!(error, Error::NoResponse { .. } | Error::Send { .. });
                    return Err(ExchangeError {
                        unanswered: has_ended && !self.has_first_byte,
                        error,
                    });
                }
            }
        }
    }

    /// Reads the next head if all of it has arrived, and more bytes otherwise.
    fn try_receive_head(&mut self) -> Result<Option<Head>, Error> {
        let unread = self.connection.input.unread();
        head::check_start(unread, &self.connection.peer)?;
        let repaired = match self.head.find(unread, self.connection.grammar) {
            Ok(Found::Whole(repaired)) => repaired,
            Ok(Found::NeedMore) => return self.need_more(0),
            Err(source) => return Err(self.protocol_error(source)),
        };
        if let Some(repaired) = &repaired {
            self.tolerate(repaired);
        }
        let mut storage = LargeFieldStorage::empty();
        // What was sent is what is shown; what is parsed may be a repaired copy of it.
        let unread = self.connection.input.unread();
        let sent = repaired.as_ref().map(|repaired| &unread[..repaired.length]);
        let parsed = repaired.as_ref().map_or(unread, |repaired| &repaired.head);
        let received = self.connection.protocol.receive(parsed, &mut storage);
        let (used, event) = received.map_err(|source| Error::Protocol {
            peer: self.connection.peer.clone(),
            source,
        })?;
        let used = sent.map_or(used, <[u8]>::len);
        let head = match event {
            Received::Head(Response::Interim(head)) => {
                let raw = sent.unwrap_or(head.raw());
                self.recorder.emit(&Event::Interim(raw));
                self.head = HeadReader::default();
                let goes_ahead = head.status == StatusCode::CONTINUE;
                if let Some(outgoing) = self.sending.outgoing.as_mut().filter(|_| goes_ahead) {
                    outgoing.hold = None;
                }
                None
            }
            Received::Head(Response::Final { head, framing }) => {
                let raw = sent.unwrap_or(head.raw());
                if head.status == StatusCode::SWITCHING_PROTOCOLS
                    && !is_offered(&head, self.upgrade.as_deref())
                {
                    return Err(self.protocol_error(ProtocolError::UnexpectedUpgrade));
                }
                self.recorder.emit(&Event::ResponseHead {
                    raw,
                    status: head.status,
                    length: framing.length,
                });
                let own = own_head(&head, raw, framing.length);
                Some(own.map_err(|source| Error::Protocol {
                    peer: self.connection.peer.clone(),
                    source,
                })?)
            }
            _ => return self.need_more(used),
        };
        self.connection.input.consume(used);
        Ok(head)
    }

    /// Reads more bytes for an incomplete head, of which `used` bytes are no longer needed.
    fn need_more(&mut self, used: usize) -> Result<Option<Head>, Error> {
        self.connection.input.consume(used);
        if self.fill(None)? == 0 {
            return Err(self.ended_early());
        }
        Ok(None)
    }

    /// Takes note of the deviations in a head.
    fn tolerate(&mut self, repaired: &Repaired) {
        for deviation in repaired.deviations.iter() {
            self.recorder.emit(&Event::Tolerated(deviation));
            if deviation == Deviation::ContentLengthWithTransferEncoding {
                let protocol = &mut self.connection.protocol;
                protocol.close_after(CloseReason::ProtocolError);
            }
        }
    }

    fn protocol_error(&self, source: ProtocolError) -> Error {
        Error::Protocol {
            peer: self.connection.peer.clone(),
            source,
        }
    }

    /// The error for a connection that ended before the head's end.
    fn ended_early(&self) -> Error {
        // Interim responses alone are no response.
        if !self.connection.input.unread().is_empty() {
            return self.protocol_error(ProtocolError::UnexpectedEnd);
        }
        self.no_response(None)
    }
}

/// Whether a 101 response switches to protocols that the client offered, and to no others (RFC 9110
/// §7.8).
fn is_offered(head: &ResponseHead<'_>, offered: Option<&[u8]>) -> bool {
    let Some(offered) = offered else {
        return false;
    };
    let members = |list| {
        let list: &[u8] = list;
        list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
    };
    let mut chosen = head
        .fields
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("upgrade"))
        .flat_map(|(_, value)| members(value))
        .peekable();
    chosen.peek().is_some()
        && chosen.all(|name| members(offered).any(|other| other.eq_ignore_ascii_case(name)))
}

/// A head that outlives the bytes it was parsed from.
fn own_head(
    head: &ResponseHead<'_>,
    raw: &[u8],
    length: tinyhttp_message::BodyLength,
) -> Result<Head, ProtocolError> {
    Ok(Head {
        version: head.version,
        status: head.status,
        reason: head.reason.to_owned(),
        fields: head.fields.to_http()?,
        raw: raw.to_vec(),
        length,
    })
}
