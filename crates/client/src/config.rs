//! The settings of a client: the sum of its layers' options.

use crate::compose::ComposeOptions;
use crate::connect::ConnectOptions;
use crate::exchange::Grammar;
use crate::pool::PoolLimits;
use crate::redirect::RedirectPolicy;
use crate::request::{DefaultFields, Logins};
use crate::retry::RetryPolicy;
use crate::timeouts::Timeouts;
use crate::trace::Observer;
use std::sync::Arc;

/// The settings of a client.
#[derive(Default)]
pub(crate) struct Config {
    pub(crate) timeouts: Timeouts,
    pub(crate) fields: DefaultFields,
    pub(crate) redirects: RedirectPolicy,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) logins: Option<Logins>,
    pub(crate) compose: ComposeOptions,
    pub(crate) pool: PoolLimits,
    pub(crate) connect: ConnectOptions,
    pub(crate) grammar: Grammar,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}
