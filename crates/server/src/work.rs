//! What a handler computes where it may block.

use crate::response::Response;
use std::any::TypeId;
use std::fmt;

/// What computes a response, or how a request is answered, and may block.
pub struct Work<'a, T = Response> {
    run: Box<dyn FnOnce() -> T + 'a>,
    /// The closure that runs, whose earlier runs tell how long it takes.
    closure: Option<TypeId>,
}

impl<'a, T: 'a> Work<'a, T> {
    pub(crate) fn new(closure: Option<TypeId>, run: impl FnOnce() -> T + 'a) -> Self {
        Work {
            run: Box::new(run),
            closure,
        }
    }

    pub(crate) fn closure(&self) -> Option<TypeId> {
        self.closure
    }

    /// Computes it, on this thread.
    #[must_use]
    pub fn run(self) -> T {
        (self.run)()
    }

    /// The same with a changed result.
    #[must_use]
    pub fn map(self, change: impl FnOnce(T) -> T + 'a) -> Self {
        let Work { run, closure } = self;
        Work::new(closure, move || change(run()))
    }
}

impl<T> fmt::Debug for Work<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}
