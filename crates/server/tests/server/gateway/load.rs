//! Upstreams that fail in every way while many requests come: no request is lost that may be sent
//! again, none is sent twice that may not be, and nothing outlives its deadline. `make soak` does
//! the same for longer.

use super::script::builder;
use crate::support::Running;
use support::faults::{FaultyServers, SILENCE};
use tinyhttp_server::gateway::Passive;

#[test]
fn faults_under_load_lose_and_double_no_request() {
    let servers = FaultyServers::start();
    // Servers that fail are not taken out: each kind of fault goes on to the end.
    let never = Passive {
        failures: 0,
        ..Passive::default()
    };
    let upstream = builder(&servers.addresses)
        .timeout(SILENCE)
        .passive_health(never);
    let gateway = Running::start(upstream.build());
    // About a thousand requests in a second.
    let summary = servers.load(gateway.address, 0, 10, 250);
    assert_eq!(summary.requests, 2500);
    assert!(summary.repeated > 0 && summary.failed > 0, "{summary:?}");
}
