//! Choosing servers, and their idle connections.

use super::*;
use crate::gateway::health::Passive;
use crate::gateway::idle::Moment;
use crate::poller::owners;
use std::io::Write;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};

fn group(targets: &[String]) -> Arc<Group> {
    let targets = targets.iter().map(|text| text.parse().unwrap());
    Arc::new(Group::new(targets.collect(), Settings::default()))
}

/// A moment after a poll of unknown time.
fn at(now: Instant) -> Moment {
    Moment { now, polled: None }
}

fn chosen(group: &Arc<Group>, tried: Tried) -> Option<Lease> {
    let wish = Wish {
        tried,
        ..Wish::default()
    };
    match group.choose(wish, None, Instant::now()) {
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
    assert!(lease.take_idle(&open, at(now)).is_none());
    let (first, _) = lease.connect(0, &open).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    lease.keep(first, now);
    // Another server of the process has connections of its own.
    assert!(lease.take_idle(&Arc::default(), at(now)).is_none());
    let taken = lease.take_idle(&open, at(now)).unwrap();
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

/// Bytes have come on an idle connection that no request asked for. It is used only where neither a
/// report nor a look at it was due.
#[test]
fn idle_connections_are_judged_by_the_poller_if_that_was_asked_just_now() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let group = group(&[listener.local_addr().unwrap().to_string()]);
    let long_ago = || Instant::now().checked_sub(Duration::from_secs(1));
    let far = Duration::from_secs(100);
    // For how many milliseconds it has been idle, when the poller was asked, whether it has
    // reported the connection, and whether that is used.
    let table = [
        (0, None, false, true),
        (0, None, true, false),
        (5, None, false, false),
        (5, long_ago(), false, false),
        (5, Instant::now().checked_add(far), false, true),
        (5, Instant::now().checked_add(far), true, false),
    ];
    for (number, (idle, polled, is_reported, expected)) in table.into_iter().enumerate() {
        let (start, open) = (Instant::now(), Arc::default());
        let lease = chosen(&group, Tried::default()).unwrap();
        let (mut socket, _) = lease.connect(0, &open).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        accepted.write_all(b"x").unwrap();
        while !socket.is_dead() {
            std::thread::yield_now();
        }
        socket.release();
        let descriptor = socket.as_fd().as_raw_fd() as usize;
        lease.keep(socket, start);
        if is_reported {
            assert_eq!(owners::owner_of(descriptor), None);
        }
        let now = start + Duration::from_millis(idle);
        let taken = lease.take_idle(&open, Moment { now, polled });
        assert_eq!(taken.is_some(), expected, "row {number}");
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
    assert!(kept.take_idle(&open, at(after(9))).is_some());
    kept.keep(connect(), after(9));
    assert_eq!(kept.server().relieve(after(9)), Some(after(10)));
    assert_eq!(count(), 1);
    assert_eq!(kept.server().relieve(after(10)), Some(after(20)));
    assert_eq!(count(), 0, "the wait is too long");
    // One connection was closed for it. The next one is when it still waits after the same time.
    assert_eq!(kept.keep(connect(), after(19)), Some(after(20)));
    assert_eq!(kept.keep(connect(), after(20)), None);
    assert_eq!(
        (count(), kept.server().relieve(after(20))),
        (1, Some(after(30)))
    );
    // Of several, the first one counts.
    let mut later = group.lease(0, false);
    later.starve(after(18));
    waits.feed();
    assert_eq!(count(), 0);
    assert_eq!(kept.keep(connect(), after(27)), Some(after(28)));
    drop(later);
    assert_eq!(kept.keep(connect(), after(28)), None);
    assert_eq!(count(), 2);
}

/// A server with two processes gets two connections, once a request has waited for a process. The
/// others wait here.
#[test]
fn requests_wait_for_connections_that_are_kept_once_processes_are_known() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let settings = Settings {
        has_processes: true,
        ..Settings::default()
    };
    let group = Arc::new(Group::new(vec![target.parse().unwrap()], settings));
    let (start, open) = (Instant::now(), Arc::default());
    let after = |ms| start + Duration::from_millis(ms);
    let choose = |ms| group.choose(Wish::default(), None, after(ms));
    let begin = |choice| match choice {
        Choice::Server(lease) => lease,
        other => panic!("{other:?}"),
    };
    let wait = |choice| match choice {
        Choice::Waits(ticket) => ticket,
        other => panic!("{other:?}"),
    };
    let connect = |lease: &Lease| lease.connect(0, &open).unwrap().0;
    let known = || group.servers[0].capacity.known();
    // Two have the processes, and the third one waits outside.
    let mut leases: Vec<Lease> = (0..3).map(|_| begin(choose(0))).collect();
    leases.iter_mut().for_each(|lease| lease.starve(start));
    leases[..2].iter_mut().for_each(Lease::feed);
    let sockets: Vec<Socket> = leases.iter().map(&connect).collect();
    assert_eq!((open.count(), known()), (3, None));
    let mut sockets = sockets.into_iter();
    let first = leases.remove(0);
    assert_eq!(first.keep(sockets.next().unwrap(), after(10)), None);
    assert_eq!((open.count(), known()), (2, Some(2)));
    first.end(after(10));
    leases[1].feed();
    // Two are served, so the next one waits until one of them ends, and gets its connection.
    let ticket = wait(choose(11));
    assert!(matches!(ticket.take(), Given::Waits));
    let second = leases.remove(0);
    assert_eq!(second.keep(sockets.next().unwrap(), after(12)), None);
    second.end(after(12));
    let Given::Granted(mut lease) = ticket.take() else {
        panic!("there is room");
    };
    let socket = lease.take_idle(&open, at(after(12))).unwrap();
    lease.serve(after(12));
    assert_eq!((open.count(), group.relieve(after(12))), (2, None));
    // A request that has waited for long goes on a new connection. It is served beside the others,
    // so there are more processes than were known.
    let waiting = wait(choose(13));
    let later = wait(choose(13));
    let next = wait(choose(20));
    group.servers[0].capacity.probe(after(13));
    group.servers[0]
        .capacity
        .exhausted(0, Duration::from_secs(1));
    assert_eq!(group.relieve(after(22)), Some(after(23)));
    assert!(!waiting.is_settled());
    assert_eq!(group.relieve(after(23)), Some(after(33)));
    assert!(!later.is_settled(), "one at a time");
    drop(later);
    assert_eq!(group.relieve(after(24)), Some(after(30)));
    let Given::Granted(mut late) = waiting.take() else {
        panic!("it is late");
    };
    late.starve(after(23));
    assert_eq!(known(), Some(2));
    late.feed();
    assert_eq!((known(), next.is_settled()), (Some(3), false));
    // What one leaves with is for the next.
    drop((socket, lease));
    assert!(next.is_settled());
}

/// If more processes are expected than there are, few requests go on new connections in vain.
#[test]
fn a_wrong_number_of_processes_lets_few_requests_out() {
    let settings = Settings {
        has_processes: true,
        ..Settings::default()
    };
    let targets = vec!["127.0.0.1:1".parse().unwrap()];
    let group = Arc::new(Group::new(targets, settings));
    let now = Instant::now();
    let capacity = &group.servers[0].capacity;
    let mut leases = Vec::new();
    loop {
        match group.choose(Wish::default(), None, now) {
            Choice::Server(mut lease) if leases.len() < 2 => {
                lease.serve(now);
                leases.push(lease);
                if leases.len() == 2 {
                    capacity.exhausted(0, Duration::from_secs(1));
                    assert_eq!(capacity.probe(now), Some(2));
                }
            }
            Choice::Server(mut lease) => {
                lease.starve(now);
                leases.push(lease);
            }
            _ => break,
        }
    }
    assert_eq!((leases.len(), capacity.known()), (4, Some(3)));
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
    // A response to a request that was sent before the server was out does not bring it back.
    first.worked(None);
    let last = chosen(&group, Tried::default()).unwrap();
    assert!(last.is_last_resort);
    last.worked(None);
    drop(last);
    assert!(!chosen(&group, Tried::default()).unwrap().is_last_resort);
    assert_eq!(first.server().active.load(Ordering::Relaxed), 1);
}
