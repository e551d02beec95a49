//! A response that has not been sent whole: bytes that are ready, and the content behind them.

use super::env::Env;
use super::more::More;
use super::transport::Transport;
use crate::access_log::{Ending, Held, Record};
use crate::body::{Content, Received, Trailers};
use crate::deadline::Timeouts;
use rustix::io::Errno;
use std::io::{self, IoSlice, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tinyhttp_message::ContentEncoder;

/// Bytes that are sent in one turn. Then other ready connections have their turns. (With an eighth
/// of it, clients that take a MiB at a time delay others for longer, not shorter: each of them
/// comes back eight times as often.)
const TURN: u64 = 4 * 1024 * 1024;

/// Bytes that are taken from a reader at once.
const READER_PIECE: usize = 64 * 1024;

/// A response that the socket has not taken whole, and its record for the access log.
pub(super) struct PendingResponse {
    pub(super) writer: ResponseWriter,
    /// Bytes before the content: the head, and whole responses to earlier requests.
    pub(super) before_content: u64,
    /// The exchange ends with these bytes; otherwise they belong to exchanges that have been
    /// finished.
    pub(super) ends_exchange: bool,
    /// The record of the response that the content belongs to.
    pub(super) record: Option<Record<'static>>,
    /// The records of earlier responses.
    pub(super) held: Held,
    /// What the last blocking step has returned, until the connection looks at it.
    pub(super) stepped: Option<io::Result<Progress>>,
    /// Bytes that had been sent when the connection last looked.
    pub(super) seen: u64,
    /// The sender of the content is silent.
    pub(super) is_silent: bool,
}

/// Bytes to be sent, and the content that comes after them.
pub(super) struct ResponseWriter {
    /// Heads, chunks, small content: bytes that are ready, from `at` on.
    pub(super) buffer: Vec<u8>,
    pub(super) at: usize,
    pub(super) content: Content,
    pub(super) encoder: ContentEncoder,
    /// What follows the content, if the client wants it.
    pub(super) trailers: Option<Trailers>,
    /// Bytes that the socket has taken.
    pub(super) sent: u64,
    /// Bytes sent and in the buffer that only frame content.
    pub(super) framing: u64,
    /// The connection is closed behind these bytes, at once.
    pub(super) is_last: bool,
}

/// How far a response was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Everything has been sent.
    Done,
    /// The socket is full.
    Blocked,
    /// The socket may take more, but its turn is over.
    Yielded,
    /// Everything there is has been sent, and the sender of the content is silent.
    Silent,
}

/// What one step did.
enum Stepped {
    /// Something was sent, or is ready.
    Moved,
    /// Nothing is left.
    Done,
    /// Nothing is left for now.
    Silent,
}

impl PendingResponse {
    pub(super) fn new(writer: ResponseWriter) -> Self {
        PendingResponse {
            writer,
            before_content: 0,
            ends_exchange: false,
            record: None,
            held: Held::default(),
            stepped: None,
            seen: 0,
            is_silent: false,
        }
    }

    /// Writes the records to the access log.
    pub(super) fn record(mut self, ending: Ending, env: &Env) {
        let taken = self.writer.sent;
        self.held.settle(taken, ending, |record| env.record(record));
        if let Some(mut record) = self.record {
            let besides = self.before_content + self.writer.framing;
            record.sent = taken.saturating_sub(besides);
            record.ending = ending;
            env.record(record);
        }
    }
}

impl ResponseWriter {
    pub(super) fn new(buffer: Vec<u8>, content: Content, encoder: ContentEncoder) -> Self {
        ResponseWriter {
            buffer,
            at: 0,
            content,
            encoder,
            trailers: None,
            sent: 0,
            framing: 0,
            is_last: false,
        }
    }

    /// Whether the next step reads from a reader or runs a closure, which may block.
    pub(super) fn may_block(&self) -> bool {
        matches!(
            self.content,
            Content::Reader { .. } | Content::Stream(_) | Content::Switch(_)
        )
    }

    /// Sends what the socket takes in one step, unless that would read from a reader. Returns
    /// whether the socket took anything.
    pub(super) fn nudge(&mut self, transport: &Transport, timeouts: &Timeouts) -> bool {
        let nothing_to_read = !self.may_block() || self.at < self.buffer.len();
        nothing_to_read && matches!(self.step(transport, timeouts), Ok(Stepped::Moved))
    }

