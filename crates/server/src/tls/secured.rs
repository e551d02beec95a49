//! A socket that carries TLS.
//!
//! Nothing here blocks, and a parked connection has no buffers: bytes are received into a buffer of
//! the thread and decrypted there, and content is encrypted into another one, which the socket gets
//! at once. Only what the socket does not take, or half a record, is kept.
//!
//! [`send`](Secured::send) reports content as sent when the socket has taken the records that hold
//! it, so that callers need not know that anything is kept. Until then they offer the same content
//! again.

use super::client::ClientCertificate;
use super::records::RECORD;
use super::session::{Agreed, Session, Status};
use crate::lock::Lock;
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes that are received at once.
const RECEIVED: usize = 32 * 1024;

/// Content that is encrypted at once.
pub(crate) const SENT: usize = 4 * RECORD;

/// How often one call receives bytes that hold no content, such as parts of a handshake. Then other
/// ready connections have their turns.
const ROUNDS: usize = 16;

/// The buffers of a thread.
#[derive(Default)]
struct Buffers {
    received: Vec<u8>,
    /// Content that comes from a file, or from several places.
    content: Vec<u8>,
    sent: Vec<u8>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// A socket and the TLS on it.
pub(crate) struct Secured {
    pub(crate) socket: Arc<OwnedFd>,
    inside: Lock<Inside>,
}

struct Inside {
    session: Session,
    status: Status,
    /// Content that was received and not taken.
    content: Vec<u8>,
    /// Records that the socket has not taken.
    output: Vec<u8>,
    /// How much content in `output` was not reported as sent.
    unreported: usize,
    /// The last receiving filled the buffer, so that more may be there.
    has_more: bool,
    /// The last call used up its rounds.
    has_yielded: bool,
}

/// How far a handshake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handshake {
    Done,
    NeedsInput,
    /// More may be there, but the turn is over.
    Yielded,
    NeedsRoom,
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secured")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl Secured {
    /// TLS on a socket that nothing was read from. The session may have bytes to send already.
    pub(crate) fn new(socket: Arc<OwnedFd>, (session, output): (Session, Vec<u8>)) -> Self {
        Secured {
            socket,
            inside: Lock::new(Inside {
                session,
                status: Status::Handshaking,
                content: Vec::new(),
                output,
                unreported: 0,
                has_more: false,
                has_yielded: false,
            }),
        }
    }

