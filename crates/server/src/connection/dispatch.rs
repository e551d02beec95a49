//! From a request's head to its response: what a handler is called with, and how its response is
//! written.

use super::call::Call;
use super::input::Input;
use super::request_body::{Loan, RequestBody};
use super::response::{PendingResponse, ResponseWriter};
use super::turn::{DateField, Turn};
use super::{Connection, DRAIN, Env, State};
use crate::access_log::{Ending, Hops, Record, SecuredRecord, user};
use crate::body::{Body, Content, Trailers};
use crate::page::{FAILED, error_page};
use crate::response::{Fields, Response, SERVER};
use http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use std::borrow::Cow;
use std::time::{Instant, SystemTime};
use tinyhttp_message::connection::end_to_end_fields;
use tinyhttp_message::encode::HeadWriter;
use tinyhttp_message::framing;
use tinyhttp_message::{
    CloseReason, ContentEncoder, MisuseError, ProtocolError, RequestHead, ServerConnection,
};

/// Content up to this size is copied behind its head; larger content is sent from where it is.
const SMALL: usize = 16 * 1024;

impl Connection {
    /// The call for a request, unless it is refused without one.
    pub(super) fn call<'s, 'i: 's>(
        &mut self,
        head: RequestHead<'s>,
        input: &'i Input,
        turn: &mut Turn<'_>,
    ) -> Option<Call<'s>> {
        let arrived = turn.arrival();
        #[cfg(feature = "tls")]
        if self.misdirects(&head, turn) {
            return None;
        }
        if head.target.is_https() && !self.is_secured() {
            let explanation = "This connection is not secured, as https demands.";
            self.respond_with_error(StatusCode::MISDIRECTED_REQUEST, explanation, turn);
            return None;
        }
        Some(Call {
            head,
            arrived,
            is_complete: self.protocol.is_complete(),
            input,
        })
    }

    /// Whether the client speaks HTTPS.
    pub(crate) fn is_secured(&self) -> bool {
        #[cfg(feature = "tls")]
        let is_secured = self.transport.is_secured();
        #[cfg(not(feature = "tls"))]
        let is_secured = false;
        is_secured
    }

    /// The record of a request for the access log, if there is one.
    pub(crate) fn record<'h>(
        &self,
        head: &'h RequestHead<'_>,
        arrived: Instant,
        turn: &Turn<'_>,
    ) -> Option<Record<'h>> {
        let env = turn.env;
        env.records().then(|| Record {
            remote: self.remote,
            user: self.log_user(head),
            time: turn.system_time(arrived),
            duration: env.clock.since_start(arrived),
            method: Cow::Borrowed(head.method.as_str()),
            target: Cow::Borrowed(head.target.as_str()),
            version: head.version,
            status: StatusCode::OK,
            sent: 0,
            ending: Ending::Complete,
            is_tls: false,
            hops: Hops {
                secured: self.secured_record(),
                upstream: None,
            },
            referer: head.fields.get("referer").map(Cow::Borrowed),
            user_agent: head.fields.get("user-agent").map(Cow::Borrowed),
        })
    }

    /// What the access log says of the handshake.
    fn secured_record(&self) -> Option<SecuredRecord> {
        #[cfg(feature = "tls")]
        let record = self.transport.agreed().map(|agreed| SecuredRecord {
            version: agreed.version,
            cipher: agreed.cipher,
            server_name: agreed.server_name,
            client: agreed.client,
        });
        #[cfg(not(feature = "tls"))]
        let record = None;
        record
    }

    /// The user of the access log: the subject of the client's certificate, or the name in its
    /// credentials.
    fn log_user<'h>(&self, head: &'h RequestHead<'_>) -> Option<Cow<'h, [u8]>> {
        #[cfg(feature = "tls")]
        if let Some(certificate) = self.client_certificate() {
            return Some(Cow::Owned(certificate.subject().as_bytes().to_vec()));
        }
        user(head)
    }

    /// Notes that the content behind the head of a request is [received](Connection::receive)
    /// without being lent before.
    pub(crate) fn keep_content(&mut self, call: &Call<'_>) {
        if !call.input.unused().is_empty() {
            self.protocol.content_has_begun();
        }
    }

    /// Lends the socket and the state of the protocol to a body that reads the request's content.
    /// Until [`take_back`](Connection::take_back) nothing else may be done with the connection.
    pub(crate) fn lend(&mut self, call: &Call<'_>, turn: &mut Turn<'_>) -> (Loan, Body) {
        let received = call.input.take_unused();
        if !received.is_empty() {
            self.protocol.content_has_begun();
        }
        let length = self.protocol.unread();
        let stand_in = ServerConnection::new(turn.env.limits);
        let protocol = std::mem::replace(&mut self.protocol, stand_in);
        let output = std::mem::take(&mut turn.output);
        let transport = self.transport.clone();
        let mut body = RequestBody::new(transport, protocol, received, output, turn.env.timeouts);
        // Only chunks have trailer fields behind them.
        let trailers = length.is_none().then(Trailers::default);
        if let Some(trailers) = &trailers {
            body.keep_trailers(trailers.clone());
        }
        let (loan, reader) = body.lend();
        (loan, Body::reader(reader, length).with_trailers(trailers))
    }

    /// Takes back what was lent.
    pub(crate) fn take_back(&mut self, mut body: RequestBody, turn: &mut Turn<'_>) {
        let (output, sent) = body.take_output();
        turn.output = output;
        turn.output_taken(sent);
        self.read_all &= !body.has_received();
        (self.protocol, self.input) = body.into_parts();
        self.input.append(&mut self.transport.take_rest());
    }

    /// Writes a response.
    pub(crate) fn respond(
        &mut self,
        response: Response,
        record: Option<&mut Record<'_>>,
        turn: &mut Turn<'_>,
    ) {
        if self.protocol.unread().is_some_and(|unread| unread > DRAIN) {
            self.protocol.close_after(CloseReason::UnreadContent);
        }
        let mut parts = response.into_parts();
        if parts.2.trailers.is_some() {
            self.prepare_trailers(&mut parts.1, &mut parts.2);
        }
        match parts {
            (_, Fields::Map(fields), body) if body.is_switch() => {
                self.switch_protocols(&fields, body, record, turn);
            }
            (status, Fields::Rendered(lines, _), body) => {
                self.write(status, body, record, turn, |head, date| {
                    head.lines(&date.lines);
                    head.lines(&lines);
                    Ok(())
                });
            }
            (status, Fields::Map(fields), body) => {
                let options = fields.get_all(header::CONNECTION);
                if framing::asks_to_close(options.iter().map(HeaderValue::as_bytes)) {
                    self.protocol.close_after(CloseReason::LocalAsked);
                }
                self.write(status, body, record, turn, |head, date| {
                    common_fields(head, &fields, date)?;
                    end_to_end_fields(head, &fields)
                });
            }
        }
    }

    /// Drops the trailer fields of a response if its client has not asked for them. Otherwise
    /// content that has some already is sent in chunks, which alone can have them.
    #[inline(never)]
    fn prepare_trailers(&self, fields: &mut Fields, body: &mut Body) {
        if !self.protocol.accepts_trailers() {
            body.trailers = None;
            if let Fields::Map(fields) = fields {
                fields.remove(header::TRAILER);
            }
        } else if body.length().is_some() {
            let trailers = body.trailers.take().filter(|trailers| !trailers.is_empty());
            if trailers.is_some() {
                let whole = std::mem::take(body);
                *body = Body::reader(whole, None).with_trailers(trailers);
            }
        }
    }

    /// Writes a 500 in place of the response of a handler that has failed, and closes afterwards.
    pub(crate) fn respond_broken(&mut self, record: Option<&mut Record<'_>>, turn: &mut Turn<'_>) {
        self.protocol.close_after(CloseReason::LocalAsked);
        let response = error_page(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
        self.respond(response.into(), record, turn);
    }

    /// Writes a response's head, and its content if that is small. Larger content becomes pending.
    fn write(
        &mut self,
        status: StatusCode,
        body: Body,
        record: Option<&mut Record<'_>>,
        turn: &mut Turn<'_>,
        fields: impl FnOnce(&mut HeadWriter<'_>, &DateField) -> Result<(), MisuseError>,
    ) {
        if turn.is_draining {
            self.protocol.close_after(CloseReason::ShuttingDown);
        }
        let date = &turn.date;
        let head = |head: &mut HeadWriter<'_>| fields(head, date);
        let written = self
            .protocol
            .respond(status, body.length(), &mut turn.output, head);
        let record = record.map(|record| {
            record.status = status;
            &*record
        });
        match written {
            Ok(encoder) => self.write_content(body, encoder, record, turn),
            Err(error) => {
                // What broke the protocol came behind a request that has its response.
                log::debug!("{}: no response can be written: {error}", self.remote);
                self.state = State::Ending;
            }
        }
    }

    /// Writes a response's content behind its head.
    fn write_content(
        &mut self,
        body: Body,
        encoder: ContentEncoder,
        record: Option<&Record<'_>>,
        turn: &mut Turn<'_>,
    ) {
        match body.content {
            _ if encoder == ContentEncoder::Suppressed => turn.hold(record, 0),
            Content::Empty => turn.hold(record, 0),
            Content::Bytes(bytes) if bytes.len() <= SMALL => {
                // The head announces their length, so they need no encoder.
                turn.output.extend_from_slice(&bytes);
                turn.hold(record, bytes.len() as u64);
            }
            content => {
                let before_content = turn.output.len() as u64;
                let output = std::mem::take(&mut turn.output);
                let mut writer = ResponseWriter::new(output, content, encoder);
                writer.trailers = body.trailers;
                let pending = PendingResponse {
                    before_content,
                    ends_exchange: true,
                    record: record.map(|record| record.clone().into_owned()),
                    held: std::mem::take(&mut turn.held),
                    ..PendingResponse::new(writer)
                };
                self.state = State::Sending(Box::new(pending));
                return;
            }
        }
        self.finish_exchange(turn);
    }

    /// Answers a request that broke the protocol, and closes afterwards: where the next request
    /// would begin is unknown.
    pub(crate) fn refuse(&mut self, error: ProtocolError, turn: &mut Turn<'_>) {
        log::debug!("{}: {error}", self.remote);
        self.protocol.close_after(CloseReason::ProtocolError);
        if self.protocol.is_answered() {
            // The fault is in content that is skipped.
            self.state = State::Ending;
            return;
        }
        self.respond_with_error(error.status(), &error.to_string(), turn);
    }

    /// Writes a response without calling a handler, and closes afterwards.
    pub(super) fn respond_with_error(
        &mut self,
        status: StatusCode,
        explanation: &str,
        turn: &mut Turn<'_>,
    ) {
        self.protocol.close_after(CloseReason::LocalAsked);
        let env = turn.env;
        let mut record = env
            .records()
            .then(|| self.record_without_request(status, env));
        self.respond(
            error_page(status, explanation).into(),
            record.as_mut(),
            turn,
        );
    }

    /// Answers a TLS handshake. The client can't show the response, so the log says what to do.
    #[cold]
    pub(super) fn refuse_tls(&mut self, input: &Input, turn: &mut Turn<'_>) {
        let here = self.transport.local_address();
        let here = here.map_or("http://…".to_owned(), |here| format!("http://{here}/"));
        log::warn!(
            "{}: a TLS handshake arrived on the plain-HTTP port: use {here} instead of https://",
            self.remote
        );
        self.protocol.close_after(CloseReason::ProtocolError);
        let (env, data) = (turn.env, input.unused());
        let mut record = env.records().then(|| Record {
            target: String::from_utf8_lossy(&data[..data.len().min(3)]),
            is_tls: true,
            ..self.record_without_request(StatusCode::BAD_REQUEST, env)
        });
        let explanation = format!("This port serves plain HTTP: use {here}");
        let response = error_page(StatusCode::BAD_REQUEST, &explanation);
        self.respond(response.into(), record.as_mut(), turn);
    }

    /// The record of bytes that are no request.
    fn record_without_request(&self, status: StatusCode, env: &Env) -> Record<'static> {
        Record {
            remote: self.remote,
            user: None,
            time: SystemTime::now(),
            duration: env.clock.elapsed(),
            method: Cow::Borrowed("-"),
            target: Cow::Borrowed("-"),
            version: Version::HTTP_11,
            status,
            sent: 0,
            ending: Ending::Complete,
            is_tls: false,
            hops: Hops {
                secured: self.secured_record(),
                upstream: None,
            },
            referer: None,
            user_agent: None,
        }
    }
}

/// The fields that every response has, unless the handler has set them itself.
pub(super) fn common_fields(
    head: &mut HeadWriter<'_>,
    fields: &HeaderMap,
    date: &DateField,
) -> Result<(), MisuseError> {
    let has_date = fields.contains_key(header::DATE);
    match fields.contains_key(header::SERVER) {
        false if !has_date => head.lines(&date.with_server),
        false => head.field("Server", SERVER.as_bytes())?,
        true if !has_date => head.lines(&date.lines),
        true => {}
    }
    Ok(())
}
