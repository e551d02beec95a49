//! The server's side of a connection: requests in, responses out.

use super::fields::content_length;
use super::overhead::Overhead;
use super::receiver::{Event, Progress, Receiver, Skipped};
use crate::content::ContentEncoder;
use crate::encode::HeadWriter;
use crate::error::{MisuseError, ProtocolError};
use crate::framing::{CloseReason, RequestFraming, may_have_content, request_framing};
use crate::grammar::digits;
use crate::head::{FieldStorage, HeadScanner, Limits, RequestHead};
use http::{Method, StatusCode, Version};

/// The head of a request, in an [`Event::Head`].
#[derive(Debug)]
pub struct Request<'h> {
    /// The head.
    pub head: RequestHead<'h>,
    /// The length of the content, and what becomes of the connection.
    pub framing: RequestFraming,
}

/// The server's side of a connection.
#[derive(Debug)]
pub struct ServerConnection {
    receiver: Receiver,
    /// The request's version, which decides how the response is framed.
    version: Version,
    /// The request is a HEAD, whose response has no content.
    is_head: bool,
    expects_continue: bool,
    accepts_trailers: bool,
    answered: bool,
    overhead: Overhead,
    /// The timeout in the Keep-Alive field of responses, in seconds; zero for no such field.
    keep_alive: u16,
}

