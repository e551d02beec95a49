//! Closures that write content, or take the socket over after a switch of protocols: they run on
//! the worker's thread while others take its place.

use super::dispatch::common_fields;
use super::input::Input;
use super::more::More;
use super::response::{PendingResponse, ResponseWriter};
use super::transport::{Readiness, Transport};
use super::turn::Turn;
use super::{Connection, State};
use crate::access_log::Record;
use crate::body::{Body, Content, Socket, StreamWriter, Switch, Upgraded};
use crate::deadline::{Timeouts, Waiting};
use crate::poller::Poller;
use http::HeaderMap;
use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tinyhttp_message::ContentEncoder;
use tinyhttp_message::connection::end_to_end_fields;

impl ResponseWriter {
    /// Runs the closure of the content. Everything before it has been sent.
    #[inline(never)]
    pub(super) fn run(&mut self, transport: &Transport, timeouts: &Timeouts) -> io::Result<()> {
        let panicked = |_| Err(io::Error::other("the closure panicked"));
        match std::mem::take(&mut self.content) {
            Content::Switch(switch) => {
                let socket = Arc::new(transport.clone());
                let Switch { early, run } = *switch;
                let upgraded = Upgraded::new(socket, early, timeouts.write);
                let run = AssertUnwindSafe(|| {
                    run(upgraded);
                    Ok(())
                });
                catch_unwind(run).unwrap_or_else(panicked)
            }
            Content::Stream(produce) => {
                let mut left = timeouts.write;
                let mut send = |piece: &[u8]| {
                    self.encode(piece)?;
                    left = self.send_all(transport, timeouts, left)?;
                    Ok(())
                };
                let mut writer = StreamWriter::new(&mut send);
                let run = AssertUnwindSafe(|| {
                    produce(&mut writer)?;
                    io::Write::flush(&mut writer)
                });
                catch_unwind(run).unwrap_or_else(panicked)?;
                self.encode(&[])
            }
            content => {
                self.content = content;
                Ok(())
            }
        }
    }

    /// Sends the buffer, and waits for a client that reads slowly: for as long as is left of its
    /// allowance, which grows with what it takes. Returns what is left then.
    fn send_all(
        &mut self,
        transport: &Transport,
        timeouts: &Timeouts,
        mut left: Duration,
    ) -> io::Result<Duration> {
        while self.at < self.buffer.len() {
            let ready = [IoSlice::new(&self.buffer[self.at..])];
            match transport.send(&ready, More::Unknown) {
                Ok(sent) => {
                    self.at += sent;
                    self.sent += sent as u64;
                    left = timeouts.after(Waiting::Write, left, sent as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    left = transport.wait(Readiness::Room, left)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(left)
    }
}

impl Connection {
    /// Writes a 101 with these fields, after which the closure in `body` takes the socket over.
    pub(super) fn switch_protocols(
        &mut self,
        fields: &HeaderMap,
        body: Body,
        record: Option<&mut Record<'_>>,
        turn: &mut Turn<'_>,
    ) {
        let date = &turn.date;
        let switched = self.protocol.switch_protocols(&mut turn.output, |head| {
            common_fields(head, fields, date)?;
            end_to_end_fields(head, fields)
        });
        if let Err(error) = switched {
            log::error!("{}: the protocol can't be switched: {error}", self.remote);
            return self.respond_broken(record, turn);
        }
        let record = record.map(|record| {
            record.status = http::StatusCode::SWITCHING_PROTOCOLS;
            record.clone().into_owned()
        });
        let output = std::mem::take(&mut turn.output);
        let pending = PendingResponse {
            before_content: output.len() as u64,
            ends_exchange: true,
            record,
            held: std::mem::take(&mut turn.held),
            ..PendingResponse::new(ResponseWriter::new(
                output,
                body.content,
                ContentEncoder::Suppressed,
            ))
        };
        self.state = State::Sending(Box::new(pending));
    }

    /// Gives bytes that came behind the request for a switch of protocols to what runs after it.
    pub(super) fn keep_early_bytes(&mut self, input: &Input) {
        if let State::Sending(pending) = &mut self.state {
            if let Content::Switch(switch) = &mut pending.writer.content {
                switch.early.append(&mut input.take_unused());
                switch.early.append(&mut self.input);
            }
        }
    }

    /// The socket, if what runs next has it after a switch of protocols. The poller reports nothing
    /// meanwhile.
    pub(crate) fn take_if_switched(&mut self, poller: &Poller) -> Option<Transport> {
        let State::Sending(pending) = &self.state else {
            return None;
        };
        matches!(pending.writer.content, Content::Switch(_)).then(|| {
            self.disarm(poller);
            self.transport.clone()
        })
    }
}

/// Blocks until the socket is ready or `timeout` has passed.
fn wait(transport: &Transport, readiness: Readiness, timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.unwrap_or(Duration::MAX);
    transport.wait(readiness, timeout).map(drop)
}

impl Socket for Transport {
    fn receive(&self, into: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        loop {
            match self.recv(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait(self, Readiness::Input, timeout)?;
                }
                received => return received,
            }
        }
    }

    fn send(&self, bytes: &[u8], timeout: Option<Duration>) -> io::Result<usize> {
        loop {
            match Transport::send(self, &[IoSlice::new(bytes)], More::Unknown) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait(self, Readiness::Room, timeout)?;
                }
                sent => return sent,
            }
        }
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Transport::shutdown_write(self)
    }
}
