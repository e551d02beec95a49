//! One URL's fetch: what all its steps need, and what is known about it at the end.

use super::args::Args;
use super::heads::HeadDump;
use super::progress::Bar;
use super::pump::Pump;
use super::request::Plan;
use super::terminal::Console;
use super::trouble::Trouble;
use super::verbose::Narrator;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tinyhttp_client::trace::{Event, Observer, Trace};
use tinyhttp_client::{Client, Error, RequestBuilder, Response};

/// What one fetch needs.
pub(super) struct Job<'j> {
    pub(super) args: &'j Args,
    pub(super) client: &'j Client,
    pub(super) console: Console,
    pub(super) plan: Plan,
    pub(super) bar: Bar,
    pub(super) begun: Instant,
    watcher: Arc<Watcher>,
}

/// What has come of it so far.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Bytes of content that were written somewhere, in the last try.
    pub(super) written: u64,
    /// The file that was written.
    pub(super) file: Option<PathBuf>,
    /// What was verified.
    pub(super) verified: Option<String>,
    /// Tries after the first one.
    pub(super) retries: u32,
}

impl<'j> Job<'j> {
    pub(super) fn new(
        args: &'j Args,
        client: &'j Client,
        console: Console,
        plan: Plan,
        bar: Bar,
        heads: Option<&HeadDump>,
    ) -> Self {
        let narrator = args.output.verbose.then(|| Narrator::new(console));
        Job {
            args,
            client,
            console,
            plan,
            bar,
            begun: Instant::now(),
            watcher: Arc::new(Watcher {
                narrator,
                heads: heads.cloned(),
                trace: Mutex::default(),
            }),
        }
    }

    /// Makes the request, with a few more fields.
    pub(super) fn send(&self, fields: &[(&str, String)]) -> Result<Response, Trouble> {
        self.watcher.begin();
        let request = self.plan.request(self.client, &self.bar)?;
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
                Error::Part { .. } if is_rest => Trouble::Mismatch,
                error => error.into(),
            }
        })
    }

    /// What happened in the last try, also if it failed.
    pub(super) fn trace(&self) -> Trace {
        self.watcher.trace()
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

/// Sees every step: tells it, if somebody wants to know, and writes it down.
struct Watcher {
    narrator: Option<Narrator>,
    heads: Option<HeadDump>,
    trace: Mutex<Trace>,
}

impl Watcher {
    /// Another try begins.
    fn begin(&self) {
        *self.lock() = Trace::default();
    }

    fn trace(&self) -> Trace {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Trace> {
        // A trace with an event missing is still a trace.
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watcher {
    fn event(&self, at: Duration, event: &Event<'_>) {
        self.lock().record(at, event);
        if let Some(narrator) = &self.narrator {
            narrator.event(at, event);
        }
        if let Some(heads) = &self.heads {
            heads.note(event);
        }
    }
}
