//! Takes the events of one fetch: for its trace, and for the observer.

use super::{Event, Observer, Trace};
use crate::lock::Lock;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// Passes events to the trace and to the observer.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Shared>);

struct Shared {
    start: Instant,
    observer: Option<Arc<dyn Observer>>,
    trace: Lock<Trace>,
}

impl Default for Recorder {
    fn default() -> Self {
        Recorder::new(None)
    }
}

impl Recorder {
    pub(crate) fn new(observer: Option<Arc<dyn Observer>>) -> Self {
        Recorder(Arc::new(Shared {
            start: Instant::now(),
            observer,
            trace: Lock::default(),
        }))
    }

    pub(crate) fn emit(&self, event: &Event<'_>) {
        let at = self.0.start.elapsed();
        self.0.trace.lock().record(at, event);
        if let Some(observer) = &self.0.observer {
            observer.event(at, event);
        }
    }

    pub(crate) fn trace(&self) -> Trace {
        self.0.trace.lock().clone()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}
