//! One epoll for everything, shared by all workers.
//!
//! There are three ways to wait. A listener is reported *as long as* connections are to be
//! accepted. A connection that waits for room to write is armed *once*: when that has been
//! reported, the kernel reports nothing more until it is armed again. A connection that waits for
//! bytes is *watched*: the kernel reports each arrival without being asked again, which saves a
//! call for each request. A report that comes while a worker owns the connection is noted where
//! connections are parked (`runtime/parked.rs`), so that a ready connection still has one owner.
//! Any worker may poll; which one is woken doesn't matter, since none of them owns anything while
//! it waits.

#[cfg(feature = "gateway")]
pub(crate) mod alarm;
#[cfg(feature = "gateway")]
pub(crate) mod owners;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// A token with this bit is that of an upstream server's socket, and the rest is its descriptor.
/// Descriptors are smaller.
#[cfg(feature = "gateway")]
pub(crate) const UPSTREAM: u64 = 1 << 31;

/// A token with this bit is that of a connection that a worker gives a turn without a report of its
/// socket.
#[cfg(feature = "gateway")]
pub(crate) const WOKEN: u64 = 1 << 30;

/// What a descriptor waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Connections to accept, as long as there are any.
    Acceptable,
    /// Bytes to read, or the end of them: whatever there is now, and each time that more comes.
    Readable,
    /// Room to write, once.
    Writable,
    /// Bytes to read and room to write: whenever either changes.
    #[cfg(feature = "gateway")]
    Both,
    /// The end of the client's side, once.
    Hangup,
    /// Nothing, until it is armed again.
    Nothing,
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Interest::Acceptable => EventFlags::IN,
            Interest::Readable => EventFlags::IN | EventFlags::RDHUP | EventFlags::ET,
            Interest::Writable => EventFlags::OUT | EventFlags::ONESHOT,
            #[cfg(feature = "gateway")]
            Interest::Both => EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET,
            Interest::Hangup => EventFlags::RDHUP | EventFlags::ONESHOT,
            Interest::Nothing => EventFlags::ONESHOT,
        }
    }
}

/// The descriptor of the connection that a report is for; `None` if it is for none.
pub(crate) fn descriptor(token: u64) -> Option<usize> {
    #[cfg(feature = "gateway")]
    if token & UPSTREAM != 0 {
        return owners::owner_of((token & !UPSTREAM) as usize);
    }
    #[cfg(feature = "gateway")]
    let token = token & !WOKEN;
    Some(token as usize)
}

/// A descriptor that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) token: u64,
    /// The other side has ended its half, or the connection is broken: behind what there is to
    /// read, nothing will come, and so nothing more will be reported.
    pub(crate) ended: bool,
}

impl Report {
    fn of(event: &Event) -> Self {
        let ends = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        // The kernel packs events, so that their parts can't be borrowed.
        let (flags, data) = (event.flags, event.data);
        #[cfg(feature = "gateway")]
        if data.u64() & UPSTREAM != 0 {
            owners::note((data.u64() & !UPSTREAM) as usize);
        }
        Report {
            token: data.u64(),
            ended: flags.intersects(ends),
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

    /// Forgets a descriptor. Closing it is not enough while the socket has another one.
    pub(crate) fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Waits until something is ready, or this time has passed.
    pub(crate) fn wait<'e>(
        &self,
        events: &'e mut Events,
        time: Option<Duration>,
    ) -> io::Result<impl Iterator<Item = Report> + use<'e>> {
        let time = time.and_then(|time| Timespec::try_from(time).ok());
        let ready = match epoll::wait(&self.epoll, &mut events[..], time.as_ref()) {
            Ok(ready) => ready,
            Err(Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(events[..ready].iter().map(Report::of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    fn tokens(poller: &Poller) -> Vec<u64> {
        let mut events = no_events();
        let reports = poller.wait(&mut events, None).unwrap();
        reports.map(|report| report.token).collect()
    }

    #[test]
    fn some_are_reported_once_and_some_as_long_as_they_are_ready() {
        let poller = Poller::new().unwrap();
        let (_near, far) = UnixStream::pair().unwrap();
        let (mut other, bell) = UnixStream::pair().unwrap();
        poller.add(&far, 7, Interest::Writable).unwrap();
        poller.add(&bell, 8, Interest::Acceptable).unwrap();
        assert_eq!(tokens(&poller), [7]);
        // Still writable, but told already: only the other one is reported.
        other.write_all(b"x").unwrap();
        assert_eq!(tokens(&poller), [8]);
        assert_eq!(tokens(&poller), [8]);
        poller.arm(&bell, 8, Interest::Nothing).unwrap();
        poller.arm(&far, 9, Interest::Writable).unwrap();
        assert_eq!(tokens(&poller), [9]);
        poller.arm(&bell, 8, Interest::Acceptable).unwrap();
        assert_eq!(tokens(&poller), [8]);
        poller.remove(&bell).unwrap();
        poller.arm(&far, 9, Interest::Writable).unwrap();
        assert_eq!(tokens(&poller), [9]);
    }

    #[test]
    fn what_is_watched_is_reported_whenever_more_comes() {
        let poller = Poller::new().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        let (mut other, bell) = UnixStream::pair().unwrap();
        poller.add(&far, 7, Interest::Readable).unwrap();
        poller.add(&bell, 8, Interest::Readable).unwrap();
        let mut events = no_events();
        for _ in 0..2 {
            near.write_all(b"x").unwrap();
            assert_eq!(tokens(&poller), [7]);
        }
        // Nothing new there; but arming it again reports what is left.
        other.write_all(b"x").unwrap();
        assert_eq!(tokens(&poller), [8]);
        poller.arm(&far, 7, Interest::Readable).unwrap();
        assert_eq!(tokens(&poller), [7]);
        poller.arm(&far, 7, Interest::Nothing).unwrap();
        near.write_all(b"x").unwrap();
        other.write_all(b"x").unwrap();
        assert_eq!(tokens(&poller), [8]);
        poller.arm(&far, 7, Interest::Readable).unwrap();
        near.shutdown(std::net::Shutdown::Write).unwrap();
        let reports: Vec<_> = poller.wait(&mut events, None).unwrap().collect();
        let ended = Report {
            token: 7,
            ended: true,
        };
        assert_eq!(reports, [ended]);
    }
}
