//! Strict-Transport-Security, once every name has a certificate that an ACME server has issued.

use super::acme::Served;
use crate::failure::Failure;
use std::sync::Arc;
use tinyhttp_server::middleware::Fields;
use tinyhttp_server::{Handler, Reply, Request};

/// Adds the field to responses as long as no client gets a certificate that was made here.
pub(super) struct WithHsts {
    with: Fields<Shared>,
    without: Shared,
    served: Arc<Served>,
}

impl WithHsts {
    /// Adds this line.
    pub(super) fn new(
        inner: Box<dyn Handler>,
        line: &str,
        served: Arc<Served>,
    ) -> Result<Self, Failure> {
        let inner = Shared(inner.into());
        let with = Fields::new(inner.clone()).with(line);
        Ok(WithHsts {
            with: with.map_err(|error| Failure::new(error.to_string(), ""))?,
            without: inner,
            served,
        })
    }
}

impl Handler for WithHsts {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        match self.served.is_complete() {
            true => self.with.handle(request),
            false => self.without.handle(request),
        }
    }
}

/// A handler in two places.
#[derive(Clone)]
struct Shared(Arc<dyn Handler>);

impl Handler for Shared {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        self.0.handle(request)
    }
}
