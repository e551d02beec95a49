//! Calling a handler, and giving its response to the connection.

use super::blocking::Blocking;
use crate::access_log::Record;
use crate::body::Body;
use crate::connection::{Call, Collected, Connection, EarlyHints, Loan, Turn};
use crate::handler::{Handler, Receive, Reply};
use crate::page::error_page;
use crate::request::{Peer, Request};
use crate::response::Response;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Calls the handler and gives its response to the connection.
pub(super) fn respond(
    call: &Call<'_>,
    connection: &mut Connection,
    turn: &mut Turn<'_>,
    blocking: &Blocking<'_>,
) {
    let env = turn.env;
    let mut record = connection.record(&call.head, call.arrived, turn);
    let peer = Peer {
        remote: connection.remote(),
        local: blocking.shared.admission.address(connection.listener()),
    };
    let (mut loan, mut body) = (None, Body::empty());
    if !call.is_complete {
        connection.send_ahead(turn);
        connection.disarm(&blocking.shared.poller);
        let (lent, content) = connection.lend(call, turn);
        (loan, body) = (Some(lent), content);
    }
    let hints = EarlyHints::new(call.head.version);
    if let Some(loan) = &loan {
        hints.send_through(loan.hinting());
    }
    let mut request = Request::new(&call.head, peer, call.arrived, body);
    request.lend_hints(&hints);
    if connection.is_secured() {
        secure(&mut request, connection);
    }
    let reply = match loan.is_some() && env.handler.needs_content() {
        true => Some(receive_first(request, &env.handler, env.max_body)),
        false => run_handler(|| env.handler.handle(request)),
    };
    match reply {
        Some(Reply::Receive(receive)) if loan.is_some() => {
            if let Some(loan) = loan {
                connection.take_back(loan.take_back(), turn);
            }
            connection.receive(receive, record.map(Record::into_owned), turn);
        }
        reply => {
            let name = || format!("{} {:?}", call.head.method, call.head.target.as_str());
            let pending = Pending {
                loan,
                record: &mut record,
                hints: &hints,
            };
            finish(reply, pending, name, connection, turn, blocking);
        }
    }
}

/// Has the content of a request received before its handler is called.
#[inline(never)]
fn receive_first(request: Request<'_>, handler: &Arc<dyn Handler>, limit: u64) -> Reply<'static> {
    let handler = Arc::clone(handler);
    let receive = Receive::new(request, limit, move |request| {
        Reply::blocking(move || handler.handle(request).response())
    });
    receive.into()
}

/// What a request needs until it has its response.
struct Pending<'p, 'r> {
    loan: Option<Loan>,
    record: &'p mut Option<Record<'r>>,
    hints: &'p EarlyHints,
}

/// Notes what is known of a request because its connection is secured.
#[inline(never)]
fn secure(request: &mut Request<'_>, connection: &Connection) {
    request.set_secured();
    #[cfg(feature = "tls")]
    if let Some(certificate) = connection.client_certificate() {
        request.extensions_mut().insert(certificate);
    }
    #[cfg(not(feature = "tls"))]
    let _ = connection;
}

/// Lets the handler of a request continue, whose content has been received.
#[inline(never)]
pub(super) fn resume(
    collected: Collected,
    connection: &mut Connection,
    turn: &mut Turn<'_>,
    blocking: &Blocking<'_>,
) {
    let Collected {
        mut receive,
        mut record,
    } = collected;
    let name = receive.name();
    let hints = EarlyHints::new(receive.version());
    receive.share_hints(&hints);
    let pending = Pending {
        loan: None,
        record: &mut record,
        hints: &hints,
    };
    let reply = run_handler(|| receive.resume());
    finish(reply, pending, || name, connection, turn, blocking);
}

/// Gets the response out of a reply and gives it to the connection. `name` names the request in the
/// log.
fn finish(
    mut reply: Option<Reply<'_>>,
    pending: Pending<'_, '_>,
    name: impl FnOnce() -> String,
    connection: &mut Connection,
    turn: &mut Turn<'_>,
    blocking: &Blocking<'_>,
) {
    let Pending {
        mut loan,
        record,
        hints,
    } = pending;
    // The content that these ask for is there.
    while let Some(Reply::Receive(receive)) = reply {
        reply = run_handler(|| receive.resume());
    }
    connection.gather_hints(hints, turn);
    #[cfg(feature = "gateway")]
    let reply = match reply {
        Some(Reply::Forward(forward)) => {
            if let Some(loan) = loan {
                connection.take_back(loan.take_back(), turn);
            }
            return connection.forward(forward, record.take().map(Record::into_owned), turn);
        }
        reply => reply,
    };
    let response = match reply {
        Some(Reply::Ready(response)) => Some(response),
        Some(Reply::Upgrade(upgrade)) => Some(upgrade.into()),
        Some(Reply::Blocking(_)) if !blocking.pool.may_block() => Some(busy()),
        Some(Reply::Blocking(work)) => {
            if loan.is_none() {
                connection.send_ahead(turn);
                connection.send_hints_at_once(hints, turn);
            }
            // Taking the body back waits while another thread reads from it.
            let (response, content) = blocking.block_in_place(turn, || {
                (run_handler(work), loan.take().map(Loan::take_back))
            });
            if let Some(content) = content {
                connection.take_back(content, turn);
            }
            response
        }
        #[cfg(feature = "gateway")]
        Some(Reply::Forward(_)) => None,
        Some(Reply::Receive(_)) | None => None,
    };
    if let Some(loan) = loan {
        connection.take_back(loan.take_back(), turn);
    }
    connection.end_hints(hints, turn);
    let failure = match &response {
        None => "panicked",
        // That would not be a response (RFC 9110 §15.2).
        Some(response) if response.is_interim() => "gave an interim response",
        Some(_) => "",
    };
    let may_run = |response: &Response| !response.body().is_switch() || blocking.pool.may_block();
    let response = response.map(|response| match may_run(&response) {
        true => response,
        false => busy(),
    });
    match response.filter(|_| failure.is_empty()) {
        Some(response) => connection.respond(response, record.as_mut(), turn),
        None => {
            log::error!("the handler {failure} at {}", name());
            connection.respond_broken(record.as_mut(), turn);
        }
    }
}

/// Runs a part of the handler. `None`: it panicked.
fn run_handler<R>(work: impl FnOnce() -> R) -> Option<R> {
    // What a panic leaves half done is the handler's own; it is as good or bad as after a panic in
    // a thread.
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// The response to a request that would block while as many threads are blocked as may be.
fn busy() -> Response {
    let explanation = "The server has too much to do. Please try again soon.";
    let mut response = error_page(StatusCode::SERVICE_UNAVAILABLE, explanation);
    let soon = HeaderValue::from_static("1");
    response.headers_mut().insert(RETRY_AFTER, soon);
    response.into()
}
