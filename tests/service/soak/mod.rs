//! A mixed load with faults, for as long as `SOAK_SECONDS` says: every byte of every answer is
//! checked, and the server's descriptors, threads and memory before and after. `make soak` runs it
//! against the release build.

mod clients;
mod gateway;
mod site;

use clients::{KINDS, Load, Random};
use site::Site;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::Serve;

/// Clients at a time.
const CLIENTS: usize = 12;

/// What the server may keep of files, in MiB.
const CACHE: usize = 16;

/// What it may have grown by since it was warm, in bytes: what the allocator keeps after a crowd,
/// and the half of the cache that may not have been full.
const GROWTH: usize = 32 << 20;

/// For how long the load goes on.
fn seconds() -> u64 {
    std::env::var("SOAK_SECONDS").map_or(60, |seconds| seconds.parse().unwrap())
}

#[test]
#[ignore = "takes as long as it is told to; make soak runs it"]
fn soak() {
    let seconds = seconds();
    let site = Site::new();
    let cache = format!("--cache-size={CACHE}");
    let mut server = Serve::start(site.folder.path(), [cache.as_str()]);
    let mut load = Load {
        site,
        address: server.address(),
        client: tinyhttp_client::Client::new(),
        answers: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        faults: AtomicU64::new(0),
    };
    let idle = server.descriptors();
    // Everything once, and then a while of it, so that what is made when it is first needed has
    // been made.
    for (_, go) in KINDS {
        go(&load, &mut Random(1));
    }
    run(&load, Duration::from_secs(seconds).mul_f32(0.2), 7);
    let memory = server.memory();
    let rounds = run(&load, Duration::from_secs(seconds).mul_f32(0.8), 11);

    let (answers, bytes, faults) = (&load.answers, &load.bytes, &load.faults);
    println!(
        "{} answers, {} bytes of content checked",
        count(answers),
        count(bytes)
    );
    println!(
        "{} faults, {} files replaced",
        count(faults),
        replaced(&load.site)
    );
    for ((kind, _), rounds) in KINDS.iter().zip(&rounds) {
        println!("  {kind}: {} times", count(rounds));
    }
    // The client keeps connections.
    load.client = tinyhttp_client::Client::new();
    // And the server keeps content of medium size in files that have no name.
    let kept = load.site.files.len();
    server.wait_until("its descriptors are free", |server| {
        server.descriptors() <= idle + kept
    });
    let grown = server.memory().saturating_sub(memory);
    println!(
        "memory: {} KiB when warm, {} KiB at the end",
        memory / 1024,
        server.memory() / 1024
    );
    println!(
        "descriptors: {idle} before, {} after; threads: {}",
        server.descriptors(),
        server.threads()
    );
    assert!(grown < GROWTH, "{grown} bytes");
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    server.wait_until("the spare threads have ended", |server| {
        server.threads() <= cores + 4
    });
    assert!(server.is_alive());
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn replaced(site: &Site) -> u64 {
    (0..site.files.len())
        .map(|number| site.at_most(number))
        .sum()
}

/// Lets clients do things for a while, and files be replaced meanwhile: how often each thing was
/// done. What fails ends it.
fn run(load: &Load, time: Duration, seed: u64) -> [AtomicU64; KINDS.len()] {
    let rounds = [const { AtomicU64::new(0) }; KINDS.len()];
    let failed = AtomicBool::new(false);
    let end = Instant::now() + time;
    let goes_on = || Instant::now() < end && !failed.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS as u64 {
            let (rounds, failed, goes_on) = (&rounds, &failed, &goes_on);
            scope.spawn(move || {
                let mut random = Random(seed << 32 | (client + 1) << 16 | 1);
                while goes_on() {
                    let kind = random.below(KINDS.len());
                    let go = AssertUnwindSafe(|| KINDS[kind].1(load, &mut random));
                    if let Err(panic) = catch_unwind(go) {
                        failed.store(true, Ordering::Relaxed);
                        std::panic::resume_unwind(panic);
                    }
                    rounds[kind].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut random = Random(seed);
        while goes_on() {
            let end = if random.below(20) == 0 {
                load.site.files.len()
            } else {
                7
            };
            load.site.replace(random.below(end));
            // The pace at which files change, beside clients that never stop.
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    rounds
}