impl ServerConnection {
    /// A connection on which nothing has arrived.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        ServerConnection {
            receiver: Receiver::new(limits, Progress::Head(HeadScanner::default())),
            version: Version::HTTP_11,
            is_head: false,
            expects_continue: false,
            accepts_trailers: false,
            answered: false,
            overhead: Overhead::default(),
            keep_alive: 0,
        }
    }

    /// Announces in responses how long an idle connection is kept open, in seconds: `Keep-Alive:
    /// timeout=75` (RFC 2068 §19.7.1.1). A client that knows it does not send a request on a
    /// connection about to be closed. Zero, the default, announces nothing.
    #[must_use]
    pub fn with_keep_alive(mut self, seconds: u16) -> Self {
        self.keep_alive = seconds;
        self
    }

    /// Reads the next event from `input`, the received bytes that have not been used, and returns
    /// how many bytes it used.
    ///
    /// # Errors
    /// The fault of the request. [`ProtocolError::status`] is the status code of the response; the
    /// connection has to be closed after it.
    pub fn receive<'h, 'b: 'h>(
        &mut self,
        input: &'b [u8],
        storage: &'h mut FieldStorage<'b>,
    ) -> Result<(usize, Event<'h, Request<'h>>), ProtocolError> {
        let Some((scanner, limits)) = self.receiver.due_head() else {
            return self.receive_content(input);
        };
        // Old clients may send empty lines after content (RFC 9112 §2.2); they belong to no head.
        let fresh = *scanner == HeadScanner::default();
        let skipped = if fresh { empty_lines(input) } else { 0 };
        let input = &input[skipped..];
        if fresh && (input.is_empty() || input == b"\r") {
            return Ok((skipped, Event::NeedMore));
        }
        // A response to HEAD has no content, even if the rest of the head is refused.
        self.is_head = input.starts_with(b"HEAD ");
        match read_request(scanner, input, storage, limits) {
            Ok(None) => Ok((skipped, Event::NeedMore)),
            Ok(Some((used, request))) => {
                let framing = &request.framing;
                self.version = request.head.version;
                self.is_head = request.head.method == Method::HEAD;
                self.expects_continue = framing.expects_continue;
                self.accepts_trailers = framing.accepts_trailers;
                self.answered = false;
                self.overhead = Overhead::default();
                self.receiver.begin(framing.length, framing.close, false);
                Ok((skipped + used, Event::Head(request)))
            }
            Err(error) => {
                self.receiver.fail();
                Err(error)
            }
        }
    }

    /// Reads the next event while no head is due, and bounds the framing of content.
    fn receive_content<'b>(
        &mut self,
        input: &'b [u8],
    ) -> Result<(usize, Event<'b, Request<'b>>), ProtocolError> {
        let is_content = self.receiver.awaits_content();
        let (used, event) = self.receiver.receive(input, None)?;
        if is_content {
            let content = match &event {
                Event::Content(content) => content.len(),
                _ => 0,
            };
            let counted = self.overhead.count(used, content);
            counted.inspect_err(|_| self.receiver.fail())?;
        }
        Ok((used, event))
    }

    /// Takes note that the client has closed its side. A request that is complete can still be
    /// responded to.
    ///
    /// # Errors
    /// [`ProtocolError::UnexpectedEnd`] inside a request.
    pub fn end_of_input(&mut self) -> Result<(), ProtocolError> {
        self.receiver.end_of_input(false)
    }

    /// Discards content at the start of `input`, up to its end, and returns how much that was.
    ///
    /// Unlike [`receive`](Self::receive), this makes no event for each chunk, of which a client may
    /// send one for each byte, and sets no bound on framing: the caller bounds what it skips.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn skip_content(&mut self, input: &[u8]) -> Result<Skipped, ProtocolError> {
        self.receiver.skip_content(input)
    }

    /// Takes note that the next `length` bytes of content were taken from the connection past this
    /// receiver, as with `splice`: they are counted as if [`receive`](Self::receive) had returned
    /// them. The caller has passed all bytes that came before them, so that none are left in its
    /// buffer. Once [`unread`](Self::unread) is zero, `receive` returns [`Event::End`] as always.
    ///
    /// # Errors
    /// [`MisuseError::OutOfTurn`] unless content with a Content-Length is due: chunks can't be
    /// counted past their framing. [`MisuseError::ContentLengthMismatch`] if `length` is more than
    /// `unread`. Nothing is counted then.
    pub fn content_taken(&mut self, length: u64) -> Result<(), MisuseError> {
        self.receiver.content_taken(length)
    }

    /// Whether a part of a request's head has arrived, and not all of it.
    #[must_use]
    pub fn is_inside_head(&self) -> bool {
        self.receiver.is_inside_head()
    }

    /// Whether the whole request has been received.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.receiver.is_complete()
    }

    /// Whether the head of the response has been written. A fault found in the rest of the request
    /// can't be reported then.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// Bytes of the request's content that have not been received; `None` if its length is not
    /// known.
    #[must_use]
    pub fn unread(&self) -> Option<u64> {
        self.receiver.unread()
    }

    /// Whether trailer fields of the response reach the client: it keeps them (`TE: trailers`, RFC
    /// 9110 §10.1.4), and the response has chunks, as its content has no known length and the
    /// request is not a HEAD. Others drop trailer fields.
    #[must_use]
    pub fn accepts_trailers(&self) -> bool {
        self.accepts_trailers && !self.is_head
    }

    /// Writes `100 Continue` if the client waits for it before it sends content (RFC 9110 §10.1.1).
    /// Called when the handler first reads content.
    pub fn continue_if_expected(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.expects_continue) && !self.answered {
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Takes note that content has arrived before `100 Continue` was sent. The client will send the
    /// rest, too, so the connection can be kept even if the content is not read.
    pub fn content_has_begun(&mut self) {
        self.expects_continue = false;
    }

    /// Makes this exchange the connection's last. The first reason given is the one that is kept.
    pub fn close_after(&mut self, reason: CloseReason) {
        self.receiver.close_after(reason);
    }

    /// Why the connection is closed after this exchange; `None` if it is not.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.receiver.close_reason()
    }

    /// Writes the head of the response. `length` is the length of the content in bytes, if it is
    /// known; `fields` writes the fields, except Content-Length, Transfer-Encoding and Connection,
    /// which this call writes.
    ///
    /// Content then goes through the encoder, which drops it where the response must have none. For
    /// HEAD, `length` is that of the response to a GET.
    ///
    /// # Errors
    /// [`MisuseError::OutOfTurn`] if the request has been responded to, and for an interim status
    /// code; what `fields` returns. Nothing is written then.
    pub fn respond(
        &mut self,
        status: StatusCode,
        length: Option<u64>,
        out: &mut Vec<u8>,
        fields: impl FnOnce(&mut HeadWriter<'_>) -> Result<(), MisuseError>,
    ) -> Result<ContentEncoder, MisuseError> {
        if self.answered || status.is_informational() {
            return Err(MisuseError::OutOfTurn);
        }
        let start = out.len();
        let mut head = HeadWriter::response(out, status);
        if let Err(error) = fields(&mut head) {
            out.truncate(start);
            return Err(error);
        }
        if self.expects_continue {
            // The client may send its content now, or the next request: the two can't be
            // distinguished.
            self.close_after(CloseReason::UnreadContent);
        }
        let encoder = match length {
            _ if !may_have_content(status) => ContentEncoder::Suppressed,
            Some(length) => {
                content_length(&mut head, length);
                if self.is_head {
                    ContentEncoder::Suppressed
                } else {
                    ContentEncoder::Known(length)
                }
            }
            None if self.is_head => ContentEncoder::Suppressed,
            None if self.version == Version::HTTP_11 => {
                head.field("Transfer-Encoding", b"chunked")?;
                ContentEncoder::Chunked
            }
            None => {
                self.close_after(CloseReason::UntilClose);
                ContentEncoder::UntilClose
            }
        };
        if self.close_reason().is_some() {
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

    /// Writes `101 Switching Protocols` (RFC 9110 §7.8): what follows it on the connection is not
    /// HTTP. `fields` writes the fields, Upgrade among them; this call writes Connection. The
    /// caller has checked that the client asked for the protocol.
    ///
    /// # Errors
    /// [`MisuseError::OutOfTurn`] if the request has been responded to, is not complete, or is not
    /// of HTTP/1.1, which alone can upgrade; what `fields` returns. Nothing is written then.
    pub fn switch_protocols(
        &mut self,
        out: &mut Vec<u8>,
        fields: impl FnOnce(&mut HeadWriter<'_>) -> Result<(), MisuseError>,
    ) -> Result<(), MisuseError> {
        if self.answered || self.version != Version::HTTP_11 || !self.receiver.is_complete() {
            return Err(MisuseError::OutOfTurn);
        }
        let start = out.len();
        let mut head = HeadWriter::response(out, StatusCode::SWITCHING_PROTOCOLS);
        if let Err(error) = fields(&mut head) {
            out.truncate(start);
            return Err(error);
        }
        head.field("Connection", b"upgrade")?;
        head.finish();
        self.answered = true;
        self.close_after(CloseReason::Tunnel);
        Ok(())
    }

    /// Ends the exchange, after the whole response has been written. Returns why the connection
    /// must be closed now; `None` if the next request can be received.
    pub fn finish_exchange(&mut self) -> Option<CloseReason> {
        if !self.receiver.is_complete() {
            self.close_after(CloseReason::UnreadContent);
        }
        let close = self.close_reason();
        if close.is_none() {
            self.receiver.expect_head();
            self.answered = false;
            // The next bytes may be no request at all; the response to them has content.
            self.is_head = false;
        }
        close
    }
}

fn keep_alive(head: &mut HeadWriter<'_>, seconds: u16) {
    let mut buffer = [0; 20];
    head.known("Keep-Alive: timeout=", digits(seconds.into(), &mut buffer));
}

/// Returns how many bytes of empty lines `input` starts with.
fn empty_lines(input: &[u8]) -> usize {
    input
        .chunks_exact(2)
        .take_while(|pair| *pair == b"\r\n")
        .count()
        * 2
}

/// Reads a request's head and determines its framing; `None` while its end has not arrived.
fn read_request<'h, 'b: 'h>(
    scanner: &mut HeadScanner,
    input: &'b [u8],
    storage: &'h mut FieldStorage<'b>,
    limits: &Limits,
) -> Result<Option<(usize, Request<'h>)>, ProtocolError> {
    let Some(length) = scanner.find_end(input, Some(limits.request_line), limits)? else {
        return Ok(None);
    };
    let head = RequestHead::parse_found(&input[..length], storage, limits)?;
    let framing = request_framing(head.version, head.fields.iter())?;
    Ok(Some((length, Request { head, framing })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_request_of_http_1_1_switches() {
        let table = r"
            GET / HTTP/1.1\r\nHost: h\r\n\r\n => yes
            GET / HTTP/1.0\r\n\r\n => no
            GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n => no
        ";
        for (request, switches) in table::cases(table) {
            let (request, switches) = (table::unescaped(request), switches == "yes");
            let mut connection = ServerConnection::new(Limits::default());
            let mut storage = FieldStorage::new();
            let received = connection.receive(request.as_bytes(), &mut storage);
            assert!(matches!(received, Ok((_, Event::Head(_)))));
            let mut out = Vec::new();
            let upgrade = |head: &mut HeadWriter<'_>| head.field("Upgrade", b"x");
            let switched = connection.switch_protocols(&mut out, upgrade);
            assert_eq!(switched.is_ok(), switches, "{request}");
            let head: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\
                Connection: upgrade\r\n\r\n";
            assert_eq!(out, if switches { head } else { b"" });
            let again = connection.switch_protocols(&mut out, |_| Ok(()));
            assert!(again.is_err(), "{request}");
            let reason = switches.then_some(CloseReason::Tunnel);
            assert!(connection.close_reason() == reason || !switches);
        }
    }

    /// Receives a request with this content, and returns the length of the content.
    fn receive(content: &str) -> Result<usize, ProtocolError> {
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
                Event::Content(content) => length += content.len(),
                Event::End(_) => return Ok(length),
                Event::Head(_) => {}
                Event::NeedMore | Event::Paused => panic!("{content:?}"),
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
            (one(22_000) + &end, Err(ProtocolError::TooMuchFraming)),
            (large.clone() + &one(40_000) + &end, Ok(140_000)),
            (
                large + &one(100_000) + &end,
                Err(ProtocolError::TooMuchFraming),
            ),
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
