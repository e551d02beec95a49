//! What takes the place of `upstream_tls` in a program that is built without TLS: nothing.

use crate::failure::Failure;
use tinyhttp_server::gateway::UpstreamBuilder;

/// No flags.
#[derive(clap::Args, Debug)]
pub(crate) struct UpstreamTlsArgs {}

/// Nothing to verify.
#[derive(Default)]
pub(in crate::serve) struct Verification;

impl UpstreamTlsArgs {
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    pub(super) fn read(&self, _: bool) -> Result<Verification, Failure> {
        Ok(Verification)
    }
}

impl Verification {
    #[allow(clippy::unused_self)]
    pub(super) fn apply(&self, upstream: UpstreamBuilder) -> UpstreamBuilder {
        upstream
    }
}