    /// Continues the handshake as far as that is possible now.
    ///
    /// # Errors
    /// If it fails, or the other side leaves. That has been told why, if the socket took it.
    pub(crate) fn handshake(&self) -> io::Result<Handshake> {
        let mut inside = self.inside.lock();
        inside.has_yielded = false;
        for _ in 0..ROUNDS {
            if !inside.flush(&self.socket)? {
                return Ok(Handshake::NeedsRoom);
            }
            match inside.status {
                Status::Handshaking => {}
                Status::Open => return Ok(Handshake::Done),
                Status::Closed => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            match inside.receive(&self.socket, &mut []) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Handshake::NeedsInput);
                }
                Err(error) => return Err(error),
            }
        }
        inside.has_yielded = true;
        Ok(Handshake::Yielded)
    }

    /// Receives content, up to the length of `buffer`. Zero: the other side has said that
    /// nothing more comes.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing has come,
    /// [`Interrupted`](io::ErrorKind::Interrupted) if more may be there but the turn is over,
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the connection ended without
    /// `close_notify`, as it does when an attacker cuts it.
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut inside = self.inside.lock();
        inside.has_yielded = false;
        if !inside.content.is_empty() {
            // What has come since is still in the socket.
            inside.has_more = true;
            return Ok(inside.take_content(buffer));
        }
        for _ in 0..ROUNDS {
            if inside.status == Status::Closed {
                return Ok(0);
            }
            let length = inside.receive(&self.socket, buffer)?;
            if length > 0 {
                return Ok(length);
            }
        }
        inside.has_yielded = true;
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Takes the content that was received beyond the buffer of [`recv`](Secured::recv).
    pub(crate) fn take_rest(&self) -> Vec<u8> {
        std::mem::take(&mut self.inside.lock().content)
    }

    /// Whether more may be there than the last call of [`recv`](Secured::recv) returned.
    pub(crate) fn has_more(&self) -> bool {
        self.inside.lock().has_more
    }

    /// Whether the last [`handshake`](Secured::handshake) or [`recv`](Secured::recv) stopped as its
    /// turn was over.
    #[cfg(feature = "gateway")]
    pub(crate) fn has_yielded(&self) -> bool {
        self.inside.lock().has_yielded
    }

    /// Whether records wait for room in the socket.
    pub(crate) fn needs_room(&self) -> bool {
        !self.inside.lock().output.is_empty()
    }

    /// Sends from the start of `slices` and returns how much of that has been sent.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if the socket is full; otherwise the connection is
    /// broken.
    pub(crate) fn send(&self, slices: &[IoSlice<'_>], flags: SendFlags) -> io::Result<usize> {
        let mut inside = self.inside.lock();
        if let Some(sent) = inside.send_rest(&self.socket)? {
            return Ok(sent);
        }
        BUFFERS.with_borrow_mut(|buffers| {
            let Buffers { content, sent, .. } = buffers;
            sent.clear();
            let mut left = SENT;
            let mut slices = slices.iter().map(|slice| &slice[..]);
            content.clear();
            for slice in &mut slices {
                let slice = &slice[..slice.len().min(left)];
                left -= slice.len();
                // Short pieces share a record.
                let joined = match (content.is_empty(), slice.len() < RECORD) {
                    (true, false) => 0,
                    _ => slice.len().min(RECORD.saturating_sub(content.len())),
                };
                content.extend_from_slice(&slice[..joined]);
                let rest = &slice[joined..];
                if content.len() == RECORD || !rest.is_empty() {
                    inside.encrypt(content, sent)?;
                    content.clear();
                }
                inside.encrypt(rest, sent)?;
            }
            inside.encrypt(content, sent)?;
            inside.send_new(&self.socket, sent, flags)
        })
    }

    /// Sends up to `length` bytes of a file from `offset` on, and advances `offset`.
    ///
    /// # Errors
    /// As [`send`](Secured::send), and those of reading the file.
    pub(crate) fn send_file(
        &self,
        file: &File,
        offset: &mut u64,
        length: usize,
    ) -> io::Result<usize> {
        let mut inside = self.inside.lock();
        let reported = match inside.send_rest(&self.socket)? {
            Some(sent) => sent,
            None => BUFFERS.with_borrow_mut(|buffers| {
                let Buffers { content, sent, .. } = buffers;
                sent.clear();
                content.resize(length.min(SENT), 0);
                let read = file.read_at(content, *offset)?;
                inside.encrypt(&content[..read], sent)?;
                inside.send_new(&self.socket, sent, SendFlags::NOSIGNAL)
            })?,
        };
        *offset += reported as u64;
        Ok(reported)
    }

    /// Tells the other side that nothing more comes, if the socket takes it.
    pub(crate) fn close_notify(&self) {
        let mut inside = self.inside.lock();
        // Behind half a record, it would be garbage.
        if inside.output.is_empty() && inside.status != Status::Handshaking {
            let Inside {
                session, output, ..
            } = &mut *inside;
            session.close_notify(output);
            let _ = inside.flush(&self.socket);
        }
    }

    /// As [`Session::is_for`].
    pub(crate) fn is_for(&self, host: &str) -> bool {
        self.inside.lock().session.is_for(host)
    }

    /// As [`Session::is_challenge`].
    pub(crate) fn is_challenge(&self) -> bool {
        self.inside.lock().session.is_challenge()
    }

    /// As [`Session::agreed`].
    pub(crate) fn agreed(&self) -> Option<Agreed> {
        self.inside.lock().session.agreed()
    }

    /// As [`Session::certificate`].
    pub(crate) fn certificate(&self) -> Option<ClientCertificate> {
        self.inside.lock().session.certificate().cloned()
    }
}

