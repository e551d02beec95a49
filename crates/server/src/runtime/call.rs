//! Calling a handler, and giving its response to the connection.

use super::blocking::Blocking;
use crate::access_log::Record;
use crate::body::Body;
use crate::connection::{Call, Collected, Connection, EarlyHints, Loan, Turn};
use crate::handler::{Reply, receive_then_handle};
use crate::intake::Intake;
use crate::page::error_page;
use crate::request::{Peer, Request};
use crate::response::Response;
use crate::work::Work;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

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
    let hints = EarlyHints::new(call.head.version);
    let mut request = Request::new(&call.head, peer, call.arrived, Body::empty());
    request.lend_hints(&hints);
    if connection.is_secured() {
        secure(&mut request, connection);
    }
    let content = match call.is_complete {
        true => Some(Body::empty()),
        false => connection.content_at_hand(call, env.max_body),
    };
    let must_be_received = content.is_none();
    if must_be_received && env.handler.needs_content() {
        let reply = receive_then_handle(&env.handler, request, Intake::default());
        if let Reply::Receive(receive) = reply {
            connection.keep_content(call);
            connection.receive(receive, record.map(Record::into_owned), turn);
        }
        return;
    }
    let mut loan = None;
    *request.body_mut() = content.unwrap_or_else(|| {
        let (lent, content) = connection.lend(call, turn);
        hints.send_through(lent.hinting());
        loan = Some(lent);
        content
    });
    let reply = run_handler(|| env.handler.handle(request));
    let name = || format!("{} {:?}", call.head.method, call.head.target.as_str());
    let pending = Pending {
        loan,
        record: &mut record,
        hints: &hints,
    };
    finish(reply, pending, name, connection, turn, blocking);
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

/// Lets the handler of a request continue, whose content has been received or refused.
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
        refusal,
    } = collected;
    let name = receive.name();
    let hints = EarlyHints::new(receive.version());
    receive.share_hints(&hints);
    let pending = Pending {
        loan: None,
        record: &mut record,
        hints: &hints,
    };
    let reply = run_handler(|| receive.resume(refusal));
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
    let is_received = loan.is_none();
    connection.gather_hints(hints, turn);
    let decided = loop {
        reply = match reply {
            Some(Reply::Blocking(work)) if is_received && is_quick(&work, blocking) => {
                run_here(work, turn, blocking).map(Reply::Ready)
            }
            Some(Reply::Deferred(work)) if is_received && is_quick(&work, blocking) => {
                run_here(work, turn, blocking)
            }
            Some(Reply::Blocking(_) | Reply::Deferred(_)) if !blocking.pool.may_block() => {
                break Some(Reply::Ready(busy()));
            }
            Some(Reply::Blocking(work)) => {
                let work = || Reply::Ready(timed(work, blocking).0);
                block(work, &mut loan, hints, connection, turn, blocking)
            }
            Some(Reply::Deferred(work)) => {
                let work = || timed(work, blocking).0;
                block(work, &mut loan, hints, connection, turn, blocking)
            }
            Some(Reply::Receive(mut receive)) if is_received => {
                receive.set_limit(turn.env.max_body);
                match receive.has_content() {
                    true => run_handler(|| receive.proceed()),
                    // A handler has put a reader in the place of content that had been received.
                    false => Some(Reply::deferred(|| receive.proceed())),
                }
            }
            decided => break decided,
        };
    };
    if let Some(loan) = loan {
        connection.take_back(loan.take_back(), turn);
    }
    let response = match decided {
        Some(Reply::Ready(response)) => Some(response),
        Some(Reply::Upgrade(upgrade)) => Some(upgrade.into()),
        Some(Reply::Receive(receive)) => {
            return connection.receive(receive, record.take().map(Record::into_owned), turn);
        }
        #[cfg(feature = "gateway")]
        Some(Reply::Forward(forward)) => {
            return connection.forward(forward, record.take().map(Record::into_owned), turn);
        }
        Some(Reply::Blocking(_) | Reply::Deferred(_)) | None => None,
    };
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

/// Whether this may run without giving up the worker's place.
fn is_quick<T>(work: &Work<'_, T>, blocking: &Blocking<'_>) -> bool {
    let closure = work.closure();
    closure.is_some_and(|closure| blocking.paces.is_quick(closure))
}

/// Runs a closure that is expected to be quick. `None`: it panicked.
fn run_here<'a, T: 'a>(
    work: Work<'a, T>,
    turn: &mut Turn<'_>,
    blocking: &Blocking<'_>,
) -> Option<T> {
    let done = run_handler(|| timed(work, blocking));
    let was_quick = done.as_ref().is_some_and(|(_, is_quick)| *is_quick);
    if !was_quick {
        turn.update_time();
    }
    done.map(|(done, _)| done)
}

/// Runs a closure, and notes how long it takes. Also returns whether it is expected to be quick.
fn timed<'a, T: 'a>(work: Work<'a, T>, blocking: &Blocking<'_>) -> (T, bool) {
    let Some(closure) = work.closure() else {
        return (work.run(), false);
    };
    let since = Instant::now();
    let done = work.run();
    (done, blocking.paces.note(closure, since.elapsed()))
}

/// Runs a part of the handler that may block, and takes back what was lent to it. `None`: it
/// panicked.
fn block(
    work: impl FnOnce() -> Reply<'static>,
    loan: &mut Option<Loan>,
    hints: &EarlyHints,
    connection: &mut Connection,
    turn: &mut Turn<'_>,
    blocking: &Blocking<'_>,
) -> Option<Reply<'static>> {
    match loan {
        Some(loan) => {
            loan.send_ahead();
            connection.disarm(&blocking.shared.poller);
        }
        None => {
            connection.send_ahead(turn);
            connection.send_hints_at_once(hints, turn);
        }
    }
    // Taking the body back waits while another thread reads from it.
    let (reply, content) = blocking.block_in_place(turn, || {
        (run_handler(work), loan.take().map(Loan::take_back))
    });
    if let Some(content) = content {
        connection.take_back(content, turn);
    }
    reply
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
