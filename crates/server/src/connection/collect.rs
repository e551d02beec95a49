//! Receiving a request's content before its handler continues, without a thread.

use super::call::{Call, Collected, Collecting};
use super::input::Input;
use super::turn::Turn;
use super::{Connection, Next, State, Step};
use crate::access_log::{Ending, Held, Record};
use crate::body::{Body, Trailers};
use crate::deadline::Waiting;
use crate::handler::Receive;
use crate::intake::Refusal;
use crate::page::error_page;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tinyhttp_message::{CloseReason, Event, FieldStorage};

/// Bytes that are received in one turn. Then other ready connections have their turns.
const TURN: usize = 256 * 1024;

/// Content up to this size that has come with the head is taken at once.
const SHORT: u64 = 16 * 1024;

impl Connection {
    /// The content of a request, if it is short and all of it has come with the head. Nothing waits
    /// for it then, and whether a handler wants it need not be asked.
    #[inline(never)]
    pub(crate) fn content_at_hand(&mut self, call: &Call<'_>, most: u64) -> Option<Body> {
        // The content of a request in chunks may have trailer fields.
        let length = self.protocol.unread()?;
        if length > most.min(SHORT) || (call.input.unused().len() as u64) < length {
            return None;
        }
        let mut body = Body::empty();
        while !self.protocol.is_complete() {
            let mut storage = FieldStorage::new();
            let (used, event) = self
                .protocol
                .receive(call.input.unused(), &mut storage)
                .ok()?;
            self.protocol.content_has_begun();
            match event {
                Event::Content(content) => body = Bytes::copy_from_slice(content).into(),
                Event::End(_) => {}
                _ => return None,
            }
            call.input.consume(used);
        }
        Some(body)
    }

    /// Begins to receive the content of a request. [`Next::Resume`] follows, also if the content is
    /// refused.
    pub(crate) fn receive(
        &mut self,
        mut receive: Receive,
        record: Option<Record<'static>>,
        turn: &mut Turn<'_>,
    ) {
        receive.set_limit(turn.env.max_body);
        let announced = self.protocol.unread();
        let is_long = announced.is_some_and(|left| left > receive.limit());
        let spool = receive.spool();
        let collecting = Collecting {
            receive,
            record,
            spool,
            output: Vec::new(),
            held: Held::default(),
            refusal: is_long.then_some(Refusal::TooLong),
        };
        turn.left = turn.env.timeouts.content;
        self.state = State::Receiving(Box::new(collecting));
    }

    /// Continues to receive content, which is no longer in the state. Kept out of line, as its
    /// storage for trailers is large.
    #[inline(never)]
    pub(super) fn collect(
        &mut self,
        mut collecting: Box<Collecting>,
        turn: &mut Turn<'_>,
        input: &mut Input,
    ) -> Result<Next<'static>, Step> {
        if !collecting.output.is_empty() {
            turn.output = std::mem::take(&mut collecting.output);
            turn.held = std::mem::take(&mut collecting.held);
        }
        let mut received = 0;
        let fields = loop {
            if collecting.refusal.is_some() {
                self.protocol.close_after(CloseReason::UnreadContent);
                break HeaderMap::new();
            }
            let mut storage = FieldStorage::new();
            let (used, event) = match self.protocol.receive(input.unused(), &mut storage) {
                Ok(received) => received,
                Err(error) => {
                    self.refuse(error, turn);
                    return Err(Step::Look);
                }
            };
            input.consume(used);
            match event {
                Event::Content(content) => {
                    let length = content.len() as u64;
                    let timeouts = turn.env.timeouts;
                    turn.left = timeouts.after(Waiting::Receive, turn.left, length);
                    if collecting.spool.length() + length > collecting.receive.limit() {
                        collecting.refusal = Some(Refusal::TooLong);
                    } else if let Err(error) = collecting.spool.write(content) {
                        log::error!("content can't be kept in a temporary file: {error}");
                        collecting.refusal = Some(Refusal::NoRoom);
                    }
                }
                Event::NeedMore if received >= TURN => {
                    self.read_all = false;
                    return Err(self.await_content(collecting, turn));
                }
                Event::NeedMore => match self.receive_more(turn, input) {
                    Ok(0) => return Err(self.await_content(collecting, turn)),
                    Ok(length) => received += length,
                    Err(step) => return Err(step),
                },
                Event::End(fields) => break fields,
                Event::Head(_) | Event::Paused => break HeaderMap::new(),
            }
        };
        let Collecting {
            mut receive,
            record,
            spool,
            refusal,
            ..
        } = *collecting;
        let trailers = (!fields.is_empty()).then(|| {
            let trailers = Trailers::default();
            trailers.set(fields);
            trailers
        });
        receive.set_body(spool.into_body().with_trailers(trailers));
        Ok(Next::Resume(Box::new(Collected {
            receive,
            record,
            refusal,
        })))
    }

    /// Receives more. Zero: nothing has come.
    fn receive_more(&mut self, turn: &mut Turn<'_>, input: &mut Input) -> Result<usize, Step> {
        if input.unused().is_empty() && !self.input.is_empty() {
            input.set(std::mem::take(&mut self.input));
            return Ok(input.unused().len());
        }
        let length = self.received(input.receive(&self.transport))?;
        if length.is_none() {
            // What the client may be waiting for goes out first.
            self.protocol.continue_if_expected(&mut turn.output);
        }
        Ok(length.unwrap_or(0))
    }

    /// Parks until more content comes.
    fn await_content(&mut self, mut collecting: Box<Collecting>, turn: &mut Turn<'_>) -> Step {
        if self.send_output(turn).is_err() {
            return Step::Close;
        }
        if !turn.output.is_empty() {
            collecting.output = std::mem::take(&mut turn.output);
            collecting.held = std::mem::take(&mut turn.held);
        }
        self.deadline = turn.deadline_after(Waiting::Receive, turn.left, 0);
        self.state = State::Receiving(collecting);
        Step::Park
    }

    /// Ends a wait for content whose deadline has passed. `false`: no response can be sent.
    pub(super) fn expire_content(
        &mut self,
        mut collecting: Collecting,
        turn: &mut Turn<'_>,
    ) -> bool {
        if !collecting.output.is_empty() {
            collecting.abort(Ending::TooSlow, turn.env);
            return false;
        }
        self.protocol.close_after(CloseReason::UnreadContent);
        let response = error_page(StatusCode::REQUEST_TIMEOUT, "");
        self.respond(response.into(), collecting.record.as_mut(), turn);
        true
    }
}
