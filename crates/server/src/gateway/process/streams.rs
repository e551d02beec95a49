//! What goes in and out of a program: between its pipes and the socket to the server.
//!
//! Each direction has one buffer. Nothing is read while the buffer is full, so a side that does not
//! read stops the other, but not the other direction: a program may write its whole output before
//! it reads its input, or never read that.

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, read, write};
use rustix::net::{Shutdown, shutdown};
use rustix::pipe::{PipeFlags, pipe_with};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Bytes that are moved at once.
const PIECE: usize = 32 * 1024;

/// Bytes that are moved in one turn and direction, before other programs have theirs.
const TURN: usize = 1024 * 1024;

/// Bytes of error messages that are kept for the log. Its lines are cut at 4 KiB.
const MESSAGES: usize = 2048;

/// The streams of a program. Each is `None` once it has ended.
#[derive(Debug)]
pub(super) struct Streams {
    data: Option<OwnedFd>,
    input: Option<OwnedFd>,
    output: Option<OwnedFd>,
    errors: Option<OwnedFd>,
    up: Vec<u8>,
    down: Vec<u8>,
    /// The output that the program may still write.
    left: u64,
    /// Its error messages, and how many more bytes of them there were.
    messages: Vec<u8>,
    more_messages: u64,
}

/// The program's ends of its pipes.
pub(super) struct Theirs {
    pub(super) input: OwnedFd,
    pub(super) output: OwnedFd,
    pub(super) errors: OwnedFd,
}

impl Streams {
    /// Makes the pipes of a program whose output is at most `limit` bytes long.
    ///
    /// # Errors
    /// If there is no room for more descriptors.
    pub(super) fn new(data: OwnedFd, limit: u64) -> io::Result<(Self, Theirs)> {
        let (their_input, input) = pipe_with(PipeFlags::CLOEXEC)?;
        let (output, their_output) = pipe_with(PipeFlags::CLOEXEC)?;
        let (errors, their_errors) = pipe_with(PipeFlags::CLOEXEC)?;
        for ours in [&input, &output, &errors] {
            fcntl_setfl(ours, OFlags::NONBLOCK)?;
        }
        let streams = Streams {
            data: Some(data),
            input: Some(input),
            output: Some(output),
            errors: Some(errors),
            up: Vec::new(),
            down: Vec::new(),
            left: limit,
            messages: Vec::new(),
            more_messages: 0,
        };
        let theirs = Theirs {
            input: their_input,
            output: their_output,
            errors: their_errors,
        };
        Ok((streams, theirs))
    }

    /// Adds what has to be polled.
    pub(super) fn watch<'s>(&'s self, each: &mut impl FnMut(PollFd<'s>)) {
        if let Some(input) = &self.input {
            match (&self.data, self.up.is_empty()) {
                (Some(data), true) => {
                    each(PollFd::new(data, PollFlags::IN));
                    // Reports when nothing will be read from it.
                    each(PollFd::new(input, PollFlags::empty()));
                }
                (_, false) => each(PollFd::new(input, PollFlags::OUT)),
                (None, true) => {}
            }
        }
        match (&self.data, &self.output) {
            (Some(data), _) if !self.down.is_empty() => each(PollFd::new(data, PollFlags::OUT)),
            (_, Some(output)) => each(PollFd::new(output, PollFlags::IN)),
            _ => {}
        }
        if let Some(errors) = &self.errors {
            each(PollFd::new(errors, PollFlags::IN));
        }
    }

    /// Moves what can be moved. Returns whether the output has not become too long.
    pub(super) fn run(&mut self) -> bool {
        self.run_up();
        self.read_errors();
        self.run_down()
    }

    fn run_up(&mut self) {
        let mut moved = 0;
        while let Some(input) = &self.input {
            if !self.up.is_empty() {
                match write(input, &self.up) {
                    Ok(length) => {
                        self.up.drain(..length);
                        moved += length;
                        continue;
                    }
                    Err(Errno::AGAIN | Errno::INTR) => return,
                    // The program doesn't read it, which is its own affair.
                    Err(_) => return self.end_input(),
                }
            }
            if moved >= TURN {
                return;
            }
            let Some(data) = &self.data else {
                return self.end_input();
            };
            self.up.resize(PIECE, 0);
            let length = read(data, &mut self.up);
            self.up.truncate(*length.as_ref().unwrap_or(&0));
            match length {
                Ok(0) => self.end_input(),
                Ok(_) => {}
                Err(Errno::AGAIN | Errno::INTR) if is_broken(input) => self.end_input(),
                Err(Errno::AGAIN | Errno::INTR) => return,
                Err(_) => self.end_input(),
            }
        }
    }

