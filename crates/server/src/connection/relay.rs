//! Relaying the response of an upstream server.
//!
//! Large content goes through a pipe (`splice`), other content through a buffer.

mod splice;

use super::dispatch::common_fields;
use super::forwarding::{Forwarding, Relayed};
use super::more::More;
use super::timing::Timing;
use super::turn::Turn;
use super::{Connection, DRAIN};
use crate::gateway::{FIELDS, Failure, is_offered, write_fields};
use crate::response::{Fields, Response as Head};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use std::io::{self, IoSlice};
use tinyhttp_message::connection::{Response, end_to_end_fields};
use tinyhttp_message::encode::HeadWriter;
use tinyhttp_message::framing::ResponseFraming;
use tinyhttp_message::{
    BodyLength, CloseReason, ContentEncoder, Event, FieldStorage, MisuseError, ProtocolError,
    ResponseHead,
};

/// Bytes for the client that may wait. Beyond that, nothing is read from the upstream.
pub(super) const DOWN: usize = 64 * 1024;

/// Bytes that are read from the upstream at once.
const PIECE: usize = 64 * 1024;

/// Content from this length on is sent from where it was received, if nothing has to be put around
/// it. Shorter content is copied behind the head.
const DIRECT: usize = 8 * 1024;

/// The most bytes of interim responses before a final one.
const INTERIM: usize = 64 * 1024;

/// The most content that is skipped because a file is sent in its place.
const SKIPPED: u64 = 64 * 1024;

/// Bytes that are relayed in one turn. Then other ready connections have their turns.
const TURN: usize = 4 * 1024 * 1024;

/// How relaying stops.
pub(super) enum Relay {
    /// Until one of the sockets is ready.
    Waits,
    /// The whole response is in the output, but for the end of its content.
    Complete,
    /// The upstream has switched to another protocol.
    Switched,
}

/// The side at which relaying failed.
pub(super) enum Fault {
    Client,
    Upstream(Failure),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Fault::Upstream(failure)
    }
}

impl Connection {
    /// Relays what has come of the response.
    pub(super) fn relay(
        &mut self,
        forwarding: &mut Forwarding,
        turn: &mut Turn<'_>,
    ) -> Result<Relay, Fault> {
        let mut scratch = std::mem::take(&mut turn.upstream.scratch);
        scratch.resize(PIECE, 0);
        let relayed = self.relay_through(&mut scratch, forwarding, turn);
        turn.upstream.scratch = scratch;
        relayed
    }

    fn relay_through(
        &mut self,
        scratch: &mut [u8],
        forwarding: &mut Forwarding,
        turn: &mut Turn<'_>,
    ) -> Result<Relay, Fault> {
        let mut received = 0;
        loop {
            if self.splices(forwarding, turn) {
                return self.splice(forwarding, turn);
            }
            if turn.output.len() >= DOWN {
                self.send_output(turn).map_err(|_| Fault::Client)?;
                if turn.output.len() >= DOWN {
                    return Ok(Relay::Waits);
                }
            }
            if received >= TURN {
                forwarding.progress.yields = true;
                return Ok(Relay::Waits);
            }
            let Some(attempt) = &mut forwarding.attempt else {
                return Ok(Relay::Waits);
            };
            let Some(length) = attempt.receive(scratch)? else {
                return Ok(Relay::Waits);
            };
            if length == 0 {
                attempt.end_of_input()?;
                return Ok(Relay::Complete);
            }
            received += length;
            forwarding.response.timing.received(turn.now());
            let decoded = attempt.decode(&scratch[..length])?;
            let mut kept = std::mem::take(&mut attempt.input);
            let data = if kept.is_empty() {
                &*decoded
            } else {
                kept.extend_from_slice(&decoded);
                &kept
            };
            let interim = forwarding.response.interim;
            let (used, relayed) = self.relay_events(data, forwarding, turn)?;
            let response = &forwarding.response;
            forwarding.progress.has_moved |= response.is_answered || response.interim > interim;
            if let Some(attempt) = &mut forwarding.attempt {
                // A head that comes byte by byte is not copied each time.
                attempt.input = match used {
                    0 if !kept.is_empty() => kept,
                    used => data[used..].to_vec(),
                };
            }
            match relayed {
                Relay::Waits => {}
                stop => return Ok(stop),
            }
            if let Some(attempt) = forwarding.attempt.as_mut().filter(|it| it.has_ended()) {
                attempt.end_of_input()?;
                return Ok(Relay::Complete);
            }
        }
    }

