//! One URL's fetch: what all of its steps need.

use super::args::Args;
use super::attempt::AttemptError;
use super::output::heads::HeadDump;
use super::output::progress::Bar;
use super::output::received::{Received, received};
use super::output::terminal::Console;
use super::pump::Pump;
use super::report::verbose::Narrator;
use super::request::spec::RequestSpec;
use crate::lock::Lock;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tinyhttp_client::trace::{Event, Observer, Trace};
use tinyhttp_client::{Client, Error, RequestBuilder, Response};
use url::Url;

/// What one fetch needs.
pub(super) struct Fetch<'j> {
    pub(super) args: &'j Args,
    pub(super) client: &'j Client,
    pub(super) console: Console,
    pub(super) spec: RequestSpec,
    pub(super) bar: Bar,
    pub(super) begun: Instant,
    watcher: Arc<Watcher>,
}

impl<'j> Fetch<'j> {
    pub(super) fn new(
        args: &'j Args,
        client: &'j Client,
        console: Console,
        spec: RequestSpec,
        bar: Bar,
        heads: Option<&HeadDump>,
    ) -> Self {
        let narrator = args.output.verbose.then(|| Narrator::new(console));
        Fetch {
            args,
            client,
            console,
            spec,
            bar,
            begun: Instant::now(),
            watcher: Arc::new(Watcher {
                narrator,
                heads: heads.cloned(),
                keeps_heads: args.output.include || args.output.head || console.is_readable,
                seen: Lock::default(),
            }),
        }
    }

    /// Makes the request, with a few more fields.
    pub(super) fn send(&self, fields: &[(&str, String)]) -> Result<Response, AttemptError> {
        self.watcher.begin();
        let request = self.spec.request(self.client, &self.bar)?;
        let add =
            |request: RequestBuilder, (name, value): &(&str, String)| request.field(name, value);
        let request = fields.iter().fold(request, add);
        let result = request.observer(self.watcher.clone()).send();
        if let Some(heads) = &self.watcher.heads {
            heads.check()?;
        }
        result.map_err(|error| {
            let is_rest = fields.iter().any(|(name, _)| *name == "Range");
            match error {
                // The rest was asked for, and something else came.
                Error::Part { .. } if is_rest => AttemptError::Mismatch,
                error => error.into(),
            }
        })
    }

    /// What happened in the last attempt, even if it failed.
    pub(super) fn trace(&self) -> Trace {
        self.watcher.seen.lock().trace.clone()
    }

    /// The URL that redirects have led to, if there were any.
    pub(super) fn redirected(&self) -> Option<Url> {
        let seen = self.watcher.seen.lock();
        let hops = &seen.trace.hops;
        hops.last()
            .filter(|_| hops.len() > 1)
            .map(|hop| hop.url.clone())
    }

    /// The heads and trailers that have come since the last call, in all attempts.
    pub(super) fn take_heads(&self) -> Vec<Received<Vec<u8>>> {
        std::mem::take(&mut self.watcher.seen.lock().heads)
    }

    /// The status code of the last answer to CONNECT.
    pub(super) fn connect_status(&self) -> Option<u16> {
        self.watcher.seen.lock().connect_status
    }

    pub(super) fn pump(&self) -> Pump {
        Pump::new(&self.args.download, self.bar.clone())
    }

    /// Step 7 of -v.
    pub(super) fn tell_written(&self, bytes: u64, to: &str) {
        if let Some(narrator) = &self.watcher.narrator {
            narrator.printed(self.begun.elapsed(), bytes, to);
        }
    }
}

/// Observes every step: records it, and reports it with `-v`.
struct Watcher {
    narrator: Option<Narrator>,
    heads: Option<HeadDump>,
    keeps_heads: bool,
    seen: Lock<Seen>,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    trace: Trace,
    /// Heads and trailers that have not been shown.
    heads: Vec<Received<Vec<u8>>>,
    connect_status: Option<u16>,
}

impl Watcher {
    /// Forgets the last attempt when another one begins. Its heads are still to be shown.
    fn begin(&self) {
        self.seen.lock().trace = Trace::default();
    }
}

impl Observer for Watcher {
    fn event(&self, at: Duration, event: &Event<'_>) {
        let mut seen = self.seen.lock();
        seen.trace.record(at, event);
        if let Some(received) = received(event).filter(|_| self.keeps_heads) {
            seen.heads.push(received.to_owned());
        }
        if let Event::Tunnel { response, .. } = event {
            seen.connect_status = status_code(response);
        }
        drop(seen);
        if let Some(narrator) = &self.narrator {
            narrator.event(at, event);
        }
        if let Some(heads) = &self.heads {
            heads.note(event);
        }
    }
}

/// The status code in a head.
fn status_code(head: &[u8]) -> Option<u16> {
    let code = head.split(|byte| *byte == b' ').nth(1)?.get(..3)?;
    std::str::from_utf8(code).ok()?.parse().ok()
}
