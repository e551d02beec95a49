//! Pipes through which content goes from one socket to another without being copied.

use crate::lock::Lock;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Pipes at a time. Content that gets none is copied.
const MOST: usize = 32;

/// Pipes that are kept for later content.
const KEPT: usize = 4;

/// Bytes that a pipe holds, if the system permits. The kernel's usual 64 KiB need eight times the
/// calls.
const CAPACITY: usize = 512 * 1024;

/// The pipes of one server.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    kept: Lock<Vec<SplicePipe>>,
    open: Arc<AtomicUsize>,
}

/// A pipe, and how much is in it.
#[derive(Debug)]
pub(crate) struct SplicePipe {
    read: OwnedFd,
    write: OwnedFd,
    inside: usize,
    /// It is counted here.
    open: Arc<AtomicUsize>,
}

impl Pipes {
    /// The descriptors that pipes take.
    pub(crate) fn descriptors(&self) -> usize {
        2 * self.open.load(Ordering::Relaxed)
    }

    /// Takes an empty pipe. `None`: as many as may be are in use, or the system has none left.
    pub(crate) fn take(&self) -> Option<SplicePipe> {
        let kept = self.kept.lock().pop();
        if kept.is_some() {
            return kept;
        }
        if self.open.fetch_add(1, Ordering::Relaxed) >= MOST {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let Ok((read, write)) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK) else {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return None;
        };
        // A smaller one does the same in more calls.
        let _ = fcntl_setpipe_size(&write, CAPACITY);
        Some(SplicePipe {
            read,
            write,
            inside: 0,
            open: Arc::clone(&self.open),
        })
    }

    /// Keeps a pipe for later, unless something is in it or enough are kept.
    pub(crate) fn give_back(&self, pipe: SplicePipe) {
        let mut kept = self.kept.lock();
        if pipe.inside == 0 && kept.len() < KEPT {
            kept.push(pipe);
        }
    }

    /// Closes those that are kept. Returns whether there were any.
    pub(super) fn close_kept(&self) -> bool {
        !std::mem::take(&mut *self.kept.lock()).is_empty()
    }
}

impl SplicePipe {
    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.inside == 0
    }

    /// Moves up to `most` bytes from a socket into the empty pipe, and returns how many. Zero is
    /// the end of the socket's side.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing has come; otherwise the connection is
    /// broken.
    pub(super) fn fill(&mut self, socket: impl AsFd, most: u64) -> io::Result<usize> {
        let most = usize::try_from(most).unwrap_or(CAPACITY).min(CAPACITY);
        let moved = move_bytes(socket, &self.write, most)?;
        self.inside += moved;
        Ok(moved)
    }

    /// Moves what a socket takes now, and returns how much. An error shows itself to the next call
    /// of [`drain`](SplicePipe::drain).
    pub(crate) fn drain_some(&mut self, socket: impl AsFd) -> u64 {
        let mut moved = 0;
        while !self.is_empty() {
            match self.drain(&socket) {
                Ok(more) => moved += more as u64,
                Err(_) => break,
            }
        }
        moved
    }

    /// Moves what is in the pipe to a socket, as far as that takes it, and returns how much.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if the socket is full; otherwise the connection is
    /// broken.
    pub(crate) fn drain(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let moved = move_bytes(&self.read, socket, self.inside)?;
        self.inside -= moved;
        Ok(moved)
    }
}

impl Drop for SplicePipe {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn move_bytes(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    loop {
        match splice(&from, None, &to, None, most, flags) {
            Err(Errno::INTR) => {}
            moved => return Ok(moved?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};

    /// Two ends of a connection that don't block.
    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (other, _) = listener.accept().unwrap();
        for stream in [&one, &other] {
            stream.set_nonblocking(true).unwrap();
        }
        (one, other)
    }

    #[test]
    fn bytes_go_through_in_order_and_no_further_than_they_may() {
        let pipes = Pipes::default();
        let ((mut source, from), (to, mut sink)) = (pair(), pair());
        let mut pipe = pipes.take().unwrap();
        let nothing = pipe.fill(&from, 10).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        source.write_all(b"0123456789abc").unwrap();
        sink.set_nonblocking(false).unwrap();
        let mut moved = 0;
        while moved < 10 {
            // Loopback delivers at once, but not by any promise.
            moved += pipe.fill(&from, 10 - moved as u64).unwrap_or(0);
        }
        assert!(!pipe.is_empty());
        assert_eq!(pipe.drain(&to).unwrap(), 10);
        assert!(pipe.is_empty());
        let mut received = [0; 10];
        sink.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"0123456789");
        drop(source);
        let mut rest = Vec::new();
        from.set_nonblocking(false).unwrap();
        (&from).read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"abc");
        assert_eq!(pipe.fill(&from, 10).unwrap(), 0);
    }

    #[test]
    fn the_number_of_pipes_is_bounded() {
        let pipes = Pipes::default();
        let mut taken: Vec<_> = std::iter::from_fn(|| pipes.take()).collect();
        assert_eq!((taken.len(), pipes.descriptors()), (MOST, 2 * MOST));
        // What something is left in is not used again.
        let ((mut source, from), mut used) = (pair(), taken.pop().unwrap());
        source.write_all(b"x").unwrap();
        while used.fill(&from, 1).is_err() {}
        pipes.give_back(used);
        assert_eq!(pipes.descriptors(), 2 * (MOST - 1));
        taken.into_iter().for_each(|pipe| pipes.give_back(pipe));
        assert_eq!(pipes.descriptors(), 2 * KEPT);
        assert!(pipes.close_kept() && !pipes.close_kept());
        assert_eq!(pipes.descriptors(), 0);
    }
}
