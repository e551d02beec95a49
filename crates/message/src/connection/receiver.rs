//! The receiving half of a connection, the same for both roles: a message's head, its content, its
//! end.
//!
//! The roles differ in what a head is, and in what follows one: a server reads request heads, a
//! client reads interim response heads before the final one. So each role reads the head that is
//! [due](Receiver::due_head) itself, and the receiver does the rest.

use crate::content::{ContentDecoder, Piece};
use crate::error::{MisuseError, ProtocolError};
use crate::framing::{BodyLength, CloseReason};
use crate::head::{HeadScanner, Limits};
use crate::tolerance::Deviations;
use http::HeaderMap;

/// What received bytes turned out to be.
///
/// `H` is the head that the role receives: [`Request`](super::Request) for a server,
/// [`Response`](super::Response) for a client. Both roles go through the same sequence: `Head`,
/// then `Content` any number of times, then `End`; a message whose length is [`BodyLength::Empty`]
/// or zero is complete with its head, and has no `End`.
#[derive(Debug)]
pub enum Event<'b, H> {
    /// The input holds only a part of a head or a chunk; call again with more input.
    NeedMore,
    /// A head.
    Head(H),
    /// A piece of content, at least one byte. Pieces are cut where the input is cut and where
    /// chunks end.
    Content(&'b [u8]),
    /// The end of the content, with the trailer fields. Trailer fields never become fields of the
    /// head.
    End(HeaderMap),
    /// The message is complete, and this side has to act before the next one is read: a server
    /// responds, a client sends a request. No input was used.
    Paused,
}

/// The bytes taken by [`ServerConnection::skip_content`](super::ServerConnection::skip_content).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Bytes of the input, framing included.
    pub used: usize,
    /// Bytes of content among them.
    pub content: usize,
}

/// Where the peer's message stands.
#[derive(Debug)]
pub(super) enum Progress {
    /// A head is due or has begun to arrive.
    Head(HeadScanner),
    /// Content is due.
    Content(ContentDecoder),
    /// The message is complete.
    End,
    /// An error or the end of the input came before the message's end. Further input has no meaning
    /// and is discarded.
    Closed,
}

/// Receives one message after the other.
#[derive(Debug)]
pub(super) struct Receiver {
    limits: Limits,
    progress: Progress,
    close: Option<CloseReason>,
}

impl Receiver {
    pub(super) fn new(limits: Limits, progress: Progress) -> Self {
        Receiver {
            limits,
            progress,
            close: None,
        }
    }

    /// Starts to receive another message.
    pub(super) fn expect_head(&mut self) {
        self.progress = Progress::Head(HeadScanner::default());
    }

    /// Returns the scanner of the head that is due, with the limits; `None` if none is due. The
    /// role reads the head and then calls [`begin`](Self::begin) or [`fail`](Self::fail).
    pub(super) fn due_head(&mut self) -> Option<(&mut HeadScanner, &Limits)> {
        match &mut self.progress {
            Progress::Head(scanner) => Some((scanner, &self.limits)),
            Progress::Content(_) | Progress::End | Progress::Closed => None,
        }
    }

    /// Begins a message of which the head has been read. `close` is the reason why the connection
    /// can't be used after it. A tolerant receiver forgives faults of chunks.
    pub(super) fn begin(
        &mut self,
        length: BodyLength,
        close: Option<CloseReason>,
        is_tolerant: bool,
    ) {
        self.close = self.close.or(close);
        self.progress =
            ContentDecoder::new(length, is_tolerant).map_or(Progress::End, Progress::Content);
    }

