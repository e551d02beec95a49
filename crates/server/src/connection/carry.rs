//! A connection that carries a tunnel: its turns.

use super::forwarding::Forwarding;
use super::input::Input;
use super::more::More;
use super::tunnel::{Half, Tunnel};
use super::turn::Turn;
use super::{Connection, State, Step};
use crate::access_log::Ending;
use crate::deadline::Waiting;
use std::io::IoSlice;

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

impl Connection {
    /// Turns an exchange whose response is a 101 into a tunnel. What the client has sent behind its
    /// request goes to the upstream only now.
    pub(super) fn begin_tunnel(
        &mut self,
        mut forwarding: Forwarding,
        turn: &mut Turn<'_>,
        input: &mut Input,
    ) -> Step {
        forwarding.note_upstream(turn.now());
        let Some(attempt) = forwarding.attempt.take() else {
            return Step::Close;
        };
        let idle = attempt.lease.settings().tunnel;
        let (pipe, early) = attempt.into_tunnel();
        let mut down = std::mem::take(&mut turn.output);
        turn.settle(down.len() as u64, Ending::Complete);
        down.extend_from_slice(&early);
        let mut up = input.take_unused();
        up.append(&mut self.input);
        let half = |waiting| Half {
            waiting,
            ..Half::default()
        };
        let tunnel = Tunnel {
            pipe,
            up: half(up),
            down: half(down),
            record: forwarding.record.take(),
            idle,
            yields: false,
        };
        self.transport.keep_alive();
        self.deadline = turn.deadline_in(Waiting::Tunnel, idle);
        self.carry(Box::new(tunnel), turn)
    }

    /// Continues to carry bytes through a tunnel, which is no longer in the state.
    #[inline(never)]
    pub(super) fn carry(&mut self, mut tunnel: Box<Tunnel>, turn: &mut Turn<'_>) -> Step {
        let mut scratch = std::mem::take(&mut turn.upstream.scratch);
        scratch.resize(PIECE, 0);
        let moved = tunnel.up.moved + tunnel.down.moved;
        self.carry_through(&mut scratch, &mut tunnel);
        turn.upstream.scratch = scratch;
        if tunnel.up.is_over && tunnel.down.is_over {
            return self.end_tunnel(*tunnel, turn);
        }
        if tunnel.up.moved + tunnel.down.moved > moved {
            self.deadline = turn.deadline_in(Waiting::Tunnel, tunnel.idle);
        }
        self.read_all &= !tunnel.yields;
        self.state = State::Tunnel(tunnel);
        Step::Park
    }

    /// Moves what can be moved. Each direction goes on by itself: the last bytes of a side that
    /// takes nothing more are still delivered.
    fn carry_through(&mut self, scratch: &mut [u8], tunnel: &mut Tunnel) {
        let (client, upstream) = (&self.transport, &tunnel.pipe.socket);
        let to_client = |bytes: &[u8]| client.send(&[IoSlice::new(bytes)], More::Unknown);
        let up = tunnel.up.run(
            scratch,
            |buffer| client.recv(buffer),
            |bytes| upstream.send(bytes),
        );
        let down = tunnel
            .down
            .run(scratch, |buffer| upstream.recv(buffer), to_client);
        tunnel.yields = up || down;
        if tunnel.up.must_shut() {
            upstream.shutdown_write();
        }
        if tunnel.down.must_shut() {
            tunnel.down.is_broken = client.shutdown_write().is_err();
        }
    }

    /// Ends a tunnel whose directions are over. A client that still sends must not be reset before
    /// it has read the last bytes.
    fn end_tunnel(&mut self, tunnel: Tunnel, turn: &Turn<'_>) -> Step {
        let (is_gone, still_sends) = (tunnel.down.is_broken, !tunnel.up.has_ended);
        let ending = match is_gone {
            true => Ending::ClientGone,
            false => Ending::Complete,
        };
        tunnel.record(ending, turn.env);
        if is_gone || !still_sends {
            return Step::Close;
        }
        self.linger_from_now(turn)
    }
}
