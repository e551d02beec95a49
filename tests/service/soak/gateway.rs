//! Upstream servers that fail in every way, for as long as `SOAK_SECONDS` says: no request is lost
//! or doubled, and the gateway does not grow.

use super::seconds;
use std::time::{Duration, Instant};
use support::faults::{FaultyServers, Summary};
use support::{Folder, Serve, status_bytes};

/// Clients at a time, and requests of each before they are counted.
const CLIENTS: usize = 10;
const EACH: usize = 250;

/// Connections that the gateway may have.
const CONNECTIONS: usize = 200;

/// How long it keeps idle connections to the servers.
const KEPT: Duration = Duration::from_secs(30);

/// What it may have grown by since it was warm, in bytes: what the allocator keeps.
const GROWTH: usize = 8 << 20;

/// The memory that the documentation of the server crate promises for this many threads.
fn formula(threads: usize) -> usize {
    const KIB: usize = 1024;
    32 * KIB * KIB + CONNECTIONS * 144 * KIB + threads * (768 + 320) * KIB
}

#[test]
#[ignore = "takes as long as it is told to; make soak runs it"]
fn soak_of_a_gateway() {
    let servers = FaultyServers::start();
    let [steady, restarting] = servers.addresses;
    let folder = Folder::new();
    let proxy = format!("/=http://{steady},http://{restarting}");
    let connections = CONNECTIONS.to_string();
    let mut gateway = Serve::start(
        folder.path(),
        [
            "--proxy",
            &proxy,
            "--proxy-timeout",
            "1",
            // Servers that fail are not taken out: each kind of fault goes on to the end.
            "--proxy-max-fails",
            "0",
            "--max-connections",
            &connections,
        ],
    );
    let idle = gateway.descriptors();
    let end = Instant::now() + Duration::from_secs(seconds());
    let (mut total, mut warm) = (Summary::default(), None);
    while Instant::now() < end {
        total += servers.load(gateway.address(), total.requests, CLIENTS, EACH);
        warm.get_or_insert_with(|| gateway.memory());
        // What the gateway logs is not kept here.
        while gateway.try_stderr_line().is_some() {}
    }
    let (warm, now) = (warm.unwrap_or_default(), gateway.memory());
    let (most, threads) = (status_bytes(gateway.pid(), "VmHWM"), gateway.threads());
    let promised = formula(threads);
    println!(
        "gateway: {} requests, {} sent again, {} failed as they had to; none lost, none doubled",
        total.requests, total.repeated, total.failed
    );
    println!(
        "gateway: {} KiB when warm, {} KiB at the end, {} KiB at most; {} KiB promised",
        warm / 1024,
        now / 1024,
        most / 1024,
        promised / 1024
    );
    assert!(most <= promised, "{most} bytes");
    assert!(now.saturating_sub(warm) < GROWTH, "{warm} to {now} bytes");
    drop(servers);
    // What is kept idle for the two servers is closed after half a minute, for which no wait is
    // long enough, and which no event announces.
    std::thread::sleep(KEPT);
    gateway.wait_until("its descriptors are free", |gateway| {
        gateway.descriptors() <= idle + 2
    });
    assert!(gateway.is_alive());
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
}
