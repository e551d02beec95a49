//! What the poller is asked to report of a connection.

use super::{Connection, State, Turn};
use crate::body::Content;
use crate::poller::{Interest, Poller};
use std::io;
use std::sync::Arc;

impl Connection {
    /// What this waits for, which follows from its state.
    pub(super) fn interest(&self) -> Interest {
        match &self.state {
            #[cfg(feature = "tls")]
            State::Securing if self.transport.needs_room() => Interest::Writable,
            #[cfg(feature = "tls")]
            State::Securing => Interest::Readable,
            State::Receiving(collecting) if collecting.has_output() => Interest::Writable,
            State::Reading | State::Receiving(_) | State::Lingering => Interest::Readable,
            State::Sending(pending) if pending.is_silent => Interest::Hangup,
            #[cfg(feature = "gateway")]
            State::Forwarding(forwarding) if forwarding.has_output() => Interest::Both,
            #[cfg(feature = "gateway")]
            State::Tunnel(tunnel) if tunnel.has_output() => Interest::Both,
            #[cfg(feature = "gateway")]
            State::Forwarding(_) | State::Tunnel(_) => Interest::Readable,
            #[cfg(feature = "gateway")]
            State::Resuming(_) => Interest::Writable,
            State::Yielding | State::Sending(_) | State::Ending => Interest::Writable,
        }
    }

    /// Has the poller report what this connection waits for. `missed`: a report has come meanwhile,
    /// and no worker has acted on it.
    ///
    /// # Errors
    /// The poller's.
    pub(crate) fn arm(&mut self, poller: &Arc<Poller>, missed: bool) -> io::Result<()> {
        #[cfg(feature = "gateway")]
        if self.arm_upstream(poller, missed)? && !missed {
            return Ok(());
        }
        let interest = self.interest();
        let armed = self.armed.replace(interest);
        // A watched socket stays watched, unless something may have come that was not read.
        let watched = armed == Some(Interest::Readable) && interest == Interest::Readable;
        let reads_later = self.is_queued();
        if watched && (self.read_all || reads_later) && !missed {
            self.leave_waker(poller);
            return Ok(());
        }
        match armed {
            None => poller.add(&self.transport, self.token(), interest)?,
            Some(_) => poller.arm(&self.transport, self.token(), interest)?,
        }
        self.leave_waker(poller);
        Ok(())
    }

    /// Has the poller report the upstream server's socket. Returns whether the client's is watched,
    /// too: what comes there is reported when it comes, and is read when it is needed.
    #[cfg(feature = "gateway")]
    fn arm_upstream(&mut self, poller: &Poller, missed: bool) -> io::Result<bool> {
        let owner = self.token() as usize;
        let is_watched = self.armed == Some(self.interest());
        match &mut self.state {
            State::Forwarding(forwarding) => {
                let yields = forwarding.progress.yields;
                if let Some(attempt) = &mut forwarding.attempt {
                    attempt.arm(poller, owner, missed || yields)?;
                }
                Ok(is_watched && !yields && !forwarding.queued.waits())
            }
            State::Tunnel(tunnel) => {
                let (is_blocked, yields) = (tunnel.is_blocked(), tunnel.yields());
                let socket = &mut tunnel.pipe.socket;
                socket.arm(is_blocked, poller, owner, missed || yields)?;
                Ok(is_watched && !yields)
            }
            _ => Ok(false),
        }
    }

    /// Whether a turn that begins follows from a report of an upstream server's socket, and not of
    /// the client's.
    pub(super) fn is_for_upstream(&mut self, turn: &mut Turn<'_>) -> bool {
        #[cfg(feature = "gateway")]
        if let Some(ended) = turn.upstream.report.take() {
            if let State::Forwarding(forwarding) = &mut self.state {
                if let Some(attempt) = &mut forwarding.attempt {
                    attempt.reported(ended);
                }
            }
            turn.arrived = None;
            turn.may_read = !self.read_all;
            return true;
        }
        #[cfg(feature = "gateway")]
        if matches!(&self.state, State::Forwarding(forwarding) if forwarding.queued.is_settled()) {
            // What has woken it may have asked the poller for room to write.
            self.armed = Some(Interest::Writable);
        }
        let _ = turn;
        false
    }

    /// Whether this waits until a server has room for its request. Before that, nothing is read.
    #[cfg(feature = "gateway")]
    fn is_queued(&self) -> bool {
        matches!(&self.state, State::Forwarding(forwarding) if forwarding.queued.waits())
    }

    #[cfg(not(feature = "gateway"))]
    #[allow(clippy::unused_self)]
    fn is_queued(&self) -> bool {
        false
    }

    /// Leaves a waker with what this connection waits for, if that is no socket: the sender of its
    /// content, or a server with room. It is called at once if there is nothing to wait for.
    fn leave_waker(&self, poller: &Arc<Poller>) {
        let waker = || self.transport.waker(poller);
        let returned = match &self.state {
            State::Sending(pending) if pending.is_silent => match &pending.writer.content {
                Content::Channel(receiver) => receiver.park(waker()),
                _ => None,
            },
            #[cfg(feature = "gateway")]
            State::Forwarding(forwarding) if forwarding.queued.waits() => {
                if let Some(alarm) = forwarding.queued.park(self.transport.alarm(poller)) {
                    alarm.ring();
                }
                None
            }
            _ => None,
        };
        if let Some(waker) = returned {
            waker();
        }
    }

    /// Has the poller report nothing until this is parked again, because a handler reads from the
    /// socket.
    pub(crate) fn disarm(&mut self, poller: &Poller) {
        // What is reported from here on may have come before this is parked.
        self.read_all = false;
        if self.armed == Some(Interest::Readable) {
            // If it fails, a worker is woken for nothing now and then.
            let _ = poller.arm(&self.transport, self.token(), Interest::Nothing);
            self.armed = Some(Interest::Nothing);
        }
    }

    /// Whether the client has sent something that was not read. If so, the poller is asked again
    /// when this is parked: a read may end before everything that had come, at an urgent byte for
    /// example, and the rest is not reported.
    pub(crate) fn has_input(&mut self) -> bool {
        let has_input = self.transport.peek();
        self.read_all &= !has_input;
        has_input
    }
}
