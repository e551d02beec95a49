//! The server's side: requests in, responses out.

use super::{Receiving, content_length, receive_content};
use crate::content::{ContentDecoder, ContentEncoder, Piece};
use crate::encode::HeadWriter;
use crate::error::Error;
use crate::framing::{CloseReason, RequestFraming, may_have_content, request_framing};
use crate::head::{FieldStorage, HeadScanner, Limits, RequestHead};
use http::{HeaderMap, Method, StatusCode, Version};
use std::io::Write;

/// Bytes of framing that chunked content may have beyond twice its own length. Content in one-byte
/// chunks is five sixths framing, so 20,000 such chunks are accepted, and larger content needs larger
/// chunks. Extensions (4 KiB) and trailer fields (32 KiB) of one message fit in.
const FRAMING: u64 = 64 * 1024;

/// What the bytes from a client were.
#[derive(Debug)]
pub enum ServerEvent<'h> {
    /// Part of something; more input is needed.
    NeedMore,
    /// A request's head. If its length is [`BodyLength::Empty`](crate::BodyLength::Empty) the request is complete.
    Request {
        /// The head.
        head: RequestHead<'h>,
        /// What it says of the content and the connection.
        framing: RequestFraming,
    },
    /// Some of the request's content.
    Content(&'h [u8]),
    /// The request's content is complete. Trailer fields are here and nowhere else.
    End(HeaderMap),
    /// The request is complete and its answer is due; nothing was taken from the input.
    Paused,
}

/// The server's side of a connection.
#[derive(Debug)]
pub struct ServerConnection {
    limits: Limits,
    receiving: Receiving,
    /// What has to be known of the request in order to answer it.
    version: Version,
    answers_head: bool,
    expects_continue: bool,
    answered: bool,
    /// Bytes of the request's content so far, and bytes that only framed them.
    received: Received,
    close: Option<CloseReason>,
    /// What the Keep-Alive field of responses says, in seconds; zero for no such field.
    keep_alive: u16,
}

/// How much of a request's content has been received.
#[derive(Debug, Clone, Copy, Default)]
struct Received {
    content: u64,
    framing: u64,
}

/// What [`ServerConnection::skip_content`] took from its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Bytes of the input, framing included.
    pub used: usize,
    /// Bytes of content among them.
    pub content: usize,
}

impl Received {
    /// Counts `used` bytes, of which `content` were content.
    fn count(&mut self, used: usize, content: usize) -> Result<(), Error> {
        self.content += content as u64;
        self.framing += (used - content) as u64;
        if self.framing > self.content.saturating_mul(2).saturating_add(FRAMING) {
            Err(Error::TooMuchFraming)
        } else {
            Ok(())
        }
    }
}

