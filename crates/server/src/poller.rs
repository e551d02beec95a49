//! One epoll for everything, shared by all workers.
//!
//! Every registration is one-shot: once it has been reported, the kernel says nothing more of that descriptor until it
//! is armed again. So a ready connection is handed to exactly one worker, and belongs to it alone until it is parked
//! again. Any worker may wait here; which one is woken doesn't matter, since none of them owns anything while it waits.

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Bytes to read, or the end of them.
    Readable,
    /// Room to write.
    Writable,
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Interest::Readable => EventFlags::IN | EventFlags::ONESHOT,
            Interest::Writable => EventFlags::OUT | EventFlags::ONESHOT,
        }
    }
}

/// The shared epoll.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
}

/// How much can be reported at once.
pub(crate) const EVENTS: usize = 32;

/// Room for reports.
pub(crate) type Events = [Event; EVENTS];

/// Empty room for reports.
pub(crate) fn no_events() -> Events {
    [Event {
        flags: EventFlags::empty(),
        data: EventData::new_u64(0),
    }; EVENTS]
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Poller {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
        })
    }

    /// Registers a descriptor and arms it. Its token comes back when it is ready.
    pub(crate) fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            fd,
            EventData::new_u64(token),
            interest.flags(),
        )?)
    }

    /// Registers a descriptor that stays armed, so that it wakes every worker.
    pub(crate) fn add_for_all(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            fd,
            EventData::new_u64(token),
            EventFlags::IN,
        )?)
    }

    /// Arms a registered descriptor again.
    pub(crate) fn arm(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(
            &self.epoll,
            fd,
            EventData::new_u64(token),
            interest.flags(),
        )?)
    }

    /// Waits until something is ready, for ever if need be, and gives the tokens.
    pub(crate) fn wait<'e>(
        &self,
        events: &'e mut Events,
    ) -> io::Result<impl Iterator<Item = u64> + use<'e>> {
        let ready = match epoll::wait(&self.epoll, &mut events[..], None::<&Timespec>) {
            Ok(ready) => ready,
            Err(Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(events[..ready].iter().map(|event| event.data.u64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_ready_descriptor_is_reported_once_until_it_is_armed_again() {
        let poller = Poller::new().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        let (mut other, bell) = UnixStream::pair().unwrap();
        poller.add(&far, 7, Interest::Readable).unwrap();
        poller.add(&bell, 8, Interest::Readable).unwrap();
        near.write_all(b"x").unwrap();
        let mut events = no_events();
        assert_eq!(poller.wait(&mut events).unwrap().collect::<Vec<_>>(), [7]);
        // Still readable, but told already: only the other one is reported.
        other.write_all(b"x").unwrap();
        assert_eq!(poller.wait(&mut events).unwrap().collect::<Vec<_>>(), [8]);
        poller.arm(&far, 9, Interest::Readable).unwrap();
        assert_eq!(poller.wait(&mut events).unwrap().collect::<Vec<_>>(), [9]);
        poller.arm(&far, 9, Interest::Writable).unwrap();
        assert_eq!(poller.wait(&mut events).unwrap().collect::<Vec<_>>(), [9]);
    }
}
