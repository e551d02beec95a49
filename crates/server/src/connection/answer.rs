//! From a request's head to its response: the handler is called, and what it says is written.

use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::send::Pending;
use super::{Connection, DRAIN, Step};
use crate::access_log::{Ending, Record, user};
use crate::body::{Body, Content};
use crate::deadline::Waiting;
use crate::handler::{Peer, Prepared, SERVER};
use crate::page::error_page;
use crate::worker::Worker;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header};
use rustix::net::getsockname;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;
use tinyhttp_message::connection::end_to_end_fields;
use tinyhttp_message::encode::{FieldLines, HeadWriter};
use tinyhttp_message::framing;
use tinyhttp_message::{
    CloseReason, ContentEncoder, MisuseError, ProtocolError, RequestHead, ServerConnection,
};

/// Content up to this size is copied behind its head; larger content is sent from where it is.
const SMALL: usize = 16 * 1024;

impl Connection {
    /// Answers one request. Of `rest`, the bytes behind its head, those that its content took are used.
    pub(super) fn answer(
        &mut self,
        head: &RequestHead<'_>,
        rest: &[u8],
        worker: &mut Worker<'_>,
    ) -> (usize, Step) {
        let arrived = worker.arrival();
        if head.target.is_https() {
            let explanation = "This connection is not secured, as https demands.";
            let misdirected = StatusCode::MISDIRECTED_REQUEST;
            return (0, self.respond_with_error(misdirected, explanation, worker));
        }
        if self.protocol.is_complete()
            && let Some(prepared) = worker.server.handler.prepared(head, arrived)
        {
            let record = worker.records().then(|| self.record(head, worker));
            return (0, self.respond_prepared(prepared, record, worker));
        }
        let mut request = match head.to_http() {
            Ok(request) => request,
            Err(error) => return (0, self.refuse(error, worker)),
        };
        request.extensions_mut().insert(Peer {
            remote: self.remote,
            local: worker.server.address(self.listener),
        });
        let record = worker.records().then(|| self.record(head, worker));
        let (used, response) = if self.protocol.is_complete() {
            let request = request.map(|()| Body::empty());
            let may_wait = worker.server.handler.may_wait(&request);
            if may_wait && !worker.pool.may_block() {
                return (0, self.respond_busy(record, worker));
            }
            if may_wait {
                self.send_ahead(worker);
                self.read_all = false;
            }
            (0, call(request, may_wait, worker, |response| response))
        } else if !worker.pool.may_block() {
            return (0, self.respond_busy(record, worker));
        } else {
            (rest.len(), self.call_with_content(request, rest, worker))
        };
        let wrong = match &response {
            None => Some("panicked"),
            // That would not be an answer (RFC 9110 §15.2).
            Some(response) if response.status().is_informational() => {
                Some("gave an interim response")
            }
            Some(_) => None,
        };
        if let Some(wrong) = wrong {
            log::error!(
                "the handler {wrong} at {} {:?}",
                head.method,
                head.target.as_str()
            );
            self.protocol.close_after(CloseReason::LocalAsked);
        }
        let response = response.filter(|_| wrong.is_none()).unwrap_or_else(|| {
            error_page(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something here is broken; it isn't you.",
            )
        });
        (used, self.respond(response, record, worker))
    }