    /// Reads the next event from `input` while no head is due, and returns how many bytes it used.
    /// `tolerance` collects the faults that were forgiven.
    ///
    /// After an error further input is discarded, and the connection can't be used again.
    pub(super) fn receive<'b, H>(
        &mut self,
        input: &'b [u8],
        tolerance: Option<&mut Deviations>,
    ) -> Result<(usize, Event<'b, H>), ProtocolError> {
        match &self.progress {
            Progress::Content(_) => self
                .receive_content(input, tolerance)
                .inspect_err(|_| self.fail()),
            Progress::Head(_) | Progress::End => Ok((0, Event::Paused)),
            Progress::Closed => Ok((input.len(), Event::NeedMore)),
        }
    }

    fn receive_content<'b, H>(
        &mut self,
        input: &'b [u8],
        tolerance: Option<&mut Deviations>,
    ) -> Result<(usize, Event<'b, H>), ProtocolError> {
        let Progress::Content(decoder) = &mut self.progress else {
            return Ok((0, Event::Paused));
        };
        let decoded = decoder.decode(input, &self.limits);
        if let Some(tolerance) = tolerance {
            tolerance.extend(decoder.take_deviations());
        }
        let (used, piece) = decoded?;
        let event = match piece {
            Piece::NeedMore => Event::NeedMore,
            Piece::Content(content) => Event::Content(content),
            Piece::End(trailers) => {
                self.progress = Progress::End;
                Event::End(trailers)
            }
        };
        Ok((used, event))
    }

    /// Discards content at the start of `input`, up to its end, and returns how much that was.
    pub(super) fn skip_content(&mut self, input: &[u8]) -> Result<Skipped, ProtocolError> {
        let mut skipped = Skipped::default();
        while let Progress::Content(decoder) = &mut self.progress {
            let decoded = decoder.decode(&input[skipped.used..], &self.limits);
            let (used, piece) = decoded.inspect_err(|_| self.fail())?;
            skipped.used += used;
            skipped.content += piece.length();
            match piece {
                Piece::NeedMore => break,
                Piece::Content(_) => {}
                Piece::End(_) => self.progress = Progress::End,
            }
        }
        Ok(skipped)
    }

    /// Takes note that the next `length` bytes of content were taken past this receiver.
    ///
    /// # Errors
    /// As [`ServerConnection::content_taken`](super::ServerConnection::content_taken).
    pub(super) fn content_taken(&mut self, length: u64) -> Result<(), MisuseError> {
        let Progress::Content(ContentDecoder::Known(left)) = &mut self.progress else {
            return Err(MisuseError::OutOfTurn);
        };
        *left = left
            .checked_sub(length)
            .ok_or(MisuseError::ContentLengthMismatch)?;
        Ok(())
    }

    /// Gives up on the peer's messages: discards further input, and ends the connection after this
    /// exchange.
    pub(super) fn fail(&mut self) {
        self.progress = Progress::Closed;
        self.close = Some(CloseReason::ProtocolError);
    }

    /// Takes note that the peer has closed its side. Content whose end is the connection's end is
    /// complete now.
    ///
    /// `head_is_due` says whether a head has to come even if none of it has arrived.
    ///
    /// # Errors
    /// [`ProtocolError::UnexpectedEnd`] before the end of a message.
    pub(super) fn end_of_input(&mut self, head_is_due: bool) -> Result<(), ProtocolError> {
        let (progress, outcome) = match &self.progress {
            Progress::End | Progress::Content(ContentDecoder::UntilClose) => {
                (Progress::End, Ok(()))
            }
            Progress::Head(scanner) if !head_is_due && *scanner == HeadScanner::default() => {
                (Progress::Closed, Ok(()))
            }
            Progress::Closed => (Progress::Closed, Ok(())),
            Progress::Head(_) | Progress::Content(_) => {
                (Progress::Closed, Err(ProtocolError::UnexpectedEnd))
            }
        };
        self.progress = progress;
        self.close_after(CloseReason::PeerEnded);
        outcome
    }

    pub(super) fn awaits_content(&self) -> bool {
        matches!(self.progress, Progress::Content(_))
    }

    pub(super) fn awaits_head(&self) -> bool {
        matches!(self.progress, Progress::Head(_))
    }

    pub(super) fn is_inside_head(&self) -> bool {
        matches!(&self.progress, Progress::Head(scanner) if *scanner != HeadScanner::default())
    }

    pub(super) fn is_complete(&self) -> bool {
        matches!(self.progress, Progress::End)
    }

    /// Bytes of content that have not been received: 0 outside of content, `None` if its length is
    /// not known.
    pub(super) fn unread(&self) -> Option<u64> {
        match &self.progress {
            Progress::Content(decoder) => decoder.left(),
            _ => Some(0),
        }
    }

    pub(super) fn close_after(&mut self, reason: CloseReason) {
        self.close.get_or_insert(reason);
    }

    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        self.close
    }
}