impl ServerConnection {
    /// A connection on which nothing has arrived.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        ServerConnection {
            limits,
            receiving: Receiving::Head(HeadScanner::default()),
            version: Version::HTTP_11,
            answers_head: false,
            expects_continue: false,
            answered: false,
            received: Received::default(),
            close: None,
            keep_alive: 0,
        }
    }

    /// Has responses say how long the connection is kept open for another request, in seconds, so that a client need not
    /// find out by a request that fails: `Keep-Alive: timeout=75` (RFC 2068 §19.7.1.1). Zero, the default, says nothing.
    #[must_use]
    pub fn with_keep_alive(mut self, seconds: u16) -> Self {
        self.keep_alive = seconds;
        self
    }

    /// Looks at the bytes that have arrived and are not used yet: how many are used now, and what they were.
    ///
    /// # Errors
    /// Whatever is wrong with the request. [`Error::status`] is what to answer; then the connection has to end.
    pub fn receive<'h, 'b: 'h>(
        &mut self,
        input: &'b [u8],
        storage: &'h mut FieldStorage<'b>,
    ) -> Result<(usize, ServerEvent<'h>), Error> {
        let received = match &mut self.receiving {
            Receiving::Head(scanner) => {
                // A client of old may send empty lines after its content (RFC 9112 §2.2); they belong to no head.
                let fresh = *scanner == HeadScanner::default();
                let empty_lines = if fresh { empty_lines(input) } else { 0 };
                let input = &input[empty_lines..];
                if fresh && (input.is_empty() || input == b"\r") {
                    return Ok((empty_lines, ServerEvent::NeedMore));
                }
                // Whatever is wrong with the rest of the head, an answer to HEAD has no content.
                self.answers_head = input.starts_with(b"HEAD ");
                receive_request(scanner, input, storage, &self.limits)
                    .map(|(used, event)| (empty_lines + used, event))
            }
            Receiving::Content(_) => receive_content(&mut self.receiving, input, &self.limits)
                .and_then(|(used, piece)| {
                    self.received.count(used, piece.length())?;
                    let event = match piece {
                        Piece::NeedMore => ServerEvent::NeedMore,
                        Piece::Content(content) => ServerEvent::Content(content),
                        Piece::End(trailers) => ServerEvent::End(trailers),
                    };
                    Ok((used, event))
                }),
            Receiving::End => return Ok((0, ServerEvent::Paused)),
            Receiving::Closed => return Ok((input.len(), ServerEvent::NeedMore)),
        };
        match &received {
            Ok((_, ServerEvent::Request { head, framing })) => {
                self.version = head.version;
                self.answers_head = head.method == Method::HEAD;
                self.expects_continue = framing.expects_continue;
                self.answered = false;
                self.received = Received::default();
                self.close = self.close.or(framing.close);
                self.receiving = match ContentDecoder::new(framing.length, false) {
                    Some(decoder) => Receiving::Content(decoder),
                    None => Receiving::End,
                };
            }
            Ok(_) => {}
            Err(_) => {
                self.receiving = Receiving::Closed;
                self.close = Some(CloseReason::ProtocolError);
            }
        }
        received
    }

    /// The client has ended its side. A request that is complete still gets its answer.
    ///
    /// # Errors
    /// [`Error::UnexpectedEnd`] if that was inside a request.
    pub fn end_of_input(&mut self) -> Result<(), Error> {
        let inside = match &self.receiving {
            Receiving::Head(scanner) => *scanner != HeadScanner::default(),
            Receiving::Content(_) => true,
            Receiving::End | Receiving::Closed => false,
        };
        self.close_after(CloseReason::PeerEnded);
        if inside || matches!(self.receiving, Receiving::Head(_)) {
            self.receiving = Receiving::Closed;
        }
        if inside {
            Err(Error::UnexpectedEnd)
        } else {
            Ok(())
        }
    }

    /// Skips content at the start of `input` and returns how much that was.
    ///
    /// Unlike [`receive`](Self::receive), this makes no event for each chunk, of which a client may send
    /// one for each byte, and sets no bound on framing: the caller bounds what it skips.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn skip_content(&mut self, input: &[u8]) -> Result<Skipped, Error> {
        let mut skipped = Skipped::default();
        while let Receiving::Content(_) = &self.receiving {
            let rest = &input[skipped.used..];
            match receive_content(&mut self.receiving, rest, &self.limits) {
                Ok((used, piece)) => {
                    skipped.used += used;
                    skipped.content += piece.length();
                    if matches!(piece, Piece::NeedMore) {
                        break;
                    }
                }
                Err(error) => {
                    self.receiving = Receiving::Closed;
                    self.close = Some(CloseReason::ProtocolError);
                    return Err(error);
                }
            }
        }
        Ok(skipped)
    }

    /// Whether the client is in the middle of a head.
    #[must_use]
    pub fn is_inside_head(&self) -> bool {
        matches!(&self.receiving, Receiving::Head(scanner) if *scanner != HeadScanner::default())
    }

    /// Whether the whole request has been received.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.receiving, Receiving::End)
    }

    /// Whether the request has been answered; what else arrives of it can't be, whatever is wrong with it.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// How many bytes of the request's content have not been received: `Some(0)` if all have, `None` if nobody knows.
    #[must_use]
    pub fn unread(&self) -> Option<u64> {
        match &self.receiving {
            Receiving::Content(decoder) => decoder.left(),
            _ => Some(0),
        }
    }

    /// Writes `100 Continue` if the client waits for that before it sends content. To be called when content is wanted.
    pub fn continue_if_expected(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.expects_continue) && !self.answered {
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Content has come, although the client might have waited for `100 Continue`. So the rest of it will come, too, and the
    /// connection can be kept whether anybody wants it or not.
    pub fn content_has_begun(&mut self) {
        self.expects_continue = false;
    }

    /// Lets the connection end after this exchange. The first reason is the one that stays.
    pub fn close_after(&mut self, reason: CloseReason) {
        self.close.get_or_insert(reason);
    }

    /// Why the connection ends after this exchange, if it does.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.close
    }

    /// Writes the head of the answer. `length` is how long the content is, if that is known; `fields` writes the fields,
    /// without those that this call sees to itself: Content-Length, Transfer-Encoding and Connection.
    ///
    /// Content then goes through the encoder, which drops it where there must not be any: pass the length that a GET
    /// would have had when you answer HEAD.
    ///
    /// # Errors
    /// [`Error::OutOfTurn`] if this request has its answer already; what `fields` returns.
    pub fn respond(
        &mut self,
        status: StatusCode,
        length: Option<u64>,
        out: &mut Vec<u8>,
        fields: impl FnOnce(&mut HeadWriter<'_>) -> Result<(), Error>,
    ) -> Result<ContentEncoder, Error> {
        if self.answered || status.is_informational() {
            return Err(Error::OutOfTurn);
        }
        let start = out.len();
        let mut head = HeadWriter::response(out, status);
        if let Err(error) = fields(&mut head) {
            out.truncate(start);
            return Err(error);
        }
        if self.expects_continue {
            // Nobody can know whether the client will send its content now or the next request.
            self.close_after(CloseReason::UnreadContent);
        }
        let encoder = match length {
            _ if !may_have_content(status) => ContentEncoder::Suppressed,
            Some(length) => {
                content_length(&mut head, length);
                if self.answers_head {
                    ContentEncoder::Suppressed
                } else {
                    ContentEncoder::Known(length)
                }
            }
            None if self.answers_head => ContentEncoder::Suppressed,
            None if self.version == Version::HTTP_11 => {
                head.field("Transfer-Encoding", b"chunked")?;
                ContentEncoder::Chunked
            }
            None => {
                self.close_after(CloseReason::UntilClose);
                ContentEncoder::UntilClose
            }
        };
        if self.close.is_some() {
            head.field("Connection", b"close")?;
        } else {
            if self.version == Version::HTTP_10 {
                head.field("Connection", b"keep-alive")?;
            }
            if self.keep_alive > 0 {
                keep_alive(&mut head, self.keep_alive);
            }
        }
        head.finish();
        self.answered = true;
        Ok(encoder)
    }

    /// The answer has been handed over whole. `None`: the next request may come. Otherwise: why the connection has to
    /// end now.
    pub fn finish_exchange(&mut self) -> Option<CloseReason> {
        if !matches!(self.receiving, Receiving::End) {
            self.close_after(CloseReason::UnreadContent);
        }
        if self.close.is_none() {
            self.receiving = Receiving::Head(HeadScanner::default());
            self.answered = false;
            // What comes next may be no request at all, and still has its answer.
            self.answers_head = false;
        }
        self.close
    }
}

