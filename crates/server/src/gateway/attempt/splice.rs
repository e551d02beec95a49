//! Content of an attempt that goes through pipes: that of the request, and that of the response.

use super::Attempt;
use crate::gateway::codec::Codec;
use crate::gateway::failure::Failure;
use crate::gateway::pipes::{Pipes, SplicePipe};
use std::io;
use std::os::fd::AsFd;
use tinyhttp_message::ContentEncoder;

impl Attempt {
    /// Whether the request's content may go through a pipe into the socket: it needs neither
    /// encoding nor encryption, and what comes before has been sent.
    pub(crate) fn may_splice_content(&self) -> bool {
        let is_plain = matches!(self.codec, Codec::Http | Codec::Cgi(_)) && self.socket.is_plain();
        let is_counted = matches!(self.content, ContentEncoder::Known(_));
        is_plain && is_counted && self.output.is_empty() && self.has_room()
    }

    /// Has the request's content go through an empty pipe from now on. `false`: there is none.
    pub(crate) fn open_pipe(&mut self, pipes: &Pipes) -> bool {
        if self.pipe.is_none() {
            self.pipe = pipes.take().map(Box::new);
        }
        self.pipe.is_some()
    }

    /// Gives the pipe back if nothing is in it.
    pub(crate) fn close_pipe(&mut self, pipes: &Pipes) {
        if let Some(pipe) = self.pipe.take_if(|pipe| pipe.is_empty()) {
            pipes.give_back(*pipe);
        }
    }

    /// Whether content waits in the pipe until the socket takes it.
    pub(super) fn has_piped(&self) -> bool {
        self.pipe.as_ref().is_some_and(|pipe| !pipe.is_empty())
    }

    /// Moves up to `most` bytes of the request's content from a socket into the pipe, which is
    /// empty, and returns how many. [`flush`](Attempt::flush) sends them. Zero is the end of the
    /// other socket's side.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing has come; otherwise the other socket is
    /// broken, or there is more content than announced.
    pub(crate) fn splice_content(&mut self, from: impl AsFd, most: u64) -> io::Result<usize> {
        let Some(pipe) = &mut self.pipe else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let length = pipe.fill(from, most)?;
        // It can't be sent again: it is nowhere else.
        self.outcome.has_lost_content |= length > 0;
        let counted = self.content.count(length as u64);
        counted.map_err(io::Error::other)?;
        Ok(length)
    }

    /// Sends what the socket takes of the content in the pipe, and returns whether nothing is left
    /// of that.
    pub(super) fn flush_pipe(&mut self) -> bool {
        while let Some(pipe) = self.pipe.as_mut().filter(|pipe| !pipe.is_empty()) {
            match pipe.drain(&self.socket) {
                Ok(_) => self.watch.has_taken = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    self.pipe = None;
                    self.sending_failed(error);
                }
            }
        }
        true
    }

    /// Whether content may go from the socket into a pipe: it needs neither decoding nor
    /// decryption.
    pub(crate) fn may_splice(&self) -> bool {
        let is_http = matches!(self.codec, Codec::Http);
        is_http && self.socket.is_plain() && self.input.is_empty()
    }

    /// Moves up to `most` bytes from the socket into an empty pipe. Returns the number of bytes;
    /// zero at the end; `None` if nothing has come.
    ///
    /// # Errors
    /// [`Failure::Broken`].
    pub(crate) fn splice(
        &mut self,
        pipe: &mut SplicePipe,
        most: u64,
    ) -> Result<Option<usize>, Failure> {
        if !self.watch.is_readable {
            return Ok(None);
        }
        match pipe.fill(&self.socket, most) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.watch.is_readable = false;
                Ok(None)
            }
            Err(error) => Err(Failure::Broken(error)),
        }
    }

    /// Takes note that all content has gone into pipes. A connection on which more has come is not
    /// used again: that would be taken for the next response.
    pub(crate) fn end_splice(&mut self) {
        self.watch.has_ended |= self.socket.is_dead();
    }
}