    /// Relays received bytes, and returns how many were used: the rest is a part of something.
    fn relay_events(
        &mut self,
        data: &[u8],
        forwarding: &mut Forwarding,
        turn: &mut Turn<'_>,
    ) -> Result<(usize, Relay), Fault> {
        let mut used = 0;
        loop {
            let Some(attempt) = &mut forwarding.attempt else {
                return Ok((used, Relay::Waits));
            };
            let mut storage = FieldStorage::<FIELDS>::empty();
            let (length, event) = attempt.event(&data[used..], &mut storage)?;
            used += length;
            let stop = match event {
                Event::NeedMore => Some(Relay::Waits),
                Event::Head(Response::Interim(head)) => {
                    forwarding.response.interim += length;
                    if forwarding.response.interim > INTERIM {
                        let error = ProtocolError::HeadTooLarge { limit: INTERIM };
                        return Err(Failure::Malformed(error).into());
                    }
                    let plan = forwarding.plan.as_ref();
                    let version = plan.map_or(Version::HTTP_10, |plan| plan.version);
                    self.relay_interim(&head, version, turn);
                    None
                }
                Event::Head(Response::Final { head, framing }) => {
                    if has_two_lengths(&head) {
                        let error = ProtocolError::RepeatedContentLength;
                        return Err(Failure::Malformed(error).into());
                    }
                    let is_complete = attempt.is_complete();
                    let plan = forwarding.plan.as_ref();
                    let offered = plan.and_then(|plan| plan.upgrade.as_deref());
                    let is_offered = |offered| is_offered(offered, head.fields.iter());
                    // Before the request is sent, what follows would be the rest of it.
                    if head.status == StatusCode::SWITCHING_PROTOCOLS
                        && !(attempt.is_sent() && offered.is_some_and(is_offered))
                    {
                        let error = ProtocolError::UnexpectedUpgrade;
                        return Err(Failure::Malformed(error).into());
                    }
                    let written = self.relay_head(&head, framing, forwarding, turn);
                    written.map_err(|_| Fault::Upstream(Failure::Closed))?;
                    match head.status {
                        StatusCode::SWITCHING_PROTOCOLS => Some(Relay::Switched),
                        _ => is_complete.then_some(Relay::Complete),
                    }
                }
                Event::Content(content) => {
                    self.relay_content(content, &mut forwarding.response, turn)?;
                    None
                }
                Event::End(_) | Event::Paused => Some(Relay::Complete),
            };
            if let Some(stop) = stop {
                return Ok((used, stop));
            }
        }
    }

