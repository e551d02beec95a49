//! Choosing servers, and their idle connections.

use super::*;
use crate::gateway::health::Passive;
use std::net::TcpListener;

fn group(targets: &[String]) -> Arc<Group> {
    let targets = targets.iter().map(|text| text.parse().unwrap());
    Arc::new(Group::new(targets.collect(), Settings::default()))
}

fn chosen(group: &Arc<Group>, tried: Tried) -> Option<Lease> {
    match group.choose(Wish { tried, key: 0 }, None) {
        Choice::Server(lease) => Some(lease),
        _ => None,
    }
}

#[test]
fn idle_connections_are_used_again_and_dead_ones_are_closed() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let group = group(&[listener.local_addr().unwrap().to_string()]);
    let lease = chosen(&group, Tried::default()).unwrap();
    let (now, open) = (Instant::now(), Arc::default());
    assert!(lease.take_idle(&open, now).is_none());
    let (first, _) = lease.connect(0, &open).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    lease.keep(first, now);
    // Another server of the process has connections of its own.
    assert!(lease.take_idle(&Arc::default(), now).is_none());
    let taken = lease.take_idle(&open, now).unwrap();
    lease.keep(taken, now);
    group.prune();
    assert_eq!((lease.server().idle.count(), open.count()), (1, 1));
    drop(accepted);
    let is_closed = || {
        group.prune();
        open.count() == 0
    };
    while !is_closed() {
        std::thread::yield_now();
    }
}

/// A request on a new connection waits for the process that stays with another connection. That
/// one is kept for as long as the wait is short.
#[test]
fn connections_are_kept_until_a_request_has_starved() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let group = group(&[listener.local_addr().unwrap().to_string()]);
    let (start, open) = (Instant::now(), Arc::default());
    let after = |ms| start + Duration::from_millis(ms);
    let (kept, mut waits) = (group.lease(0, false), group.lease(0, false));
    let count = || kept.server().idle.count();
    let connect = || kept.connect(0, &open).unwrap().0;
    assert_eq!(kept.keep(connect(), start), None);
    // One that begins to wait has what is idle by then closed.
    waits.starve(start);
    assert_eq!(count(), 0);
    assert_eq!(kept.keep(connect(), after(9)), Some(after(10)));
    assert!(kept.take_idle(&open, after(9)).is_some());
    kept.keep(connect(), after(9));
    assert_eq!(kept.server().relieve(after(9)), Some(after(10)));
    assert_eq!(count(), 1);
    assert_eq!(kept.server().relieve(after(10)), None);
    assert_eq!(count(), 0);
    assert_eq!(kept.keep(connect(), after(10)), None);
    assert_eq!(count(), 0, "the wait is too long");
    // Of several, the first one counts.
    let mut later = group.lease(0, false);
    later.starve(after(8));
    waits.feed();
    assert_eq!(kept.keep(connect(), after(17)), Some(after(18)));
    drop(later);
    assert_eq!(kept.keep(connect(), after(18)), None);
    assert_eq!(count(), 2);
}

#[test]
fn a_server_that_is_back_starts_slowly() {
    // The part of the requests that the second server gets half-way through its slow start.
    for (balance, expected) in [
        (Balance::RoundRobin, 500),
        (Balance::LeastConnections, 500),
        (Balance::TwoChoices, 500),
    ] {
        let targets = ["127.0.0.1:1", "127.0.0.1:2"].map(|text| text.parse().unwrap());
        let settings = Settings {
            balance,
            slow_start: Duration::from_secs(2000),
            ..Settings::default()
        };
        let mut group = Group::new(targets.to_vec(), settings);
        // It was out until second 10,000, and this is second 11,000.
        group.start = Instant::now()
            .checked_sub(Duration::from_secs(11_000))
            .unwrap();
        let passive = Passive {
            failures: 1,
            window: Duration::from_secs(1000),
        };
        let mut health = group.servers[1].health.lock();
        health.failed(Duration::from_secs(9000), false, &passive);
        drop(health);
        let group = Arc::new(group);
        let chosen = (0..2000).filter(|_| {
            let lease = chosen(&group, Tried::default()).unwrap();
            lease.number() == 1
        });
        let count = chosen.count();
        assert!(count.abs_diff(expected) < 100, "{count}");
    }
}

#[test]
fn servers_that_fail_get_no_requests() {
    let group = group(&["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()]);
    let mut tried = Tried::default();
    let first = chosen(&group, tried).unwrap();
    tried.exclude(first.number());
    let second = chosen(&group, tried).unwrap();
    assert_ne!(first.number(), second.number());
    tried.avoid(second.number());
    // One that only closed a connection is better than none.
    let again = chosen(&group, tried).unwrap();
    assert_eq!(again.number(), second.number());
    drop(again);
    for _ in 0..3 {
        first.failed(false);
    }
    for _ in 0..4 {
        let lease = chosen(&group, Tried::default()).unwrap();
        assert_eq!(lease.number(), second.number());
    }
    (0..3).for_each(|_| second.failed(false));
    assert!(chosen(&group, Tried::default()).unwrap().is_last_resort);
    first.worked(None);
    assert!(!chosen(&group, Tried::default()).unwrap().is_last_resort);
    assert_eq!(first.server().active.load(Ordering::Relaxed), 1);
}
