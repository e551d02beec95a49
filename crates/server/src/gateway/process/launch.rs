//! The server's side of a program: the order, and what is known of the program that runs.

use super::order::{FINISHED, Order, Report};
use crate::gateway::socket::{OpenSockets, Socket};
use crate::gateway::variables::Variables;
use crate::semaphore::{Permit, Semaphore};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
    SocketType, recv, send, sendmsg, socketpair,
};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Has a supervisor run programs.
#[derive(Debug)]
pub(super) struct Launcher {
    /// To the supervisor.
    socket: OwnedFd,
    /// Programs that run or wait for their turn.
    permits: Semaphore,
}

/// A program that a request is for.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(super) launcher: Arc<Launcher>,
    /// Its path below the root.
    pub(super) relative: Vec<u8>,
}

/// A program that was ordered. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    control: OwnedFd,
    _permit: Permit,
}

impl Launcher {
    pub(super) fn new(socket: OwnedFd, bound: usize) -> Self {
        Launcher {
            socket,
            permits: Semaphore::new(bound),
        }
    }
}

impl Launch {
    /// Orders the program: the socket for its content and output, which is counted in `open`.
    /// `Ok(None)`: too many run already.
    ///
    /// # Errors
    /// If the supervisor can't be reached.
    pub(crate) fn start(
        &self,
        variables: &Variables,
        open: &Arc<OpenSockets>,
    ) -> io::Result<Option<(Socket, Running)>> {
        let Some(permit) = self.launcher.permits.take(1) else {
            return Ok(None);
        };
        let (data, theirs) = pair()?;
        let (control, their_control) = pair()?;
        let order = Order {
            relative: self.relative.clone(),
            variables: variables.clone(),
        };
        let order = order.write();
        // Far more than the head of a request fits into the empty socket.
        if send(&control, &order, SendFlags::NOSIGNAL)? < order.len() {
            return Err(Errno::MSGSIZE.into());
        }
        match self.launcher.pass([&theirs, &their_control]) {
            Ok(()) => {}
            // It is busy with the orders before this one.
            Err(Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let running = Running {
            control,
            _permit: permit,
        };
        Ok(Some((Socket::connected(data, open), running)))
    }
}

impl Launcher {
    /// Passes descriptors to the supervisor.
    fn pass(&self, descriptors: [&OwnedFd; 2]) -> Result<(), Errno> {
        let descriptors = descriptors.map(AsFd::as_fd);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut rights = SendAncillaryBuffer::new(&mut space);
        if !rights.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(Errno::MSGSIZE);
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        sendmsg(&self.socket, &[IoSlice::new(b"P")], &mut rights, flags)?;
        Ok(())
    }
}

impl Running {
    /// The response is complete: the program may end by itself.
    pub(crate) fn finish(&self) {
        // If it has ended, that is as well.
        let _ = send(&self.control, &[FINISHED], SendFlags::NOSIGNAL);
    }

    /// Whether the program has ended well, now that its output has.
    ///
    /// # Errors
    /// Why it hasn't. `None`: it was too slow.
    pub(crate) fn outcome(&self) -> Result<(), Option<String>> {
        let mut buffer = [0; 512];
        let length = recv(&self.control, &mut buffer, RecvFlags::DONTWAIT);
        let length = length.map_or(0, |(length, _)| length);
        match Report::read(&buffer[..length]) {
            Some(Report::Exited) => Ok(()),
            Some(Report::TooSlow) => Err(None),
            Some(Report::TooLong) => Err(Some("the program's output is too long".to_owned())),
            Some(Report::Signal(number)) => {
                Err(Some(format!("signal {number} has ended the program")))
            }
            Some(Report::Refused(why)) => Err(Some(format!("the program can't be run: {why}"))),
            None => Err(Some("the supervisor of programs has ended".to_owned())),
        }
    }
}

/// Two ends of a socket. No call on either blocks.
fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        flags,
        None,
    )?)
}