    /// Relays a piece of content: sends it at once if it is large and needs no framing, else puts
    /// it into the output.
    fn relay_content(
        &mut self,
        content: &[u8],
        response: &mut Relayed,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault> {
        let too_long = |_| Fault::Upstream(Failure::Closed);
        let is_plain = match response.encoder {
            ContentEncoder::Known(_) | ContentEncoder::UntilClose => true,
            ContentEncoder::Suppressed => {
                response.skipped += content.len() as u64;
                return match response.skipped <= SKIPPED {
                    true => Ok(()),
                    false => Err(Fault::Upstream(Failure::Closed)),
                };
            }
            ContentEncoder::Chunked => false,
        };
        response.content += content.len() as u64;
        if !is_plain || content.len() < DIRECT {
            let encoded = response.encoder.encode(content, &mut turn.output);
            return encoded.map_err(too_long);
        }
        response
            .encoder
            .count(content.len() as u64)
            .map_err(too_long)?;
        let mut rest = content;
        while !rest.is_empty() {
            let before = turn.output.len();
            let slices = [IoSlice::new(&turn.output), IoSlice::new(rest)];
            let slices = if before > 0 {
                &slices[..]
            } else {
                &slices[1..]
            };
            match self.transport.send(slices, More::Unknown) {
                Ok(sent) => {
                    let from_output = sent.min(before);
                    turn.output.drain(..from_output);
                    turn.output_taken(from_output as u64);
                    turn.count_sent(sent);
                    rest = &rest[sent - from_output..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Err(Fault::Client),
            }
        }
        turn.output.extend_from_slice(rest);
        Ok(())
    }

    /// Relays an interim response (RFC 9110 §15.2). Clients of HTTP/1.0 know none, and a
    /// `100 Continue` is for those that wait for it.
    fn relay_interim(&mut self, head: &ResponseHead<'_>, version: Version, turn: &mut Turn<'_>) {
        if head.status == StatusCode::CONTINUE {
            return self.protocol.continue_if_expected(&mut turn.output);
        }
        if version == Version::HTTP_10 {
            return;
        }
        let start = turn.output.len();
        let mut lines = HeadWriter::response(&mut turn.output, head.status);
        match write_fields(&mut lines, head.fields.iter(), None) {
            Ok(_) => lines.finish(),
            Err(_) => turn.output.truncate(start),
        }
    }

    /// Writes the head of a 101.
    fn relay_switch(
        &mut self,
        head: &ResponseHead<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), MisuseError> {
        self.protocol.switch_protocols(&mut turn.output, |lines| {
            write_fields(lines, head.fields.iter(), None)?;
            write_protocols(lines, head)
        })
    }

    /// Writes the head of the final response.
    fn relay_head(
        &mut self,
        head: &ResponseHead<'_>,
        framing: ResponseFraming,
        forwarding: &mut Forwarding,
        turn: &mut Turn<'_>,
    ) -> Result<(), MisuseError> {
        if turn.is_draining {
            self.protocol.close_after(CloseReason::ShuttingDown);
        }
        let Forwarding {
            plan: Some(plan),
            record,
            response,
            ..
        } = forwarding
        else {
            return Err(MisuseError::OutOfTurn);
        };
        if let Some(record) = record {
            record.status = head.status;
        }
        let received = || head.fields.iter();
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            response.is_answered = true;
            return self.relay_switch(head, turn);
        }
        if let Some(files) = &mut plan.response.files {
            let fields: Vec<_> = received().collect();
            response.names_file = files.take(&fields);
        }
        if response.names_file {
            return Ok(());
        }
        let length = match framing.length {
            BodyLength::Known(length) => Some(length),
            BodyLength::Empty if plan.method == Method::HEAD => announced_length(head),
            BodyLength::Empty => Some(0),
            BodyLength::Chunked | BodyLength::UntilClose => None,
        };
        response.may_be_silent = head.fields.get("Content-Type").is_some_and(is_stream);
        if response.may_be_silent {
            self.transport.keep_alive();
        }
        if self.protocol.unread().is_some_and(|unread| unread > DRAIN) {
            // The rest of the request's content is not waited for once the response is complete.
            self.protocol.close_after(CloseReason::UnreadContent);
        }
        let date = &turn.date;
        let timing = plan.group.settings.sends_timing.then_some(response.timing);
        response.encoder = if plan.response.changes.is_empty() {
            let renamed = plan.response.renamed.as_deref();
            self.protocol
                .respond(head.status, length, &mut turn.output, |lines| {
                    let has_date = write_fields(lines, received(), renamed)?;
                    if !has_date {
                        lines.lines(&date.lines);
                    }
                    write_added(lines, head, timing)
                })?
        } else {
            let mut changed = to_response(head, plan.response.renamed.as_deref())?;
            for change in plan.response.changes.drain(..) {
                changed = change(changed);
            }
            let (status, fields, _) = changed.into_parts();
            let fields = match fields {
                Fields::Map(map) => *map,
                Fields::Rendered(..) => HeaderMap::new(),
            };
            self.protocol
                .respond(status, length, &mut turn.output, |lines| {
                    common_fields(lines, &fields, date)?;
                    end_to_end_fields(lines, &fields)?;
                    write_added(lines, head, timing)
                })?
        };
        response.is_answered = true;
        Ok(())
    }
}

/// Whether a head announces its length twice. A client may accept that if both are the same; a
/// gateway can't know what stands behind it.
fn has_two_lengths(head: &ResponseHead<'_>) -> bool {
    let mut values = head.fields.get_all("Content-Length");
    let first = values.next();
    values.next().is_some() || first.is_some_and(|value| value.contains(&b','))
}

fn is_stream(content_type: &[u8]) -> bool {
    let start = b"text/event-stream";
    content_type
        .get(..start.len())
        .is_some_and(|value| value.eq_ignore_ascii_case(start))
}

/// Writes the protocols that the upstream names.
fn write_protocols(lines: &mut HeadWriter<'_>, head: &ResponseHead<'_>) -> Result<(), MisuseError> {
    let mut protocols = head.fields.get_all("upgrade");
    protocols.try_for_each(|value| lines.field("Upgrade", value))
}

/// Writes what a final response has beside the upstream's end-to-end fields: the protocols that a
/// 426 demands, which has to name them (RFC 9110 §15.5.22), and Server-Timing, if clients get it.
fn write_added(
    lines: &mut HeadWriter<'_>,
    head: &ResponseHead<'_>,
    timing: Option<Timing>,
) -> Result<(), MisuseError> {
    if head.status == StatusCode::UPGRADE_REQUIRED {
        lines.field("Connection", b"upgrade")?;
        write_protocols(lines, head)?;
    }
    match timing {
        Some(timing) => lines.field("Server-Timing", timing.server_timing().as_bytes()),
        None => Ok(()),
    }
}

/// The length that the response to a HEAD announces for the response to a GET.
fn announced_length(head: &ResponseHead<'_>) -> Option<u64> {
    let mut values = head.fields.get_all("content-length");
    let only = values.next().filter(|_| values.next().is_none())?;
    let text = std::str::from_utf8(only).ok()?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// The head as a handler would have made it, for middleware to change.
fn to_response(
    head: &ResponseHead<'_>,
    renamed: Option<&crate::gateway::Renamed>,
) -> Result<Head, MisuseError> {
    let mut bytes = Vec::new();
    let mut lines = HeadWriter::response(&mut bytes, head.status);
    write_fields(&mut lines, head.fields.iter(), renamed)?;
    let mut response = http::Response::new(());
    *response.status_mut() = head.status;
    for line in bytes.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response.into())
}