    /// What the log will say of a request.
    fn record<'h>(&self, head: &'h RequestHead<'_>, worker: &Worker<'_>) -> Record<'h> {
        Record {
            remote: self.remote,
            user: user(head),
            time: SystemTime::now(),
            duration: worker.server.clock.elapsed(),
            method: Cow::Borrowed(head.method.as_str()),
            target: Cow::Borrowed(head.target.as_str()),
            version: head.version,
            status: StatusCode::OK,
            sent: 0,
            ending: Ending::Complete,
            is_tls: false,
            referer: head.fields.get("referer").map(Cow::Borrowed),
            user_agent: head.fields.get("user-agent").map(Cow::Borrowed),
        }
    }

    /// Lends the socket to the request's content while the handler runs. `None`: it panicked.
    fn call_with_content(
        &mut self,
        request: Request<()>,
        rest: &[u8],
        worker: &mut Worker<'_>,
    ) -> Option<Response<Body>> {
        self.send_ahead(worker);
        self.read_all = false;
        self.disarm(&worker.server.poller);
        if !rest.is_empty() {
            self.protocol.content_has_begun();
        }
        let length = self.protocol.unread();
        let stand_in = ServerConnection::new(worker.server.settings.limits);
        let (lent, reader) = Incoming {
            socket: Arc::clone(&self.socket),
            protocol: std::mem::replace(&mut self.protocol, stand_in),
            input: rest.to_vec(),
            at: 0,
            content: 0..0,
            output: std::mem::take(&mut worker.output),
            sent: 0,
            timeouts: worker.server.settings.timeouts,
            left: worker.server.settings.timeouts.content,
            ended: false,
            failure: None,
        }
        .lend();
        let request = request.map(|()| Body::reader(reader, length));
        // Taking it back waits if somebody else is still reading.
        let may_wait = worker.server.handler.may_wait(&request);
        let take_back = |response| (response, lent.take_back());
        let (response, incoming) = call(request, may_wait, worker, take_back);
        self.protocol = incoming.protocol;
        worker.output = incoming.output;
        worker.output_taken(incoming.sent);
        // Nothing was in `input`: all that had come was in the caller's hand.
        self.input = incoming.input;
        self.input.drain(..incoming.at);
        response
    }

    /// Writes a response whose field lines are there already.
    fn respond_prepared(
        &mut self,
        prepared: Prepared,
        record: Option<Record<'_>>,
        worker: &mut Worker<'_>,
    ) -> Step {
        let Prepared {
            status,
            lines,
            body,
        } = prepared;
        self.write(status, body, record, worker, |head, date| {
            head.lines(date);
            head.lines(&lines);
            Ok(())
        })
    }

    /// Writes what the handler has said.
    fn respond(
        &mut self,
        response: Response<Body>,
        record: Option<Record<'_>>,
        worker: &mut Worker<'_>,
    ) -> Step {
        let (parts, body) = response.into_parts();
        let options = parts.headers.get_all(header::CONNECTION);
        if framing::asks_to_close(options.iter().map(HeaderValue::as_bytes)) {
            self.protocol.close_after(CloseReason::LocalAsked);
        }
        if self.protocol.unread().is_some_and(|unread| unread > DRAIN) {
            self.protocol.close_after(CloseReason::UnreadContent);
        }
        self.write(parts.status, body, record, worker, |head, date| {
            common_fields(head, &parts.headers, date)?;
            end_to_end_fields(head, &parts.headers)
        })
    }

    /// Writes a response's head, and its content as far as that is small; what is larger is sent at once.
    fn write(
        &mut self,
        status: StatusCode,
        body: Body,
        record: Option<Record<'_>>,
        worker: &mut Worker<'_>,
        fields: impl FnOnce(&mut HeadWriter<'_>, &FieldLines) -> Result<(), MisuseError>,
    ) -> Step {
        if worker.server.is_draining() {
            self.protocol.close_after(CloseReason::ShuttingDown);
        }
        let date = &worker.date;
        let head = |head: &mut HeadWriter<'_>| fields(head, date);
        let encoder = match self
            .protocol
            .respond(status, body.length(), &mut worker.output, head)
        {
            Ok(encoder) => encoder,
            Err(error) => {
                // There is one already if what broke the protocol came behind a request that has been answered.
                log::debug!("{}: no response can be written: {error}", self.remote);
                return Step::End;
            }
        };
        let record = record.map(|record| Record { status, ..record });
        match body.0 {
            _ if encoder == ContentEncoder::Suppressed => worker.hold(record.as_ref(), 0),
            Content::Empty => worker.hold(record.as_ref(), 0),
            Content::Bytes(bytes) if bytes.len() <= SMALL => {
                // The head says how long these are, so they need no encoder.
                worker.output.extend_from_slice(&bytes);
                worker.hold(record.as_ref(), bytes.len() as u64);
            }
            content => {
                let before_content = worker.output.len() as u64;
                let outgoing = Outgoing::new(std::mem::take(&mut worker.output), content, encoder);
                let record = record.map(Record::into_owned);
                let pending = Pending {
                    outgoing,
                    before_content,
                    ends_exchange: true,
                    record,
                    held: std::mem::take(&mut worker.held),
                };
                return self.send(Box::new(pending), worker);
            }
        }
        self.finish_exchange()
    }

    /// Answers a request that broke the protocol. Nobody knows where the next one would start, so this is the last.
    pub(super) fn refuse(&mut self, error: ProtocolError, worker: &mut Worker<'_>) -> Step {
        log::debug!("{}: {error}", self.remote);
        self.protocol.close_after(CloseReason::ProtocolError);
        if self.protocol.is_answered() {
            // It is in content that nobody wanted.
            return Step::End;
        }
        self.respond_with_error(error.status(), &error.to_string(), worker)
    }

    /// Answers a request that might block while as many threads do as may.
    fn respond_busy(&mut self, record: Option<Record<'_>>, worker: &mut Worker<'_>) -> Step {
        let explanation = "Too many requests are waiting for something. Please try again soon.";
        let mut response = error_page(StatusCode::SERVICE_UNAVAILABLE, explanation);
        let soon = HeaderValue::from_static("1");
        response.headers_mut().insert(header::RETRY_AFTER, soon);
        self.respond(response, record, worker)
    }

    /// Whether `data` is the beginning of a connection and of a TLS handshake (RFC 8446 §5.1: content type 22). No request
    /// begins like that.
    pub(super) fn is_tls(&self, data: &[u8]) -> bool {
        let is_first = self.deadline.waiting == Waiting::First && !self.exchanged;
        data.first() == Some(&22) && is_first
    }

    /// Answers a TLS handshake. The client can't show that, so the log says what to do.
    pub(super) fn refuse_tls(&mut self, data: &[u8], worker: &mut Worker<'_>) -> Step {
        let here = getsockname(&self.socket).ok();
        let here = here.and_then(|address| SocketAddr::try_from(address).ok());
        let here = here.map_or("http://…".to_owned(), |here| format!("http://{here}/"));
        log::warn!(
            "{}: a TLS handshake arrived on the plain-HTTP port: use {here} instead of https://",
            self.remote
        );
        self.protocol.close_after(CloseReason::ProtocolError);
        let bytes = &data[..data.len().min(3)];
        let record = worker.records().then(|| Record {
            target: String::from_utf8_lossy(bytes),
            is_tls: true,
            ..self.record_without_request(StatusCode::BAD_REQUEST, worker)
        });
        let explanation = format!("This port serves plain HTTP: use {here}");
        self.respond(
            error_page(StatusCode::BAD_REQUEST, &explanation),
            record,
            worker,
        )
    }

    /// Answers without asking the handler, for the last time.
    pub(super) fn respond_with_error(
        &mut self,
        status: StatusCode,
        explanation: &str,
        worker: &mut Worker<'_>,
    ) -> Step {
        self.protocol.close_after(CloseReason::LocalAsked);
        let record = worker
            .records()
            .then(|| self.record_without_request(status, worker));
        self.respond(error_page(status, explanation), record, worker)
    }

    /// What the log will say of bytes that are no request.
    fn record_without_request(&self, status: StatusCode, worker: &Worker<'_>) -> Record<'static> {
        Record {
            remote: self.remote,
            user: None,
            time: SystemTime::now(),
            duration: worker.server.clock.elapsed(),
            method: Cow::Borrowed("-"),
            target: Cow::Borrowed("-"),
            version: Version::HTTP_11,
            status,
            sent: 0,
            ending: Ending::Complete,
            is_tls: false,
            referer: None,
            user_agent: None,
        }
    }
}

/// Calls the handler, and gives what it says to `and_then`, which may wait as long as it may. `None`: it panicked.
fn call<R>(
    request: Request<Body>,
    may_wait: bool,
    worker: &mut Worker<'_>,
    and_then: impl FnOnce(Option<Response<Body>>) -> R,
) -> R {
    let handler = &worker.server.handler;
    // What a panic leaves half done is the handler's own; it is as good or bad as after a panic in a thread.
    let handle = || and_then(catch_unwind(AssertUnwindSafe(|| handler.handle(request))).ok());
    if may_wait {
        worker.while_waiting(handle)
    } else {
        handle()
    }
}

/// The fields that every response has, unless the handler has set them itself.
fn common_fields(
    head: &mut HeadWriter<'_>,
    fields: &HeaderMap,
    date: &FieldLines,
) -> Result<(), MisuseError> {
    if !fields.contains_key(header::DATE) {
        head.lines(date);
    }
    if !fields.contains_key(header::SERVER) {
        head.field("Server", SERVER.as_bytes())?;
    }
    Ok(())
}