fn keep_alive(head: &mut HeadWriter<'_>, seconds: u16) {
    let mut digits = [0; 5];
    let mut rest = &mut digits[..];
    // Five digits are enough for every u16, so this doesn't fail.
    let _ = write!(rest, "{seconds}");
    let unused = rest.len();
    head.known("Keep-Alive: timeout=", &digits[..digits.len() - unused]);
}

/// How many bytes of empty lines `input` starts with.
fn empty_lines(input: &[u8]) -> usize {
    input
        .chunks_exact(2)
        .take_while(|pair| *pair == b"\r\n")
        .count()
        * 2
}

fn receive_request<'h, 'b: 'h>(
    scanner: &mut HeadScanner,
    input: &'b [u8],
    storage: &'h mut FieldStorage<'b>,
    limits: &Limits,
) -> Result<(usize, ServerEvent<'h>), Error> {
    let Some(length) = scanner.find_end(input, Some(limits.request_line), limits)? else {
        return Ok((0, ServerEvent::NeedMore));
    };
    let head = RequestHead::parse_found(&input[..length], storage, limits)?;
    let framing = request_framing(head.version, head.fields.iter())?;
    Ok((length, ServerEvent::Request { head, framing }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receives a request with this content: its length, or what is wrong with it.
    fn receive(content: &str) -> Result<usize, Error> {
        let mut connection = ServerConnection::new(Limits::default());
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let message = [head, content].concat();
        let (mut used, mut length) = (0, 0);
        loop {
            let mut storage = FieldStorage::new();
            let input = &message.as_bytes()[used..];
            let (more, event) = connection.receive(input, &mut storage)?;
            used += more;
            match event {
                ServerEvent::Content(content) => length += content.len(),
                ServerEvent::End(_) => return Ok(length),
                ServerEvent::Request { .. } => {}
                ServerEvent::NeedMore | ServerEvent::Paused => panic!("{content:?}"),
            }
        }
    }

    #[test]
    fn framing_is_bounded_by_content() {
        let one = |number: usize| "1\r\nx\r\n".repeat(number);
        let large = format!("{:x}\r\n{}\r\n", 100_000, "x".repeat(100_000));
        let extensions = format!("1;{}\r\nx\r\n", "y".repeat(4_000));
        let trailers = format!("0\r\nA: {}\r\n\r\n", "z".repeat(30_000));
        let end = "0\r\n\r\n".to_owned();
        let table = [
            (one(20_000) + &end, Ok(20_000)),
            (one(22_000) + &end, Err(Error::TooMuchFraming)),
            (large.clone() + &one(40_000) + &end, Ok(140_000)),
            (large + &one(100_000) + &end, Err(Error::TooMuchFraming)),
            (one(5_000) + &extensions + &trailers, Ok(5_001)),
            ("3\r\nabc\r\n".repeat(100_000) + &end, Ok(300_000)),
        ];
        for (content, expected) in table {
            assert_eq!(receive(&content), expected, "{}", content.len());
        }
    }

    #[test]
    fn skipped_content_is_counted_without_its_framing() {
        let mut connection = ServerConnection::new(Limits::default());
        let head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut storage = FieldStorage::new();
        connection.receive(head, &mut storage).unwrap();
        let chunks = "1\r\nx\r\n".repeat(50_000);
        let skipped = Skipped {
            used: chunks.len(),
            content: 50_000,
        };
        assert_eq!(connection.skip_content(chunks.as_bytes()), Ok(skipped));
        let end = connection.skip_content(b"0\r\n\r\nGET").unwrap();
        assert_eq!((end.used, end.content), (5, 0));
        assert!(connection.is_complete());
    }
}