impl Inside {
    /// Takes content that was received earlier.
    fn take_content(&mut self, buffer: &mut [u8]) -> usize {
        let length = self.content.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.content[..length]);
        self.content.drain(..length);
        if self.content.is_empty() {
            self.content = Vec::new();
        }
        length
    }

    /// Receives once and returns how much content that gave. What does not fit in `buffer` is kept.
    fn receive(&mut self, socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
        BUFFERS.with_borrow_mut(|buffers| {
            let received = &mut buffers.received;
            let kept = self.session.incomplete().len();
            if received.len() < kept + RECEIVED {
                received.resize(kept + RECEIVED, 0);
            }
            received[..kept].copy_from_slice(self.session.incomplete());
            let room = &mut received[kept..kept + RECEIVED];
            let received_now = receive(socket, room);
            self.has_more = matches!(received_now, Ok(RECEIVED));
            let length = received_now?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (mut filled, rest) = (0, &mut self.content);
            let processed = self.session.process(
                &mut received[..kept + length],
                &mut self.output,
                |content| {
                    let fits = content.len().min(buffer.len() - filled);
                    buffer[filled..filled + fits].copy_from_slice(&content[..fits]);
                    filled += fits;
                    rest.extend_from_slice(&content[fits..]);
                },
            );
            // Also the alert of an error.
            let flushed = self.flush(socket);
            self.status = processed?;
            flushed?;
            Ok(filled)
        })
    }

    /// Appends records with this content to `records`.
    fn encrypt(&mut self, content: &[u8], records: &mut Vec<u8>) -> io::Result<()> {
        if content.is_empty() {
            return Ok(());
        }
        self.session.encrypt(content, records)?;
        self.unreported += content.len();
        Ok(())
    }

    /// Sends new records, keeps what the socket does not take, and returns how much content has
    /// been sent.
    fn send_new(
        &mut self,
        socket: &OwnedFd,
        records: &mut Vec<u8>,
        flags: SendFlags,
    ) -> io::Result<usize> {
        let taken = match send_some(socket, records, flags) {
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => {
                records.clear();
                return Err(error);
            }
        };
        self.output.extend_from_slice(&records[taken..]);
        records.clear();
        self.report(taken)
    }

    /// Sends records that the socket did not take before. `None`: nothing of them, or no content in
    /// them, is left.
    fn send_rest(&mut self, socket: &OwnedFd) -> io::Result<Option<usize>> {
        if self.unreported == 0 {
            return match self.flush(socket)? {
                true => Ok(None),
                false => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        let taken = send_some(socket, &self.output, SendFlags::NOSIGNAL)?;
        self.output.drain(..taken);
        if self.output.is_empty() {
            self.output = Vec::new();
        }
        self.report(taken).map(Some)
    }

    /// How much content counts as sent after the socket has taken some bytes: as many, except that
    /// the last byte counts when all records have been taken.
    fn report(&mut self, taken: usize) -> io::Result<usize> {
        let sent = match self.output.is_empty() {
            true => self.unreported,
            false => taken.min(self.unreported.saturating_sub(1)),
        };
        self.unreported -= sent;
        match sent {
            0 if !self.output.is_empty() || taken > 0 => Err(io::ErrorKind::WouldBlock.into()),
            sent => Ok(sent),
        }
    }

    /// Sends what TLS itself has to say. Returns whether the socket took all of it.
    fn flush(&mut self, socket: &OwnedFd) -> io::Result<bool> {
        // Content is reported by the call that sends it.
        while !self.output.is_empty() && self.unreported == 0 {
            match send_some(socket, &self.output, SendFlags::NOSIGNAL) {
                Ok(taken) => drop(self.output.drain(..taken)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        if self.output.is_empty() {
            self.output = Vec::new();
        }
        Ok(true)
    }
}

fn receive(socket: &OwnedFd, room: &mut [u8]) -> io::Result<usize> {
    let (length, _) = retry_on_intr(|| recv(socket, &mut *room, RecvFlags::empty()))?;
    Ok(length)
}

fn send_some(socket: &OwnedFd, bytes: &[u8], flags: SendFlags) -> io::Result<usize> {
    Ok(retry_on_intr(|| send(socket, bytes, flags))?)
}