    /// Ends the program's input: it reads the end, and the server sends no more.
    fn end_input(&mut self) {
        self.input = None;
        self.up = Vec::new();
        if let Some(data) = &self.data {
            // If the server has closed it, it sends nothing.
            let _ = shutdown(data, Shutdown::Read);
        }
    }

    fn run_down(&mut self) -> bool {
        let mut moved = 0;
        loop {
            match &self.data {
                Some(data) if !self.down.is_empty() => match write(data, &self.down) {
                    Ok(length) => {
                        self.down.drain(..length);
                        moved += length;
                        continue;
                    }
                    Err(Errno::AGAIN | Errno::INTR) => return true,
                    Err(_) => self.data = None,
                },
                Some(_) => {}
                // The response is complete, whatever else the program writes.
                None => self.down.clear(),
            }
            let Some(output) = self.output.as_ref().filter(|_| moved < TURN) else {
                return true;
            };
            self.down.resize(PIECE, 0);
            let length = read(output, &mut self.down);
            self.down.truncate(*length.as_ref().unwrap_or(&0));
            match length {
                Ok(length) if length as u64 > self.left => {
                    (self.output, self.down) = (None, Vec::new());
                    return false;
                }
                Ok(0) => self.output = None,
                Ok(length) => self.left -= length as u64,
                Err(Errno::AGAIN | Errno::INTR) => return true,
                Err(_) => self.output = None,
            }
        }
    }

    fn read_errors(&mut self) {
        let mut buffer = [0; 4096];
        // A turn is bounded: what is left is reported again.
        for _ in 0..16 {
            let Some(errors) = &self.errors else {
                return;
            };
            match read(errors, &mut buffer) {
                Ok(0) => self.errors = None,
                Ok(length) => {
                    let room = MESSAGES.saturating_sub(self.messages.len()).min(length);
                    self.messages.extend_from_slice(&buffer[..room]);
                    self.more_messages += (length - room) as u64;
                }
                Err(Errno::AGAIN | Errno::INTR) => return,
                Err(_) => self.errors = None,
            }
        }
    }

    /// Whether the output has ended, and the server has all of it.
    pub(super) fn has_ended(&self) -> bool {
        self.output.is_none() && (self.down.is_empty() || self.data.is_none())
    }

    /// Closes the socket to the server, which reads the end of the output.
    pub(super) fn close(&mut self) {
        self.end_input();
        if let Some(data) = self.data.take() {
            close(data);
        }
    }

    /// Forgets the server, which has ended the request.
    pub(super) fn detach(&mut self) {
        self.end_input();
        self.data = None;
    }

    pub(super) fn is_open(&self) -> bool {
        self.data.is_some()
    }

    /// The error messages so far, harmless for the log.
    pub(super) fn take_messages(&mut self) -> Option<String> {
        let messages = std::mem::take(&mut self.messages);
        let more = std::mem::take(&mut self.more_messages);
        let text = messages.trim_ascii_end().escape_ascii();
        match (messages.is_empty(), more) {
            (true, _) => None,
            (false, 0) => Some(text.to_string()),
            (false, more) => Some(format!("{text} … and {more} bytes more")),
        }
    }
}

/// Closes a socket so that the other side reads what was written, and the end: one that is closed
/// with unread bytes is reset.
pub(super) fn close(data: OwnedFd) {
    // If the other side has closed it, it sends nothing.
    let _ = shutdown(&data, Shutdown::Read);
    let mut rest = [0; 4096];
    while matches!(read(&data, &mut rest), Ok(length) if length > 0) {}
    drop(data);
}

/// Whether nothing can be written to a pipe anymore.
fn is_broken(pipe: impl AsFd) -> bool {
    let mut polled = [PollFd::new(&pipe, PollFlags::empty())];
    let now = rustix::event::Timespec::default();
    let ready = rustix::event::poll(&mut polled, Some(&now));
    ready.is_ok_and(|ready| ready > 0) && polled[0].revents().contains(PollFlags::ERR)
}
