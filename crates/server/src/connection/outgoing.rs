//! A response on its way out, as far as the socket has not taken it yet.

use crate::body::Content;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};
use std::io::{self, IoSlice, Read};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tinyhttp_message::ContentEncoder;

/// How much goes out in one turn. Then whoever else is ready comes first. (With an eighth of it, clients who take a MiB at a time
/// hold others up for longer, not shorter: each of them comes back eight times as often.)
const TURN: u64 = 4 * 1024 * 1024;

/// How much one call of `sendfile` is asked for.
const FILE_PIECE: u64 = 1024 * 1024;

/// How much is taken from a reader at once.
const READER_PIECE: usize = 64 * 1024;

/// Bytes to be sent, and what content comes after them.
pub(super) struct Outgoing {
    /// Heads, chunks, small content: bytes that are ready to go, from `at` on.
    pub(super) buffer: Vec<u8>,
    pub(super) at: usize,
    pub(super) content: Content,
    pub(super) encoder: ContentEncoder,
    /// Bytes that the socket has taken.
    pub(super) sent: u64,
    /// Of them, and of those in the buffer, what only frames content.
    pub(super) framing: u64,
    /// The connection ends behind these bytes, at once.
    pub(super) last: bool,
}

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Everything has been handed over.
    Done,
    /// The socket takes no more now.
    Blocked,
    /// It would take more, but it is somebody else's turn.
    Yielded,
}

impl Outgoing {
    pub(super) fn new(buffer: Vec<u8>, content: Content, encoder: ContentEncoder) -> Self {
        Outgoing {
            buffer,
            at: 0,
            content,
            encoder,
            sent: 0,
            framing: 0,
            last: false,
        }
    }

    /// Whether the next step reads from somebody's reader, which may take its time.
    pub(super) fn may_wait(&self) -> bool {
        matches!(self.content, Content::Reader { .. })
    }

    /// Whether the socket takes more, contrary to what the poller says, which waits until there is plenty of room. It has to
    /// be known to be blocked: nothing is read for it.
    pub(super) fn nudge(&mut self, socket: &OwnedFd) -> bool {
        let nothing_to_read = !self.may_wait() || self.at < self.buffer.len();
        nothing_to_read && matches!(self.step(socket), Ok(true))
    }

    /// Gives back room that is not needed while this waits. `spare` is what the next response can be written to.
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

    /// Sends until it is done, the socket is full, or its turn is over.
    ///
    /// # Errors
    /// The socket's or the content's. Either way the connection has to be cut: what has been sent can't be taken back.
    pub(super) fn advance(&mut self, socket: &OwnedFd) -> io::Result<Progress> {
        let before = self.sent;
        loop {
            if self.sent - before >= TURN {
                return Ok(Progress::Yielded);
            }
            match self.step(socket) {
                Ok(true) => {}
                Ok(false) => return Ok(Progress::Done),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Progress::Blocked);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// One call to the system. `false`: there is nothing left.
    fn step(&mut self, socket: &OwnedFd) -> io::Result<bool> {
        let ready = &self.buffer[self.at..];
        match &mut self.content {
            Content::Bytes(bytes) if !bytes.is_empty() => {
                let slices = [IoSlice::new(ready), IoSlice::new(bytes)];
                let sent = sendmsg(
                    socket,
                    &slices,
                    &mut SendAncillaryBuffer::default(),
                    SendFlags::NOSIGNAL,
                )?;
                let from_buffer = sent.min(ready.len());
                self.at += from_buffer;
                // Taking a part off the front copies nothing.
                drop(bytes.split_to(sent - from_buffer));
                self.sent += sent as u64;
            }
            Content::File(slice) if ready.is_empty() && slice.left > 0 => {
                if slice.left <= FILE_PIECE {
                    slice.confirm()?;
                }
                let most = slice.left.min(FILE_PIECE) as usize;
                let sent = sendfile(socket, &*slice.file, Some(&mut slice.offset), most)? as u64;
                if sent == 0 {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the file became shorter while it was sent",
                    ));
                }
                slice.left -= sent;
                self.sent += sent;
            }
            Content::Reader { reader, .. } if ready.is_empty() => {
                (self.at, self.buffer) = (0, Vec::new());
                let mut piece = vec![0; READER_PIECE];
                // A panic in there costs this client the rest, as any other failure does.
                let read = catch_unwind(AssertUnwindSafe(|| reader.read(&mut piece)))
                    .unwrap_or_else(|_| Err(io::Error::other("the reader panicked")));
                let length = match read {
                    // A reader that blocks is its own affair; it must not look as if the socket did.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return Err(io::Error::other(error));
                    }
                    // Work that takes long is done in steps, and stops when the client has left.
                    Err(error)
                        if error.kind() == io::ErrorKind::Interrupted && has_left(socket) =>
                    {
                        return Err(Errno::CONNRESET.into());
                    }
                    read => read?,
                };
                if length == 0 {
                    self.content = Content::Empty;
                    self.encoder
                        .finish(&mut self.buffer)
                        .map_err(io::Error::other)?;
                } else {
                    self.encoder
                        .encode(&piece[..length], &mut self.buffer)
                        .map_err(io::Error::other)?;
                }
                self.framing += (self.buffer.len() - length) as u64;
            }
            _ => {
                if ready.is_empty() {
                    return Ok(false);
                }
                // The end goes into the same packet as the last bytes: the kernel holds them back for it.
                // Not so if a file follows: there the packet it saves costs more than the head's own. (100 KiB take 38 µs
                // of CPU with MSG_MORE and 12 without, measured with nginx's tcp_nopush.)
                let more = if self.last {
                    SendFlags::MORE
                } else {
                    SendFlags::empty()
                };
                let sent = send(socket, ready, SendFlags::NOSIGNAL | more)?;
                self.at += sent;
                self.sent += sent as u64;
            }
        }
        Ok(true)
    }
}

/// Whether the client has closed the connection, or its direction of it: a client that sends nothing more and has nothing to
/// read is rarely there.
fn has_left(socket: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(socket, PollFlags::RDHUP)];
    let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    poll(&mut fds, Some(&Timespec::default())).is_ok() && fds[0].revents().intersects(gone)
}

/// Whether the error only says that the client has gone, which clients may do.
pub(super) fn client_has_gone(error: &io::Error) -> bool {
    let gone = [
        Errno::PIPE,
        Errno::CONNRESET,
        Errno::CONNABORTED,
        Errno::TIMEDOUT,
    ];
    gone.iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