    /// Frees memory that is not needed while this waits. `spare` is a buffer for the next response.
    pub(super) fn shrink(&mut self, spare: &mut Vec<u8>) {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            let empty = std::mem::take(&mut self.buffer);
            if empty.capacity() > spare.capacity() {
                *spare = empty;
            }
        } else if self.at >= self.buffer.len() / 2 || self.buffer.capacity() > 2 * self.buffer.len()
        {
            self.buffer.drain(..self.at);
            self.buffer.shrink_to_fit();
        } else {
            return;
        }
        self.at = 0;
    }

    /// Sends until everything is sent, the socket is full, or the turn is over.
    ///
    /// # Errors
    /// The socket's or the content's. Either way the connection must be closed: what has been sent
    /// can't be taken back.
    pub(super) fn send(
        &mut self,
        transport: &Transport,
        timeouts: &Timeouts,
    ) -> io::Result<Progress> {
        let before = self.sent;
        loop {
            if self.sent - before >= TURN {
                return Ok(Progress::Yielded);
            }
            match self.step(transport, timeouts) {
                Ok(Stepped::Moved) => {}
                Ok(Stepped::Done) => return Ok(Progress::Done),
                Ok(Stepped::Silent) => return Ok(Progress::Silent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Progress::Blocked);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes one system call, or takes one piece of content.
    fn step(&mut self, transport: &Transport, timeouts: &Timeouts) -> io::Result<Stepped> {
        let ready = &self.buffer[self.at..];
        match &mut self.content {
            Content::Bytes(bytes) if !bytes.is_empty() => {
                let slices = [IoSlice::new(ready), IoSlice::new(bytes)];
                let sent = transport.send(&slices, More::Unknown)?;
                let from_buffer = sent.min(ready.len());
                self.at += from_buffer;
                // Taking a part off the front copies nothing.
                drop(bytes.split_to(sent - from_buffer));
                self.sent += sent as u64;
            }
            Content::File(slice) if ready.is_empty() && slice.left > 0 => {
                let piece = transport.file_piece();
                if slice.left <= piece {
                    slice.confirm()?;
                }
                let most = slice.left.min(piece) as usize;
                let sent = transport.send_file(&slice.file, &mut slice.offset, most)? as u64;
                if sent == 0 {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the file became shorter while it was sent",
                    ));
                }
                slice.left -= sent;
                self.sent += sent;
            }
            Content::Reader { .. } if ready.is_empty() => self.read(transport)?,
            Content::Channel(receiver) if ready.is_empty() => match receiver.next_piece() {
                Received::Nothing => return Ok(Stepped::Silent),
                Received::Content(piece) => self.encode(&piece)?,
                Received::End => self.encode(&[])?,
                Received::Failed => return Err(io::Error::other("its sender has failed")),
            },
            Content::Stream(_) | Content::Switch(_) if ready.is_empty() => {
                self.run(transport, timeouts)?;
            }
            _ => {
                if ready.is_empty() {
                    return Ok(Stepped::Done);
                }
                // The end of the connection shares a packet with the last bytes. Not so if a file
                // follows: there the packet it saves costs more than the head's own. (100 KiB take
                // 38 µs of CPU with MSG_MORE and 12 without, measured with nginx's tcp_nopush.)
                let more = match self.is_last {
                    true => More::Follows,
                    false => More::Unknown,
                };
                let sent = transport.send(&[IoSlice::new(ready)], more)?;
                self.at += sent;
                self.sent += sent as u64;
            }
        }
        Ok(Stepped::Moved)
    }

    /// Reads the next piece from the reader into the buffer, which is empty.
    fn read(&mut self, transport: &Transport) -> io::Result<()> {
        let Content::Reader { reader, .. } = &mut self.content else {
            return Ok(());
        };
        let mut piece = vec![0; READER_PIECE];
        // A panic of the reader costs this client the rest, as any other failure does.
        let read = catch_unwind(AssertUnwindSafe(|| reader.read(&mut piece)))
            .unwrap_or_else(|_| Err(io::Error::other("the reader panicked")));
        let length = match read {
            // A reader that would block must not look as if the socket would.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::Error::other(error));
            }
            // A reader that computes for long returns now and then, and stops when the client has
            // left.
            Err(error) if error.kind() == io::ErrorKind::Interrupted && transport.has_ended() => {
                return Err(Errno::CONNRESET.into());
            }
            read => read?,
        };
        self.encode(&piece[..length])
    }

    /// Puts a piece of content into the buffer, which is empty. An empty piece is the end.
    pub(super) fn encode(&mut self, piece: &[u8]) -> io::Result<()> {
        (self.at, self.buffer) = (0, Vec::new());
        let encoded = if piece.is_empty() {
            self.content = Content::Empty;
            match self.trailers.take() {
                None => self.encoder.finish(&mut self.buffer),
                Some(fields) => self.encoder.finish_with(&fields.get(), &mut self.buffer),
            }
        } else {
            self.encoder.encode(piece, &mut self.buffer)
        };
        encoded.map_err(io::Error::other)?;
        self.framing += (self.buffer.len() - piece.len()) as u64;
        Ok(())
    }
}
